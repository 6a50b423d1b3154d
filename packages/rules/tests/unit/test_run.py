from datetime import date
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from liudu.rules import (
    Column,
    FactTable,
    compare,
    compile_pack,
    explain,
    read_pack,
    row_of,
    run,
    run_city,
    settle,
    what_if,
)
from liudu.rules._compare import NoSuchGroupingError
from liudu.rules._fact import BadFactValueError
from liudu.rules._table import (
    BadColumnError,
    ColumnLengthError,
    ColumnOutOfRangeError,
    DuplicateSubjectError,
    UnknownFactError,
)

ON = date(2026, 6, 1)
PACK = """\
pack: p
version: "1"
title: 示例
documents:
  contract: {label: {zh: 合同, en: contract}, bureau: 卖方}
  review: {label: {zh: 评审意见, en: review}, bureau: 数据局, needs: [contract], working_days: 10}
facts:
  here: {type: bool, label: {zh: 在苏州, en: in Suzhou}, bureau: 市场监管局}
  bad: {type: bool, label: 失信, bureau: 信用办}
  cost: {type: money, unit: yuan, label: 支出, bureau: 数据局, max: 1000000000}
  reviewed: {type: bool, label: {zh: 已评审, en: reviewed}, bureau: 数据局, document: review}
  paid_before: {type: money, unit: yuan, label: 已付, bureau: 财政局}
  applied: {type: date, label: 申请日, bureau: 数据局}
  district: {type: enum, values: [姑苏区, 吴江区], label: 区, bureau: 民政局}
parameters:
  rate: {type: rate, label: 比例, min: 0, max: 1, values: {2026-01-01: 0.2}}
  open_rate: {type: rate, label: 未定, values: {2026-01-01: null}}
  purse: {type: money, unit: yuan, label: 预算, values: {2026-01-01: 1000}}
rules:
  city:
    title: {zh: 市级, en: city}
    clause: 一
    bureau: 数据局
    subject: enterprise
    when:
      - {atom: here, say: {zh: 在苏州, en: is in Suzhou}}
      - {atom: not bad, say: {zh: 无失信, en: is honest}}
      - {atom: reviewed, say: {zh: 已评审, en: was reviewed}, act: {zh: 参加评审, en: get reviewed}}
    amount: rate * cost
    rounding: down
    group: g
  district:
    title: 区级
    clause: 二
    bureau: 区
    subject: enterprise
    when:
      - {atom: here, say: 在苏州}
    amount: min(cost, yuan(100))
    group: g
  later:
    title: 待定
    clause: 三
    bureau: 局
    subject: enterprise
    when:
      - {atom: here, say: 在苏州}
    amount: open_rate * cost
    rounding: down
groups:
  g: {title: 就高, stack: highest}
budgets:
  year: {title: 预算, rules: [city, district], limit: purse, per: programme, order: [applied]}
"""
READY = {"here": True, "bad": False, "cost": 1000, "reviewed": True}


@pytest.fixture(scope="module")
def pack():
    return read_pack(PACK)


@pytest.fixture(scope="module")
def program(pack):
    return compile_pack(pack, on=ON)


def about(pack, program, **changes):
    found = explain(program, row_of(pack.facts, {**READY, **changes}))
    return {one.rule.name: one for one in found}


def columns_of(pack, rows):
    columns = {}
    for name, fact in pack.facts.items():
        values = [row.get(name) for row in rows]
        numbers = np.array([0 if v is None else fact.encode(v) for v in values])
        kind = np.bool_ if fact.type.kind == "bool" else np.int64
        columns[name] = Column(numbers.astype(kind), np.array([v is None for v in values], bool))
    return columns


def table_of(pack, rows):
    ids = [f"S{n}" for n in range(len(rows))]
    return FactTable.of(pack.facts, columns_of(pack, rows), subjects=ids)


def test_a_missing_fact_is_unknown_and_never_false_or_zero(pack, program):
    one = about(pack, program, bad=None)["city"]
    assert (one.status, one.amount_fen) == ("unknown", None)
    assert [fact.name for fact in one.missing] == ["bad"]
    assert one.missing[0].bureau == "信用办"


def test_a_false_condition_decides_whatever_is_unknown(pack, program):
    one = about(pack, program, here=False, bad=None, reviewed=None)["city"]
    assert (one.status, one.missing) == ("ineligible", ())


def test_an_amount_that_cannot_be_known_makes_the_answer_unknown(pack, program):
    assert about(pack, program, cost=None)["city"].status == "unknown"


def test_a_parameter_that_nobody_set_makes_unknown_and_is_named(pack, program):
    one = about(pack, program)["later"]
    assert (one.status, one.open_parameters) == ("unknown", ("open_rate",))
    assert "未定" in one.reason("zh")


def test_a_condition_that_waits_for_the_office_is_no_near_miss(pack):
    text = PACK.replace("atom: not bad", "atom: open_rate > 0.1 and not bad")
    other = read_pack(text)
    one = about(other, compile_pack(other, on=ON))["city"]
    assert (one.status, one.near) == ("unknown", False)


def test_one_actionable_condition_away_is_near_and_says_what_it_brings(pack, program):
    one = about(pack, program, reviewed=False)["city"]
    assert (one.status, one.near, one.would_bring_fen) == ("ineligible", True, 20_000)
    assert "200 元" in one.reason("zh")
    assert "get reviewed" in one.reason("en")


def test_one_condition_that_nobody_can_change_is_not_near(pack, program):
    assert not about(pack, program, bad=True)["city"].near


def test_two_conditions_away_is_not_near(pack, program):
    assert not about(pack, program, reviewed=False, bad=None)["city"].near


def test_what_depends_on_the_missing_fact_itself_is_not_promised(pack):
    text = PACK.replace("atom: reviewed", "atom: cost > yuan(0)")
    other = read_pack(text)
    one = about(other, compile_pack(other, on=ON), cost=0)["city"]
    assert (one.near, one.would_bring_fen) == (True, None)


def test_documents_come_in_the_order_in_which_they_need_each_other(pack, program):
    one = about(pack, program, reviewed=None)["city"]
    assert [step.document for step in one.steps] == ["contract", "review"]


def test_fen_are_exact_where_a_float_would_not_be(pack, program):
    one = about(pack, program, cost=Decimal("682122.08"))["city"]
    assert one.amount_fen == 13_642_441


def test_of_a_group_only_the_highest_is_paid_and_the_other_says_so(pack, program):
    found = about(pack, program)
    assert found["city"].payable_fen == 20_000
    assert (found["district"].amount_fen, found["district"].payable_fen) == (10_000, 0)
    assert found["district"].outweighed_by == "city"


def test_while_a_higher_rule_is_unknown_nothing_of_the_group_is_final(pack, program):
    found = about(pack, program, reviewed=None)
    assert (found["district"].status, found["district"].payable_fen) == ("eligible", None)


def test_the_same_facts_and_version_give_the_same_id_and_any_other_another(pack, program):
    first = about(pack, program)["city"]
    assert about(pack, program)["city"].id == first.id
    assert about(pack, program, cost=1001)["city"].id != first.id
    assert about(pack, program, reviewed=None)["city"].id != first.id
    other_day = compile_pack(pack, on=date(2026, 6, 2))
    assert about(pack, other_day)["city"].id != first.id


def test_a_fact_that_a_rule_does_not_read_does_not_change_its_id(pack, program):
    assert about(pack, program)["city"].id == about(pack, program, district="吴江区")["city"].id


def queue(pack):
    days = [date(2026, 3, 3), date(2026, 1, 1), date(2026, 2, 2), None]
    return table_of(pack, [{**READY, "cost": 2000, "applied": day} for day in days])


def test_a_budget_serves_in_its_order_and_stops_when_it_cannot_pay(pack, program):
    settled = settle(run(program, queue(pack)))
    (use,) = settled.budgets
    assert (use.paid_fen, use.served, use.turned_away) == (80_000, 2, 1)
    assert use.exhausted_on == date(2026, 3, 3)
    assert list(settled.payable["city"].amount_fen[:3]) == [0, 40_000, 40_000]


def test_ties_in_a_queue_go_by_the_id_of_the_subject_and_not_by_its_row(pack, program):
    rows = [{**READY, "cost": 4000, "applied": date(2026, 1, 1)}] * 2
    table = FactTable.of(pack.facts, columns_of(pack, rows), subjects=["B", "A"])
    assert list(settle(run(program, table)).payable["city"].amount_fen) == [0, 80_000]


def test_who_cannot_be_placed_in_the_queue_waits_and_is_not_paid(pack, program):
    settled = settle(run(program, queue(pack)))
    assert list(settled.payable["city"].open) == [False, False, False, True]


def test_a_budget_may_split_the_last_payment(pack):
    other = read_pack(PACK.replace("order: [applied]}", "order: [applied], split: true}"))
    settled = settle(run(compile_pack(other, on=ON), queue(other)))
    assert settled.budgets[0].paid_fen == 100_000


def test_what_a_subject_was_paid_before_counts_against_its_limit(pack):
    text = PACK.replace("per: programme, order: [applied]", "per: subject, paid: paid_before")
    other = read_pack(text)
    program = compile_pack(other, on=ON)
    assert about(other, program, paid_before=900)["city"].payable_fen == 10_000
    assert about(other, program, paid_before=5000)["city"].payable_fen == 0
    assert about(other, program)["city"].payable_fen is None


@pytest.mark.parametrize(
    ("stack", "city", "district"),
    [("sum", 20_000, 10_000), ("first", 20_000, 0), ("exclusive", None, None)],
)
def test_each_stacking_pays_by_its_own_rule(stack, city, district):
    other = read_pack(PACK.replace("stack: highest", f"stack: {stack}"))
    found = about(other, compile_pack(other, on=ON))
    assert (found["city"].payable_fen, found["district"].payable_fen) == (city, district)


def test_a_what_if_says_the_same_as_a_fresh_run(pack, program):
    before = run(program, queue(pack))
    setting = {"rate": Fraction(3, 10)}
    fresh = run(compile_pack(pack, on=ON, settings=setting), before.table)
    assert what_if(before, setting).counts() == fresh.counts()


def test_a_what_if_computes_again_only_what_depends_on_it(pack, program):
    before = run(program, queue(pack))
    after = what_if(before, {"rate": Fraction(3, 10)})
    assert after.rules["district"] is before.rules["district"]
    assert after.rules["city"] is not before.rules["city"]
    assert all(after.atoms[leaf] is planes for leaf, planes in before.atoms.items())


def test_a_comparison_counts_winners_and_losers_by_district(pack):
    free = read_pack(PACK.replace("budgets:\n", "budgets: {}\n").split("  year:")[0])
    rows = [{**READY, "district": "姑苏区"}, {**READY, "cost": 10}, {**READY, "here": False}]
    before = run(compile_pack(free, on=ON), table_of(free, rows))
    found = compare(before, what_if(before, {"rate": Fraction(1, 2)}))
    assert (found.winners, found.losers, found.total_fen) == (1, 0, 30_000)
    assert [(one.label, one.winners) for one in found.by("district")] == [("姑苏区", 1), ("?", 0)]
    with pytest.raises(NoSuchGroupingError):
        found.by("cost")


def test_chunks_count_what_one_table_counts(pack, program):
    rows = [{**READY, "cost": n, "reviewed": n % 3 > 0, "bad": None if n % 5 == 0 else False}
            for n in range(100)]  # fmt: skip
    whole = run(program, table_of(pack, rows))
    parts = [table_of(pack, rows[start : start + 30]) for start in range(0, 100, 30)]
    city = run_city(program, parts)
    assert city.subjects == 100
    assert city.rules == whole.counts()


@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 200])
def test_any_number_of_subjects_fits_the_words(pack, program, count):
    table = table_of(pack, [READY] * count)
    assert run(program, table).counts()[0].eligible == count


def test_a_column_of_the_wrong_type_length_or_range_is_refused(pack):
    def table(**columns):
        return FactTable.of(pack.facts, columns, subjects=["A", "B"])

    with pytest.raises(BadColumnError):
        table(cost=Column(np.array([1.5, 2.0])))
    with pytest.raises(BadColumnError):
        table(here=Column(np.array([1, 0])))
    with pytest.raises(BadColumnError):
        table(cost=Column(np.array([1, 2]), np.array([0, 1])))
    with pytest.raises(ColumnLengthError):
        table(cost=Column(np.array([1])))
    with pytest.raises(ColumnOutOfRangeError):
        table(cost=Column(np.array([1, -5])))
    with pytest.raises(UnknownFactError):
        table(costs=Column(np.array([1, 5])))


def test_what_stands_in_an_unknown_cell_does_not_matter(pack):
    column = Column(np.array([1, -5]), np.array([False, True]))
    table = FactTable.of(pack.facts, {"cost": column}, subjects=["A", "B"])
    assert (table.cell("cost", 0), table.cell("cost", 1)) == (1, None)


def test_a_subject_in_two_rows_is_refused(pack):
    with pytest.raises(DuplicateSubjectError):
        FactTable.of(pack.facts, {}, subjects=["A", "B", "A"])


def test_a_number_where_a_truth_is_needed_is_refused(pack):
    with pytest.raises(BadFactValueError):
        row_of(pack.facts, {"here": 1})
    with pytest.raises(BadFactValueError):
        row_of(pack.facts, {"cost": 1.5})


def test_a_condition_without_facts_that_waits_for_the_office_is_unknown_of_everybody():
    text = """\
pack: p
version: "1"
title: 示例
facts:
  ok: {type: bool, label: 符合, bureau: 局}
parameters:
  cap: {type: money, unit: yuan, label: 上限, values: {2026-01-01: 100}}
  share: {type: rate, label: 比例, values: {2026-01-01: null}}
rules:
  r:
    title: 规则
    clause: 一
    bureau: 局
    subject: person
    when:
      - {atom: '(yuan(3) if cap < yuan(1) else share * cap) == cap', say: 甲}
      - {atom: ok, say: 乙}
    amount: yuan(1)
"""
    pack = read_pack(text)
    columns = {"ok": Column(np.ones(130, np.bool_))}
    result = run(compile_pack(pack, on=date(2026, 6, 1)), FactTable.of(pack.facts, columns))
    assert result.status("r").tolist() == [-1] * 130

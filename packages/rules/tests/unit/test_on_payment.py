"""What a payment changes: read, refused with its place, checked, computed, shown."""

import json
from datetime import date

import pytest
from click.testing import CliRunner

from liudu.rules import (
    PackRefusedError,
    Severity,
    check_pack,
    compile_pack,
    determination_id,
    effects_of,
    explain,
    read_pack,
    row_of,
    run_examples,
)
from liudu.rules._page import render_page
from liudu.rules.cli import main
from liudu.rules.sql import Dialect, answers_sql

DAY = date(2026, 5, 1)
TEXT = """
pack: rent
version: "1"
title: 租房补贴
facts:
  first: {type: bool, label: {zh: 首次已发放, en: first paid}, bureau: 局}
  months: {type: count, unit: months, label: {zh: 已发放月数, en: months paid}, bureau: 局, max: 120}
  score: {type: count, label: 分, bureau: 局, max: 9}
  money: {type: money, unit: yuan, label: 已发放, bureau: 局, max: 100000}
  share: {type: rate, places: 2, label: 占比, bureau: 局}
  level: {type: enum, values: [甲, 乙], label: 级别, bureau: 局}
  day: {type: date, label: 发放日, bureau: 局}
  years: {type: count, unit: years, label: 年, bureau: 局, max: 10}
parameters:
  most: {type: count, unit: months, label: 最长, min: 6, max: 60, values: {2026-01-01: 24}}
rules:
  renewal:
    title: 续发
    clause: 累计不超过 24 个月。
    bureau: 局
    subject: person
    payment_months: [2, 5]
    when:
      - {atom: first, say: 首次已发放}
      - {atom: months < most, say: 未满}
      - {atom: level == "甲" or score > 0 or share > 0 or years > 0, say: 其他}
      - {atom: money >= 0 and day <= today, say: 其他}
    amount: yuan(100)
    on_payment:
      EFFECTS
    given: {first: true, months: 6, level: 甲, score: 1, share: 0.5, years: 1, money: 0, day: 2026-01-01}
    tests:
      - {expect: {status: eligible}}
"""  # noqa: E501


def pack_with(effects):
    return TEXT.replace("EFFECTS", effects.replace("\n", "\n      "))


def refused(effects):
    with pytest.raises(PackRefusedError) as refusal:
        compile_pack(read_pack(pack_with(effects), file="p.yaml"), on=DAY)
    for problem in refusal.value.problems:
        assert str(problem.facts["place"]).startswith("p.yaml:30:")
    return " ".join(one.say("en") for one in refusal.value.problems)


def changed(effects, **known):
    pack = read_pack(pack_with(effects))
    program = compile_pack(pack, on=DAY)
    found = effects_of(program, program.rules["renewal"], row_of(pack.facts, known))
    return {one.fact.name: (str(one.how), one.number) for one in found}


@pytest.mark.parametrize(
    ("effects", "said"),
    [
        ("month: {adds: 3}", "month is not a fact, parameter or definition of this pack"),
        ("first: {adds: 1}", "first is bool, to which nothing can be added: write becomes"),
        ("day: {adds: 1}", "day is date, to which nothing can be added"),
        ("level: {adds: 1}", "level is one of 甲/乙, to which nothing can be added"),
        ("first: true", "must be either {becomes: VALUE} or {adds: NUMBER}"),
        ("first: {}", "must be either {becomes: VALUE} or {adds: NUMBER}"),
        ("months: {adds: 3, becomes: 3}", "must be either {becomes: VALUE} or {adds: NUMBER}"),
        ("months: {add: 3}", "add means nothing here"),
        ("months: {adds: yuan(3)}", "count of months and money (fen) do not go together"),
        ("months: {adds: years}", "count of months and count of years do not go together"),
        ("months: {adds: 0.5}", "can be a fraction of what months counts in"),
        ("share: {becomes: 0.125}", "declare more places"),
        ("months: {adds: first}", "true or false, but a number is needed"),
        ("first: {becomes: months}", "but true or false is needed"),
        ("level: {becomes: 丙}", "a label stands in quotes"),
        ("level: {becomes: '\"丙\"'}", "is not one of 甲, 乙"),
        ("months: {adds: 121}", "this can be 121 to 121, but months is 0 to 120"),
        ("months: {becomes: months + 1}", "this can be 1 to 121, but months is 0 to 120"),
        ("score: {adds: -10}", "this can be -10 to -10, but score is 0 to 9"),
        ("money: {adds: 5}", "say which money"),
        ("months: {adds: mist}", "did you mean most?"),
    ],
)
def test_an_effect_that_does_not_fit_is_refused_with_its_place(effects, said):
    assert said in refused(effects)


@pytest.mark.parametrize(
    ("effects", "known", "found"),
    [
        ("first: {becomes: true}", {}, {"first": ("becomes", 1)}),
        ("first: {becomes: months > 3}", {"months": 3}, {"first": ("becomes", 0)}),
        ("first: {becomes: months > 3}", {}, {"first": ("becomes", None)}),
        (
            "months:\n  adds: min(3, most - months)",
            {"months": 22},
            {"months": ("adds", 2)},
        ),
        ("months: {adds: most - months}", {}, {"months": ("adds", None)}),
        ("months: {adds: -1}", {}, {"months": ("adds", -1)}),
        ("money: {adds: yuan(1.5)}", {}, {"money": ("adds", 150)}),
        ("share: {becomes: 0.5}", {}, {"share": ("becomes", 50)}),
        ("level: {becomes: 乙}", {}, {"level": ("becomes", 1)}),
        (
            "level:\n  becomes: '\"乙\" if first else level'",
            {"first": True},
            {"level": ("becomes", 1)},
        ),
        ("day: {becomes: 2026-03-01}", {}, {"day": ("becomes", 20513)}),
        ("day: {becomes: today}", {}, {"day": ("becomes", 20574)}),
        ("{}", {}, {}),
    ],
)  # fmt: skip
def test_a_payment_changes_what_the_pack_says(effects, known, found):
    assert changed(effects, **known) == found


def test_effects_are_computed_from_what_was_before_the_payment():
    found = changed("first: {becomes: months < 3}\nmonths: {adds: 3}", months=2)
    assert found == {"first": ("becomes", 1), "months": ("adds", 3)}


def test_what_an_effect_reads_decides_the_id_and_an_old_pack_keeps_its_own():
    def id_of(text, **known):
        pack = read_pack(text)
        program = compile_pack(pack, on=DAY)
        return determination_id(program, program.rules["renewal"], row_of(pack.facts, known))

    same = TEXT.replace("    on_payment:\n      EFFECTS\n", "")
    reads_more = pack_with("months: {adds: months}").replace("months < most", "most > 0")
    assert id_of(reads_more, months=1) != id_of(reads_more, months=2)
    reads_less = same.replace("months < most", "most > 0")
    assert id_of(reads_less, months=1) == id_of(reads_less, months=2)


def findings(text):
    return [(one.severity, one.problem.say("en")) for one in check_pack(read_pack(text))]


def said_of(text, word):
    return [severity for severity, said in findings(text) if word in said]


SMALL = """
pack: p
version: "1"
title: 包
facts:
  ok: {type: bool, label: 甲, bureau: 局}
  n: {type: count, label: 次数, bureau: 局, max: 99}
  paid: {type: money, unit: yuan, label: 已付, bureau: 局}
rules:
  pension:
    title: 津贴
    clause: 每月发放。
    bureau: 局
    subject: person
    payment_months: [1, 2, 3]
    when: [{atom: ok, say: 甲}]
    amount: yuan(100)
    tests:
      - {given: {ok: true}, expect: {status: eligible}}
      - {given: {ok: false}, expect: {status: ineligible}}
"""
BUDGET = """
budgets:
  all: {title: 上限, rules: [pension], limit: yuan(1000), per: subject, paid: paid}
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\nrules:", BUDGET + "\nrules:"),
        (
            "when: [{atom: ok, say: 甲}]",
            "when: [{atom: n < 3, say: 甲}]\n    on_payment: {n: {adds: 1}}",
        ),
        ("bureau: 局\n    subject", "bureau: 局\n    valid: {to: 2030-01-01}\n    subject"),
        ("label: 甲, bureau: 局}", "label: 甲, bureau: 局, valid_days: 90}"),
        ("payment_months: [1, 2, 3]", "automatic: true"),
    ],
)  # fmt: skip
def test_a_payment_without_end_is_warned_of_until_something_ends_it(old, new):
    assert said_of(SMALL, "without end") == [Severity.WARNING]
    assert old in SMALL
    assert said_of(SMALL.replace(old, new), "without end") == []


def test_a_payment_that_a_budget_counts_already_is_no_effect():
    counted = (SMALL + BUDGET).replace(
        "    amount:", "    on_payment: {paid: {adds: yuan(100)}}\n    amount:"
    )
    assert said_of(counted, "or it counts twice") == [Severity.ERROR]
    elsewhere = counted.replace("rules: [pension]", "rules: []")
    assert said_of(elsewhere, "or it counts twice") == []


def test_an_effect_that_nothing_reads_or_tests_or_that_may_be_unknown_is_warned_of():
    unread = SMALL.replace("    amount:", "    on_payment: {n: {becomes: 1}}\n    amount:")
    assert said_of(unread, "which no rule and no budget reads") == [Severity.WARNING]
    assert said_of(unread, "no test of pension says what n is after") == [Severity.WARNING]
    assert said_of(unread, "no rule reads n") == []
    open_one = SMALL.replace("    amount:", "    on_payment: {n: {becomes: n * 1}}\n    amount:")
    assert said_of(open_one, "needs n, which none of its conditions needs") == [Severity.WARNING]


def test_a_renewal_that_does_not_count_what_the_first_payment_counts_is_warned_of():
    first = SMALL[SMALL.index("  pension:") :].replace("pension", "first")
    first = first.replace("    amount:", "    on_payment: {n: {adds: 1}}\n    amount:")
    both = SMALL.replace("atom: ok", "atom: ok and n < 9") + first
    assert said_of(both, "pension reads n, which is counted after the payment of first") == [
        Severity.WARNING
    ]


def test_what_is_called_paid_and_nothing_counts_is_warned_of():
    reads = SMALL.replace("atom: ok", "atom: ok and n < 9")
    called = reads.replace("label: 次数", "label: 已领次数")
    assert said_of(reads, "which no payment changes") == []
    assert said_of(called, "which no payment changes") == [Severity.WARNING]
    counts = called.replace("    amount:", "    on_payment: {n: {adds: 1}}\n    amount:")
    assert said_of(counts, "which no payment changes") == []
    assert said_of(called.replace("[1, 2, 3]", "[]"), "which no payment changes") == []


def test_a_database_is_asked_the_same_whatever_a_payment_changes():
    def asked(text):
        program = compile_pack(read_pack(text), on=DAY)
        return answers_sql(program, dialect=Dialect.SQLITE).partition("WITH ")[2]

    assert asked(pack_with("months: {adds: 3}")) == asked(pack_with("{}"))


TESTED = pack_with("first: {becomes: true}\nmonths: {adds: 3}")


@pytest.mark.parametrize(
    ("expected", "differs"),
    [
        ("months: 9", False),
        ("months: 9, first: true, score: 1", False),
        ("months: 8", True),
        ("first: false", True),
        ("months: null", True),
    ],
)
def test_a_test_expects_what_is_known_after_the_payment(expected, differs):
    text = TESTED.replace(
        "{status: eligible}", f"{{status: eligible, after_payment: {{{expected}}}}}"
    )
    (outcome,) = run_examples(read_pack(text), on=DAY)
    assert bool(outcome.differences) is differs
    if differs:
        assert "after the payment: expected" in outcome.differences[0].say("en")


def test_a_test_that_expects_an_unknown_fact_is_refused():
    text = TESTED.replace("{status: eligible}", "{status: eligible, after_payment: {mnths: 3}}")
    with pytest.raises(PackRefusedError, match="did you mean months"):
        read_pack(text)


def test_who_is_not_eligible_is_told_of_no_payment():
    pack = read_pack(TESTED)
    known = {"first": True, "months": 6, "level": "甲", "money": 0, "day": date(2026, 1, 1)}
    (due,) = explain(compile_pack(pack, on=DAY), row_of(pack.facts, known))
    assert [one.say("zh") for one in due.after_payment] == ["首次已发放：是", "已发放月数 +3"]
    assert [one.say("en") for one in due.after_payment] == ["first paid: yes", "months paid +3"]
    (gone,) = explain(compile_pack(pack, on=DAY), row_of(pack.facts, {**known, "months": 24}))
    assert gone.after_payment == ()


@pytest.mark.parametrize(("language", "said"), [("zh", "发放后记作"), ("en", "After payment")])
def test_the_page_shows_what_a_payment_changes(language, said):
    page = render_page(read_pack(TESTED), on=DAY, language=language)
    assert said in page
    label = {"zh": "已发放月数", "en": "months paid"}[language]
    assert f"<li>{label} + <code>3</code></li>" in page


def test_the_command_explains_what_a_payment_changes(tmp_path):
    file = tmp_path / "p.yaml"
    file.write_text(TESTED, encoding="utf-8")
    given = ("first=是", "months=6", "level=甲", "money=0", "day=2026-01-01")
    facts = [word for one in given for word in ("--fact", one)]
    asked = ["explain", str(file), "--on", "2026-05-01", *facts]
    told = CliRunner().invoke(main, [*asked, "--lang", "zh"])
    assert "发放后记作：首次已发放：是；已发放月数 +3" in told.output
    found = json.loads(CliRunner().invoke(main, [*asked, "--json"]).output)
    (one,) = found["determinations"]
    assert one["after_payment"][1]["fact"] == "months"
    assert (one["after_payment"][1]["how"], one["after_payment"][1]["number"]) == ("adds", 3)

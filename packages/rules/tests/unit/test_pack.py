import re
from datetime import date

import pytest

from liudu.rules import PackRefusedError, compile_pack, read_pack, version_on
from liudu.rules._expression import NotInGrammarError
from liudu.rules._fact import BadRangeError, BadUnitError, FactOutOfRangeError
from liudu.rules._lower import (
    CycleError,
    NotExhaustiveError,
    OverflowRiskError,
    TooLargeError,
    UnitClashError,
    UnknownLabelError,
    UnknownNameError,
    WrongKindError,
)
from liudu.rules._pack import NoRoundingError
from liudu.rules._program import (
    NegativeAmountError,
    NoPackError,
    NotInForceError,
    ParameterOutOfRangeError,
    UnknownParameterError,
    VersionsOverlapError,
)
from liudu.rules._reader import BadGivenError, BadNameError, NameTwiceError
from liudu.rules._source import (
    AmbiguousNumberError,
    BadDateError,
    BadYamlError,
    BooleanWordError,
    DuplicateKeyError,
    MissingKeyError,
    UnknownKeyError,
    WrongShapeError,
)

ON = date(2026, 6, 1)
PACK = """\
pack: p
version: "1"
title: 示例
valid: {from: 2026-01-01, to: 2026-12-31}
facts:
  ok: {type: bool, label: 符合, bureau: 局}
  paid: {type: money, unit: yuan, label: 合同额, bureau: 局}
  months: {type: count, unit: months, label: 月, bureau: 局}
  days: {type: count, unit: days, label: 天, bureau: 局}
  degree: {type: enum, values: [本科, 硕士], label: 学历, bureau: 局}
  born: {type: date, label: 出生, bureau: 局}
parameters:
  rate: {type: rate, label: 比例, min: 0, max: 0.5, values: {2026-01-01: 0.2, 2026-07-01: 0.25}}
rules:
  r:
    title: 规则
    clause: 一
    bureau: 局
    subject: enterprise
    when:
      - {atom: ok, say: 符合}
    amount: min(rate * paid, wan(200))
    rounding: down
"""


def pack_with(old="", new="", *, text=PACK):
    assert old in text
    return text.replace(old, new, 1)


def errors_of(text):
    with pytest.raises(PackRefusedError) as caught:
        compile_pack(read_pack(text, file="p.yaml"), on=ON)
    for one in caught.value.problems:
        assert re.match(r"p\.yaml:\d+:\d+", one.say("en"))
        assert re.match(r"p\.yaml:\d+:\d+", one.say("zh"))
    return caught.value.problems


def only_error(text):
    (error,) = errors_of(text)
    return error


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("atom: ok", "atom: okk", UnknownNameError),
        ("atom: ok", "atom: paid", WrongKindError),
        ("atom: ok", "atom: paid > 5000", UnitClashError),
        ("atom: ok", "atom: months > days", UnitClashError),
        ("atom: ok", "atom: paid > months", UnitClashError),
        ("atom: ok", "atom: born > 5", UnitClashError),
        ("atom: ok", "atom: born + 5 > born", UnitClashError),
        ("atom: ok", "atom: paid * paid > yuan(1)", UnitClashError),
        ("atom: ok", 'atom: degree == "博士"', UnknownLabelError),
        ("atom: ok", 'atom: degree > "本科"', WrongKindError),
        ("atom: ok", 'atom: born > "2026-02-30"', WrongKindError),
        ("atom: ok", "atom: paid / months > 0", WrongKindError),
        ("atom: ok", "atom: eval(ok)", NotInGrammarError),
        ("rate * paid", "rate * months", UnitClashError),
        ("min(rate * paid, wan(200))", "months", WrongKindError),
        ("min(rate * paid, wan(200))", "yuan(1) - paid", NegativeAmountError),
        ("min(rate * paid, wan(200))", "paid * 123456.789", OverflowRiskError),
        ("    rounding: down\n", "", NoRoundingError),
        ("rounding: down", "rounding: bankers", WrongShapeError),
        ("unit: yuan", "unit: rmb", BadUnitError),
        ("unit: yuan, ", "", WrongShapeError),
        ("from: 2026-01-01, to: 2026-12-31", "from: 2026-12-31, to: 2026-01-01", BadRangeError),
        ("to: 2026-12-31", "to: 2026-02-30", BadDateError),
        ("clause: 一", "clause: no", BooleanWordError),
        ("clause: 一", "clause: 010", AmbiguousNumberError),
        ("clause: 一", "klause: 一", UnknownKeyError),
        ("    clause: 一\n", "", MissingKeyError),
        ("    clause: 一\n", "    clause: 一\n    clause: 二\n", DuplicateKeyError),
        ("  ok: {", "  min: {", BadNameError),
        ("  rate: {", "  paid: {", NameTwiceError),
        ("title: 示例", "title: [", BadYamlError),
        ("title: 示例", "title: !!python/object:os.system x", BadYamlError),
        ("title: 示例", "title: &a {zh: x}\nsource: *a", BadYamlError),
    ],
)
def test_a_slip_is_refused_with_its_place(old, new, error):
    found = errors_of(pack_with(old, new))
    assert any(isinstance(one, error) for one in found), found


def test_a_money_literal_without_a_unit_is_told_how_to_write_it():
    error = only_error(pack_with("atom: ok", "atom: paid > 5000"))
    assert "yuan(5000)" in error.say("en")
    assert error.place.line == 21


def test_all_errors_of_a_pack_are_told_at_once():
    text = pack_with("atom: ok", "atom: okk > 1")
    text = pack_with("rate * paid", "rate * payd", text=text)
    assert [type(one) for one in errors_of(text)] == [UnknownNameError, UnknownNameError]


def test_a_misspelt_name_is_told_the_nearest_one():
    assert "months" in only_error(pack_with("atom: ok", "atom: month > 1")).say("zh")


def test_definitions_that_need_each_other_are_refused_with_their_path():
    text = pack_with("rules:", "definitions:\n  x: y + yuan(1)\n  y: x + yuan(1)\nrules:")
    assert any(isinstance(one, CycleError) and "→" in str(one) for one in errors_of(text))


def test_documents_that_need_each_other_are_refused():
    text = pack_with(
        "rules:",
        "documents:\n  a: {label: 甲, bureau: 局, needs: [b]}\n"
        "  b: {label: 乙, bureau: 局, needs: [a]}\nrules:",
    )
    assert any(isinstance(one, CycleError) for one in errors_of(text))


def test_definitions_that_unfold_without_end_are_refused():
    lines = ["  d0: paid + paid"] + [f"  d{n}: d{n - 1} + d{n - 1}" for n in range(1, 40)]
    text = pack_with("rules:", "definitions:\n" + "\n".join(lines) + "\nrules:")
    text = pack_with("atom: ok", "atom: d39 > yuan(1)", text=text)
    assert any(isinstance(one, TooLargeError | OverflowRiskError) for one in errors_of(text))


def test_a_case_that_leaves_a_label_out_names_it():
    text = pack_with("min(rate * paid, wan(200))", "'case(degree, {\"硕士\": yuan(1)})'")
    error = only_error(text)
    assert isinstance(error, NotExhaustiveError)
    assert "本科" in str(error)


def test_a_test_that_gives_an_impossible_value_is_refused_at_its_place():
    text = PACK + "    tests:\n      - {given: {paid: 1.234}, expect: {status: unknown}}\n"
    error = only_error(text)
    assert isinstance(error, BadGivenError)
    assert error.place.line == 25


def test_the_value_of_a_parameter_is_that_of_the_day():
    pack = read_pack(PACK)
    held = [compile_pack(pack, on=date(2026, month, 1)).settings["rate"] for month in (6, 7)]
    assert [float(one) for one in held] == [0.2, 0.25]


def test_a_day_outside_the_pack_is_refused():
    with pytest.raises(NotInForceError):
        compile_pack(read_pack(PACK), on=date(2027, 1, 1))


def test_a_setting_beyond_its_slider_or_of_no_parameter_is_refused():
    pack = read_pack(PACK)
    rate = pack.parameters["rate"]
    with pytest.raises(ParameterOutOfRangeError):
        compile_pack(pack, on=ON, settings={"rate": rate.high * 2})
    with pytest.raises(UnknownParameterError):
        compile_pack(pack, on=ON, settings={"rat": rate.high})


def test_comments_and_layout_do_not_change_a_version_but_a_number_does():
    digest = read_pack(PACK).digest
    assert read_pack("# note\n" + PACK.replace("  ok:", "  ok:   ")).digest == digest
    assert read_pack(pack_with("wan(200)", "wan(201)")).digest != digest


def test_the_version_of_a_day_is_found_and_two_or_none_are_refused():
    first = read_pack(PACK)
    second = read_pack(
        pack_with("from: 2026-01-01, to: 2026-12-31", "from: 2027-01-01").replace('"1"', '"2"')
    )
    assert version_on([first, second], name="p", on=date(2027, 3, 1)) is second
    with pytest.raises(NoPackError):
        version_on([first], name="p", on=date(2027, 3, 1))
    with pytest.raises(VersionsOverlapError):
        version_on([first, first], name="p", on=ON)


def test_a_value_outside_the_declared_range_of_a_fact_is_refused():
    pack = read_pack(pack_with("unit: months,", "unit: months, max: 600,"))
    with pytest.raises(FactOutOfRangeError):
        pack.facts["months"].read("601")


LABELS = "  level: {{type: enum, values: [甲, 乙], values_en: {english}, label: 级, bureau: 局}}\n"


def test_a_label_is_shown_and_read_in_english_where_the_pack_says_how():
    fact = read_pack(pack_with("facts:\n", "facts:\n" + LABELS.format(english="[first, second]")))
    level = fact.facts["level"]
    assert [level.show(1), level.show(1, "en")] == ["乙", "second"]
    assert level.read("second") == level.read("乙") == 1


@pytest.mark.parametrize("english", ["[first]", "[first, first]", "[a, b, c]"])
def test_labels_in_english_that_do_not_match_one_by_one_are_refused(english):
    error = only_error(pack_with("facts:\n", "facts:\n" + LABELS.format(english=english)))
    assert "2 labels, one for each" in error.say("en")

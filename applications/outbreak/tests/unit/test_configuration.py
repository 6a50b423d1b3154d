"""What a bureau may set, and what is refused."""

import pytest

from liudu.outbreak.alarms import Budget, BudgetRangeError
from liudu.outbreak.configuration import (
    BadValueError,
    CannotModelError,
    Fixed,
    Period,
    UnknownKeyError,
    UnreadableConfigurationError,
    parse_configuration,
    read_configuration,
)
from liudu.outbreak.detectors import UnknownDetectorError, UnknownOptionError

WHOLE = """
calendar: mmwr
absent_weeks: zero
disease_column: 病种
budget: {rule: count, value: 12}
default:
  cases_min: 5
  quiet_days: 14
  periods:
    - {from: 2020-W05, to: 2022-W52, treat: exclude, why: COVID-19}
    - {weeks: [2025-W05, 2026-W08], treat: model, why: 春节}
diseases:
  霍乱: {fixed: {cases: 1}}
  流感: {detector: farrington, options: {threshold: delta}, periods: []}
"""


def test_a_disease_inherits_what_it_does_not_say(tmp_path):
    path = tmp_path / "plan.yaml"
    path.write_text(WHOLE, encoding="utf-8")
    found = read_configuration(path)
    assert (found.calendar, found.absent_weeks, found.disease_column) == ("mmwr", "zero", "病种")
    assert found.budget == Budget(rule="count", value=12)
    cholera, flu, other = (found.plan(name) for name in ("霍乱", "流感", "麻疹"))
    assert cholera.fixed == Fixed(cases=1, weeks=1)
    assert (cholera.detector, cholera.cases_min, cholera.quiet_days) == ("hr", 5, 14)
    assert (flu.detector, flu.options, flu.periods) == ("farrington", (("threshold", "delta"),), ())
    assert other == found.default
    assert other.periods[1] == Period(weeks=("2025-W05", "2026-W08"), treat="model", why="春节")


def test_an_empty_configuration_is_the_default():
    assert parse_configuration({}).default.detector == "hr"


@pytest.mark.parametrize(
    ("content", "refusal", "told"),
    [
        ({"budgets": {}}, UnknownKeyError, "'budgets'"),
        ({"default": {"detektor": "hr"}}, UnknownKeyError, "it may have detector, options"),
        ({"default": {"detector": "magic"}}, UnknownDetectorError, "magic"),
        ({"default": {"options": {"size": 3}}}, UnknownOptionError, "'size'"),
        ({"default": {"options": {"years": "five"}}}, BadValueError, "'five'"),
        ({"default": {"options": {"years": 2.5}}}, BadValueError, "1, 2, 3"),
        ({"default": {"options": {"years": [5]}}}, BadValueError, "years"),
        (
            {"default": {"detector": "farrington", "options": {"threshold": "mean"}}},
            BadValueError,
            "nbPlugin | delta | muan",
        ),
        ({"calendar": "lunar"}, BadValueError, "iso | mmwr | counted"),
        ({"default": {"cases_min": -1}}, BadValueError, "cases_min"),
        ({"default": {"cases_min": True}}, BadValueError, "True"),
        ({"default": {"periods": [{"from": "2020-W05"}]}}, BadValueError, "from . to"),
        ({"default": {"fixed": {"cases": 0}}}, BadValueError, "cases"),
        ({"budget": {"rule": "fdr", "value": 2}}, BudgetRangeError, "fdr = 2"),
        ({"diseases": ["流感"]}, BadValueError, "diseases"),
        ([], BadValueError, "key: value"),
    ],
)
def test_what_is_not_known_is_refused(content, refusal, told):
    with pytest.raises(refusal, match=told.replace("|", r"\|")):
        parse_configuration(content)


def test_a_detector_without_a_model_cannot_model_a_period():
    period = {"weeks": ["2025-W05"], "treat": "model"}
    with pytest.raises(CannotModelError, match="farrington cannot model"):
        parse_configuration({"default": {"detector": "farrington", "periods": [period]}})


def test_a_file_that_is_no_yaml_is_refused(tmp_path):
    path = tmp_path / "plan.yaml"
    path.write_text("a: [", encoding="utf-8")
    with pytest.raises(UnreadableConfigurationError, match=r"plan\.yaml"):
        read_configuration(path)

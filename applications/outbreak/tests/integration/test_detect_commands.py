"""The commands as a bureau runs them."""

import json

import pytest
from click.testing import CliRunner

from liudu.outbreak.cli import main
from liudu.outbreak.configuration import Configuration, parse_configuration
from liudu.outbreak.series import read_series
from liudu.outbreak.watch import watch

PLAN = """
calendar: counted
budget: {rule: count, value: 3}
default: {cases_min: 5}
disease_column: scenario
diseases:
  "2": {fixed: {cases: 1}}
"""


def run(*arguments, code=0):
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert done.exit_code == code, done.output
    return done.output


@pytest.fixture
def simulated(tmp_path):
    path = tmp_path / "series.csv"
    run("simulate", path, "--seed", 4, "--scenarios", "1-4,20", "--current", 10)
    return path


def test_simulated_series_are_written_with_their_labels_and_the_same_again(simulated, tmp_path):
    again = tmp_path / "again.csv"
    answer = json.loads(
        run("simulate", again, "--seed", 4, "--scenarios", "1-4,20", "--current", 10, "--json")
    )
    assert again.read_bytes() == simulated.read_bytes()
    assert answer["series"] == 5
    assert answer["rows"] == 5 * 624
    assert answer["outbreak_weeks"] > 5


def test_the_alarms_of_a_week_are_ranked_with_what_was_expected(simulated, tmp_path):
    plan = tmp_path / "plan.yaml"
    plan.write_text(PLAN, encoding="utf-8")
    table = read_series(simulated, calendar="counted")
    week = int((table.counts * table.outbreak)[4, 575:].argmax()) + 576
    answer = json.loads(
        run("detect", simulated, "--config", plan, "--at", week, "--ignore-later", "--json")
    )
    assert answer["week"] == str(week)
    ranks = [alarm["rank"] for alarm in answer["alarms"]]
    assert ranks == list(range(1, len(ranks) + 1))
    first = next(alarm for alarm in answer["alarms"] if alarm["series"]["scenario"] == "20")
    assert first["observed"] > first["bound"] >= first["expected"]
    assert (first["detector"], first["reason"]) == ("hr", "unusual")
    assert answer["by_detector"] == {"hr": 5}


def test_people_read_the_same_in_chinese_and_english(simulated):
    chinese = run("detect", simulated, "--calendar", "counted", "--lang", "zh")
    english = run("detect", simulated, "--calendar", "counted", "--lang", "en")
    assert "个序列" in chinese
    assert "5 series" in english


def test_later_weeks_are_refused_and_the_way_out_is_said(simulated):
    said = run("detect", simulated, "--calendar", "counted", "--at", "600", "--lang", "en", code=2)
    assert "lies after 600" in said


def test_a_refusal_is_json_for_machines(simulated):
    answer = json.loads(run("detect", simulated, "--json", code=2))
    assert answer["error"]["code"] == "UnknownWeek"


def test_a_fixed_rule_raises_a_single_case(simulated):
    configuration = parse_configuration(
        {
            "calendar": "counted",
            "disease_column": "scenario",
            "budget": {"rule": "count", "value": 0},
            "diseases": {"20": {"fixed": {"cases": 1}}},
        }
    )
    table = read_series(simulated, calendar="counted")
    found = watch(table, configuration=configuration, at=[600])
    assert found.raised.ravel().tolist() == [False] * 4 + [True]
    assert found.fixed.sum() == 1


def test_known_outbreaks_stay_out_of_baselines_unless_they_are_to_be_kept(simulated):
    table = read_series(simulated, calendar="counted")
    kept = parse_configuration({"default": {"known_outbreaks": "keep"}})
    first = watch(table, configuration=Configuration(), at=[623]).detection
    second = watch(table, configuration=kept, at=[623]).detection
    assert (first.expected != second.expected).all()


def test_the_backtest_always_has_the_silent_detector(simulated):
    answer = json.loads(
        run("backtest", simulated, "--calendar", "counted", "--detectors", "ears_c1", "--json")
    )
    assert set(answer["detectors"]) == {"silent", "ears_c1"}
    assert answer["detectors"]["silent"]["overall"]["accuracy"]["value"] > 0.9
    said = run("backtest", simulated, "--calendar", "counted", "--detectors", "ears_c1")
    assert "silent" in said


def test_a_backtest_at_an_equal_rate_realises_that_rate(simulated):
    answer = json.loads(
        run("backtest", simulated, "--calendar", "counted", "--detectors", "recent", "--fpr", 0.02,
            "--json")
    )  # fmt: skip
    assert answer["detectors"]["recent"]["overall"]["fpr"]["value"] <= 0.02


def test_a_backtest_without_labels_is_refused(tmp_path):
    path = tmp_path / "plain.csv"
    path.write_text("week,count\n2026-W01,3\n", encoding="utf-8")
    assert "outbreak" in run("backtest", path, "--lang", "en", code=2)


def test_a_backtest_on_the_grid_needs_no_file():
    answer = json.loads(run("backtest", "--detectors", "ears_c2", "--replicates", 1, "--json"))
    assert 0.05 < answer["detectors"]["ears_c2"]["overall"]["fpr"]["value"] < 0.12


def test_a_file_that_holds_no_decisions_cannot_be_agreed_with(simulated):
    assert "reference" in run("agree", simulated, "--lang", "en", code=2)


def test_help_lists_the_commands_in_two_languages():
    said = run("--help")
    for name in ("detect", "backtest", "simulate", "agree"):
        assert name in said

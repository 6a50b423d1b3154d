"""import → aggregate → nowcast → scan, as a bureau runs them."""

import csv
import json
from datetime import date, timedelta

import numpy as np
import pytest
from click.testing import CliRunner

from liudu.outbreak.cli import main
from liudu.outbreak.linelist import scan_cases
from liudu.outbreak.series import read_series

TODAY = date(2026, 11, 15)  # a Sunday: its week is over
HEAD = "case_id,date_report,date_onset,country,country_id,county_id,pathogen,age,sex"
SHARES = (0.4, 0.3, 0.2, 0.1)


def run(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(1)
    rows = []
    for back in range(70):
        for county in "ABCD":
            extra = 30 if county == "B" and back == 0 else 0
            for _ in range(int(rng.poisson(3)) + extra):
                onset = TODAY - timedelta(days=7 * back + int(rng.integers(0, 7)))
                report = onset + timedelta(days=7 * int(rng.choice(4, p=SHARES)))
                if report <= TODAY:
                    rows.append(
                        f"{len(rows)},{report},{onset},Germany,DE,{county},Measles,"
                        f"{int(rng.integers(0, 90))},male"
                    )
    path = tmp_path / "cases.csv"
    path.write_text("\n".join([HEAD, *rows]) + "\n", encoding="utf-8")
    done = run("import", path, "--out", tmp_path / "cases", "--at", TODAY)
    assert done.exit_code == 0, done.output
    return tmp_path / "cases"


@pytest.fixture
def places(tmp_path):
    path = tmp_path / "places.csv"
    path.write_text(
        "district,longitude,latitude,population\n"
        "A,120.0,30.0,1000\nB,120.5,30.0,1000\nC,121.0,30.0,1000\nD,121.5,30.0,1000\n",
        encoding="utf-8",
    )
    return path


def test_counts_are_written_as_the_detectors_read_them(folder, tmp_path):
    out = tmp_path / "series.csv"
    done = run("aggregate", folder, "--by", "district,age,disease", "--ages", "0,15,60",
               "--totals", "district,age", "--out", out, "--json")  # fmt: skip
    answer = json.loads(done.stdout)
    table = read_series(out)
    assert answer["series"] == len(table.keys) == 5 * 4
    assert answer["last_week"] == "2026-W46"
    total = table.keys.index(("*", "*", "Measles"))
    assert table.counts[total].sum() == answer["counted"]
    assert run("detect", out, "--lang", "en").exit_code == 0


def test_rolling_windows_and_an_unfinished_week_are_on_wish(folder, tmp_path):
    out = tmp_path / "series.csv"
    run("aggregate", folder, "--ending", "2026-11-12", "--out", out)
    assert read_series(out, calendar="counted").counts.shape[0] == 4
    call = ("aggregate", folder, "--at", "2026-11-12", "--out", out, "--lang", "zh")
    assert "尚未结束" in run(*call).stdout
    assert "尚未结束" not in run(*call, "--unfinished").stdout


def test_the_last_weeks_are_nowcast_with_intervals_and_judged(folder, tmp_path):
    out, config = tmp_path / "now.csv", tmp_path / "config.yaml"
    config.write_text("budget: {rule: alpha, value: 0.01}\n", encoding="utf-8")
    done = run("nowcast", folder, "--by", "district,disease", "--config", config, "--out", out,
               "--json")  # fmt: skip
    rows = list(csv.DictReader(out.read_text(encoding="utf-8").splitlines()))
    last = {row["district"]: row for row in rows if row["time"] == "2026-W46"}
    for row in last.values():
        assert int(row["reported"]) <= int(row["median"])
        assert int(row["low_95"]) <= int(row["median"]) <= int(row["high_95"])
    assert last["B"]["alarm"] == "True"
    assert last["B"]["provisional"] == "True"
    assert done.exit_code == 1
    assert json.loads(done.stdout)["diseases"][0]["delay_max"] == 3


def test_a_delay_longer_than_the_series_ends_as_refused(folder, tmp_path):
    done = run("nowcast", folder, "--delay-max", 200, "--out", tmp_path / "n.csv", "--lang", "en")
    assert done.exit_code == 2
    assert "--delay-max" in done.output


def test_a_cluster_ends_with_one_and_names_its_district(folder, places):
    done = run("scan", folder, "--places", places, "--simulations", 99, "--at", TODAY, "--json")
    answer = json.loads(done.stdout)
    assert answer["model"] == "poisson"
    assert answer["clusters"][0]["districts"] == ["B"]
    assert done.exit_code == 1


def test_without_people_times_and_places_are_permuted(folder, places, tmp_path):
    alone = tmp_path / "alone.csv"
    text = places.read_text(encoding="utf-8").replace(",population", "").replace(",1000", "")
    alone.write_text(text, encoding="utf-8")
    done = run("scan", folder, "--places", alone, "--simulations", 19, "--lang", "zh")
    assert "时空聚集" in done.stdout


def test_places_that_do_not_fit_are_refused(folder, tmp_path):
    broken = tmp_path / "p.csv"
    broken.write_text("district,x_km,y_km\nA,0,0\n", encoding="utf-8")
    done = run("scan", folder, "--places", broken, "--lang", "en")
    assert done.exit_code == 2
    assert "lacks 3 districts" in done.output
    broken.write_text("name\nA\n", encoding="utf-8")
    assert run("scan", folder, "--places", broken).exit_code == 2


def test_a_folder_without_an_import_is_refused(tmp_path):
    done = run("aggregate", tmp_path, "--out", tmp_path / "a.csv", "--lang", "en")
    assert done.exit_code == 2
    assert "import first" in done.output


def test_parts_of_a_long_file_give_what_the_whole_gives(folder, tmp_path, monkeypatch):
    before = read_cases(folder)
    monkeypatch.setattr("liudu.outbreak.linelist._import.PART_ROWS", 37)
    monkeypatch.setattr("liudu.outbreak.linelist._duplicates.PARTITION_ROWS", 50)
    done = run("import", tmp_path / "cases.csv", "--out", tmp_path / "again", "--at", TODAY)
    assert done.exit_code == 0
    assert read_cases(tmp_path / "again").equals(before)


def read_cases(folder):
    return scan_cases(folder).collect()

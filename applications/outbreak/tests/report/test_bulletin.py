"""The bulletin: what it says, what it hides, and that it is set on page, PDF and Word alike."""

import io
import json
import re

import numpy as np
import pytest
from click.testing import CliRunner
from docx import Document

from liudu.outbreak.alarms import Budget
from liudu.outbreak.cli import main
from liudu.outbreak.configuration import Configuration, Fixed, Plan
from liudu.outbreak.report import Curve, Request, bulletin, html, pdf, read_tiles, word
from liudu.outbreak.report.charts import tile_map
from liudu.outbreak.report.provisional import NotANowcastError, read_projection
from liudu.outbreak.report.tiles import SHIPPED, BadTilesError, TileTakenError
from liudu.outbreak.series import SeriesTable, week_number, write_series
from liudu.outbreak.text import Text

LAST = week_number("2026-W46", calendar="iso")
WEEKS = 160


def table(*, extra=()):
    rng = np.random.default_rng(7)
    keys = [(d, s) for d in ("昆山市", "太仓市") for s in ("诺如病毒", "霍乱")]
    rows = [rng.poisson(0.0 if s == "霍乱" else 12.0, WEEKS).astype(float) for _, s in keys]
    rows[0][-1] += 60
    rows[3][-1] = 2
    for key, row in extra:
        keys.append(key)
        rows.append(row)
    return SeriesTable(
        columns=("district", "disease"), keys=tuple(keys), calendar="iso",
        first_week=LAST - WEEKS + 1, counts=np.array(rows),
    )  # fmt: skip


def configuration():
    return Configuration(
        budget=Budget(rule="fdr", value=0.1), diseases={"霍乱": Plan(fixed=Fixed(cases=1))}
    )


def request(**more):
    base = {
        "table": table(), "configuration": configuration(), "week": WEEKS - 1,
        "made_at": "2026-11-20 08:00 UTC", "tiles": read_tiles(SHIPPED / "suzhou.yaml"),
    }  # fmt: skip
    return Request(**(base | more))


@pytest.fixture(scope="module")
def made():
    return bulletin(request(provisional=2, simulated=True))


def plain(text):
    return re.sub(r"<[^>]+>", "", text)


def test_signals_are_ranked_and_fixed_rules_are_urgent(made):
    assert [part.name.zh for part in made.signals] == ["昆山市 · 诺如病毒", "太仓市 · 霍乱"]
    assert {part.priority for part in made.signals} == {1}
    assert "2 signals" in made.headline.en


def test_a_small_count_is_hidden_with_its_p_and_with_bounds_that_would_tell_it(made):
    cholera = made.signals[1]

    row = made.ranking.rows[1]
    assert (row[2].en, row[5].en) == ("1–4", "–")
    assert "probability" not in cholera.sentence.en
    assert cholera.table.rows[0][1].en == "1–4"
    assert all(float(weeks[3].en) >= 4 for weeks in cholera.table.rows)
    assert 'aria-label="cases: 2' not in cholera.chart.en


def test_without_a_threshold_nothing_is_hidden():
    made = bulletin(request(threshold=0))

    assert made.ranking.rows[1][2].en == "2"
    assert "小数隐去" not in [name.zh for name, _ in made.methods]


def test_hiding_keeps_zeros_and_large_counts():
    curve = Curve(
        weeks=("a", "b", "c"), counts=(0.0, 4.0, 5.0), expected=(1.0,) * 3, low=(0.0,) * 3,
        high=(3.0,) * 3, bound=(2.0, 3.0, 9.0), alarm=(False,) * 3, provisional=(False,) * 3,
        hidden=(False,) * 3, projected=(None, 3.0, 9.0),
    )  # fmt: skip

    shown = curve.suppressed(threshold=5)

    assert shown.counts == (0.0, None, 5.0)
    assert shown.bound == (4.0, 4.0, 9.0)
    assert shown.projected == (None, None, 9.0)
    assert curve.suppressed(threshold=0) == curve


def test_provisional_weeks_are_marked_in_words(made):
    remarks = [row[-1].zh for row in made.signals[0].table.rows]

    assert [bool("暂定" in remark) for remark in remarks[:3]] == [True, True, False]
    assert "暂定" in made.lead.zh


def test_a_quiet_week_says_so():
    calm = Configuration(budget=Budget(value=1e-9))
    made = bulletin(request(week=WEEKS - 10, configuration=calm))

    assert "没有" not in made.headline.zh
    assert "均未出现异常升高" in made.headline.zh
    assert made.ranking is None
    assert "本周没有信号" in html.render(made, language="zh")


def test_the_silent_detector_stands_first_in_every_evaluation():
    figure = {"value": 0.5, "interval": [0.4, 0.6]}
    backtest = {"detectors": {"hr": {"overall": {"pod": figure}},
                              "silent": {"overall": {"accuracy": figure}}}}  # fmt: skip

    made = bulletin(request(backtest=backtest))

    assert made.evaluation.rows[0][0].en == "never alarms"
    assert made.evaluation.rows[1][3].en == "50.0 % [40.0, 60.0]"
    assert "从不报警" in html.render(made, language="zh")


def test_every_reason_of_the_import_is_listed():
    finding = {"code": "x", "kind": "rejected", "file": "a.csv", "count": 3, "rows": [4, 9],
               "detail": "", "zh": "报告日期在将来", "en": "in the future"}  # fmt: skip
    quality = {"rows_read": 10, "rows_kept": 7, "rows_rejected": 3, "findings": [finding]}

    made = bulletin(request(quality=quality))

    assert [cell.en for cell in made.quality.rows[0]] == [
        "in the future", "left out", "a.csv", "3", "4, 9",
    ]  # fmt: skip


def test_script_in_a_name_stays_a_name():
    evil = "<script>alert(1)</script>"
    row = np.full(WEEKS, 10.0)
    row[-1] = 90.0
    made = bulletin(request(table=table(extra=[((evil, "#set page"), row)])))

    page = html.render(made, language="zh")

    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert pdf.render(made, language="en").startswith(b"%PDF")
    assert word.render(made, language="en").startswith(b"PK")


def test_the_page_loads_nothing_and_speaks_both_languages(made):
    page = html.render(made, language="en")

    assert re.findall(r'(?:src|href)="(?!#)[^"]*"', page) == []
    assert "模拟数据" in page
    assert "SIMULATED DATA" in page
    assert page.count('class="zh"') == page.count('class="en"')


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_pdf_is_the_same_twice(made, language):
    assert pdf.render(made, language=language) == pdf.render(made, language=language)


def test_the_word_document_has_words_for_its_pictures(made):
    document = Document(io.BytesIO(word.render(made, language="zh")))

    text = "\n".join(paragraph.text for paragraph in document.paragraphs)
    assert "昆山市 · 诺如病毒" in text
    described = [shape._inline.docPr.get("descr") for shape in document.inline_shapes]
    assert len(described) == 3
    assert all(described)


def test_the_map_has_every_district_once(made):
    assert {row[0].en for row in made.map_table.rows} == {"Kunshan", "Taicang"}
    assert "昆山市 1" in made.map.alt.zh


def test_districts_beyond_the_grid_get_tiles_of_their_own():
    grid = read_tiles(SHIPPED / "suzhou.yaml").over(["昆山市", "新区", "<b>"])

    assert len(set(grid.positions.values())) == 12
    assert grid.positions["320583"] == grid.positions["昆山市"]
    drawn = tile_map(grid.positions, signals={"新区": 3}, labels=grid.labels, language="zh")
    assert "&lt;b&gt;" in drawn


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("districts: {a: {at: [0, 0]}, b: {at: [0, 0]}}", TileTakenError),
        ("districts: {a: {at: [0]}}", BadTilesError),
        ("- 1", BadTilesError),
        ("districts: [", BadTilesError),
    ],
)
def test_a_grid_that_is_none_is_refused(tmp_path, text, error):
    path = tmp_path / "tiles.yaml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(error):
        read_tiles(path)


def test_the_command_writes_what_was_asked_and_names_its_files(tmp_path):
    write_series(tmp_path / "s.csv", table())
    arguments = ["report", str(tmp_path / "s.csv"), "--out", str(tmp_path / "o"), "--formats"]

    done = CliRunner().invoke(main, [*arguments, "html", "--tiles", "suzhou", "--json"])

    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["files"] == ["bulletin.html"]
    page = (tmp_path / "o" / "bulletin.html").read_text(encoding="utf-8")
    assert "sha256:" in plain(page)
    assert "liudu-outbreak" in plain(page)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--formats", "odt"], "odt"),
        (["--at", "2031-W01"], "2031-W01"),
        (["--at", "2025-W53"], "2025-W53"),
    ],
)
def test_what_cannot_be_made_is_refused_in_a_sentence(tmp_path, options, words):
    write_series(tmp_path / "s.csv", table())
    arguments = ["report", str(tmp_path / "s.csv"), "--out", str(tmp_path / "o")]

    refused = CliRunner().invoke(main, [*arguments, *options], env={"LIUDU_LANG": "zh"})

    assert refused.exit_code == 2
    assert words in refused.stderr


def test_a_text_is_said_in_the_language_asked():
    assert Text("甲", "a").say("en") == "a"


def test_what_a_nowcast_expects_stands_beside_provisional_weeks(tmp_path):
    write_series(tmp_path / "s.csv", table())
    (tmp_path / "n.csv").write_text(
        "district,disease,time,median\n昆山市,诺如病毒,2026-W46,88\n昆山市,诺如病毒,2026-W45,3\n"
        "太仓市,霍乱,2026-W46,4\n",
        encoding="utf-8",
    )
    config = tmp_path / "c.yaml"
    config.write_text("budget: {rule: fdr, value: 0.1}\n", encoding="utf-8")
    arguments = ["report", str(tmp_path / "s.csv"), "--out", str(tmp_path), "--config", str(config)]

    done = CliRunner().invoke(
        main, [*arguments, "--formats", "html", "--nowcast", str(tmp_path / "n.csv")]
    )

    assert done.exit_code == 0, done.output
    page = (tmp_path / "bulletin.html").read_text(encoding="utf-8")
    assert "补报后预计" in page
    assert ">88<" in page
    assert "暂定" in page


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "district,disease,time,median\na,b,c,many\n"])
def test_a_table_that_is_no_nowcast_is_refused(tmp_path, text):
    (tmp_path / "n.csv").write_text(text, encoding="utf-8")

    with pytest.raises(NotANowcastError, match="median"):
        read_projection(tmp_path / "n.csv", columns=("district", "disease"))


@pytest.mark.parametrize("content", ["[1]", "{}", "{", '{"rows_read": 1}'])
@pytest.mark.parametrize("option", ["--quality", "--backtest"])
def test_a_file_that_is_not_what_it_is_given_for_is_refused(tmp_path, option, content):
    write_series(tmp_path / "s.csv", table())
    (tmp_path / "x.json").write_text(content)
    arguments = ["report", str(tmp_path / "s.csv"), "--out", str(tmp_path / "o")]

    refused = CliRunner().invoke(main, [*arguments, option, str(tmp_path / "x.json")])

    assert refused.exit_code == 2
    assert "x.json" in refused.stderr
    assert not (tmp_path / "o").exists()

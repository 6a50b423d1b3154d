"""What no detection can be made of is refused in a sentence, with exit code 2."""

import pytest

from liudu.outbreak.cli import main

WEEKS = [f"2025-W{week:02d}" for week in range(1, 53)]


def refused(words, capsys):
    with pytest.raises(SystemExit) as ended:
        main([*words, "--lang", "zh"])
    assert ended.value.code == 2
    return capsys.readouterr().err


def table(folder, *, extra=""):
    path = folder / "series.csv"
    path.write_text("week,count\n" + "".join(f"{week},5\n" for week in WEEKS) + extra)
    return str(path)


def test_a_mistyped_future_week_is_not_taken_for_the_newest(tmp_path, capsys):
    said = refused(["detect", table(tmp_path, extra="2091-W10,5\n")], capsys)
    assert "第 54 行：2091-W10 晚于" in said


def test_an_empty_file_is_called_empty(tmp_path, capsys):
    (tmp_path / "series.csv").write_text(" \n")
    assert "series.csv 是空文件" in refused(["detect", str(tmp_path / "series.csv")], capsys)


@pytest.mark.parametrize(
    "words",
    [
        ["simulate", "{out}/series.csv", "--seed", "1", "--replicates", "1"],
        ["pack", "{out}", "--detector", "hr"],
        ["serve", "--demo", "--data", "{out}"],
    ],
)
def test_what_cannot_be_written_is_named_with_the_way_out(words, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    out = str(tmp_path / "file" / "below")
    said = refused([word.format(out=out) for word in words], capsys)
    assert "无法读写" in said
    assert "请换一个路径" in said


def test_weeks_that_a_table_leaves_out_are_counted(tmp_path, capsys):
    path = tmp_path / "series.csv"
    path.write_text("week,count\n" + "".join(f"{week},5\n" for week in WEEKS[:20] + WEEKS[30:]))
    with pytest.raises(SystemExit) as ended:
        main(["detect", str(path), "--lang", "zh"])
    assert ended.value.code == 0
    assert "共 10 个序列周没有病例数" in capsys.readouterr().out

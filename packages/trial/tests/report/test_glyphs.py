"""A name in any script does not stop the report."""

import errno

import pytest

from liudu.trial.report import write_report, writing
from liudu.trial.report.glyphs import MISSING, printable

ODD = "检 😀 👩‍🔬 العربية ᚠ é"


def test_letters_that_the_fonts_lack_are_shown_as_missing_and_all_others_stay():
    shown = printable({"name": [f"方案 v1.2 ≤ 0.2 % {ODD}"]})["name"][0]
    assert shown.startswith(f"方案 v1.2 ≤ 0.2 % 检 {MISSING} {MISSING}")
    assert "\u200d" not in shown
    assert "😀" not in shown


def test_the_placeholder_itself_can_be_shown():
    assert printable(MISSING) == MISSING


@pytest.mark.slow
@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_solution_named_in_emoji_gets_its_pdf(make_run, language):
    run, _ = make_run(name=ODD)
    assert write_report(run, language=language).pdf.read_bytes().startswith(b"%PDF-")


def test_a_full_disk_names_the_file_that_was_not_written(make_run, monkeypatch):
    run, _ = make_run()

    def full(path, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(writing, "write_whole", full)
    with pytest.raises(OSError, match="No space left") as caught:
        write_report(run, as_pdf=False)
    assert caught.value.filename == str(run / "report.html")

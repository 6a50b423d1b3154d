"""The commands under bad input and bad disks: a sentence, an exit code, nothing half written."""

import array
import fcntl
import json
import os
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from liudu.rules.cli import COMMANDS, main

PROGRAM = str(Path(sys.executable).with_name("liudu-rules"))
PACK = """\
pack: p
version: "{version}"
title: {{zh: 示例, en: Example}}
valid: {{from: 2026-01-01{to}}}
facts:
  ok: {{type: bool, label: 在苏州, bureau: 局}}
  degree: {{type: enum, values: [{labels}], label: 学历, bureau: 局}}
{extra}parameters:
  sum: {{type: money, unit: yuan, label: 金额, values: {{2026-01-01: {sum}}}}}
rules:
  r:
    title: 补贴
    clause: 一
    bureau: 局
    subject: person
    when:
      - {{atom: ok, say: {{zh: 在苏州, en: is here}}}}
      - {{atom: degree == "博士", say: 博士}}
    amount: sum
"""


def pack(version="1", to="", labels="硕士, 博士", extra="", sum="100"):  # noqa: A002 - its key
    return PACK.format(version=version, to=to, labels=labels, extra=extra, sum=sum)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "p.yaml").write_text(pack(), encoding="utf-8")
    (tmp_path / "t.csv").write_text("subject,ok,degree\nA,1,博士\nB,1,硕士\n", encoding="utf-8")
    return tmp_path


def call(folder, *words, lang="en"):
    words = [str(folder / one) if (folder / one).exists() else one for one in words]
    return CliRunner().invoke(main, [*words, "--lang", lang], catch_exceptions=False)


def refused(result, code, *parts):
    assert (result.exit_code, "defect" in result.output) == (code, False), result.output
    for part in parts:
        assert part in result.output


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_in_both_languages(name):
    said = CliRunner().invoke(main, [name, "--help"]).output
    assert " · " in said
    assert "--lang" in said
    assert "--json" in said


def test_a_pack_that_is_no_utf8_is_refused_with_line_and_column(folder):
    (folder / "p.yaml").write_bytes(pack().encode("gbk"))
    refused(call(folder, "check", "p.yaml"), 2, "p.yaml:3:14:", "save the file as UTF-8")
    refused(call(folder, "check", "p.yaml", lang="zh"), 2, "请另存为 UTF-8")


def test_a_folder_without_packs_is_refused_and_yml_is_a_pack(folder):
    empty = folder / "empty"
    empty.mkdir()
    refused(call(folder, "check", "empty"), 2, "has no *.yaml")
    refused(call(folder, "test", "empty"), 2, "has no *.yaml")
    (empty / "p.yml").write_text(pack(), encoding="utf-8")
    assert call(folder, "check", "empty").exit_code == 0


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("explain", "p.yaml", "--facts", "t.csv"), ("2 subjects", "--subject A")),
        (("explain", "p.yaml", "--facts", "t.csv", "--subject", "Z"), ("Z is not in t.csv",)),
        (("explain", "p.yaml", "--facts", "t.csv", "--fact", "ok=1"), ("exclude each other",)),
        (("explain", "p.yaml", "--fact", "ok=1", "--fact", "ok=0"), ("ok is given twice",)),
        (("explain", "p.yaml", "--fact", "okk=1"), ("did you mean ok?",)),
        (("explain", "p.yaml", "--fact", "ok=perhaps"), ("not true or false",)),
        (("run", "p.yaml", "t.csv", "--set", "sum=1", "--set", "sum=2"), ("given twice",)),
        (("run", "p.yaml", "t.csv", "--set", "sum"), ("write NAME=VALUE",)),
        (("run", "p.yaml", "t.csv", "--set", "sun=1"), ("sun is not a parameter",)),
        (("run", "p.yaml", "t.csv", "--set", "sum=1e3"), ("1e3",)),
        (("run", "p.yaml", "t.csv", "--set", "sum=-5"), ("as low as",)),
        (("run", "p.yaml", "t.csv", "--chunk", "-3"), ("-3",)),
        (("run", "p.yaml", "t.csv", "--kind", "alien"), ("alien", "enterprise")),
        (("run", "p.yaml", "nobody.csv"), ("nobody.csv",)),
        (("run", "nothing.yaml", "t.csv"), ("nothing.yaml",)),
        (("run", "p.yaml", "t.csv", "--on", "2020-01-01"), ("not on 2020-01-01",)),
        (("run", "p.yaml", "t.csv", "--encoding", "base64"), ("no encoding base64",)),
        (("what-if", "p.yaml", "t.csv", "--set", "sum=1", "--by", "ok"), ("cannot group",)),
    ],
)
def test_wrong_words_are_refused_with_two(folder, words, parts):
    refused(call(folder, *words), 2, *parts)
    told = json.loads(call(folder, *words, "--json").output)
    assert told["error"]["message"]


def test_a_fact_that_is_given_empty_is_unknown(folder):
    result = call(folder, "explain", "p.yaml", "--fact", "ok=", "--on", "2026-06-01", "--json")
    assert json.loads(result.output)["determinations"][0]["status"] == "unknown"


def test_two_versions_are_compared_each_by_its_own_facts(folder):
    old = pack(to=", to: 2026-06-30", extra="  gone: {type: bool, label: 旧, bureau: 局}\n")
    new = pack(version="2", labels="博士, 硕士", sum="300").replace("2026-01-01", "2026-01-01")
    (folder / "old.yaml").write_text(old, encoding="utf-8")
    (folder / "new.yaml").write_text(new, encoding="utf-8")
    (folder / "t.csv").write_text(
        "subject,ok,degree,gone\nA,1,博士,1\nB,1,硕士,0\nC,0,博士,\n", encoding="utf-8"
    )
    result = call(folder, "diff", "old.yaml", "new.yaml", "t.csv", "--on", "2026-07-01", "--json")
    found = json.loads(result.output)
    assert (found["winners"], found["losers"], found["total_fen"]) == (1, 0, 20000)


def test_a_full_disk_is_told_as_such_and_the_old_answers_stay(folder):
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    refused(call(folder, "run", "p.yaml", "t.csv", "--out", "/dev/full"), 3, "No room")
    refused(call(folder, "page", "p.yaml", "--out", "/dev/full", lang="zh"), 3, "磁盘空间不足")
    assert Path("/dev/full").is_char_device()


def test_an_answer_goes_where_a_link_points_and_into_a_pipe(folder):
    (folder / "answers").mkdir()
    (folder / "link.csv").symlink_to(folder / "answers" / "a.csv")
    link = str(folder / "link.csv")
    assert call(folder, "run", "p.yaml", "t.csv", "--out", link).exit_code == 0
    assert (folder / "link.csv").is_symlink()
    assert "A,r,eligible" in (folder / "answers" / "a.csv").read_text()
    done = run_process(folder, "run", "p.yaml", "t.csv", "--out", "/dev/stdout", "--json")
    assert "A,r,eligible" in done.stdout


@pytest.mark.parametrize("out", ["missing/a.csv", "t.csv/a.csv", "."])
def test_an_answer_that_cannot_be_written_names_its_path(folder, out):
    result = call(folder, "run", "p.yaml", "t.csv", "--out", str(folder / out))
    refused(result, 2, str(folder / out).removesuffix("/."))
    assert not list(folder.rglob("*.unfinished"))


def test_a_table_that_is_wrong_late_leaves_the_old_answers_and_nothing_else(folder):
    out = folder / "a.csv"
    out.write_text("old")
    rows = ["subject,ok,degree", *(f"S{row},1,博士" for row in range(2000)), "last,1,小学"]
    (folder / "t.csv").write_text("\n".join(rows), encoding="utf-8")
    result = call(folder, "run", "p.yaml", "t.csv", "--chunk", "100", "--out", str(out))
    refused(result, 2, "line 2002: degree")
    assert (out.read_text(), list(folder.glob(".*"))) == ("old", [])


def run_process(folder, *words, **options):
    words = [str(folder / one) if (folder / one).exists() else one for one in words]
    command = [PROGRAM, *words, "--lang", "en"]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_killed_leaves_the_old_answers(folder, number):
    out, feed = folder / "a.csv", folder / "t.fifo"
    out.write_text("old")
    os.mkfifo(feed)
    words = ["run", str(folder / "p.yaml"), str(feed), "--chunk", "10", "--out", str(out)]
    command = [PROGRAM, *words]
    rows = "".join(f"S{row},1,博士\n" for row in range(2000))  # fits into the pipe
    with (
        subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process,
        feed.open("r+b", buffering=0) as table,
    ):
        table.write(f"subject,ok,degree\n{rows}".encode())
        wait_for(lambda: list(folder.glob(".*.unfinished")))
        process.send_signal(number)
        process.wait(30)
    assert out.read_text() == "old"
    if number != signal.SIGKILL:
        assert process.returncode == 130
        assert not list(folder.glob(".*.unfinished"))


def unread(pipe):
    """How many bytes nobody has read yet."""
    size = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, size)
    return size[0]


def wait_for(happened, seconds=30):
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_batch_keeps_the_pack_that_it_began_with(folder):
    out = folder / "a.csv"
    feed = folder / "t.fifo"
    os.mkfifo(feed)
    words = ["run", str(folder / "p.yaml"), str(feed), "--chunk", "1", "--out", str(out)]
    command = [PROGRAM, *words, "--on", "2026-06-01"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        with feed.open("r+b", buffering=0) as table:
            table.write("subject,ok,degree\nA,1,博士\n".encode())
            wait_for(lambda: list(folder.glob(".*.unfinished")))
            (folder / "p.yaml").write_text(pack(sum="999"), encoding="utf-8")
            table.write("B,1,博士\n".encode())
            wait_for(lambda: not unread(table))
        process.wait(30)
    assert [line.split(",")[5] for line in out.read_text().splitlines()[1:]] == ["10000", "10000"]


def test_a_table_of_nobody_is_answered_for_nobody_also_in_chunks(folder):
    (folder / "t.csv").write_text("subject,ok,degree\n")
    for more in ((), ("--chunk", "2")):
        result = call(folder, "run", "p.yaml", "t.csv", "--on", "2026-06-01", "--json", *more)
        found = json.loads(result.output)
        assert (found["subjects"], found["rules"][0]["eligible"]) == (0, 0)


def test_a_terminal_of_another_encoding_gets_an_answer(folder):
    for encoding in ("ascii", "gbk"):
        environment = {**os.environ, "PYTHONIOENCODING": encoding}
        done = run_process(folder, "check", "p.yaml", env=environment, encoding=encoding)
        assert (done.returncode, "Traceback" in done.stderr) == (0, False)

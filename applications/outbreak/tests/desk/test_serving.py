"""Starting the dashboard: what is refused, and that it comes up and answers."""

import os
import re
import socket
import sqlite3
import subprocess
import sys
import urllib.request
from datetime import date

import pytest
from click.testing import CliRunner

from liudu.outbreak.cli import main
from liudu.outbreak.desk.demo import is_simulated, write_demo
from liudu.outbreak.desk.serving import (
    BrokenDatabaseError,
    FolderInUseError,
    PortInUseError,
    check_database,
    listening,
    locked,
)
from liudu.outbreak.desk.settings import Site, secret
from liudu.outbreak.series import read_series

COMMAND = (sys.executable, "-c", "from liudu.outbreak.cli import main; main()")
ENVIRONMENT = {**os.environ, "LIUDU_LANG": "en", "PYTHONUNBUFFERED": "1"}


def test_a_port_in_use_is_named():
    with listening(host="127.0.0.1", port=0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortInUseError, match=str(port)):
            listening(host="127.0.0.1", port=port)


def test_two_servers_on_one_folder_are_refused(tmp_path):
    site = Site(folder=tmp_path)

    with locked(site), pytest.raises(FolderInUseError, match=str(os.getpid())), locked(site):
        pytest.fail("the folder was given out twice")
    with locked(site):
        assert (site.own / "lock").is_file()


@pytest.mark.parametrize("content", [b"not a database at all" * 300, b"SQLite format 3\x00junk"])
def test_a_damaged_database_is_said_in_a_sentence(tmp_path, content):
    path = tmp_path / "desk.sqlite3"
    path.write_bytes(content)

    with pytest.raises(BrokenDatabaseError, match="damaged"):
        check_database(path)
    assert path.read_bytes() == content


def test_a_page_overwritten_inside_the_database_is_found(tmp_path):
    path = tmp_path / "desk.sqlite3"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE a (x)")
    connection.executemany("INSERT INTO a VALUES (?)", [("y" * 500,)] * 200)
    connection.commit()
    connection.close()
    check_database(path)
    data = bytearray(path.read_bytes())
    data[8192:12288] = b"\xff" * 4096
    path.write_bytes(data)

    with pytest.raises(BrokenDatabaseError):
        check_database(path)


def test_a_new_folder_needs_no_database(tmp_path):
    check_database(tmp_path / "desk.sqlite3")
    assert not (tmp_path / "desk.sqlite3").exists()


def test_secrets_are_kept_and_read_by_their_owner_only(tmp_path):
    first = secret(tmp_path / "secret")

    assert secret(tmp_path / "secret") == first
    assert len(first) == 64
    assert (tmp_path / "secret").stat().st_mode & 0o077 == 0


def test_the_simulated_city_says_that_it_is_and_is_the_same_twice(tmp_path):
    write_demo(tmp_path / "a", at=date(2026, 11, 20))
    write_demo(tmp_path / "b", at=date(2026, 11, 20))

    assert is_simulated(tmp_path / "a")
    assert (tmp_path / "a" / "series.csv").read_bytes() == (
        tmp_path / "b" / "series.csv"
    ).read_bytes()
    table = read_series(tmp_path / "a" / "series.csv")
    assert table.label(table.counts.shape[1] - 1) == "2026-W46"
    assert len(table.keys) == 60


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "--demo"),
        (["--data", "{0}", "--demo"], "not simulated"),
        (["--data", "{0}", "--mail", "pigeon"], "pigeon"),
        (["--data", "{0}/mistyped"], "There is no folder"),
    ],
)
def test_what_cannot_be_served_is_refused_before_anything_starts(tmp_path, options, words):
    (tmp_path / "series.csv").write_text("week,count\n")
    arguments = ["serve", *(option.format(tmp_path) for option in options), "--lang", "en"]

    refused = CliRunner().invoke(main, arguments)

    assert refused.exit_code == 2
    assert words in refused.stderr


def test_an_audit_that_is_not_there_is_refused(tmp_path):
    refused = CliRunner().invoke(main, ["audit", str(tmp_path), "--lang", "zh"])

    assert refused.exit_code == 2
    assert "没有审计记录" in refused.stderr


def make_user(folder, name, *, password):
    return subprocess.run(
        [*COMMAND, "serve", "--data", str(folder), "--create-user", name, "--role",
         "administrator", "--json"],
        input=f"{password}\n", env=ENVIRONMENT, capture_output=True, text=True, timeout=100,
        check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_the_desk_comes_up_answers_and_leaves_a_whole_audit(tmp_path):
    weak = make_user(tmp_path, "root", password="12345678")  # noqa: S106 - refused
    made = make_user(tmp_path, "root", password="quiet weeks, loud weeks")  # noqa: S106
    assert (weak.returncode, made.returncode) == (2, 0), made.stderr
    process = subprocess.Popen(
        [*COMMAND, "serve", "--data", str(tmp_path), "--port", "0", "--mail", "off"],
        env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        address = ""
        while not address:
            line = process.stdout.readline()
            assert line, process.stderr.read()
            address = "".join(re.findall(r"http://127\.0\.0\.1:\d+", line))
        for path in ("/health", "/login", "/static/desk/desk.css"):
            with urllib.request.urlopen(address + path, timeout=30) as answer:  # noqa: S310
                assert answer.status == 200
        second = subprocess.run(
            [*COMMAND, "serve", "--data", str(tmp_path), "--port", "0"],
            env=ENVIRONMENT, capture_output=True, text=True, timeout=100, check=False,
        )  # fmt: skip
        assert second.returncode == 2
        assert str(process.pid) in second.stderr
        beside = subprocess.run(
            [*COMMAND, "serve", "--data", str(tmp_path), "--refresh", "--json"],
            env=ENVIRONMENT, capture_output=True, text=True, timeout=100, check=False,
        )  # fmt: skip
        assert beside.returncode == 1
        assert "series.csv" in beside.stdout
    finally:
        process.terminate()
        process.communicate(timeout=30)

    checked = CliRunner().invoke(main, ["audit", str(tmp_path), "--json"])
    assert checked.exit_code == 0, checked.output
    assert '"whole": true' in checked.output


def test_sockets_here_are_of_this_machine():
    with listening(host="127.0.0.1", port=0) as bound:
        assert isinstance(bound, socket.socket)
        assert bound.getsockname()[0] == "127.0.0.1"

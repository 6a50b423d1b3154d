"""Whatever a run leaves in its output folder, only a plain file is taken."""

import os
import socket

import pytest

from liudu.sandbox import HostileOutputError, collect

NAME = "predictions.jsonl"


def refused(folder, **changes):
    options = {"size_max": 1000, "owner_uid": os.geteuid(), **changes}
    with pytest.raises(HostileOutputError) as caught:
        collect(folder, NAME, **options)
    return str(caught.value)


def test_a_plain_file_is_taken(tmp_path):
    (tmp_path / NAME).write_bytes(b"{}\n")
    with collect(tmp_path, NAME, size_max=3, owner_uid=os.geteuid()) as file:
        assert file.read() == b"{}\n"


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path):
    with pytest.raises(FileNotFoundError):
        collect(tmp_path, NAME, size_max=3, owner_uid=None)


def test_a_symbolic_link_is_refused_even_to_a_good_file(tmp_path):
    (tmp_path / "good").write_bytes(b"{}")
    (tmp_path / NAME).symlink_to("good")
    assert "symbolic link" in refused(tmp_path)


def test_a_folder_that_is_a_link_is_refused(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / NAME).write_bytes(b"{}")
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(OSError, match="Not a directory"):
        collect(tmp_path / "link", NAME, size_max=9, owner_uid=None)


def test_a_named_pipe_neither_blocks_nor_is_taken(tmp_path):
    os.mkfifo(tmp_path / NAME)
    assert "named pipe" in refused(tmp_path)


def test_a_folder_and_a_socket_are_refused(tmp_path):
    (tmp_path / NAME).mkdir()
    assert "a folder" in refused(tmp_path)
    (tmp_path / NAME).rmdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / NAME))
        assert "a socket" in refused(tmp_path)


def test_a_second_name_is_refused(tmp_path):
    (tmp_path / "labels.csv").write_bytes(b"{}")
    (tmp_path / NAME).hardlink_to(tmp_path / "labels.csv")
    assert "2 names" in refused(tmp_path)


def test_the_file_of_somebody_else_is_refused(tmp_path):
    (tmp_path / NAME).write_bytes(b"{}")
    assert "owned by uid" in refused(tmp_path, owner_uid=os.geteuid() + 1)


def test_a_file_too_long_by_one_byte_is_refused_with_both_numbers(tmp_path):
    (tmp_path / NAME).write_bytes(b"x" * 11)
    assert "11 bytes long" in refused(tmp_path, size_max=10)


def test_a_file_with_holes_is_refused(tmp_path):
    with (tmp_path / NAME).open("wb") as file:
        file.truncate(1 << 20)
    assert "sparse" in refused(tmp_path, size_max=1 << 30)


@pytest.mark.parametrize("name", ["../labels.csv", "/etc/passwd", "", ".", ".."])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path, name):
    with pytest.raises(HostileOutputError, match="not a plain name"):
        collect(tmp_path, name, size_max=10, owner_uid=None)

"""Uploads over a real connection: cut half-way, far too large, or read by another handler first."""

import secrets
import socket
import time
from urllib.parse import urlsplit

import pytest
import supplies
from django.conf import settings as conf
from django.test import Client

from liudu.platform.supply.models import Version

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.everywhere, pytest.mark.slow]
BOUNDARY = "a-boundary-of-the-form"


@pytest.fixture(autouse=True)
def private(settings, tmp_path):
    """A private folder of its own for each test."""
    settings.PRIVATE = tmp_path / "private"
    return settings.PRIVATE


@pytest.fixture
def whose():
    """A vendor."""
    return supplies.vendor()


@pytest.fixture
def head(live_server, whose):
    """Return the head of an upload that announces so many bytes, and where to send it."""
    path = f"/solutions/{supplies.solution(whose).key}/versions/new/"
    client = Client()
    client.force_login(whose.user, backend="allauth.account.auth_backends.AuthenticationBackend")
    client.get(path)
    cookies = {name: client.cookies[name].value for name in ("sessionid", "csrftoken")}
    place = urlsplit(live_server.url)

    def make(size_bytes):
        lines = [
            f"POST {path} HTTP/1.1",
            f"Host: {place.netloc}",
            f"Cookie: {'; '.join(f'{name}={value}' for name, value in cookies.items())}",
            f"X-CSRFToken: {cookies['csrftoken']}",
            f"Content-Type: multipart/form-data; boundary={BOUNDARY}",
            f"Content-Length: {size_bytes}",
            "Connection: close",
        ]
        return "\r\n".join([*lines, "", ""]).encode(), (place.hostname, place.port)

    return make


PART = (
    f"--{BOUNDARY}\r\n"
    'Content-Disposition: form-data; name="bundle"; filename="board.zip"\r\n'
    "Content-Type: application/zip\r\n\r\n"
).encode()
END = f"\r\n--{BOUNDARY}--\r\n".encode()


def files(private):
    """Return what lies in the private folder."""
    return [path for path in private.rglob("*") if path.is_file()] if private.exists() else []


def answered(connection):
    """Return all that the server says."""
    said = b""
    while block := connection.recv(65536):
        said += block
    return said.decode("utf-8", "replace")


def until(true, *, wait_s=20.0):
    """Wait for another thread to come so far, and say whether it did."""
    end = time.monotonic() + wait_s
    while not true() and time.monotonic() < end:
        time.sleep(0.02)
    return true()


def test_a_whole_upload_over_a_socket_is_taken(head, private):
    body = PART + supplies.zipped() + END
    start, place = head(len(body))
    with socket.create_connection(place) as connection:
        connection.sendall(start + body)
        assert answered(connection).startswith("HTTP/1.1 302")
    assert Version.objects.count() == 1
    assert len(files(private)) == 1


def test_an_upload_that_is_cut_half_way_leaves_nothing_behind(head, private):
    content = secrets.token_bytes(4 << 20)
    start, place = head(len(PART + content + END))
    with socket.create_connection(place) as connection:
        connection.sendall(start + PART + content[: 2 << 20])
        assert until(lambda: files(private)), "the upload never reached the disk"
    assert until(lambda: not files(private)), "half an upload was left on the disk"
    assert not Version.objects.exists()


def test_three_hundred_mebibytes_are_refused_before_they_are_sent(head, private):
    start, place = head(300 << 20)
    with socket.create_connection(place) as connection:
        connection.sendall(start + PART)
        connection.shutdown(socket.SHUT_WR)
        said = answered(connection)
    assert said.startswith("HTTP/1.1 413")
    assert f"{conf.BUNDLE_BYTES_MAX >> 20} MiB" in said
    assert files(private) == []

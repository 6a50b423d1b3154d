"""A server of the platform in a process and a home of its own, with the world in it."""

import contextlib
import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import attrs

HERE = Path(__file__).parent
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # nothing leaves this host
)
LANGUAGES = {"zh": "zh-hans", "en": "en"}
START_S = 120


@attrs.frozen
class City:
    """A running city: where it answers, the keys of what is in it, and its home."""

    url: str
    keys: dict
    home: Path


def environment(home):
    """Return the environment of a city's processes: nothing of the caller's own city."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("LIUDU_")},
        "LIUDU_HOME": str(home),
        "LIUDU_EMAIL": "memorymail://",
        "LIUDU_DEBUG": "0",
        "DJANGO_SETTINGS_MODULE": "liudu.platform.settings",
    }


def build(home):
    """Build the world in an empty home; return its keys."""
    made = subprocess.run(
        [sys.executable, str(HERE / "world.py")],
        env=environment(home),
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        raise RuntimeError(f"the world could not be built:\n{made.stderr[-4000:]}")
    return json.loads(made.stdout.splitlines()[-1])


def copied(world, home):
    """Copy a world to an empty home; the first who asks for it builds it. Return its keys."""
    with world.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        kept = world / "keys.json"
        if not kept.exists():
            shutil.rmtree(world, ignore_errors=True)
            world.mkdir()
            kept.write_text(json.dumps(build(world)), encoding="utf-8")
    shutil.copytree(world, home, dirs_exist_ok=True)
    return json.loads((home / "keys.json").read_text(encoding="utf-8"))


@contextlib.contextmanager
def city(home, keys=None):
    """Serve the world of a home, built if nobody did yet, and stop it at the end."""
    keys = keys or build(home)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (home / "server.log").open("w") as log:
        server = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "liudu.platform.wsgi", "--threads", "4"),
                *("--bind", f"127.0.0.1:{port}", "--worker-class", "gthread"),
            ],
            env=environment(home),
            stdout=log,
            stderr=log,
        )
        try:
            _wait(f"http://127.0.0.1:{port}/", server=server)
            yield City(f"http://127.0.0.1:{port}", keys, home)
        finally:
            server.terminate()
            server.wait(20)


def _wait(url, *, server):
    for _ in range(START_S * 5):
        if server.poll() is not None:
            break
        try:
            urllib.request.urlopen(url, timeout=5)  # noqa: S310 - our own server
        except urllib.error.HTTPError:
            return  # it answers; the tests say what
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise RuntimeError("the server did not start: see server.log in its home")


def log_in(browser, served, name):
    """Return the cookies of somebody who has logged in through the page of the login."""
    context = browser.new_context(base_url=served.url)
    page = context.new_page()
    if name != "visitor":
        page.goto("/accounts/login/?next=/")
        page.fill("#id_login", f"{name}@example.com")
        page.fill("#id_password", served.keys["password"])
        with page.expect_navigation():
            page.locator("main button[type=submit]").click()
        if "/accounts/login" in page.url:
            raise RuntimeError(f"{name} cannot log in: {page.inner_text('main')}")
    state = context.storage_state()
    context.close()
    return state


def path_of(name, look, keys):
    """Return the path of a route with the world's keys in it."""
    from django.urls import reverse  # noqa: PLC0415 - after the settings

    arguments = {argument: keys.get(key, key) for argument, key in look.arguments.items()}
    return reverse(name, kwargs=arguments) + look.query


def route_names():
    """Return the names of all routes, and the paths of those without a name."""
    from django.urls import URLResolver, get_resolver  # noqa: PLC0415 - after the settings

    def walk(resolver, space, path):
        for each in resolver.url_patterns:
            if isinstance(each, URLResolver):
                inner = f"{space}{each.namespace}:" if each.namespace else space
                yield from walk(each, inner, f"{path}{each.pattern}")
            else:
                yield f"{space}{each.name}" if each.name else f"{path}{each.pattern}"

    return list(walk(get_resolver(), "", "/"))

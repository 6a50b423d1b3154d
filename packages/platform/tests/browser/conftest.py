"""A browser, a city that it visits, and a tab for each actor and language."""

import os
from pathlib import Path

import attrs
import pytest

from browser.city import ARGUMENTS, CHROMIUM, LANGUAGES, city, copied, log_in
from browser.leftovers import written_in

DESK, TALL = 1280, 900


@attrs.define(eq=False, slots=False)  # playwright marks the listeners that it is given
class Tab:
    """A page of the browser, and what went wrong on it since its last visit.

    Attributes
    ----------
    outside
        Addresses that it asked for on another host.
    complaints
        What the browser wrote on its console: errors, and what the policy of the page forbids.

    """

    page: object
    home: str
    outside: list = attrs.field(factory=list)
    complaints: list = attrs.field(factory=list)

    def __attrs_post_init__(self):
        """Listen to the page."""
        self.page.on("request", self._asked)
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def visit(self, path):
        """Open a path in a wide window and return the answer."""
        self.outside.clear()
        self.complaints.clear()
        self.page.set_viewport_size({"width": DESK, "height": TALL})
        return self.page.goto(path)

    def _asked(self, request):
        if not request.url.startswith((self.home, "data:")):
            self.outside.append(request.url)

    def _said(self, message):
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium."""
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only where there is one

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def served(tmp_path_factory, worker_id):
    """The city, served; those who share a run copy the world that the first of them built.

    LIUDU_TEST_WORLD names a folder that keeps the world between runs, for who works on pages.
    """
    base = tmp_path_factory.getbasetemp()
    world = (base if worker_id == "master" else base.parent) / "world"
    home = tmp_path_factory.mktemp("city")
    keys = copied(Path(os.environ.get("LIUDU_TEST_WORLD", world)), home)
    with city(home, keys) as running:
        yield running


@pytest.fixture(scope="session")
def written(served):
    """Return what people and sources wrote in the city."""
    return written_in(served.home)


@pytest.fixture(scope="session")
def logins(browser, served):
    """Return the cookies of an actor; each logs in once."""
    kept = {}

    def cookies(name):
        if name not in kept:
            kept[name] = log_in(browser, served, name)
        return kept[name]

    return cookies


@pytest.fixture(scope="session")
def tabs(browser, served, logins):
    """Return the tab of an actor in a language; it stays open for all of their visits."""
    kept = {}

    def tab(actor, language):
        if (actor, language) not in kept:
            context = browser.new_context(base_url=served.url, storage_state=logins(actor))
            cookie = {"name": "django_language", "value": LANGUAGES[language], "url": served.url}
            context.add_cookies([cookie])
            kept[actor, language] = Tab(context.new_page(), served.url)
        return kept[actor, language]

    yield tab
    for each in kept.values():
        each.page.context.close()

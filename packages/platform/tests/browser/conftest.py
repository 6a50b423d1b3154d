"""A browser, a city that it visits, and everybody's login."""

import pytest

from browser.city import ARGUMENTS, CHROMIUM, LANGUAGES, city, log_in


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
def served(tmp_path_factory):
    """The city, served."""
    with city(tmp_path_factory.mktemp("city")) as running:
        yield running


@pytest.fixture(scope="session")
def logins(browser, served):
    """Return the cookies of an actor; each logs in once."""
    kept = {}

    def cookies(name):
        if name not in kept:
            kept[name] = log_in(browser, served, name)
        return kept[name]

    return cookies


@pytest.fixture
def open_page(browser, served, logins):
    """Open a path as somebody, in a language; whatever goes wrong is noted on the page."""
    contexts = []

    def opened(path, *, actor="visitor", language="zh", width=1280):
        context = browser.new_context(
            base_url=served.url,
            viewport={"width": width, "height": 900},
            storage_state=logins(actor),
        )
        contexts.append(context)
        cookie = {"name": "django_language", "value": LANGUAGES[language], "url": served.url}
        context.add_cookies([cookie])
        page = context.new_page()
        page.outside, page.complaints = [], []

        def at_the_border(route):
            if route.request.url.startswith((served.url, "data:")):
                route.continue_()
            else:
                page.outside.append(route.request.url)
                route.abort()

        def complain(message):
            if message.type in {"error", "warning"}:
                page.complaints.append(message.text)

        context.route("**/*", at_the_border)
        page.on("console", complain)
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.answer = page.goto(path)
        return page

    yield opened
    for context in contexts:
        context.close()

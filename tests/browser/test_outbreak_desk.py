"""The outbreak dashboard in a real browser: no barrier, no side scroll, no request elsewhere."""

import os
import re
import shutil
import subprocess
import sys

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
COMMAND = (sys.executable, "-c", "from liudu.outbreak.cli import main; main()")
PAGES = ("/", "/signals/1/", "/signals/1/cases", "/map", "/figures", "/quality", "/inbox",
         "/audit", "/users", "/?q=nothing", "/nowhere", "/bulletin.html")  # fmt: skip
VIOLATIONS = {"resultTypes": ["violations"]}  # to describe what is right takes axe as long again

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.xdist_group("desk"),  # it takes seconds to come up, once for all
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine"),
    pytest.mark.enable_socket,  # the driver of the browser speaks over local sockets
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """Return the address of a desk with simulated data, and the password of its users."""
    folder = tmp_path_factory.mktemp("desk") / "data"
    process = subprocess.Popen(
        [*COMMAND, "serve", "--demo", "--data", str(folder), "--port", "0", "--mail", "off"],
        env={**os.environ, "LIUDU_LANG": "en", "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    said = ""
    while "http://" not in said:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        said += line
    address = re.search(r"http://127\.0\.0\.1:\d+", said)[0]
    yield address, re.search(r"password: (\S+)", said)[1]
    process.terminate()
    process.communicate(timeout=30)


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only where there is one

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield opened
        opened.close()


@pytest.fixture
def signed_in(desk, browser):
    """Return a function that signs in without scripts and notes every request."""
    address, password = desk
    contexts = []

    def opened(*, language="zh", width=1280, user="administrator", scripts=True):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, java_script_enabled=scripts
        )
        context.add_cookies([{"name": "liudu_lang", "value": language, "url": address}])
        contexts.append(context)
        page = context.new_page()
        page.asked, page.address = [], address
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto(address + "/login")
        page.fill("input[name=username]", user)
        page.fill("input[name=password]", password)
        page.click("main button")
        return page

    yield opened
    for context in contexts:
        context.close()


@pytest.mark.parametrize(("language", "width"), [("zh", 1280), ("en", 1280), ("en", 390)])
def test_axe_finds_nothing_and_nothing_scrolls_sideways(signed_in, language, width):
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415

    page = signed_in(language=language, width=width)
    for path in PAGES:
        page.goto(page.address + path)
        found = Axe().run(page, options=VIOLATIONS)
        assert found.violations_count == 0, (path, found.generate_report())
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_no_request_leaves_the_desk(signed_in):
    page = signed_in()
    for path in PAGES:
        page.goto(page.address + path)

    assert len(page.asked) > len(PAGES)
    assert [url for url in page.asked if not url.startswith((page.address, "data:"))] == []


def test_a_signal_is_taken_to_its_end_without_scripts(signed_in):
    page = signed_in(language="en", scripts=False, user="investigator")
    page.goto(page.address + "/signals/1/")
    page.check("input[value=verifying]")
    page.fill("textarea", "Called the hospital.")
    page.click("text=Save")
    assert "Called the hospital." in page.inner_text(".history")
    page.check("input[value=closed]")
    page.select_option("select[name=outcome]", "outbreak")
    page.click("text=Save")
    assert "Outbreak confirmed" in page.inner_text(".pills")


def test_the_keyboard_reaches_content_first_and_then_the_pages(signed_in):
    page = signed_in()
    page.goto(page.address + "/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")


def test_a_detection_runs_in_the_background_and_ends_on_its_own(signed_in):
    page = signed_in(language="en")
    page.goto(page.address + "/")
    page.click("text=Evaluate newest week")
    page.wait_for_selector("text=Detection done", timeout=60_000)
    assert "Known ones seen again" in page.inner_text("main")

"""The report in a real browser: no request, no barrier, no side scroll, a click a language."""

import importlib.util
import shutil
from pathlib import Path

import pytest

from liudu.trial import keys
from liudu.trial.report import write_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
VIOLATIONS = {"resultTypes": ["violations"]}  # to describe what is right takes axe as long again
RUNS = Path(__file__).parents[2] / "packages" / "trial" / "tests" / "report" / "conftest.py"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine"),
    pytest.mark.enable_socket,  # the driver of the browser speaks over local sockets
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


def load_runs():
    specification = importlib.util.spec_from_file_location("run_folders", RUNS)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only where there is one

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Reports of several ends, by name."""
    runs = load_runs()
    cases = {
        "passed": {"worst": 3},
        "failed": {"verdict": "failed", "task": "detect", "worst": 3, "simulated": True},
        "undecided": {"verdict": "undecided", "worst": 0},
        "long": {"worst": 1, "name": "超长的方案名称" * 30 + "x" * 200},
    }
    folder = tmp_path_factory.mktemp("reports")
    key = keys.load_or_make(folder / "key.pem")[0]
    found = {}
    for name, wanted in cases.items():
        task, worst = wanted.get("task", "classify"), wanted.pop("worst")
        ids = [f"{name}{number}" for number in range(worst)]
        seal = runs.write_seal(folder / name / "seal", ids)
        content = runs.result(worst=tuple(runs.worst_of(task, ids)), **wanted)
        run = runs.write_run(folder / name / "run", content, seal=seal)
        found[name] = write_report(run, key=key, at=runs.AT, as_pdf=False).html
    return found


@pytest.fixture
def open_page(browser):
    """Return a function that opens a page and notes every request that it makes."""
    contexts = []

    def opened(path, *, width=1280):
        context = browser.new_context(viewport={"width": width, "height": 900})
        contexts.append(context)
        page = context.new_page()
        page.asked = []
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto(path.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()


NAMES = ["passed", "failed", "undecided", "long"]


@pytest.mark.parametrize("name", NAMES)
def test_no_request_leaves_the_page(pages, open_page, name):
    page = open_page(pages[name])
    outside = [url for url in page.asked if not url.startswith(("file:", "data:"))]
    assert page.asked
    assert outside == []


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("name", NAMES)
def test_axe_finds_nothing(pages, open_page, name, language):
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415

    page = open_page(pages[name])
    page.locator(f"#lang-{language}").check(force=True)
    found = Axe().run(page, options=VIOLATIONS)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("width", [320, 390, 1280])
@pytest.mark.parametrize("name", NAMES)
def test_nothing_scrolls_sideways(pages, open_page, name, width):
    page = open_page(pages[name], width=width)
    for language in ("zh", "en"):
        page.locator(f"#lang-{language}").check(force=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_one_click_changes_every_sentence(pages, open_page):
    page = open_page(pages["passed"])
    assert "兑现了全部 3 项承诺" in page.inner_text("h1")
    page.get_by_text("English", exact=True).click()
    assert "kept all 3 promises" in page.inner_text("h1")
    shown = page.evaluate("document.body.innerText")
    assert "漏检率" not in shown
    assert "Miss rate" in shown


def test_the_keyboard_reaches_the_switch_and_the_tables_in_reading_order(pages, open_page):
    page = open_page(pages["passed"])
    reached = []
    for _ in range(7):
        page.keyboard.press("Tab")
        place = "document.activeElement.getBoundingClientRect().top + scrollY"
        name = "document.activeElement.id || document.activeElement.className"
        reached.append((page.evaluate(name), page.evaluate(place)))
    assert [name for name, _ in reached][:3] == ["skip", "lang-zh", "scroll"]
    tops = [top for _, top in reached[2:]]
    assert tops == sorted(tops)
    page.locator("#lang-zh").focus()
    page.keyboard.press("ArrowRight")
    assert "kept all 3 promises" in page.inner_text("h1")


def test_the_language_of_every_sentence_is_marked(pages, open_page):
    page = open_page(pages["passed"])
    unmarked = page.evaluate(
        "[...document.querySelectorAll('.zh:not([lang=\"zh-CN\"]), .en:not([lang=en])')].length"
    )
    assert unmarked == 0


def test_every_picture_and_chart_has_a_name(pages, open_page):
    page = open_page(pages["failed"])
    nameless = page.evaluate(
        "[...document.querySelectorAll('[role=img]')].filter(e => !e.ariaLabel).length"
    )
    assert nameless == 0
    assert page.locator(".gallery img[aria-labelledby]").count() == 3

"""Every page in both languages, wide and narrow: whole, on this host, open to everybody."""

import pytest

from browser.city import path_of, route_names
from browser.routes import ROUTES, wanted

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.enable_socket,  # the driver of the browser speaks over local sockets
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

PAGES = sorted(name for name, look in ROUTES.items() if look.kind == "page")
FILES = sorted(name for name, look in ROUTES.items() if look.kind in {"file", "part"})
PHONE, DESK = 390, 1280
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def test_every_route_is_in_the_table():
    missing = sorted({name for name in route_names() if wanted(name)} - set(ROUTES))
    assert missing == [], "add a line for each of these to tests/browser/routes.py"


def test_the_table_names_no_route_that_is_gone():
    gone = sorted(set(ROUTES) - set(route_names()))
    assert gone == [], "take these lines out of tests/browser/routes.py"


@pytest.fixture(params=["zh", "en"])
def language(request):
    """Both languages."""
    return request.param


@pytest.fixture
def visit(open_page, served):
    """Open a route of the table."""

    def visited(name, **how):
        look = ROUTES[name]
        return open_page(path_of(name, look, served.keys), actor=look.actor, **how)

    return visited


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole_and_nobody_is_shut_out(visit, name, language):
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415

    page = visit(name, language=language, width=DESK)
    assert page.answer.status == 200, f"{page.url}: {page.inner_text('main')[:500]}"
    assert page.outside == [], "a request left the host"
    assert page.complaints == [], "the browser complained"
    assert page.locator("h1").count() == 1
    assert page.get_attribute("html", "lang") == {"zh": "zh-Hans", "en": "en"}[language]
    assert page.title().partition(" · ")[0].strip()
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": TAGS}})
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_a_phone(visit, name, language):
    page = visit(name, language=language, width=PHONE)
    wide = page.evaluate(
        """width => [...document.querySelectorAll("main *, header *, footer *")]
        .filter(e => e.getBoundingClientRect().right > width + 1 && !e.closest(
            ".table-scroll, .figure-chart, .visually-hidden, .board, pre"))
        .slice(0, 5).map(e => e.outerHTML.slice(0, 120))""",
        PHONE,
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE, wide


@pytest.mark.parametrize("name", PAGES)
def test_the_keyboard_finds_the_skip_link_and_always_sees_where_it_is(visit, name):
    page = visit(name, width=DESK)
    page.evaluate("document.activeElement?.blur()")
    page.evaluate("window.scrollTo(0, 0)")
    page.locator("body").focus()
    page.evaluate("document.querySelector('.skip').focus()")
    box = page.locator(".skip").bounding_box()
    assert box["x"] >= 0
    assert box["y"] >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    for _ in range(4):
        page.keyboard.press("Tab")
        shown = page.evaluate(
            """() => { const e = document.activeElement, s = getComputedStyle(e);
            return e === document.body || e.matches('.loop a')
                || (s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2) }"""
        )
        assert shown, page.evaluate("document.activeElement.outerHTML.slice(0, 200)")


@pytest.mark.parametrize("name", FILES)
def test_a_file_or_a_part_of_a_page_answers(name, served, browser, logins):
    look = ROUTES[name]
    context = browser.new_context(base_url=served.url, storage_state=logins(look.actor))
    answer = context.request.get(path_of(name, look, served.keys))
    assert answer.status == 200
    assert answer.body()
    context.close()

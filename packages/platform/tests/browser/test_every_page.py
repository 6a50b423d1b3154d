"""Every page in both languages, visited once each: whole, on this host, open to everybody."""

from urllib.parse import parse_qs, urlsplit

import pytest

from browser.city import path_of, route_names
from browser.leftovers import TEXTS, leftovers
from browser.routes import ROUTES, wanted
from liudu.platform.web.navigation import PLACES

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.enable_socket,  # the driver of the browser speaks over local sockets
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

PAGES = sorted(name for name, look in ROUTES.items() if look.kind == "page")
FILES = sorted(name for name, look in ROUTES.items() if look.kind in {"file", "part"})
BILINGUAL = {  # what shows both languages side by side, because that is what it is about
    "needs:check",
    "needs:history",
    "audit:list",
    "audit:line",
    "api:openapi-view",
}
PHONE, ZOOMED = 390, 640  # 640 is a wide window at 200 %
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
ASKED = {  # to describe what is right as well takes axe as long again as to find what is wrong
    "runOnly": {"type": "tag", "values": TAGS},
    "resultTypes": ["violations"],
}
TAB_STOPS = 4
TOO_WIDE = """width => document.documentElement.scrollWidth <= width ? [] :
  [...document.querySelectorAll("main *, header *, footer *")]
  .filter(e => e.getBoundingClientRect().right > width + 1 && !e.closest(
      ".table-scroll, .figure-chart, .visually-hidden, .board, pre"))
  .slice(0, 5).map(e => e.outerHTML.slice(0, 120)).concat("the page scrolls sideways")"""
FOCUS_SHOWN = """() => { const e = document.activeElement, s = getComputedStyle(e);
  return e === document.body || e.matches('.loop a')
      || (s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2)
      ? "" : e.outerHTML.slice(0, 200) }"""


def test_every_route_is_in_the_table():
    missing = sorted({name for name in route_names() if wanted(name)} - set(ROUTES))
    assert missing == [], "add a line for each of these to tests/browser/routes.py"


def test_the_table_names_no_route_that_is_gone():
    gone = sorted(set(ROUTES) - set(route_names()))
    assert gone == [], "take these lines out of tests/browser/routes.py"


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole_and_nobody_is_shut_out(name, language, tabs, served, written):
    look = ROUTES[name]
    path = path_of(name, look, served.keys)
    tab = tabs(look.actor, language)
    answer = tab.visit(path)
    page = tab.page

    assert answer.status == 200, f"{page.url}: {page.inner_text('main')[:500]}"
    assert urlsplit(page.url).path == urlsplit(path).path, "somebody else may see this page"
    assert page.locator("h1").count() == 1
    if name not in BILINGUAL:
        assert page.get_attribute("html", "lang") == {"zh": "zh-Hans", "en": "en"}[language]
    assert page.title().partition(" · ")[0].strip()
    here = page.locator(".bar-nav a[aria-current=page]").count()
    assert here <= 1
    assert here == 1 or name not in {place.route for place in PLACES}
    if name not in BILINGUAL:
        typed = "".join(parse_qs(look.query.removeprefix("?")).get("q", []))
        texts = page.evaluate(TEXTS)
        left = leftovers(texts, language=language, written=written, typed=typed)
        assert left == [], "texts of the other language"
    assert violations(page) == "", "who cannot see, hear or point is shut out"
    if language == "zh":
        assert unseen_stops(page) == [], "the keyboard is somewhere, and nothing shows it"
    for width in (ZOOMED, PHONE):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate(TOO_WIDE, width) == [], f"wider than {width} px"
    assert tab.outside == [], "a request left the host"
    assert tab.complaints == [], "the browser complained"


def violations(page):
    """Return what axe finds wrong, in words."""
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415

    found = Axe().run(page, options=ASKED)
    return found.generate_report() if found.violations_count else ""


def test_who_is_shut_out_is_told_by_element(browser):
    page = browser.new_page()
    page.set_content("<html><body><img src='data:,'><button></button></body></html>")
    found = violations(page)
    page.close()
    for rule in ("html-has-lang", "image-alt", "button-name", "document-title"):
        assert f"Rule Violated:\n{rule}" in found


def unseen_stops(page):
    """Follow the skip link and a few stops of the keyboard; return those that show no focus."""
    page.focus(".skip")
    box = page.locator(".skip").bounding_box()
    assert min(box["x"], box["y"]) >= 0, "the skip link stays out of sight"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    unseen = []
    for _ in range(TAB_STOPS):
        page.keyboard.press("Tab")
        unseen.append(page.evaluate(FOCUS_SHOWN))
    return [stop for stop in unseen if stop]


@pytest.mark.parametrize("name", FILES)
def test_a_file_or_a_part_of_a_page_answers(name, served, tabs):
    look = ROUTES[name]
    page = tabs(look.actor, "zh").page
    answer = page.context.request.get(path_of(name, look, served.keys))
    assert answer.status == 200
    assert answer.body()


def test_who_wants_no_motion_gets_none_and_forced_colours_keep_the_outlines(tabs, served):
    tab = tabs("officer", "zh")
    tab.page.emulate_media(reduced_motion="reduce", forced_colors="active")
    try:
        tab.visit(path_of("office:board", ROUTES["office:board"], served.keys))
        longest = tab.page.evaluate(
            "Math.max(0, ...document.getAnimations().map(a => a.effect.getTiming().duration))"
        )
        edges = tab.page.evaluate(
            "[...document.querySelectorAll('.card, .board-column, .badge')]"
            ".map(e => parseFloat(getComputedStyle(e).borderBottomWidth))"
        )
    finally:
        tab.page.emulate_media(reduced_motion="null", forced_colors="null")
    assert longest < 1
    assert edges
    assert min(edges) >= 1


def test_a_phone_shows_the_list_before_all_of_its_filters(tabs, served):
    tab = tabs("officer", "zh")
    tab.visit(path_of("needs:list", ROUTES["needs:list"], served.keys))
    more = tab.page.locator("details.filters-more")
    assert tab.page.locator("#f-sector").is_visible()
    tab.page.set_viewport_size({"width": PHONE, "height": 844})
    tab.page.locator("#f-sector").wait_for(state="hidden")
    assert tab.page.locator("#list .entry-title").first.bounding_box()["y"] < 700
    more.locator("summary").click()
    assert tab.page.locator("#f-sector").is_visible()

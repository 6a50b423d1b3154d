"""What asks once more before it is done can be read and clicked where it opens."""

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]
IN_SIGHT = """box => {
    const text = box.getBoundingClientRect();
    return text.width > 0 && text.left >= 0 && text.right <= document.documentElement.clientWidth;
}"""


@pytest.mark.parametrize("width", [390, 1000, 1280])
def test_a_box_that_asks_once_more_opens_inside_the_window(browser, served, logins, width):
    context = browser.new_context(
        base_url=served.url,
        storage_state=logins("officer"),
        viewport={"width": width, "height": 900},
    )
    page = context.new_page()
    seen = 0
    for path in (f"/certificates/{served.keys['certificate']}/", "/me/", "/office/board/"):
        page.goto(path)
        for asking in page.query_selector_all("main details.confirm"):
            if not asking.query_selector("summary").is_visible():
                continue  # within something that is closed
            # Where the layout puts it, and at the left, where most of them stand.
            for place in ("", "main"):
                if place:
                    asking.evaluate("each => document.querySelector('main').prepend(each)")
                elif not asking.is_visible():
                    continue  # a phone shows one column of the board at a time
                asking.query_selector("summary").click()
                assert asking.query_selector(".confirm-box").evaluate(IN_SIGHT), (path, place)
                asking.query_selector("summary").click()
                seen += 1
    context.close()
    assert seen

"""What only a browser shows of accounts: forms are taken as it sends them."""

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]
EMAIL, PASSWORD = "fresh.person@example.com", "quiet harbour lantern 8"


@pytest.fixture
def page_of(browser, served, logins):
    """Open a tab of somebody that nobody else has seen."""
    opened = []

    def make(name):
        context = browser.new_context(base_url=served.url, storage_state=logins(name))
        opened.append(context)
        return context.new_page()

    yield make
    for context in opened:
        context.close()


def test_an_invited_person_signs_up_by_the_link_and_joins(page_of, served):
    steward, guest = page_of("owner"), page_of("visitor")
    members = f"/organisations/{served.keys['organisation']}/members/"
    steward.goto(members)
    steward.fill("#id_email", EMAIL)
    with steward.expect_navigation():
        steward.locator("form[action$='/invitations/'] button[type=submit]").click()
    guest.goto(steward.inner_text("code.secret"))
    guest.locator("main a[href*='/accounts/signup/']").click()
    guest.fill("#id_email", EMAIL)
    guest.fill("#id_password1", PASSWORD)
    guest.fill("#id_password2", PASSWORD)
    with guest.expect_navigation():
        guest.locator("main form button[type=submit]").click()
    with guest.expect_navigation():
        guest.locator("main form button[type=submit]").click()
    assert guest.url.endswith(f"/organisations/{served.keys['organisation']}/")
    steward.goto(members)
    assert EMAIL in steward.inner_text("main table")

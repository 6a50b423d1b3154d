"""``liudu demo-check``: turns the rest of the demo's loop over HTTP, as its people would.

The officer releases the verdict, the vendor shows the certificate, and a visitor downloads and
verifies it. Ends with 0 if the certificate verifies.
"""

import re
import sys
import time
from http.cookiejar import CookieJar
from typing import Final
from urllib.parse import urlencode, urljoin
from urllib.request import HTTPCookieProcessor, OpenerDirector, Request, build_opener

import attrs
import click

from liudu.console import EXIT_NO, Console, with_console
from liudu.contract import Refusal
from liudu.platform.commands import start_django
from liudu.platform.commands.model_city import PASSWORD, PEOPLE
from liudu.trial import certificate

WAIT_S: Final = 900.0
POLL_S: Final = 1.0
TOKEN: Final = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


class NoVerdictInTimeError(Refusal):
    """The trial has no verdict."""

    machine = True
    en = "No verdict after {seconds:.0f} s (state: {state})."
    zh = "{seconds:.0f} 秒内没有结论（状态：{state}）。"


class TrialEndedError(Refusal):
    """The trial ended without a verdict."""

    machine = True
    en = "The trial ended without a verdict: {reason}"
    zh = "试验未出结论即终止：{reason}"


@attrs.define
class Visitor:
    """Somebody at a browser."""

    url: str
    opener: OpenerDirector = attrs.field(
        factory=lambda: build_opener(HTTPCookieProcessor(CookieJar()))
    )

    def get(self, path: str) -> bytes:
        """Return what a page says."""
        with self.opener.open(urljoin(self.url, path), timeout=60) as answer:
            content: bytes = answer.read()
        return content

    def post(self, path: str, *, form_at: str, **fields: str) -> None:
        """Send a form that stands on a page."""
        found = TOKEN.search(self.get(form_at).decode())
        fields["csrfmiddlewaretoken"] = found.group(1) if found else ""
        request = Request(  # noqa: S310 - our own pages
            urljoin(self.url, path),
            data=urlencode(fields).encode(),
            headers={"Referer": urljoin(self.url, form_at)},
        )
        with self.opener.open(request, timeout=60) as answer:
            answer.read()


@click.command(hidden=True)
@click.argument("url")
@with_console
def command(console: Console, url: str) -> None:
    """Wait for the verdict, release it, show the certificate, verify it as a visitor."""
    start_django()
    trial_key = _decided()
    _logged_in(url, "office").post(f"/trials/{trial_key}/release/", form_at=f"/trials/{trial_key}/")
    key, verdict = _certificate_of(trial_key)
    place = f"/certificates/{key}/"
    _logged_in(url, "vendor").post(f"{place}public/", form_at=place, public="yes")
    verified = _verified(Visitor(url).get(f"/certificates/{key}.json"))
    console.emit({"verdict": verdict, "certificate": urljoin(url, place), "verified": verified})
    console.say(
        zh=f"检查{'通过' if verified else '未通过'}：结论 {verdict}，证书 {urljoin(url, place)}",
        en=f"Check {'passed' if verified else 'failed'}: verdict {verdict}, {urljoin(url, place)}",
    )
    if not verified:
        sys.exit(EXIT_NO)


def _decided() -> str:
    """Wait for the verdict of the demo's trial; return its key."""
    from liudu.platform.commands.demo_seed import boards_need  # noqa: PLC0415 - after Django
    from liudu.platform.trials.models import Trial  # noqa: PLC0415

    until_s, state = time.monotonic() + WAIT_S, "none"
    while time.monotonic() < until_s:
        trial = boards_need().trials.order_by("-pk").first()
        state = trial.state if trial else "none"
        if trial and state == Trial.State.DECIDED:
            return trial.key
        if trial and state == Trial.State.ENDED:
            raise TrialEndedError(reason=trial.reason_en)
        time.sleep(POLL_S)
    raise NoVerdictInTimeError(seconds=WAIT_S, state=state)


def _logged_in(url: str, who: str) -> Visitor:
    email = next(person.email for person in PEOPLE if person.email.startswith(f"{who}@"))
    visitor = Visitor(url)
    visitor.post("/accounts/login/", form_at="/accounts/login/", login=email, password=PASSWORD)
    return visitor


def _certificate_of(trial_key: str) -> tuple[str, str]:
    from liudu.platform.supply.models import Certificate  # noqa: PLC0415 - after Django

    found = Certificate.objects.get(trial_key=trial_key)
    return found.key, found.verdict


def _verified(content: bytes) -> bool:
    """Return whether the document holds by itself: as signed, nothing changed."""
    from liudu.platform import clock  # noqa: PLC0415 - after Django has started

    return certificate.verify(certificate.parse(content), at=clock.now()).accepted

"""Take a picture of every page, wide and narrow, in both languages, for who works on the looks.

Run: python packages/platform/tests/browser/screenshots.py --out DIR [--only PART …]
With --readme it takes the four pictures of the README instead: wide, in Chinese, few colours.
"""

import argparse
import io
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from browser.city import ARGUMENTS, CHROMIUM, LANGUAGES, city, log_in, path_of
from browser.routes import ROUTES

WIDTHS = {"desk": 1280, "phone": 390}
README = {  # the name of a picture: its route and its height
    "home": ("front:home", 1010),
    "need": ("needs:detail", 1000),
    "trial": ("trials:trial", 1000),
    "board": ("office:board", 720),
}
COLOURS = 128


def main():
    """Build a city, visit it and keep the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the pictures")
    parser.add_argument("--readme", action="store_true", help="the pictures of the README")
    parser.add_argument("--only", nargs="*", default=[], help="parts of names of routes")
    parser.add_argument("--widths", nargs="*", default=list(WIDTHS), choices=list(WIDTHS))
    parser.add_argument("--languages", nargs="*", default=list(LANGUAGES), choices=list(LANGUAGES))
    chosen = parser.parse_args()
    os.environ["DJANGO_SETTINGS_MODULE"] = "liudu.platform.settings"
    with tempfile.TemporaryDirectory() as home:
        os.environ["LIUDU_HOME"] = home
        import django  # noqa: PLC0415 - after the settings are named

        django.setup()
        with city(Path(home)) as served:
            (take_for_readme if chosen.readme else take)(served, chosen)


def take_for_readme(served, chosen):
    """Take the pictures of the README, with a palette of few colours."""
    from PIL import Image  # noqa: PLC0415 - only for this
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only where there is one

    chosen.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        for picture, (name, height) in README.items():
            look = ROUTES[name]
            context = browser.new_context(
                base_url=served.url,
                viewport={"width": WIDTHS["desk"], "height": height},
                storage_state=log_in(browser, served, look.actor),
                locale="zh-CN",
            )
            page = context.new_page()
            page.goto(path_of(name, look, served.keys))
            taken = io.BytesIO(page.screenshot())
            few = Image.open(taken).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
            few.save(chosen.out / f"{picture}.png", optimize=True)
            context.close()
        browser.close()


def take(served, chosen):
    """Take the pictures that were asked for; say which page does not answer 200."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only where there is one

    chosen.out.mkdir(parents=True, exist_ok=True)
    names = [
        name
        for name, look in ROUTES.items()
        if look.kind == "page" and (not chosen.only or any(part in name for part in chosen.only))
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        logins = {}
        for name in names:
            look = ROUTES[name]
            if look.actor not in logins:
                logins[look.actor] = log_in(browser, served, look.actor)
            for language in chosen.languages:
                for width in chosen.widths:
                    context = browser.new_context(
                        base_url=served.url,
                        viewport={"width": WIDTHS[width], "height": 900},
                        storage_state=logins[look.actor],
                    )
                    cookie = {"name": "django_language", "value": LANGUAGES[language]}
                    context.add_cookies([{**cookie, "url": served.url}])
                    page = context.new_page()
                    answer = page.goto(path_of(name, look, served.keys))
                    file = chosen.out / f"{name.replace(':', '.')}.{language}.{width}.png"
                    page.screenshot(path=file, full_page=True)
                    sys.stdout.write(f"{answer.status} {file}\n")
                    context.close()
        browser.close()


if __name__ == "__main__":
    main()

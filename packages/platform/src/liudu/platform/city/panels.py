"""What this context adds to others' pages: in a demo, who can log in."""

import json
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from liudu.platform.web.panels import panel
from liudu.platform.words import Words


@panel(of="login", template="city/_demo_accounts.html", order=10)
def demo_accounts(request: HttpRequest, subject: object) -> dict[str, Any] | None:
    """Return the accounts of the demo; nothing on a platform that is none."""
    del request, subject
    path = settings.HOME / "demo" / "accounts.json"
    if not settings.DEMO or not path.is_file():
        return None
    rows = json.loads(path.read_text(encoding="utf-8"))
    return {"accounts": [row | {"who": Words(row["zh"], row["en"])} for row in rows]}

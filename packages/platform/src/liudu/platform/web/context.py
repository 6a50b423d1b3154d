"""What every page knows."""

from typing import Any

from django.http import HttpRequest

from liudu.platform.words import language


def everywhere(request: HttpRequest) -> dict[str, Any]:
    """Return the reader's language and who they are."""
    return {"language": language(), "actor": getattr(request, "actor", None)}

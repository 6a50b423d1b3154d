"""The API: what the pages do, for programs, with a token for each organisation."""

from importlib import import_module
from typing import Final

from ninja import NinjaAPI

CONTEXTS: Final = ("city", "identity", "needs", "supply", "trials", "funding", "office", "audit")

api = NinjaAPI(title="Liudu 六度", version="1", urls_namespace="api")
for context in CONTEXTS:
    api.add_router(
        f"/{context}", import_module(f"liudu.platform.{context}.api").router, tags=[context]
    )

"""The API of this context: translate, one call, translate."""

from ninja import Router

router = Router()

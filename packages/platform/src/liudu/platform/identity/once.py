"""A request with an idempotency key is done once, however often it comes."""

import hashlib
from collections.abc import Callable

from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse

from liudu.contract import Refusal
from liudu.platform import clock
from liudu.platform.actors import Actor
from liudu.platform.identity.models import KeptAnswer

API = "/api/"
HEADER = "Idempotency-Key"
KEY_LENGTH_MAX = 200
BODY_BYTES_MAX = 1 << 20  # of a kept answer
Next = Callable[[HttpRequest], HttpResponse]


class KeyUsedError(Refusal):
    """The key came before with another request."""

    en = "The Idempotency-Key {key} came before with another request: take a new key."
    zh = "Idempotency-Key {key} 已用于另一请求：请换一个新键。"
    status = 409


class KeyTooLongError(Refusal):
    """The key is empty or too long."""

    en = "An Idempotency-Key has 1 to {length_max} characters: take a UUID."
    zh = "Idempotency-Key 应为 1 至 {length_max} 个字符：可用 UUID。"


def answer_once(get_response: Next, *, refuse: Callable[[Refusal], HttpResponse]) -> Next:
    """Keep the answer to a JSON POST that carries a key, and give it again.

    The key, the deed and the answer stand or fall in one transaction: a crash in between leaves
    none of them, and of two requests at once the second waits and is given the first's answer.
    A refused request keeps nothing, so that it may be mended and sent again.
    """

    def answer(request: HttpRequest) -> HttpResponse:
        if not _asks(request):
            return get_response(request)
        actor: Actor = request.actor  # type: ignore[attr-defined]
        try:
            if not actor.known:
                return get_response(request)
            return _once(request, actor=actor, get_response=get_response)
        except Refusal as refusal:
            return refuse(refusal)

    return answer


def _asks(request: HttpRequest) -> bool:
    return (
        request.method == "POST"
        and request.path.startswith(API)
        and HEADER in request.headers
        and request.content_type == "application/json"
    )


def _once(request: HttpRequest, *, actor: Actor, get_response: Next) -> HttpResponse:
    key = request.headers[HEADER]
    if not 1 <= len(key) <= KEY_LENGTH_MAX:
        raise KeyTooLongError(length_max=KEY_LENGTH_MAX)
    digest = hashlib.sha256(request.get_full_path().encode() + b"\n" + request.body).hexdigest()
    whose = {"actor_key": f"{actor.key}@{actor.organisation_key}", "idempotency_key": key}
    with transaction.atomic():
        kept = _reserve(whose, digest=digest)
        if kept.status:
            return _again(kept, digest=digest)
        response = get_response(request)
        if response.status_code >= 400 or response.streaming:  # noqa: PLR2004 - refused
            transaction.set_rollback(True)
            return response
        kept.status = response.status_code
        kept.content_type = response.get("Content-Type", "")[:100]
        kept.body = response.content.decode()[:BODY_BYTES_MAX]
        kept.save()
        return response


def _reserve(whose: dict[str, str], *, digest: str) -> KeptAnswer:
    found = KeptAnswer.objects.filter(**whose).first()
    if found is not None:
        return found
    try:
        with transaction.atomic():
            return KeptAnswer.objects.create(**whose, request_digest=digest, created_at=clock.now())
    except IntegrityError:  # the other request was first, and has committed
        return KeptAnswer.objects.get(**whose)


def _again(kept: KeptAnswer, *, digest: str) -> HttpResponse:
    if kept.request_digest != digest:
        raise KeyUsedError(key=kept.idempotency_key)
    return HttpResponse(
        kept.body,
        status=kept.status,
        content_type=kept.content_type,
        headers={"Idempotent-Replayed": "true"},
    )

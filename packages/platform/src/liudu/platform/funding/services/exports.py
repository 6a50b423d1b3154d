"""Handing orders to the treasury: every order in one file only, every file kept as it was made."""

import csv
import hashlib
import io
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import Q

from liudu.platform.actors import Actor
from liudu.platform.audit.services import record
from liudu.platform.funding.models import Grant, PaymentExport, PaymentOrder

COLUMNS: Final = (
    "idempotency_key", "kind", "amount_yuan", "payee", "bank", "account", "policy", "rule",
    "period", "ordered_at",
)  # fmt: skip
PAID_STATES: Final = (Grant.State.ORDERED, Grant.State.PAID)
FORMULA_STARTS: Final = "=+-@|"


def handed_over() -> Q:
    """Return which orders an export takes: those that wait.

    A supplement or recovery of a grant whose payment came back waits for the new account.
    """
    return Q(state=PaymentOrder.State.WAITING, grant__state__in=PAID_STATES)


@transaction.atomic
def export_orders(*, by: Actor, at: datetime, simulated: bool = False) -> PaymentExport | None:
    """Hand the waiting orders to the treasury; None if none waits. Each is in one export only.

    The treasury's side must refuse an idempotency key that it knows.
    """
    rows = list(
        PaymentOrder.objects.select_for_update(of=("self",))
        .filter(handed_over(), grant__batch__simulated=simulated)
        .select_related("grant")
    )
    if not rows:
        return None
    text = orders_csv(rows)
    back = sum(one.amount_fen for one in rows if one.kind == PaymentOrder.Kind.RECOVERY)
    export = PaymentExport.objects.create(
        simulated=simulated,
        text=text,
        digest=digest_of(text),
        order_count=len(rows),
        pay_fen=sum(one.amount_fen for one in rows) - back,
        recover_fen=back,
        exported_at=at,
        exported_by=by.name,
    )
    PaymentOrder.objects.filter(pk__in=[row.pk for row in rows]).update(
        state=PaymentOrder.State.EXPORTED, exported_at=at, export=export
    )
    _tell("funding.orders.exported", export, by=by, at=at)
    return export


@transaction.atomic
def fetch_export(*, by: Actor, at: datetime, export: PaymentExport) -> bytes:
    """Return the file of an export, the same bytes each time; who fetched it is kept."""
    _tell("funding.orders.fetched", export, by=by, at=at)
    return export.text.encode()


def _tell(verb: str, export: PaymentExport, *, by: Actor, at: datetime) -> None:
    record(
        at=at,
        by=by,
        verb=verb,
        subject_kind="payment_export",
        subject_key=export.key,
        orders=export.order_count,
        pay_fen=export.pay_fen,
        recover_fen=export.recover_fen,
        digest=export.digest,
    )


def digest_of(text: str) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def orders_csv(orders: Sequence[PaymentOrder]) -> str:
    """Return orders as the treasury reads them: CSV with a byte order mark, amounts in yuan."""
    text = io.StringIO(newline="")
    text.write("\ufeff")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for one in orders:
        grant = one.grant
        yuan, fen = divmod(one.amount_fen, 100)
        writer.writerow(
            [
                one.idempotency_key,
                one.kind,
                f"{yuan}.{fen:02d}",
                harmless(grant.account_holder),
                harmless(grant.account_bank),
                # A tab keeps a spreadsheet from turning an account into a number.
                f"\t{grant.account_number}" if grant.account_number else "",
                grant.code,
                grant.rule,
                grant.period,
                one.ordered_at.isoformat(),
            ]
        )
    return text.getvalue()


def harmless(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula, and that reads as it is stored.

    Full-width signs start formulas too; marks that turn the direction of writing are left out.
    """
    shown = "".join(one for one in text if unicodedata.category(one) not in ("Cf", "Cc"))
    start = unicodedata.normalize("NFKC", shown.lstrip()[:1])
    return f"'{shown}" if start and start in FORMULA_STARTS else shown

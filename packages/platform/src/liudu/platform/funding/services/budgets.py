"""Programmes' budgets: who is served from them, in the order that the policy names."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from django.db.models import QuerySet, Sum

from liudu.contract import Refusal
from liudu.platform.funding.models import Batch, Grant, PaymentOrder
from liudu.rules import FactTable, Program, run, settle

# These take nothing from a budget.
GONE: Final = (Grant.State.REFUSED, Grant.State.OPTED_OUT, Grant.State.CLOSED)


class BudgetNotSetError(Refusal):
    """A programme's budget that nobody has set: nothing can be paid from it."""

    en = "The budget {budget} is not set: set its parameter first, then go on."
    zh = "预算 {budget} 尚未设定：请先设定参数，再继续。"


def locked_with_its_kin(batch: Batch) -> Batch:
    """Lock a delivery and all of the same policy, which may draw on the same budget; return it."""
    kin = Batch.objects.select_for_update(of=("self",)).select_related("pack")
    rows = kin.filter(code=batch.code, simulated=batch.simulated).order_by("pk")
    return next(one for one in rows if one.pk == batch.pk)


def serve_budgets(batch: Batch, program: Program, *, at: datetime) -> int:
    """Serve the grants from each programme's budget in its order; return how many go without.

    What deliveries of the same policy that were served before took from the budget is gone; one
    that is still being matched comes later. Once one cannot be paid in full nobody later is; the
    last one gets what is left where the policy says so. The batch is `locked_with_its_kin`.
    """
    turned_away = 0
    for limit in program.budgets.values():
        budget = limit.budget
        purse = _purse(program, budget.name)
        if budget.per != "programme" or batch.rule not in budget.rules:
            continue
        if purse is None:
            raise BudgetNotSetError(budget=budget.name)
        spent = _spent_fen(batch, budget.rules)
        turned_away += _serve(batch, budget.order, purse - spent, split=budget.split, at=at)
    return turned_away


def _spent_fen(batch: Batch, rules: Collection[str]) -> int:
    """Return what others hold of a budget: granted and added, less what has come back."""
    held = (
        Grant.objects.filter(code=batch.code, rule__in=rules, batch__simulated=batch.simulated)
        .exclude(batch=batch)
        .exclude(batch__stage=Batch.Stage.MATCHING)
        .exclude(state__in=(Grant.State.NO_BUDGET, *GONE))
    )
    added = PaymentOrder.objects.filter(grant__in=held, kind=PaymentOrder.Kind.SUPPLEMENT).exclude(
        state=PaymentOrder.State.CLOSED
    )
    back = PaymentOrder.objects.filter(
        grant__in=held, kind=PaymentOrder.Kind.RECOVERY, state=PaymentOrder.State.SETTLED
    )
    return _sum(held) + _sum(added) - _sum(back)


def _sum(rows: QuerySet[Grant] | QuerySet[PaymentOrder]) -> int:
    return int(rows.aggregate(sum=Sum("amount_fen"))["sum"] or 0)


def _purse(program: Program, budget: str) -> int | None:
    """Return a budget's limit as the rules settle it for nobody: a number or not set."""
    uses = settle(run(program, FactTable.of(program.pack.facts, {}, subjects=[]))).budgets
    return next((one.limit_fen for one in uses if one.budget == budget), None)


def _serve(batch: Batch, order: Sequence[str], left: int, *, split: bool, at: datetime) -> int:
    grants = list(
        batch.grants.exclude(state__in=(Grant.State.NO_BUDGET, *GONE)).select_related(
            "determination", "subject"
        )
    )
    places = {one.pk: _place(one, order) for one in grants}
    grants.sort(
        key=lambda one: (
            None in places[one.pk],
            [place or 0 for place in places[one.pk]],
            one.subject.key,
        )
    )
    turned_away, stopped = 0, False
    for grant in grants:
        stopped = stopped or None in places[grant.pk]
        pays = grant.amount_fen
        if stopped or pays > left:
            pays, stopped = (max(left, 0) if split and not stopped else 0), True
        left -= pays
        turned_away += pays == 0
        _pay_less(grant, pays, at=at)
    return turned_away


def _place(grant: Grant, order: Sequence[str]) -> list[int | None]:
    """Return where a grant stands in the queue; None where its place is not known."""
    facts = grant.determination.facts
    return [facts[name]["number"] if name in facts else None for name in order]


def _pay_less(grant: Grant, pays_fen: int, *, at: datetime) -> None:
    if pays_fen == grant.amount_fen:
        return
    grant.changed_at = at
    if pays_fen:
        grant.amount_fen = pays_fen
    else:
        grant.state = Grant.State.NO_BUDGET
    grant.save(update_fields=["state", "amount_fen", "changed_at"])

"""Offers to a need, the owner's answers, and whom to invite."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from liudu.contract import Refusal
from liudu.platform import clock
from liudu.platform.actors import Actor
from liudu.platform.needs.models import Need
from liudu.platform.needs.queries import visible_to
from liudu.platform.supply import queries, services
from liudu.platform.supply.forms import InviteForm, OfferForm
from liudu.platform.supply.models import Offer, Version
from liudu.platform.supply.paging import asked_for, page_of
from liudu.platform.web.doors import actor_at, door, require
from liudu.platform.words import both, language


@door("supply.be_vendor")
@require_http_methods(["GET", "HEAD", "POST"])
def offer(request: HttpRequest, key: str) -> HttpResponse:
    """Offer one of the own versions to a need."""
    actor = actor_at(request)
    need = _need(actor, key)
    if queries.vendor_of(actor.organisation_key) is None:
        messages.info(
            request, both("请先填写供方资料。", "First tell who you are: your vendor profile.")
        )
        return redirect("supply:profile")
    choices = queries.choices_for(need, actor=actor)
    fitting = [each for each in choices if not each.refusals and not each.offered]
    form = OfferForm(
        request.POST or None, choices=[(each.version.key, str(each.version)) for each in fitting]
    )
    if request.method == "POST" and form.is_valid():
        try:
            _offer(form, need=need, actor=actor)
        except Refusal as refusal:
            form.add_error("version", refusal.say(language()))
        else:
            messages.success(
                request, both("已提交，等待需求方答复。", "Offered: the owner will answer.")
            )
            return redirect("needs:detail", key=need.key)
    context = {
        "need": need,
        "form": form,
        "fitting": fitting,
        "others": [each for each in choices if each.refusals or each.offered],
        "chosen": form["version"].value() or (fitting[0].version.key if fitting else ""),
    }
    return render(request, "supply/offer.html", context, status=422 if form.errors else 200)


def _offer(form: OfferForm, *, need: Need, actor: Actor) -> Offer:
    try:
        version = queries.version_of_key(form.cleaned_data["version"])
    except Version.DoesNotExist as error:
        raise Http404 from error
    require(actor, "supply.offer_version", version, seen="supply.see_version")
    return services.offer_version(
        by=actor, at=clock.now(), need=need, version=version, note=form.cleaned_data["note"]
    )


@door("supply.answer")
@require_POST
def answer(request: HttpRequest, key: str) -> HttpResponse:
    """Admit an offer to trial, or decline it and say why."""
    asked = _found(request, key)
    require(actor_at(request), "supply.answer_offer", asked, seen="supply.see_offer")
    deed = {"admit": services.admit_offer, "decline": services.decline_offer}.get(
        request.POST.get("deed", "")
    )
    if deed is None:
        raise Http404
    try:
        deed(
            by=actor_at(request),
            at=clock.now(),
            offer=asked,
            answer=request.POST.get("answer", ""),
        )
    except Refusal as refusal:
        messages.error(request, both(refusal.say("zh"), refusal.say("en")))
    else:
        messages.success(request, both("已答复供方。", "The vendor has been answered."))
    return redirect("needs:detail", key=asked.need.key)


@door("supply.be_vendor")
@require_POST
def withdraw(request: HttpRequest, key: str) -> HttpResponse:
    """Take an own offer back."""
    asked = _found(request, key)
    require(actor_at(request), "supply.withdraw_offer", asked, seen="supply.see_offer")
    try:
        services.withdraw_offer(by=actor_at(request), at=clock.now(), offer=asked)
    except Refusal as refusal:
        messages.error(request, both(refusal.say("zh"), refusal.say("en")))
    else:
        messages.success(request, both("已撤回提交。", "The offer is withdrawn."))
    return redirect("needs:detail", key=asked.need.key)


@door("supply.answer")
@require_http_methods(["GET", "HEAD", "POST"])
def invite(request: HttpRequest, key: str) -> HttpResponse:
    """Ask vendors to look at a need."""
    actor = actor_at(request)
    need = _need(actor, key)
    require(actor, "supply.invite_vendor", need)
    form = InviteForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and _invite(request, need=need, form=form):
        return redirect("supply:invite", key=need.key)
    q = asked_for(request, "q")["q"]
    context = {
        "need": need,
        "form": form,
        "q": q,
        "page": page_of(queries.not_invited(need, q=q), request=request),
        "invitations": queries.invitations_to(need)[:100],
    }
    return render(request, "supply/invite.html", context, status=422 if form.errors else 200)


def _invite(request: HttpRequest, *, need: Need, form: InviteForm) -> bool:
    vendor = queries.vendor_of(form.cleaned_data["vendor"])
    if vendor is None:
        raise Http404
    try:
        services.invite_vendor(
            by=actor_at(request),
            at=clock.now(),
            need=need,
            vendor=vendor,
            message=form.cleaned_data["message"],
        )
    except Refusal as refusal:
        form.add_error(None, refusal.say(language()))
        return False
    messages.success(request, both(f"已邀请 {vendor}。", f"{vendor} is invited."))
    return True


def _need(actor: Actor, key: str) -> Need:
    return get_object_or_404(visible_to(actor), key=key)


def _found(request: HttpRequest, key: str) -> Offer:
    try:
        asked = queries.offer_for(key)
    except Offer.DoesNotExist as error:
        raise Http404 from error
    require(actor_at(request), "supply.see_offer", asked, seen="supply.see_offer")
    return asked

"""Every route of the platform: who visits it, and which of the world's objects it shows.

A route that is missing here fails `test_every_page.py`. Add one line for a new route:

- a page: ``"needs:detail": Visit(key="need")``; the keyword is the route's argument, its value a
  key that `world.py` prints; ``actor`` is who may see it (visitor if nobody is named);
- a part of a page for htmx, a file, a document for programs: the same with ``kind``;
- what only takes a form: ``POST``.
"""

from collections.abc import Mapping
from typing import Literal

import attrs

Kind = Literal["page", "part", "file", "post"]


@attrs.frozen(kw_only=True)
class Look:
    """How a route is visited.

    Attributes
    ----------
    actor
        Who visits: a name of `world.PEOPLE`, ``new`` or ``visitor``.
    kind
        ``page`` is looked at in full; ``part`` and ``file`` only have to answer 200; ``post``
        takes no GET.
    arguments
        Of the route, each as the name of a key of the world, or as it is if there is none.
    query
        What follows the path.

    """

    actor: str = "visitor"
    kind: Kind = "page"
    arguments: Mapping[str, str] = attrs.field(factory=dict)
    query: str = ""


def Visit(actor="visitor", *, kind="page", query="", **arguments):  # noqa: N802 - reads as a noun
    """Return how a route is visited."""
    return Look(actor=actor, kind=kind, query=query, arguments=arguments)


POST = Look(kind="post")

ROUTES = {
    # front
    "front:home": Visit(),
    "front:cases": Visit(),
    "front:case": Visit(key="certificate"),
    "front:search": Visit(query="?q=焊点"),
    "set_language": POST,
    # needs
    "needs:list": Visit(),
    "needs:new": Visit("owner"),
    "needs:detail": Visit(key="proven_need"),
    "needs:step": Visit("owner", key="draft", step="problem"),
    "needs:check": Visit("owner", key="draft"),
    "needs:plan": Visit("owner", kind="post"),
    "needs:publish": POST,
    "needs:withdraw": POST,
    "needs:duplicate": POST,
    "needs:history": Visit("owner", key="need"),
    "needs:import": Visit("officer"),
    "needs:import_template": Visit("officer", kind="file"),
    "needs:import_run": Visit("officer", key="import_run"),
    "needs:export": Visit("officer", kind="file"),
    "needs:import_report": Visit("officer", kind="file", key="import_run"),
    "needs:import_resume": POST,
    # trials
    "trials:list": Visit(),
    "trials:start": POST,
    "trials:trial": Visit(key="trial"),
    "trials:live": Visit("officer", kind="part", key="trial"),
    "trials:cancel": POST,
    "trials:release": POST,
    # a document by itself, tested by the tests of trials (tests/browser/test_report_page.py)
    "trials:report": Visit("owner", kind="file", key="trial"),
    "trials:report_pdf": Visit("owner", kind="file", key="trial"),
    "trials:seal": Visit("owner", key="waiting_need"),
    # supply
    "supply:solutions": Visit(),
    "supply:new_solution": Visit("vendor"),
    "supply:solution": Visit(key="solution"),
    "supply:edit_solution": Visit("vendor", key="solution"),
    "supply:upload": Visit("vendor", key="solution"),
    "supply:version": Visit("vendor", key="solution", number="1"),
    "supply:check": Visit("vendor", kind="part", key="solution", number="1"),
    "supply:recheck": POST,
    "supply:bundle": Visit("vendor", kind="file", key="solution", number="1"),
    "supply:vendors": Visit(),
    "supply:mine": Visit("vendor"),
    "supply:profile": Visit("vendor"),
    "supply:vendor": Visit(key="vendor"),
    "supply:offer": Visit("vendor", key="waiting_need"),
    "supply:invite": Visit("officer", key="need"),
    "supply:answer": Visit("owner", kind="post"),
    "supply:withdraw": POST,
    "supply:certificate": Visit(key="certificate"),
    "supply:certificate_document": Visit(kind="file", key="certificate"),
    "supply:show_certificate": POST,
    "supply:revoke_certificate": POST,
    # identity
    "identity:me": Visit("owner"),
    "identity:choose": POST,
    "identity:organisations": Visit("operator"),
    "identity:found": Visit("new"),
    "identity:organisation": Visit("owner", key="organisation"),
    "identity:edit_organisation": Visit("owner", key="organisation"),
    "identity:leave": POST,
    "identity:members": Visit("owner", key="organisation"),
    "identity:set_roles": POST,
    "identity:remove_member": POST,
    "identity:invite": POST,
    "identity:withdraw_invitation": POST,
    "identity:renew_invitation": POST,
    "identity:users": Visit("operator"),
    "identity:user": Visit("operator", user_key="owner_key"),
    "identity:deactivate_user": POST,
    "identity:activate_user": POST,
    "identity:clear_factors": POST,
    "identity:tokens": Visit("owner", key="organisation"),
    "identity:confirm_credit_code": POST,
    "identity:revoke_token": POST,
    "identity:invitation": Visit("new", token="invitation"),  # noqa: S106 - a key of the world
    # audit
    "audit:list": Visit("auditor"),
    "audit:line": Visit("auditor", number="1"),
    "audit:export": Visit("auditor", kind="file"),
    "audit:verify": POST,
    # city
    "city:home": Visit(),
    "city:district": Visit(code="district"),
    "city:sector": Visit(code="sector"),
    "city:sources": Visit(),
    "city:source": Visit(code="source"),
    "city:enterprises": Visit(),
    "city:parks": Visit(),
    "city:published": Visit(),
    "city:item": Visit(code="item"),
    "city:gaps": Visit(),
    "city:fact": Visit(code="fact"),
    "city:verify": POST,
    # funding
    "funding:home": Visit(),
    "funding:calendar": Visit(),
    "funding:mine": Visit("owner"),
    "funding:answer": POST,
    "funding:skip": POST,
    "funding:apply": POST,
    "funding:withdraw": POST,
    "funding:facts": Visit("owner"),
    "funding:add_project": POST,
    "funding:imports": Visit("officer"),
    "funding:import_run": Visit("officer", key="fact_import"),
    "funding:policies": Visit(),
    "funding:policy": Visit(code="policy"),
    "funding:version": Visit(code="policy", number="1"),
    "funding:set_parameter": POST,
    "funding:check_clause": POST,
    "funding:sandbox": Visit("officer"),
    "funding:determination": Visit("officer", key="determination"),
    "funding:grants": Visit("officer"),
    "funding:grant": Visit("officer", key="grant"),
    "funding:letter": Visit("officer", key="grant"),
    "funding:confirm_account": POST,
    "funding:opt_out": POST,
    "funding:object": POST,
    "funding:review": POST,
    "funding:recover": POST,
    "funding:answer_objection": POST,
    "funding:deliveries": Visit("officer"),
    "funding:delivery": Visit("officer", key="delivery"),
    "funding:matching": Visit("officer", kind="part", key="delivery"),
    "funding:published": Visit(key="delivery"),
    "funding:step": POST,
    "funding:orders": Visit("officer"),
    "funding:export": POST,
    "funding:export_run": Visit("officer", key="export"),
    "funding:export_file": POST,
    "funding:settle": POST,
    "funding:answers": POST,
    "funding:return_order": POST,
    "funding:send_again": POST,
    "funding:close_order": POST,
    # office
    "office:mine": Visit("owner"),
    "office:board": Visit("officer"),
    "office:run": POST,
    "office:views": Visit("officer"),
    "office:view_share": POST,
    "office:view_delete": POST,
    # accounts
    "account_login": Visit(),
    "account_logout": Visit("owner"),
    "account_signup": Visit(),
    "account_inactive": Visit(),
    "account_email": Visit("owner"),
    "account_change_password": Visit("owner"),
    "account_reset_password": Visit(),
    "account_reset_password_done": Visit(),
    "account_reset_password_from_key_done": Visit(),
    "account_reset_password_from_key": Visit(uidb36="1", key="wrong"),
    "account_confirm_email": Visit(key="wrong"),
    "account_email_verification_sent": Visit(),
    "account_reauthenticate": Visit("owner"),
    "account_set_password": POST,  # only for who has none
    "account_confirm_login_code": POST,  # only after a code was sent
    "usersessions_list": Visit("owner"),
    "mfa_index": Visit("owner"),
    "mfa_reauthenticate": POST,  # only for who has a second factor
    "mfa_authenticate": POST,
    "mfa_activate_totp": POST,  # asks for the password first: tested by the tests of identity
    "mfa_deactivate_totp": POST,
    "mfa_view_recovery_codes": POST,
    "mfa_generate_recovery_codes": POST,
    "mfa_download_recovery_codes": POST,
    # the API is tested against its own description; these two are pages of it
    "api:openapi-view": Visit(),
    "api:openapi-json": Visit(kind="file"),
    "api:api-root": POST,  # names the API for `reverse`; it answers nothing
}


def wanted(name):
    """Return whether a route has to be in the table: operations of the API test themselves."""
    return not name.startswith("api:") or name in {
        "api:openapi-view",
        "api:openapi-json",
        "api:api-root",
    }

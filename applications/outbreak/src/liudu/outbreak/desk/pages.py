"""The pages: translate the request, call once, translate the answer."""

import csv
import io
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth import login as open_session
from django.contrib.auth import logout as close_session
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme

from liudu.contract import Refusal
from liudu.outbreak.clock import now
from liudu.outbreak.commands.report import FORMATS, provenance, rendered
from liudu.outbreak.desk import queries, services, watching
from liudu.outbreak.desk.audit import checked, record
from liudu.outbreak.desk.decisions import OUTCOMES, ROLES, STATES, next_states
from liudu.outbreak.desk.middleware import COOKIE, language_of
from liudu.outbreak.desk.models import Entry, Line, Member, Message, Rule, Run, Signal
from liudu.outbreak.desk.permissions import needs, public
from liudu.outbreak.desk.settings import DAY_S, secret
from liudu.outbreak.report import Request, bulletin
from liudu.outbreak.report.build import (
    district_map,
    evaluation,
    quality_table,
    shown_count,
    weeks_table,
)
from liudu.outbreak.report.charts import epidemic_curve, sparkline
from liudu.outbreak.report.curves import Curve
from liudu.outbreak.signals import PRIORITIES
from liudu.outbreak.text import Text

PAGE_ROWS: Final = 25
TRIES_MAX: Final = 8
LOCKED_S: Final = 900
THRESHOLD: Final = 5
TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "pdf": "application/pdf",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}
VERBS: Final = (
    "cases.seen", "signal.", "signals.exported", "bulletin.", "detection.", "login", "user.",
    "rule.", "page.refused",
)  # fmt: skip
PURPOSES: Final = {
    "verify": Text("核实信号", "Verify the signal"),
    "investigate": Text("现场调查", "Field investigation"),
    "quality": Text("核对数据", "Check the data"),
}
VALUES: Final = {
    "female": Text("女", "female"),
    "male": Text("男", "male"),
    "diverse": Text("其他", "diverse"),
    "unknown": Text("不详", "unknown"),
    "confirmed": Text("确诊", "confirmed"),
    "probable": Text("临床诊断", "probable"),
    "suspected": Text("疑似", "suspected"),
    "carrier": Text("病原携带", "carrier"),
}
WORDS: Final = {
    "values": VALUES,
    "states": STATES,
    "outcomes": OUTCOMES,
    "roles": ROLES,
    "priorities": PRIORITIES,
    "purposes": PURPOSES,
}


def _page(
    request: HttpRequest,
    template: str,
    *,
    status: int = 200,
    **content: Any,  # noqa: ANN401 - whatever the template shows
) -> HttpResponse:
    shown = {**WORDS, "here": template, **content}
    return render(request, f"desk/{template}.html", shown, status=status)


def _places() -> Mapping[str, Text]:
    """Return the names of districts; none where the grid cannot be read, which the map says."""
    try:
        return watching.store().tiles().labels
    except Refusal:
        return {}


def _member(request: HttpRequest) -> Member:
    return Member.objects.select_related("user").get(user=request.user.pk)


def _user(request: HttpRequest) -> User:
    return User.objects.get(pk=request.user.pk)


def refused(request: HttpRequest) -> HttpResponse:
    """Say that the role does not allow this."""
    return _page(request, "told", status=403, kind="refused")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Say that a form was too old or came from elsewhere."""
    del reason
    return _page(request, "told", status=403, kind="csrf")


@public
def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Say that there is nothing here."""
    del exception
    return _page(request, "told", status=404, kind="absent")


def failed(request: HttpRequest) -> HttpResponse:
    """Say that the program failed."""
    return _page(request, "told", status=500, kind="failed")


@public
def health(request: HttpRequest) -> HttpResponse:
    """Answer that the desk is up."""
    del request
    return HttpResponse("ok", content_type="text/plain")


@public
def language(request: HttpRequest) -> HttpResponse:
    """Change the language and go back to where the reader was."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    answer = redirect(_inside(request, request.POST.get("next", "/")))
    wish = "en" if request.POST.get("lang") == "en" else "zh"
    answer.set_cookie(COOKIE, wish, max_age=365 * DAY_S, samesite="Lax", httponly=True)
    return answer


def _inside(request: HttpRequest, path: str) -> str:
    safe = url_has_allowed_host_and_scheme(path, allowed_hosts=None) and path.startswith("/")
    return path if safe else "/"


@public
def login(request: HttpRequest) -> HttpResponse:
    """Open a session; after eight failures in a row a name waits a quarter of an hour."""
    if request.user.is_authenticated:
        return redirect("/")
    after = _inside(request, request.POST.get("next") or request.GET.get("next") or "/")
    if request.method != "POST":
        return _page(request, "login", after=after)
    name = request.POST.get("username", "").strip()[:150]
    key = f"tries:{name}"
    if cache.get(key, 0) >= TRIES_MAX:
        return _page(request, "login", status=429, after=after, name=name, locked=True)
    user = authenticate(request, username=name, password=request.POST.get("password", ""))
    if user is None:
        cache.set(key, cache.get(key, 0) + 1, LOCKED_S)
        record(at=now(), actor=name, verb="login.failed")
        return _page(request, "login", status=401, after=after, name=name, wrong=True)
    cache.delete(key)
    open_session(request, user)
    record(at=now(), actor=user.get_username(), verb="login")
    return redirect(after)


@public
def logout(request: HttpRequest) -> HttpResponse:
    """Close the session."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if request.user.is_authenticated:
        record(at=now(), actor=request.user.get_username(), verb="logout")
    close_session(request)
    return redirect("/login")


@needs("viewer")
def signals(request: HttpRequest) -> HttpResponse:
    """List the signals by priority."""
    member = _member(request)
    wishes = {key: str(value) for key, value in request.GET.items()}
    pages = Paginator(queries.filtered(member, wishes), PAGE_ROWS)
    page = pages.get_page(request.GET.get("page"))
    rows = [(signal, sparkline(Curve.of_json(signal.curve))) for signal in page.object_list]
    everything = queries.signals_of(member)
    kept = {key: value for key, value in wishes.items() if key != "page" and value}
    return _page(
        request, "signals", rows=rows, page=page, wishes=wishes, found=pages.count,
        choices=queries.choices(member), run=queries.last_run(), merit=queries.merit_of(member),
        running=Run.objects.filter(state="running").first(), any=everything.exists(),
        open_count=everything.filter(state__in=queries.OPEN).count(),
        urgent_count=everything.filter(state__in=queries.OPEN, priority__lte=2).count(),
        query=urlencode(kept),
        latest=Run.objects.first(), filtered=bool(kept),
        places=_places(),
    )  # fmt: skip


def _signal(request: HttpRequest, pk: int) -> Signal:
    return get_object_or_404(queries.signals_of(_member(request)), pk=pk)


@needs("viewer")
def signal(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one signal: its curve, its weeks, its triage."""
    found = _signal(request, pk)
    Message.objects.filter(signal=found, user=request.user.pk, read_at=None).update(read_at=now())
    return _signal_page(request, found)


def _signal_page(
    request: HttpRequest,
    found: Signal,
    *,
    status: int = 200,
    problem: Refusal | None = None,
) -> HttpResponse:
    curve = Curve.of_json(found.curve)
    moments = [
        ("signal", found.raised_at), ("verifying", found.verified_at),
        ("suspected", found.suspected_at), ("investigating", found.investigating_at),
        ("closed", found.closed_at if found.state == "closed" else None),
    ]  # fmt: skip
    place = list(STATES).index(found.state)
    draft = request.POST if problem is not None else {}
    return _page(
        request, "signal", status=status, signal=found, curve=curve,
        chart=_chart(found, curve), table=weeks_table(curve, threshold=0),
        late=curve.provisional[-1], next_states=next_states(found.state),
        steps=[(name, at, index < place, index == place)
               for index, (name, at) in enumerate(moments)],
        entries=Entry.objects.filter(signal=found),
        problem=problem and problem.say(language_of(request)),
        draft=draft, has_cases=watching.store().has_cases,
    )  # fmt: skip


def _chart(found: Signal, curve: Curve) -> dict[str, Any]:
    key = f"chart:{found.pk}:{found.last_week}:{hash(str(found.curve))}"
    drawn = cache.get(key)
    if drawn is None:
        chart = epidemic_curve(curve, name=f"signal-{found.pk}")
        drawn = {"alt": chart.alt, "zh": chart.zh, "en": chart.en}
        cache.set(key, drawn, DAY_S)
    return dict(drawn)


@needs("investigator")
def step(request: HttpRequest, pk: int) -> HttpResponse:
    """Move a signal on, add a note, or take it over."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    found = _signal(request, pk)
    wish, note = request.POST.get("to", ""), request.POST.get("note", "")
    user, at = _user(request), now()
    version = request.POST.get("version", "")
    try:
        if wish == "note":
            services.add_note(found, note=note, user=user, at=at)
        elif wish == "owner":
            services.take_over(found, user=user, at=at)
        else:
            services.take_step(
                found, to=wish, version=int(version) if version.isdecimal() else 0, note=note,
                outcome=request.POST.get("outcome", ""), user=user, at=at,
            )  # fmt: skip
    except services.TakenInBetweenError as problem:
        return _signal_page(request, _signal(request, pk), status=409, problem=problem)
    except Refusal as problem:
        return _signal_page(request, found, status=422, problem=problem)
    return redirect(f"/signals/{pk}/")


@needs("investigator")
def cases(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the line list behind a signal for a purpose; every look is written down."""
    found = _signal(request, pk)
    weeks = [found.week] + ([found.last_week] if found.last_week != found.week else [])
    week = request.POST.get("week", found.last_week)
    purpose = request.POST.get("purpose", "")
    if request.method != "POST" or purpose not in PURPOSES or week not in weeks:
        return _page(request, "cases", signal=found, weeks=weeks, shown=None)
    data = watching.store()
    try:
        key = secret(settings.LIUDU_SITE.own / "pseudonyms").encode()
        calendar = data.configuration().calendar
        shown = data.behind(found.series, week=week, calendar=calendar, key=key)
    except Refusal as refusal:
        problem = refusal.say(language_of(request))
        return _page(request, "cases", status=422, signal=found, weeks=weeks, problem=problem)
    services.note_access(
        found, pseudonyms=[case.pseudonym for case in shown], purpose=purpose,
        user=_user(request), at=now(),
    )  # fmt: skip
    return _page(
        request, "cases", signal=found, weeks=weeks, week=week, purpose=purpose, shown=shown
    )


@needs("viewer")
def export(request: HttpRequest) -> HttpResponse:
    """Return the signals as CSV, small counts hidden."""
    member = _member(request)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        ["id", "week", "disease", "district", "series", "priority", "cases", "expected",
         "detector", "state", "outcome", "raised_at", "verified_at", "closed_at"]
    )  # fmt: skip
    found = queries.filtered(member, {k: str(v) for k, v in request.GET.items()})
    for row in found:
        cells = [
            row.pk, row.week, row.disease, row.district, row.name, row.priority,
            shown_count(row.observed, threshold=THRESHOLD).en,
            "" if row.expected is None else f"{row.expected:.1f}", row.detector, row.state,
            row.outcome, row.raised_at, row.verified_at, row.closed_at,
        ]  # fmt: skip
        writer.writerow([_harmless(cell) for cell in cells])
    record(at=now(), actor=member.user.get_username(), verb="signals.exported", rows=len(found))
    answer = HttpResponse("\ufeff" + out.getvalue(), content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = 'attachment; filename="signals.csv"'
    return answer


def _harmless(cell: object) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    text = "" if cell is None else str(cell)
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text


@needs("viewer")
def district_page(request: HttpRequest) -> HttpResponse:
    """Show open signals on the grid of districts."""
    member, run = _member(request), queries.last_run()
    found = queries.signals_of(member).filter(state__in=queries.OPEN)
    own = member.districts
    watched = {name: n for name, n in (run.watched if run else {}).items() if name}
    only = [name for name in watched if not own or name in own]
    if not only:
        return _page(request, "map", chart=None)
    data = watching.store()
    try:
        names, tiles = data.names(), data.tiles().over(only)
    except Refusal as refusal:
        said = refusal.say(language_of(request))
        return _page(request, "told", status=422, kind="said", said=said)
    labels = {
        name: Text(names[name], names[name]) if label.zh == name and name in names else label
        for name, label in tiles.labels.items()
    }
    chart, table = district_map(
        type(tiles)(positions=tiles.positions, labels=labels),
        signals=Counter(signal.district for signal in found), watched=watched, only=only,
    )  # fmt: skip
    drawn = {"alt": chart.alt, "zh": chart.zh, "en": chart.en}
    return _page(request, "map", chart=drawn, table=table, run=run)


@needs("viewer")
def figures(request: HttpRequest) -> HttpResponse:
    """Show response times, PPV so far, and the last backtest with the silent detector's row."""
    member = _member(request)
    return _page(
        request, "figures", merit=queries.merit_of(member), diseases=queries.by_disease(member),
        evaluation=evaluation(watching.store().backtest()),
    )  # fmt: skip


@needs("viewer")
def quality(request: HttpRequest) -> HttpResponse:
    """Show what the import did to each row, and what was not decided."""
    content = watching.store().quality()
    return _page(
        request, "quality", quality=content, table=quality_table(content), run=queries.last_run()
    )


@needs("viewer")
def paper(request: HttpRequest, kind: str) -> HttpResponse:
    """Return the bulletin of the newest week as page, PDF or Word, small counts hidden."""
    if kind not in FORMATS:
        raise Http404
    member, data = _member(request), watching.store()
    try:
        configuration, table = data.configuration(), data.table()
        projection = data.projection(table)
        labels = [table.label(index) for index in range(table.counts.shape[1])]
        made = bulletin(
            Request(
                table=table, configuration=configuration, week=table.counts.shape[1] - 1,
                made_at=timezone.localtime(now()).strftime("%Y-%m-%d %H:%M"),
                simulated=settings.LIUDU_SITE.simulated, tiles=data.tiles(),
                quality=data.quality(), backtest=data.backtest(),
                provisional=projection.last_weeks(labels), projected=projection.medians,
                threshold=THRESHOLD,
                districts=frozenset(member.districts) or None,
                provenance=provenance(data.sources(), config=None),
            )
        )  # fmt: skip
    except Refusal as refusal:
        said = refusal.say(language_of(request))
        return _page(request, "told", status=422, kind="said", said=said)
    record(at=now(), actor=member.user.get_username(), verb="bulletin.made", subject=made.week)
    answer = HttpResponse(
        rendered(made, kind=kind, language=language_of(request)), content_type=TYPES[kind]
    )
    if kind == "html":
        answer.headers["Content-Security-Policy"] = (
            "default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'none'"
        )
    else:
        name = f"bulletin-{made.week}.{kind}"
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@needs("investigator")
def refresh(request: HttpRequest) -> HttpResponse:
    """Begin a detection over the newest week."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    try:
        run = watching.start(by=request.user.get_username())
    except services.AlreadyRunningError:
        under_way = Run.objects.filter(state="running").first()
        return redirect(f"/runs/{under_way.pk}/" if under_way else "/")
    return redirect(f"/runs/{run.pk}/")


@needs("viewer")
def run_page(request: HttpRequest, pk: int) -> HttpResponse:
    """Show how far a detection is; the page asks again every two seconds while it runs."""
    run = get_object_or_404(Run, pk=pk)
    answer = _page(request, "run", run=run, percent=round(100 * run.done / max(run.total, 1)))
    if run.state == "running":
        answer.headers["Refresh"] = "2"
    return answer


@needs("viewer")
def inbox(request: HttpRequest) -> HttpResponse:
    """Show what a member was told of, and the rules by which."""
    member = _member(request)
    user = _user(request)
    if request.method == "POST":
        _change_rules(request, user=user)
        return redirect("/inbox")
    allowed = queries.signals_of(member).values("pk")
    found = Message.objects.filter(user=user, signal__in=allowed).select_related("signal")
    pages = Paginator(found, PAGE_ROWS)
    return _page(
        request, "inbox", page=pages.get_page(request.GET.get("page")),
        rules=Rule.objects.filter(user=user),
        choices=_rule_choices(member), places=_places(),
    )  # fmt: skip


def _rule_choices(member: Member) -> dict[str, list[str]]:
    run = queries.last_run()
    districts = [name for name in (run.watched if run else {}) if name]
    own = member.districts or districts
    known = queries.choices(member)
    return {"disease": known["disease"], "district": sorted({*own, *known["district"]})}


def _change_rules(request: HttpRequest, *, user: User) -> None:
    wish, name = request.POST.get("do", ""), user.get_username()
    if wish == "read":
        Message.objects.filter(user=user, read_at=None).update(read_at=now())
    elif wish == "remove" and request.POST.get("rule", "").isdecimal():
        gone, _ = Rule.objects.filter(user=user, pk=int(request.POST["rule"])).delete()
        if gone:
            record(at=now(), actor=name, verb="rule.removed", subject=request.POST["rule"])
    elif wish == "add":
        priority = request.POST.get("priority", "4")
        rule = Rule.objects.create(
            user=user, disease=request.POST.get("disease", "")[:300].strip(),
            district=request.POST.get("district", "")[:300].strip(),
            priority_max=int(priority) if priority in {"1", "2", "3", "4"} else 4,
            email=bool(request.POST.get("email")),
        )  # fmt: skip
        record(at=now(), actor=name, verb="rule.added", subject=str(rule.pk))


@needs("administrator")
def audit(request: HttpRequest) -> HttpResponse:
    """Show the audit, newest first, and whether its chain holds."""
    chain = checked(list(Line.objects.order_by("number").values()))
    found = Line.objects.order_by("-number")
    wish = request.GET.get("verb", "")
    if wish:
        found = found.filter(verb__startswith=wish[:60])
    actor = request.GET.get("actor", "")
    if actor:
        found = found.filter(actor=actor[:150])
    page = Paginator(found, 100).get_page(request.GET.get("page"))
    return _page(request, "audit", chain=chain, page=page, verb=wish, actor=actor, verbs=VERBS)


@needs("administrator")
def users(request: HttpRequest) -> HttpResponse:
    """List members and change what they may see and do."""
    problem = None
    if request.method == "POST":
        member = get_object_or_404(Member, pk=request.POST.get("member") or 0)
        given = request.POST.get("districts", "").replace("，", ",").replace("、", ",").split(",")
        try:
            services.change_member(
                member, role=request.POST.get("role", ""),
                districts=[name.strip() for name in given if name.strip()],
                active=bool(request.POST.get("active")), email=request.POST.get("email", "")[:254],
                at=now(), by=request.user.get_username(),
            )  # fmt: skip
        except Refusal as refusal:
            problem = refusal.say(language_of(request))
        else:
            return redirect("/users")
    members = Member.objects.select_related("user").order_by("user__username")
    status = 422 if problem else 200
    return _page(request, "users", status=status, members=members, problem=problem)

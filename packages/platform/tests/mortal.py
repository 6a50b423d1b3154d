# ruff: noqa: E402 - Django is set up before what needs it
"""A delivery by processes that are killed: run as a program beside a database of its own.

Each step of the procedure is taken by a forked process that kills itself (SIGKILL) at a chosen
point: before its n-th statement, before a commit or just after one. It is started again, with
the next point, until the step is done. What was not committed is gone, so that counting begins
anew after each commit: all points of all transactions are met, or a seeded share of them.

Run: python mortal.py deliver SEED SHARE     prints {"kills": {step: count}, "problems": […]}
     python mortal.py pair SEED ROUNDS       two workers at once, of which one is killed
     python mortal.py hinder SEED HOW        a worker whose database is away, locked or full
"""

import json
import logging
import os
import random
import resource
import signal
import sys
import threading
import time
import traceback
from datetime import UTC, date, datetime, timedelta

import django

django.setup()

from django.db import DatabaseError, connection
from django.db.models import Count, Sum

from liudu.platform import clock
from liudu.platform.actors import SYSTEM
from liudu.platform.audit.models import Line
from liudu.platform.audit.queries import verify_chain
from liudu.platform.funding import queries, services
from liudu.platform.funding.models import (
    Batch,
    Determination,
    FactRow,
    Grant,
    GrantEvent,
    Objection,
    PaymentExport,
    PaymentOrder,
    PaymentReturn,
)
from liudu.platform.funding.queries import recompute
from liudu.platform.funding.services import delivery, matching, payments
from liudu.platform.funding.services.payments import NetChangedError
from liudu.platform.funding.services.policies import sound_pack, store_pack
from liudu.platform.trials.work import run_worker

ON = date(2026, 11, 20)
AT = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
PACK = """
pack: killed-support
version: "1"
title: {zh: 扶持, en: support}
source: {issuer: 市人社局, document: 仅供测试, verified: false}
valid: {from: 2025-01-01}
facts:
  lives_here: {type: bool, label: 在苏居住, bureau: 公安局}
  rent: {type: money, unit: yuan, label: 租金, bureau: 住建局, max: 100000}
  applied: {type: date, label: 登记日期, bureau: 住建局}
  paid_before: {type: money, unit: yuan, label: 已付, bureau: 人社局, max: 1000000}
parameters:
  purse: {type: money, unit: yuan, label: 预算, values: {2025-01-01: 10000}}
  each: {type: money, unit: yuan, label: 每人, values: {2025-01-01: 20000}}
  moving: {type: money, unit: yuan, label: 搬家, values: {2025-01-01: 1000}}
rules:
  rent-aid:
    title: 租金
    clause: 一
    bureau: 人社局
    subject: person
    automatic: true
    when:
      - {atom: lives_here, say: 在苏居住}
    amount: rent
    payment_months: [11]
    given: {lives_here: true, rent: 900, paid_before: 0}
    tests:
      - {name: 符合, on: 2026-11-20, expect: {status: eligible, amount_yuan: 900}}
      - {name: 不在, on: 2026-11-20, given: {lives_here: false}, expect: {status: ineligible}}
  moving-aid:
    title: 搬家
    clause: 二
    bureau: 人社局
    subject: person
    automatic: true
    when:
      - {atom: lives_here, say: 在苏居住}
    amount: moving
    payment_months: [11]
    given: {lives_here: true}
    tests:
      - {name: 符合, on: 2026-11-20, expect: {status: eligible, amount_yuan: 1000}}
      - {name: 不在, on: 2026-11-20, given: {lives_here: false}, expect: {status: ineligible}}
budgets:
  year: {title: 预算, rules: [rent-aid, moving-aid], limit: purse, per: programme,
         order: [applied], split: true}
  life: {title: 每人, rules: [rent-aid, moving-aid], limit: each, per: subject, paid: paid_before}
"""
PEOPLE = (  # rent in yuan, day of application
    ("P0", 1500, "2026-01-03"),
    ("P1", 900, "2026-01-01"),
    ("P2", 1200, "2026-01-02"),
    ("P3", 2000, "2026-01-05"),
    ("P4", 700, "2026-01-04"),
)
RENT_FEN = sum(rent for _, rent, _ in PEOPLE) * 100
PURSE_FEN = 1_000_000
CITY_COUNT = len(PEOPLE)


def world():
    """Load the policy and the facts, and open two deliveries that share a purse."""
    pack, _ = sound_pack(PACK, file="killed.yaml")
    store_pack(by=SYSTEM, at=AT, pack=pack, text=PACK, reason="test")
    rows = "".join(f"{ref},是,{rent},{day},0\n" for ref, rent, day in PEOPLE)
    services.import_facts(
        by=SYSTEM,
        at=AT,
        file_name="facts.csv",
        content=f"subject,lives_here,rent,applied,paid_before\n{rows}".encode(),
        kind="person",
        bureau="人社局",
    )
    version = queries.version_of("killed-support", on=ON)
    for rule, share in (("rent-aid", 0.0), ("moving-aid", 1.0)):
        services.open_batch(by=SYSTEM, at=AT, version=version, rule=rule, on=ON, sample_share=share)


def load_another():
    """Load a text by which most get less."""
    text = PACK.replace("amount: rent", "amount: min(rent, moving)")
    pack, _ = sound_pack(text, file="killed.yaml")
    store_pack(by=SYSTEM, at=AT, pack=pack, text=text, reason="test")


def batch_of(rule):
    return Batch.objects.select_related("pack").get(rule=rule)


def both(name):
    """Return a step that is one call for each delivery."""

    def step(**said):
        for rule in ("rent-aid", "moving-aid"):
            getattr(services, name)(batch=batch_of(rule), **said)

    return step


def ask(rule):
    """Return a step that leaves the matching to workers, as for a large city."""

    def step(**said):
        services.ask_matching(batch=batch_of(rule), **said)

    return step


def work(**_):
    """Be workers until everything asked for is matched."""
    while Batch.objects.filter(stage="matching", matching_by__isnull=False).exists():
        work_once()


def work_once(**_):
    """Be a worker; what a dead one left is brought back as if its time had passed."""
    for batch in Batch.objects.filter(stage="matching", matching_until__isnull=False):
        services.resume_matching(at=batch.matching_until + timedelta(seconds=1))
    run_worker(once=True, idle_s=0.01)


def confirm(**said):
    for grant in Grant.objects.filter(state="notified").order_by("pk"):
        services.confirm_account(
            grant=grant, holder="=甲,乙", bank="苏州银行", number="00622200001111", **said
        )


def approve(**said):
    for grant in Grant.objects.filter(state="review").order_by("pk"):
        services.approve_grant(grant=grant, **said)


def export(**said):
    while PaymentOrder.objects.filter(state="waiting").exists():
        services.export_orders(**said)


def send_back(**said):
    """Have the treasury return two payments; after a crash it says so again."""
    for rule in ("rent-aid", "moving-aid"):
        order = PaymentOrder.objects.get(grant__rule=rule, grant__subject__ref="P1")
        services.return_order(order=order, reason="账号已销户", attempt=1, **said)


def settle(**said):
    for order in PaymentOrder.objects.filter(state="exported").order_by("pk"):
        services.settle_order(order=order, reference=f"T{order.pk}", **said)


def objected():
    return Grant.objects.get(rule="rent-aid", subject__ref="P4")


def raise_objection(**said):
    if not objected().objections.exists():
        services.raise_objection(grant=objected(), text="租金录入有误", **said)


def answer(**said):
    objection = Objection.objects.get()
    if objection.state == "open":
        services.answer_objection(
            objection=objection, upheld=True, answer="属实", amount_fen=80_000, **said
        )


def recover(**said):
    """Send the form of a recovery once more after each crash, as it was first shown."""
    grant = Grant.objects.get(rule="rent-aid", subject__ref="P3")
    try:
        services.recover_grant(
            grant=grant, amount_fen=50_000, reason="多付", seen_fen=200_000, **said
        )
    except NetChangedError:
        assert grant.orders.filter(kind="recovery").count() == 1


STEPS = {
    "ask": ask("rent-aid"),
    "match": work,
    "ask-second": ask("moving-aid"),
    "match-second": work,
    "approve": approve,
    "notify": both("notify_batch"),
    "confirm": confirm,
    "order": both("order_payments"),
    "export": export,
    "return": send_back,
    "confirm-again": confirm,
    "order-again": both("order_payments"),
    "export-anew": export,
    "settle": settle,
    "publish": both("publish_batch"),
    "object": raise_objection,
    "answer": answer,
    "recover": recover,
    "export-again": export,
    "settle-again": settle,
    "archive": both("archive_batch"),
}


def never_twice():
    """Return what is wrong in between: it may never be."""
    found = []
    ordered = PaymentOrder.objects.filter(kind="payment")
    if ordered.order_by().values("grant").annotate(n=Count("pk")).filter(n__gt=1).exists():
        found.append("a grant is ordered twice")
    paid = ordered.aggregate(sum=Sum("amount_fen"))["sum"] or 0
    if paid > PURSE_FEN:
        found.append(f"the budget is exceeded: {paid}")
    alike = Grant.objects.order_by().values("subject", "rule").annotate(n=Count("pk"))
    if alike.filter(n__gt=1).exists():
        found.append("a subject has two grants of one rule")
    keys = [
        key for text in PaymentExport.objects.values_list("text", flat=True) for key in of(text)
    ]
    if len(keys) != len(set(keys)):
        found.append("one key is handed over twice")
    return found


def of(text):
    """Return the keys of the orders in a file for the treasury."""
    return [line.split(",")[0] for line in text.splitlines()[1:]]


def at_the_end():
    """Return what is wrong after all."""
    found = never_twice()
    orders = PaymentOrder.objects
    sums = dict(orders.values_list("kind").annotate(sum=Sum("amount_fen")).order_by())
    want = {"payment": PURSE_FEN, "supplement": 10_000, "recovery": 50_000}
    states = set(orders.values_list("state", "grant__state"))
    counts = {
        "sums": (sums, want),
        "states": (states, {("settled", "paid")}),
        "rent": (_sum(Grant.objects.filter(rule="rent-aid")), RENT_FEN),
        "orders": (
            orders.filter(kind="payment").count(),
            Grant.objects.filter(state="paid").count(),
        ),
        "served": (Grant.objects.exclude(state__in=("paid", "no_budget")).count(), 0),
        "stages": (set(Batch.objects.values_list("stage", flat=True)), {"archived"}),
        "matched": (set(Batch.objects.values_list("subject_count", flat=True)), {CITY_COUNT}),
        "facts": (FactRow.objects.filter(origin="platform").count(), orders.count()),
        "told": (
            Line.objects.filter(verb="funding.grant.paid").count(),
            orders.filter(kind="payment").count(),
        ),
        "returned": (
            set(PaymentReturn.objects.values_list("order__attempt", "order__state")),
            {(2, "settled")},
        ),
        "returns": (PaymentReturn.objects.count(), 2),
        "told of returns": (Line.objects.filter(verb="funding.grant.returned").count(), 2),
        "files": (
            {
                key
                for text in PaymentExport.objects.values_list("text", flat=True)
                for key in of(text)
            },
            set(orders.values_list("idempotency_key", flat=True))
            | set(PaymentReturn.objects.values_list("idempotency_key", flat=True)),
        ),
        "events": (_events("paid"), orders.filter(kind="payment").count()),
        "archived": (Line.objects.filter(verb="funding.batch.archived").count(), 2),
        "chain": (verify_chain().broken, None),
        "recomputed": (
            [one.pk for one in Determination.objects.all() if not recompute(one).same],
            [],
        ),
    }
    found += [f"{name}: {had} is not {due}" for name, (had, due) in counts.items() if had != due]
    for ref, _, _ in PEOPLE:
        live = FactRow.objects.get(subject__ref=ref, name="paid_before", superseded_by__isnull=True)
        net = sum(
            -one.amount_fen if one.kind == "recovery" else one.amount_fen
            for one in orders.filter(grant__subject__ref=ref)
        )
        if int(live.value) != net:
            found.append(f"{ref} was paid {net}, counted is {live.value}")
    return found


def _sum(grants):
    return sum(grants.values_list("amount_fen", flat=True))


def _events(kind):
    return GrantEvent.objects.filter(kind=kind).count()


class Killer:
    """Counts statements and commits of its process, and kills it at one of them."""

    def __init__(self, point, told):
        self.left, self.told, self.wrote = point, told, False

    def __call__(self, execute, sql, params, many, context):
        """Run a statement, or die before it."""
        self.count()
        self.wrote = self.wrote or sql.startswith(("INSERT", "UPDATE", "DELETE"))
        return execute(sql, params, many, context)

    def count(self):
        """Die if the point is reached."""
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch_commits(self):
        """Die before or after a commit too, and tell the parent of each that changed something."""
        real = connection._commit

        def commit():
            self.count()
            made = real()
            if self.wrote:
                os.write(self.told, b"c")
            self.wrote = False
            self.count()
            return made

        connection._commit = commit


def start(deed):
    """Fork and run a deed; return the process and the pipe on which it tells."""
    hear, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(hear)
        code = 70
        try:
            deed(tell)
            code = 0
        except BaseException:  # noqa: BLE001 - a forked process ends here, whatever happens
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    os.close(tell)
    return child, os.fdopen(hear, "rb")


def in_a_child(deed):
    """Fork, run a deed and return how the process ended, and what it told."""
    child, pipe = start(deed)
    with pipe:
        told = pipe.read()
    return os.waitpid(child, 0)[1], told


def attempt(step, point):
    """Take a step until a point; return (how it ended, whether it committed anything)."""

    def deed(tell):
        problems = never_twice()
        if problems:
            raise AssertionError(problems)
        killer = Killer(point, tell)
        killer.watch_commits()
        with connection.execute_wrapper(killer):
            step(by=SYSTEM, at=AT)

    return in_a_child(deed)


def until_done(step, *, chance, share):
    """Take a step with a kill at each point, or at a share of them; return how many kills.

    A worker commits that it lives before it works: there the points only rise.
    """
    kills, point = 0, 1
    while True:
        while chance.random() >= share:
            point += 1
        ended, told = attempt(step, point)
        if not os.WIFSIGNALED(ended):
            if ended:
                raise SystemExit(f"a step failed: {ended}")
            return kills
        kills += 1
        point = 1 if told and step is not work else point + 1


def deliver(seed, share):
    """Deliver from the matching to the archive, dying all the time."""
    chance = random.Random(seed)  # noqa: S311 - of points
    kills = {
        name: until_done(step, chance=chance, share=float(share)) for name, step in STEPS.items()
    }
    return kills, at_the_end()


def pair(seed, rounds):
    """Match two deliveries by two workers at once; one of them is killed, again and again."""
    chance, kills = random.Random(seed), 0  # noqa: S311 - of points
    for rule in ("rent-aid", "moving-aid"):
        ask(rule)(by=SYSTEM, at=AT)
    connection.close()
    for _ in range(int(rounds)):
        beside, _ = start(lambda _: work_once())
        ended, _ = attempt(work_once, chance.randrange(5, 60))
        kills += os.WIFSIGNALED(ended)
        if os.waitpid(beside, 0)[1]:
            raise SystemExit("the other worker failed")
    work()
    granted = Grant.objects.exclude(state="no_budget")
    counts = {
        "matched": (set(Batch.objects.values_list("stage", "subject_count")), {("matched", 5)}),
        "grants": (Grant.objects.count(), 2 * CITY_COUNT),
        "granted": (_sum(granted), PURSE_FEN),
    }
    problems = [f"{name}: {had} is not {due}" for name, (had, due) in counts.items() if had != due]
    return {"pair": kills}, problems + never_twice()


def hinder(_, how):
    """Match by one worker that goes on by itself once its database is there again.

    Before its third chunk it says so and waits for a line, while the database is taken away; a
    full disk is a limit of the size of files of this process, which is lifted again.
    """
    matching.SILENT_MAX = timedelta(seconds=0.2)
    if connection.vendor == "sqlite":
        connection.settings_dict["OPTIONS"]["timeout"] = 1  # of 20 seconds, in which to be bored
    ask("rent-aid")(by=SYSTEM, at=AT)
    real, chunks = delivery._Matching.write, iter(range(99))

    def write(*args, **said):
        if next(chunks) == 1:
            size = resource.getrlimit(resource.RLIMIT_FSIZE)
            if how == "full":
                resource.setrlimit(resource.RLIMIT_FSIZE, (1, size[1]))
                threading.Thread(target=_make_room_when_told, args=(size,), daemon=True).start()
            else:
                print("halfway", flush=True)  # noqa: T201
                sys.stdin.readline()
        return real(*args, **said)

    delivery._Matching.write = write
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    threading.Thread(target=_stop_when_matched, daemon=True).start()
    run_worker(idle_s=0.05)
    batch = batch_of("rent-aid")
    counts = {
        "stage": (batch.stage, "matched"),
        "subjects": (batch.subject_count, CITY_COUNT),
        "grants": (batch.grants.count(), CITY_COUNT),
        "granted": (_sum(batch.grants.all()), RENT_FEN),
        "chain": (verify_chain().broken, None),
    }
    return {}, [f"{name}: {had} is not {due}" for name, (had, due) in counts.items() if had != due]


def _make_room_when_told(size):
    sys.stdin.readline()
    resource.setrlimit(resource.RLIMIT_FSIZE, size)


def _stop_when_matched():
    """Bring back what is silent, as a second worker would, and stop the worker in the end."""
    while True:
        time.sleep(0.3)
        try:
            if batch_of("rent-aid").stage == "matched":
                break
            services.resume_matching(at=clock.now())
        except DatabaseError:
            pass
        finally:
            connection.close()
    os.kill(os.getpid(), signal.SIGTERM)


def main():
    """Do what is asked for and tell what came of it."""
    mode, seed, much = sys.argv[1:]
    logging.getLogger().setLevel(logging.WARNING)

    delivery.CHUNK, payments.CHUNK, matching.AT_ONCE_MAX = 2, 2, 1
    world()
    connection.close()
    kills, problems = {"deliver": deliver, "pair": pair, "hinder": hinder}[mode](int(seed), much)
    connection.close()
    print(json.dumps({"kills": kills, "problems": problems}, ensure_ascii=False))  # noqa: T201


if __name__ == "__main__":
    main()

"""Detection over the newest week, from the data folder to signals."""

import threading
from datetime import datetime

import attrs
from django.conf import settings
from django.db import connection

from liudu.contract import Refusal
from liudu.outbreak.clock import now
from liudu.outbreak.configuration import Configuration
from liudu.outbreak.desk.cases import Store
from liudu.outbreak.desk.models import Run
from liudu.outbreak.desk.services import begin_run, raise_signal
from liudu.outbreak.report.curves import curves
from liudu.outbreak.signals import district_of, evaluate

STAGES = 3  # reading, deciding, drawing; then one step for each signal


def store() -> Store:
    """Return the data folder of this desk."""
    return Store(folder=settings.LIUDU_SITE.folder)


def start(*, by: str) -> Run:
    """Begin a detection in the background and return its row.

    Raises
    ------
    AlreadyRunningError

    """
    run = begin_run(at=now(), by=by)
    threading.Thread(target=_in_background, args=(run,), daemon=True).start()
    return run


def _in_background(run: Run) -> None:
    try:
        detect_newest(run)
    finally:
        connection.close()


def detect_newest(run: Run) -> None:
    """Evaluate the newest week; whatever goes wrong is said in the row."""
    try:
        _detect(run, at=run.started_at)
        run.state = "done"
    except Refusal as refusal:
        run.state, run.message_zh, run.message_en = "failed", refusal.say("zh"), refusal.say("en")
    except Exception as error:  # noqa: BLE001 - a thread has nobody above it to tell
        kind = type(error).__name__
        run.state = "failed"
        run.message_zh = f"检测未完成：程序出错（{kind}）。请把此信息告诉维护者。"
        run.message_en = f"The detection failed: {kind}. Tell those who maintain the program."
    run.ended_at = now()
    run.save()


def _detect(run: Run, *, at: datetime) -> None:
    data = store()
    configuration = data.configuration()
    table = data.table()
    _advance(run, done=1)
    week = table.counts.shape[1] - 1
    found = evaluate(table, configuration=without_quiet(configuration), week=week)
    run.week, run.week_number = found.label, table.first_week + week
    run.series, run.missing, run.too_short = found.series, found.missing, found.too_short
    for key in table.keys:
        name = district_of(dict(zip(table.columns, key, strict=True)))
        run.watched[name] = run.watched.get(name, 0) + 1
    run.total = STAGES + len(found.raised)
    _advance(run, done=2)
    projection = data.projection(table)
    labels = [table.label(index) for index in range(week + 1)]
    drawn = curves(
        table, configuration=configuration, rows=[one.row for one in found.raised], week=week,
        alpha=found.alpha, provisional=projection.last_weeks(labels),
        projected=projection.medians,
    )  # fmt: skip
    _advance(run, done=STAGES)
    names = data.names()
    for place, (raised, curve) in enumerate(zip(found.raised, drawn, strict=True), start=1):
        signal = raise_signal(
            raised, curve=curve, week=found.label, week_number=table.first_week + week,
            quiet_days=_quiet_days(configuration, disease=raised.disease),
            simulated=settings.LIUDU_SITE.simulated, names=names, at=at,
        )  # fmt: skip
        run.raised += signal is not None
        run.repeated += signal is None
        _advance(run, done=STAGES + place)


def without_quiet(configuration: Configuration) -> Configuration:
    """Return the configuration without quiet days: the desk knows itself what it has raised.

    Otherwise a rise that began in a week in which nobody ran the desk would never be raised.
    """
    return attrs.evolve(
        configuration,
        default=attrs.evolve(configuration.default, quiet_days=0),
        diseases={
            name: attrs.evolve(plan, quiet_days=0) for name, plan in configuration.diseases.items()
        },
    )


def _quiet_days(configuration: Configuration, *, disease: str) -> int:
    return configuration.plan(disease).quiet_days


def _advance(run: Run, *, done: int) -> None:
    run.done = done
    run.save()

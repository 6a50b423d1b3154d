"""What the treasury answers: a table that settles and returns many orders, wholly or not at all."""

import csv
import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

import attrs
from django.db import transaction

from liudu.contract import Refusal
from liudu.platform.actors import Actor
from liudu.platform.audit.services import record
from liudu.platform.funding.models import PaymentOrder, PaymentReturn
from liudu.platform.funding.services.payments import settle_order
from liudu.platform.funding.services.returns import REASON_LENGTH, return_order
from liudu.platform.words import Words

COLUMNS: Final = ("idempotency_key", "result", "reference", "reason")
RESULTS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("settled", "已办结", "已付款"), "settled"),
    **dict.fromkeys(("returned", "已退回", "退回", "退票"), "returned"),
}
ENCODINGS: Final = ("utf-8-sig", "gb18030")
ROWS_MAX: Final = 2_000
REFERENCE_LENGTH: Final = 80
PROBLEMS_SHOWN: Final = 50
KEYS_AT_ONCE: Final = 500
State = PaymentOrder.State


class UnreadableAnswersError(Refusal):
    """The file is no table of the treasury's answers."""

    en = "{file} cannot be read: {problem_en}. It needs the columns {columns}; CSV in UTF-8 or GBK."
    zh = "{file} 读不懂：{problem_zh}。须有 {columns} 各列，CSV（UTF-8 或 GBK）。"


class TooManyAnswersError(Refusal):
    """More lines than are taken at once."""

    en = "{file} has more than {rows_max} lines: send it in parts."
    zh = "{file} 超过 {rows_max} 行：请分批导入。"


class WrongAnswersError(Refusal):
    """Some lines do not fit; `problems` has them as (line, `Words`), at most `PROBLEMS_SHOWN`."""

    en = "{file}: nothing was taken, since {count} lines are wrong. Mend them and send it again."
    zh = "{file}：有 {count} 行不对，全部未导入。请改正后重新导入。"


@attrs.frozen(kw_only=True)
class Answered:
    """How many orders a file settled and returned, and how many it told what was known.

    `returned_in` has the keys of the deliveries in which something came back.
    """

    settled: int
    returned: int
    known: int
    returned_in: tuple[str, ...]


@attrs.frozen(kw_only=True)
class _Answer:
    line: int
    key: str
    result: str
    reference: str
    reason: str


@attrs.frozen(kw_only=True)
class _Known:
    """What the platform knows of an idempotency key: its order, or its attempt that came back."""

    order: PaymentOrder
    attempt: int
    came_back: bool


_Problems = dict[int, Words]


def import_answers(*, by: Actor, at: datetime, file_name: str, content: bytes) -> Answered:
    """Settle and return what the treasury's table says; the same table twice is no harm.

    Parameters
    ----------
    content
        CSV in UTF-8 (with or without a byte order mark) or GBK with the `COLUMNS`; more are let
        be, so that the file of an export may come back with its results. `result` is
        ``settled`` (with a reference) or ``returned`` (with a reason).

    Raises
    ------
    UnreadableAnswersError, TooManyAnswersError, WrongAnswersError

    """
    answers, problems = _read(content, file=file_name)
    with transaction.atomic():
        done = _take(answers, problems, by=by, at=at)
        if problems:
            raise _wrong(problems, file=file_name)
        if done.settled or done.returned:
            record(
                at=at,
                by=by,
                verb="funding.answers.imported",
                subject_kind="",
                subject_key="",
                settled=done.settled,
                returned=done.returned,
                known=done.known,
                digest=hashlib.sha256(content).hexdigest(),
            )
    return done


def _wrong(problems: _Problems, *, file: str) -> WrongAnswersError:
    shown = tuple(sorted(problems.items()))[:PROBLEMS_SHOWN]
    return WrongAnswersError(file=file, count=len(problems), problems=shown)


def _read(content: bytes, *, file: str) -> tuple[list[_Answer], _Problems]:
    reader = csv.DictReader(io.StringIO(_text(content, file=file), newline=""), strict=True)
    try:
        header = [(name or "").strip().lower() for name in reader.fieldnames or ()]
        absent = [name for name in COLUMNS if header.count(name) != 1]
        if absent:
            zh, en = "这几列没有或重复：", "missing or doubled columns: "
            raise _unreadable(file, zh=f"{zh}{'、'.join(absent)}", en=f"{en}{', '.join(absent)}")
        reader.fieldnames = header
        rows = list(_rows(reader, file=file))
    except csv.Error as error:
        line = reader.line_num
        zh, en = f"第 {line} 行不是合法的 CSV", f"line {line} is no CSV ({error})"
        raise _unreadable(file, zh=zh, en=en) from error
    if not rows:
        raise _unreadable(file, zh="没有数据行", en="there is no line below the header")
    problems: _Problems = {}
    _check(rows, problems)
    return rows, problems


def _unreadable(file: str, *, zh: str, en: str) -> UnreadableAnswersError:
    columns = ", ".join(COLUMNS)
    return UnreadableAnswersError(file=file, problem_zh=zh, problem_en=en, columns=columns)


def _text(content: bytes, *, file: str) -> str:
    for encoding in ENCODINGS:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text
    zh, en = "不是 UTF-8 或 GBK 文本", "it is no text in UTF-8 or GBK"
    raise _unreadable(file, zh=zh, en=en)


def _rows(reader: "csv.DictReader[str]", *, file: str) -> Iterator[_Answer]:
    count = 0
    for row in reader:
        cells = {name: _plain(row.get(name)) for name in COLUMNS}
        if not any(cells.values()):
            continue
        count += 1
        if count > ROWS_MAX:
            raise TooManyAnswersError(file=file, rows_max=ROWS_MAX)
        yield _Answer(
            line=reader.line_num,
            key=cells["idempotency_key"],
            result=RESULTS.get(cells["result"].lower(), ""),
            reference=cells["reference"],
            reason=cells["reason"],
        )


def _plain(cell: str | None) -> str:
    return (cell or "").strip().removeprefix("'").strip()


def _check(answers: Sequence[_Answer], problems: _Problems) -> None:
    """Find what is wrong in the table itself."""
    first: dict[str, int] = {}
    for one in answers:
        if one.key in first:
            line = first[one.key]
            problems[one.line] = Words(f"与第 {line} 行指令号重复", f"same key as line {line}")
            continue
        first[one.key] = one.line
        told = _told(one)
        if told is not None:
            problems[one.line] = told


def _told(one: _Answer) -> Words | None:
    if not one.key:
        return Words("缺少指令号", "the key is missing")
    if not one.result:
        return Words("结果须为 settled 或 returned", "the result is neither settled nor returned")
    if one.result == "settled" and not one.reference:
        return Words("已办结须有财政流水号", "settled, but without a reference")
    if one.result == "returned" and not one.reason:
        return Words("退回须有原因", "returned, but without a reason")
    if len(one.reference) > REFERENCE_LENGTH or len(one.reason) > REASON_LENGTH:
        zh = f"流水号至多 {REFERENCE_LENGTH} 字，原因至多 {REASON_LENGTH} 字"
        en = f"a reference has at most {REFERENCE_LENGTH} signs, a reason {REASON_LENGTH}"
        return Words(zh, en)
    return None


def _take(answers: Sequence[_Answer], problems: _Problems, *, by: Actor, at: datetime) -> Answered:
    """Do what every sound line says; what does not fit goes to `problems`, and all is undone."""
    sound = [one for one in answers if one.line not in problems]
    known = _known([one.key for one in sound])
    for one in sound:
        if one.key not in known:
            problems[one.line] = Words("没有这个指令号", "no order has this key")
    fitting = [one for one in sound if one.key in known]
    # Grants are locked by rising id, as wherever many are.
    fitting.sort(key=lambda one: (known[one.key].order.grant_id, known[one.key].order.pk))
    batches: set[str] = set()
    counts = {"settled": 0, "returned": 0, "known": 0}
    for one in fitting:
        said = _fits(one, known[one.key])
        if said is not None:
            problems[one.line] = said
        elif _is_known(one, known[one.key]):
            counts["known"] += 1
        elif not problems:
            counts[one.result] += 1
            if one.result == "returned":
                batches.add(known[one.key].order.grant.batch.key)
            _do(one, known[one.key], problems, by=by, at=at)
    return Answered(**counts, returned_in=tuple(sorted(batches)))


def _known(keys: Sequence[str]) -> dict[str, _Known]:
    found: dict[str, _Known] = {}
    for start in range(0, len(keys), KEYS_AT_ONCE):
        some = keys[start : start + KEYS_AT_ONCE]
        orders = PaymentOrder.objects.filter(idempotency_key__in=some)
        for order in orders.select_related("grant__batch"):
            came_back = order.state in (State.RETURNED, State.CLOSED)
            found[order.idempotency_key] = _Known(
                order=order, attempt=order.attempt, came_back=came_back
            )
        returns = PaymentReturn.objects.filter(idempotency_key__in=some).select_related("order")
        for one in returns:
            found[one.idempotency_key] = _Known(
                order=one.order, attempt=one.attempt, came_back=True
            )
    return found


def _fits(one: _Answer, known: _Known) -> Words | None:
    """Return why an answer cannot be to an order as it stands; None if it can."""
    order = known.order
    if known.came_back:
        if one.result == "returned":
            return None
        zh = "这一次已登记退回，却报已办结：请与财政核对是否重复付款"
        en = "it is kept as returned, but told as settled: ask the treasury which is true"
        return Words(zh, en)
    if order.state == State.WAITING:
        return Words("还没有导出给财政", "it was not handed to the treasury yet")
    if order.state == State.SETTLED and one.result == "returned":
        return Words("已办结，不能再退回", "it is settled and cannot come back")
    if order.state == State.SETTLED and one.reference != order.reference:
        zh = f"已按流水号 {order.reference} 办结，与这里的不同"
        en = f"it is settled under {order.reference}, which is not the reference here"
        return Words(zh, en)
    return None


def _is_known(one: _Answer, known: _Known) -> bool:
    return known.came_back or (one.result == "settled" and known.order.state == State.SETTLED)


def _do(one: _Answer, known: _Known, problems: _Problems, *, by: Actor, at: datetime) -> None:
    order, attempt, reference = known.order, known.attempt, one.reference
    try:
        if one.result == "settled":
            settle_order(by=by, at=at, order=order, reference=reference, attempt=attempt)
        else:
            return_order(
                by=by,
                at=at,
                order=order,
                reason=one.reason,
                reference=reference,
                attempt=attempt,
            )
    except Refusal as refusal:  # somebody was first: what was done above is undone
        problems[one.line] = Words(refusal.say("zh"), refusal.say("en"))

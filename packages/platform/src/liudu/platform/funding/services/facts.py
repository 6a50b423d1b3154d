"""Facts about subjects: only ever added; what is newer supersedes what was."""

import codecs
import csv
import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Final

import attrs
from django.db import IntegrityError, transaction
from django.db.models import Max

from liudu.contract import Language, Refusal
from liudu.platform.actors import Actor
from liudu.platform.audit.services import record
from liudu.platform.city.models import District, Sector
from liudu.platform.clock import CITY_ZONE
from liudu.platform.funding.decisions import plain_value
from liudu.platform.funding.models import FactImport, FactRow, Subject
from liudu.platform.funding.queries import fact_catalogue, facts_applied_for, holds, live_facts
from liudu.platform.funding.services.rows import Told, insert_facts
from liudu.platform.identity.models import Organisation, User
from liudu.rules import Fact

ROWS_MAX: Final = 100_000
PROBLEMS_KEPT: Final = 500
CHUNK: Final = 2000
OBSERVED: Final = ".observed"
PLAIN_COLUMNS: Final = ("subject", "name", "district", "sector", "size")
ENCODINGS: Final = ("utf-8-sig", "gb18030")
WORKBOOKS: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # .xlsx and .xls
LANGUAGES: Final[tuple[Language, Language]] = ("zh", "en")


class UnknownFactNameError(Refusal):
    """No policy asks for such a fact."""

    en = "No policy asks for a fact {name}; there are: {known}."
    zh = "没有政策需要事实 {name}；现有：{known}。"


class FactChangedMeanwhileError(Refusal):
    """Two people entered one fact at once."""

    status = 409
    en = "Somebody else has just entered {name}: look at it and enter it again if it is wrong."
    zh = "刚刚有人录入了 {name}：请核对后如有误再录入。"


class CountedSinceError(Refusal):
    """A value from before a payment of this platform, which has changed the fact since."""

    en = "{label} changed with a payment of this platform on {paid}; a value of {seen} may not know of it. Send one that was observed after {paid}."  # noqa: E501
    zh = "{label}已随本平台 {paid} 的付款更新，{seen} 的数据可能尚未包含这笔付款：请报 {paid} 之后观测的数据。"  # noqa: E501


class HeldByBureauError(Refusal):
    """A subject says of itself what a bureau or this platform holds already."""

    status = 409
    en = "{label} is held by {bureau} (as of {seen}), and what you say does not replace it: ask {bureau} to correct it."  # noqa: E501
    zh = "{label}已有{bureau}的数据（{seen}），自述不能取代它：如有误，请向{bureau}申请更正。"


class ApplyInsteadError(Refusal):
    """A subject says that it has applied, instead of applying."""

    status = 409
    en = "{label} is not a matter of saying so: apply under “What can I get?”."
    zh = "{label}不能由自述填写：请在“我能享受什么”中申领。"


class AppliedHereError(Refusal):
    """A bureau, which does not know of an application on this platform, says that none was made."""

    en = "{label}: the subject applied on this platform on {since}; only the subject withdraws it."
    zh = "{label}：当事人已于 {since} 在本平台申领，只能由本人（单位）撤回。"


class OlderThanKnownError(Refusal):
    """A bureau's value from before the one that a bureau sent already."""

    en = "{label} is known as of {known}; a value of {seen} is older and does not replace it."
    zh = "{label}已有 {known} 的数据，{seen} 的数据较旧，不能取代它。"


class TablesCrossedError(Refusal):
    """Two tables with the same new subjects are taken at once."""

    status = 409
    en = "Another table with the same subjects is being taken right now: send {file} again."
    zh = "另一张含相同主体的表正在导入：请稍后重新导入 {file}。"


class UnreadableTableError(Refusal):
    """The bytes are neither UTF-8 nor GB 18030, or no CSV."""

    en = "{file} cannot be read: {problem_en}. Save it as CSV, UTF-8 or GBK."
    zh = "{file} 读不懂：{problem_zh}。请另存为 CSV（UTF-8 或 GBK）。"


class TableTooLongError(Refusal):
    """More rows than are taken at once."""

    en = "{file} has more than {rows_max} rows: send it in parts."
    zh = "{file} 超过 {rows_max} 行：请分批导入。"


class ColumnsError(Refusal):
    """The header does not fit."""

    en = "{file}: {problem_en}"
    zh = "{file}：{problem_zh}"


@transaction.atomic
def subject_for_organisation(
    *, at: datetime, organisation: Organisation, simulated: bool = False
) -> Subject:
    """Return the subject that an organisation is.

    What a bureau sent before is joined to it only once the office has confirmed its credit code:
    codes are public, and anybody may found an organisation.
    """
    mine = Subject.objects.filter(kind=Subject.Kind.ENTERPRISE, organisation=organisation)
    confirmed = organisation.credit_code if organisation.credit_code_confirmed_at else None
    ref = confirmed or organisation.key
    own = mine.exclude(ref=ref).first()
    if own is not None and (
        confirmed is None
        or not Subject.objects.filter(kind=Subject.Kind.ENTERPRISE, ref=confirmed).exists()
    ):
        return own
    if own is not None:  # what the bureau knows goes on; what was declared stays readable there
        own.organisation = None
        own.save(update_fields=["organisation"])
    subject, _ = Subject.objects.get_or_create(
        kind=Subject.Kind.ENTERPRISE,
        ref=ref,
        defaults={
            "name": organisation.name,
            "created_at": at,
            "district": organisation.district,
            "simulated": simulated,
        },
    )
    if subject.organisation_id is None:
        subject.organisation = organisation
        subject.save(update_fields=["organisation"])
    return subject


@transaction.atomic
def subject_for_user(*, at: datetime, user: User, simulated: bool = False) -> Subject:
    """Return the subject that a person is."""
    subject, _ = Subject.objects.get_or_create(
        kind=Subject.Kind.PERSON,
        ref=user.key,
        defaults={"name": str(user), "created_at": at, "user": user, "simulated": simulated},
    )
    return subject


@transaction.atomic
def add_subject(*, by: Actor, at: datetime, kind: str, name: str, owner: Organisation) -> Subject:
    """Add a project or a contract of an organisation."""
    subject = Subject(kind=kind, name=name.strip(), owner=owner, created_at=at)
    subject.ref = subject.key
    subject.save()
    record(
        at=at,
        by=by,
        verb="funding.subject.added",
        subject_kind="subject",
        subject_key=subject.key,
        subject_name=subject.name,
        kind=kind,
    )
    return subject


def declare_fact(*, by: Actor, at: datetime, subject: Subject, name: str, text: str) -> FactRow:
    """Keep what a subject says of itself; an empty text takes it back.

    Raises
    ------
    UnknownFactNameError, BadFactValueError, FactOutOfRangeError, FactChangedMeanwhileError
    HeldByBureauError
        What a bureau or a payment of this platform has told, and still holds, is not replaced.

    """
    return enter_fact(
        by=by, at=at, subject=subject, name=name, text=text, origin=FactRow.Origin.DECLARED
    )


def enter_fact(
    *,
    by: Actor,
    at: datetime,
    subject: Subject,
    name: str,
    text: str,
    origin: str = FactRow.Origin.BUREAU,
    document: str = "",
    observed_date: date | None = None,
    valid_to: date | None = None,
) -> FactRow:
    """Add one fact, which supersedes what was known of it.

    Parameters
    ----------
    text
        As a pack writes the fact: yuan, true or 是, 2026-01-31, a label; empty: unknown.

    Raises
    ------
    UnknownFactNameError, BadFactValueError, FactOutOfRangeError, FactChangedMeanwhileError
    CountedSinceError
        A payment of this platform has changed the fact since the day of observation.
    HeldByBureauError
        See `declare_fact`.

    """
    today = at.astimezone(CITY_ZONE).date()
    known = fact_catalogue(subject.kind, on=today)
    if name not in known:
        raise UnknownFactNameError(name=name, known=", ".join(sorted(known)) or "–")
    fact, value = _read(known[name], text)
    seen = observed_date or today
    try:
        with transaction.atomic():
            subject = Subject.objects.select_for_update(of=("self",)).get(pk=subject.pk)
            before = live_facts([subject]).filter(name=name).first()
            if origin == FactRow.Origin.DECLARED:
                if name in facts_applied_for(subject.kind, on=today):
                    raise ApplyInsteadError(label=fact.label.zh)
                _require_free(before, known[name], today=today)
            else:
                if before is not None and _undoes_application(before, value):
                    raise AppliedHereError(label=fact.label.zh, since=before.observed_date)
                _require_after_payments(subject, fact, seen=seen)
            row = FactRow.objects.create(
                subject=subject,
                name=name,
                kind=str(fact.type.kind),
                value=value,
                origin=origin,
                bureau=fact.bureau,
                document=document[:160] or fact.document,
                observed_date=seen,
                valid_from=seen,
                valid_to=valid_to,
                entered_at=at,
                entered_by=by.name,
                supersedes=before,
            )
            record(
                at=at,
                by=by,
                verb="funding.fact.entered",
                subject_kind="subject",
                subject_key=subject.key,
                subject_name=subject.name,
                fact=name,
                origin=str(origin),
            )
    except IntegrityError as error:
        raise FactChangedMeanwhileError(name=fact.label.zh) from error
    return row


def _undoes_application(before: FactRow, value: str) -> bool:
    applied = before.origin == FactRow.Origin.APPLIED and before.value == "true"
    return applied and value != "true"


def _require_free(before: FactRow | None, facts: Sequence[Fact], *, today: date) -> None:
    """Refuse what a subject says where a bureau's word, or a payment, stands and still holds."""
    if before is None or before.origin in (FactRow.Origin.DECLARED, FactRow.Origin.SIMULATED):
        return
    paid = before.origin == FactRow.Origin.PLATFORM
    if paid or (
        before.value and any(holds(before, fact, on=today, trusted_only=True) for fact in facts)
    ):
        raise HeldByBureauError(
            label=facts[0].label.zh, bureau=before.bureau, seen=before.observed_date
        )


def _require_after_payments(subject: Subject, fact: Fact, *, seen: date) -> None:
    paid = paid_dates([subject.pk], [fact.name]).get((subject.pk, fact.name))
    if paid is not None and seen <= paid:
        raise CountedSinceError(label=fact.label.zh, paid=paid, seen=seen)


def paid_dates(subjects: Collection[int], names: Collection[str]) -> dict[tuple[int, str], date]:
    """Return by subject and fact the day on which a payment of this platform last changed it."""
    rows = FactRow.objects.filter(
        subject__in=subjects, name__in=names, origin=FactRow.Origin.PLATFORM
    )
    found = rows.order_by().values_list("subject_id", "name").annotate(paid=Max("observed_date"))
    return {(subject, name): paid for subject, name, paid in found}


def _read(facts: Sequence[Fact], text: str) -> tuple[Fact, str]:
    """Return the first of some packs' notions of a fact that can hold a text, and its value."""
    if not text.strip():
        return facts[0], ""
    problem: Refusal | None = None
    for fact in facts:
        try:
            return fact, plain_value(fact, fact.read(text))
        except Refusal as error:
            problem = problem or error
    assert problem is not None  # noqa: S101 - there is at least one fact of that name
    raise problem


@attrs.frozen(kw_only=True)
class _Problem:
    line: int
    subject: str
    column: str
    zh: str
    en: str


@attrs.define(kw_only=True)
class _Row:
    line: int
    ref: str
    name: str
    about: Mapping[str, object]
    facts: Mapping[str, tuple[Fact, str, date]]


def import_facts(
    *, by: Actor, at: datetime, file_name: str, content: bytes, kind: str, bureau: str
) -> FactImport:
    """Take the facts of a table, row by row; a row with a bad cell is left out and said.

    Parameters
    ----------
    content
        CSV in UTF-8 (with or without a byte order mark) or GBK: a column `subject` (credit code
        or number), names of facts, `NAME.observed` for the day of observation; `name`,
        `district`, `sector`, `size` if they are known. An empty cell says nothing.

    Raises
    ------
    UnreadableTableError, TableTooLongError, ColumnsError, TablesCrossedError

    """
    intake = _Intake(file_name=file_name, kind=kind, today=at.astimezone(CITY_ZONE).date())
    rows = intake.of_the_kind(intake.rows(content))
    try:
        return _import(intake, rows, by=by, at=at, bureau=bureau)
    except IntegrityError as error:
        raise TablesCrossedError(file=file_name) from error


def _import(
    intake: "_Intake", rows: Sequence["_Row"], *, by: Actor, at: datetime, bureau: str
) -> FactImport:
    with transaction.atomic():
        run = FactImport.objects.create(
            file_name=intake.file_name[:200],
            encoding=intake.encoding,
            bureau=bureau[:120],
            kind=intake.kind,
            imported_at=at,
            imported_by=by.name,
        )
        for start in range(0, len(rows), CHUNK):
            chunk = rows[start : start + CHUNK]
            run.fact_count += _write(run, chunk, intake.problems, at=at, by=by)
        run.row_count = intake.row_count
        run.taken_count = len(rows)
        run.problem_count = len(intake.problems)
        first = sorted(intake.problems, key=lambda one: one.line)[:PROBLEMS_KEPT]
        run.problems = [attrs.asdict(one) for one in first]
        run.save()
        record(
            at=at,
            by=by,
            verb="funding.facts.imported",
            subject_kind="fact_import",
            subject_key=run.key,
            subject_name=run.file_name,
            rows=run.row_count,
            taken=run.taken_count,
            facts=run.fact_count,
            bureau=run.bureau,
        )
    return run


class _Intake:
    """Reads a table and keeps what is wrong with which row."""

    def __init__(self, *, file_name: str, kind: str, today: date) -> None:
        self.file_name = file_name
        self.kind = kind
        self.today = today
        self.known = fact_catalogue(kind, on=today)
        self.problems: list[_Problem] = []
        self.contradicted: set[str] = set()
        self.encoding = ""
        self.row_count = 0
        self.districts = {one.name: one for one in District.objects.all()}
        self.sectors = {one.name: one for one in Sector.objects.all()}

    def rows(self, content: bytes) -> list[_Row]:
        reader = csv.reader(io.StringIO(self.text(content), newline=""), strict=True)
        try:
            header = [cell.strip() for cell in next(reader, [])]
            self.require(header)
            rows = list(self.body(reader, header))
        except csv.Error as error:
            raise UnreadableTableError(
                file=self.file_name,
                problem_en=f"line {reader.line_num}: {error}",
                problem_zh=f"第 {reader.line_num} 行不是合法的 CSV",
            ) from error

        if not self.row_count:
            raise self.columns("there is a header and no row below it", "只有表头，没有数据行")
        for row in rows:
            if row.ref in self.contradicted:
                zh, en = "同一主体有内容不同的多行", "rows of one subject that differ"
                self.wrong(row.line, row.ref, "subject", zh, en)
        return [row for row in rows if row.ref not in self.contradicted]

    def of_the_kind(self, rows: Sequence[_Row]) -> list[_Row]:
        """Leave out subjects that are known as something else: a table of the wrong kind."""
        strangers: dict[str, str] = {}
        for start in range(0, len(rows), CHUNK):
            refs = [row.ref for row in rows[start : start + CHUNK]]
            others = Subject.objects.filter(ref__in=refs).exclude(kind=self.kind)
            strangers |= dict(others.values_list("ref", "kind"))
            mine = Subject.objects.filter(ref__in=refs, kind=self.kind)
            for ref in mine.values_list("ref", flat=True):
                strangers.pop(ref, None)
        for row in rows:
            if row.ref in strangers:
                found = strangers[row.ref]
                zh = f"这个编号已登记为另一类主体（{found}），请核对表的主体类型"
                en = f"this number is known as another kind of subject ({found}): check the kind"
                self.wrong(row.line, row.ref, "subject", zh, en)
        return [row for row in rows if row.ref not in strangers]

    def text(self, content: bytes) -> str:
        if content.startswith(WORKBOOKS):
            raise UnreadableTableError(
                file=self.file_name,
                problem_en="it is an Excel workbook",
                problem_zh="这是 Excel 工作簿",
            )
        for encoding in ENCODINGS:
            try:
                text = codecs.decode(content, encoding)
            except UnicodeDecodeError as error:
                if error.end == len(content) and error.reason == "unexpected end of data":
                    raise self.cut_off() from error
                continue
            if "\x00" not in text:
                self.encoding = encoding
                return text
        raise UnreadableTableError(
            file=self.file_name,
            problem_en="it is neither UTF-8 nor GB 18030 text",
            problem_zh="不是 UTF-8 或 GB 18030 文本",
        )

    def cut_off(self) -> UnreadableTableError:
        return UnreadableTableError(
            file=self.file_name,
            problem_en="it ends in the middle of a character; perhaps it was cut off",
            problem_zh="文件在一个字的中间结束，可能不完整",
        )

    def require(self, header: Sequence[str]) -> None:
        twice = {cell for cell in header if header.count(cell) > 1}
        strange = [
            cell
            for cell in header
            if cell not in PLAIN_COLUMNS and cell.removesuffix(OBSERVED) not in self.known
        ]
        if "subject" not in header:
            raise self.columns(
                "there is no column `subject`", "缺少 subject 列（统一社会信用代码或编号）"
            )
        if twice:
            names = ", ".join(sorted(twice))
            raise self.columns(f"columns that stand twice: {names}", f"重复的列：{names}")
        if strange:
            names = ", ".join(strange)
            raise self.columns(
                f"no policy asks for: {names}", f"没有政策需要这些列：{names}；请删去或改名"
            )

    def columns(self, en: str, zh: str) -> ColumnsError:
        return ColumnsError(file=self.file_name, problem_en=en, problem_zh=zh)

    def body(self, reader: Iterator[list[str]], header: Sequence[str]) -> Iterator[_Row]:
        seen: dict[str, tuple[int, tuple[str, ...]]] = {}
        for line, cells in enumerate(reader, start=2):
            if not any(cell.strip() for cell in cells):
                continue
            self.row_count += 1
            if self.row_count > ROWS_MAX:
                raise TableTooLongError(file=self.file_name, rows_max=ROWS_MAX)
            row = self.row(line, cells, header, seen)
            if row is not None:
                seen[row.ref] = line, tuple(cells)
                yield row

    def row(
        self,
        line: int,
        cells: Sequence[str],
        header: Sequence[str],
        seen: Mapping[str, tuple[int, tuple[str, ...]]],
    ) -> _Row | None:
        if len(cells) != len(header):
            zh = f"有 {len(cells)} 格，表头有 {len(header)} 格"
            en = f"{len(cells)} cells, the header has {len(header)}"
            self.wrong(line, "", "", zh, en)
            return None
        told = {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
        ref = told["subject"]
        if not ref or len(ref) > 60:  # noqa: PLR2004 - the column's length
            self.wrong(line, ref[:60], "subject", "编号为空或过长", "empty or too long")
            return None
        if ref in seen:
            self.twice(line, ref, cells, before=seen[ref])
            return None
        count = len(self.problems)
        facts = dict(self.facts(line, ref, told))
        about = self.about(line, ref, told)
        if len(self.problems) > count:
            return None
        return _Row(line=line, ref=ref, name=told.get("name", ""), about=about, facts=facts)

    def twice(
        self, line: int, ref: str, cells: Sequence[str], *, before: tuple[int, tuple[str, ...]]
    ) -> None:
        """Say that a subject stands twice; of two truths neither is taken."""
        number, said = before
        zh, en = f"与第 {number} 行重复", f"the same as line {number}"
        if said != tuple(cells):
            self.contradicted.add(ref)
            zh = f"与第 {number} 行是同一主体而内容不同，两行都不采用"
            en = f"the same subject as line {number} and not the same facts: neither is taken"
        self.wrong(line, ref, "subject", zh, en)

    def facts(
        self, line: int, ref: str, told: Mapping[str, str]
    ) -> Iterator[tuple[str, tuple[Fact, str, date]]]:
        for name, cell in told.items():
            if name not in self.known or not cell:
                continue
            try:
                fact, value = _read(self.known[name], cell)
                yield name, (fact, value, self.day(told.get(name + OBSERVED, "")))
            except Refusal as error:
                self.wrong(line, ref, name, error.say("zh"), error.say("en"))

    def day(self, text: str) -> date:
        if not text:
            return self.today
        try:
            day = date.fromisoformat(text.replace("/", "-"))
        except ValueError as error:
            raise _BadDayError(text=text[:30]) from error
        if day > self.today:
            raise _BadDayError(text=text)
        return day

    def about(self, line: int, ref: str, told: Mapping[str, str]) -> dict[str, object]:
        found: dict[str, object] = {}
        sizes: dict[str, str] = {str(one.label): one.value for one in Subject.Size}
        sizes |= {one.value: one.value for one in Subject.Size}
        places: dict[str, Mapping[str, object]] = {
            "district": self.districts,
            "sector": self.sectors,
            "size": sizes,
        }
        for column, known in places.items():
            text = told.get(column, "")
            if text and text not in known:
                self.wrong(line, ref, column, f"没有“{text[:40]}”", f"there is no {text[:40]!r}")
            elif text:
                found[column] = known[text]
        return found

    def wrong(self, line: int, ref: str, column: str, zh: str, en: str) -> None:
        """Keep what is wrong with a row."""
        self.problems.append(_Problem(line=line, subject=ref, column=column, zh=zh, en=en))


class _BadDayError(Refusal):
    en = "{text!r} is not a day up to today, YYYY-MM-DD."
    zh = "“{text}”不是今天或以前的日期（年-月-日）。"


def _write(
    run: FactImport, rows: Sequence[_Row], problems: list[_Problem], *, at: datetime, by: Actor
) -> int:
    """Write a chunk; facts that say the same as before on the same day are not repeated.

    A fact from before a payment of this platform that has changed it is left out and said:
    it would undo what the payment counted.
    """
    subjects = _subjects(run, rows, at=at)
    keys = sorted(one.pk for one in subjects.values())
    # Whoever settles a payment locks its subject too: one of us waits for the other.
    list(Subject.objects.select_for_update().filter(pk__in=keys).order_by("pk").values_list("pk"))
    live = {(row.subject_id, row.name): row for row in live_facts(keys)}
    paid = paid_dates(keys, {name for row in rows for name in row.facts})
    fresh: list[Told] = []
    for row in rows:
        subject = subjects[row.ref]
        for name, (fact, value, seen) in row.facts.items():
            before = live.get((subject.pk, name))
            since = paid.get((subject.pk, name))
            if since is not None and seen <= since:
                if before is None or before.value != value:
                    problems.append(_counted_since(row, fact, seen=seen, paid=since))
                continue
            if before and _undoes_application(before, value):
                problems.append(_applied_here(row, fact, since=before.observed_date))
                continue
            if before and before.origin == FactRow.Origin.APPLIED and before.value == value:
                continue
            if before and _is_older(seen, before):
                if before.value != value:
                    problems.append(_older(row, fact, seen=seen, known=before.observed_date))
                continue
            if before and (before.value, before.observed_date, before.bureau) == (
                value,
                seen,
                run.bureau,
            ):
                continue
            fresh.append(
                Told(
                    subject_id=subject.pk,
                    name=name,
                    kind=str(fact.type.kind),
                    value=value,
                    bureau=run.bureau,
                    document=fact.document,
                    observed_date=seen,
                    supersedes_id=before.pk if before else None,
                )
            )
    return insert_facts(
        fresh, at=at, by_name=by.name, origin=FactRow.Origin.BUREAU, source_id=run.pk
    )


def _is_older(seen: date, before: FactRow) -> bool:
    # What a subject said of itself gives way to any word of a bureau.
    return before.origin == FactRow.Origin.BUREAU and seen < before.observed_date


def _older(row: _Row, fact: Fact, *, seen: date, known: date) -> _Problem:
    said = [
        OlderThanKnownError(label=fact.label.say(language), known=known, seen=seen).say(language)
        for language in LANGUAGES
    ]
    return _Problem(line=row.line, subject=row.ref, column=fact.name, zh=said[0], en=said[1])


def _counted_since(row: _Row, fact: Fact, *, seen: date, paid: date) -> _Problem:
    said = [
        CountedSinceError(label=fact.label.say(language), paid=paid, seen=seen).say(language)
        for language in LANGUAGES
    ]
    return _Problem(line=row.line, subject=row.ref, column=fact.name, zh=said[0], en=said[1])


def _applied_here(row: _Row, fact: Fact, *, since: date) -> _Problem:
    said = [
        AppliedHereError(label=fact.label.say(language), since=since).say(language)
        for language in LANGUAGES
    ]
    return _Problem(line=row.line, subject=row.ref, column=fact.name, zh=said[0], en=said[1])


def _subjects(run: FactImport, rows: Sequence[_Row], *, at: datetime) -> dict[str, Subject]:
    refs = [row.ref for row in rows]
    known = {one.ref: one for one in Subject.objects.filter(kind=run.kind, ref__in=refs)}
    accounts = {
        one.credit_code: one
        for one in Organisation.objects.filter(
            credit_code__in=refs, credit_code_confirmed_at__isnull=False, subject__isnull=True
        )
        if run.kind == Subject.Kind.ENTERPRISE
    }
    fresh = [
        Subject(
            kind=run.kind,
            ref=row.ref,
            name=(row.name or row.ref)[:160],
            organisation=accounts.get(row.ref),
            created_at=at,
            **row.about,
        )
        for row in rows
        if row.ref not in known
    ]
    Subject.objects.bulk_create(fresh, batch_size=500)
    return known | {one.ref: one for one in fresh}

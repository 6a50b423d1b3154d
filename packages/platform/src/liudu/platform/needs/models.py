"""Needs, their history, and the lists they came in."""

from typing import ClassVar

from django.db import models
from django.db.models import Value
from django.db.models.functions import Concat, Lower

from liudu.platform.keys import new_key
from liudu.platform.words import both, language


class Need(models.Model):
    """What an owner wants from AI, with acceptance targets, data, budget and date.

    ``targets`` is the promise as `liudu.acceptance.Promise.from_mapping` reads it (task, positive,
    mode, level, line, targets); an empty mapping while the draft has none, and then ``answers``
    keeps what was typed so far. ``job`` is the kind of job in plain words (`decisions.JOBS`).
    ``pieces_per_h`` and ``positive_share`` (in (0, 1)) tell of the line; both are part of the
    promise once they are known. ``revision`` grows with every write: who saves over a newer
    revision is told.
    """

    class Status(models.TextChoices):
        """Whether others can see it."""

        DRAFT = "draft", both("草稿", "Draft")
        PUBLISHED = "published", both("已发布", "Published")
        WITHDRAWN = "withdrawn", both("已撤回", "Withdrawn")

    class Pace(models.TextChoices):
        """Per what the pace of the line is said; it is kept per hour."""

        HOUR = "hour", both("每小时", "per hour")
        DAY = "day", both("每天（24 小时）", "per day of 24 hours")
        WEEK = "week", both("每周", "per week")

    class Stage(models.TextChoices):
        """How far a published need has come round the loop."""

        POSTED = "posted", both("已发布", "Posted")
        MATCHED = "matched", both("已对接", "Matched")
        TRIAL = "trial", both("试验中", "In trial")
        ACCEPTED = "accepted", both("已验收", "Accepted")
        RUNNING = "running", both("已运行", "Running")

    key = models.CharField(max_length=12, unique=True, default=new_key, editable=False)
    owner = models.ForeignKey("identity.Organisation", models.PROTECT, related_name="needs")
    title = models.CharField(max_length=120)
    title_en = models.CharField(max_length=200, blank=True)
    problem = models.TextField(blank=True)
    problem_en = models.TextField(blank=True)
    wanted_capability = models.TextField(blank=True)
    data_at_hand = models.TextField(blank=True)
    contact_unit = models.CharField(max_length=120, blank=True)  # a unit, never a person
    targets_text = models.TextField(blank=True)  # as a list said them, before they are targets
    sector = models.ForeignKey("city.Sector", models.PROTECT, null=True, blank=True)
    district = models.ForeignKey("city.District", models.PROTECT, null=True, blank=True)
    job = models.CharField(max_length=20, blank=True)
    targets = models.JSONField(default=dict, blank=True)
    answers = models.JSONField(default=dict, blank=True)
    targets_fixed_at = models.DateTimeField(null=True, blank=True)  # since data was sealed
    pieces_per_h = models.FloatField(null=True, blank=True)
    pace_per = models.CharField(max_length=4, choices=Pace.choices, default=Pace.HOUR)
    positive_share = models.FloatField(null=True, blank=True)
    budget_fen_max = models.BigIntegerField(null=True, blank=True)
    due_date = models.DateField(null=True, blank=True)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.DRAFT)
    stage = models.CharField(max_length=10, choices=Stage.choices, default=Stage.POSTED)
    stage_at = models.DateTimeField(null=True, blank=True)
    simulated = models.BooleanField(default=False)  # shown wherever the need is shown
    revision = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    published_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_reason = models.CharField(max_length=500, blank=True)
    copied_from = models.ForeignKey("self", models.SET_NULL, null=True, blank=True)
    # What a search looks at, in small letters and kept by the database: one look instead of five.
    words = models.GeneratedField(
        expression=Lower(
            Concat(
                *("title", Value(" "), "title_en", Value(" "), "problem", Value(" ")),
                *("problem_en", Value(" "), "wanted_capability"),
                output_field=models.TextField(),
            )
        ),
        output_field=models.TextField(),
        db_persist=True,
    )

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["status", "-published_at"]),
            models.Index(fields=["status", "stage", "-stage_at"]),
            models.Index(fields=["status", "sector", "-published_at"]),
            models.Index(fields=["status", "district", "-published_at"]),
            models.Index(fields=["owner", "-updated_at"]),
            models.Index(fields=["status", "due_date"]),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(budget_fen_max__isnull=True) | models.Q(budget_fen_max__gte=0),
                name="needs_budget_not_negative",
            ),
            models.CheckConstraint(
                condition=models.Q(pieces_per_h__isnull=True) | models.Q(pieces_per_h__gt=0),
                name="needs_pace_positive",
            ),
            models.CheckConstraint(
                condition=models.Q(positive_share__isnull=True)
                | models.Q(positive_share__gt=0, positive_share__lt=1),
                name="needs_share_inside",
            ),
            models.CheckConstraint(
                condition=~models.Q(status="published")
                | models.Q(published_at__isnull=False, sector__isnull=False),
                name="needs_published_is_whole",
            ),
        ]

    def __str__(self) -> str:
        return (self.title_en or self.title) if language() == "en" else self.title


class Revision(models.Model):
    """One state of a need, kept whole, so that nothing that was written is lost."""

    class Verb(models.TextChoices):
        """What was done."""

        DRAFTED = "drafted", both("起草", "Drafted")
        IMPORTED = "imported", both("从表格导入", "Imported from a list")
        COPIED = "copied", both("复制为新草稿", "Copied into a new draft")
        EDITED = "edited", both("修改", "Edited")
        PUBLISHED = "published", both("发布", "Published")
        WITHDRAWN = "withdrawn", both("撤回", "Withdrawn")
        ADVANCED = "advanced", both("阶段推进", "Moved on")
        FIXED = "fixed", both("验收指标固定", "Targets fixed")
        FREED = "freed", both("验收指标可再修改", "Targets free again")

    need = models.ForeignKey(Need, models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField()
    at = models.DateTimeField()
    by_key = models.CharField(max_length=64)
    by_name = models.CharField(max_length=200)
    verb = models.CharField(max_length=10, choices=Verb.choices, default=Verb.EDITED)
    content = models.JSONField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["need", "number"], name="needs_one_revision")
        ]

    def __str__(self) -> str:
        return f"{self.need_id} r{self.number}"


class ImportRun(models.Model):
    """One Excel list that came in: its report, row by row."""

    class State(models.TextChoices):
        """How far it is."""

        WAITING = "waiting", both("排队中", "Waiting")
        RUNNING = "running", both("导入中", "Running")
        DONE = "done", both("已完成", "Done")
        REFUSED = "refused", both("已拒绝", "Refused")

    key = models.CharField(max_length=12, unique=True, default=new_key, editable=False)
    owner = models.ForeignKey("identity.Organisation", models.CASCADE)
    file_name = models.CharField(max_length=255)
    digest = models.CharField(max_length=64)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    reason_zh = models.TextField(blank=True)
    reason_en = models.TextField(blank=True)
    row_count = models.PositiveIntegerField(default=0)
    done_count = models.PositiveIntegerField(default=0)
    taken_count = models.PositiveIntegerField(default=0)
    take_hidden = models.BooleanField(default=False)
    for_others = models.BooleanField(default=False)  # a bureau lists what others want
    attempt_count = models.PositiveSmallIntegerField(default=0)
    notes = models.JSONField(default=list)  # of the file as a whole: [{zh, en}]
    headings = models.JSONField(default=dict)  # of each sheet, as the file writes them
    lease_until = models.DateTimeField(null=True, blank=True)  # pushed on by the worker
    by_kind = models.CharField(max_length=8, default="person")
    by_key = models.CharField(max_length=64)
    by_name = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["owner", "-created_at"])]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["owner", "digest", "take_hidden"],
                condition=~models.Q(state="refused"),
                name="needs_one_list_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.file_name} ({self.state})"


class ImportRow(models.Model):
    """What became of one row of a list, and why."""

    class State(models.TextChoices):
        """What became of it."""

        TAKEN = "taken", both("已导入", "Taken")
        REFUSED = "refused", both("未导入", "Not taken")
        DUPLICATE = "duplicate", both("重复", "Duplicate")
        SKIPPED = "skipped", both("已跳过", "Skipped")

    run = models.ForeignKey(ImportRun, models.CASCADE, related_name="rows")
    number = models.PositiveIntegerField()  # in the order of the file, over all its sheets
    address = models.CharField(max_length=60)  # of the row: 'Sheet 1'!7
    sheet = models.CharField(max_length=40)
    state = models.CharField(max_length=10, choices=State.choices)
    cells = models.JSONField(default=list)  # as the file shows them
    reasons = models.JSONField(default=list)  # [{address, code, zh, en}]
    need = models.ForeignKey(
        Need, models.SET_NULL, null=True, blank=True, related_name="import_rows"
    )

    class Meta:
        ordering: ClassVar = ["number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["run", "number"], name="needs_one_import_row")
        ]
        indexes: ClassVar = [models.Index(fields=["run", "state", "number"])]

    def __str__(self) -> str:
        return f"{self.address} ({self.state})"

"""Sealed data, trials and what happened to them. Files lie in the private folder, never here."""

from typing import ClassVar

from django.db import models

from liudu.platform.keys import new_key
from liudu.platform.words import both


class Seal(models.Model):
    """The owner's data for a need, fixed by hashes. Only counts and digests are kept here."""

    class State(models.TextChoices):
        """How far the sealing is."""

        WAITING = "waiting", both("等待封存", "Waiting to be sealed")
        SEALING = "sealing", both("封存中", "Being sealed")
        SEALED = "sealed", both("已封存", "Sealed")
        REFUSED = "refused", both("已拒绝", "Refused")
        BROKEN = "broken", both("平台故障，将重试", "The platform failed; it will be tried again")

    key = models.CharField(max_length=12, unique=True, default=new_key, editable=False)
    need = models.ForeignKey("needs.Need", models.PROTECT, related_name="seals")
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    digest = models.CharField(max_length=80, blank=True)
    targets = models.JSONField(default=dict)  # the promise that the seal fixes
    piece_count = models.PositiveIntegerField(default=0)
    counts = models.JSONField(default=dict)  # pieces of each kind
    size_bytes = models.BigIntegerField(default=0)
    upload_digest = models.CharField(max_length=80, blank=True)  # of the archive as it came
    encoding = models.CharField(max_length=10, blank=True)  # of the labels; empty is UTF-8
    notices = models.JSONField(default=list)  # what the owner should know, without names
    simulated = models.BooleanField(default=False)
    attempt_count = models.PositiveSmallIntegerField(default=0)  # at which the platform failed
    reason_code = models.CharField(max_length=60, blank=True)
    reason_zh = models.TextField(blank=True)
    reason_en = models.TextField(blank=True)
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=200)
    sealed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["need", "-created_at"])]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["need"],
                condition=models.Q(state__in=["waiting", "sealing", "broken"]),
                name="trials_one_sealing",
            )
        ]

    def __str__(self) -> str:
        return f"{self.key} ({self.state})"


class Trial(models.Model):
    """One version, one seal: queued, run by a worker under a lease, judged, released.

    ``lease_until`` is pushed on by the worker that runs it; once it has passed, another worker
    takes the trial or ends it with a reason. ``attempt_count`` counts what the vendor used up;
    ``infra_count`` what the platform failed at, which costs the vendor nothing.
    """

    class State(models.TextChoices):
        """Where it is."""

        QUEUED = "queued", both("排队中", "Queued")
        RUNNING = "running", both("运行中", "Running")
        DECIDED = "decided", both("已出结论", "Decided")
        ENDED = "ended", both("已终止", "Ended")

    key = models.CharField(max_length=12, unique=True, default=new_key, editable=False)
    need = models.ForeignKey("needs.Need", models.PROTECT, related_name="trials")
    seal = models.ForeignKey(Seal, models.PROTECT, related_name="trials")
    offer = models.ForeignKey("supply.Offer", models.PROTECT, related_name="trials")
    version = models.ForeignKey("supply.Version", models.PROTECT, related_name="trials")
    vendor = models.ForeignKey("supply.Vendor", models.PROTECT, related_name="trials")
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    stage_zh = models.CharField(max_length=120, blank=True)
    stage_en = models.CharField(max_length=120, blank=True)
    done_count = models.PositiveIntegerField(default=0)
    total_count = models.PositiveIntegerField(null=True, blank=True)
    attempt_count = models.PositiveSmallIntegerField(default=0)
    infra_count = models.PositiveSmallIntegerField(default=0)
    worker = models.CharField(max_length=80, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    reason_code = models.CharField(max_length=60, blank=True)
    reason_zh = models.TextField(blank=True)
    reason_en = models.TextField(blank=True)
    verdict = models.CharField(max_length=12, blank=True)  # passed, failed, undecided
    result = models.JSONField(default=dict)  # targets with their intervals, level, counts
    queued_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    released_at = models.DateTimeField(null=True, blank=True)
    released_by = models.CharField(max_length=200, blank=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["state", "queued_at"]),
            models.Index(fields=["state", "lease_until"]),
            models.Index(fields=["need", "-queued_at"]),
            models.Index(fields=["vendor", "-queued_at"]),
            models.Index(fields=["verdict", "-released_at"]),
            models.Index(fields=["-queued_at"]),
            models.Index(
                fields=["-queued_at", "-id", "need", "version", "vendor", "released_at"],
                name="trials_searched",
            ),
            models.Index(fields=["-released_at"]),
            models.Index(
                fields=["state", "ended_at"],
                condition=models.Q(released_at__isnull=True),
                name="trials_unreleased",
            ),
            # SQLite passes over the one above, PostgreSQL this one.
            models.Index(fields=["state", "released_at", "ended_at"], name="trials_decided"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["offer"],
                condition=models.Q(state__in=["queued", "running"]),
                name="trials_one_open",
            )
        ]

    def __str__(self) -> str:
        return f"{self.key} ({self.state})"


class Event(models.Model):
    """What happened to a trial, in words, as its followers see it."""

    trial = models.ForeignKey(Trial, models.CASCADE, related_name="events")
    at = models.DateTimeField()
    kind = models.CharField(max_length=40)
    zh = models.CharField(max_length=400)
    en = models.CharField(max_length=400)

    class Meta:
        ordering: ClassVar = ["pk"]

    def __str__(self) -> str:
        return f"{self.kind} {self.en}"


class Worker(models.Model):
    """A process that takes tasks; one that is silent for longer than the lease is dead."""

    name = models.CharField(max_length=64, primary_key=True)
    host = models.CharField(max_length=120)
    pid = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    stopped_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["stopped_at", "seen_at"])]

    def __str__(self) -> str:
        return self.name

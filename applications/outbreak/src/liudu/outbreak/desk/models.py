"""The rows of the dashboard. Audit lines and history are only ever added to."""

# The types of fields come from Django's plugin, which wants a settings module; we have none.
# mypy: disable-error-code="var-annotated"

from typing import ClassVar

from django.conf import settings
from django.db import models


class Member(models.Model):
    """What a user of the desk may see and do; no districts means all of them."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="member"
    )
    role = models.CharField(max_length=20, default="viewer")
    districts = models.JSONField(default=list)

    def __str__(self) -> str:
        return f"{self.user} {self.role}"


class Run(models.Model):
    """One detection over the newest week."""

    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    state = models.CharField(max_length=10, default="running")
    week = models.CharField(max_length=20, default="")
    week_number = models.IntegerField(null=True)
    done = models.IntegerField(default=0)
    total = models.IntegerField(default=1)
    message_zh = models.TextField(default="")
    message_en = models.TextField(default="")
    series = models.IntegerField(default=0)
    missing = models.IntegerField(default=0)
    too_short = models.IntegerField(default=0)
    raised = models.IntegerField(default=0)
    repeated = models.IntegerField(default=0)
    watched = models.JSONField(default=dict)
    by = models.CharField(max_length=150)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["state"], condition=models.Q(state="running"), name="one_run_at_a_time"
            )
        ]

    def __str__(self) -> str:
        return f"{self.week} {self.state}"


class Signal(models.Model):
    """One unusual rise and where its triage stands; `version` tells of two hands at work."""

    key = models.CharField(max_length=1000, db_index=True)
    series = models.JSONField()
    name = models.CharField(max_length=1000)
    disease = models.CharField(max_length=300, db_index=True)
    district = models.CharField(max_length=300, db_index=True)
    week = models.CharField(max_length=20)
    week_number = models.IntegerField()
    last_week = models.CharField(max_length=20)
    last_week_number = models.IntegerField()
    observed = models.IntegerField()
    expected = models.FloatField(null=True)
    bound = models.FloatField(null=True)
    p_value = models.FloatField(null=True)
    detector = models.CharField(max_length=40)
    fixed = models.BooleanField()
    ladder = models.BooleanField()
    priority = models.IntegerField(db_index=True)
    simulated = models.BooleanField(default=False)
    curve = models.JSONField()
    state = models.CharField(max_length=20, default="signal", db_index=True)
    outcome = models.CharField(max_length=20, default="", blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    version = models.IntegerField(default=1)
    raised_at = models.DateTimeField()
    verified_at = models.DateTimeField(null=True)
    suspected_at = models.DateTimeField(null=True)
    investigating_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["priority", "-week_number", "p_value", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["key", "week_number"], name="one_signal_a_week")
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.week}"


class Entry(models.Model):
    """One line of the history of a signal: a step, a note, a new owner, or another week."""

    signal = models.ForeignKey(Signal, on_delete=models.PROTECT, related_name="entries")
    at = models.DateTimeField()
    actor = models.CharField(max_length=150)
    kind = models.CharField(max_length=10)
    from_state = models.CharField(max_length=20, default="")
    to_state = models.CharField(max_length=20, default="")
    outcome = models.CharField(max_length=20, default="")
    note = models.TextField(default="")

    class Meta:
        ordering: ClassVar = ["id"]

    def __str__(self) -> str:
        return f"{self.kind} {self.at}"


class Rule(models.Model):
    """What a user wants to be told of; empty means any."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="rules"
    )
    disease = models.CharField(max_length=300, default="", blank=True)
    district = models.CharField(max_length=300, default="", blank=True)
    priority_max = models.IntegerField(default=4)
    email = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"{self.disease} {self.district} {self.priority_max}"


class Message(models.Model):
    """One signal in one inbox."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="messages"
    )
    signal = models.ForeignKey(Signal, on_delete=models.PROTECT)
    at = models.DateTimeField()
    read_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "signal"], name="told_once")
        ]

    def __str__(self) -> str:
        return f"{self.user} {self.signal}"


class Line(models.Model):
    """One line of the audit: each digest covers the line before, so that none can be altered."""

    number = models.IntegerField(unique=True)
    at = models.CharField(max_length=40)
    actor = models.CharField(max_length=150)
    verb = models.CharField(max_length=60)
    subject = models.CharField(max_length=1200)
    detail = models.TextField()
    previous = models.CharField(max_length=64)
    digest = models.CharField(max_length=64)

    class Meta:
        ordering: ClassVar = ["number"]

    def __str__(self) -> str:
        return f"{self.number} {self.verb}"

"""The audit: lines that are only ever added, each covering the one before."""

from typing import ClassVar

from django.db import models


class Line(models.Model):
    """One write, told in words; the database refuses to change or to remove it.

    ``content`` is canonical JSON of every field but the digests; ``digest`` is the SHA-256 of
    ``previous`` and ``content``, so that a changed line breaks the chain from there on.
    """

    number = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField()
    actor_kind = models.CharField(max_length=8)
    actor_key = models.CharField(max_length=64, blank=True)
    actor_name = models.CharField(max_length=200)
    organisation_key = models.CharField(max_length=64, blank=True)
    organisation_name = models.CharField(max_length=200, blank=True)
    verb = models.CharField(max_length=80)
    subject_kind = models.CharField(max_length=40)
    subject_key = models.CharField(max_length=64)
    subject_name = models.CharField(max_length=300, blank=True)
    content = models.TextField()
    previous = models.CharField(max_length=64)
    digest = models.CharField(max_length=64, unique=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["subject_kind", "subject_key", "number"]),
            models.Index(fields=["organisation_key", "number"]),
            models.Index(fields=["verb", "number"]),
            models.Index(fields=["actor_key", "number"]),
            models.Index(fields=["actor_name", "number"]),
            models.Index(fields=["organisation_name", "number"]),
            models.Index(fields=["subject_key", "number"]),
            models.Index(fields=["at"]),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.verb} {self.subject_kind} {self.subject_key}"


class Head(models.Model):
    """The newest line's number and digest: one row, locked while a line is added."""

    only = models.SmallIntegerField(primary_key=True, default=1)
    number = models.BigIntegerField(default=0)
    digest = models.CharField(max_length=64)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(only=1), name="audit_one_head")
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.digest}"

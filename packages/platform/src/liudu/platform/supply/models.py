"""Vendors, solutions and their versions, offers, invitations and certificates."""

from typing import ClassVar

from django.db import models
from django.db.models import Value
from django.db.models.functions import Concat, Lower

from liudu.platform.keys import new_key
from liudu.platform.words import both, language


class Vendor(models.Model):
    """What an organisation tells of itself as a vendor."""

    organisation = models.OneToOneField(
        "identity.Organisation", models.CASCADE, related_name="vendor", primary_key=True
    )
    about = models.TextField(blank=True)
    about_en = models.TextField(blank=True)
    website = models.URLField(blank=True)
    founded_year = models.PositiveSmallIntegerField(null=True, blank=True)
    people_count = models.PositiveIntegerField(null=True, blank=True)
    sectors = models.ManyToManyField("city.Sector", blank=True)
    updated_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.organisation)


class Solution(models.Model):
    """What a vendor can do, in words; what runs are its versions."""

    key = models.CharField(max_length=12, unique=True, default=new_key, editable=False)
    vendor = models.ForeignKey(Vendor, models.PROTECT, related_name="solutions")
    name = models.CharField(max_length=120)
    name_en = models.CharField(max_length=200, blank=True)
    about = models.TextField(blank=True)
    about_en = models.TextField(blank=True)
    sector = models.ForeignKey("city.Sector", models.PROTECT, null=True, blank=True)
    task = models.CharField(max_length=40, blank=True)  # of the newest version's manifest
    public = models.BooleanField(default=True)
    proven_at = models.DateTimeField(null=True, blank=True)  # when a released trial last passed
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    # All its words in small letters, kept by the database: one look instead of four.
    words = models.GeneratedField(
        expression=Lower(
            Concat(
                *("name", Value(" "), "name_en", Value(" "), "about", Value(" "), "about_en"),
                output_field=models.TextField(),
            )
        ),
        output_field=models.TextField(),
        db_persist=True,
    )

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["public", "-updated_at", "-id"]),
            models.Index(fields=["public", "sector", "-updated_at", "-id"]),
            models.Index(fields=["public", "task", "-updated_at", "-id"]),
            models.Index(fields=["public", "-proven_at", "-id"]),
            models.Index(fields=["vendor", "-updated_at"]),
        ]

    def __str__(self) -> str:
        return (self.name_en or self.name) if language() == "en" else self.name


class Version(models.Model):
    """One bundle that obeys the contract, known by its digest.

    While its check is waiting, running or to be tried again, ``lease_until`` says when somebody
    else may take it up; ``check_count`` fences off a worker that was thought dead and comes back.
    """

    class State(models.TextChoices):
        """What the conformance check said."""

        WAITING = "waiting", both("等待检查", "Waiting for its check")
        CHECKING = "checking", both("检查中", "Being checked")
        CONFORMS = "conforms", both("符合规范", "Conforms")
        REFUSED = "refused", both("不符合规范", "Does not conform")
        BROKEN = "broken", both("平台故障，将重试", "The platform failed; it will be tried again")

    key = models.CharField(max_length=12, unique=True, default=new_key, editable=False)
    solution = models.ForeignKey(Solution, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    file_name = models.CharField(max_length=255)
    size_bytes = models.BigIntegerField()
    archive_digest = models.CharField(max_length=64)  # of the file as it came
    digest = models.CharField(max_length=80, blank=True)  # of the bundle, as certificates name it
    manifest = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    reason_code = models.CharField(max_length=60, blank=True)
    reason_zh = models.TextField(blank=True)
    reason_en = models.TextField(blank=True)
    findings = models.JSONField(default=list)
    uploaded_at = models.DateTimeField()
    uploaded_by = models.CharField(max_length=200)
    checked_at = models.DateTimeField(null=True, blank=True)
    level = models.CharField(max_length=12, blank=True)  # of the sandbox it was checked in
    lease_until = models.DateTimeField(null=True, blank=True)
    check_count = models.PositiveSmallIntegerField(default=0)
    stage_zh = models.CharField(max_length=120, blank=True)
    stage_en = models.CharField(max_length=120, blank=True)
    done_count = models.PositiveIntegerField(default=0)
    total_count = models.PositiveIntegerField(null=True, blank=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["state", "lease_until"]),
            models.Index(fields=["state", "checked_at"]),
            models.Index(fields=["solution", "digest"]),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["solution", "number"], name="supply_one_version"),
            models.UniqueConstraint(
                fields=["solution", "archive_digest"], name="supply_one_bundle_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.solution} v{self.number}"


class Offer(models.Model):
    """A vendor offers a version of a solution to a need."""

    class State(models.TextChoices):
        """What the owner said."""

        OFFERED = "offered", both("待需求方答复", "Waiting for the owner")
        ADMITTED = "admitted", both("已准入试验", "Admitted to trial")
        DECLINED = "declined", both("未采纳", "Declined")
        WITHDRAWN = "withdrawn", both("已撤回", "Withdrawn")

    key = models.CharField(max_length=12, unique=True, default=new_key, editable=False)
    need = models.ForeignKey("needs.Need", models.PROTECT, related_name="offers")
    version = models.ForeignKey(Version, models.PROTECT, related_name="offers")
    vendor = models.ForeignKey(Vendor, models.PROTECT, related_name="offers")
    state = models.CharField(max_length=10, choices=State.choices, default=State.OFFERED)
    note = models.TextField(blank=True)
    answer = models.TextField(blank=True)
    offered_at = models.DateTimeField()
    offered_by = models.CharField(max_length=200, blank=True)
    answered_by = models.CharField(max_length=200, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    # Since when it is admitted and could be tried: null while a trial is open or used up.
    untried_since = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["need", "-offered_at"]),
            models.Index(fields=["vendor", "-offered_at"]),
            models.Index(fields=["state", "offered_at"]),
            models.Index(fields=["untried_since"]),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["need", "version"],
                condition=~models.Q(state="withdrawn"),
                name="supply_one_offer",
            )
        ]

    def __str__(self) -> str:
        return f"{self.version} → {self.need_id}"


class Invitation(models.Model):
    """The office or an owner asks a vendor to look at a need."""

    key = models.CharField(max_length=12, unique=True, default=new_key, editable=False)
    need = models.ForeignKey("needs.Need", models.CASCADE, related_name="invitations")
    vendor = models.ForeignKey(Vendor, models.CASCADE, related_name="invitations")
    message = models.TextField(blank=True)
    invited_by = models.CharField(max_length=200)
    invited_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["answered_at", "invited_at"]),
            models.Index(fields=["vendor", "answered_at"]),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["need", "vendor"], name="supply_one_invitation")
        ]

    def __str__(self) -> str:
        return f"{self.need_id} → {self.vendor_id}"


class Certificate(models.Model):
    """A verdict as a signed credential; public once it is released and the vendor shows it."""

    key = models.CharField(max_length=12, unique=True, default=new_key, editable=False)
    version = models.ForeignKey(Version, models.PROTECT, related_name="certificates")
    need = models.ForeignKey("needs.Need", models.PROTECT, related_name="certificates")
    trial_key = models.CharField(max_length=12, unique=True)
    verdict = models.CharField(max_length=12)  # passed, failed, undecided
    document = models.JSONField()
    issued_at = models.DateTimeField()
    released_at = models.DateTimeField(null=True, blank=True)
    public = models.BooleanField(default=False)
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_reason = models.CharField(max_length=300, blank=True)
    revoked_by = models.CharField(max_length=200, blank=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["public", "verdict", "-issued_at"])]

    def __str__(self) -> str:
        return f"{self.version} · {self.verdict}"

"""People, organisations, and who may act for whom."""

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models

from liudu.platform.actors import Role
from liudu.platform.keys import new_key
from liudu.platform.words import both, language


class People(BaseUserManager["User"]):
    """Makes users; their name at the door is their address of mail."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":  # noqa: ANN401
        """Return a new user."""
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user


class User(AbstractBaseUser):
    """A person with an account."""

    key = models.CharField(max_length=12, unique=True, default=new_key, editable=False)
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=80, blank=True)
    language = models.CharField(
        max_length=2, choices=[("zh", "中文"), ("en", "English")], blank=True
    )
    is_active = models.BooleanField(default=True)
    joined_at = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[People] = People()

    def __str__(self) -> str:
        return self.name or self.email.partition("@")[0]

    def get_full_name(self) -> str:
        """Return the name that people know the user by."""
        return str(self)


class Organisation(models.Model):
    """An enterprise, a one-person company, a bureau, a hospital …"""

    class Kind(models.TextChoices):
        """What it is."""

        COMPANY = "company", both("企业", "Company")
        OPC = "opc", both("一人公司", "One-person company")
        PUBLIC_BODY = "public_body", both("事业单位", "Public body")
        BUREAU = "bureau", both("政府部门", "Bureau")
        OPERATOR = "operator", both("平台运营方", "Operator")

    key = models.CharField(max_length=12, unique=True, default=new_key, editable=False)
    name = models.CharField(max_length=120)
    name_en = models.CharField(max_length=160, blank=True)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    credit_code = models.CharField(max_length=18, null=True, blank=True, unique=True)
    # Codes are public: only a confirmed one joins an organisation to what bureaus know of it.
    credit_code_confirmed_at = models.DateTimeField(null=True, blank=True)
    credit_code_confirmed_by = models.CharField(max_length=120, blank=True)
    district = models.ForeignKey("city.District", models.PROTECT, null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return (self.name_en or self.name) if language() == "en" else self.name


class Membership(models.Model):
    """One role of one person in one organisation."""

    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    organisation = models.ForeignKey(Organisation, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=12, choices=[(role.value, role.value) for role in Role])
    since = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user", "organisation", "role"], name="identity_one_role"
            )
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.organisation} · {self.role}"


class Invitation(models.Model):
    """A letter that makes whoever answers it a member; only a digest of its token is kept."""

    key = models.CharField(max_length=12, unique=True, default=new_key, editable=False)
    token_digest = models.CharField(max_length=64, unique=True)
    email = models.EmailField()
    organisation = models.ForeignKey(Organisation, models.CASCADE)
    roles = models.JSONField(default=list)
    invited_by = models.CharField(max_length=120)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.email} → {self.organisation}"


class Token(models.Model):
    """A key to the API for an organisation's programs; only a digest of it is kept."""

    key = models.CharField(max_length=12, unique=True, default=new_key, editable=False)
    digest = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=80)
    organisation = models.ForeignKey(Organisation, models.CASCADE)
    roles = models.JSONField(default=list)
    created_by = models.CharField(max_length=120)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.organisation} · {self.name}"


class KeptAnswer(models.Model):
    """What the API answered to an idempotency key, given again when the request comes again."""

    actor_key = models.CharField(max_length=64)
    idempotency_key = models.CharField(max_length=200)
    request_digest = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(default=0)
    content_type = models.CharField(max_length=100, blank=True)
    body = models.TextField(blank=True)
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["actor_key", "idempotency_key"], name="identity_one_answer"
            )
        ]

    def __str__(self) -> str:
        return f"{self.idempotency_key} → {self.status}"

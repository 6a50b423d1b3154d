"""Policies as they were loaded, what is known of whom, what was determined and what was paid."""

from typing import ClassVar, NoReturn

from django.db import models

from liudu.contract import Refusal
from liudu.platform.keys import new_key
from liudu.platform.words import both, language


class WrittenForGoodError(Refusal):
    """Somebody wants to change or remove a row that is kept as it was written."""

    en = "{row} is kept as it was written: add a new row that replaces it."
    zh = "{row} 须保持原样：请新增一行取代它。"


class ForGood(models.Model):
    """A row that is written once; the database refuses changes too (see the migrations)."""

    class Meta:
        abstract = True

    def save(self, *args: object, **kwargs: object) -> None:
        """Write the row the first time; `WrittenForGoodError` afterwards."""
        if not self._state.adding:
            raise WrittenForGoodError(row=str(self))
        super().save(*args, **kwargs)  # type: ignore[arg-type]

    def delete(self, *_args: object, **_kwargs: object) -> NoReturn:
        """Refuse: what was decided on must be found again."""
        raise WrittenForGoodError(row=str(self))


class PackVersion(ForGood):
    """A policy pack as it was loaded, or as the office completed it: text and settings for good.

    `settings` holds the values that the office gave to parameters which the text leaves open:
    by name ``{"value": …, "source": …}``, the value as it is written in a pack. The version of
    a day is the one with the highest number whose days (both included) hold it.
    """

    key = models.CharField(max_length=12, unique=True, default=new_key, editable=False)
    code = models.SlugField(max_length=60)
    number = models.PositiveIntegerField()
    version = models.CharField(max_length=40)
    title_zh = models.CharField(max_length=200)
    title_en = models.CharField(max_length=200, blank=True)
    issuer = models.CharField(max_length=120, blank=True)
    text = models.TextField()
    digest = models.CharField(max_length=80)  # of text and settings
    settings = models.JSONField(default=dict)
    valid_from = models.DateField(null=True)
    valid_to = models.DateField(null=True)
    rule_count = models.PositiveIntegerField()
    example_count = models.PositiveIntegerField()
    reason = models.CharField(max_length=300)
    loaded_at = models.DateTimeField()
    loaded_by = models.CharField(max_length=120)

    class Meta:
        ordering: ClassVar = ["code", "-number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["code", "number"], name="funding_one_number"),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.version} · {self.number}"

    @property
    def title(self) -> str:
        """The title in the reader's language."""
        return self.title_en if language() == "en" and self.title_en else self.title_zh


class ClauseCheck(ForGood):
    """Somebody compared the clause of a rule with the official text.

    It holds for the clause as it read then (`clause_digest`); a changed clause is unchecked.
    """

    code = models.SlugField(max_length=60)
    rule = models.CharField(max_length=80)
    clause_digest = models.CharField(max_length=64)
    compared_with = models.CharField(max_length=400)
    checked_at = models.DateTimeField()
    checked_by = models.CharField(max_length=120)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["code", "rule", "clause_digest"], name="funding_one_clause_check"
            )
        ]

    def __str__(self) -> str:
        return f"{self.code}/{self.rule}"


class Subject(models.Model):
    """Whom facts are about: an enterprise, a person, a project or a contract.

    `ref` is its number at the bureaus (credit code, contract number); for an account of this
    platform its key. `owner` is the organisation whose project or contract it is.
    """

    class Kind(models.TextChoices):
        """What it is, in the words of the packs."""

        ENTERPRISE = "enterprise", both("企业", "Enterprise")
        PERSON = "person", both("个人", "Person")
        PROJECT = "project", both("项目", "Project")
        CONTRACT = "contract", both("合同", "Contract")

    class Size(models.TextChoices):
        """Of an enterprise; empty where nobody said."""

        MICRO = "micro", both("微型", "Micro")
        SMALL = "small", both("小型", "Small")
        MEDIUM = "medium", both("中型", "Medium")
        LARGE = "large", both("大型", "Large")

    key = models.CharField(max_length=12, unique=True, default=new_key, editable=False)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    ref = models.CharField(max_length=60)
    name = models.CharField(max_length=160)
    organisation = models.OneToOneField("identity.Organisation", models.PROTECT, null=True)
    user = models.OneToOneField("identity.User", models.PROTECT, null=True)
    owner = models.ForeignKey(
        "identity.Organisation", models.PROTECT, null=True, related_name="owned_subjects"
    )
    district = models.ForeignKey("city.District", models.PROTECT, null=True)
    sector = models.ForeignKey("city.Sector", models.PROTECT, null=True)
    size = models.CharField(max_length=6, choices=Size.choices, blank=True)
    simulated = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["kind", "ref"], name="funding_one_subject")
        ]

    def __str__(self) -> str:
        return self.name


class FactImport(models.Model):
    """A table of facts that a bureau sent, and what became of each of its rows."""

    key = models.CharField(max_length=12, unique=True, default=new_key, editable=False)
    file_name = models.CharField(max_length=200)
    encoding = models.CharField(max_length=20)
    bureau = models.CharField(max_length=120)
    kind = models.CharField(max_length=10, choices=Subject.Kind.choices)
    row_count = models.PositiveIntegerField(default=0)
    taken_count = models.PositiveIntegerField(default=0)
    fact_count = models.PositiveIntegerField(default=0)
    problems = models.JSONField(default=list)  # {"line", "subject", "column", "zh", "en"}
    problem_count = models.PositiveIntegerField(default=0)
    imported_at = models.DateTimeField()
    imported_by = models.CharField(max_length=120)

    class Meta:
        ordering: ClassVar = ["-pk"]

    def __str__(self) -> str:
        return self.file_name


class FactRow(ForGood):
    """One fact of one subject, with who holds it; a newer row supersedes it and it stays.

    `value` is written plainly: ``true``/``false``, whole numbers, money in fen, rates as decimal
    fractions, days as ISO, labels as they are; empty: known to be unknown again.
    """

    class Origin(models.TextChoices):
        """Who said so."""

        BUREAU = "bureau", both("部门数据", "From the bureau")
        DECLARED = "declared", both("本人（单位）自述", "Said by the subject")
        SIMULATED = "simulated", both("模拟", "Simulated")
        PLATFORM = "platform", both("本平台付款记录", "From payments of this platform")
        APPLIED = "applied", both("在本平台申领", "Applied for on this platform")

    subject = models.ForeignKey(Subject, models.PROTECT, related_name="facts")
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=8)
    value = models.CharField(max_length=120, blank=True)
    origin = models.CharField(max_length=10, choices=Origin.choices)
    bureau = models.CharField(max_length=120, blank=True)
    document = models.CharField(max_length=160, blank=True)
    observed_date = models.DateField()
    valid_from = models.DateField()
    valid_to = models.DateField(null=True)
    entered_at = models.DateTimeField()
    entered_by = models.CharField(max_length=120)
    supersedes = models.OneToOneField(
        "self", models.PROTECT, null=True, related_name="superseded_by"
    )
    source = models.ForeignKey(FactImport, models.PROTECT, null=True, related_name="facts")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["subject", "name"],
                condition=models.Q(supersedes__isnull=True),
                name="funding_one_first_fact",
            )
        ]
        indexes: ClassVar = [models.Index(fields=["name", "subject"])]

    def __str__(self) -> str:
        return f"{self.name} = {self.value}"


class Determination(ForGood):
    """What a rule said of a subject on a day, with all that it was computed from.

    `identity` is `liudu.rules.determination_id`; it does not name the subject, so two subjects
    alike have the same. `facts` holds every fact of the pack that was known: by name ``{"number":
    encoded, "value": as written, "bureau", "document", "date", "origin"}``. `settings` are all
    the office's values at that moment. `beside` holds what the other policies of the rule's
    group were computed from: ``{"policies": {code: {"key": of the version, "facts": as above}},
    "absent": [codes]}``; null where the group does not reach beyond the policy.
    """

    class Status(models.TextChoices):
        """As the rules say it."""

        ELIGIBLE = "eligible", both("符合", "Eligible")
        INELIGIBLE = "ineligible", both("不符合", "Not eligible")
        UNKNOWN = "unknown", both("尚不能判定", "Cannot be decided yet")

    key = models.CharField(max_length=12, unique=True, default=new_key, editable=False)
    identity = models.CharField(max_length=80)
    subject = models.ForeignKey(Subject, models.PROTECT, related_name="determinations")
    pack = models.ForeignKey(PackVersion, models.PROTECT, related_name="determinations")
    rule = models.CharField(max_length=80)
    on_date = models.DateField()
    status = models.CharField(max_length=10, choices=Status.choices)
    amount_fen = models.BigIntegerField(null=True)
    payable_fen = models.BigIntegerField(null=True)
    facts = models.JSONField()
    beside = models.JSONField(null=True)
    reason_zh = models.TextField()
    reason_en = models.TextField()
    made_at = models.DateTimeField()
    made_by = models.CharField(max_length=120)

    class Meta:
        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["subject", "identity"], name="funding_one_determination"
            )
        ]

    def __str__(self) -> str:
        return self.identity

    @property
    def reason(self) -> str:
        """Why, in the reader's language."""
        return self.reason_en if language() == "en" else self.reason_zh


class Batch(models.Model):
    """One delivery of one rule for one period to all who are due it, without an application.

    It keeps its pack version whatever is loaded meanwhile, and in `beside` those of the policies
    with which its rule shares a group. `matched_pk` is how far the matching
    came (subjects are taken by rising id), so that a batch that was cut short goes on there.
    While a worker matches, `matching_until` is when its silence is too long; `matching_by` is
    who asked for it, `matching_problem` why it could not be finished.
    """

    class Stage(models.TextChoices):
        """How far the procedure is."""

        MATCHING = "matching", both("比对", "Matching")
        MATCHED = "matched", both("待通知", "To be notified")
        NOTIFIED = "notified", both("确认账户", "Accounts being confirmed")
        PUBLISHED = "published", both("公示", "Published")
        ARCHIVED = "archived", both("已归档", "Archived")

    key = models.CharField(max_length=12, unique=True, default=new_key, editable=False)
    pack = models.ForeignKey(PackVersion, models.PROTECT, related_name="batches")
    code = models.SlugField(max_length=60)
    rule = models.CharField(max_length=80)
    period = models.CharField(max_length=20)
    on_date = models.DateField()
    stage = models.CharField(max_length=10, choices=Stage.choices, default=Stage.MATCHING)
    matched_pk = models.BigIntegerField(default=0)
    matching_by = models.JSONField(null=True)  # Actor: kind, key, name, organisation
    matching_until = models.DateTimeField(null=True)
    matching_problem = models.JSONField(null=True)  # {"zh", "en"}
    subject_count = models.PositiveIntegerField(default=0)
    eligible_count = models.PositiveIntegerField(default=0)
    unknown_count = models.PositiveIntegerField(default=0)
    open_count = models.PositiveIntegerField(default=0)
    near_count = models.PositiveIntegerField(default=0)
    near_fen = models.BigIntegerField(default=0)  # what their last step would bring
    near_unknown_count = models.PositiveIntegerField(default=0)  # of how many that is not known
    beside = models.JSONField(null=True)  # as `beside.Beside.kept`
    turned_away_count = models.PositiveIntegerField(default=0)
    sample_share = models.FloatField()
    sample_seed = models.BigIntegerField()
    review_above_fen = models.BigIntegerField(null=True)
    simulated = models.BooleanField(default=False)
    opened_at = models.DateTimeField()
    opened_by = models.CharField(max_length=120)
    published_at = models.DateTimeField(null=True)
    archived_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["code", "rule", "period", "simulated"], name="funding_one_batch"
            )
        ]

    def __str__(self) -> str:
        return f"{self.code}/{self.rule} {self.period}"


class Grant(models.Model):
    """What one subject is due from one rule for one period: once, whatever happens."""

    class State(models.TextChoices):
        """Where it is."""

        REVIEW = "review", both("人工复核", "Being reviewed")
        MATCHED = "matched", both("已匹配", "Matched")
        NOTIFIED = "notified", both("待确认账户", "Account to be confirmed")
        CONFIRMED = "confirmed", both("账户已确认", "Account confirmed")
        ORDERED = "ordered", both("已生成付款指令", "Payment ordered")
        PAID = "paid", both("已付款", "Paid")
        OPTED_OUT = "opted_out", both("已放弃", "Opted out")
        REFUSED = "refused", both("复核未通过", "Refused in review")
        NO_BUDGET = "no_budget", both("预算已用完", "Budget used up")
        CLOSED = "closed", both("付款未成，已终止", "Closed unpaid")

    key = models.CharField(max_length=12, unique=True, default=new_key, editable=False)
    batch = models.ForeignKey(Batch, models.PROTECT, related_name="grants")
    subject = models.ForeignKey(Subject, models.PROTECT, related_name="grants")
    determination = models.ForeignKey(Determination, models.PROTECT, related_name="grants")
    code = models.SlugField(max_length=60)
    rule = models.CharField(max_length=80)
    period = models.CharField(max_length=20)
    amount_fen = models.BigIntegerField()
    state = models.CharField(max_length=10, choices=State.choices)
    sampled_for = models.CharField(max_length=20, blank=True)  # group, amount, declared, random
    review_note = models.CharField(max_length=300, blank=True)
    account_holder = models.CharField(max_length=120, blank=True)
    account_bank = models.CharField(max_length=120, blank=True)
    account_number = models.CharField(max_length=40, blank=True)
    notified_at = models.DateTimeField(null=True)
    changed_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["subject", "code", "rule", "period"], name="funding_granted_once"
            ),
            models.CheckConstraint(
                condition=models.Q(amount_fen__gt=0), name="funding_grant_positive"
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["batch", "state"])]

    def __str__(self) -> str:
        return f"{self.code}/{self.rule} {self.period} · {self.subject}"

    @property
    def account_masked(self) -> str:
        """The account's last four digits."""
        return f"**** {self.account_number[-4:]}" if self.account_number else ""


class GrantEvent(ForGood):
    """What happened to a grant, as its subject reads it."""

    grant = models.ForeignKey(Grant, models.PROTECT, related_name="events")
    at = models.DateTimeField()
    by = models.CharField(max_length=120)
    kind = models.CharField(max_length=20)
    zh = models.CharField(max_length=300)
    en = models.CharField(max_length=300)

    class Meta:
        ordering: ClassVar = ["pk"]

    def __str__(self) -> str:
        return self.en


class PaymentExport(ForGood):
    """The orders that were handed to the treasury at once, with the file as it was made.

    Whoever loses the file fetches the same bytes again; no order is in two exports.
    """

    key = models.CharField(max_length=12, unique=True, default=new_key, editable=False)
    simulated = models.BooleanField(default=False)
    text = models.TextField()
    digest = models.CharField(max_length=64)  # SHA-256 of the text's UTF-8 bytes
    order_count = models.PositiveIntegerField()
    pay_fen = models.BigIntegerField()  # payments and supplements
    recover_fen = models.BigIntegerField()
    exported_at = models.DateTimeField(db_index=True)
    exported_by = models.CharField(max_length=120)

    class Meta:
        ordering: ClassVar = ["-pk"]

    def __str__(self) -> str:
        return self.key


class PaymentOrder(models.Model):
    """An order to the treasury, waiting in this outbox until the treasury takes it.

    `idempotency_key` names the deed: the same deed twice is one order. A grant has one payment;
    a correction pays what was too little or takes back what was too much; a recovery takes back
    the whole. Amounts are positive; `kind` says which way. What the treasury could not carry out
    is sent again as the same row under a new attempt, whose key is `deed_of` with the attempt.
    """

    class Kind(models.TextChoices):
        """What it is for."""

        PAYMENT = "payment", both("付款", "Payment")
        SUPPLEMENT = "supplement", both("补发", "Supplement")
        RECOVERY = "recovery", both("追回", "Recovery")

    class State(models.TextChoices):
        """How far the treasury is."""

        WAITING = "waiting", both("待财政领取", "Waiting for the treasury")
        EXPORTED = "exported", both("已交财政", "Handed to the treasury")
        SETTLED = "settled", both("已办结", "Settled")
        RETURNED = "returned", both("已退回", "Returned")
        CLOSED = "closed", both("不再办理", "Closed unpaid")

    key = models.CharField(max_length=12, unique=True, default=new_key, editable=False)
    grant = models.ForeignKey(Grant, models.PROTECT, related_name="orders")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    amount_fen = models.BigIntegerField()
    idempotency_key = models.CharField(max_length=200, unique=True)
    attempt = models.PositiveSmallIntegerField(default=1)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    ordered_at = models.DateTimeField()
    ordered_by = models.CharField(max_length=120)
    exported_at = models.DateTimeField(null=True)
    export = models.ForeignKey(PaymentExport, models.PROTECT, null=True, related_name="orders")
    settled_at = models.DateTimeField(null=True)
    reference = models.CharField(max_length=80, blank=True)  # the treasury's number
    returned_at = models.DateTimeField(null=True)  # the latest time
    return_reason = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["grant"],
                condition=models.Q(kind="payment"),
                name="funding_paid_once",
            ),
            models.CheckConstraint(
                condition=models.Q(amount_fen__gt=0), name="funding_order_positive"
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["state", "id"])]

    def __str__(self) -> str:
        return self.idempotency_key


class PaymentReturn(ForGood):
    """An attempt at an order that the treasury could not carry out, as it was handed over.

    Its idempotency key is never given to another attempt.
    """

    order = models.ForeignKey(PaymentOrder, models.PROTECT, related_name="returns")
    export = models.ForeignKey(PaymentExport, models.PROTECT, null=True, related_name="returns")
    attempt = models.PositiveSmallIntegerField()
    idempotency_key = models.CharField(max_length=200, unique=True)
    amount_fen = models.BigIntegerField()
    account = models.CharField(max_length=140, blank=True)  # bank and last four digits
    reason = models.CharField(max_length=200)
    reference = models.CharField(max_length=80, blank=True)  # the treasury's number
    returned_at = models.DateTimeField()
    returned_by = models.CharField(max_length=120)

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["order", "attempt"], name="funding_returned_once")
        ]

    def __str__(self) -> str:
        return self.idempotency_key


class Objection(models.Model):
    """Somebody says that a grant is wrong; an officer answers and, if right, corrects it."""

    class State(models.TextChoices):
        """How it ended."""

        OPEN = "open", both("待处理", "Open")
        UPHELD = "upheld", both("成立", "Upheld")
        REJECTED = "rejected", both("不成立", "Rejected")

    key = models.CharField(max_length=12, unique=True, default=new_key, editable=False)
    grant = models.ForeignKey(Grant, models.PROTECT, related_name="objections")
    text = models.CharField(max_length=1000)
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    answer = models.CharField(max_length=1000, blank=True)
    raised_at = models.DateTimeField()
    raised_by = models.CharField(max_length=120)
    raised_by_key = models.CharField(max_length=64, blank=True)
    answered_at = models.DateTimeField(null=True)
    answered_by = models.CharField(max_length=120, blank=True)

    class Meta:
        ordering: ClassVar = ["-pk"]

    def __str__(self) -> str:
        return self.text[:40]


class Application(models.Model):
    """A subject applied for a benefit that is not paid without.

    The fact that the rule is `applied_for` is true while it stands; the fact's `document` is
    `reference`. It waits until a delivery grants what was applied for.
    """

    class State(models.TextChoices):
        """Where it is."""

        WAITING = "waiting", both("等待下一期发放", "Waiting for the next delivery")
        TAKEN = "taken", both("已进入发放", "Taken into a delivery")
        WITHDRAWN = "withdrawn", both("已撤回", "Withdrawn")

    key = models.CharField(max_length=12, unique=True, default=new_key, editable=False)
    subject = models.ForeignKey(Subject, models.PROTECT, related_name="applications")
    pack = models.ForeignKey(PackVersion, models.PROTECT, related_name="applications")
    code = models.SlugField(max_length=60)
    rule = models.CharField(max_length=80)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    applied_at = models.DateTimeField()
    applied_by = models.CharField(max_length=120)
    changed_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["subject", "code", "rule"],
                condition=models.Q(state="waiting"),
                name="funding_one_application",
            )
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["code", "rule"],
                condition=models.Q(state="waiting"),
                name="funding_applications_waiting",
            )
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def reference(self) -> str:
        """What the fact that it makes true names as its document."""
        return f"{self.code}/{self.rule}/{self.key}"

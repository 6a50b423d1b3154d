"""The city as its sources tell it: nothing here is without a source, or says that there is none."""

import re
from typing import ClassVar, Final

from django.db import models

from liudu.platform.words import both, language


def in_reader_language(zh: str, en: str) -> str:
    """Return the English text to who reads English, if there is one."""
    return (en or zh) if language() == "en" else zh


# Counters have no English; the label says what is counted. Amounts are shown, not computed.
UNITS_EN: Final = {
    "亿元": "× ¥100 million",
    "万亿元": "× ¥1 trillion",
    "亿米": "× 100 million m",
    "公里": "km",
    "天": "days",
    "人": "people",
    "位": "people",
    **dict.fromkeys(("家", "个", "项", "款", "条", "件"), ""),
}

GROUPED: Final = re.compile(r"(?<![\d.])[1-9]\d{3,}(?![\d.])")


def _in_groups(digits: re.Match[str]) -> str:
    return f"{int(digits[0]):,}"


class PackVersion(models.Model):
    """One state of a city pack, known by the digest of its files, with what it changed."""

    digest = models.CharField(max_length=64)
    about = models.JSONField(default=dict)  # city.yaml's head: names, day of compiling, coverage
    report = models.JSONField(default=dict)  # added, changed, gone, kept, by kind
    loaded_at = models.DateTimeField()
    loaded_by = models.CharField(max_length=200)

    def __str__(self) -> str:
        return f"{self.about.get('code', '')} {self.digest[:12]}"


class Source(models.Model):
    """Where facts come from."""

    class Origin(models.TextChoices):
        """Who named it."""

        PACK = "pack", both("城市数据包", "City pack")
        OFFICE = "office", both("主管部门补充", "Added by the office")

    code = models.CharField(max_length=20, primary_key=True)
    title = models.CharField(max_length=400)
    url = models.CharField(max_length=600, blank=True)
    site = models.CharField(max_length=300, blank=True)  # where a copy was found, not an address
    reliability = models.CharField(max_length=1, blank=True)  # A official … D do not rely on
    note = models.CharField(max_length=600, blank=True)
    origin = models.CharField(max_length=8, choices=Origin.choices, default=Origin.PACK)
    retired_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.code} {self.title}"


class RejectedSource(models.Model):
    """What was read and refused, so that nobody takes it for a find."""

    code = models.CharField(max_length=600, unique=True)  # its address
    why = models.CharField(max_length=600)
    why_en = models.CharField(max_length=600, blank=True)

    def __str__(self) -> str:
        return self.code


class Named(models.Model):
    """Something with a name in both languages."""

    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)
    name_en = models.CharField(max_length=120)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return in_reader_language(self.name, self.name_en)


class Lasting(Named):
    """What needs and organisations point to: gone from the pack, it is retired and kept."""

    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True


class District(Lasting):
    """One of the city's districts; `column` and `row` place it on the tile map."""

    adcode = models.CharField(max_length=12, blank=True)
    column = models.SmallIntegerField(default=0)
    row = models.SmallIntegerField(default=0)
    zone = models.CharField(max_length=40, blank=True)
    about = models.JSONField(default=dict)  # {"aliases": [...]}

    class Meta:
        ordering: ClassVar = ["row", "column"]


class Sector(Lasting):
    """One of the sectors of 1+15."""

    number = models.SmallIntegerField(unique=True)
    about = models.JSONField(default=dict)  # {"source": code}

    class Meta:
        ordering: ClassVar = ["number"]


class Stated(models.Model):
    """What a source says. `believed` lists the fields that the source does not say itself.

    ``verified_at`` is when somebody of the office compared it with the official text.
    """

    code = models.CharField(max_length=80, unique=True)
    position = models.PositiveIntegerField(default=0)
    source = models.ForeignKey(Source, models.PROTECT, null=True, blank=True)
    also = models.JSONField(default=list, blank=True)  # codes of further sources
    believed = models.JSONField(default=list, blank=True)
    detail = models.JSONField(default=dict, blank=True)
    note = models.CharField(max_length=600, blank=True)
    note_en = models.CharField(max_length=600, blank=True)
    verified_at = models.DateTimeField(null=True, blank=True)
    verified_by = models.CharField(max_length=200, blank=True)

    class Meta:
        abstract = True

    @property
    def remark(self) -> str:
        """The note in the reader's language."""
        return in_reader_language(self.note, self.note_en)


class Fact(Stated):
    """A figure, a target, a plan …; an empty slot while no source was found."""

    class Topic(models.TextChoices):
        """What kind of fact."""

        FIGURE = "figure", both("现状", "Figure")
        TARGET = "target", both("目标", "Target")
        SERVICE = "service", both("服务", "Service")
        PLAN = "plan", both("规划", "Plan")
        FRAME = "frame", both("推进体系", "Framework")

    class Status(models.TextChoices):
        """Who says it."""

        STATED = "stated", both("来源所载", "Stated by a source")
        NOT_FOUND = "not_found", both("未查到", "Not found")
        SUPPLIED = "supplied", both("主管部门补充", "Added by the office")

    topic = models.CharField(max_length=8, choices=Topic.choices)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.STATED)
    district = models.ForeignKey(
        District, models.CASCADE, null=True, blank=True, related_name="facts"
    )
    sector = models.ForeignKey(Sector, models.CASCADE, null=True, blank=True, related_name="facts")
    label = models.CharField(max_length=200)
    label_en = models.CharField(max_length=200, blank=True)
    op = models.CharField(max_length=2, blank=True)
    value = models.CharField(max_length=400, blank=True)  # as the source writes it
    unit = models.CharField(max_length=40, blank=True)
    as_of = models.CharField(max_length=10, blank=True)  # 2024, 2025-02 or 2025-02-14
    due = models.CharField(max_length=10, blank=True)
    document = models.CharField(max_length=200, blank=True)
    sought = models.JSONField(default=list, blank=True)  # sources in which it was looked for

    class Meta:
        ordering: ClassVar = ["position"]
        indexes: ClassVar = [models.Index(fields=["topic", "position"])]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(status="not_found", value="", source__isnull=True)
                | (~models.Q(status="not_found") & models.Q(source__isnull=False)),
                name="city_fact_has_source_or_is_empty",
            )
        ]

    def __str__(self) -> str:
        return in_reader_language(self.label, self.label_en)

    @property
    def figure(self) -> str:
        """The value as it is read: with its comparison and unit."""
        sign = {">=": "≥ ", "<=": "≤ ", ">": "> ", "<": "< "}.get(self.op, "")
        unit = self.unit_shown
        return f"{sign}{self.value_shown}{'' if unit in ('%', '') else ' '}{unit}"

    @property
    def value_shown(self) -> str:
        """The value with its digits in groups; one without a unit may be a year, and stays."""
        return GROUPED.sub(_in_groups, self.value) if self.unit else self.value

    @property
    def unit_shown(self) -> str:
        """The unit in the reader's language."""
        return in_reader_language(self.unit, UNITS_EN.get(self.unit, self.unit) or " ").strip()


class Zone(Stated):
    """One of the four zones that share the name of the six dimensions."""

    name = models.CharField(max_length=80)
    name_en = models.CharField(max_length=120)
    district = models.ForeignKey(District, models.CASCADE, related_name="zones")
    theme = models.CharField(max_length=120, blank=True)
    theme_en = models.CharField(max_length=120, blank=True)

    class Meta:
        ordering: ClassVar = ["position"]

    def __str__(self) -> str:
        return in_reader_language(self.name, self.name_en)


class Dimension(Stated):
    """One of the six dimensions of the index."""

    name = models.CharField(max_length=80)
    name_en = models.CharField(max_length=120)
    about = models.CharField(max_length=120, blank=True)
    about_en = models.CharField(max_length=120, blank=True)

    class Meta:
        ordering: ClassVar = ["position"]

    def __str__(self) -> str:
        return in_reader_language(self.name, self.name_en)


class Aspect(Stated):
    """One aspect of the city's action plan."""

    name = models.CharField(max_length=120)
    name_en = models.CharField(max_length=160, blank=True)
    short = models.CharField(max_length=40, blank=True)

    class Meta:
        ordering: ClassVar = ["position"]

    def __str__(self) -> str:
        return in_reader_language(self.name, self.name_en)


class Enterprise(Stated):
    """An enterprise that a source names; no account of this platform."""

    class Layer(models.TextChoices):
        """Where the source puts it."""

        FOUNDATION = "foundation", both("基础层", "Foundation")
        FRAMEWORK = "framework", both("框架层", "Framework")
        MODEL = "model", both("模型层", "Model")
        APPLICATION = "application", both("应用层", "Application")
        DEMAND = "demand", both("需求方", "Demand side")

    name = models.CharField(max_length=120)
    layer = models.CharField(max_length=12, choices=Layer.choices)
    district = models.ForeignKey(
        District, models.SET_NULL, null=True, blank=True, related_name="enterprises"
    )
    product = models.CharField(max_length=200, blank=True)
    role = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering: ClassVar = ["position"]

    def __str__(self) -> str:
        return self.name


class Place(Stated):
    """A park, a community of one-person companies, a compute centre or a platform."""

    class Kind(models.TextChoices):
        """What it is."""

        PARK = "park", both("产业园", "Park")
        OPC = "opc", both("OPC 社区", "OPC community")
        COMPUTE = "compute", both("算力", "Compute")
        PLATFORM = "platform", both("平台", "Platform")

    kind = models.CharField(max_length=8, choices=Kind.choices)
    name = models.CharField(max_length=120)
    district = models.ForeignKey(
        District, models.SET_NULL, null=True, blank=True, related_name="places"
    )
    citywide = models.BooleanField(default=False)
    as_of = models.CharField(max_length=10, blank=True)

    class Meta:
        ordering: ClassVar = ["position"]

    def __str__(self) -> str:
        return self.name


class PublishedItem(Stated):
    """A need, a list, a project or a case that was published elsewhere; not in this market."""

    class Kind(models.TextChoices):
        """What it is."""

        NEED_LIST = "need_list", both("需求清单", "List of needs")
        NEED = "need", both("需求", "Need")
        PROJECT = "project", both("项目", "Project")
        CASE = "deployed_case", both("已落地案例", "Deployed case")
        COMPETITION = "competition", both("参赛项目", "Competition entry")
        PROGRAMME = "programme", both("计划", "Programme")
        EXAMPLE = "form_example", both("填写样例", "Example of a form")

    kind = models.CharField(max_length=16, choices=Kind.choices)
    elsewhere = models.BooleanField(default=False)
    city = models.CharField(max_length=40, blank=True)
    city_en = models.CharField(max_length=60, blank=True)
    title = models.CharField(max_length=200)
    title_en = models.CharField(max_length=200, blank=True)
    sector = models.ForeignKey(
        Sector, models.SET_NULL, null=True, blank=True, related_name="published"
    )
    owner = models.CharField(max_length=200, blank=True)
    vendor = models.CharField(max_length=200, blank=True)
    list_code = models.CharField(max_length=20, blank=True)  # of the list that it stood in
    date = models.CharField(max_length=10, blank=True)
    count = models.CharField(max_length=20, blank=True)
    found = models.CharField(max_length=20, blank=True)
    metrics = models.JSONField(default=list, blank=True)

    class Meta:
        ordering: ClassVar = ["position"]
        indexes: ClassVar = [models.Index(fields=["elsewhere", "kind", "position"])]

    def __str__(self) -> str:
        return in_reader_language(self.title, self.title_en)

    @property
    def place(self) -> str:
        """The city that published it, where it is another."""
        return in_reader_language(self.city, self.city_en)


class Milestone(Stated):
    """What happened when; the day is as exact as its source."""

    date = models.CharField(max_length=10)
    event = models.CharField(max_length=300)
    event_en = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering: ClassVar = ["position"]

    def __str__(self) -> str:
        return in_reader_language(self.event, self.event_en)


class Gap(models.Model):
    """What should be here and no source told."""

    code = models.CharField(max_length=80, unique=True)
    position = models.PositiveIntegerField(default=0)
    text = models.CharField(max_length=400)
    text_en = models.CharField(max_length=400, blank=True)

    class Meta:
        ordering: ClassVar = ["position"]

    def __str__(self) -> str:
        return in_reader_language(self.text, self.text_en)


class Conflict(models.Model):
    """Where sources contradict each other: every value stays, with its source."""

    code = models.CharField(max_length=80, unique=True)
    position = models.PositiveIntegerField(default=0)
    what = models.CharField(max_length=200)
    what_en = models.CharField(max_length=200, blank=True)
    values = models.JSONField(default=list)  # [{"value": …, "source": code}, …]
    note = models.CharField(max_length=600, blank=True)
    note_en = models.CharField(max_length=600, blank=True)

    class Meta:
        ordering: ClassVar = ["position"]

    def __str__(self) -> str:
        return in_reader_language(self.what, self.what_en)

    @property
    def remark(self) -> str:
        """The note in the reader's language."""
        return in_reader_language(self.note, self.note_en)


class Citation(models.Model):
    """That a row of the pack rests on a source; rebuilt whenever rows change."""

    source = models.ForeignKey(Source, models.CASCADE, related_name="citations")
    kind = models.CharField(max_length=16)
    row_code = models.CharField(max_length=80)
    first = models.BooleanField(default=True)  # its own source; otherwise a further one

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["source", "kind", "row_code"], name="city_cited_once")
        ]
        indexes: ClassVar = [models.Index(fields=["kind", "row_code"])]

    def __str__(self) -> str:
        return f"{self.source_id} → {self.kind} {self.row_code}"

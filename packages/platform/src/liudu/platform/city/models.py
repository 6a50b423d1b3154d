"""The city as its sources tell it: nothing here is without a source."""

from typing import ClassVar

from django.db import models

from liudu.platform.words import language


class Source(models.Model):
    """Where facts come from."""

    code = models.CharField(max_length=20, primary_key=True)
    title = models.CharField(max_length=400)
    url = models.CharField(max_length=600, blank=True)
    reliability = models.CharField(max_length=1, blank=True)  # A official … D do not rely on
    note = models.CharField(max_length=600, blank=True)

    def __str__(self) -> str:
        return f"{self.code} {self.title}"


class Named(models.Model):
    """Something with a name in both languages."""

    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)
    name_en = models.CharField(max_length=120)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name_en if language() == "en" else self.name


class District(Named):
    """One of the city's districts; `column` and `row` place it on the tile map."""

    adcode = models.CharField(max_length=12, blank=True)
    column = models.SmallIntegerField(default=0)
    row = models.SmallIntegerField(default=0)
    zone = models.CharField(max_length=40, blank=True)
    about = models.JSONField(default=dict)

    class Meta:
        ordering: ClassVar = ["row", "column"]


class Sector(Named):
    """One of the sectors of 1+15; number 0 is the shared base, the "1"."""

    number = models.SmallIntegerField(unique=True)
    about = models.JSONField(default=dict)

    class Meta:
        ordering: ClassVar = ["number"]

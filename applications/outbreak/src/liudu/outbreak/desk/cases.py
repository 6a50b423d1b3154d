"""What the data folder holds: counts, configuration, grid, quality, and the cases themselves."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import attrs
import numpy as np
import polars as pl

from liudu.contract import Refusal
from liudu.outbreak.aggregation import Counting, Weeks, aggregate, cases_behind
from liudu.outbreak.clock import now
from liudu.outbreak.commands.aggregate import day_of_import
from liudu.outbreak.configuration import Configuration, read_configuration
from liudu.outbreak.linelist import CASES, QUALITY, scan_cases
from liudu.outbreak.report.provisional import Projection, read_projection
from liudu.outbreak.report.tiles import EMPTY, Tiles, read_tiles
from liudu.outbreak.series import Calendar, SeriesTable, read_series, week_number, week_of_day

SERIES, CONFIGURATION, TILES, BACKTEST = "series.csv", "config.yaml", "tiles.yaml", "backtest.json"
NOWCAST: Final = "nowcast.csv"
COUNTED_BY: Final = ("district", "disease")
PSEUDONYM_DIGITS: Final = 10
QUALITY_KEYS: Final = frozenset({"rows_read", "rows_kept", "rows_rejected", "findings"})
CASES_SHOWN_MAX: Final = 2000
SHOWN: Final = (
    "date_onset", "date_diagnosis", "date_report", "age_years", "sex", "case_class",
    "outbreak_id",
)  # fmt: skip


class NothingToWatchError(Refusal):
    """A data folder holds neither counts nor cases."""

    en = (
        "{folder} holds neither series.csv nor cases.parquet. Put a table of weekly counts there, "
        "or run `liudu-outbreak import`; `liudu-outbreak serve --demo` shows simulated data."
    )
    zh = (
        "{folder} 中既没有 series.csv，也没有 cases.parquet。请放入周病例数表，"
        "或先运行 `liudu-outbreak import`；也可用 `liudu-outbreak serve --demo` 看模拟数据。"
    )


class NoLineListError(Refusal):
    """There are no cases behind the counts."""

    en = "{folder} holds counts alone, without a line list: run `liudu-outbreak import` into it."
    zh = "{folder} 中只有汇总数，没有病例清单：请用 `liudu-outbreak import` 导入。"


@attrs.frozen(kw_only=True)
class Case:
    """One case as the desk shows it: a pseudonym, and what an investigation starts from."""

    pseudonym: str
    cells: tuple[str, ...]


@attrs.frozen(kw_only=True)
class Store:
    """A data folder."""

    folder: Path

    def configuration(self) -> Configuration:
        """Return ``config.yaml``, or the standard configuration.

        Raises
        ------
        UnreadableConfigurationError, UnknownKeyError, BadValueError, CannotModelError

        """
        path = self.folder / CONFIGURATION
        return read_configuration(path) if path.is_file() else Configuration()

    def table(self) -> SeriesTable:
        """Return ``series.csv``, or the cases counted by district and disease.

        Raises
        ------
        NothingToWatchError, UnreadableTableError and what else `read_series` refuses

        """
        configuration = self.configuration()
        path = self.folder / SERIES
        if path.is_file():
            today = now().astimezone().date()
            return read_series(
                path, calendar=configuration.calendar, absent=configuration.absent_weeks,
                at=week_of_day(today, calendar=configuration.calendar),
            )  # fmt: skip
        if not self.has_cases:
            raise NothingToWatchError(folder=self.folder)
        return aggregate(
            scan_cases(self.folder),
            counting=Counting(by=COUNTED_BY),
            calendar=_weeks(configuration.calendar),
            at=day_of_import(self.folder),
        ).table

    @property
    def has_cases(self) -> bool:
        """Whether a line list was imported."""
        return (self.folder / CASES).is_file()

    def tiles(self) -> Tiles:
        """Return the grid of districts; an empty one if there is none."""
        path = self.folder / TILES
        return read_tiles(path) if path.is_file() else EMPTY

    def names(self) -> dict[str, str]:
        """Return the names of districts that are given by code, from the grid and the cases."""
        known = {key: label.zh for key, label in self.tiles().labels.items()}
        if not self.has_cases:
            return known
        cases = scan_cases(self.folder)
        if "district_name" not in cases.collect_schema().names():
            return known
        pairs = cases.select("district", "district_name").drop_nulls().unique("district").collect()
        return known | dict(pairs.rows())

    def quality(self) -> dict[str, Any] | None:
        """Return what the import did to each row; none if nothing was imported."""
        content = _json(self.folder / QUALITY)
        return content if content is not None and content.keys() >= QUALITY_KEYS else None

    def backtest(self) -> dict[str, Any] | None:
        """Return the last backtest that was put into the folder."""
        return _json(self.folder / BACKTEST)

    def projection(self, table: SeriesTable) -> Projection:
        """Return what ``nowcast.csv`` expects of the last weeks; nothing if there is none.

        Raises
        ------
        NotANowcastError

        """
        path = self.folder / NOWCAST
        if not path.is_file():
            return Projection()
        return read_projection(path, columns=table.columns)

    def sources(self) -> list[Path]:
        """Return the files that a bulletin rests on."""
        names = (SERIES if (self.folder / SERIES).is_file() else CASES, CONFIGURATION, QUALITY)
        return [self.folder / name for name in names if (self.folder / name).is_file()]

    def behind(
        self, series: Mapping[str, str], *, week: str, calendar: Calendar, key: bytes
    ) -> list[Case]:
        """Return the cases of one series in one week, by report date.

        Raises
        ------
        NoLineListError
            When there are counts alone, or the series are not counted from the cases.

        """
        if not self.has_cases or not set(series) <= {"district", "disease", "age", "sex"}:
            raise NoLineListError(folder=self.folder.name)
        cell = SeriesTable(
            columns=tuple(series),
            keys=(tuple(series.values()),),
            calendar=calendar,
            first_week=week_number(week, calendar=calendar),
            counts=np.zeros((1, 1)),
        )
        found = cases_behind(
            scan_cases(self.folder), table=cell, row=0, week=0,
            counting=Counting(by=tuple(series)),
        )  # fmt: skip
        shown = [name for name in SHOWN if name in found.collect_schema().names()]
        rows = (
            found.sort("date_report", "case_id")
            .head(CASES_SHOWN_MAX)
            .select("case_id", *(pl.col(name).cast(pl.String) for name in shown))
            .collect()
        )
        return [
            Case(pseudonym=pseudonym(str(row["case_id"]), key=key), cells=_cells(row))
            for row in rows.iter_rows(named=True)
        ]


def pseudonym(case_id: str, *, key: bytes) -> str:
    """Return the number that stands for a case here: the same each time, of no use elsewhere."""
    return hmac.new(key, case_id.encode(), hashlib.sha256).hexdigest()[:PSEUDONYM_DIGITS]


def _cells(row: Mapping[str, str | None]) -> tuple[str, ...]:
    return (
        row.get("date_onset") or "–",
        row.get("date_diagnosis") or "–",
        row.get("date_report") or "–",
        (row.get("age_years") or "–").removesuffix(".0"),
        row.get("sex") or "–",
        row.get("case_class") or "–",
        row.get("outbreak_id") or "–",
    )


def _weeks(calendar: Calendar) -> Weeks:
    return "mmwr" if calendar == "mmwr" else "iso"


def _json(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError):
        return None
    return content if isinstance(content, dict) else None

"""A city of simulated cases, marked as simulated, to try the desk with."""

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import attrs
import numpy as np
import polars as pl
from numpy.typing import NDArray

from liudu.outbreak.desk.cases import CONFIGURATION, SERIES, TILES
from liudu.outbreak.linelist import CASES
from liudu.outbreak.report.tiles import SHIPPED, read_tiles
from liudu.outbreak.series import SeriesTable, week_number, write_series
from liudu.outbreak.simulate import baseline, outbreak

Counts = NDArray[np.int32]
MARK: Final = "simulated.json"
WEEKS: Final = 8 * 52
CASE_WEEKS: Final = 8
CONFIG: Final = """\
# 模拟数据的配置 · settings of the simulated city
absent_weeks: zero
budget: {rule: fdr, value: 0.1}
default: {quiet_days: 14}
diseases:
  霍乱: {fixed: {cases: 1}}
"""


@attrs.frozen
class Disease:
    """A simulated disease: weekly mean in a district, strength of the season, dispersion."""

    name: str
    mean: float
    season: float
    dispersion: float


DISEASES: Final = (
    Disease("流感", 22.0, 0.9, 3.0),
    Disease("手足口病", 12.0, 0.7, 2.0),
    Disease("诺如病毒感染", 4.0, 0.5, 1.5),
    Disease("猩红热", 2.5, 0.4, 1.2),
    Disease("百日咳", 1.2, 0.2, 1.3),
    Disease("霍乱", 0.0004, 0.0, 1.0),
)
OUTBREAKS: Final = (  # district, disease, weeks ago, size in SD
    ("昆山市", "诺如病毒感染", 1, 16.0),
    ("吴江区", "百日咳", 1, 14.0),
    ("姑苏区", "猩红热", 0, 9.0),
    ("常熟市", "手足口病", 0, 7.0),
)


def is_simulated(folder: Path) -> bool:
    """Return whether a data folder says of itself that it is simulated."""
    return (folder / MARK).is_file()


def write_demo(folder: Path, *, at: date, seed: int = 6) -> None:
    """Write counts, cases, grid and configuration of a simulated city up to last week."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    year, number, _ = (at - timedelta(days=7)).isocalendar()
    last = week_number(f"{year}-W{number:02d}", calendar="iso")
    grid = read_tiles(SHIPPED / "suzhou.yaml").positions
    districts = tuple(name for name in grid if not name.isdecimal())  # the same once more by code
    keys = tuple((district, disease.name) for district in districts for disease in DISEASES)
    counts = np.array(
        [
            _series(disease, district=d, last=last, rng=rng)
            for d in districts
            for disease in DISEASES
        ]
    )
    counts[keys.index(("太仓市", "霍乱")), -1] = 1
    table = SeriesTable(
        columns=("district", "disease"), keys=keys, calendar="iso", first_week=last - WEEKS + 1,
        counts=counts.astype(np.float64),
    )  # fmt: skip
    write_series(folder / SERIES, table)
    _cases(table, rng=rng).write_parquet(folder / CASES)
    (folder / CONFIGURATION).write_text(CONFIG, encoding="utf-8")
    (folder / TILES).write_bytes((SHIPPED / "suzhou.yaml").read_bytes())
    mark = {"by": "liudu-outbreak serve --demo", "seed": seed}
    (folder / MARK).write_text(json.dumps(mark), encoding="utf-8")


def _series(disease: Disease, *, district: str, last: int, rng: np.random.Generator) -> Counts:
    week = last - WEEKS + 1 + np.arange(WEEKS)
    mean = disease.mean * np.exp(disease.season * np.cos(2 * np.pi * week / 52.18))
    counts = baseline(mean, dispersion=disease.dispersion, rng=rng)
    for where, what, ago, size in OUTBREAKS:
        if (where, what) == (district, disease.name):
            counts = counts + outbreak(
                mean, dispersion=disease.dispersion, start=WEEKS - 1 - ago, size_sd=size, rng=rng,
                shape="spike" if ago == 0 else "lognormal",
            )  # fmt: skip
    return np.asarray(counts, np.int32)


def _cases(table: SeriesTable, *, rng: np.random.Generator) -> pl.DataFrame:
    """Return people behind the counts of the last weeks, in the form of an import."""
    rows: list[dict[str, Any]] = []
    for index in range(table.counts.shape[1] - CASE_WEEKS, table.counts.shape[1]):
        monday = date.fromordinal((table.first_week + index) * 7 + 1)
        for (district, disease), count in zip(table.keys, table.counts[:, index], strict=True):
            rows += [
                _case(f"S{len(rows) + k:06d}", district, disease, monday=monday, rng=rng)
                for k in range(int(count))
            ]
    return pl.DataFrame(rows, schema=SCHEMA)


SCHEMA: Final = {
    "case_id": pl.String, "district": pl.String, "district_name": pl.String,
    "disease": pl.String, "date_report": pl.Date, "date_onset": pl.Date,
    "date_diagnosis": pl.Date, "age_years": pl.Float64, "sex": pl.String, "case_class": pl.String,
    "outbreak": pl.Boolean, "outbreak_id": pl.String,
}  # fmt: skip


def _case(
    case_id: str, district: str, disease: str, *, monday: date, rng: np.random.Generator
) -> dict[str, Any]:
    report = monday + timedelta(days=int(rng.integers(7)))
    diagnosis = report - timedelta(days=int(rng.integers(2)))
    return {
        "case_id": case_id, "district": district, "district_name": district, "disease": disease,
        "date_report": report, "date_diagnosis": diagnosis,
        "date_onset": diagnosis - timedelta(days=int(rng.integers(1, 5))),
        "age_years": float(np.floor(rng.gamma(1.2, 14.0))),
        "sex": str(rng.choice(["female", "male"])),
        "case_class": str(rng.choice(["confirmed", "probable"], p=[0.7, 0.3])),
        "outbreak": False, "outbreak_id": None,
    }  # fmt: skip

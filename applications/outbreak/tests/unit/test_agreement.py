"""Reading reference decisions, and what a disagreement looks like."""

import gzip

import numpy as np
import pytest

from liudu.outbreak.agreement import NotAReferenceError, UnevenSeriesError, agree
from liudu.outbreak.detectors import farrington

HEAD = "dataset,scenario,replicate,week,observed,alarm,upperbound,expected,pvalue,phi"
COUNTS = np.random.default_rng(9).poisson(6.0, (2, 320))
AT = [318, 319]


def lines(*, flip=False):
    found = farrington(COUNTS, at=AT, year_weeks=52.0, cases_min=0)
    bound, alarm = found.bound(alpha=0.01), found.alarms(alpha=0.01)
    yield HEAD
    for row in range(2):
        for week in range(320):
            start = f"quiet,1,{row + 1},{week + 1},{COUNTS[row, week]}"
            if week not in AT:
                yield start + ",,,,,"
                continue
            q = AT.index(week)
            said = alarm[row, q] != (flip and row == 1 and q == 1)
            yield (
                (
                    f"{start},{int(said)},{bound[row, q]},{found.expected[row, q]!r},"
                    f"{found.p_value[row, q]!r},{found.spread[row, q]!r}"
                )
                .replace("np.float64(", "")
                .replace(")", "")
            )


def written(tmp_path, text):
    path = tmp_path / "reference.csv.gz"
    path.write_bytes(gzip.compress(text.encode()))
    return path


def test_our_own_decisions_agree_with_themselves(tmp_path):
    found = agree(written(tmp_path, "\n".join(lines())))
    assert (found.series, found.decisions, found.share) == (2, 4, 1.0)
    assert max(found.largest.values()) < 1e-9


def test_a_flipped_decision_is_named_with_its_week(tmp_path):
    found = agree(written(tmp_path, "\n".join(lines(flip=True))))
    assert found.share == 0.75
    case = found.disagreements[0]
    assert (case.series, case.week) == (("quiet", "1", "2"), 320)
    assert found.to_json()["disagreements"] == 1


def test_a_file_of_another_form_is_refused_with_the_columns_wanted(tmp_path):
    with pytest.raises(NotAReferenceError, match="no dataset, scenario"):
        agree(written(tmp_path, "week,count\n1,2\n"))


def test_a_reference_without_decisions_is_refused(tmp_path):
    text = HEAD + "\n" + "\n".join(f"quiet,1,1,{week},3,,,,," for week in range(1, 4))
    with pytest.raises(NotAReferenceError, match="no decision"):
        agree(written(tmp_path, text))


def test_series_with_a_missing_week_are_refused(tmp_path):
    kept = [line for line in lines() if not line.startswith("quiet,1,2,100,")]
    with pytest.raises(UnevenSeriesError):
        agree(written(tmp_path, "\n".join(kept)))

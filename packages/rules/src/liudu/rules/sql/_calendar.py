"""Months and days with whole numbers alone, so that no database's calendar has a say.

Years begin in March here, so that the leap day is the last of its year: Howard Hinnant,
"chrono-compatible low-level date algorithms" (days_from_civil, civil_from_days), 2013.
"""

import attrs

from liudu.rules._evaluate import add_months
from liudu.rules.sql._steps import Piece, Steps

TO_MARCH_0000 = 719_468  # days from 0000-03-01 to 1970-01-01
ERA_DAYS = 146_097  # 400 years


@attrs.frozen
class MonthDay:
    """A day as months since March of year 0 and the day of the month."""

    month: Piece
    day: Piece


def split_day(day: Piece, steps: Steps) -> MonthDay:
    """Return the month and the day of the month of a day since 1970-01-01."""
    since = steps.column(steps.join(f"({{}} + {TO_MARCH_0000})", day))
    of_era = steps.rest(since, ERA_DAYS)
    era = steps.divide("({} - {})", ERA_DAYS, since, of_era)
    quotients = [steps.divide("{}", days, of_era) for days in (1460, 36_524, 146_096)]
    year = steps.column(steps.divide("({} - {} + {} - {})", 365, of_era, *quotients))
    leap_days = [steps.divide("{}", years, year) for years in (4, 100)]
    of_year = steps.column(
        steps.join("({} - (365 * {} + {} - {}))", of_era, year, leap_days[0], leap_days[1])
    )
    of_year_month = steps.column(steps.divide("(5 * {} + 2)", 153, of_year))
    before = steps.divide("(153 * {} + 2)", 5, of_year_month)
    month = steps.join("((400 * {} + {}) * 12 + {})", era, year, of_year_month)
    day_of_month = steps.join("({} - {} + 1)", of_year, before)
    return MonthDay(steps.column(month), steps.column(day_of_month))


def first_of_month(month: Piece, steps: Steps) -> Piece:
    """Return the first day of a month that is counted from March of year 0."""
    index = steps.column(month)
    of_year = steps.rest(index, 12)
    year = steps.column(steps.divide("({} - {})", 12, index, of_year))
    before = steps.divide("(153 * {} + 2)", 5, of_year)
    leap_days = [steps.floor(year, years) for years in (4, 100, 400)]
    form = f"(365 * {{}} + {{}} - {{}} + {{}} + {{}} - {TO_MARCH_0000})"
    return steps.column(steps.join(form, year, *leap_days, before))


def month_length(month: Piece, steps: Steps) -> Piece:
    """Return the days of a month."""
    following = steps.column(steps.join("({} + 1)", steps.column(month)))
    first, end = first_of_month(month, steps), first_of_month(following, steps)
    return steps.column(steps.join("({} - {})", end, first))


def months_after(day: Piece, months: Piece, steps: Steps) -> Piece:
    """Return the day some months later; the month's last at most."""
    if day.number is not None and months.number is not None:
        return steps.constant(int(add_months(day.number, months.number)))
    begun = split_day(day, steps)
    month = steps.column(steps.join("({} + {})", begun.month, months))
    length = month_length(month, steps)
    within = steps.join("CASE WHEN {} > {} THEN {} ELSE {} END",
                        begun.day, length, length, begun.day)  # fmt: skip
    return steps.join("({} + {} - 1)", first_of_month(month, steps), within)


def months_between(start: Piece, end: Piece, steps: Steps) -> Piece:
    """Return the greatest n such that n months after `start` is not later than `end`."""
    begun, ended = split_day(start, steps), split_day(end, steps)
    length = month_length(ended.month, steps)
    short = steps.join(
        "CASE WHEN {} < {} AND {} < {} THEN 1 ELSE 0 END",
        ended.day, begun.day, ended.day, length,
    )  # fmt: skip
    return steps.join("({} - {} - {})", ended.month, begun.month, short)

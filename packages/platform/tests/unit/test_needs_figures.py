"""Figures as people type them, and as people read them."""

from decimal import Decimal

import pytest

from liudu.platform.needs.figures import (
    BareNumberError,
    BudgetTooLargeError,
    NotANumberError,
    NotAShareError,
    NotMoneyError,
    NumberTooLargeError,
    ShareTooLargeError,
    TooFineError,
    duration,
    fen_of,
    number_of,
    share_of,
    shown_budget,
    shown_number,
    shown_pace,
    shown_share,
)


@pytest.mark.parametrize(
    "typed",
    [
        *("0.2 %", "0.2%", "０．２％", "0。2%", "0.002", "２‰", "2 ‰", "千分之二", "千分之2"),
        *("百分之0.2", "万分之20", "2000 ppm", "2000PPM", "2e-3", " .2 % "),
    ],
)
def test_one_share_is_written_in_many_ways(typed):
    assert share_of(typed) == Decimal("0.002")


@pytest.mark.parametrize(
    ("typed", "error"),
    [
        ("95", BareNumberError),
        ("1", BareNumberError),
        ("120 %", ShareTooLargeError),
        ("-1%", NotAShareError),
        ("0,2%", NotAShareError),
        ("百分之2%", NotAShareError),
        ("5 % 左右", NotAShareError),
        ("", NotAShareError),
        ("nan", NotAShareError),
        ("1e999%", NotAShareError),
        ("9" * 5000, NotAShareError),
    ],
)
def test_what_is_no_share_is_refused_with_what_to_write(typed, error):
    with pytest.raises(error) as caught:
        share_of(typed)
    for language in ("zh", "en"):
        assert len(caught.value.say(language)) < 140


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("6000", 6000),
        ("6,000", 6000),
        ("６０００", 6000),
        ("1.2万", 12000),
        ("1,234,567.5", 1234567.5),
    ],
)
def test_numbers_may_have_their_thousands_apart(typed, number):
    assert number_of(typed) == Decimal(str(number))


@pytest.mark.parametrize("typed", ["0", "-3", "1,2", "fast", "", "1e400", "0x10"])
def test_a_number_is_above_zero(typed):
    with pytest.raises(NotANumberError):
        number_of(typed)


def test_a_number_beyond_anything_made_is_refused():
    with pytest.raises(NumberTooLargeError):
        number_of("99999亿")


@pytest.mark.parametrize(
    ("typed", "unit", "fen"),
    [
        ("50", "万元", 50_000_000),
        ("50", "元", 5_000),
        ("0", "万元", 0),
        ("1,200.50", "元", 120_050),
        ("¥1200", "元", 120_000),
        ("０.０１", "元", 1),
        ("0.000001", "万元", 1),
        ("80万", "元", 80_000_000),
        ("80 万元", "亿元", 80_000_000),
        ("1.5亿", "元", 15_000_000_000),
        ("人民币 300 元整", "万元", 30_000),
        ("0.1", "万元", 100_000),
    ],
)
def test_money_is_read_exactly_and_a_written_unit_wins(typed, unit, fen):
    assert fen_of(typed, unit=unit) == fen


@pytest.mark.parametrize(
    ("typed", "error"),
    [
        ("about 50", NotMoneyError),
        ("-50", NotMoneyError),
        ("50美元", NotMoneyError),
        ("0.001", TooFineError),
        ("1001亿", BudgetTooLargeError),
    ],
)
def test_what_is_no_amount_is_refused(typed, error):
    with pytest.raises(error):
        fen_of(typed, unit="元")


def test_figures_are_shown_as_they_were_typed():
    assert shown_share(0.002) == "0.2 %"
    assert shown_share(1e-7) == "0.00001 %"
    assert shown_share(0.5) == "50 %"
    assert shown_number(6000.0) == "6,000"
    assert shown_pace(10 / 168, per="week") == "10"
    assert shown_budget(50_000_000) == ("50", "万元")
    assert shown_budget(120_050) == ("1200.5", "元")


@pytest.mark.parametrize(
    ("hours", "zh", "en"),
    [
        (0.001, "不到 1 分钟", "less than a minute"),
        (0.5, "约 30 分钟", "about 30 minutes"),
        (24.95, "约 25 小时", "about 25 hours"),
        (240, "约 10 天", "about 10 days"),
        (8766 * 5, "约 5 年", "about 5 years"),
    ],
)
def test_a_duration_is_said_in_the_unit_that_fits(hours, zh, en):
    assert duration(hours) == (zh, en)

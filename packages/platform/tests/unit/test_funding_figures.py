"""Figures of funding as people read and write them."""

from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest
from django.utils.translation import override

from liudu.platform.funding.bars import WIDTH, bar_of, scale_of
from liudu.platform.funding.decisions import BadSettingError, setting_of
from liudu.platform.funding.figures import fact_text, percent, ratio_of, setting_text
from liudu.platform.funding.templatetags.funding import month, period
from liudu.rules import read_pack

SUZHOU = Path(__file__).parents[4] / "cities" / "suzhou" / "policies"


@pytest.fixture(scope="module")
def news():
    return read_pack((SUZHOU / "ai-news-2025.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def rent():
    return read_pack((SUZHOU / "graduate-rent.yaml").read_text(encoding="utf-8"))


def test_values_of_parameters_are_said_with_their_units(news, rent):
    rate, months = news.parameters["compute_rate"], rent.parameters["months_max"]
    assert setting_text(rate, Fraction(1, 5)) == "20\N{NO-BREAK SPACE}%"
    assert setting_text(rate, None) == "待定"
    with override("zh-hans"):
        assert setting_text(months, Fraction(24)) == "24\N{NO-BREAK SPACE}个月"
        assert setting_text(rent.parameters["rent_doctor"], Fraction(150_000)) == "1,500 元"
    with override("en"):
        assert setting_text(months, Fraction(24)) == "24\N{NO-BREAK SPACE}months"
        assert fact_text(rent.facts["owns_home"], 0) == "no"
        assert fact_text(rent.facts["months_paid"], 6) == "6\N{NO-BREAK SPACE}months"


def test_a_rate_may_be_set_as_a_percentage(news):
    rate = news.parameters["compute_rate"]
    assert setting_of(rate, "20 %") == setting_of(rate, "0.2") == Fraction(1, 5)
    with pytest.raises(BadSettingError, match="0% – 100%"):
        setting_of(rate, "120%")


@pytest.mark.parametrize("text", ["2", "2 %", "2%", " 2.0％ "])
def test_a_share_is_typed_as_a_percentage(text):
    assert float(ratio_of(text)) == pytest.approx(0.02)
    assert percent(0.02) == "2\N{NO-BREAK SPACE}%"
    assert percent(Fraction(1, 8)) == "12.5\N{NO-BREAK SPACE}%"


def test_a_period_and_a_month_are_said_as_people_say_them():
    with override("zh-hans"):
        assert period("2026-11") == "2026 年 11 月"
        assert period("once") == "一次性"
        assert month(date(2027, 2, 1)) == "2027 年 2 月"
    with override("en"):
        assert period("2026-11") == "November 2026"
        assert period("another") == "another"


def test_amounts_of_one_chart_have_one_round_scale_and_one_unit():
    with override("en"):
        assert scale_of([90_000_00]).unit == "¥k"
    with override("zh-hans"):
        scale = scale_of([90_000_00, 30_000_00, 0])
    assert scale.unit == "万元"
    assert (scale.low_fen, scale.high_fen) == (0, 100_000_00)
    assert scale.ticks == [(0, "0"), (50, "5"), (100, "10")]
    bar = bar_of(scale, 90_000_00)
    assert (bar.x, bar.width, bar.text, bar.more) == (0, WIDTH * 0.9, "9", True)


def test_losses_stand_left_of_zero():
    scale = scale_of([-500_00, 1500_00])
    assert scale.low_fen == -500_00
    assert scale.high_fen == 2000_00
    bar = bar_of(scale, -500_00)
    assert (bar.x, bar.width, bar.more) == (0, WIDTH * 0.2, False)
    assert [text for _, text in scale.ticks] == ["-500", "0", "2,000"]


def test_a_chart_of_nothing_has_an_axis_all_the_same():
    scale = scale_of([0, 0])
    assert scale.low_fen < scale.high_fen
    assert bar_of(scale, 0).width == 0

"""Small drawings and charts say with figures and words what they show."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liudu.platform.web import charts
from liudu.platform.web.drawings import LEFT, WIDTH, interval

SHARES = st.floats(0, 1)


def drawn(*, low=0.001, high=0.0045, value=0.002, limit=0.005, op="<", unit="%"):
    return interval(low=low, high=high, value=value, limit=limit, op=op, unit=unit)


@pytest.mark.parametrize(
    ("low", "high", "op", "answer"),
    [
        (0.001, 0.004, "<", "proved"),
        (0.001, 0.005, "<", "not_yet"),
        (0.001, 0.005, "<=", "proved"),
        (0.006, 0.009, "<", "refuted"),
        (0.006, 0.009, ">", "proved"),
        (0.001, 0.004, ">=", "refuted"),
        (None, 0.004, "<", "proved"),
        (0.001, None, "<", "not_yet"),
    ],
)
def test_the_answer_follows_from_the_bound_that_decides(low, high, op, answer):
    assert drawn(low=low, high=high, op=op).answer == answer


def test_an_interval_says_what_was_seen_and_what_was_promised():
    assert drawn().text == "0.2 % (0.1 % – 0.45 %)"
    assert drawn().alt == "实测 0.2 % (0.1 % – 0.45 %)，承诺 < 0.5 %"


def test_nothing_known_draws_nothing():
    assert interval(low=None, high=None, value=None, limit=None, op="<", unit="%") is None
    assert drawn(high=math.inf) is None


@given(low=SHARES, high=SHARES, value=SHARES, limit=SHARES)
def test_every_mark_lies_on_the_axis_in_its_order(low, high, value, limit):
    low, value, high = sorted((low, value, high))
    drawing = drawn(low=low, high=high, value=value, limit=limit)
    for place in (drawing.bar_x, drawing.point_x, drawing.limit_x):
        assert LEFT <= place <= LEFT + WIDTH
    assert drawing.bar_x <= drawing.point_x
    assert drawing.bar_width >= 2


def row(**changes):
    return charts.Measured(
        **{
            "name": "漏检率",
            "point": 0.001,
            "lower": 0.0,
            "upper": 0.0019,
            "limit": 0.002,
            "op": "<",
            "ratio": True,
            "answer": "proved",
            "confidence": 0.95,
            **changes,
        }
    )


@pytest.fixture
def forest():
    """A verdict with three targets, drawn once."""
    rows = [row(), row(answer="refuted", name="<过杀>"), row(ratio=False, upper=None, point=3.0)]
    return charts.forest(rows, title="区间 & 承诺")


@pytest.mark.slow
def test_a_chart_has_a_name_and_a_description(forest):
    assert "<title" in forest
    assert "区间 &amp; 承诺</title>" in forest
    assert "&lt;过杀&gt; 0.1 %" in forest
    assert forest.count('role="img"') == 1


@pytest.mark.slow
def test_a_chart_breaks_no_rule_of_ours(forest):
    assert re.findall(r"style=|<style|<script|href=|url\(", forest) == []
    assert re.findall(r'https?://[^"]*', forest) == ["http://www.w3.org/2000/svg"]


@pytest.mark.slow
def test_bars_are_drawn_and_nothing_draws_nothing():
    assert "<svg" in charts.bars([("工业园区", 12), ("昆山市", 3)], title="各区需求")
    assert charts.bars([], title="各区需求") == ""
    assert charts.forest([row(point=None, lower=None, upper=None)], title="空") == ""

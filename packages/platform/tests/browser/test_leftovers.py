"""The check for texts of the other language can fail, and knows what people wrote."""

import sqlite3

import pytest

from browser.leftovers import leftovers, written_in


@pytest.fixture
def written(tmp_path):
    """Return what a small database holds."""
    base = sqlite3.connect(tmp_path / "small.sqlite3")
    base.execute("CREATE TABLE need (title TEXT, title_en TEXT, facts TEXT, reason_zh TEXT)")
    row = ("焊点漏检", "Missed joints", '{"zh": "不算", "owner": "明州光电科技有限公司"}', "太慢了")
    base.execute("INSERT INTO need VALUES (?, ?, ?, ?)", row)
    base.execute("INSERT INTO need VALUES ('说明书', '', '[]', '')")
    base.commit()
    base.close()
    return written_in(tmp_path)


@pytest.mark.parametrize("text", ["全部需求", "All 需求 here", "焊点漏检", "太慢了", "不算"])
def test_forgotten_chinese_is_found_on_an_english_page(written, text):
    assert leftovers([text], language="en", written=written) == [text]


@pytest.mark.parametrize("text", ["Owner: 明州光电科技有限公司", "说明书", "¥800,000 · 2026"])
def test_what_people_wrote_may_stand_on_an_english_page(written, text):
    assert leftovers([text], language="en", written=written) == []


def test_a_forgotten_sentence_is_found_on_a_chinese_page(written):
    texts = ["This page needs another role", "W3C 可验证凭证", "liudu-trial verify", "Excel"]
    assert leftovers(texts, language="zh", written=written) == texts[:1]

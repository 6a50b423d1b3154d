"""What the commands print for machines has every key that the reference names, and no other."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from liudu.rules.cli import main

REFERENCE = Path(__file__).parents[4] / "docs/reference/rules-json.md"
PACK = """\
pack: p
version: "1"
title: 示例
facts:
  ok: {type: bool, label: 符合, bureau: 局}
  cost: {type: money, unit: yuan, label: 支出, bureau: 局, document: bill}
  day: {type: date, label: 日, bureau: 局}
  kind: {type: enum, values: [甲, 乙], label: 类, bureau: 局}
documents:
  bill: {label: 发票, bureau: 局}
parameters:
  share: {type: rate, label: 比例, values: {2026-01-01: 0.5}}
rules:
  r:
    title: 规则
    clause: 一
    bureau: 局
    subject: person
    when:
      - {atom: 'ok and kind == "甲"', say: 符合, act: 去办}
    amount: share * cost
    rounding: down
    tests:
      - {given: {ok: false}, expect: {status: eligible}}
budgets:
  b: {title: 预算, rules: [r], limit: yuan(10), per: programme, order: [day]}
"""
CASE = """\
programmes: {p: {rate: 0.5, cap_yuan: 100}}
contracts: {a: {amount_yuan: 100, programmes: [p]}}
"""
COMMANDS = {
    "check": ["check", "p.yaml"],
    "test": ["test", "p.yaml"],
    "explain": ["explain", "p.yaml", "--fact", "ok=1"],
    "run": ["run", "p.yaml", "t.csv"],
    "what-if": ["what-if", "p.yaml", "t.csv", "--set", "share=0.2", "--by", "kind"],
    "diff": ["diff", "p.yaml", "p.yaml", "t.csv", "--by", "kind"],
    "sql": ["sql", "p.yaml", "--dialect", "sqlite"],
    "page": ["page", "p.yaml", "--out", "p.html"],
    "assign": ["assign", "case.yaml"],
}
FREE = {"zh", "en", "after_payment", "waits_for"}  # told in words
PARTS = {"ok", "kind", "cost"}  # names of facts


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("p.yaml").write_text(PACK, encoding="utf-8")
    Path("case.yaml").write_text(CASE, encoding="utf-8")
    Path("t.csv").write_text("subject,ok,cost,day,kind\nA,1,100,2026-01-01,甲\n", encoding="utf-8")


def keys(value):
    if isinstance(value, dict):
        return set(value) | {key for part in value.values() for key in keys(part)}
    return {key for part in value for key in keys(part)} if isinstance(value, list) else set()


def documented(name):
    text = REFERENCE.read_text(encoding="utf-8")
    row = next(line for line in text.splitlines() if line.startswith("|") and f"`{name}`" in line)
    row = row.partition("|")[2].partition("|")[2]
    if name == "explain":
        row += text[text.index("A determination has") : text.index("出错时")]
    return set(re.findall(r"`(\w+)`", row))


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_key_of_the_output_is_documented_and_every_documented_key_is_there(name):
    result = CliRunner().invoke(main, [*COMMANDS[name], "--json"], catch_exceptions=False)
    found = keys(json.loads(result.output))
    words = documented(name)
    values = {"true", "false", "null", "eligible", "ineligible", "unknown"}
    assert found - words - FREE - PARTS == set()
    assert words - found - values - FREE == set()

"""The sandbox and `liudu-rules` say the same of the same facts: two doors, one engine."""

import csv
import json
import random
import subprocess
import sys
from fractions import Fraction

import pytest

from liudu.platform.actors import SYSTEM
from liudu.platform.city.models import District, Sector
from liudu.platform.funding import queries, sandbox, services
from liudu.platform.funding.models import Subject
from liudu.platform.funding.packs import pack_of
from liudu.platform.funding.services.policies import sound_pack, store_pack
from liudu.rules import Kind

pytestmark = [pytest.mark.everywhere, pytest.mark.django_db, pytest.mark.slow]
COUNT = 240
COLUMNS = (
    *("subject", "district", "sector", "size", "place", "field", "extent"),
    *("staff", "spent", "applied", "high_tech", "high_tech.observed"),
)
PURSE_FEN = 1_000_000
PACK = """
pack: agree
version: "1"
title: 一致
source: {issuer: 局, document: 仅供测试, verified: false}
valid: {from: 2025-01-01}
facts:
  place: {type: enum, values: [姑苏, 吴江], label: 区, bureau: 局}
  field: {type: enum, values: [制造, 医疗], label: 行业, bureau: 局}
  extent: {type: enum, values: [small, large], label: 规模, bureau: 局}
  staff: {type: count, unit: persons, label: 人数, bureau: 局, max: 10000}
  spent: {type: money, unit: yuan, label: 投入, bureau: 局, max: 1000000}
  high_tech: {type: bool, label: 高企, bureau: 局, valid_days: 100}
  applied: {type: date, label: 登记日期, bureau: 局}
parameters:
  staff_min: {type: count, unit: persons, label: 人数, min: 0, max: 100, step: 1,
              values: {2025-01-01: 20}}
  share: {type: rate, label: 比例, min: 0, max: 1, step: 0.01, values: {2025-01-01: 0.1}}
  bonus: {type: money, unit: yuan, label: 奖励, min: 0, max: 10000, step: 1,
          values: {2025-01-01: null}}
  purse: {type: money, unit: yuan, label: 预算, values: {2025-01-01: 90000000}}
rules:
  spending:
    title: 投入
    clause: 一
    bureau: 局
    subject: enterprise
    when:
      - {atom: staff >= staff_min, say: 人数}
      - {atom: 'place in ("姑苏", "吴江") and field in ("制造", "医疗")', say: 在市内}
      - {atom: 'extent in ("small", "large")', say: 有规模}
    amount: share * spent
    rounding: down
    given: {staff: 30, place: 姑苏, field: 制造, extent: small, spent: 1000}
    tests:
      - {name: 符合, on: 2026-11-20, expect: {status: eligible, amount_yuan: 100}}
      - {name: 人少, on: 2026-11-20, given: {staff: 3}, expect: {status: ineligible}}
  rewarded:
    title: 奖励
    clause: 二
    bureau: 局
    subject: enterprise
    when:
      - {atom: high_tech, say: 高企}
    amount: bonus
    given: {high_tech: false}
    tests:
      - {name: 不符合, on: 2026-11-20, expect: {status: ineligible}}
budgets:
  year: {title: 预算, rules: [spending, rewarded], limit: purse, per: programme, order: [applied]}
"""


@pytest.fixture
def city(at):
    """Load the policy and enterprises of which a tenth of the facts is unknown."""
    for code, name in (("gs", "姑苏"), ("wj", "吴江")):
        District.objects.create(code=code, name=name, name_en=code)
    for number, name in enumerate(("制造", "医疗"), start=1):
        Sector.objects.create(code=f"s{number}", number=number, name=name, name_en=f"s{number}")
    pack, _ = sound_pack(PACK, file="agree.yaml")
    store_pack(by=SYSTEM, at=at, pack=pack, text=PACK, reason="test")
    services.import_facts(
        by=SYSTEM,
        at=at,
        file_name="f.csv",
        content=_table().encode(),
        kind="enterprise",
        bureau="局",
    )
    return queries.version_of("agree", on=at.date())


def _table():
    draw = random.Random(20261120)  # noqa: S311 - of facts
    lines = [",".join(COLUMNS)]
    for number in range(COUNT):
        place, field = draw.choice(("姑苏", "吴江")), draw.choice(("制造", "医疗"))
        extent = draw.choice(("small", "large"))
        facts = [
            str(draw.randrange(60)),
            f"{draw.randrange(100_000) / 100:.2f}",
            f"2026-{draw.randrange(1, 10):02d}-{draw.randrange(1, 28):02d}",
            draw.choice(("是", "否")),
        ]
        told = [cell if draw.random() > 0.1 else "" for cell in facts]
        observed = draw.choice(("2026-11-01", "2026-01-01"))  # the older has lapsed
        lines.append(
            ",".join([f"E{number}", place, field, extent, place, field, extent, *told, observed])
        )
    return "\n".join(lines) + "\n"


@pytest.fixture
def exported(city, at, tmp_path):
    """Write what the platform knows as a table that the command reads."""
    pack = pack_of(city)
    path = tmp_path / "facts.csv"
    subjects = list(Subject.objects.order_by("pk"))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["subject", *pack.facts])
        for one in subjects:
            rows = queries.live_facts([one])
            known = queries.known_numbers(pack, rows, on=at.date(), trusted_only=True)
            cells = [_written(fact, known.get(name)) for name, fact in pack.facts.items()]
            writer.writerow([one.key, *cells])
    return path


def _written(fact, known):
    if known is None:
        return ""
    number, row = known
    return f"{number / 100:.2f}" if fact.type.kind is Kind.MONEY else row.value


def said(*words):
    """Run `liudu-rules` and return its JSON."""
    code = "from liudu.rules.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, words), "--json"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


@pytest.fixture
def packs(tmp_path):
    """Write the pack, its sibling with other values, and the one with a budget."""
    found = {}
    other = PACK.replace("2025-01-01: 20}", "2025-01-01: 35}").replace(
        "2025-01-01: 0.1}", "2025-01-01: 0.2}"
    )
    for name, text in (
        ("old", PACK),
        ("new", other),
        ("budget", PACK.replace("90000000", "10000")),
    ):
        found[name] = tmp_path / f"{name}.yaml"
        found[name].write_text(text, encoding="utf-8")
    return found


def test_what_if_says_the_same_of_cost_winners_and_losers_in_every_part(city, exported, packs, at):
    on = at.date()
    tried = sandbox.attempt(
        sandbox.city_of(city, kind="enterprise", on=on),
        {"staff_min": Fraction(35), "share": Fraction(1, 5)},
    )
    assert tried.comparison.winners
    assert tried.comparison.losers
    for fact, part in (("place", "district"), ("field", "sector"), ("extent", "size")):
        asked = ("--on", on, "--by", fact)
        what_if = said(
            "what-if", packs["old"], exported, "--set", "staff_min=35", "--set", "share=0.2", *asked
        )
        diff = said("diff", packs["old"], packs["new"], exported, "--old-on", on, *asked)
        for told in (what_if, diff):
            assert (told["total_fen"], told["winners"], told["losers"]) == (
                tried.after_fen - tried.before_fen,
                tried.comparison.winners,
                tried.comparison.losers,
            )
            assert sorted(_numbers(one) for one in told["groups"]) == sorted(
                (one.winners, one.losers, one.change_fen) for one in tried.parts[part]
            )


def _numbers(group):
    return group["winners"], group["losers"], group["change_fen"]


def test_an_open_parameter_is_unknown_in_both_until_it_is_set(city, exported, packs, at):
    on = at.date()
    there = sandbox.city_of(city, kind="enterprise", on=on)
    for settings, words in (({}, ()), ({"bonus": Fraction(50_000)}, ("--set", "bonus=500"))):
        tried = sandbox.attempt(there, settings)
        told = said("run", packs["old"], exported, "--on", on, *words)
        assert told["subjects"] == there.count == COUNT
        assert sum(one["unknown"] for one in told["rules"]) == tried.unknown_after
        assert sum(one["payable_fen"] for one in told["rules"]) == tried.after_fen


def test_a_budget_ends_on_the_same_day_after_as_many(city, exported, packs, at, tmp_path):
    on = at.date()
    tried = sandbox.attempt(
        sandbox.city_of(city, kind="enterprise", on=on),
        {"bonus": Fraction(50_000)},
        budget_fen=PURSE_FEN,
        order="applied",
    )
    out = tmp_path / "out.csv"
    said("run", packs["budget"], exported, "--on", on, "--set", "bonus=500", "--out", out)
    with exported.open(encoding="utf-8", newline="") as file:
        days = {row["subject"]: row["applied"] for row in csv.DictReader(file)}
    with out.open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["status"] == "eligible"]
    rows = [row for row in rows if days[row["subject"]] and int(row["amount_fen"] or 0)]
    queue = {row["subject"] for row in rows}
    # Who gets one of two amounts only is not served: there the budget ended.
    without = {row["subject"] for row in rows if row["payable_fen"] != row["amount_fen"]}
    assert tried.exhausted_on.isoformat() == min(days[one] for one in without)
    assert tried.served == len(queue - without)

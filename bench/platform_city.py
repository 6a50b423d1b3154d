"""A large simulated city in the platform's database: what its pages are timed on.

10,000 needs, 50,000 solutions, 100,000 trials by default; made by bulk inserts, for it is the
reading that is measured. Everything is drawn from one seed. Imported after `django.setup()`.
"""

from datetime import UTC, datetime, timedelta

import numpy as np

from liudu.platform.city.models import District, Sector
from liudu.platform.identity.models import Organisation
from liudu.platform.needs.models import Need
from liudu.platform.supply.models import Certificate, Offer, Solution, Vendor, Version
from liudu.platform.trials.models import Seal, Trial

SEED = 20261120
AT = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
SIZES = {
    "organisations": 6000,
    "vendors": 3000,
    "needs": 10_000,
    "solutions": 50_000,
    "trials": 100_000,
}
CHUNK = 2000
STEP = 7919  # a prime: each offer joins another pair
OUTCOMES = {"passed": 0.4, "failed": 0.3, "undecided": 0.1, "ended": 0.195, "queued": 0.005}
THINGS = [
    "偏光片",
    "锂电池",
    "光伏硅片",
    "晶圆",
    "电路板",
    "织物",
    "轴承",
    "玻璃盖板",
    "连接器",
    "注塑件",
]
JOBS = [
    "外观检测",
    "缺陷识别",
    "尺寸测量",
    "产量预测",
    "能耗优化",
    "排产调度",
    "设备预警",
    "文档抽取",
]
SECTORS = [
    ("manufacturing", "制造", "Manufacturing"), ("finance", "金融", "Finance"),
    ("research", "科研", "Research"), ("transport", "交通", "Transport"),
    ("health", "医疗", "Health"), ("education", "教育", "Education"),
    ("energy", "能源", "Energy"), ("agriculture", "农业", "Agriculture"),
]  # fmt: skip
DISTRICTS = [
    ("sip", "苏州工业园区"),
    ("kunshan", "昆山市"),
    ("wuzhong", "吴中区"),
    ("gusu", "姑苏区"),
]
TARGETS = {
    "task": "classify",
    "positive": "defective",
    "line": {"pieces_per_h": 6000, "positive_share": 0.01},
    "targets": [
        {"metric": "miss_rate", "op": "<", "limit": 0.002, "confidence": 0.95},
        {"metric": "overkill_rate", "op": "<=", "limit": 0.03, "confidence": 0.95},
    ],
}
RESULT = {
    "level": "bwrap",
    "targets": [
        {"metric": "miss_rate", "op": "<", "limit": 0.002, "confidence": 0.95, "point": 0.0007,
         "lower": 0.0002, "upper": 0.0016, "events": 2, "trials": 3000, "answer": "proved"},
        {"metric": "overkill_rate", "op": "<=", "limit": 0.03, "confidence": 0.95, "point": 0.011,
         "lower": 0.008, "upper": 0.015, "events": 33, "trials": 3000, "answer": "proved"},
    ],
}  # fmt: skip


def make(sizes=SIZES, *, seed=SEED):
    """Fill an empty, migrated database."""

    rng = np.random.default_rng(seed)
    sectors = [
        Sector.objects.get_or_create(
            code=code, defaults={"number": number, "name": zh, "name_en": en}
        )[0]
        for number, (code, zh, en) in enumerate(SECTORS, 1)
    ]
    districts = [
        District.objects.get_or_create(code=code, defaults={"name": zh, "name_en": code.title()})[0]
        for code, zh in DISTRICTS
    ]
    organisations = _bulk(
        Organisation(
            name=f"模拟{THINGS[n % 10]}{n}号企业",
            kind="company",
            district=districts[n % len(districts)],
            created_at=AT,
        )
        for n in range(sizes["organisations"])
    )
    needs = _needs(sizes["needs"], organisations, sectors, districts, rng)
    solutions, versions = _solutions(sizes, organisations, sectors, rng)
    _trials(sizes["trials"], needs, solutions, versions, rng)


def _bulk(rows):
    rows = list(rows)
    return type(rows[0]).objects.bulk_create(rows, batch_size=CHUNK)


def _title(n):
    return f"{THINGS[n % 10]}{JOBS[n // 10 % 8]}（{n}号产线）"


def _needs(count, organisations, sectors, districts, rng):

    stages = rng.choice(
        ["posted", "matched", "trial", "accepted", "running"], count, p=[0.4, 0.2, 0.2, 0.1, 0.1]
    )
    statuses = rng.choice(["published", "draft", "withdrawn"], count, p=[0.9, 0.07, 0.03])
    ages = rng.integers(0, 700, count)
    return _bulk(
        Need(
            owner=organisations[n % 2000],
            title=_title(n),
            title_en=f"Inspection of line {n}",
            problem="人工目检慢且漏检多，希望用机器视觉替代。" * 3,
            sector=sectors[n % len(sectors)],
            district=districts[n // 3 % len(districts)],
            targets=TARGETS,
            budget_fen_max=int(rng.integers(10, 500)) * 1_000_000,
            due_date=(AT + timedelta(days=int(rng.integers(-30, 300)))).date(),
            status=str(statuses[n]),
            stage=str(stages[n]),
            stage_at=AT - timedelta(days=int(ages[n]) // 2),
            simulated=True,
            created_at=AT - timedelta(days=int(ages[n])),
            updated_at=AT - timedelta(days=int(ages[n]) // 2),
            published_at=AT - timedelta(days=int(ages[n]), seconds=n),
        )
        for n in range(count)
    )


def _solutions(sizes, organisations, sectors, rng):

    vendors = _bulk(
        Vendor(organisation=organisation, about="模拟供方", updated_at=AT)
        for organisation in organisations[-sizes["vendors"] :]
    )
    ages = rng.integers(0, 700, sizes["solutions"])
    solutions = _bulk(
        Solution(
            vendor=vendors[n % len(vendors)],
            name=f"{THINGS[n % 10]}智能{JOBS[n // 10 % 8]}系统 {n}",
            name_en=f"Vision system {n}",
            about="端侧推理，十毫秒一件。",
            sector=sectors[n % len(sectors)],
            task="classify",
            proven_at=AT - timedelta(days=int(ages[n])) if n % 10 == 0 else None,
            created_at=AT - timedelta(days=int(ages[n])),
            updated_at=AT - timedelta(days=int(ages[n]), seconds=n),
        )
        for n in range(sizes["solutions"])
    )
    versions = _bulk(
        Version(
            solution=solution,
            number=1,
            file_name="bundle.zip",
            size_bytes=1_000_000,
            archive_digest=f"{n:064x}",
            digest=f"sha256:{n:064x}",
            manifest={"task": "classify", "mode": "batch"},
            state="conforms",
            uploaded_at=solution.created_at,
            uploaded_by="模拟",
            checked_at=solution.created_at,
        )
        for n, solution in enumerate(solutions)
    )
    return solutions, versions


def _trials(count, needs, solutions, versions, rng):
    posted = [need for need in needs if need.status == "published"]
    seals = _bulk(
        Seal(
            need=need,
            state="sealed",
            digest=f"sha256:{n:064x}",
            targets=TARGETS,
            piece_count=3000,
            simulated=True,
            created_at=need.created_at,
            created_by="模拟",
            sealed_at=need.created_at,
        )
        for n, need in enumerate(posted)
    )
    pairs = dict.fromkeys((n % len(posted), n * STEP % len(solutions)) for n in range(count))
    offers = _bulk(
        Offer(
            need=posted[n],
            version=versions[k],
            vendor=solutions[k].vendor,
            state="admitted",
            offered_at=posted[n].published_at,
        )
        for n, k in pairs
    )
    outcomes = rng.choice(list(OUTCOMES), len(offers), p=list(OUTCOMES.values()))
    by_need = {seal.need_id: seal for seal in seals}
    trials = _bulk(
        _trial(offer, by_need[offer.need_id], str(outcome), at=AT - timedelta(minutes=n))
        for n, (offer, outcome) in enumerate(zip(offers, outcomes, strict=True))
    )
    _bulk(_certificate(trial) for trial in trials if trial.verdict)


def _trial(offer, seal, outcome, *, at):
    decided = outcome in {"passed", "failed", "undecided"}
    return Trial(
        need_id=offer.need_id,
        seal=seal,
        offer=offer,
        version_id=offer.version_id,
        vendor_id=offer.vendor_id,
        state="decided" if decided else outcome,
        verdict=outcome if decided else "",
        result=RESULT if decided else {},
        reason_code="timeout" if outcome == "ended" else "",
        queued_at=at,
        started_at=None if outcome == "queued" else at,
        ended_at=None if outcome == "queued" else at,
        released_at=at if outcome in {"passed", "failed"} else None,
    )


def _certificate(trial):
    return Certificate(
        version_id=trial.version_id,
        need_id=trial.need_id,
        trial_key=trial.key,
        verdict=trial.verdict,
        document={"issuer": "did:key:simulated", "credentialSubject": {}},
        issued_at=trial.ended_at,
        released_at=trial.released_at,
        public=trial.released_at is not None,
    )

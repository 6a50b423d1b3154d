"""The doctor: what a lack costs, and the way out."""

import attrs
import pytest

from liudu.platform.commands.diagnosis import Facts, Grade, diagnose
from liudu.platform.words import Words

WELL = Facts(
    python=(3, 11, 7),
    sqlite=(3, 40, 1),
    level="bwrap",
    level_value=3,
    level_min="bwrap",
    level_min_value=3,
    levels_lacking={},
    chinese_font=True,
    disk_free_bytes=50 << 30,
    memory_bytes=16 << 30,
    home="/srv/liudu",
    home_fault="",
    private_mode=0o700,
    key_mode=0o600,
    secret_mode=0o600,
    database="sqlite",
    database_fault="",
    database_version=None,
    pending_migrations=0,
    queue_depth=0,
    worker_count=2,
    dead_worker_count=0,
    city_loaded=True,
    clock_year=2026,
    zone="Asia/Shanghai",
    zone_known=True,
    mail="django.core.mail.backends.smtp.EmailBackend",
    https=True,
    hosts=("liudu.example",),
    debug=False,
)


def found(code, **lacks):
    return next(one for one in diagnose(attrs.evolve(WELL, **lacks)) if one.code == code)


def test_a_machine_that_lacks_nothing_has_no_remedy_to_offer():
    findings = diagnose(WELL)
    assert {one.grade for one in findings} == {Grade.WELL}
    assert not [one for one in findings if one.remedy]


@pytest.mark.parametrize(
    ("code", "lacks"),
    [
        ("home", {"home_fault": "Read-only file system"}),
        ("disk", {"disk_free_bytes": 1 << 20}),
        ("versions", {"sqlite": (3, 30, 0)}),
        ("sandbox", {"level": "process", "level_value": 0}),
        ("sandbox", {"level": None, "level_value": -1}),
        ("database", {"database": "postgresql", "database_fault": "connection refused"}),
        ("database", {"database": "postgresql", "database_version": 130010}),
        ("clock", {"zone_known": False}),
    ],
)
def test_what_makes_trials_impossible_says_so_and_names_the_way_out(code, lacks):
    finding = found(code, **lacks)
    assert finding.stops_trials
    assert finding.grade is Grade.BAD
    assert finding.consequence
    assert finding.remedy


@pytest.mark.parametrize(
    ("code", "lacks"),
    [
        ("disk", {"disk_free_bytes": 2 << 30}),
        ("memory", {"memory_bytes": 1 << 30}),
        ("font", {"chinese_font": False}),
        ("migrations", {"pending_migrations": 3}),
        ("queue", {"queue_depth": 4, "worker_count": 0}),
        ("queue", {"dead_worker_count": 1}),
        ("city", {"city_loaded": False}),
        ("clock", {"clock_year": 1970}),
        ("keys", {"key_mode": 0o644}),
        ("mail", {"mail": "django.core.mail.backends.console.EmailBackend"}),
        ("access", {"https": False}),
        ("access", {"debug": True}),
        (
            "sandbox",
            {
                "level": "landlock",
                "level_value": 2,
                "level_min_value": 1,
                "levels_lacking": {"bwrap": Words("安装 bubblewrap", "install bubblewrap")},
            },
        ),
    ],
)
def test_what_can_be_lived_with_is_a_warning_with_its_price(code, lacks):
    finding = found(code, **lacks)
    assert finding.grade is Grade.WARN
    assert not finding.stops_trials
    assert finding.consequence
    assert finding.remedy


def test_a_database_that_cannot_be_reached_leaves_the_rest_told():
    lacks = {"database_fault": "refused", "pending_migrations": None, "queue_depth": None}
    findings = diagnose(attrs.evolve(WELL, **lacks, city_loaded=None))
    assert len(findings) == len(diagnose(WELL))
    states = {finding.code: str(finding.state) for finding in findings}
    assert states["queue"] == states["city"] == "数据库就绪后可查"


def test_both_languages_say_the_same_number_of_things():
    for finding in diagnose(attrs.evolve(WELL, chinese_font=False, memory_bytes=None)):
        zh, en = finding.as_json("zh"), finding.as_json("en")
        assert {key for key, value in zh.items() if value} == {
            key for key, value in en.items() if value
        }

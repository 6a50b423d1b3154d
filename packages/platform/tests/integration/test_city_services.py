"""A city is loaded, loaded again, changed; the office fills slots and verifies."""

import shutil
from pathlib import Path

import pytest

from liudu.platform.actors import SYSTEM, Actor, Role
from liudu.platform.audit.models import Line
from liudu.platform.city import queries, services
from liudu.platform.city.models import District, Fact, PackVersion, Sector, Source
from liudu.platform.city.reading import BadPackError
from liudu.platform.identity.models import Organisation

pytestmark = [pytest.mark.everywhere, pytest.mark.django_db]
SUZHOU = Path(__file__).parents[4] / "cities" / "suzhou"
SLOT = "sector.finance.target_2027"
OFFICER = Actor(
    kind="person",
    key="0123456789bc",
    name="沈知行",
    organisation_key="b0123456789c",
    organisation_name="场景办",
    roles=frozenset({Role.OFFICER}),
)


@pytest.fixture
def folder(tmp_path):
    copy = tmp_path / "city"
    shutil.copytree(SUZHOU, copy, ignore=shutil.ignore_patterns("policies"))
    return copy


@pytest.fixture
def load(at, folder):
    return lambda: services.load_city(by=SYSTEM, at=at, folder=folder)


def spoil(folder, file, old, new):
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def fill(at, **more):
    told = {"value": "120", "unit": "亿元", "source_title": "苏府办〔2024〕140号 正式文本"} | more
    return services.fill_slot(by=OFFICER, at=at, code=SLOT, **told)


def test_the_same_pack_twice_changes_nothing_and_is_told_once(load):
    first = load()
    rows = Fact.objects.count()
    second = load()
    assert first.fresh
    assert not second.fresh
    assert second.counts() == dict.fromkeys(("added", "changed", "gone", "retired", "kept"), 0)
    assert Fact.objects.count() == rows
    assert Line.objects.filter(verb="city.pack.loaded").count() == 1
    assert PackVersion.objects.count() == 1


def test_a_changed_pack_tells_what_was_added_changed_and_gone(load, folder):
    load()
    spoil(folder, "facts.yaml", "value: 2362", "value: 2400")
    spoil(folder, "history.yaml", "event: 66项场景需求清单发布", "event: 场景需求清单发布")
    report = load()
    assert report.changed == {"fact": ["city.ai_revenue_2024"]}
    assert [len(codes) for codes in (report.added["milestone"], report.gone["milestone"])] == [1, 1]
    assert Fact.objects.get(code="city.ai_revenue_2024").value == "2400"


def test_a_bad_pack_changes_nothing(load, folder):
    load()
    spoil(folder, "facts.yaml", "value: 2362", "value: 2400")
    spoil(folder, "facts.yaml", "source: S4}", "source: S44}")
    with pytest.raises(BadPackError):
        load()
    assert Fact.objects.get(code="city.ai_revenue_2024").value == "2362"


def test_a_district_that_somebody_lives_in_is_retired_and_comes_back(load, folder, at):
    load()
    gusu = District.objects.get(code="gusu")
    Organisation.objects.create(name="姑苏小店", kind="company", district=gusu, created_at=at)
    whole = {path.name: path.read_bytes() for path in folder.glob("*.yaml")}
    for path in folder.glob("*.yaml"):
        kept = [
            line for line in path.read_text(encoding="utf-8").splitlines() if "gusu" not in line
        ]
        path.write_text("\n".join(kept), encoding="utf-8")
    districts = folder / "districts.yaml"
    text = whole["districts.yaml"].decode()
    start = text.index("  - code: gusu")
    districts.write_text(text[:start] + text[text.index("  - code: wujiang") :], encoding="utf-8")
    report = load()
    assert report.retired == {"district": ["gusu"]}
    assert "gusu" not in {row.code for row in queries.districts()}
    for name, content in whole.items():
        (folder / name).write_bytes(content)
    load()
    assert "gusu" in {row.code for row in queries.districts()}


def test_sectors_may_change_places(load, folder):
    load()
    spoil(folder, "sectors.yaml", "number: 2\n", "number: 99\n")
    spoil(folder, "sectors.yaml", "number: 3\n", "number: 2\n")
    spoil(folder, "sectors.yaml", "number: 99\n", "number: 3\n")
    load()
    numbers = dict(Sector.objects.values_list("code", "number"))
    assert (numbers["finance"], numbers["research"]) == (3, 2)


def test_a_slot_is_filled_with_a_source_of_its_own_and_survives_the_next_load(load, folder, at):
    load()
    fact = fill(at)
    assert fact.source.origin == Source.Origin.OFFICE
    assert Line.objects.filter(verb="city.slot.filled", subject_key=SLOT).exists()
    spoil(folder, "facts.yaml", "value: 2362", "value: 2400")
    assert load().kept == {"fact": [SLOT]}
    kept = Fact.objects.select_related("source").get(code=SLOT)
    assert (kept.value, kept.source_id) == ("120", fact.source_id)
    assert [row.code for row in queries.resting_on(kept.source)["fact"]] == [SLOT]


def test_what_a_source_states_is_not_filled(load, at):
    load()
    with pytest.raises(services.SlotTakenError):
        services.fill_slot(
            by=OFFICER, at=at, code="city.gdp_2024", value="1", source_title="someone"
        )


@pytest.mark.parametrize(
    ("told", "error"),
    [
        ({"value": "  "}, services.NoValueError),
        ({"source_title": " "}, services.NoValueError),
        ({"as_of": "2026-02-30"}, services.WrongDayError),
        ({"as_of": "soon"}, services.WrongDayError),
    ],
)
def test_half_a_slot_is_refused(load, at, told, error):
    load()
    with pytest.raises(error):
        fill(at, **told)
    assert Fact.objects.get(code=SLOT).status == Fact.Status.NOT_FOUND


def test_a_verified_fact_that_changes_is_unverified_again(load, folder, at):
    load()
    code = "city.ai_revenue_2024"
    services.verify_row(by=OFFICER, at=at, kind="fact", code=code)
    assert Fact.objects.get(code=code).verified_by == "沈知行 · 场景办"
    spoil(folder, "history.yaml", "event: 66项场景需求清单发布", "event: 场景需求清单发布")
    load()
    assert Fact.objects.get(code=code).verified_at == at
    spoil(folder, "facts.yaml", "value: 2362", "value: 2400")
    load()
    assert Fact.objects.get(code=code).verified_at is None


def test_an_empty_slot_cannot_be_verified(load, at):
    load()
    with pytest.raises(services.NothingToVerifyError):
        services.verify_row(by=OFFICER, at=at, kind="fact", code=SLOT)


def test_a_pack_of_another_city_is_refused(load, folder):
    load()
    spoil(folder, "city.yaml", "code: suzhou", "code: wuxi")
    with pytest.raises(services.AnotherCityError):
        load()

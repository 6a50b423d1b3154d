"""The board, what waits for whom, and saved views."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.urls import reverse

from liudu.platform.actors import Role
from liudu.platform.audit.models import Line
from liudu.platform.needs.models import ImportRow, ImportRun, Need
from liudu.platform.office.models import SavedView
from liudu.platform.office.waiting import COUNT_MAX, SHOWN, waiting
from liudu.platform.supply.models import Invitation, Offer, Solution, Vendor, Version
from liudu.platform.supply.services import admit_offer
from liudu.platform.trials.models import Seal, Trial
from liudu.platform.trials.services import cancel_trial, start_trial

pytestmark = [pytest.mark.everywhere, pytest.mark.django_db]


@pytest.fixture
def owner(organisation):
    return organisation("明州光电")


@pytest.fixture
def maker(organisation, at):
    """A vendor."""
    return Vendor.objects.create(organisation=organisation("智检科技"), updated_at=at)


@pytest.fixture
def officer(person, organisation):
    return person("o@example.org", of=organisation("工信局", kind="bureau"), roles=[Role.OFFICER])


@pytest.fixture
def clerk(person, owner):
    return person("c@example.org", of=owner, roles=[Role.NEED_OWNER])


@pytest.fixture
def seller(person, maker):
    return person("s@example.org", of=maker.organisation, roles=[Role.VENDOR])


@pytest.fixture
def people(clerk, seller, officer):
    """An owner's clerk, a vendor's seller and an officer."""
    return clerk, seller, officer


@pytest.fixture
def as_actor(actor):
    """Make the actor of a user in their only organisation."""
    return lambda user: actor(user, of=user.memberships.get().organisation)


@pytest.fixture
def desk(as_actor, at):
    """Return what waits for a user, and for others."""
    return lambda user: waiting(as_actor(user), at=at)


@pytest.fixture
def need(owner, sector, district, at):
    """Make a published need."""

    def make(title="甲", **more):
        fields = {
            "owner": owner,
            "sector": sector,
            "district": district,
            "created_at": at,
            "updated_at": at,
            "published_at": at,
            "stage_at": at,
            "status": "published",
            **more,
        }
        return Need.objects.create(title=title, **fields)

    return make


@pytest.fixture
def version(maker, at):
    """Make a version of a solution."""

    def make(state="conforms"):
        count = Solution.objects.count()
        solution = Solution.objects.create(
            vendor=maker, name=f"方案 {count}", created_at=at, updated_at=at
        )
        return Version.objects.create(
            solution=solution,
            number=1,
            file_name="a.zip",
            size_bytes=1,
            archive_digest=str(count),
            state=state,
            uploaded_at=at,
            checked_at=at,
        )

    return make


@pytest.fixture
def offer(version, maker, at):
    """Make an offer to a need."""

    def make(need, state="offered"):
        return Offer.objects.create(
            need=need, version=version(), vendor=maker, state=state, offered_at=at
        )

    return make


@pytest.fixture
def trial(offer, at):
    """Make a trial of a need."""

    def make(need, state):
        made = offer(need, state="admitted")
        seal = Seal.objects.create(need=need, state="sealed", created_at=at)
        return Trial.objects.create(
            need=need,
            seal=seal,
            offer=made,
            version=made.version,
            vendor=made.vendor,
            state=state,
            queued_at=at,
            ended_at=at if state == "decided" else None,
        )

    return make


@pytest.fixture
def make(need, version, offer, trial, maker):
    """Make whatever waits."""
    return SimpleNamespace(need=need, version=version, offer=offer, trial=trial, vendor=maker)


def codes(groups):
    return {group.code: group.count for group in groups}


def test_the_board_counts_each_stage_and_shows_the_newest(client, clerk, need, at):
    for number in range(10):
        need(f"需求 {number}", stage_at=at - timedelta(days=number))
    need("已验收", stage="accepted", stage_at=at - timedelta(days=3))
    need("草稿", status="draft", published_at=None)
    client.force_login(clerk)
    columns = client.get(reverse("office:board")).context["columns"]
    assert [column.count for column in columns] == [10, 0, 0, 1, 0]
    assert [card.need.title for card in columns[0].cards[:2]] == ["需求 0", "需求 1"]
    assert (len(columns[0].cards), columns[0].left) == (8, 2)
    assert columns[3].cards[0].days >= 3


def test_the_board_is_filtered_and_its_links_keep_the_filters(client, clerk, need):
    need("甲")
    client.force_login(clerk)
    page = client.get(reverse("office:board"), {"sector": "manufacturing", "owner": "明州"})
    assert page.context["columns"][0].count == 1
    assert "stage=posted&amp;sector=manufacturing" in page.content.decode()
    nothing = client.get(reverse("office:board"), {"sector": "health"})
    assert nothing.context["columns"][0].count == 0


def test_queries_of_the_board_do_not_grow(client, clerk, need, django_assert_max_num_queries):
    for stage in Need.Stage:
        for number in range(9):
            need(f"{stage} {number}", stage=stage)
    client.force_login(clerk)
    client.get(reverse("office:board"))
    with django_assert_max_num_queries(14):
        client.get(reverse("office:board"))


def test_an_officer_and_the_owner_say_that_a_need_is_in_use(client, officer, clerk, need):
    for user in (officer, clerk):
        accepted = need(stage="accepted")
        client.force_login(user)
        answer = client.post(reverse("office:run", args=[accepted.key]))
        assert answer.status_code == 302
        accepted.refresh_from_db()
        assert accepted.stage == "running"


def test_a_need_that_is_not_accepted_cannot_be_in_use(client, officer, need):
    posted = need(stage="trial")
    client.force_login(officer)
    assert client.post(reverse("office:run", args=[posted.key])).status_code == 409
    posted.refresh_from_db()
    assert posted.stage == "trial"


def test_nobody_else_says_that_a_need_is_in_use(client, seller, need, person, organisation):
    accepted = need(stage="accepted")
    run = reverse("office:run", args=[accepted.key])
    assert client.post(run).status_code == 302  # to the login
    client.force_login(seller)
    assert client.post(run).status_code == 403
    other = person("x@example.org", of=organisation("别家"), roles=[Role.NEED_OWNER])
    client.force_login(other)
    assert client.post(run).status_code == 403
    assert client.post(reverse("office:run", args=["nothinghere1"])).status_code == 404
    accepted.refresh_from_db()
    assert accepted.stage == "accepted"


def test_an_owner_is_told_what_waits_for_them(desk, clerk, need, offer, at):
    need("草稿", status="draft", published_at=None)
    offer(need("有报价", stage="matched"))
    need("过期", due_date=(at - timedelta(days=3)).date())
    run = ImportRun.objects.create(
        owner=clerk.memberships.get().organisation,
        file_name="清单.xlsx",
        state="done",
        created_at=at,
        ended_at=at,
    )
    ImportRow.objects.create(run=run, number=1, state="refused")
    found = desk(clerk)
    assert codes(found.mine) == {"drafts": 1, "imports": 1, "offers": 1, "unsealed": 1, "past": 1}
    assert found.others == []


def test_an_owner_waits_for_the_worker_and_for_the_office(desk, clerk, need, trial):
    trial(need("甲", stage="trial"), "queued")
    trial(need("乙", stage="trial"), "decided")
    found = desk(clerk)
    assert codes(found.others) == {"trials": 1, "unreleased": 1}


def test_an_admitted_offer_waits_for_its_trial_until_there_is_one(desk, as_actor, people, make, at):
    clerk, seller, officer = people
    wanted = make.need("甲", stage="matched")
    made = make.offer(wanted)
    by = as_actor(clerk)
    admit_offer(by=by, at=at, offer=made)
    Seal.objects.create(need=wanted, state="sealed", created_at=at, sealed_at=at)
    assert codes(desk(clerk).mine) == {"untried": 1}
    assert codes(desk(seller).others) == {"untried": 1}
    assert desk(officer).others[0].lines[0].who == "明州光电"

    trial = start_trial(by=by, at=at, offer=made)
    assert "untried" not in codes(desk(clerk).mine)
    assert codes(desk(seller).others) == {"trials": 1}

    cancel_trial(by=by, at=at, trial=trial)
    assert codes(desk(clerk).mine) == {"untried": 1}


def test_an_admitted_offer_to_a_need_that_is_settled_waits_for_nobody(
    desk, as_actor, clerk, make, at
):
    made = make.offer(make.need("甲", stage="matched"))
    admit_offer(by=as_actor(clerk), at=at, offer=made)
    Need.objects.update(stage="accepted")
    assert "untried" not in codes(desk(clerk).mine)


def test_a_vendor_is_told_what_waits_for_them(desk, seller, make, at):
    make.version(state="refused")
    wanted = make.need("请看")
    Invitation.objects.create(need=wanted, vendor=make.vendor, invited_at=at)
    make.offer(wanted)
    found = desk(seller)
    assert codes(found.mine) == {"versions": 1, "invitations": 1}
    assert codes(found.others) == {"offers_made": 1}


def test_a_refused_version_that_was_repaired_waits_for_nobody(desk, seller, version, at):
    refused = version(state="refused")
    Version.objects.create(
        solution=refused.solution,
        number=2,
        file_name="b.zip",
        size_bytes=1,
        archive_digest="b",
        state="conforms",
        uploaded_at=at,
    )
    assert desk(seller).mine == []


def test_an_officer_sees_what_waits_for_whom(desk, officer, make, at):
    make.trial(make.need("甲", stage="trial"), "decided")
    make.need("无人问津", stage_at=at - timedelta(days=20))
    make.offer(make.need("有报价", stage="matched"))
    found = desk(officer)
    assert codes(found.mine) == {"unreleased": 1, "alone": 1}
    assert codes(found.others) == {"offers": 1, "unsealed": 1}
    assert found.others[0].lines[0].who == "明州光电"


def test_nobody_is_told_of_what_others_have_before_them(desk, clerk, need, organisation):
    need("别家的草稿", owner=organisation("别家"), status="draft", published_at=None)
    found = desk(clerk)
    assert (found.mine, found.others) == ([], [])


def test_a_count_stops_where_nobody_counts_any_more(desk, clerk, need):
    for number in range(COUNT_MAX + 2):
        need(f"草稿 {number}", status="draft", published_at=None)
    (group,) = desk(clerk).mine
    assert (group.count, group.more, len(group.lines)) == (COUNT_MAX, True, SHOWN)


def test_the_desk_speaks_both_languages_and_links(client, officer, need, offer):
    wanted = need("有报价", stage="matched")
    offer(wanted)
    client.force_login(officer)
    page = client.get(reverse("office:mine")).content.decode()
    assert "等别人处理" in page
    assert reverse("needs:detail", args=[wanted.key]) in page
    english = client.get(reverse("office:mine"), headers={"accept-language": "en"})
    assert "Waiting for others" in english.content.decode()


def test_somebody_new_is_shown_the_first_steps(client, person):
    client.force_login(person("new@example.org"))
    page = client.get(reverse("office:mine")).content.decode()
    assert "从这里开始" in page


def test_a_visitor_is_sent_to_the_login(client):
    for route in ("mine", "board", "views"):
        answer = client.get(reverse(f"office:{route}"))
        assert answer.status_code == 302
        assert "login" in answer.headers["Location"]


def save(client, **more):
    fields = {"page": "needs:list", "name": "制造·过期", "query": "sector=manufacturing", **more}
    return client.post(reverse("office:views"), fields)


def test_a_view_is_kept_found_above_the_list_and_deleted(client, clerk, need):
    client.force_login(clerk)
    answer = save(client)
    assert answer.headers["Location"] == "/needs/?sector=manufacturing"
    assert "制造·过期" in client.get("/needs/").content.decode()
    view = SavedView.objects.get()
    client.post(reverse("office:view_delete", args=[view.key]))
    assert not SavedView.objects.exists()
    verbs = Line.objects.filter(subject_key=view.key).order_by("number")
    assert [line.verb for line in verbs] == ["office.view.saved", "office.view.deleted"]


def test_a_shared_view_is_there_for_the_organisation_only(
    client, clerk, person, owner, organisation
):
    client.force_login(clerk)
    save(client)
    view = SavedView.objects.get()
    client.post(reverse("office:view_share", args=[view.key]), {"shared": "1"})
    colleague = person("k@example.org", of=owner, roles=[Role.MEMBER])
    client.force_login(colleague)
    assert "制造·过期" in client.get("/needs/").content.decode()
    delete = reverse("office:view_delete", args=[view.key])
    assert client.post(delete).status_code == 403
    client.force_login(person("y@example.org", of=organisation("别家"), roles=[Role.MEMBER]))
    assert "制造·过期" not in client.get("/needs/").content.decode()
    assert client.post(delete).status_code == 404
    assert SavedView.objects.filter(shared=True).exists()


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"name": " "}, 422),
        ({"name": "长" * 81}, 422),
        ({"query": "q=" + "x" * 1000}, 422),
        ({"page": "audit:list"}, 422),
        ({"page": "//evil.example"}, 422),
        ({}, 409),
    ],
)
def test_a_view_that_cannot_be_kept_is_refused(client, clerk, more, status):
    client.force_login(clerk)
    save(client)
    answer = save(client, **more)
    assert answer.status_code == status
    assert SavedView.objects.count() == 1

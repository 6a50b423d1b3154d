"""The life of a need in the database: written, published, fixed, withdrawn; nothing lost."""

from datetime import date, timedelta

import pytest

from liudu.acceptance import OneSidedPromiseError
from liudu.platform.audit.models import Line
from liudu.platform.needs.decisions import (
    BlankTitleError,
    DueDatePastError,
    NeedIncompleteError,
    UnknownFieldError,
)
from liudu.platform.needs.models import Need, Revision
from liudu.platform.needs.services import (
    NeedNotPublishedError,
    NeedPublishedError,
    NeedWithdrawnError,
    ReasonMissingError,
    StaleNeedError,
    TargetsFixedError,
    UnknownPlaceError,
    UnknownRevisionError,
    advance_stage,
    draft_need,
    draft_needs,
    duplicate_need,
    edit_need,
    fix_targets,
    publish_need,
    withdraw_need,
)

pytestmark = [pytest.mark.everywhere, pytest.mark.django_db]

TARGETS = {
    "task": "classify",
    "positive": "defective",
    "targets": [
        {"metric": "miss_rate", "op": "<", "limit": 0.002},
        {"metric": "overkill_rate", "op": "<=", "limit": 0.03},
    ],
}
WHOLE = {
    "title": "贴片焊点漏检太多",
    "problem": "人工目检每班漏掉三四块坏板，返修成本高。",
    "data_at_hand": "两年的检测图像，约 40 万张，已标注 6000 张。",
    "targets": TARGETS,
    "budget_fen_max": 50_000_000,
    "due_date": date(2027, 6, 30),
}


@pytest.fixture
def owner(organisation):
    return organisation()


@pytest.fixture
def wang(person, actor, owner):
    return actor(person("wang@example.com", of=owner, roles=["need_owner"]), of=owner)


@pytest.fixture
def li(person, actor, owner):
    return actor(person("li@example.com", of=owner, roles=["need_owner"]), of=owner)


@pytest.fixture
def draft(wang, at, owner, sector, district):
    return draft_need(by=wang, at=at, owner=owner, sector=sector, district="sip", **WHOLE)


@pytest.fixture
def published(draft, wang, at):
    return publish_need(by=wang, at=at, need_key=draft.key)


def verbs(need):
    return list(
        Line.objects.filter(subject_key=need.key).order_by("number").values_list("verb", flat=True)
    )


def test_a_draft_needs_no_more_than_a_title(wang, at, owner):
    need = draft_need(by=wang, at=at, owner=owner, title="  巡河\n漂浮物\x00识别 ")
    assert need.title == "巡河 漂浮物识别"
    assert (need.status, need.revision) == ("draft", 1)
    assert need.revisions.get().content["title"] == need.title
    assert verbs(need) == ["needs.need.drafted"]


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"title": " \x07 "}, BlankTitleError),
        ({}, BlankTitleError),
        ({"title": "x", "owner_id": 3}, UnknownFieldError),
        ({"title": "x", "status": "published"}, UnknownFieldError),
        ({"title": "x", "sector": "no such sector"}, UnknownPlaceError),
        (
            {"title": "x", "targets": {**TARGETS, "targets": TARGETS["targets"][:1]}},
            OneSidedPromiseError,
        ),
    ],
)
def test_what_cannot_be_is_refused_and_leaves_nothing(wang, at, owner, fields, error):
    with pytest.raises(error):
        draft_need(by=wang, at=at, owner=owner, **fields)
    assert not Need.objects.exists()
    assert not Line.objects.filter(subject_kind="need").exists()


def test_the_line_becomes_part_of_the_promise_once_it_is_known(draft, wang, at):
    need = edit_need(
        by=wang,
        at=at,
        need_key=draft.key,
        revision=1,
        changes={"pieces_per_h": 6000, "positive_share": 0.01},
    )
    assert need.targets["line"] == {"pieces_per_h": 6000.0, "positive_share": 0.01}
    assert need.job == "sort"


def test_another_kind_of_job_takes_targets_away_that_its_task_does_not_have(draft, wang, at):
    need = edit_need(by=wang, at=at, need_key=draft.key, revision=1, changes={"job": "warn"})
    assert need.targets == {}
    assert Revision.objects.get(need=need, number=1).content["targets"]["task"] == "classify"


def test_a_need_is_published_once_and_says_so_the_second_time(draft, wang, li, at):
    need = publish_need(by=wang, at=at, need_key=draft.key, revision=1)
    assert (need.status, need.stage, need.published_at) == ("published", "posted", at)
    with pytest.raises(NeedPublishedError, match="2026-11-20"):
        publish_need(by=li, at=at, need_key=draft.key)
    assert verbs(need) == ["needs.need.drafted", "needs.need.published"]


def test_an_incomplete_need_is_told_all_that_is_missing(wang, at, owner):
    need = draft_need(by=wang, at=at, owner=owner, title="巡河")
    with pytest.raises(NeedIncompleteError) as caught:
        publish_need(by=wang, at=at, need_key=need.key)
    assert "验收指标" in caught.value.say("zh")
    assert caught.value.fields == (
        *("problem", "sector", "district", "data_at_hand", "job"),
        *("targets", "budget_fen_max", "due_date"),
    )


def test_a_need_for_yesterday_is_not_published(draft, wang, at):
    edit_need(
        by=wang, at=at, need_key=draft.key, revision=1, changes={"due_date": date(2026, 11, 20)}
    )
    with pytest.raises(DueDatePastError, match="2026-11-20"):
        publish_need(by=wang, at=at, need_key=draft.key)


def test_a_published_need_stays_whole_but_may_outlive_its_date(published, wang, at):
    with pytest.raises(NeedIncompleteError, match="problem"):
        edit_need(by=wang, at=at, need_key=published.key, revision=2, changes={"problem": ""})
    later = at + timedelta(days=400)
    need = edit_need(
        by=wang, at=later, need_key=published.key, revision=2, changes={"title": "焊点"}
    )
    assert (need.title, need.revision) == ("焊点", 3)
    with pytest.raises(DueDatePastError):
        edit_need(
            by=wang,
            at=later,
            need_key=published.key,
            revision=3,
            changes={"due_date": date(2027, 1, 1)},
        )


def test_the_second_of_two_writers_is_told_and_nothing_is_lost(draft, wang, li, at):
    edit_need(by=wang, at=at, need_key=draft.key, revision=1, changes={"title": "王的标题"})
    with pytest.raises(StaleNeedError) as caught:
        edit_need(
            by=li,
            at=at,
            need_key=draft.key,
            revision=1,
            changes={"title": "李的标题", "budget_fen_max": 1},
        )
    error = caught.value
    assert error.by_name == "wang"
    title, budget = error.clashes
    assert (title.before, title.theirs, title.mine, title.both) == (
        *("贴片焊点漏检太多", "王的标题", "李的标题"),
        True,
    )
    assert (budget.theirs, budget.mine, budget.both) == (50_000_000, 1, False)
    assert Need.objects.get(key=draft.key).title == "王的标题"
    assert "wang" in error.say("zh")


def test_who_only_saw_the_stage_move_is_not_disturbed(published, wang, at):
    advance_stage(by=wang, at=at, need=published, to=Need.Stage.MATCHED)
    need = edit_need(
        by=wang, at=at, need_key=published.key, revision=2, changes={"title": "新标题"}
    )
    assert (need.title, need.stage, need.revision) == ("新标题", "matched", 4)


def test_who_edits_a_draft_that_was_published_meanwhile_is_told(draft, wang, li, at):
    publish_need(by=wang, at=at, need_key=draft.key)
    with pytest.raises(StaleNeedError):
        edit_need(by=li, at=at, need_key=draft.key, revision=1, changes={"title": "晚了"})


def test_who_publishes_what_another_has_changed_is_told(draft, wang, li, at):
    edit_need(by=li, at=at, need_key=draft.key, revision=1, changes={"budget_fen_max": 0})
    with pytest.raises(StaleNeedError):
        publish_need(by=wang, at=at, need_key=draft.key, revision=1)
    assert Need.objects.get(key=draft.key).status == "draft"


def test_a_revision_that_never_was_is_refused(draft, wang, at):
    with pytest.raises(UnknownRevisionError):
        edit_need(by=wang, at=at, need_key=draft.key, revision=99, changes={"title": "x"})


def test_saving_the_same_again_writes_nothing(draft, wang, at):
    need = edit_need(by=wang, at=at, need_key=draft.key, revision=1, changes={"title": draft.title})
    assert need.revision == 1
    assert verbs(need) == ["needs.need.drafted"]


def test_sealed_targets_stay_and_the_way_out_is_a_copy(published, wang, at):
    fix_targets(by=wang, at=at, need=published)
    fix_targets(by=wang, at=at, need=published)
    for changes in (
        {"targets": {**TARGETS, "positive": "bad"}},
        {"job": "warn"},
        {"pieces_per_h": 10.0},
    ):
        with pytest.raises(TargetsFixedError, match="make a copy"):
            edit_need(by=wang, at=at, need_key=published.key, revision=3, changes=changes)
    edit_need(by=wang, at=at, need_key=published.key, revision=3, changes={"title": "仍可改标题"})
    copy = duplicate_need(by=wang, at=at, need_key=published.key)
    edit_need(
        by=wang,
        at=at,
        need_key=copy.key,
        revision=1,
        changes={"targets": {**TARGETS, "positive": "bad"}},
    )
    assert verbs(published).count("needs.need.fixed") == 1


def test_a_copy_is_a_draft_without_date_and_knows_its_source(published, wang, at):
    copy = duplicate_need(by=wang, at=at, need_key=published.key)
    assert (copy.status, copy.due_date, copy.copied_from) == ("draft", None, published)
    assert copy.title == "贴片焊点漏检太多（副本）"
    assert copy.targets == published.targets
    twice = duplicate_need(by=wang, at=at, need_key=copy.key)
    assert len(twice.title) <= 120


def test_a_withdrawal_needs_a_reason_and_is_final(published, wang, at):
    with pytest.raises(ReasonMissingError):
        withdraw_need(by=wang, at=at, need_key=published.key, reason=" \n ")
    need = withdraw_need(by=wang, at=at, need_key=published.key, reason="预算\n取消")
    assert (need.status, need.withdrawn_reason) == ("withdrawn", "预算 取消")
    again = withdraw_need(by=wang, at=at, need_key=published.key, reason="再来")
    assert again.withdrawn_reason == "预算 取消"
    with pytest.raises(NeedWithdrawnError):
        publish_need(by=wang, at=at, need_key=published.key)
    with pytest.raises(NeedWithdrawnError):
        edit_need(by=wang, at=at, need_key=published.key, revision=3, changes={"title": "x"})


def test_a_stage_moves_on_and_never_back(published, draft, wang, at):
    need = advance_stage(by=wang, at=at, need=published, to=Need.Stage.TRIAL)
    assert advance_stage(by=wang, at=at, need=need, to=Need.Stage.TRIAL).revision == need.revision
    assert advance_stage(by=wang, at=at, need=need, to=Need.Stage.MATCHED).stage == "trial"
    assert verbs(need).count("needs.need.advanced") == 1


def test_a_draft_has_no_stage_to_move(draft, wang, at):
    with pytest.raises(NeedNotPublishedError):
        advance_stage(by=wang, at=at, need=draft, to=Need.Stage.MATCHED)


def test_a_list_of_drafts_comes_in_whole_or_not_at_all(wang, at, owner, sector):
    drafts = [{"title": f"需求 {number}", "sector": "manufacturing"} for number in range(1200)]
    needs = draft_needs(by=wang, at=at, owner=owner, drafts=drafts, import_key="k")
    assert len({need.key for need in needs}) == Need.objects.count() == 1200
    assert Revision.objects.filter(verb="imported").count() == 1200
    assert Line.objects.filter(verb="needs.list.imported", subject_key="k").count() == 3
    with pytest.raises(BlankTitleError):
        draft_needs(by=wang, at=at, owner=owner, drafts=[{"title": "好"}, {"title": ""}])
    assert Need.objects.count() == 1200

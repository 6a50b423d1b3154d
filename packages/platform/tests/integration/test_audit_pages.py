"""The audit as auditors read it."""

import pytest
from django.core.cache import cache
from django.urls import reverse
from django_tasks_db.models import DBTaskResult

from liudu.platform.actors import SYSTEM, Role
from liudu.platform.audit import queries, tasks
from liudu.platform.audit.decisions import Wrong
from liudu.platform.audit.models import Line
from liudu.platform.audit.queries import Break, Verification
from liudu.platform.audit.services import record

pytestmark = [pytest.mark.everywhere, pytest.mark.django_db]
BATCH = "funding.batch.matched"


@pytest.fixture(autouse=True)
def fresh():
    """What was proved is kept in the cache."""
    cache.clear()


@pytest.fixture
def auditor(client, person, organisation, at):
    """A browser of an auditor, and lines of two contexts."""
    bureau = organisation("审计局", kind="bureau")
    client.force_login(person("a@example.org", of=bureau, roles=[Role.AUDITOR]))
    record(at=at, by=SYSTEM, verb=BATCH, subject_kind="batch", subject_key="b")
    record(at=at, by=SYSTEM, verb="needs.need.published", subject_kind="need", subject_key="n")
    return client


def listed(auditor, **asked):
    return auditor.get(reverse("audit:list"), asked).context["lines"]


@pytest.mark.parametrize(
    ("language", "words"), [("zh-hans", "完成批次匹配"), ("en", "matched a batch")]
)
def test_deeds_are_told_in_the_readers_words(auditor, language, words):
    for route in (
        reverse("audit:list"),
        reverse("audit:line", args=[listed(auditor, verb=BATCH)[0].number]),
    ):
        page = auditor.get(route, {"verb": BATCH}, headers={"accept-language": language})
        assert words in page.content.decode()


def test_deeds_are_chosen_one_by_one_or_by_their_context(auditor):
    assert [line.verb for line in listed(auditor, verb=BATCH)] == [BATCH]
    assert [line.verb for line in listed(auditor, verb="funding.")] == [BATCH]
    assert [line.subject_key for line in listed(auditor, subject_kind="need")] == ["n"]


def test_a_deed_that_no_table_names_is_still_found_and_shown_as_chosen(auditor, at):
    record(at=at, by=SYSTEM, verb="old.deed.done", subject_kind="need", subject_key="n")
    page = auditor.get(reverse("audit:list"), {"verb": "old.deed.done"})
    assert [line.verb for line in page.context["lines"]] == ["old.deed.done"]
    assert '<option value="old.deed.done" selected>' in page.content.decode()


def test_the_chain_is_verified_by_a_worker_once_for_all_who_ask(auditor):
    for _ in range(2):
        assert auditor.post(reverse("audit:verify")).status_code == 302
    assert DBTaskResult.objects.filter(task_path=tasks.verify.module_path).count() == 1
    assert "正在校验" in auditor.get(reverse("audit:list")).content.decode()
    tasks.verify.call()
    page = auditor.get(reverse("audit:list")).content.decode()
    assert "正在校验" not in page
    assert f"已校验至第 {Line.objects.count()} 行" in page


def test_a_broken_chain_is_told_where_it_breaks(auditor, monkeypatch):
    broken = Break(number=2, wrong=Wrong.DIGEST)
    found = Verification(count=1, head_digest="0" * 64, broken=broken)
    monkeypatch.setattr(queries, "verify_chain", lambda: found)
    tasks.verify.call()
    page = auditor.get(reverse("audit:list")).content.decode()
    assert "校验发现问题" in page
    assert reverse("audit:line", args=[2]) in page

"""The PDF of a report: made by a worker, awaited by a page, never by a request."""

import pytest
from django.urls import reverse
from django_tasks import TaskResultStatus
from django_tasks_db.models import DBTaskResult
from trial_city import AT, a_need, a_seal, a_trial, organisation

from liudu.platform.actors import Role
from liudu.platform.trials import places, runner, tasks
from liudu.platform.trials.models import Trial

pytestmark = [pytest.mark.everywhere]
PATH = tasks.make_papers.module_path


@pytest.fixture
def trial(transactional_db, settings, tmp_path):
    """A released trial with a run, of which no report is set yet."""
    settings.PRIVATE = tmp_path / "private"
    need = a_need(organisation("明州光电"))
    a_seal(need)
    made = a_trial(need)
    Trial.objects.update(state="decided", verdict="passed", ended_at=AT, released_at=AT)
    places.run_of(made.key).mkdir()
    made.refresh_from_db()
    return made


@pytest.fixture
def reader(trial, client, person):
    """A browser of the need's owner."""
    owner = person("o@example.org", of=trial.need.owner, roles=[Role.NEED_OWNER])
    client.force_login(owner)
    return client


def orders():
    return DBTaskResult.objects.filter(task_path=PATH).order_by("enqueued_at")


def the_paper(trial):
    path = places.paper_of(trial.key, with_pieces=True, language="zh")
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"%PDF-1.7")


def asked(reader, trial, **more):
    return reader.get(reverse("trials:report_pdf", args=[trial.key]), **more)


def test_whoever_asks_first_is_told_that_it_is_being_made_and_it_is_ordered_once(reader, trial):
    for _ in range(2):
        answer = asked(reader, trial)
        assert answer.status_code == 202
        assert "PDF 正在生成" in answer.content.decode()
        assert "没有执行程序在运行" in answer.content.decode()
    (order,) = orders()
    assert order.args_kwargs["kwargs"] == {"trial_key": trial.key}
    assert order.priority > 0  # a reader waits: before all trials
    page = reader.get(reverse("trials:trial", args=[trial.key])).content.decode()
    assert "生成中" in page


def test_the_page_that_waits_is_sent_to_the_file(reader, trial):
    the_paper(trial)
    answer = asked(reader, trial, headers={"hx-request": "true"})
    assert answer.status_code == 204
    assert answer["HX-Redirect"] == reverse("trials:report_pdf", args=[trial.key])
    answer = asked(reader, trial)
    assert b"".join(answer.streaming_content).startswith(b"%PDF")
    assert not orders().exists()
    page = reader.get(reverse("trials:trial", args=[trial.key])).content.decode()
    assert "生成中" not in page


def test_a_paper_that_could_not_be_made_says_so_and_is_tried_again_when_asked(reader, trial):
    asked(reader, trial)
    orders().update(status=TaskResultStatus.FAILED)
    answer = asked(reader, trial)
    assert "没有生成成功" in answer.content.decode()
    assert orders().count() == 1
    url = reverse("trials:report_pdf", args=[trial.key])
    assert "PDF 正在生成" in reader.get(url, {"again": "1"}).content.decode()
    assert orders().count() == 2


def test_what_goes_wrong_is_told_by_its_code_alone(trial):
    with pytest.raises(runner.PaperNotMadeError) as caught:  # its run is empty
        runner.papers(trial.key)
    assert str(places.run_of(trial.key)) not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_trial_without_a_run_has_no_paper(reader, trial):
    places.run_of(trial.key).rmdir()
    assert asked(reader, trial).status_code == 404
    assert not orders().exists()

"""Labels and names of sealed data are planted, and nobody finds them anywhere."""

import io
import json
import logging

import pytest
from django.core import mail
from django.test import Client
from django.urls import get_resolver, reverse
from django_tasks_db.models import DBTaskResult
from trial_city import (
    ANSWER,
    AT,
    MANIFEST,
    TARGETS,
    a_need,
    a_seal,
    a_trial,
    actor,
    organisation,
    some_data,
    zipped,
)

from liudu.platform.actors import SYSTEM, VISITOR
from liudu.platform.audit.models import Line
from liudu.platform.identity import middleware
from liudu.platform.supply.models import Certificate
from liudu.platform.trials import places, runner, services
from liudu.platform.trials.models import Event, Seal, Trial

pytestmark = [pytest.mark.everywhere, pytest.mark.django_db(transaction=True), pytest.mark.slow]
PLANTED = ("GEHEIMNAME", "geheimlabel")


@pytest.fixture
def trial(transactional_db, caplog):
    """A decided trial on data whose names and second label are planted; it misses some pieces."""
    caplog.set_level(logging.DEBUG)
    need = a_need(organisation("明州光电"), targets={**TARGETS, "positive": "bad"})
    data = some_data(name="GEHEIMNAME-{:03}.txt", ok="geheimlabel")
    a_seal(need, data=data)
    # It calls every piece bad, so that there are errors to be shown.
    main = ANSWER.format(before="").replace('else "ok"', 'else "bad"')
    trial = a_trial(need, files={"liudu-solution.json": MANIFEST, "main.py": main})
    runner.run(trial.key, worker="one")
    trial.refresh_from_db()
    assert trial.state == Trial.State.DECIDED, trial.reason_zh
    return trial


@pytest.fixture
def ask(monkeypatch):
    """Ask as somebody: return the answer's status and whole body."""

    def asked(who, url):
        monkeypatch.setattr(middleware, "_actor", lambda _request: who)
        response = Client(raise_request_exception=False).get(url)
        body = b"".join(response) if response.streaming else response.content
        return response.status_code, body.decode("utf-8", errors="replace")

    return asked


WHO = {
    "a visitor": lambda _: VISITOR,
    "a member of the owner": lambda trial: actor(trial.need.owner, "member"),
    "the need's owner": lambda trial: actor(trial.need.owner, "need_owner"),
    "its vendor": lambda trial: actor(trial.vendor.organisation, "vendor"),
    "another vendor": lambda _: actor(organisation("旁人"), "vendor"),
    "an officer": lambda _: actor(organisation("场景办", kind="bureau"), "officer"),
    "an operator": lambda _: actor(organisation("运营", kind="operator"), "operator"),
    "an auditor": lambda _: actor(organisation("审计", kind="bureau"), "auditor"),
}


def routes(trial):
    """Yield a URL for every route that can be filled with what is there."""
    certificate = Certificate.objects.get(trial_key=trial.key)
    keys = {
        "needs": trial.need.key,
        "trials": trial.key,
        "solutions": trial.version.solution.key,
        "vendors": trial.vendor.organisation.key,
        "certificates": certificate.key,
        "offers": trial.offer.key,
        "seals": trial.seal.key,
    }
    for pattern in walk(get_resolver().url_patterns):
        named = [part for part in pattern.removeprefix("api/").split("/") if part in keys]
        key = keys[named[-1]] if named else trial.key
        url = "/" + fill(pattern, key=key, number=1)
        yield url
        if url.startswith("/api/trials/seals"):
            yield f"{url}?need={trial.need.key}"


def walk(patterns, *, prefix=""):
    """Yield the patterns of all routes as they are written."""
    for one in patterns:
        here = prefix + str(one.pattern).lstrip("^").rstrip("$")
        if hasattr(one, "url_patterns"):
            yield from walk(one.url_patterns, prefix=here)
        else:
            yield here


def fill(pattern, *, key, number):
    """Put a key or a number where a route wants one."""
    parts = pattern.replace("(?P<", "<").split("<")
    filled = parts[0]
    for part in parts[1:]:
        wanted, _, rest = part.partition(">")
        filled += (str(number) if wanted.startswith("int:") else key) + rest
    return filled


def planted_in(text):
    """Return which of the planted words a text holds."""
    return [word for word in PLANTED if word in text]


def test_the_planted_words_are_there_to_be_found(trial):
    labels = (places.seal_of(trial.seal.key) / "private" / "labels.jsonl").read_text()
    names = (places.seal_of(trial.seal.key) / "private" / "names.jsonl").read_text()
    assert planted_in(names + labels) == list(PLANTED)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("released", [False, True])
def test_no_route_shows_anybody_a_label_or_a_name(released, trial, ask):
    if released:
        services.release_trial(by=SYSTEM, at=AT, trial=trial)
    urls = sorted(set(routes(trial)))
    for name, who in WHO.items():
        answered = shown_to(name, [(url, *ask(who(trial), url)) for url in urls])
        assert len(answered) > 20, name
        seen = released or name not in ("a visitor", "another vendor")
        assert (f"/trials/{trial.key}/" in answered) == seen, name


def shown_to(name, answers):
    """Return the paths that were answered, none of them with a planted word."""
    for url, _status, body in answers:
        if not (name == "the need's owner" and "/report." in url):  # it shows the owner's pieces
            assert not planted_in(body), (name, url)
    return [url for url, status, _body in answers if status == 200]


def test_neither_database_nor_log_nor_mail_holds_a_label_or_a_name(trial, caplog):
    services.release_trial(by=SYSTEM, at=AT, trial=trial)
    rows = [
        str(vars(row))
        for model in (Line, Event, Seal, Trial, Certificate, DBTaskResult)
        for row in model.objects.all()
    ]
    assert len(rows) > 10
    assert not planted_in("\n".join(rows))
    assert not planted_in(caplog.text)
    assert not planted_in("".join(str(message.message()) for message in mail.outbox))


def test_a_refusal_that_names_files_is_for_the_owner_alone(ask):
    need = a_need(organisation("明州光电"))
    rows = "file,label\nGEHEIMNAME.txt,bad\n"
    data = io.BytesIO(zipped({"labels.csv": rows, "data/other.txt": "1"}))
    owner = actor(need.owner, "need_owner")
    seal = services.seal_data(by=owner, at=AT, need=need, stream=data)
    runner.seal(seal.key)
    seal.refresh_from_db()
    assert (seal.state, seal.reason_code) == (Seal.State.REFUSED, "AbsentFiles")
    assert not planted_in(str(vars(seal)))
    assert not places.upload_of(seal.key).exists()
    assert not places.plain_of(seal.key).exists()
    url = reverse("trials:seal", args=[need.key])
    assert planted_in(ask(owner, url)[1]) == ["GEHEIMNAME"]
    bureau = organisation("场景办", kind="bureau")
    for who in (actor(need.owner, "member"), actor(bureau, "officer"), actor(bureau, "auditor")):
        status, body = ask(who, url)
        assert status == 200
        assert not planted_in(body)
    assert ask(actor(bureau, "operator"), url)[0] == 404


def test_the_report_without_pieces_has_neither_pictures_nor_ids_nor_classes(trial):
    run = json.loads((places.run_of(trial.key) / "result.json").read_text())
    text = places.page_of(trial.key, with_pieces=False).read_text()
    assert "data:image" not in text
    assert not planted_in(text)
    assert run["details"]["confusion"]["classes"]
    owners = places.page_of(trial.key, with_pieces=True).read_text()
    assert "geheimlabel" in owners


def test_a_worker_sets_both_reports_in_both_languages_and_what_is_there_stays(trial):
    runner.papers(trial.key)
    papers = [
        places.paper_of(trial.key, with_pieces=with_pieces, language=language)
        for with_pieces in (True, False)
        for language in ("zh", "en")
    ]
    assert all(paper.read_bytes().startswith(b"%PDF") for paper in papers)
    made_at = [paper.stat().st_mtime_ns for paper in papers]
    papers[0].unlink()
    runner.papers(trial.key)
    assert papers[0].is_file()
    assert [paper.stat().st_mtime_ns for paper in papers[1:]] == made_at[1:]

"""Two policies of which a subject gets one: settled together, kept, and never paid both."""

from datetime import date

import pytest

from liudu.platform.actors import SYSTEM
from liudu.platform.audit.models import Line
from liudu.platform.funding import queries, services
from liudu.platform.funding.models import Batch, Determination, Grant, PackVersion
from liudu.rules import StackContradictionError

pytestmark = [pytest.mark.everywhere, pytest.mark.django_db]

PACK = """\
pack: {name}
version: "1"
title: {{zh: 政策{name}, en: policy {name}}}
valid: {{from: 2026-01-01{until}}}
facts:
  {name}_due: {{type: bool, label: 可享受, bureau: 局}}
  {name}_sum: {{type: money, unit: yuan, label: 金额, bureau: 局, max: 9000}}
rules:
  rent:
    title: {{zh: 补贴{name}, en: subsidy {name}}}
    clause: 一
    bureau: 局
    subject: person
    automatic: true
    when: [{{atom: {name}_due, say: 可享受, act: 去办}}]
    amount: {name}_sum
    given: {{{name}_due: true, {name}_sum: 5}}
    tests:
      - {{expect: {{status: eligible, amount_yuan: 5}}}}
      - {{given: {{{name}_due: false}}, expect: {{status: ineligible, near: true}}}}
"""
GROUP = "    group: home\ngroups:\n  home: {title: 住房, stack: highest, with: [%s/rent]}\n"


@pytest.fixture
def load(at, tmp_path):
    def put(name, *, beside="", until="", text=""):
        whole = PACK.format(name=name, until=f", to: {until}" if until else "")
        path = tmp_path / f"{name}.yaml"
        whole += GROUP % beside if beside else ""
        path.write_text(text or whole, encoding="utf-8")
        return services.load_policies(by=SYSTEM, at=at, folder=path)

    return put


@pytest.fixture
def home(at, load, person):
    """Two policies, alpha naming beta; makes persons with amounts in yuan, None if not due."""
    load("beta")
    load("alpha", beside="beta")

    def make(email, **amounts):
        subject = services.subject_for_user(at=at, user=person(email))
        for name, amount in amounts.items():
            known = {f"{name}_due": "否" if amount is None else "是", f"{name}_sum": str(amount)}
            for fact, text in known.items():
                if text != "None":
                    services.enter_fact(by=SYSTEM, at=at, subject=subject, name=fact, text=text)
        return subject

    return make


@pytest.fixture
def matched(at):
    def run(code):
        version = queries.version_of(code, on=at.date())
        batch = services.open_batch(
            by=SYSTEM, at=at, version=version, rule="rent", on=at.date(), sample_share=0.0
        )
        return services.match_batch(by=SYSTEM, at=at, batch=batch)

    return run


def test_a_policy_whose_group_contradicts_another_is_refused_by_name(at, load):
    load("beta", beside="alpha")
    text = PACK.format(name="alpha", until="") + (GROUP % "beta").replace("highest", "sum")
    report = load("alpha", text=text)
    assert not report.loaded
    assert "alpha/home" in str(report.refused["alpha.yaml"])
    assert "beta/home" in str(report.refused["alpha.yaml"])
    assert load("alpha", beside="beta").loaded


def test_a_policy_that_names_one_that_is_not_there_is_loaded_with_a_warning(load):
    report = load("alpha", beside="beta")
    assert [one.problem.facts["pack"] for one in report.warnings["alpha"]] == ["beta"]
    assert load("beta").loaded
    assert not load("alpha", beside="beta").warnings["alpha"]


def test_where_versions_of_a_day_contradict_nothing_is_paid_and_the_cards_still_come(
    at, load, matched, person
):
    until_new_year = PACK.format(name="beta", until=", to: 2026-12-31")
    load("beta", text=until_new_year + (GROUP % "alpha").replace("highest", "sum"))
    load("beta", text=PACK.format(name="beta", until="").replace("2026-01-01", "2027-01-01"))
    assert load("alpha", beside="beta").loaded
    subject = services.subject_for_user(at=at, user=person("a@x.cn"))
    for name, text in {"alpha_due": "是", "alpha_sum": "3"}.items():
        services.enter_fact(by=SYSTEM, at=at, subject=subject, name=name, text=text)
    said = {one.pack: one for one in queries.said_of(subject, on=at.date())}
    assert (said["alpha"].amount_fen, said["alpha"].payable_fen) == (300, None)
    with pytest.raises(StackContradictionError, match="beta/home"):
        matched("alpha")


def granted(batch):
    return {one.subject_id: one.amount_fen for one in batch.grants.all()}


def test_each_subject_is_granted_the_higher_of_two_policies_and_never_both(home, matched):
    low, high = home("a@x.cn", alpha=3, beta=8), home("b@x.cn", alpha=9, beta=8)
    one = home("c@x.cn", alpha=4, beta=None)
    assert granted(matched("alpha")) == {high.pk: 900, one.pk: 400}
    assert granted(matched("beta")) == {low.pk: 800}


def test_whose_other_policy_is_not_known_waits_unless_it_cannot_exceed(home, matched):
    home("a@x.cn", alpha=3)
    certain = home("b@x.cn", alpha=9000)
    batch = matched("alpha")
    assert granted(batch) == {certain.pk: 900_000}
    assert batch.open_count == 1


def test_a_policy_that_was_never_loaded_keeps_the_group_open(at, load, matched, person):
    load("alpha", beside="beta")
    subject = services.subject_for_user(at=at, user=person("a@x.cn"))
    for name, text in {"alpha_due": "是", "alpha_sum": "3"}.items():
        services.enter_fact(by=SYSTEM, at=at, subject=subject, name=name, text=text)
    batch = matched("alpha")
    assert (granted(batch), batch.open_count) == ({}, 1)


def test_a_policy_that_has_ended_holds_nothing_up_and_is_kept_as_ended(at, load, matched, person):
    load("beta", until="2026-06-30")
    load("alpha", beside="beta")
    subject = services.subject_for_user(at=at, user=person("a@x.cn"))
    for name, text in {"alpha_due": "是", "alpha_sum": "3"}.items():
        services.enter_fact(by=SYSTEM, at=at, subject=subject, name=name, text=text)
    batch = matched("alpha")
    assert granted(batch) == {subject.pk: 300}
    said = Determination.objects.get()
    assert said.beside == {"policies": {}, "absent": ["beta"]}
    assert queries.recompute(said).same


def test_a_delivery_keeps_the_versions_beside_its_own_and_its_answers_recompute(
    at, home, load, matched
):
    home("a@x.cn", alpha=9, beta=8)
    version = queries.version_of("alpha", on=at.date())
    batch = services.open_batch(
        by=SYSTEM, at=at, version=version, rule="rent", on=at.date(), sample_share=0.0
    )
    beta = PackVersion.objects.get(code="beta")
    load("beta", until="2026-12-31")
    services.match_batch(by=SYSTEM, at=at, batch=batch)
    batch.refresh_from_db()
    assert batch.beside["versions"] == {"beta": beta.key}
    assert '"beside":{"beta":1}' in Line.objects.get(verb="funding.batch.opened").content
    said = Determination.objects.get()
    assert said.beside["policies"]["beta"]["key"] == beta.key
    assert said.beside["policies"]["beta"]["facts"]["beta_sum"]["number"] == 800
    again = queries.recompute(said)
    assert again.same
    assert again.said.payable_fen == 900
    assert "同组的“补贴beta”（政策beta）不重复享受" in said.reason_zh


def test_a_determination_whose_kept_policy_is_left_out_is_not_the_same(home, matched):
    home("a@x.cn", alpha=9, beta=8)
    matched("alpha")
    said = Determination.objects.get()
    said.beside = None
    assert queries.recompute(said).differences == ("payable_fen",)


def test_a_live_grant_of_the_other_policy_sends_the_new_one_to_a_person(at, home, matched):
    subject = home("a@x.cn", alpha=3, beta=8)
    first = matched("beta").grants.get()
    services.enter_fact(by=SYSTEM, at=at, subject=subject, name="alpha_sum", text="20")
    second = matched("alpha").grants.get()
    assert (second.state, second.sampled_for) == (Grant.State.REVIEW, "group")
    assert queries.rivals_of(second) == [first]
    assert queries.rivals_of(first) == [second]


def test_a_grant_that_was_given_up_is_no_reason_for_a_review(at, home, matched):
    subject = home("a@x.cn", alpha=3, beta=8)
    batch = matched("beta")
    services.notify_batch(by=SYSTEM, at=at, batch=batch)
    services.opt_out(by=SYSTEM, at=at, grant=batch.grants.get())
    services.enter_fact(by=SYSTEM, at=at, subject=subject, name="alpha_sum", text="20")
    second = matched("alpha").grants.get()
    assert (second.state, second.sampled_for) == (Grant.State.MATCHED, "")


def test_the_cards_say_which_of_the_two_is_paid(at, home):
    subject = home("a@x.cn", alpha=3, beta=8)
    said = {one.pack: one for one in queries.said_of(subject, on=at.date())}
    assert (said["alpha"].payable_fen, said["beta"].payable_fen) == (0, 800)
    assert said["alpha"].outweighed_by == "beta/rent"
    cards = queries.benefits_of(subject, kind="person", on=at.date())
    reasons = {one.version.code: one.said.reason("zh") for one in cards}
    assert "由“补贴beta”（政策beta）发放 8 元，本条不再发放" in reasons["alpha"]


def test_near_misses_are_counted_with_what_they_would_bring(home, at, matched):
    home("a@x.cn", alpha=None, beta=None)
    near = home("b@x.cn", alpha=None, beta=None)
    services.enter_fact(by=SYSTEM, at=at, subject=near, name="alpha_sum", text="7")
    batch = matched("alpha")
    assert (batch.near_count, batch.near_fen, batch.near_unknown_count) == (2, 700, 1)


@pytest.fixture
def officer_browser(signed_in, person, organisation):
    bureau = organisation("市人社局", kind="public_body")
    return signed_in(person("officer@example.com", of=bureau, roles=["officer"]))


def test_the_pages_show_what_was_settled_together(at, home, matched, officer_browser):
    subject = home("a@x.cn", alpha=3, beta=8)
    first = matched("beta").grants.get()
    services.enter_fact(by=SYSTEM, at=at, subject=subject, name="alpha_sum", text="20")
    second = matched("alpha").grants.get()
    client = officer_browser
    page = client.get(f"/funding/deliveries/{second.batch.key}/").content.decode()
    assert "同组政策" in page
    assert "政策beta · 版本 1" in page
    page = client.get(f"/funding/grants/{second.key}/").content.decode()
    assert 'id="rivals"' in page
    assert f"/funding/grants/{first.key}/" in page
    page = client.get(f"/funding/grants/{first.key}/").content.decode()
    assert f"/funding/grants/{second.key}/" in page
    page = client.get(f"/funding/determinations/{second.determination.key}/").content.decode()
    assert "重新计算，结论相同" in page
    assert "本条没有用到" not in page  # the amount reads its fact too
    assert "政策beta · 版本 1" in page


def test_a_batch_from_before_there_were_groups_is_matched_alone(home, matched, at):
    home("a@x.cn", alpha=3, beta=8)
    version = queries.version_of("beta", on=at.date())
    batch = services.open_batch(
        by=SYSTEM, at=at, version=version, rule="rent", on=date(2026, 11, 20), sample_share=0.0
    )
    Batch.objects.filter(pk=batch.pk).update(beside=None)
    batch.refresh_from_db()
    assert services.match_batch(by=SYSTEM, at=at, batch=batch).grants.count() == 1

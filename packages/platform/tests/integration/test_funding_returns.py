"""A payment that the treasury could not carry out: told, sent again under a new key, or closed."""

from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from liudu.platform import clock
from liudu.platform.actors import SYSTEM
from liudu.platform.audit.models import Line
from liudu.platform.funding import queries, services
from liudu.platform.funding.models import FactRow, Grant, PaymentOrder, PaymentReturn
from liudu.platform.funding.services import answers as answers_service
from liudu.platform.funding.services.answers import (
    TooManyAnswersError,
    UnreadableAnswersError,
    WrongAnswersError,
)
from liudu.platform.funding.services.delivery import (
    OpenMattersError,
    ReasonNeededError,
    WrongStateError,
)
from liudu.platform.funding.services.payments import net_fen
from liudu.platform.funding.services.returns import (
    AccountFirstError,
    NotThisAttemptError,
    OthersOnTheirWayError,
)

pytestmark = [pytest.mark.everywhere, pytest.mark.django_db]

CITY = Path(__file__).parents[4] / "cities" / "suzhou" / "policies"
FACTS = (
    "subject,degree,first_claim_paid,insured_this_quarter,owns_home,civil_servant,"
    "works_in_ai_or_quantum,months_paid,rent_paid\nP1,博士,是,是,否,否,是,6,0\n"
)
DUE_FEN = 450_000
REASON = "账号已销户"


@pytest.fixture
def do(at):
    """Return what takes a step of funding as the system."""
    return lambda name, **said: getattr(services, name)(by=SYSTEM, at=at, **said)


def confirm(do, number="6222000011112222"):
    for grant in Grant.objects.filter(state="notified"):
        do("confirm_account", grant=grant, holder="甲", bank="苏州银行", number=number)


def hand_over(do, batch):
    """Order and export; return the order."""
    do("order_payments", batch=batch)
    do("export_orders")
    return PaymentOrder.objects.get(kind="payment")


@pytest.fixture
def batch(at, do):
    services.load_policies(by=SYSTEM, at=at, folder=CITY / "graduate-rent.yaml")
    do("import_facts", file_name="f.csv", content=FACTS.encode(), kind="person", bureau="局")
    version = queries.version_of("suzhou-graduate-rent", on=at.date())
    rule, share = "rent-renewal", 0.0
    batch = do("open_batch", version=version, rule=rule, on=at.date(), sample_share=share)
    do("match_batch", batch=batch)
    do("notify_batch", batch=batch)
    confirm(do)
    return batch


@pytest.fixture
def order(do, batch):
    return hand_over(do, batch)


def test_a_payment_that_came_back_goes_to_its_subject_and_is_paid_once_under_a_new_key(
    do, batch, order
):
    first, file = order.idempotency_key, order.export
    came_back = do("return_order", order=order, reason=f" {REASON} ", reference="R1")
    assert (came_back.state, came_back.return_reason) == ("returned", REASON)
    grant = came_back.grant
    grant.refresh_from_db()
    event = grant.events.last()
    assert (grant.state, event.kind) == ("notified", "returned")
    assert REASON in event.zh
    assert REASON in event.en
    assert not FactRow.objects.filter(origin="platform").exists()

    confirm(do, "6222000099998888")
    again = hand_over(do, batch)
    assert (again.pk, again.attempt, again.state) == (order.pk, 2, "exported")
    assert again.idempotency_key == f"{first}:a2"
    assert again.export != file
    assert "6222000099998888" in again.export.text
    assert f"{first}:a2," in again.export.text
    kept = PaymentReturn.objects.get()
    assert (kept.idempotency_key, kept.export, kept.attempt) == (first, file, 1)
    assert (kept.account, kept.amount_fen) == ("苏州银行 **** 2222", DUE_FEN)

    do("settle_order", order=again, reference="T2", attempt=2)
    grant.refresh_from_db()
    assert (grant.state, net_fen(grant)) == ("paid", DUE_FEN)
    assert FactRow.objects.filter(origin="platform").count() == 2
    assert Line.objects.filter(verb="funding.grant.returned").count() == 1


def test_the_same_return_twice_is_one_and_touches_no_later_attempt(do, batch, order):
    for _ in range(2):
        do("return_order", order=order, reason=REASON, attempt=1)
    confirm(do)
    again = hand_over(do, batch)
    do("return_order", order=again, reason=REASON, attempt=1)
    again.refresh_from_db()
    assert (again.state, again.attempt) == ("exported", 2)
    assert PaymentReturn.objects.count() == 1


def test_a_third_attempt_has_a_key_of_its_own_too(do, batch, order):
    for _ in range(2):
        do("return_order", order=PaymentOrder.objects.get(), reason=REASON)
        confirm(do)
        hand_over(do, batch)
    assert PaymentOrder.objects.get().idempotency_key == f"{order.idempotency_key}:a3"
    assert PaymentReturn.objects.count() == 2


def test_a_return_needs_a_reason(do, order):
    with pytest.raises(ReasonNeededError):
        do("return_order", order=order, reason="  ")


def test_what_is_settled_does_not_come_back_and_what_came_back_is_not_settled(do, order):
    do("settle_order", order=order, reference="T")
    with pytest.raises(WrongStateError):
        do("return_order", order=order, reason=REASON)
    assert Grant.objects.get().state == "paid"


def test_a_page_of_an_earlier_attempt_settles_nothing(do, batch, order):
    do("return_order", order=order, reason=REASON)
    with pytest.raises(WrongStateError):
        do("settle_order", order=order, reference="T", attempt=1)
    confirm(do)
    hand_over(do, batch)
    with pytest.raises(NotThisAttemptError):
        do("settle_order", order=order, reference="T", attempt=1)


def test_a_closed_payment_frees_everything_and_may_be_objected_to(do, batch, order):
    do("return_order", order=order, reason=REASON)
    do("publish_batch", batch=batch)
    with pytest.raises(OpenMattersError):
        do("archive_batch", batch=batch)
    for _ in range(2):
        closed = do("close_order", order=order, reason="多次联系不上")
    grant = Grant.objects.get()
    assert (closed.state, grant.state, net_fen(grant)) == ("closed", "closed", 0)
    assert "多次联系不上" in grant.events.last().zh
    objection = do("raise_objection", grant=grant, text="我换了手机号")
    do("answer_objection", objection=objection, upheld=True, answer="已联系上")
    confirm(do)
    assert hand_over(do, batch).attempt == 2
    do("settle_order", order=order, reference="T")
    do("archive_batch", batch=batch)


def test_only_what_came_back_is_closed(do, order):
    with pytest.raises(WrongStateError):
        do("close_order", order=order, reason="x")
    with pytest.raises(ReasonNeededError):
        do("close_order", order=order, reason="")


def test_a_grant_of_which_something_is_on_its_way_is_not_closed(do, order):
    grant = Grant.objects.get()
    do("recover_grant", grant=grant, amount_fen=100, reason="多付")
    do("export_orders")
    do("return_order", order=order, reason=REASON)
    with pytest.raises(OthersOnTheirWayError):
        do("close_order", order=order, reason="x")


def test_who_gives_up_a_payment_that_came_back_leaves_no_order_behind(do, order):
    do("return_order", order=order, reason=REASON)
    do("opt_out", grant=Grant.objects.get())
    order.refresh_from_db()
    assert order.state == "closed"


def test_a_recovery_that_came_back_is_sent_again_by_an_officer(do, order):
    do("settle_order", order=order, reference="T")
    grant = Grant.objects.get()
    recovery = do("recover_grant", grant=grant, amount_fen=100, reason="多付")
    do("export_orders")
    do("return_order", order=recovery, reason="账户余额不足")
    grant.refresh_from_db()
    assert grant.state == "paid"
    for _ in range(2):
        sent = do("send_order_again", order=recovery, attempt=1)
    assert (sent.state, sent.attempt) == ("waiting", 2)
    do("export_orders")
    do("settle_order", order=recovery, reference="T2", attempt=2)
    assert net_fen(grant) == DUE_FEN - 100


def test_a_supplement_that_came_back_goes_to_another_account(do, order):
    do("settle_order", order=order, reference="T")
    grant = Grant.objects.get()
    account = {"holder": "甲", "bank": "苏州银行", "number": "6222000099998888"}
    with pytest.raises(WrongStateError):
        do("confirm_account", grant=grant, **account)
    objection = do("raise_objection", grant=grant, text="少了")
    do("answer_objection", objection=objection, upheld=True, answer="是", amount_fen=DUE_FEN + 1)
    supplement = grant.orders.get(kind="supplement")
    do("export_orders")
    do("return_order", order=supplement, reason=REASON)
    assert do("confirm_account", grant=grant, **account).state == "paid"
    do("send_order_again", order=supplement, attempt=1)
    assert "6222000099998888" in do("export_orders").text
    do("settle_order", order=supplement, reference="T2")
    assert net_fen(grant) == DUE_FEN + 1


def test_a_payment_is_not_sent_again_without_an_account(do, order):
    do("return_order", order=order, reason=REASON)
    with pytest.raises(AccountFirstError):
        do("send_order_again", order=order, attempt=1)


def test_a_supplement_waits_while_its_payment_came_back(do, batch, order):
    do("recover_grant", grant=Grant.objects.get(), amount_fen=100, reason="多付")
    do("return_order", order=order, reason=REASON)
    assert do("export_orders") is None
    confirm(do)
    do("order_payments", batch=batch)
    assert do("export_orders").order_count == 2


def answers(*rows, encoding="utf-8"):
    """Return the treasury's table: rows of (key, result, reference, reason)."""
    lines = ["idempotency_key,result,reference,reason", *(",".join(row) for row in rows)]
    return ("\n".join(lines) + "\n").encode(encoding)


def problems_of(do, content):
    with pytest.raises(WrongAnswersError) as refused:
        do("import_answers", file_name="a.csv", content=content)
    return {line: said.en for line, said in refused.value.problems}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_the_treasurys_table_returns_and_settles_and_twice_is_no_harm(do, batch, order, encoding):
    back = answers((order.idempotency_key, "退票", "", REASON), encoding=encoding)
    done = do("import_answers", file_name="a.csv", content=back)
    assert (done.settled, done.returned, done.known) == (0, 1, 0)
    order.refresh_from_db()
    assert (order.state, order.return_reason) == ("returned", REASON)
    confirm(do)
    again = hand_over(do, batch)
    paid = answers((again.idempotency_key, "settled", "T9", ""), encoding=encoding)
    for settled in (1, 0):
        done = do("import_answers", file_name="a.csv", content=paid)
        assert (done.settled, done.known) == (settled, 1 - settled)
    assert do("import_answers", file_name="a.csv", content=back).known == 1
    order.refresh_from_db()
    assert (order.state, order.reference) == ("settled", "T9")
    assert FactRow.objects.filter(origin="platform").count() == 2
    assert Line.objects.filter(verb="funding.answers.imported").count() == 2


def test_each_wrong_line_is_told_and_nothing_is_taken(do, order):
    key = order.idempotency_key
    told = problems_of(
        do,
        answers(
            (key, "settled", "T1", ""),
            (key, "returned", "", "x"),
            ("liudu:no", "settled", "T2", ""),
            ("liudu:a", "maybe", "", ""),
            ("liudu:b", "settled", "", ""),
            ("liudu:c", "returned", "", ""),
            ("", "settled", "T3", ""),
            ("liudu:d", "settled", "T" * 81, ""),
        ),
    )
    assert sorted(told) == [3, 4, 5, 6, 7, 8, 9]
    assert told[3] == "same key as line 2"
    order.refresh_from_db()
    assert order.state == "exported"


def test_an_answer_that_does_not_fit_the_order_is_told(do, batch, order):
    key = order.idempotency_key
    do("return_order", order=order, reason=REASON)
    assert "kept as returned" in problems_of(do, answers((key, "settled", "T", "")))[2]
    confirm(do)
    do("order_payments", batch=batch)
    waits = answers((f"{key}:a2", "settled", "T", ""))
    assert "not handed" in problems_of(do, waits)[2]
    do("export_orders")
    do("import_answers", file_name="a.csv", content=waits)
    assert "cannot come back" in problems_of(do, answers((f"{key}:a2", "returned", "", "x")))[2]
    assert "under T," in problems_of(do, answers((f"{key}:a2", "settled", "T2", "")))[2]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04\x00\x00",
        b"idempotency_key,result\nx,settled\n",
        b"idempotency_key,result,reference,reason\n",
        b'idempotency_key,result,reference,reason\n"x,settled,T,\n',
        b"reason,idempotency_key,result,reference,reason\nx,settled,T,,\n",
    ],
)
def test_a_file_that_is_no_such_table_is_refused(do, order, content):
    del order
    with pytest.raises(UnreadableAnswersError):
        do("import_answers", file_name="a.csv", content=content)


def test_a_file_of_too_many_lines_is_refused(do, monkeypatch, order):
    del order
    monkeypatch.setattr(answers_service, "ROWS_MAX", 1)
    with pytest.raises(TooManyAnswersError):
        do("import_answers", file_name="a.csv", content=answers(*[("x", "settled", "T", "")] * 2))


def test_an_export_comes_back_with_its_results_beside(do, order):
    head, row = order.export.text.splitlines()
    content = f"{head},result,reference,reason\n{row},settled,T1,\n".encode()
    assert do("import_answers", file_name="a.csv", content=content).settled == 1


@pytest.fixture
def officer(client, organisation, person):
    bureau = organisation("市人社局", kind="bureau")
    user = person("officer@example.com", of=bureau, roles=["officer"])
    client.force_login(user, "allauth.account.auth_backends.AuthenticationBackend")
    return user


def test_an_officer_returns_and_closes_on_the_page_of_orders(
    client, monkeypatch, at, officer, order
):
    del officer
    monkeypatch.setattr(clock, "now", lambda: at)
    page = f"/funding/orders/{order.key}"
    assert client.post(f"{page}/return/", {"reason": " ", "attempt": "1"}).status_code == 422
    assert client.post(f"{page}/return/", {"reason": REASON, "attempt": "1"}).status_code == 302
    listed = client.get("/funding/orders/?state=returned").content.decode()
    assert REASON in listed
    assert f"{page}/close/" in listed
    refused = client.post(f"{page}/settle/", {"reference": "T", "attempt": "1"})
    assert refused.status_code == WrongStateError.status
    grant = client.get(f"/funding/grants/{order.grant.key}/").content.decode()
    assert 'id="returned"' in grant
    assert client.post(f"{page}/again/", {"attempt": "1"}).status_code == 422
    assert client.post(f"{page}/close/", {"reason": "联系不上"}).status_code == 302
    assert (
        "付款退回后未能办理" in client.get(f"/funding/grants/{order.grant.key}/").content.decode()
    )
    assert client.get(f"/funding/orders/exports/{order.export.key}/").status_code == 200


def test_an_officer_imports_the_treasurys_answers(client, monkeypatch, at, officer, order):
    del officer
    monkeypatch.setattr(clock, "now", lambda: at)

    def send(content):
        file = SimpleUploadedFile("a.csv", content, content_type="text/csv")
        return client.post("/funding/orders/answers/", {"file": file})

    wrong = send(answers(("nobody", "settled", "T", "")))
    assert wrong.status_code == 422
    assert "第 2 行：没有这个指令号" in wrong.content.decode()
    assert client.post("/funding/orders/answers/").status_code == 422
    assert send(answers((order.idempotency_key, "returned", "", REASON))).status_code == 302
    order.refresh_from_db()
    assert order.state == "returned"

"""An acquirer that does not answer in time.

A link waits ten seconds for an answer, so each case has a demo of its own, and all cases run side
by side; the tests wait for their case.
"""

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from support.amounts import next_amount
from support.demo import Demo
from support.waiting import eventually
from support.wire import Answer

PAYMENTS = "/v1/payment_intents"

# How long it takes at most until what got no answer is settled: the promise is a minute.
RESOLVED_SECONDS = 60

Case = Callable[[Demo], None]


def sale(**changes: object) -> dict[str, Any]:
    return {
        "amount": next_amount(),
        "currency": "usd",
        "payment_method": "pm_card_visa",
        "confirm": "true",
        **changes,
    }


def assert_reversed(demo: Demo, answer: Answer, parameters: dict[str, Any], key: str) -> str:
    """The payment was declined and its money given back, and a retry says the same. Its id."""
    assert answer.status == 402, answer.body
    assert answer.error["code"] == "processing_error"
    payment = answer.error["payment_intent"]
    assert payment["status"] == "requires_payment_method"
    movement = demo.journal.movement(parameters["amount"])
    assert movement["state"] == "reversed"
    assert movement["captured_amount"] == 0
    again = demo.post(PAYMENTS, parameters, key)
    assert again.body == answer.body
    assert again.headers["idempotent-replayed"] == "true"
    return payment["id"]


def a_sale_that_gets_no_answer_is_reversed_and_declined(demo: Demo) -> None:
    no_answer_is_reversed(demo, "automatic", "0200")


def a_hold_that_gets_no_answer_is_reversed_and_declined(demo: Demo) -> None:
    no_answer_is_reversed(demo, "manual", "0100")


def a_silence_after_a_quiet_time_is_noticed_as_soon(demo: Demo) -> None:
    def link_was_idle() -> bool:
        rows = demo.journal.query("SELECT count(*) FROM messages WHERE mti = '0800'")
        return rows[0][0] >= 2

    eventually(link_was_idle, within=RESOLVED_SECONDS, what="an echo test after the sign-on")
    no_answer_is_reversed(demo, "automatic", "0200")


def no_answer_is_reversed(demo: Demo, capture: str, message_type: str) -> None:
    demo.control("silence authorization count 1")
    parameters, key = sale(capture_method=capture), str(uuid.uuid4())
    answer = demo.post(PAYMENTS, parameters, key)
    payment = assert_reversed(demo, answer, parameters, key)
    rrn = demo.journal.movement(parameters["amount"])["rrn"]
    assert demo.journal.messages(rrn, "in") == [message_type, "0420"]
    confirmed = demo.post(f"{PAYMENTS}/{payment}/confirm", {"payment_method": "pm_card_visa"})
    assert confirmed.json["status"] in ("succeeded", "requires_capture")


def an_approval_that_comes_after_the_reversal_changes_nothing(demo: Demo) -> None:
    demo.control("late authorization 12000 count 1")
    parameters, key = sale(), str(uuid.uuid4())
    answer = demo.post(PAYMENTS, parameters, key)
    payment = assert_reversed(demo, answer, parameters, key)
    rrn = demo.journal.movement(parameters["amount"])["rrn"]
    eventually(lambda: demo.metric("sunny_link_late_answers_total") == 1)
    # The late approval is answered by another reversal.
    eventually(lambda: len(demo.journal.advices(rrn, "reversal")) == 2)
    assert demo.get(f"{PAYMENTS}/{payment}").json["status"] == "requires_payment_method"
    assert_reversed(demo, answer, parameters, key)


def an_approval_that_comes_after_another_card_has_paid_changes_nothing(demo: Demo) -> None:
    demo.control("late authorization 12000 count 1")
    parameters, key = sale(), str(uuid.uuid4())
    answer = demo.post(PAYMENTS, parameters, key)
    payment = assert_reversed(demo, answer, parameters, key)
    paid = demo.post(f"{PAYMENTS}/{payment}/confirm", {"payment_method": "pm_card_mastercard"})
    assert paid.json["status"] == "succeeded"
    eventually(lambda: demo.metric("sunny_link_late_answers_total") == 1)
    demo.assert_reconciled()
    states = [row["state"] for row in demo.journal.movements(parameters["amount"])]
    assert states == ["reversed", "captured"]
    assert demo.get(f"{PAYMENTS}/{payment}").json == paid.json


def a_payment_that_cannot_be_resolved_in_time_is_processing_and_resolved_later(
    demo: Demo,
) -> None:
    demo.control("silence authorization count 1")
    demo.control("silence reversal count 2")
    parameters, key = sale(), str(uuid.uuid4())
    with ThreadPoolExecutor(1) as threads:
        pending = threads.submit(demo.post, PAYMENTS, parameters, key)
        eventually(lambda: demo.journal.movements(parameters["amount"]))
        busy = demo.post(PAYMENTS, parameters, key)
        assert busy.status == 409
        assert busy.error["code"] == "idempotency_key_in_use"
        other = demo.post(PAYMENTS, {**parameters, "amount": 1000}, key)
        assert other.error["type"] == "idempotency_error"
        answer = pending.result()
    assert answer.status == 200
    assert answer.json["status"] == "processing"
    assert answer.json["amount_received"] == 0
    payment = f"{PAYMENTS}/{answer.json['id']}"
    for operation in ("confirm", "capture", "cancel"):
        refused = demo.post(f"{payment}/{operation}")
        assert refused.status == 400
        assert refused.error["code"] == "payment_intent_unexpected_state"
    refund = demo.post("/v1/refunds", {"payment_intent": answer.json["id"]})
    assert refund.status == 400

    def resolved() -> Any:
        found = demo.get(payment).json
        return found["status"] != "processing" and found

    found = eventually(resolved, within=RESOLVED_SECONDS)
    assert found["status"] == "requires_payment_method"
    assert found["last_payment_error"]["code"] == "processing_error"
    assert demo.journal.movement(parameters["amount"])["state"] == "reversed"
    again = demo.post(PAYMENTS, parameters, key)
    assert again.body == answer.body


def a_capture_that_gets_no_answer_succeeds_and_is_booked_when_it_is_acknowledged(
    demo: Demo,
) -> None:
    parameters, key = sale(capture_method="manual"), str(uuid.uuid4())
    payment = demo.post(PAYMENTS, parameters).json["id"]
    demo.control("silence advice count 1")
    target = f"{PAYMENTS}/{payment}/capture"
    answer = demo.post(target, {"expand[]": "latest_charge"}, key)
    assert answer.json["status"] == "succeeded"
    assert answer.json["amount_received"] == parameters["amount"]
    assert answer.json["latest_charge"]["balance_transaction"] is None
    charge = f"/v1/charges/{answer.json['latest_charge']['id']}"
    eventually(
        lambda: demo.get(charge).json["balance_transaction"], within=RESOLVED_SECONDS
    )
    again = demo.post(target, {"expand[]": "latest_charge"}, key)
    assert again.body == answer.body
    movement = demo.journal.movement(parameters["amount"])
    assert movement["captured_amount"] == parameters["amount"]
    assert demo.journal.messages(movement["rrn"], "in") == ["0100", "0220", "0221"]


def a_refund_that_gets_no_answer_is_pending_and_succeeds_when_it_is_acknowledged(
    demo: Demo,
) -> None:
    parameters, key = sale(), str(uuid.uuid4())
    payment = demo.post(PAYMENTS, parameters).json["id"]
    demo.control("silence advice count 1")
    asked = {"payment_intent": payment, "amount": 1000}
    answer = demo.post("/v1/refunds", asked, key)
    assert answer.status == 200
    assert answer.json["status"] == "pending"
    assert answer.json["balance_transaction"] is None
    refund = f"/v1/refunds/{answer.json['id']}"
    # What is pending is spoken for.
    rest = demo.post("/v1/refunds", {**asked, "amount": parameters["amount"]})
    assert rest.error["param"] == "amount"
    eventually(lambda: demo.get(refund).json["status"] == "succeeded", within=RESOLVED_SECONDS)
    assert demo.get(refund).json["balance_transaction"]
    assert demo.post("/v1/refunds", asked, key).body == answer.body
    movement = demo.journal.movement(parameters["amount"])
    assert [row["amount"] for row in demo.journal.refunds(movement["id"])] == [1000]
    assert demo.journal.messages(movement["rrn"], "in") == ["0200", "0220", "0221"]


def a_refund_waits_until_its_capture_is_acknowledged(demo: Demo) -> None:
    parameters = sale(capture_method="manual")
    payment = demo.post(PAYMENTS, parameters).json["id"]
    demo.control("silence advice count 1")
    assert demo.post(f"{PAYMENTS}/{payment}/capture").json["status"] == "succeeded"
    answer = demo.post("/v1/refunds", {"payment_intent": payment})
    assert answer.json["status"] == "pending"
    refund = f"/v1/refunds/{answer.json['id']}"
    eventually(lambda: demo.get(refund).json["status"] == "succeeded", within=RESOLVED_SECONDS)
    movement = demo.journal.movement(parameters["amount"])
    assert movement["refunded_amount"] == parameters["amount"]
    assert demo.journal.messages(movement["rrn"], "in") == ["0100", "0220", "0221", "0220"]


def a_cancel_that_gets_no_answer_stands_and_is_repeated(demo: Demo) -> None:
    parameters = sale(capture_method="manual")
    payment = demo.post(PAYMENTS, parameters).json["id"]
    demo.control("silence reversal count 1")
    assert demo.post(f"{PAYMENTS}/{payment}/cancel").json["status"] == "canceled"
    movement = demo.journal.movement(parameters["amount"])

    def was_repeated() -> bool:
        return demo.journal.messages(movement["rrn"], "in") == ["0100", "0420", "0421"]

    eventually(was_repeated, within=RESOLVED_SECONDS)
    movement = demo.journal.movement(parameters["amount"])
    assert (movement["state"], movement["captured_amount"]) == ("reversed", 0)


def a_link_that_fails_ten_times_in_a_row_is_left_alone_for_a_while(demo: Demo) -> None:
    demo.control("silence authorization count 10")
    failing = [(sale(), str(uuid.uuid4())) for _ in range(10)]
    with ThreadPoolExecutor(len(failing)) as threads:
        pending = [threads.submit(demo.post, PAYMENTS, *one) for one in failing]
        eventually(
            lambda: all(demo.journal.movements(parameters["amount"]) for parameters, _ in failing)
        )
        demo.control("disconnect")
        answers = [one.result() for one in pending]
    for answer, (parameters, key) in zip(answers, failing, strict=True):
        assert_reversed(demo, answer, parameters, key)
    assert demo.metric("sunny_breaker_transitions_total", to="open") >= 1
    parameters, key = sale(), str(uuid.uuid4())

    def is_paid() -> bool:
        answer = demo.post(PAYMENTS, parameters, key)
        if answer.status == 503:
            assert answer.headers["stripe-should-retry"] == "true"
        return answer.status == 200

    eventually(is_paid, within=RESOLVED_SECONDS)
    assert demo.journal.movement(parameters["amount"])["state"] == "captured"


CASES: list[Case] = [
    a_sale_that_gets_no_answer_is_reversed_and_declined,
    a_hold_that_gets_no_answer_is_reversed_and_declined,
    a_silence_after_a_quiet_time_is_noticed_as_soon,
    an_approval_that_comes_after_the_reversal_changes_nothing,
    an_approval_that_comes_after_another_card_has_paid_changes_nothing,
    a_payment_that_cannot_be_resolved_in_time_is_processing_and_resolved_later,
    a_capture_that_gets_no_answer_succeeds_and_is_booked_when_it_is_acknowledged,
    a_refund_that_gets_no_answer_is_pending_and_succeeds_when_it_is_acknowledged,
    a_refund_waits_until_its_capture_is_acknowledged,
    a_cancel_that_gets_no_answer_stands_and_is_repeated,
    a_link_that_fails_ten_times_in_a_row_is_left_alone_for_a_while,
]


@pytest.fixture(scope="module")
def running(
    request: pytest.FixtureRequest, module_path: Path
) -> Iterator[dict[Case, Future[None]]]:
    """The selected cases, each with its demo, all of them under way."""

    def run(case: Case) -> None:
        demo = Demo(module_path / case.__name__)
        try:
            demo.start()
            case(demo)
            demo.assert_reconciled()
        finally:
            demo.stop()

    selected = [
        item.callspec.params["case"]
        for item in request.session.items
        if item.module is request.module
    ]
    with ThreadPoolExecutor(len(CASES)) as threads:
        yield {case: threads.submit(run, case) for case in selected}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_silence(case: Case, running: dict[Case, Future[None]]) -> None:
    running[case].result()

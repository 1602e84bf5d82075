"""An acquirer that misbehaves, and what becomes of the payment.

What costs no long wait is here; what needs the link's ten seconds is in
test_acquirer_silence.py.
"""

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.amounts import next_amount
from support.demo import Demo
from support.waiting import eventually
from support.wire import Answer

PAYMENTS = "/v1/payment_intents"


def sale(**changes: object) -> dict[str, object]:
    return {
        "amount": next_amount(),
        "currency": "usd",
        "payment_method": "pm_card_visa",
        "confirm": "true",
        **changes,
    }


def assert_undone(demo: Demo, answer: Answer, parameters: dict[str, object], key: str) -> None:
    """The payment ended as declined, nothing of it is held, and a retry says the same."""
    assert answer.status == 402, answer.body
    assert answer.error["code"] == "processing_error"
    payment = answer.error["payment_intent"]
    assert payment["status"] == "requires_payment_method"
    assert payment["amount_received"] == 0
    again = demo.post(PAYMENTS, parameters, key)
    assert again.body == answer.body
    assert again.headers["idempotent-replayed"] == "true"
    for row in demo.journal.movements(parameters["amount"]):
        assert row["captured_amount"] == 0
        assert row["state"] in ("reversed", "declined", "tombstone")
    found = demo.get(f"{PAYMENTS}/{payment['id']}").json
    assert found["status"] == "requires_payment_method"
    # The customer may try again, and pays once.
    confirmed = demo.post(
        f"{PAYMENTS}/{payment['id']}/confirm", {"payment_method": "pm_card_visa"}
    )
    assert confirmed.json["status"] in ("succeeded", "requires_capture")
    states = [row["state"] for row in demo.journal.movements(parameters["amount"])]
    assert states.count("captured") + states.count("approved") == 1


@pytest.mark.parametrize("capture", ["automatic", "manual"])
def test_an_answer_that_comes_twice_counts_once(own_demo: Demo, capture: str) -> None:
    own_demo.control("duplicate authorization count 1")
    before = own_demo.metric("sunny_link_unmatched_answers_total")
    parameters = sale(capture_method=capture)
    answer = own_demo.post(PAYMENTS, parameters, str(uuid.uuid4()))
    assert answer.status == 200
    eventually(lambda: own_demo.metric("sunny_link_unmatched_answers_total") == before + 1)
    payment = own_demo.get(f"{PAYMENTS}/{answer.json['id']}").json
    assert payment == answer.json
    movement = own_demo.journal.movement(parameters["amount"])
    assert own_demo.journal.advices(movement["rrn"], "reversal") == []
    assert own_demo.faults == []


def test_acknowledgements_that_come_twice_count_once(own_demo: Demo) -> None:
    own_demo.control("duplicate advice count 2")
    parameters = sale(capture_method="manual")
    payment = own_demo.post(PAYMENTS, parameters).json["id"]
    assert own_demo.post(f"{PAYMENTS}/{payment}/capture").json["status"] == "succeeded"
    refund = own_demo.post("/v1/refunds", {"payment_intent": payment, "amount": 900})
    assert refund.json["status"] == "succeeded"
    movement = own_demo.journal.movement(parameters["amount"])
    assert movement["captured_amount"] == parameters["amount"]
    assert movement["refunded_amount"] == 900
    assert own_demo.faults == []


def test_a_slow_acquirer_is_waited_for(own_demo: Demo) -> None:
    own_demo.control("delay authorization 1500 count 1")
    parameters = sale()
    answer = own_demo.post(PAYMENTS, parameters)
    assert answer.json["status"] == "succeeded"
    assert own_demo.journal.movement(parameters["amount"])["state"] == "captured"


def test_what_overtakes_a_slow_answer_is_not_mixed_up_with_it(own_demo: Demo) -> None:
    own_demo.control("late authorization 1500 count 1")
    slow, quick = sale(), sale(currency="eur")
    with ThreadPoolExecutor(1) as threads:
        slow_answer = threads.submit(own_demo.post, PAYMENTS, slow)
        eventually(lambda: own_demo.journal.movements(slow["amount"]))
        quick_answer = own_demo.post(PAYMENTS, quick)
        assert not slow_answer.done(), "nothing was overtaken"
        answers = [slow_answer.result(), quick_answer]
    for answer, parameters in zip(answers, (slow, quick), strict=True):
        assert answer.json["status"] == "succeeded"
        assert answer.json["amount"] == parameters["amount"]
        charge = own_demo.get(f"/v1/charges/{answer.json['latest_charge']}").json
        approval_code = own_demo.journal.movement(parameters["amount"])["approval_code"]
        assert charge["authorization_code"] == approval_code


def test_an_acquirer_that_forgets_reversals_holds_nothing_all_the_same(own_demo: Demo) -> None:
    own_demo.control("tombstones off")
    own_demo.control("disconnect before authorization count 1")
    parameters, key = sale(), str(uuid.uuid4())
    answer = own_demo.post(PAYMENTS, parameters, key)
    assert own_demo.journal.movements(parameters["amount"]) == []
    own_demo.control("tombstones on")
    assert_undone(own_demo, answer, parameters, key)


@pytest.mark.parametrize("capture", ["automatic", "manual"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_payment_whose_connection_broke_is_undone(
    own_demo: Demo, moment: str, capture: str
) -> None:
    own_demo.control(f"disconnect {moment} authorization count 1")
    parameters, key = sale(capture_method=capture), str(uuid.uuid4())
    answer = own_demo.post(PAYMENTS, parameters, key)
    if moment == "after":
        assert own_demo.journal.movement(parameters["amount"])["state"] == "reversed"
    assert_undone(own_demo, answer, parameters, key)
    assert own_demo.faults == []


def test_a_reversal_whose_connection_breaks_is_repeated_until_it_is_acknowledged(
    own_demo: Demo,
) -> None:
    own_demo.control("disconnect after authorization count 1")
    own_demo.control("disconnect after reversal count 2")
    parameters, key = sale(), str(uuid.uuid4())
    answer = own_demo.post(PAYMENTS, parameters, key)
    rrn = own_demo.journal.movement(parameters["amount"])["rrn"]
    types = own_demo.journal.messages(rrn, "in")
    assert types[0] == "0200"
    assert set(types[1:]) <= {"0420", "0421"} and types[1] == "0420"
    assert types.count("0421") >= 2
    assert len(own_demo.journal.advices(rrn, "reversal")) == 1
    assert_undone(own_demo, answer, parameters, key)


def test_a_capture_whose_connection_breaks_is_repeated_and_never_reversed(own_demo: Demo) -> None:
    own_demo.control("disconnect after advice count 1")
    parameters = sale(capture_method="manual")
    payment = own_demo.post(PAYMENTS, parameters).json["id"]
    answer = own_demo.post(f"{PAYMENTS}/{payment}/capture")
    assert answer.json["status"] == "succeeded"
    rrn = own_demo.journal.movement(parameters["amount"])["rrn"]

    def is_acknowledged() -> bool:
        charge = own_demo.get(f"/v1/charges/{answer.json['latest_charge']}").json
        return charge["balance_transaction"] is not None

    eventually(is_acknowledged)
    assert own_demo.journal.messages(rrn, "in") == ["0100", "0220", "0221"]
    movement = own_demo.journal.movement(parameters["amount"])
    assert movement["captured_amount"] == parameters["amount"]


def test_a_refund_whose_connection_breaks_is_paid_back_once(own_demo: Demo) -> None:
    parameters = sale()
    payment = own_demo.post(PAYMENTS, parameters).json["id"]
    own_demo.control("disconnect after advice count 1")
    key = str(uuid.uuid4())
    answer = own_demo.post("/v1/refunds", {"payment_intent": payment}, key)
    assert answer.status == 200
    assert answer.json["status"] in ("succeeded", "pending")
    refund = f"/v1/refunds/{answer.json['id']}"
    eventually(lambda: own_demo.get(refund).json["status"] == "succeeded")
    movement = own_demo.journal.movement(parameters["amount"])
    assert movement["refunded_amount"] == parameters["amount"]
    assert len(own_demo.journal.refunds(movement["id"])) == 1
    again = own_demo.post("/v1/refunds", {"payment_intent": payment}, key)
    assert again.body == answer.body


def test_a_lost_connection_is_made_again_and_payments_go_on(own_demo: Demo) -> None:
    own_demo.control("disconnect")

    def is_paid() -> bool:
        return own_demo.post(PAYMENTS, sale(), str(uuid.uuid4())).status == 200

    eventually(is_paid)
    assert own_demo.metric("sunny_link_up") == 1


@pytest.mark.parametrize(
    "response_code,code,decline_code",
    [
        ("05", "card_declined", "generic_decline"),
        ("51", "card_declined", "insufficient_funds"),
        ("54", "expired_card", "expired_card"),
        ("57", "card_declined", "transaction_not_allowed"),
        ("65", "card_declined", "card_velocity_exceeded"),
        ("1A", "authentication_required", "authentication_required"),
        ("91", "card_declined", "issuer_not_available"),
        ("96", "processing_error", "processing_error"),
        ("ZZ", "card_declined", "generic_decline"),
    ],
)
def test_a_response_code_becomes_the_decline_that_it_means(
    own_demo: Demo, response_code: str, code: str, decline_code: str
) -> None:
    own_demo.control(f"decline {response_code} count 1")
    error = own_demo.post(PAYMENTS, sale()).error
    assert (error["code"], error["decline_code"]) == (code, decline_code)
    charge = own_demo.get(f"/v1/charges/{error['charge']}").json
    assert charge["outcome"]["network_decline_code"] == response_code


def test_an_acquirer_that_is_away_costs_no_money_and_payments_go_on_when_it_is_back(
    own_demo: Demo,
) -> None:
    own_demo.kill_acquirer()
    parameters, key = sale(), str(uuid.uuid4())
    with ThreadPoolExecutor(1) as threads:
        # It waits for the reversal when the node has not noticed yet that nobody is there.
        pending = threads.submit(own_demo.post, PAYMENTS, parameters, key)
        own_demo.restart_acquirer()
        answer = pending.result()
    if answer.status == 503:
        assert answer.headers["stripe-should-retry"] == "true"

        def is_paid() -> bool:
            return own_demo.post(PAYMENTS, parameters, key).status == 200

        eventually(is_paid)
        assert own_demo.journal.movement(parameters["amount"])["state"] == "captured"
    else:
        assert_undone(own_demo, answer, parameters, key)

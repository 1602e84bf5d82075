"""kill -9 while merchants work: what a client was told stays true, and money moves once."""

import os
import random
import signal
import uuid
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException

import pytest
import stripe

from support.amounts import next_amount
from support.demo import Demo
from support.load import under_load
from support.waiting import eventually
from support.wire import Answer

PAYMENTS = "/v1/payment_intents"


def test_no_answer_is_lost_when_the_node_is_killed_three_times_under_load(
    new_demo: Demo,
) -> None:
    def strike() -> None:
        new_demo.kill_node()
        new_demo.restart_node()

    load = under_load(new_demo, [strike] * 3, random.Random(1))
    refused = sum(count for name, count in load.outcomes.items() if not name.isdigit())
    assert refused > 0, "nobody noticed that the node was away"


def test_no_answer_is_lost_when_the_acquirer_is_killed_under_load(new_demo: Demo) -> None:
    def strike() -> None:
        new_demo.kill_acquirer()
        new_demo.restart_acquirer()

    under_load(new_demo, [strike] * 2, random.Random(2))


def test_no_answer_is_lost_when_node_and_acquirer_are_killed_together(new_demo: Demo) -> None:
    def strike() -> None:
        for process in (new_demo.node, new_demo.acquirer):
            os.kill(process["pid"], signal.SIGKILL)
        new_demo.restart(new_demo.acquirer)
        new_demo.restart_node()

    under_load(new_demo, [strike] * 2, random.Random(3))


def test_no_answer_is_lost_when_the_node_is_restarted_in_order(new_demo: Demo) -> None:
    under_load(new_demo, [new_demo.restart_node] * 2, random.Random(4))


def test_a_request_that_has_begun_is_answered_before_the_node_ends_in_order(
    own_demo: Demo,
) -> None:
    amount = next_amount()
    parameters = {
        "amount": amount,
        "currency": "usd",
        "payment_method": "pm_card_visa",
        "confirm": "true",
    }
    own_demo.control("delay authorization 1500 count 1")
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(own_demo.post, PAYMENTS, parameters)
        eventually(lambda: own_demo.journal.movements(amount))
        own_demo.restart_node()
        assert answer.result().json["status"] == "succeeded"
    assert own_demo.journal.movement(amount)["state"] == "captured"


def test_the_retries_of_the_sdk_ride_out_a_kill(own_demo: Demo) -> None:
    client = stripe.StripeClient(
        own_demo.key, base_addresses={"api": own_demo.base}, max_network_retries=10
    )
    amounts = [next_amount() for _ in range(8)]

    def pay(amount: int) -> stripe.PaymentIntent | stripe.CardError:
        try:
            return client.v1.payment_intents.create(
                {
                    "amount": amount,
                    "currency": "usd",
                    "payment_method": "pm_card_visa",
                    "confirm": True,
                }
            )
        except stripe.CardError as error:
            return error

    own_demo.control(f"silence authorization count {len(amounts) // 2}")
    with ThreadPoolExecutor(len(amounts)) as threads:
        pending = [threads.submit(pay, amount) for amount in amounts]
        eventually(lambda: all(own_demo.journal.movements(amount) for amount in amounts))
        own_demo.kill_node()
        own_demo.restart_node()
        results = [one.result() for one in pending]
    for amount, result in zip(amounts, results, strict=True):
        movement = own_demo.journal.movement(amount)
        if isinstance(result, stripe.CardError):
            assert result.error.payment_intent.status == "requires_payment_method"
            assert (movement["state"], movement["captured_amount"]) == ("reversed", 0)
        else:
            assert result.status == "succeeded"
            assert (movement["state"], movement["captured_amount"]) == ("captured", amount)
    assert sum(isinstance(result, stripe.CardError) for result in results) >= len(amounts) // 2


@pytest.mark.parametrize("capture", ["automatic", "manual"])
def test_a_payment_that_was_sent_when_the_node_was_killed_is_given_back(
    own_demo: Demo, capture: str
) -> None:
    parameters = {
        "amount": next_amount(),
        "currency": "usd",
        "payment_method": "pm_card_visa",
        "confirm": "true",
        "capture_method": capture,
    }
    key = str(uuid.uuid4())
    own_demo.control("silence authorization count 1")
    with ThreadPoolExecutor(1) as threads:
        broken = threads.submit(own_demo.post, PAYMENTS, parameters, key)
        eventually(lambda: own_demo.journal.movements(parameters["amount"]))
        own_demo.kill_node()
        assert isinstance(broken.exception(), (OSError, HTTPException))
    own_demo.restart_node()

    def definite() -> Answer | None:
        answer = own_demo.post(PAYMENTS, parameters, key)
        if answer.status == 409:
            assert answer.error["code"] == "idempotency_key_in_use"
            return None
        return answer

    answer = eventually(definite, within=60)
    assert answer.status == 402
    assert answer.error["payment_intent"]["status"] == "requires_payment_method"
    movement = own_demo.journal.movement(parameters["amount"])
    assert (movement["state"], movement["captured_amount"]) == ("reversed", 0)
    assert "0420" in own_demo.journal.messages(movement["rrn"], "in")
    assert own_demo.post(PAYMENTS, parameters, key).body == answer.body


@pytest.mark.parametrize("operation", ["capture", "refund", "cancel"])
def test_what_was_decided_when_the_node_was_killed_is_carried_out(
    own_demo: Demo, operation: str
) -> None:
    amount = next_amount()
    payment = own_demo.post(
        PAYMENTS,
        {
            "amount": amount,
            "currency": "usd",
            "payment_method": "pm_card_visa",
            "confirm": "true",
            "capture_method": "automatic" if operation == "refund" else "manual",
        },
    ).json["id"]
    rrn = own_demo.journal.movement(amount)["rrn"]
    own_demo.control("silence advice count 1")
    own_demo.control("silence reversal count 1")
    if operation == "refund":
        answer = own_demo.post("/v1/refunds", {"payment_intent": payment})
    else:
        answer = own_demo.post(f"{PAYMENTS}/{payment}/{operation}")
    assert answer.status == 200
    eventually(lambda: len(own_demo.journal.messages(rrn, "in")) == 2)
    own_demo.kill_node()
    own_demo.restart_node()
    own_demo.control("reset")

    # The acquirer may have it already, and is told again all the same.
    kind = "0421" if operation == "cancel" else "0221"
    eventually(lambda: own_demo.journal.messages(rrn, "in")[2:] == [kind])
    movement = own_demo.journal.movement(amount)
    found = own_demo.get(f"{PAYMENTS}/{payment}").json
    if operation == "cancel":
        assert found["status"] == "canceled"
        assert movement["state"] == "reversed"
    else:
        assert found["status"] == "succeeded"
        assert movement["captured_amount"] == amount
        assert movement["refunded_amount"] == (amount if operation == "refund" else 0)


def test_everything_is_found_again_after_a_kill(own_demo: Demo) -> None:
    client = own_demo.client.v1
    payment = client.payment_intents.create(
        {
            "amount": next_amount(),
            "currency": "usd",
            "payment_method": "pm_card_visa",
            "confirm": True,
            "metadata": {"order": "6735"},
            "expand": ["latest_charge", "payment_method"],
        }
    )
    refund = client.refunds.create({"payment_intent": payment.id, "amount": 500})
    method = client.payment_methods.create(
        {
            "type": "card",
            "card": {"number": "4242424242424242", "exp_month": 1, "exp_year": 2035},
        }
    )
    charge = client.charges.retrieve(payment.latest_charge.id)
    listed = [item.id for item in client.payment_intents.list({"limit": 5}).data]
    own_demo.kill_node()
    own_demo.restart_node()

    client = own_demo.client.v1
    found = client.payment_intents.retrieve(payment.id, {"expand": ["payment_method"]})
    assert found.status == "succeeded"
    assert found.metadata.order == "6735"
    assert found.payment_method.to_dict() == payment.payment_method.to_dict()
    assert client.charges.retrieve(charge.id).to_dict() == charge.to_dict()
    assert client.refunds.retrieve(refund.id).to_dict() == refund.to_dict()
    assert client.payment_methods.retrieve(method.id).to_dict() == method.to_dict()
    assert [item.id for item in client.payment_intents.list({"limit": 5}).data] == listed
    # The sealed card opens again, and pays.
    again = client.payment_intents.create(
        {
            "amount": next_amount(),
            "currency": "usd",
            "payment_method": method.id,
            "confirm": True,
        }
    )
    assert again.status == "succeeded"


def test_a_code_is_gone_after_a_kill_and_the_payment_goes_on_without_it(own_demo: Demo) -> None:
    client = own_demo.client.v1
    method = client.payment_methods.create(
        {
            "type": "card",
            "card": {
                "number": "4242424242424242",
                "exp_month": 1,
                "exp_year": 2035,
                "cvc": "123",
            },
        }
    )
    own_demo.kill_node()
    own_demo.restart_node()
    payment = own_demo.client.v1.payment_intents.create(
        {
            "amount": next_amount(),
            "currency": "usd",
            "payment_method": method.id,
            "confirm": True,
            "expand": ["latest_charge"],
        }
    )
    assert payment.status == "succeeded"
    checks = payment.latest_charge.payment_method_details.card.checks
    assert checks.cvc_check == "unavailable"

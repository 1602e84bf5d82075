"""What a merchant does with a hold beyond capturing it once, through the SDK."""

import pytest
import stripe

from support.amounts import next_amount
from support.demo import Demo
from support.waiting import eventually

OPTIONS = ("request_incremental_authorization", "request_multicapture", "request_overcapture")


def held(demo: Demo, *options: str, **parameters: object) -> stripe.PaymentIntent:
    payment = demo.client.v1.payment_intents.create(
        {
            "amount": next_amount(),
            "currency": "usd",
            "payment_method": "pm_card_visa",
            "capture_method": "manual",
            "confirm": True,
            "expand": ["latest_charge"],
            "payment_method_options": {"card": {option: "if_available" for option in options}},
            **parameters,
        }
    )
    assert payment.status == "requires_capture"
    return payment


def sums(demo: Demo, payment: stripe.PaymentIntent) -> tuple[int, int, int]:
    """Held, captured and given back with the acquirer, over all parts of the hold."""
    first = demo.journal.movement(payment.amount)
    parts = [
        row
        for row in demo.journal.query("SELECT * FROM transactions WHERE rrn = ?", first["rrn"])
        if row["kind"] == "auth" and row["state"] != "declined"
    ]
    amount = sum(row["amount"] for row in parts)
    captured = sum(row["captured_amount"] for row in parts)
    reversed_amount = sum(row["reversed_amount"] for row in parts)
    return max(0, amount - captured - reversed_amount), captured, reversed_amount


def test_what_was_asked_for_is_granted(demo: Demo) -> None:
    payment = held(demo, *OPTIONS)
    card = payment.latest_charge.payment_method_details.card
    assert card.incremental_authorization.status == "available"
    assert card.multicapture.status == "available"
    assert card.overcapture.status == "available"
    assert card.overcapture.maximum_amount_capturable == payment.amount * 115 // 100
    assert card.capture_before - payment.latest_charge.created in range(7 * 86_400, 7 * 86_400 + 60)
    assert payment.payment_method_options.card.request_multicapture == "if_available"

    plain = held(demo)
    card = plain.latest_charge.payment_method_details.card
    assert card.incremental_authorization.status == "unavailable"
    assert card.multicapture.status == "unavailable"
    assert card.overcapture.status == "unavailable"
    assert card.overcapture.maximum_amount_capturable == plain.amount


def test_a_hold_is_captured_in_parts(demo: Demo) -> None:
    payment = held(demo, "request_multicapture")
    intents = demo.client.v1.payment_intents
    part = payment.amount // 3
    for count in (1, 2):
        captured = intents.capture(
            payment.id, {"amount_to_capture": part, "final_capture": False}
        )
        assert captured.status == "requires_capture"
        assert captured.amount_received == count * part
        assert captured.amount_capturable == payment.amount - count * part
    captured = intents.capture(payment.id, {"amount_to_capture": 1})
    assert captured.status == "succeeded"
    assert captured.amount_received == 2 * part + 1
    rest = payment.amount - 2 * part - 1
    eventually(lambda: sums(demo, payment) == (0, 2 * part + 1, rest))
    given = demo.client.v1.refunds.create({"payment_intent": payment.id})
    assert given.amount == 2 * part + 1


def test_canceling_after_a_capture_keeps_what_was_captured(demo: Demo) -> None:
    payment = held(demo, "request_multicapture")
    intents = demo.client.v1.payment_intents
    intents.capture(payment.id, {"amount_to_capture": 100, "final_capture": False})
    canceled = intents.cancel(payment.id)
    assert canceled.status == "succeeded"
    assert canceled.amount_received == 100
    eventually(lambda: sums(demo, payment) == (0, 100, payment.amount - 100))


def test_a_hold_is_raised_and_captured(demo: Demo) -> None:
    payment = held(demo, "request_incremental_authorization")
    intents = demo.client.v1.payment_intents
    total = payment.amount + 700
    raised = intents.increment_authorization(
        payment.id, {"amount": total, "expand": ["latest_charge"]}
    )
    assert raised.status == "requires_capture"
    assert (raised.amount, raised.amount_capturable) == (total, total)
    assert raised.latest_charge.amount == total
    assert sums(demo, payment) == (total, 0, 0)
    captured = intents.capture(payment.id, {"amount_to_capture": total - 50})
    assert captured.status == "succeeded"
    assert captured.amount_received == total - 50
    eventually(lambda: sums(demo, payment) == (0, total - 50, 50))


def test_a_raised_hold_is_given_back_whole(demo: Demo) -> None:
    payment = held(demo, "request_incremental_authorization")
    intents = demo.client.v1.payment_intents
    intents.increment_authorization(payment.id, {"amount": payment.amount + 700})
    assert intents.cancel(payment.id).status == "canceled"
    eventually(lambda: sums(demo, payment) == (0, 0, payment.amount + 700))


def test_a_raise_that_is_declined_changes_nothing(own_demo: Demo) -> None:
    demo = own_demo
    payment = held(demo, "request_incremental_authorization")
    demo.control("decline 51 count 1")
    with pytest.raises(stripe.CardError) as caught:
        demo.client.v1.payment_intents.increment_authorization(
            payment.id, {"amount": payment.amount + 700}
        )
    assert caught.value.http_status == 402
    assert caught.value.code == "card_declined"
    assert caught.value.error.decline_code == "insufficient_funds"
    same = demo.client.v1.payment_intents.retrieve(payment.id)
    assert same.status == "requires_capture"
    assert (same.amount, same.amount_capturable) == (payment.amount, payment.amount)
    assert demo.client.v1.payment_intents.capture(payment.id).amount_received == payment.amount
    demo.assert_reconciled()


def test_a_raise_without_an_answer_is_given_back(own_demo: Demo) -> None:
    demo = own_demo
    payment = held(demo, "request_incremental_authorization", "request_multicapture")
    demo.control("silence authorization count 1")
    with pytest.raises(stripe.CardError) as caught:
        demo.client.v1.payment_intents.increment_authorization(
            payment.id, {"amount": payment.amount + 700}
        )
    assert caught.value.code == "processing_error"
    assert sums(demo, payment) == (payment.amount, 0, 700)
    demo.client.v1.payment_intents.capture(
        payment.id, {"amount_to_capture": 100, "final_capture": False}
    )
    demo.assert_reconciled()


def test_a_raise_has_to_be_asked_for_and_to_raise(demo: Demo) -> None:
    intents = demo.client.v1.payment_intents
    plain = held(demo)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        intents.increment_authorization(plain.id, {"amount": plain.amount + 1})
    assert caught.value.code == "payment_intent_unexpected_state"
    payment = held(demo, "request_incremental_authorization")
    with pytest.raises(stripe.InvalidRequestError) as caught:
        intents.increment_authorization(payment.id, {"amount": payment.amount})
    assert caught.value.param == "amount"
    with pytest.raises(stripe.InvalidRequestError) as caught:
        intents.increment_authorization(payment.id, {"amount": 100_000_000})
    assert caught.value.code == "amount_too_large"
    assert sums(demo, payment) == (payment.amount, 0, 0)


def test_more_than_the_hold_is_captured_where_it_was_granted(demo: Demo) -> None:
    payment = held(demo, "request_overcapture")
    intents = demo.client.v1.payment_intents
    most = payment.amount * 115 // 100
    with pytest.raises(stripe.InvalidRequestError) as caught:
        intents.capture(payment.id, {"amount_to_capture": most + 1})
    assert caught.value.code == "amount_too_large"
    captured = intents.capture(payment.id, {"amount_to_capture": most, "expand": ["latest_charge"]})
    assert captured.status == "succeeded"
    assert captured.amount_received == most
    assert captured.latest_charge.amount_captured == most
    eventually(lambda: sums(demo, payment) == (0, most, 0))


def test_a_refund_that_was_sent_cannot_be_canceled(demo: Demo) -> None:
    payment = demo.client.v1.payment_intents.create(
        {
            "amount": next_amount(),
            "currency": "usd",
            "payment_method": "pm_card_visa",
            "confirm": True,
        }
    )
    given = demo.client.v1.refunds.create({"payment_intent": payment.id})
    with pytest.raises(stripe.InvalidRequestError) as caught:
        demo.client.v1.refunds.cancel(given.id)
    assert caught.value.http_status == 400
    assert demo.client.v1.refunds.retrieve(given.id).status == "succeeded"
    with pytest.raises(stripe.InvalidRequestError) as caught:
        demo.client.v1.refunds.cancel(given.id[:-1] + "9")
    assert caught.value.http_status == 404


def test_a_refund_that_waits_behind_a_capture_can_be_canceled(own_demo: Demo) -> None:
    demo = own_demo
    payment = held(demo)
    demo.control("silence advice")
    assert demo.client.v1.payment_intents.capture(payment.id).status == "succeeded"
    waiting = demo.client.v1.refunds.create({"payment_intent": payment.id, "amount": 100})
    assert waiting.status == "pending"
    canceled = demo.client.v1.refunds.cancel(waiting.id)
    assert (canceled.id, canceled.status) == (waiting.id, "canceled")
    assert canceled.balance_transaction is None
    demo.control("reset")
    demo.assert_reconciled()
    assert demo.client.v1.refunds.retrieve(waiting.id).status == "canceled"
    charge = demo.client.v1.charges.retrieve(payment.latest_charge.id)
    assert (charge.amount_refunded, charge.refunded) == (0, False)
    assert demo.journal.movement(payment.amount)["refunded_amount"] == 0

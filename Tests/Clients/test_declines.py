"""What the issuer refuses, through the SDK."""

import pytest
import stripe

from support import cards
from support.amounts import next_amount
from support.demo import Demo


@pytest.mark.parametrize("token,number,code,decline_code", cards.DECLINES)
def test_a_declined_payment_says_why_and_can_be_paid_with_another_card(
    demo: Demo, token: str, number: str, code: str, decline_code: str
) -> None:
    amount = next_amount()
    with pytest.raises(stripe.CardError) as caught:
        demo.client.v1.payment_intents.create(
            {"amount": amount, "currency": "usd", "payment_method": token, "confirm": True}
        )
    error = caught.value.error
    assert caught.value.http_status == 402
    assert caught.value.code == code
    assert error.type == "card_error"
    assert error.decline_code == decline_code
    assert error.message
    assert error.charge.startswith("ch_")
    assert error.payment_method.card.last4 == number[-4:]

    payment = error.payment_intent
    assert payment.status == "requires_payment_method"
    assert payment.amount_received == 0
    assert payment.latest_charge == error.charge
    assert payment.last_payment_error.code == code
    assert payment.last_payment_error.decline_code == decline_code
    assert payment.last_payment_error.payment_method.id == error.payment_method.id
    found = demo.client.v1.payment_intents.retrieve(payment.id)
    assert found.to_dict() == payment.to_dict()
    charge = demo.client.v1.charges.retrieve(error.charge)
    assert (charge.status, charge.paid, charge.captured) == ("failed", False, False)
    assert charge.failure_code == code
    assert charge.outcome.type == "issuer_declined"
    assert [row["state"] for row in demo.journal.movements(amount)] == ["declined"]

    confirmed = demo.client.v1.payment_intents.confirm(
        payment.id, {"payment_method": "pm_card_visa"}
    )
    assert confirmed.status == "succeeded"
    assert confirmed.last_payment_error is None
    assert confirmed.latest_charge != error.charge
    assert [row["state"] for row in demo.journal.movements(amount)] == ["declined", "captured"]


def test_a_raw_number_declines_as_its_token_does(demo: Demo) -> None:
    with pytest.raises(stripe.CardError) as caught:
        demo.client.v1.payment_intents.create(
            {
                "amount": next_amount(),
                "currency": "usd",
                "confirm": True,
                "payment_method_data": {"type": "card", "card": cards.card("4000000000009995")},
            }
        )
    assert caught.value.error.decline_code == "insufficient_funds"
    assert "4000000000009995" not in caught.value.http_body


def test_a_card_that_declines_can_be_stored_and_declines_when_it_is_charged(demo: Demo) -> None:
    method = demo.client.v1.payment_methods.create(
        {"type": "card", "card": cards.card("4000000000000341")}
    )
    payment = demo.client.v1.payment_intents.create(
        {"amount": next_amount(), "currency": "usd", "payment_method": method.id}
    )
    for _ in range(2):
        with pytest.raises(stripe.CardError) as caught:
            demo.client.v1.payment_intents.confirm(payment.id, {"payment_method": method.id})
        assert caught.value.code == "card_declined"
    states = [row["state"] for row in demo.journal.movements(payment.amount)]
    assert states == ["declined", "declined"]


def test_a_declined_hold_holds_nothing(demo: Demo) -> None:
    amount = next_amount()
    with pytest.raises(stripe.CardError) as caught:
        demo.client.v1.payment_intents.create(
            {
                "amount": amount,
                "currency": "usd",
                "payment_method": "pm_card_visa_chargeDeclined",
                "capture_method": "manual",
                "confirm": True,
            }
        )
    payment = caught.value.error.payment_intent
    assert payment.status == "requires_payment_method"
    assert payment.amount_capturable == 0
    canceled = demo.client.v1.payment_intents.cancel(payment.id)
    assert canceled.status == "canceled"

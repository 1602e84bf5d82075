"""One payment and everything that can be done to it, through the SDK."""

import time

import pytest
import stripe

from support import cards
from support.amounts import next_amount
from support.demo import Demo
from support.waiting import eventually


def create(demo: Demo, **parameters: object) -> stripe.PaymentIntent:
    return demo.client.v1.payment_intents.create(
        {"amount": next_amount(), "currency": "usd", **parameters}
    )


def held(demo: Demo, **parameters: object) -> stripe.PaymentIntent:
    return create(
        demo, payment_method="pm_card_visa", capture_method="manual", confirm=True, **parameters
    )


def paid(demo: Demo, **parameters: object) -> stripe.PaymentIntent:
    return create(demo, payment_method="pm_card_visa", confirm=True, **parameters)


# Creating


def test_a_payment_without_a_card_requires_a_payment_method(demo: Demo) -> None:
    before = int(time.time())
    payment = create(demo, description="Two sunflowers", metadata={"order": "6735"})
    assert payment.id.startswith("pi_")
    assert payment.object == "payment_intent"
    assert payment.status == "requires_payment_method"
    assert payment.currency == "usd"
    assert payment.amount_received == 0
    assert payment.amount_capturable == 0
    assert payment.capture_method == "automatic"
    assert payment.description == "Two sunflowers"
    assert payment.metadata.to_dict() == {"order": "6735"}
    assert payment.client_secret.startswith(f"{payment.id}_secret_")
    assert payment.livemode is False
    assert payment.payment_method is None
    assert payment.latest_charge is None
    assert payment.last_payment_error is None
    assert payment.canceled_at is None
    assert list(payment.payment_method_types) == ["card"]
    # A second each way for the two clocks' roundings.
    assert before - 1 <= payment.created <= time.time() + 1
    assert demo.journal.movements(payment.amount) == []


def test_a_payment_with_a_card_requires_confirmation(demo: Demo) -> None:
    payment = create(demo, payment_method="pm_card_visa")
    assert payment.status == "requires_confirmation"
    assert payment.payment_method.startswith("pm_")
    assert payment.latest_charge is None
    assert demo.journal.movements(payment.amount) == []


def test_creating_and_confirming_at_once_takes_the_money(demo: Demo) -> None:
    payment = paid(demo)
    assert payment.status == "succeeded"
    assert payment.amount_received == payment.amount
    assert payment.amount_capturable == 0
    movement = demo.journal.movement(payment.amount)
    assert (movement["kind"], movement["state"]) == ("sale", "captured")
    assert movement["captured_amount"] == payment.amount
    assert movement["currency"] == "840"
    assert movement["pan_masked"] == "424242******4242"


def test_a_raw_card_is_charged_and_described_without_its_number(demo: Demo) -> None:
    payment = create(
        demo,
        confirm=True,
        payment_method_data={
            "type": "card",
            "card": cards.card(cards.MASTERCARD),
            "billing_details": {"name": "Ada Byron", "address": {"country": "gb"}},
        },
        expand=["payment_method", "latest_charge"],
    )
    assert payment.status == "succeeded"
    assert cards.MASTERCARD not in payment.last_response.body
    method = payment.payment_method
    assert method.card.brand == "mastercard"
    assert method.card.last4 == "4444"
    assert (method.card.exp_month, method.card.exp_year) == (12, 2034)
    assert method.billing_details.name == "Ada Byron"
    assert method.billing_details.address.country == "GB"
    assert payment.latest_charge.payment_method_details.card.checks.cvc_check == "pass"


def test_a_card_whose_code_does_not_match_is_charged_and_says_so(demo: Demo) -> None:
    payment = create(
        demo, confirm=True, payment_method="pm_card_cvcCheckFail", expand=["latest_charge"]
    )
    assert payment.status == "succeeded"
    assert payment.latest_charge.payment_method_details.card.checks.cvc_check == "fail"


@pytest.mark.parametrize(
    "currency,amount,number",
    [("eur", 50, "978"), ("jpy", 50, "392"), ("kwd", 150, "414"), ("gbp", 30, "826")],
)
def test_the_smallest_payment_of_a_currency_goes_through_in_it(
    demo: Demo, currency: str, amount: int, number: str
) -> None:
    payment = create(
        demo, amount=amount, currency=currency.upper(), payment_method="pm_card_visa", confirm=True
    )
    assert (payment.status, payment.currency) == ("succeeded", currency)
    rows = demo.journal.query(
        "SELECT state FROM transactions WHERE amount = ? AND currency = ?", amount, number
    )
    assert [row["state"] for row in rows] == ["captured"]


def test_the_largest_amount_goes_through(demo: Demo) -> None:
    payment = create(demo, amount=99_999_999, payment_method="pm_card_visa", confirm=True)
    assert payment.status == "succeeded"
    assert payment.amount_received == 99_999_999


def test_the_sdk_can_be_used_as_a_module_too(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stripe, "api_base", demo.base)
    monkeypatch.setattr(stripe, "api_key", demo.key)
    payment = stripe.PaymentIntent.create(
        amount=next_amount(), currency="usd", payment_method="pm_card_visa"
    )
    assert payment.confirm().status == "succeeded"
    assert stripe.PaymentIntent.retrieve(payment.id).status == "succeeded"
    assert stripe.Refund.create(payment_intent=payment.id).status == "succeeded"


def test_metadata_keeps_unicode_and_drops_empty_values(demo: Demo) -> None:
    metadata = {"name": "Zoë 🌻", "empty": "", "quote": 'a "b" \\ c\nd', "ключ": "значение"}
    payment = create(demo, metadata=metadata)
    del metadata["empty"]
    assert payment.metadata.to_dict() == metadata
    assert demo.client.v1.payment_intents.retrieve(payment.id).metadata.to_dict() == metadata


def test_fifty_metadata_pairs_of_full_length_are_kept(demo: Demo) -> None:
    metadata = {f"{number:02}" + "k" * 38: "v" * 500 for number in range(50)}
    assert create(demo, metadata=metadata).metadata.to_dict() == metadata


def test_descriptors_and_receipts_are_shown_on_payment_and_charge(demo: Demo) -> None:
    payment = paid(
        demo,
        description="Lamp",
        statement_descriptor="SUNNY SHOP",
        statement_descriptor_suffix="LAMP",
        receipt_email="ada@example.com",
        metadata={"order": "7"},
        expand=["latest_charge"],
    )
    assert payment.receipt_email == "ada@example.com"
    assert payment.statement_descriptor == "SUNNY SHOP"
    assert payment.statement_descriptor_suffix == "LAMP"
    assert payment.latest_charge.description == "Lamp"
    assert payment.latest_charge.metadata.to_dict() == {"order": "7"}


def test_methods_that_might_redirect_need_a_return_address(demo: Demo) -> None:
    methods = {"automatic_payment_methods": {"enabled": True}}
    with pytest.raises(stripe.InvalidRequestError) as caught:
        paid(demo, **methods)
    assert caught.value.param == "return_url"
    assert paid(demo, return_url="https://example.com/", **methods).status == "succeeded"
    methods["automatic_payment_methods"]["allow_redirects"] = "never"
    assert paid(demo, **methods).status == "succeeded"


# Confirming


def test_confirming_later_takes_the_money(demo: Demo) -> None:
    payment = create(demo, payment_method="pm_card_visa")
    confirmed = demo.client.v1.payment_intents.confirm(payment.id)
    assert confirmed.id == payment.id
    assert confirmed.status == "succeeded"
    assert demo.journal.movement(payment.amount)["state"] == "captured"


def test_a_confirmation_can_bring_the_card(demo: Demo) -> None:
    payment = create(demo)
    confirmed = demo.client.v1.payment_intents.confirm(
        payment.id, {"payment_method_data": {"type": "card", "card": cards.card()}}
    )
    assert confirmed.status == "succeeded"


def test_a_confirmation_without_a_card_is_refused(demo: Demo) -> None:
    payment = create(demo)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        demo.client.v1.payment_intents.confirm(payment.id)
    assert caught.value.http_status == 400
    assert caught.value.code == "payment_intent_unexpected_state"
    assert caught.value.error.payment_intent.id == payment.id


def test_a_payment_is_confirmed_once(demo: Demo) -> None:
    payment = paid(demo)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        demo.client.v1.payment_intents.confirm(payment.id)
    assert caught.value.code == "payment_intent_unexpected_state"
    assert caught.value.error.payment_intent.status == "succeeded"
    assert "already succeeded" in caught.value.user_message
    assert len(demo.journal.movements(payment.amount)) == 1


# Capturing


def test_a_manual_payment_is_held_until_it_is_captured(demo: Demo) -> None:
    payment = held(demo)
    assert payment.status == "requires_capture"
    assert payment.amount_capturable == payment.amount
    assert payment.amount_received == 0
    movement = demo.journal.movement(payment.amount)
    assert (movement["kind"], movement["state"]) == ("auth", "approved")
    assert movement["captured_amount"] == 0

    captured = demo.client.v1.payment_intents.capture(payment.id)
    assert captured.status == "succeeded"
    assert captured.amount_received == payment.amount
    assert captured.amount_capturable == 0
    movement = demo.journal.movement(payment.amount)
    assert (movement["state"], movement["captured_amount"]) == ("captured", payment.amount)


def test_capturing_a_part_gives_the_rest_back(demo: Demo) -> None:
    payment = held(demo)
    part = payment.amount // 3
    captured = demo.client.v1.payment_intents.capture(
        payment.id, {"amount_to_capture": part, "expand": ["latest_charge"]}
    )
    assert captured.status == "succeeded"
    assert captured.amount == payment.amount
    assert captured.amount_received == part
    assert captured.latest_charge.amount_captured == part

    def rest_is_given_back() -> bool:
        movement = demo.journal.movement(payment.amount)
        assert movement["captured_amount"] == part
        return movement["reversed_amount"] == payment.amount - part

    eventually(rest_is_given_back)


def test_more_than_the_hold_cannot_be_captured(demo: Demo) -> None:
    payment = held(demo)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        demo.client.v1.payment_intents.capture(
            payment.id, {"amount_to_capture": payment.amount + 1}
        )
    assert caught.value.code == "amount_too_large"
    assert caught.value.param == "amount_to_capture"
    assert demo.client.v1.payment_intents.retrieve(payment.id).status == "requires_capture"
    assert demo.journal.movement(payment.amount)["captured_amount"] == 0


def test_what_was_taken_at_once_cannot_be_captured(demo: Demo) -> None:
    payment = paid(demo)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        demo.client.v1.payment_intents.capture(payment.id)
    assert caught.value.code == "payment_intent_unexpected_state"
    assert caught.value.error.payment_intent.id == payment.id


def test_what_was_not_confirmed_cannot_be_captured(demo: Demo) -> None:
    payment = create(demo, capture_method="manual")
    with pytest.raises(stripe.InvalidRequestError) as caught:
        demo.client.v1.payment_intents.capture(payment.id)
    assert caught.value.code == "payment_intent_unexpected_state"
    assert "requires_payment_method" in caught.value.user_message


def test_a_capture_that_is_not_final_is_refused_by_name(demo: Demo) -> None:
    payment = held(demo)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        demo.client.v1.payment_intents.capture(
            payment.id, {"amount_to_capture": 100, "final_capture": False}
        )
    assert caught.value.param == "final_capture"
    assert demo.client.v1.payment_intents.retrieve(payment.id).amount_capturable == payment.amount


# Cancelling


@pytest.mark.parametrize("parameters", [{}, {"payment_method": "pm_card_visa"}])
def test_a_payment_that_was_not_confirmed_can_be_canceled(
    demo: Demo, parameters: dict[str, object]
) -> None:
    payment = create(demo, **parameters)
    canceled = demo.client.v1.payment_intents.cancel(
        payment.id, {"cancellation_reason": "abandoned"}
    )
    assert canceled.status == "canceled"
    assert canceled.cancellation_reason == "abandoned"
    assert canceled.canceled_at >= payment.created
    assert demo.journal.movements(payment.amount) == []


def test_canceling_a_hold_gives_all_of_it_back(demo: Demo) -> None:
    payment = held(demo)
    canceled = demo.client.v1.payment_intents.cancel(payment.id)
    assert canceled.status == "canceled"
    assert canceled.cancellation_reason is None
    assert canceled.amount_capturable == 0

    def is_reversed() -> bool:
        movement = demo.journal.movement(payment.amount)
        return movement["state"] == "reversed" and movement["reversed_amount"] == payment.amount

    eventually(is_reversed)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        demo.client.v1.payment_intents.capture(payment.id)
    assert caught.value.code == "payment_intent_unexpected_state"


def test_what_succeeded_cannot_be_canceled(demo: Demo) -> None:
    payment = paid(demo)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        demo.client.v1.payment_intents.cancel(payment.id)
    assert caught.value.code == "payment_intent_unexpected_state"
    assert caught.value.error.payment_intent.status == "succeeded"
    assert demo.journal.movement(payment.amount)["state"] == "captured"


def test_what_was_canceled_stays_canceled(demo: Demo) -> None:
    payment = create(demo, payment_method="pm_card_visa")
    demo.client.v1.payment_intents.cancel(payment.id)
    for operation in (
        demo.client.v1.payment_intents.cancel,
        demo.client.v1.payment_intents.confirm,
        demo.client.v1.payment_intents.capture,
    ):
        with pytest.raises(stripe.InvalidRequestError) as caught:
            operation(payment.id)
        assert caught.value.code == "payment_intent_unexpected_state"
        assert caught.value.error.payment_intent.status == "canceled"
    assert demo.journal.movements(payment.amount) == []


# Retrieving


def test_retrieving_gives_what_the_last_operation_gave(demo: Demo) -> None:
    for payment in (create(demo), held(demo), paid(demo)):
        assert demo.client.v1.payment_intents.retrieve(payment.id).to_dict() == payment.to_dict()


def test_a_client_secret_must_be_the_payments_own(demo: Demo) -> None:
    payment = create(demo)
    found = demo.client.v1.payment_intents.retrieve(
        payment.id, {"client_secret": payment.client_secret}
    )
    assert found.id == payment.id
    with pytest.raises(stripe.InvalidRequestError) as caught:
        demo.client.v1.payment_intents.retrieve(
            payment.id, {"client_secret": f"{payment.id}_secret_x"}
        )
    assert caught.value.param == "client_secret"


@pytest.mark.parametrize(
    "name", ["pi_", "pi_x", "pi_00000000000000000", "ch_00000000000000000", "x" * 300, "日本"]
)
def test_a_payment_that_does_not_exist_is_not_found(demo: Demo, name: str) -> None:
    service = demo.client.v1.payment_intents
    for operation in (service.retrieve, service.confirm, service.capture, service.cancel):
        with pytest.raises(stripe.InvalidRequestError) as caught:
            operation(name)
        assert caught.value.http_status == 404
        assert caught.value.code == "resource_missing"
        assert caught.value.param == "intent"
        assert caught.value.user_message.startswith("No such payment_intent: '")


# Charges and what can be expanded


def test_a_charge_tells_how_the_money_came(demo: Demo) -> None:
    payment = paid(demo)
    charge = demo.client.v1.charges.retrieve(
        payment.latest_charge, {"expand": ["balance_transaction", "payment_intent"]}
    )
    assert charge.object == "charge"
    assert charge.payment_intent.id == payment.id
    assert (charge.status, charge.paid, charge.captured) == ("succeeded", True, True)
    assert (charge.amount, charge.amount_captured) == (payment.amount, payment.amount)
    assert (charge.amount_refunded, charge.refunded) == (0, False)
    assert charge.outcome.network_status == "approved_by_network"
    assert charge.payment_method == payment.payment_method
    assert charge.payment_method_details.card.last4 == "4242"
    movement = demo.journal.movement(payment.amount)
    assert charge.payment_method_details.card.authorization_code == movement["approval_code"]
    entry = charge.balance_transaction
    assert entry.object == "balance_transaction"
    assert entry.amount == payment.amount
    assert entry.net == entry.amount - entry.fee
    assert entry.fee == sum(detail.amount for detail in entry.fee_details)
    assert entry.source == charge.id


def test_a_hold_is_a_charge_that_is_not_captured(demo: Demo) -> None:
    charge = demo.client.v1.charges.retrieve(held(demo).latest_charge)
    assert (charge.status, charge.paid, charge.captured) == ("succeeded", True, False)
    assert charge.amount_captured == 0
    assert charge.balance_transaction is None


def test_a_charge_that_does_not_exist_is_not_found(demo: Demo) -> None:
    payment = paid(demo)
    for name in ("ch_x", payment.id, payment.latest_charge[:-1] + "9"):
        with pytest.raises(stripe.InvalidRequestError) as caught:
            demo.client.v1.charges.retrieve(name)
        assert caught.value.http_status == 404
        assert caught.value.code == "resource_missing"


def test_references_expand_up_to_four_levels(demo: Demo) -> None:
    payment = paid(
        demo,
        expand=["payment_method", "latest_charge.balance_transaction.source.payment_intent"],
    )
    assert payment.payment_method.card.last4 == "4242"
    source = payment.latest_charge.balance_transaction.source
    assert source.payment_intent.id == payment.id
    assert source.payment_intent.latest_charge == payment.latest_charge.id


@pytest.mark.parametrize(
    "path",
    [
        "amount",
        "nonsense",
        "latest_charge.nonsense",
        "data.latest_charge",
        "",
        ".",
        "latest_charge.payment_intent.latest_charge.payment_intent.latest_charge",
    ],
)
def test_what_is_no_reference_cannot_be_expanded(demo: Demo, path: str) -> None:
    payment = create(demo)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        demo.client.v1.payment_intents.retrieve(payment.id, {"expand": [path]})
    assert caught.value.http_status == 400
    assert caught.value.param == "expand"


# What every answer has


def test_every_answer_names_its_request_and_the_version(demo: Demo) -> None:
    first = create(demo)
    second = demo.client.v1.payment_intents.retrieve(first.id)
    ids = {first.last_response.request_id, second.last_response.request_id}
    assert len(ids) == 2
    assert all(name.startswith("req_") for name in ids)
    assert first.last_response.headers["Stripe-Version"] == stripe.api_version
    with pytest.raises(stripe.InvalidRequestError) as caught:
        demo.client.v1.payment_intents.retrieve("pi_x")
    assert caught.value.request_id.startswith("req_")

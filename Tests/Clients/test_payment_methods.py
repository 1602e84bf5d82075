"""Cards and the tokens that stand for them, through the SDK."""

import pytest
import stripe

from support import cards
from support.amounts import next_amount
from support.demo import Demo


def create(demo: Demo, **changes: object) -> stripe.PaymentMethod:
    return demo.client.v1.payment_methods.create({"type": "card", "card": cards.card(**changes)})


def pay(demo: Demo, method: str) -> stripe.PaymentIntent:
    return demo.client.v1.payment_intents.create(
        {
            "amount": next_amount(),
            "currency": "usd",
            "payment_method": method,
            "confirm": True,
            "expand": ["latest_charge"],
        }
    )


@pytest.mark.parametrize("brand,number", cards.BRANDS.items())
def test_a_card_of_every_brand_is_kept_without_its_number(
    demo: Demo, brand: str, number: str
) -> None:
    method = create(demo, number=number)
    assert method.id.startswith("pm_")
    assert (method.object, method.type) == ("payment_method", "card")
    assert method.card.brand == brand
    assert method.card.last4 == number[-4:]
    assert (method.card.exp_month, method.card.exp_year) == (12, 2034)
    assert method.customer is None
    assert number not in method.last_response.body
    assert demo.client.v1.payment_methods.retrieve(method.id).to_dict() == method.to_dict()


def test_the_same_number_has_the_same_fingerprint_and_another_has_another(demo: Demo) -> None:
    first, second = create(demo), create(demo, exp_year=2035)
    other = create(demo, number=cards.MASTERCARD)
    assert first.id != second.id
    assert first.card.fingerprint == second.card.fingerprint
    assert first.card.fingerprint != other.card.fingerprint
    assert cards.VISA[-8:] not in first.card.fingerprint


def test_a_number_may_be_written_in_groups_and_a_year_in_two_digits(demo: Demo) -> None:
    method = create(demo, number="4242 4242-4242 4242", exp_month=1, exp_year=34)
    assert method.card.last4 == "4242"
    assert (method.card.exp_month, method.card.exp_year) == (1, 2034)


@pytest.mark.parametrize("token,facts", cards.TOKENS.items())
def test_every_token_pays_with_its_card(demo: Demo, token: str, facts: tuple[str, str]) -> None:
    payment = pay(demo, token)
    assert payment.status == "succeeded"
    card = payment.latest_charge.payment_method_details.card
    assert (card.brand, card.last4) == facts


def test_a_stored_card_pays_again_and_again(demo: Demo) -> None:
    method = create(demo)
    first, second = pay(demo, method.id), pay(demo, method.id)
    assert (first.status, second.status) == ("succeeded", "succeeded")
    assert first.payment_method == second.payment_method == method.id
    # The code was wiped with the first outcome, and is not kept for the second.
    checks = [
        payment.latest_charge.payment_method_details.card.checks.cvc_check
        for payment in (first, second)
    ]
    assert checks == ["pass", "unavailable"]


def test_a_card_without_a_code_pays_and_has_no_check(demo: Demo) -> None:
    card = cards.card()
    del card["cvc"]
    method = demo.client.v1.payment_methods.create({"type": "card", "card": card})
    payment = pay(demo, method.id)
    assert payment.status == "succeeded"
    assert payment.latest_charge.payment_method_details.card.checks.cvc_check is None


def test_billing_details_and_metadata_are_kept(demo: Demo) -> None:
    address = {
        "line1": "1 Sun St",
        "line2": "Top",
        "city": "Zürich",
        "state": "ZH",
        "postal_code": "8001",
        "country": "CH",
    }
    method = demo.client.v1.payment_methods.create(
        {
            "type": "card",
            "card": cards.card(),
            "billing_details": {
                "name": "Ada",
                "email": "ada@example.com",
                "phone": "+41 44 000 00 00",
                "address": address,
            },
            "metadata": {"a": "b"},
        }
    )
    assert method.billing_details.name == "Ada"
    assert method.billing_details.email == "ada@example.com"
    assert method.billing_details.phone == "+41 44 000 00 00"
    assert method.billing_details.address.to_dict() == address
    assert method.metadata.to_dict() == {"a": "b"}


@pytest.mark.parametrize(
    "changes,code,param",
    [
        ({"number": "4242424242424241"}, "incorrect_number", "number"),
        ({"number": "4242"}, "invalid_number", "number"),
        ({"number": "4242x24242424242"}, "invalid_number", "number"),
        ({"number": "42424242424242424242"}, "invalid_number", "number"),
        ({"exp_month": 13}, "invalid_expiry_month", "exp_month"),
        ({"exp_month": 0}, "invalid_expiry_month", "exp_month"),
        ({"exp_year": 2001}, "invalid_expiry_year", "exp_year"),
        ({"exp_year": 2999}, "invalid_expiry_year", "exp_year"),
        ({"exp_year": -1}, "invalid_expiry_year", "exp_year"),
        ({"cvc": "12"}, "invalid_cvc", "cvc"),
        ({"cvc": "12345"}, "invalid_cvc", "cvc"),
        ({"cvc": "abc"}, "invalid_cvc", "cvc"),
        ({"number": cards.AMEX, "cvc": "123"}, "invalid_cvc", "cvc"),
    ],
)
def test_a_card_that_cannot_be_one_is_refused(
    demo: Demo, changes: dict[str, object], code: str, param: str
) -> None:
    with pytest.raises(stripe.CardError) as caught:
        create(demo, **changes)
    assert caught.value.http_status == 402
    assert caught.value.code == code
    assert caught.value.param == param
    assert str(changes.get("number", cards.VISA)) not in caught.value.http_body


def test_a_real_card_is_refused_in_test_mode(demo: Demo) -> None:
    with pytest.raises(stripe.CardError) as caught:
        create(demo, number=cards.REAL_LOOKING)
    assert caught.value.code == "card_declined"
    assert caught.value.error.decline_code == "test_mode_live_card"
    assert cards.REAL_LOOKING not in caught.value.http_body


@pytest.mark.parametrize("name", ["number", "exp_month", "exp_year"])
def test_a_card_with_a_part_missing_is_refused(demo: Demo, name: str) -> None:
    card = cards.card()
    del card[name]
    with pytest.raises(stripe.InvalidRequestError) as caught:
        demo.client.v1.payment_methods.create({"type": "card", "card": card})
    assert caught.value.code == "parameter_missing"
    assert caught.value.param == f"card[{name}]"


def test_other_kinds_of_method_are_refused_by_name(demo: Demo) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        demo.client.v1.payment_methods.create({"type": "sepa_debit"})
    assert caught.value.param == "type"


@pytest.mark.parametrize("name", ["pm_x", "pm_00000000000000000", "pm_card_visa", "pi_x"])
def test_a_method_that_does_not_exist_is_not_found(demo: Demo, name: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        demo.client.v1.payment_methods.retrieve(name)
    assert caught.value.http_status == 404
    assert caught.value.code == "resource_missing"


@pytest.mark.parametrize("name", ["pm_x", "pm_00000000000000000", "pm_card_nonsense", "tok_visa"])
def test_a_payment_with_a_method_that_does_not_exist_is_refused(demo: Demo, name: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        pay(demo, name)
    assert caught.value.http_status == 400
    assert caught.value.code == "resource_missing"
    assert caught.value.param == "payment_method"


def test_a_payment_takes_one_method_only(demo: Demo) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        demo.client.v1.payment_intents.create(
            {
                "amount": next_amount(),
                "currency": "usd",
                "payment_method": "pm_card_visa",
                "payment_method_data": {"type": "card", "card": cards.card()},
            }
        )
    assert caught.value.param == "payment_method_data"

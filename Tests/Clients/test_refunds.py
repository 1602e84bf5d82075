"""Paying back, through the SDK."""

import pytest
import stripe

from support.amounts import next_amount
from support.demo import Demo


def paid(demo: Demo, **parameters: object) -> stripe.PaymentIntent:
    return demo.client.v1.payment_intents.create(
        {
            "amount": next_amount(),
            "currency": "usd",
            "payment_method": "pm_card_visa",
            "confirm": True,
            **parameters,
        }
    )


def refund(demo: Demo, payment: stripe.PaymentIntent, **parameters: object) -> stripe.Refund:
    return demo.client.v1.refunds.create({"payment_intent": payment.id, **parameters})


def refunded_amounts(demo: Demo, payment: stripe.PaymentIntent) -> list[int]:
    """What the acquirer gave back, refund by refund."""
    movement = demo.journal.movement(payment.amount)
    rows = demo.journal.refunds(movement["id"])
    given = [row["amount"] for row in rows if row["state"] == "captured"]
    assert movement["refunded_amount"] == sum(given)
    return given


def test_a_refund_gives_everything_back(demo: Demo) -> None:
    payment = paid(demo)
    given = refund(demo, payment, reason="requested_by_customer", metadata={"case": "12"})
    assert given.object == "refund"
    assert given.id.startswith("re_")
    assert given.status == "succeeded"
    assert given.amount == payment.amount
    assert given.currency == "usd"
    assert given.charge == payment.latest_charge
    assert given.payment_intent == payment.id
    assert given.reason == "requested_by_customer"
    assert given.metadata.to_dict() == {"case": "12"}
    assert refunded_amounts(demo, payment) == [payment.amount]
    assert demo.client.v1.refunds.retrieve(given.id).to_dict() == given.to_dict()
    charge = demo.client.v1.charges.retrieve(payment.latest_charge)
    assert (charge.refunded, charge.amount_refunded) == (True, payment.amount)
    assert demo.client.v1.payment_intents.retrieve(payment.id).status == "succeeded"


def test_a_refund_has_its_entry_in_the_books(demo: Demo) -> None:
    payment = paid(demo)
    given = refund(demo, payment, amount=700, expand=["balance_transaction", "charge"])
    entry = given.balance_transaction
    assert entry.type == "refund"
    assert entry.amount == -700
    assert entry.net == entry.amount - entry.fee
    assert entry.source == given.id
    assert given.charge.amount_refunded == 700
    assert given.charge.refunded is False


def test_parts_can_be_refunded_until_nothing_is_left(demo: Demo) -> None:
    payment = paid(demo)
    first, second = 5_000, 7_000
    assert refund(demo, payment, amount=first).amount == first
    assert refund(demo, payment, amount=second).amount == second
    # Without an amount, what is left.
    assert refund(demo, payment).amount == payment.amount - first - second
    assert sum(refunded_amounts(demo, payment)) == payment.amount
    with pytest.raises(stripe.InvalidRequestError) as caught:
        refund(demo, payment, amount=1)
    assert caught.value.code == "charge_already_refunded"
    assert payment.latest_charge in caught.value.user_message
    assert sum(refunded_amounts(demo, payment)) == payment.amount


def test_more_than_was_paid_is_not_refunded(demo: Demo) -> None:
    payment = paid(demo)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        refund(demo, payment, amount=payment.amount + 1)
    assert caught.value.http_status == 400
    assert caught.value.param == "amount"
    assert "is greater than unrefunded amount on charge" in caught.value.user_message
    assert refunded_amounts(demo, payment) == []


def test_two_refunds_together_do_not_exceed_the_payment(demo: Demo) -> None:
    payment = paid(demo)
    part = payment.amount * 6 // 10
    refund(demo, payment, amount=part)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        refund(demo, payment, amount=part)
    assert caught.value.param == "amount"
    assert refunded_amounts(demo, payment) == [part]


def test_a_charge_can_be_named_in_place_of_the_payment(demo: Demo) -> None:
    payment = paid(demo)
    given = demo.client.v1.refunds.create({"charge": payment.latest_charge, "amount": 300})
    assert given.payment_intent == payment.id
    assert refunded_amounts(demo, payment) == [300]


def test_payment_and_charge_must_belong_together(demo: Demo) -> None:
    first, second = paid(demo), paid(demo)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        refund(demo, first, charge=second.latest_charge)
    assert caught.value.param == "charge"
    assert refunded_amounts(demo, first) == refunded_amounts(demo, second) == []


def test_no_more_than_what_was_captured_is_refunded(demo: Demo) -> None:
    payment = paid(demo, capture_method="manual")
    demo.client.v1.payment_intents.capture(payment.id, {"amount_to_capture": 8_000})
    with pytest.raises(stripe.InvalidRequestError) as caught:
        refund(demo, payment, amount=8_001)
    assert caught.value.param == "amount"
    assert refund(demo, payment).amount == 8_000
    assert refunded_amounts(demo, payment) == [8_000]


def test_a_hold_is_canceled_and_not_refunded(demo: Demo) -> None:
    payment = paid(demo, capture_method="manual")
    with pytest.raises(stripe.InvalidRequestError) as caught:
        refund(demo, payment)
    assert caught.value.http_status == 400
    assert "requires_capture" in caught.value.user_message
    assert refunded_amounts(demo, payment) == []


def test_what_was_not_paid_is_not_refunded(demo: Demo) -> None:
    payment = paid(demo, confirm=False)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        refund(demo, payment)
    assert caught.value.http_status == 400


@pytest.mark.parametrize("amount", [0, -1, "1.5", "1e3", "", "9223372036854775808"])
def test_an_amount_that_is_none_is_refused(demo: Demo, amount: object) -> None:
    payment = paid(demo)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        refund(demo, payment, amount=amount)
    assert caught.value.http_status == 400
    assert caught.value.param == "amount"
    assert refunded_amounts(demo, payment) == []


def test_an_unknown_reason_is_refused(demo: Demo) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        refund(demo, paid(demo), reason="because")
    assert caught.value.param == "reason"


@pytest.mark.parametrize(
    "parameters",
    [
        {"payment_intent": "pi_00000000000000000"},
        {"payment_intent": "nonsense"},
        {"charge": "ch_000000000000000000"},
        {"charge": "pi_00000000000000000"},
    ],
)
def test_what_does_not_exist_is_not_refunded(demo: Demo, parameters: dict[str, str]) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        demo.client.v1.refunds.create(parameters)
    assert caught.value.http_status == 404
    assert caught.value.code == "resource_missing"
    assert caught.value.param in parameters


def test_a_refund_of_nothing_is_refused(demo: Demo) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        demo.client.v1.refunds.create({})
    assert caught.value.http_status == 400


def test_a_refund_that_does_not_exist_is_not_found(demo: Demo) -> None:
    given = refund(demo, paid(demo))
    for name in ("re_x", given.id[:-1] + "9", given.charge):
        with pytest.raises(stripe.InvalidRequestError) as caught:
            demo.client.v1.refunds.retrieve(name)
        assert caught.value.http_status == 404
        assert caught.value.code == "resource_missing"


def test_the_refunds_of_a_payment_are_listed_newest_first(demo: Demo) -> None:
    payment = paid(demo)
    ids = [refund(demo, payment, amount=100).id for _ in range(7)]
    newest_first = ids[::-1]
    service = demo.client.v1.refunds

    whole = service.list({"payment_intent": payment.id})
    assert [item.id for item in whole.data] == newest_first
    assert whole.has_more is False

    page = service.list({"charge": payment.latest_charge, "limit": 3})
    assert [item.id for item in page.data] == newest_first[:3]
    assert page.has_more is True
    paged = [item.id for item in page.auto_paging_iter()]
    assert paged == newest_first

    page = service.list(
        {"payment_intent": payment.id, "limit": 2, "ending_before": newest_first[4]}
    )
    assert [item.id for item in page.data] == newest_first[2:4]
    assert page.has_more is True

    page = service.list({"payment_intent": payment.id, "expand": ["data.charge"]})
    assert page.data[0].charge.id == payment.latest_charge
    charge = demo.client.v1.charges.retrieve(payment.latest_charge, {"expand": ["refunds"]})
    assert [item.id for item in charge.refunds.data] == newest_first


def test_refunds_are_listed_for_one_payment_at_a_time(demo: Demo) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        demo.client.v1.refunds.list()
    assert caught.value.http_status == 400

"""How far refunds may take a merchant's balance below zero, through the SDK.

The node of these tests charges 2.9 % and 30 for a payment, and keeps them when it is paid back.
"""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
import stripe

from support.amounts import next_amount
from support.node import OTHER_SHOP_KEY, Gateway, running_gateway

LIMIT = 500
# They go on with the merchant that the configuration has last.
CONFIGURATION = f"    negative_balance_limit: {{usd: {LIMIT}}}\n"


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    with running_gateway(tmp_path, CONFIGURATION) as gateway:
        yield gateway


class Shop:
    """The merchant with the limit, and what its balance has to be."""

    def __init__(self, gateway: Gateway):
        self.gateway = gateway
        self.balance = 0

    @property
    def client(self) -> stripe.StripeClient:
        return self.gateway.client_of(OTHER_SHOP_KEY)

    def pay(self, currency: str = "usd") -> stripe.PaymentIntent:
        payment = self.client.v1.payment_intents.create(
            {
                "amount": next_amount(),
                "currency": currency,
                "payment_method": "pm_card_visa",
                "confirm": True,
            }
        )
        assert payment.status == "succeeded"
        if currency == "usd":
            charge = self.client.v1.charges.retrieve(
                payment.latest_charge, {"expand": ["balance_transaction"]}
            )
            self.balance += charge.balance_transaction.net
        return payment

    def refund(
        self, payment: stripe.PaymentIntent, key: str | None = None, **parameters: object
    ) -> stripe.Refund:
        return self.client.v1.refunds.create(
            {"payment_intent": payment.id, **parameters},
            {"idempotency_key": key or f"test-{uuid.uuid4()}"},
        )

    def refund_in_balance(self, payment: stripe.PaymentIntent, amount: int) -> None:
        assert self.refund(payment, amount=amount).amount == amount
        self.balance -= amount

    def assert_refused(
        self, payment: stripe.PaymentIntent, key: str | None = None, **parameters: object
    ) -> stripe.InvalidRequestError:
        before = self.state(payment)
        with pytest.raises(stripe.InvalidRequestError) as caught:
            self.refund(payment, key, **parameters)
        assert caught.value.http_status == 400
        assert caught.value.code == "balance_insufficient"
        assert caught.value.error.type == "invalid_request_error"
        assert self.state(payment) == before
        return caught.value

    def state(self, payment: stripe.PaymentIntent) -> tuple[object, ...]:
        """All that a refund changes, here and at the acquirer."""
        charge = self.client.v1.charges.retrieve(payment.latest_charge)
        refunds = self.client.v1.refunds.list({"payment_intent": payment.id})
        advices = [message for message in self.gateway.host.received if message["t"] == "0220"]
        return charge.to_dict(), refunds.to_dict(), len(advices)


def test_a_refund_beyond_the_limit_is_refused_and_changes_nothing(gateway: Gateway) -> None:
    shop = Shop(gateway)
    first, second = shop.pay(), shop.pay()
    # All that may be: what both left, and the limit.
    shop.refund_in_balance(first, first.amount)
    left = shop.balance + LIMIT
    assert 0 < left <= second.amount
    error = shop.assert_refused(second, amount=left + 1)
    assert f"${left // 100}.{left % 100:02} can be refunded now" in error.user_message
    assert "new idempotency key" in error.user_message
    shop.refund_in_balance(second, left)
    assert shop.balance == -LIMIT
    shop.assert_refused(second, amount=1)
    shop.assert_refused(second)
    # Another payment raises the balance again.
    third = shop.pay()
    shop.refund_in_balance(third, shop.balance + LIMIT)
    assert shop.balance == -LIMIT


def test_a_refusal_stays_under_its_key_and_passes_under_another(gateway: Gateway) -> None:
    shop = Shop(gateway)
    payment = shop.pay()
    fee = payment.amount - shop.balance
    shop.refund_in_balance(payment, shop.balance + LIMIT - 1)
    other = shop.pay()
    shop.refund_in_balance(other, shop.balance + LIMIT - 1)
    assert fee > 2
    key = f"test-{uuid.uuid4()}"
    first = shop.assert_refused(other, key, amount=2)
    shop.pay()
    again = shop.assert_refused(other, key, amount=2)
    assert again.http_body == first.http_body
    shop.refund_in_balance(other, 2)


def test_a_refund_counts_before_the_acquirer_has_heard_of_it(gateway: Gateway) -> None:
    shop = Shop(gateway)
    first, second = shop.pay(), shop.pay()
    for kind in ["0220"] + 3 * ["0221"]:
        gateway.host.twist(kind, lambda _, answer: None)
    given = shop.refund(first, amount=first.amount)
    assert given.status == "pending"
    shop.balance -= first.amount
    shop.assert_refused(second, amount=shop.balance + LIMIT + 1)
    shop.refund_in_balance(second, shop.balance + LIMIT)


def test_refunds_at_once_together_stay_within_the_limit(gateway: Gateway) -> None:
    shop = Shop(gateway)
    payments = [shop.pay() for _ in range(12)]
    for payment in payments[:6]:
        shop.refund_in_balance(payment, payment.amount)
    # What is left does for five of the others: their own six less all fees and the limit.
    rest = payments[6:]
    assert sum(payment.amount for payment in rest) > shop.balance + LIMIT
    barrier = Barrier(len(rest))

    def refund(payment: stripe.PaymentIntent) -> int | str:
        barrier.wait(30)
        try:
            return shop.refund(payment).amount
        except stripe.InvalidRequestError as error:
            return error.code

    with ThreadPoolExecutor(len(rest)) as threads:
        results = list(threads.map(refund, rest))
    given = [result for result in results if isinstance(result, int)]
    refused = [
        payment
        for payment, result in zip(rest, results, strict=True)
        if result == "balance_insufficient"
    ]
    assert len(given) == 5 and len(refused) == 1
    shop.balance -= sum(given)
    assert shop.balance >= -LIMIT
    # It was refused for what the others took, and not for more.
    assert refused[0].amount > shop.balance + LIMIT
    assert shop.client.v1.refunds.list({"payment_intent": refused[0].id}).data == []
    shop.refund_in_balance(refused[0], shop.balance + LIMIT)


def test_a_node_that_starts_again_knows_what_was_refunded(gateway: Gateway) -> None:
    shop = Shop(gateway)
    payment, other = shop.pay(), shop.pay()
    shop.refund_in_balance(payment, payment.amount)
    shop.refund_in_balance(other, shop.balance + LIMIT)
    gateway.restart()
    shop.assert_refused(other, amount=1)
    third = shop.pay()
    shop.refund_in_balance(third, shop.balance + LIMIT)
    shop.assert_refused(third, amount=1)


def test_currencies_have_balances_of_their_own(gateway: Gateway) -> None:
    shop = Shop(gateway)
    shop.pay()
    euros = shop.pay("eur")
    # The limit is for dollars; in euros it is zero, and the fee is kept.
    shop.assert_refused(euros)
    fee = (euros.amount * 290 + 5_000) // 10_000 + 30
    assert shop.refund(euros, amount=euros.amount - fee - 1).amount == euros.amount - fee - 1


def test_without_a_limit_every_refund_is_taken(gateway: Gateway) -> None:
    payments = [gateway.pay() for _ in range(3)]
    for payment in payments:
        given = gateway.client.v1.refunds.create({"payment_intent": payment.id})
        assert given.amount == payment.amount

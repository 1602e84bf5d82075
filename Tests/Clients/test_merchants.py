"""Merchants and modes beside each other on one node: none sees or moves what is another's."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import stripe

from support import cards
from support.amounts import next_amount
from support.demo import run
from support.node import (
    LIVE_KEY,
    OTHER_SHOP_KEY,
    SHOP_KEY,
    Gateway,
    running_gateway,
    write_configuration,
)

PAYMENTS = "/v1/payment_intents"


@pytest.fixture(scope="module")
def gateway(module_path: Path) -> Iterator[Gateway]:
    with running_gateway(module_path) as gateway:
        yield gateway


@pytest.mark.parametrize("key", [OTHER_SHOP_KEY, LIVE_KEY], ids=["other shop", "live mode"])
def test_what_is_anothers_does_not_exist(gateway: Gateway, key: str) -> None:
    held = gateway.pay(capture_method="manual")
    paid = gateway.pay()
    refund = gateway.client.v1.refunds.create({"payment_intent": paid.id, "amount": 100})
    stranger = gateway.client_of(key).v1
    for operation in (
        lambda: stranger.payment_intents.retrieve(held.id),
        lambda: stranger.payment_intents.confirm(held.id),
        lambda: stranger.payment_intents.capture(held.id),
        lambda: stranger.payment_intents.cancel(held.id),
        lambda: stranger.refunds.create({"payment_intent": paid.id}),
        lambda: stranger.refunds.create({"charge": paid.latest_charge}),
        lambda: stranger.refunds.retrieve(refund.id),
        lambda: stranger.refunds.list({"payment_intent": paid.id}),
        lambda: stranger.charges.retrieve(paid.latest_charge),
        lambda: stranger.payment_methods.retrieve(paid.payment_method),
        lambda: stranger.payment_intents.retrieve(
            held.id, {"client_secret": held.client_secret}
        ),
    ):
        with pytest.raises(stripe.InvalidRequestError) as caught:
            operation()
        assert caught.value.http_status == 404
        assert caught.value.code == "resource_missing"
    with pytest.raises(stripe.InvalidRequestError) as caught:
        stranger.payment_intents.list({"starting_after": held.id})
    assert caught.value.http_status == 400
    assert gateway.status(held.id) == "requires_capture"
    assert gateway.client.v1.charges.retrieve(paid.latest_charge).amount_refunded == 100


def test_a_strangers_card_cannot_be_charged(gateway: Gateway) -> None:
    method = gateway.client.v1.payment_methods.create({"type": "card", "card": cards.card()})
    with pytest.raises(stripe.InvalidRequestError) as caught:
        gateway.client_of(OTHER_SHOP_KEY).v1.payment_intents.create(
            {
                "amount": next_amount(),
                "currency": "usd",
                "payment_method": method.id,
                "confirm": True,
            }
        )
    assert caught.value.code == "resource_missing"
    assert caught.value.param == "payment_method"


def test_lists_show_ones_own_only(gateway: Gateway) -> None:
    keys = [SHOP_KEY, OTHER_SHOP_KEY, LIVE_KEY]
    own: dict[str, set[str]] = {key: set() for key in keys}
    for _ in range(3):
        for key in keys:
            answer = gateway.send(
                "POST", PAYMENTS, {"amount": next_amount(), "currency": "usd"}, key
            )
            own[key].add(answer.json["id"])
    for key in keys:
        page = gateway.client_of(key).v1.payment_intents.list({"limit": 100})
        listed = {payment.id for payment in page.auto_paging_iter()}
        assert own[key] <= listed
        for other in keys:
            assert other == key or not own[other] & listed


def test_two_merchants_may_use_the_same_idempotency_key(gateway: Gateway) -> None:
    shared = str(uuid.uuid4())
    answers = []
    for key in (SHOP_KEY, OTHER_SHOP_KEY, LIVE_KEY):
        parameters = {"amount": next_amount(), "currency": "usd"}
        answer = gateway.send("POST", PAYMENTS, parameters, key, shared)
        assert answer.status == 200
        assert answer.json["amount"] == parameters["amount"]
        assert answer.json["livemode"] is (key == LIVE_KEY)
        answers.append(answer.json["id"])
    assert len(set(answers)) == 3


def test_two_merchants_know_a_card_by_different_fingerprints(gateway: Gateway) -> None:
    fingerprints = set()
    for key in (SHOP_KEY, OTHER_SHOP_KEY):
        method = gateway.client_of(key).v1.payment_methods.create(
            {"type": "card", "card": cards.card()}
        )
        fingerprints.add(method.card.fingerprint)
    assert len(fingerprints) == 2


def test_live_keys_refuse_test_cards(gateway: Gateway) -> None:
    live = gateway.client_of(LIVE_KEY).v1
    with pytest.raises(stripe.CardError) as caught:
        live.payment_methods.create({"type": "card", "card": cards.card()})
    assert caught.value.error.decline_code == "live_mode_test_card"
    with pytest.raises(stripe.InvalidRequestError) as caught:
        live.payment_intents.create(
            {"amount": next_amount(), "currency": "usd", "payment_method": "pm_card_visa"}
        )
    assert caught.value.code == "resource_missing"


def test_live_money_never_reaches_a_test_acquirer(gateway: Gateway) -> None:
    amount = next_amount()
    parameters = {
        "amount": amount,
        "currency": "usd",
        "confirm": "true",
        "payment_method_data[type]": "card",
        **cards.flat_card(cards.REAL_LOOKING, below="payment_method_data[card]"),
    }
    answer = gateway.send("POST", PAYMENTS, parameters, LIVE_KEY)
    assert answer.status == 503
    assert answer.headers["stripe-should-retry"] == "true"
    assert answer.error["type"] == "api_error"
    assert gateway.host.of_amount(amount) == []


def test_the_software_vault_is_refused_outside_development(tmp_path: Path) -> None:
    configuration = write_configuration(tmp_path, environment="production")
    done = run("node", "--config", configuration)
    assert done.returncode == 78
    assert str(configuration) in done.stderr
    assert "software" in done.stderr
    assert list(tmp_path.iterdir()) == [configuration], "nothing was made"


def test_a_mistake_in_the_configuration_is_named_with_its_line(tmp_path: Path) -> None:
    configuration = write_configuration(tmp_path)
    assert run("config", "check", configuration).returncode == 0
    lines = configuration.read_text().splitlines()
    number = next(i for i, line in enumerate(lines, 1) if "answer_timeout" in line)
    configuration.write_text(configuration.read_text().replace("answer_timeout", "answer_timout"))
    done = run("config", "check", configuration)
    assert done.returncode == 78
    assert f"{configuration}:{number}" in done.stderr
    assert "answer_timeout" in done.stderr

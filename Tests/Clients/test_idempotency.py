"""Idempotency keys: what is asked twice happens once."""

import uuid

import pytest
import stripe

from support import cards
from support.amounts import next_amount
from support.demo import Demo
from support.wire import Answer, encode

PAYMENTS = "/v1/payment_intents"


def new_key() -> str:
    return f"test-{uuid.uuid4()}"


def sale(**changes: object) -> dict[str, object]:
    return {
        "amount": next_amount(),
        "currency": "usd",
        "payment_method": "pm_card_visa",
        "confirm": "true",
        **changes,
    }


def assert_replays(answer: Answer, original: Answer) -> None:
    assert answer.body == original.body
    assert answer.status == original.status
    assert answer.headers["idempotent-replayed"] == "true"
    assert answer.headers["original-request"] == original.headers["request-id"]
    assert answer.headers["request-id"] != original.headers["request-id"]
    assert "idempotent-replayed" not in original.headers


def test_a_payment_that_is_asked_for_twice_is_made_once(demo: Demo) -> None:
    key, parameters = new_key(), sale()
    first = demo.post(PAYMENTS, parameters, key)
    assert first.status == 200
    assert first.headers["idempotency-key"] == key
    for _ in range(3):
        assert_replays(demo.post(PAYMENTS, parameters, key), first)
    assert demo.journal.movement(parameters["amount"])["state"] == "captured"


def test_the_sdk_sends_its_key_and_gets_the_same_payment_again(demo: Demo) -> None:
    options = {"idempotency_key": new_key()}
    parameters = sale(confirm=True)
    first = demo.client.v1.payment_intents.create(parameters, options)
    again = demo.client.v1.payment_intents.create(parameters, options)
    assert again.last_response.body == first.last_response.body
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    assert demo.journal.movement(parameters["amount"])


def test_the_answer_of_the_time_is_repeated_although_the_payment_has_moved_on(demo: Demo) -> None:
    key, parameters = new_key(), sale(capture_method="manual")
    first = demo.post(PAYMENTS, parameters, key)
    assert first.json["status"] == "requires_capture"
    demo.client.v1.payment_intents.capture(first.json["id"])
    assert_replays(demo.post(PAYMENTS, parameters, key), first)


def test_a_request_is_the_same_however_it_is_written(demo: Demo) -> None:
    key, amount = new_key(), next_amount()
    first = demo.post(
        PAYMENTS, f"amount={amount}&currency=usd&metadata[a b]=c%20d&expand[]=payment_method", key
    )
    assert first.status == 200
    written_otherwise = (
        f"expand%5B0%5D=payment_method&metadata%5ba+b%5d=c+d&&currency=%75sd&amount={amount}&"
    )
    assert_replays(demo.post(PAYMENTS, written_otherwise, key), first)
    assert_replays(demo.post(f"{PAYMENTS}/", written_otherwise, key), first)


@pytest.mark.parametrize(
    "change",
    [
        {"amount": 99_999},
        {"currency": "eur"},
        {"payment_method": "pm_card_mastercard"},
        {"confirm": "false"},
        {"description": "other"},
        {"metadata[a]": "b"},
        {"expand[]": "latest_charge"},
    ],
)
def test_a_key_does_not_serve_for_other_parameters(
    demo: Demo, change: dict[str, object]
) -> None:
    key, parameters = new_key(), sale()
    first = demo.post(PAYMENTS, parameters, key)
    other = demo.post(PAYMENTS, {**parameters, **change}, key)
    assert other.status == 400
    assert other.error["type"] == "idempotency_error"
    assert key in other.error["message"]
    assert_replays(demo.post(PAYMENTS, parameters, key), first)
    assert demo.journal.movement(parameters["amount"])["state"] == "captured"


def test_the_sdk_tells_a_key_that_was_used_for_something_else(demo: Demo) -> None:
    options = {"idempotency_key": new_key()}
    demo.client.v1.payment_intents.create(sale(confirm=True), options)
    with pytest.raises(stripe.IdempotencyError) as caught:
        demo.client.v1.payment_intents.create(sale(confirm=True), options)
    assert caught.value.http_status == 400


def test_a_key_serves_for_one_address_only(demo: Demo) -> None:
    first, second = (demo.post(PAYMENTS, sale(confirm="false")).json["id"] for _ in range(2))
    key = new_key()
    assert demo.post(f"{PAYMENTS}/{first}/confirm", {}, key).status == 200
    for target in (
        f"{PAYMENTS}/{second}/confirm",
        f"{PAYMENTS}/{first}/capture",
        f"{PAYMENTS}/{first}/cancel",
    ):
        assert demo.post(target, {}, key).error["type"] == "idempotency_error"
    answer = demo.post("/v1/refunds", {"payment_intent": first}, key)
    assert answer.error["type"] == "idempotency_error"
    assert demo.get(f"{PAYMENTS}/{second}").json["status"] == "requires_confirmation"


def test_every_operation_happens_once(demo: Demo) -> None:
    held = sale(capture_method="manual", confirm="false")
    payment = demo.post(PAYMENTS, held).json["id"]

    def twice(target: str, parameters: dict[str, object]) -> Answer:
        key = new_key()
        first = demo.post(target, parameters, key)
        assert first.status == 200, first.body
        assert_replays(demo.post(target, parameters, key), first)
        return first

    assert twice(f"{PAYMENTS}/{payment}/confirm", {}).json["status"] == "requires_capture"
    assert twice(f"{PAYMENTS}/{payment}/capture", {}).json["status"] == "succeeded"
    twice("/v1/refunds", {"payment_intent": payment, "amount": 700})
    twice("/v1/payment_methods", {"type": "card", **cards.flat_card()})
    other = demo.post(PAYMENTS, sale(confirm="false")).json["id"]
    assert twice(f"{PAYMENTS}/{other}/cancel", {}).json["status"] == "canceled"

    movement = demo.journal.movement(held["amount"])
    assert movement["captured_amount"] == held["amount"]
    assert movement["refunded_amount"] == 700


def test_a_decline_is_repeated_and_not_tried_again(demo: Demo) -> None:
    key, parameters = new_key(), sale(payment_method="pm_card_visa_chargeDeclined")
    first = demo.post(PAYMENTS, parameters, key)
    assert first.status == 402
    assert_replays(demo.post(PAYMENTS, parameters, key), first)
    assert [row["state"] for row in demo.journal.movements(parameters["amount"])] == ["declined"]


def test_a_refusal_by_the_payments_state_is_repeated_although_it_would_be_granted_now(
    demo: Demo,
) -> None:
    payment = demo.post(PAYMENTS, sale(capture_method="manual", confirm="false")).json["id"]
    key = new_key()
    first = demo.post(f"{PAYMENTS}/{payment}/capture", {}, key)
    assert first.status == 400
    assert first.error["code"] == "payment_intent_unexpected_state"
    assert demo.post(f"{PAYMENTS}/{payment}/confirm").json["status"] == "requires_capture"
    assert_replays(demo.post(f"{PAYMENTS}/{payment}/capture", {}, key), first)
    assert demo.get(f"{PAYMENTS}/{payment}").json["status"] == "requires_capture"


def test_what_was_refused_for_its_form_leaves_the_key_free(demo: Demo) -> None:
    key, parameters = new_key(), sale()
    assert demo.post(PAYMENTS, {**parameters, "amount": "ten"}, key).status == 400
    assert demo.post(PAYMENTS, {**parameters, "nonsense": "1"}, key).status == 400
    unauthorized = demo.send(
        "POST", PAYMENTS, parameters, key, {"Authorization": "Bearer sk_test_nobody"}
    )
    assert unauthorized.status == 401
    answer = demo.post(PAYMENTS, parameters, key)
    assert answer.status == 200
    assert "idempotent-replayed" not in answer.headers


def test_a_raw_card_is_compared_by_its_number_and_not_by_its_code(demo: Demo) -> None:
    name = "payment_method_data"
    card = cards.flat_card(below=f"{name}[card]")
    key, parameters = new_key(), sale(**{f"{name}[type]": "card", **card})
    del parameters["payment_method"]
    first = demo.post(PAYMENTS, parameters, key)
    assert first.status == 200
    written_in_groups = {f"{name}[card][number]": "4242 4242 4242 4242"}
    assert_replays(demo.post(PAYMENTS, {**parameters, **written_in_groups}, key), first)
    other_code = {f"{name}[card][cvc]": "999"}
    assert_replays(demo.post(PAYMENTS, {**parameters, **other_code}, key), first)
    other_number = {f"{name}[card][number]": cards.MASTERCARD}
    answer = demo.post(PAYMENTS, {**parameters, **other_number}, key)
    assert answer.error["type"] == "idempotency_error"
    other_month = {f"{name}[card][exp_month]": "11"}
    answer = demo.post(PAYMENTS, {**parameters, **other_month}, key)
    assert answer.error["type"] == "idempotency_error"


def test_requests_without_a_key_are_all_carried_out(demo: Demo) -> None:
    parameters = sale()
    ids = {demo.post(PAYMENTS, parameters).json["id"] for _ in range(2)}
    assert len(ids) == 2
    assert len(demo.journal.movements(parameters["amount"])) == 2


def test_keys_mean_nothing_to_questions(demo: Demo) -> None:
    key = new_key()
    payment = demo.post(PAYMENTS, sale(confirm="false"), key).json["id"]
    answer = demo.send("GET", f"{PAYMENTS}/{payment}", key=key)
    assert answer.status == 200
    assert "idempotent-replayed" not in answer.headers


def test_a_key_of_255_characters_serves(demo: Demo) -> None:
    key, parameters = "k" * 255, sale()
    first = demo.post(PAYMENTS, parameters, key)
    assert first.headers["idempotency-key"] == key
    assert_replays(demo.post(PAYMENTS, parameters, key), first)


@pytest.mark.parametrize("key", ["", "k" * 256, "tab\there", "Zoë"])
def test_a_key_that_cannot_be_one_is_refused_and_nothing_is_paid(demo: Demo, key: str) -> None:
    parameters = sale()
    answer = demo.post(PAYMENTS, parameters, key)
    assert answer.status == 400
    assert answer.error["type"] == "invalid_request_error"
    assert "idempotency-key" not in answer.headers
    assert demo.journal.movements(parameters["amount"]) == []


@pytest.mark.parametrize(
    "key",
    [
        "25f8c787-8ff2-4427-9426-097284155e9c",
        "952bd94b-5241-4211-9738-68049500d7af",
        "d69a3895-2f40-4615-8792-183c7d8214b3",
        "145656ce-3858-4928-8149-992156d62721",
        "9340f32c-76ab-4294-9820-130511541826",
    ],
)
def test_keys_as_the_sdk_makes_them_are_never_taken_for_card_numbers(
    demo: Demo, key: str
) -> None:
    # Random UUIDs, with enough digits in a row to pass for a number if hyphens did not count.
    parameters = sale(**{"metadata[order]": key, "description": f"Order {key}"})
    first = demo.post(PAYMENTS, parameters, key)
    assert first.status == 200, first.body
    assert first.json["metadata"] == {"order": key}
    assert_replays(demo.post(PAYMENTS, parameters, key), first)


def test_keys_that_differ_in_case_are_two(demo: Demo) -> None:
    key, parameters = new_key(), sale()
    first = demo.post(PAYMENTS, parameters, key)
    second = demo.post(PAYMENTS, parameters, key.upper())
    assert first.json["id"] != second.json["id"]


def test_the_parameters_of_a_replay_are_read_as_strictly_as_at_first(demo: Demo) -> None:
    key, parameters = new_key(), sale()
    demo.post(PAYMENTS, parameters, key)
    answer = demo.post(PAYMENTS, encode(parameters) + b"&amount=1", key)
    assert answer.status == 400
    assert demo.journal.movement(parameters["amount"])["state"] == "captured"

"""Requests that arrive at once."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from support import cards
from support.amounts import next_amount
from support.demo import Demo
from support.wire import Answer

PAYMENTS = "/v1/payment_intents"


def at_once(requests: list[Callable[[], Answer]]) -> list[Answer]:
    """Sends all of them when the last thread is ready."""
    barrier = Barrier(len(requests))

    def send(request: Callable[[], Answer]) -> Answer:
        barrier.wait(30)
        return request()

    with ThreadPoolExecutor(len(requests)) as threads:
        return list(threads.map(send, requests))


def new_key() -> str:
    return f"test-{uuid.uuid4()}"


def pay(demo: Demo, **changes: object) -> tuple[int, str]:
    """Amount and id of a new payment."""
    amount = next_amount()
    parameters = {
        "amount": amount,
        "currency": "usd",
        "payment_method": "pm_card_visa",
        "confirm": "true",
        **changes,
    }
    answer = demo.post(PAYMENTS, parameters, new_key())
    assert answer.status == 200, answer.body
    return amount, answer.json["id"]


def assert_one_result(demo: Demo, answers: list[Answer], repeat: Callable[[], Answer]) -> Answer:
    """Every 2xx answer is the same, everything else says that the key is in use, and one more
    retry gets the same again."""
    given = [answer for answer in answers if answer.status == 200]
    others = [answer for answer in answers if answer.status != 200]
    assert given
    assert {answer.body for answer in given} == {given[0].body}
    assert [answer.headers.get("idempotent-replayed") for answer in given].count(None) == 1
    for answer in others:
        assert answer.status == 409
        assert answer.error["code"] == "idempotency_key_in_use"
    assert repeat().body == given[0].body
    return given[0]


def test_one_key_posted_200_times_at_once_makes_one_payment(demo: Demo) -> None:
    key, amount = new_key(), next_amount()
    parameters = {
        "amount": amount,
        "currency": "usd",
        "payment_method": "pm_card_visa",
        "confirm": "true",
    }

    def request() -> Answer:
        return demo.post(PAYMENTS, parameters, key)

    assert_one_result(demo, at_once([request] * 200), request)
    assert demo.journal.movement(amount)["state"] == "captured"


def test_one_key_with_a_raw_card_posted_while_the_issuer_thinks_makes_one_payment(
    demo: Demo,
) -> None:
    key, amount = new_key(), next_amount()
    name = "payment_method_data"
    parameters = {
        "amount": amount,
        "currency": "usd",
        "confirm": "true",
        f"{name}[type]": "card",
        **cards.flat_card(below=f"{name}[card]"),
    }

    def request() -> Answer:
        return demo.post(PAYMENTS, parameters, key)

    demo.control("delay authorization 1000 count 1")
    answers = at_once([request] * 50)
    assert sum(answer.status == 409 for answer in answers) > 0, "none came in between"
    assert_one_result(demo, answers, request)
    assert demo.journal.movement(amount)["state"] == "captured"
    assert demo.faults == []


def test_of_32_refunds_of_60_per_cent_one_wins(demo: Demo) -> None:
    amount, payment = pay(demo)
    part = amount * 6 // 10

    def request() -> Answer:
        return demo.post("/v1/refunds", {"payment_intent": payment, "amount": part}, new_key())

    answers = at_once([request] * 32)
    won = [answer for answer in answers if answer.status == 200]
    assert len(won) == 1
    for answer in answers:
        # A refusal by the amount, or the payment was busy: never a refund, never a failure of ours.
        if answer.status == 400:
            assert answer.error["param"] == "amount"
        elif answer.status != 200:
            assert (answer.status, answer.error["code"]) == (429, "lock_timeout")
    movement = demo.journal.movement(amount)
    assert movement["refunded_amount"] == part <= amount
    assert [row["amount"] for row in demo.journal.refunds(movement["id"])] == [part]


def test_many_small_refunds_at_once_never_exceed_the_payment(demo: Demo) -> None:
    amount, payment = pay(demo)
    part = amount // 7

    def request() -> Answer:
        return demo.post("/v1/refunds", {"payment_intent": payment, "amount": part}, new_key())

    answers = at_once([request] * 24)
    won = sum(answer.status == 200 for answer in answers)
    assert won == 7
    movement = demo.journal.movement(amount)
    assert movement["refunded_amount"] == 7 * part <= amount


def test_a_payment_confirmed_16_times_at_once_is_paid_once(demo: Demo) -> None:
    amount, payment = pay(demo, confirm="false")

    def request() -> Answer:
        return demo.post(f"{PAYMENTS}/{payment}/confirm", {}, new_key())

    answers = at_once([request] * 16)
    won = [answer for answer in answers if answer.status == 200]
    assert len(won) == 1
    assert won[0].json["status"] == "succeeded"
    for answer in answers:
        assert answer.status in (200, 400, 429)
    assert demo.journal.movement(amount)["state"] == "captured"


def test_a_hold_is_either_captured_or_canceled(demo: Demo) -> None:
    holds = [pay(demo, capture_method="manual") for _ in range(8)]
    requests: list[Callable[[], Answer]] = []
    for _, payment in holds:
        for operation in ("capture", "cancel"):
            target = f"{PAYMENTS}/{payment}/{operation}"
            requests.append(lambda target=target: demo.post(target, {}, new_key()))
    answers = at_once(requests)
    for index, (amount, payment) in enumerate(holds):
        pair = answers[2 * index : 2 * index + 2]
        assert sorted(answer.status == 200 for answer in pair) == [False, True]
        status = demo.get(f"{PAYMENTS}/{payment}").json["status"]
        assert status == ("succeeded" if pair[0].status == 200 else "canceled")
    demo.assert_reconciled()


def test_payments_side_by_side_do_not_disturb_each_other(demo: Demo) -> None:
    amounts = [next_amount() for _ in range(64)]

    def request(amount: int) -> Callable[[], Answer]:
        parameters = {
            "amount": amount,
            "currency": "usd",
            "payment_method": "pm_card_visa",
            "confirm": "true",
        }
        return lambda: demo.post(PAYMENTS, parameters, new_key())

    answers = at_once([request(amount) for amount in amounts])
    assert [answer.json["status"] for answer in answers] == ["succeeded"] * 64
    assert [answer.json["amount"] for answer in answers] == amounts
    for amount in amounts:
        assert demo.journal.movement(amount)["state"] == "captured"

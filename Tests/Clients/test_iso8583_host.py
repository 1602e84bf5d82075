"""A node at an acquirer that another implementation of ISO 8583 speaks for."""

import re
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import stripe

from support import cards
from support.amounts import next_amount
from support.iso8583_host import Message, encode
from support.node import Gateway, running_gateway
from support.waiting import eventually


@pytest.fixture(scope="module")
def gateway(module_path: Path) -> Iterator[Gateway]:
    with running_gateway(module_path) as gateway:
        yield gateway


def assert_recent(message: Message) -> None:
    """DE 7 is now in UTC, and DE 12 and 13 are a time and a date."""
    now = datetime.now(timezone.utc).replace(tzinfo=None)
    written = datetime.strptime(f"{now.year}{message['7']}", "%Y%m%d%H%M%S")
    # A message of the last night of the year is read in the next.
    assert min(abs(written - now), abs(written.replace(year=now.year - 1) - now)) < timedelta(
        minutes=5
    )
    if "12" in message:
        datetime.strptime(message["12"], "%H%M%S")
        datetime.strptime(f"{now.year}{message['13']}", "%Y%m%d")


def assert_names_original(message: Message, original: Message) -> None:
    """DE 90: type, STAN and time of the original, and two institutions that there are not."""
    assert message["90"] == original["t"] + original["11"] + original["7"] + "0" * 22
    assert message["37"] == original["37"]


def test_the_link_signs_on_and_asks_whether_the_host_is_there(gateway: Gateway) -> None:
    assert gateway.host.received[0]["t"] == "0800"
    assert gateway.host.received[0]["70"] == "001"
    assert_recent(gateway.host.received[0])
    eventually(
        lambda: any(
            message["t"] == "0800" and message["70"] == "301"
            for message in gateway.host.received
        )
    )


@pytest.mark.parametrize("capture,kind", [("automatic", "0200"), ("manual", "0100")])
def test_a_payment_is_one_request_with_every_field_in_its_place(
    gateway: Gateway, capture: str, kind: str
) -> None:
    payment = gateway.pay(
        payment_method="pm_card_mastercard", capture_method=capture, expand=["latest_charge"]
    )
    [message] = gateway.host.of_amount(payment.amount)
    assert message["t"] == kind
    assert message["2"] == cards.MASTERCARD
    assert message["3"] == "000000"
    assert message["4"] == f"{payment.amount:012}"
    assert message["49"] == "840"
    assert re.fullmatch(r"\d{6}", message["11"]) and message["11"] != "000000"
    assert re.fullmatch(r"[0-9A-Z]{12}", message["37"])
    assert re.fullmatch(r"[0-9A-Za-z]{8}", message["41"])
    assert len(message["42"]) == 15
    assert message["14"] == f"{(datetime.now(timezone.utc).year + 1) % 100:02}12"
    assert re.fullmatch(r"\d{3}", message["22"])
    assert re.fullmatch(r"\d{2}", message["25"])
    assert re.fullmatch(r"\d{4}", message["18"])
    assert message["48"] == "9203123"
    assert_recent(message)
    charge = payment.latest_charge.payment_method_details.card
    assert re.fullmatch(r"\d{6}", charge.authorization_code)
    assert charge.checks.cvc_check == "pass"


def test_expiry_and_code_of_a_raw_card_are_sent_as_they_were_given(gateway: Gateway) -> None:
    card = cards.card(cards.AMEX, exp_month=3, exp_year=2031, cvc="9876")
    payment = gateway.pay(
        payment_method=None, payment_method_data={"type": "card", "card": card}
    )
    [message] = gateway.host.of_amount(payment.amount)
    assert (message["2"], message["14"], message["48"]) == (cards.AMEX, "3103", "92049876")
    del card["cvc"]
    payment = gateway.pay(
        payment_method=None, payment_method_data={"type": "card", "card": card}
    )
    [message] = gateway.host.of_amount(payment.amount)
    assert "48" not in message


@pytest.mark.parametrize("currency,number", [("eur", "978"), ("jpy", "392"), ("kwd", "414")])
def test_amounts_are_minor_units_of_their_currency(
    gateway: Gateway, currency: str, number: str
) -> None:
    payment = gateway.pay(currency=currency)
    [message] = gateway.host.of_amount(payment.amount)
    assert (message["4"], message["49"]) == (f"{payment.amount:012}", number)


def test_a_capture_is_an_advice_that_names_its_authorization(gateway: Gateway) -> None:
    payment = gateway.pay(capture_method="manual")
    assert gateway.client.v1.payment_intents.capture(payment.id).status == "succeeded"
    [original, advice] = gateway.host.of_amount(payment.amount)
    assert advice["t"] == "0220"
    assert advice["3"] == "000000"
    assert advice["4"] == f"{payment.amount:012}"
    assert advice["49"] == "840"
    assert_names_original(advice, original)
    # The card is not sent again.
    assert not {"2", "14", "35", "48"} & set(advice)


def test_a_partial_capture_gives_the_rest_back_by_replacement_amounts(gateway: Gateway) -> None:
    payment = gateway.pay(capture_method="manual")
    gateway.client.v1.payment_intents.capture(payment.id, {"amount_to_capture": 7_000})
    [original, *rest] = eventually(
        lambda: len(found := gateway.host.of_amount(payment.amount)) == 3 and found
    )
    messages = {message["t"]: message for message in rest}
    assert messages["0220"]["4"] == f"{7_000:012}"
    reversal = messages["0420"]
    assert reversal["4"] == f"{payment.amount:012}"
    assert reversal["95"] == f"{7_000:012}" + "0" * 30
    for message in rest:
        assert_names_original(message, original)


def test_a_refund_is_an_advice_with_a_code_of_its_own(gateway: Gateway) -> None:
    payment = gateway.pay()
    refund = gateway.client.v1.refunds.create({"payment_intent": payment.id, "amount": 900})
    assert refund.status == "succeeded"
    [original, advice] = gateway.host.of_amount(payment.amount)
    assert (advice["t"], advice["3"]) == ("0220", "200000")
    assert advice["4"] == f"{900:012}"
    assert_names_original(advice, original)


def test_a_cancel_is_a_reversal_of_the_whole_amount(gateway: Gateway) -> None:
    payment = gateway.pay(capture_method="manual")
    assert gateway.client.v1.payment_intents.cancel(payment.id).status == "canceled"
    [original, reversal] = eventually(
        lambda: len(found := gateway.host.of_amount(payment.amount)) == 2 and found
    )
    assert reversal["t"] == "0420"
    assert reversal["4"] == f"{payment.amount:012}"
    assert "95" not in reversal
    assert_names_original(reversal, original)


def test_stan_and_terminal_together_name_one_message_and_references_one_payment(
    gateway: Gateway,
) -> None:
    payments = [gateway.pay(capture_method="manual") for _ in range(20)]
    for payment in payments:
        gateway.client.v1.payment_intents.capture(payment.id)
    first = [
        message
        for message in gateway.host.received
        if message["t"] in ("0100", "0200", "0220", "0420")
    ]
    keys = [(message["41"], message["11"]) for message in first]
    assert len(keys) == len(set(keys))
    references = [message["37"] for message in first if message["t"] in ("0100", "0200")]
    assert len(references) == len(set(references))


@pytest.mark.parametrize(
    "changes",
    [
        {"4": "000000000001"},
        {"4": None},
        {"49": "978"},
        {"49": None},
        {"37": "SOMEBODYELSE"},
        {"37": None},
        {"39": "10", "4": "000000000100"},
        {"39": None},
    ],
    ids=str,
)
def test_an_approval_of_something_else_is_reversed_and_declined(
    gateway: Gateway, changes: dict[str, str | None]
) -> None:
    def falsify(_: Message, answer: Message) -> Message:
        changed = {**answer, **changes}
        return {key: value for key, value in changed.items() if value is not None}

    amount = next_amount()
    gateway.host.twist("0200", falsify)
    error = gateway.decline(amount=amount)
    assert error.code == "processing_error"
    [request, reversal] = gateway.host.of_amount(amount)
    assert reversal["t"] == "0420"
    assert_names_original(reversal, request)
    assert gateway.status(error.error.payment_intent.id) == "requires_payment_method"


@pytest.mark.parametrize("code", ["08", "10", "11", "16", "68", "94"])
def test_what_is_no_plain_yes_and_no_certain_no_is_reversed(gateway: Gateway, code: str) -> None:
    amount = next_amount()
    gateway.host.twist("0100", lambda _, answer: {**answer, "39": code})
    assert gateway.decline(amount=amount, capture_method="manual").code == "processing_error"
    assert [message["t"] for message in gateway.host.of_amount(amount)] == ["0100", "0420"]


@pytest.mark.parametrize("code,kinds", [("25", ["0420"]), ("91", ["0420", "0421", "0421"])])
def test_a_reversal_is_repeated_until_it_is_done_or_there_is_nothing_to_reverse(
    gateway: Gateway, code: str, kinds: list[str]
) -> None:
    payment = gateway.pay(capture_method="manual")
    for kind in kinds[:2]:
        gateway.host.twist(kind, lambda _, answer: {**answer, "39": code})
    assert gateway.client.v1.payment_intents.cancel(payment.id).status == "canceled"

    def sent() -> list[str]:
        return [message["t"] for message in gateway.host.of_amount(payment.amount)]

    eventually(lambda: sent() == ["0100", *kinds])
    first, *repeats = gateway.host.of_amount(payment.amount)[1:]
    assert all({**repeat, "t": "0420"} == first for repeat in repeats)


@pytest.mark.parametrize("code", ["68", "91", "96"])
def test_an_advice_that_cannot_be_taken_now_is_repeated(gateway: Gateway, code: str) -> None:
    payment = gateway.pay(capture_method="manual")
    gateway.host.twist("0220", lambda _, answer: {**answer, "39": code})
    captured = gateway.client.v1.payment_intents.capture(payment.id)
    assert captured.status == "succeeded"
    assert captured.amount_received == payment.amount
    kinds = [message["t"] for message in gateway.host.of_amount(payment.amount)]
    assert kinds == ["0100", "0220", "0221"]


@pytest.mark.parametrize("changes", [{"11": "999999"}, {"41": "NOTMINE "}, {"t": "0110"}], ids=str)
def test_an_answer_to_another_message_is_no_answer(
    gateway: Gateway, changes: dict[str, str]
) -> None:
    amount = next_amount()
    gateway.host.twist("0200", lambda _, answer: {**answer, **changes})
    assert gateway.decline(amount=amount).code == "processing_error"
    assert [message["t"] for message in gateway.host.of_amount(amount)] == ["0200", "0420"]


def test_an_answer_without_end_is_waited_for_no_longer_than_the_links_time(
    gateway: Gateway,
) -> None:
    amount = next_amount()
    gateway.host.twist("0100", lambda _, __: None)
    assert gateway.decline(amount=amount, capture_method="manual").code == "processing_error"
    assert [message["t"] for message in gateway.host.of_amount(amount)] == ["0100", "0420"]


def test_advices_are_repeated_until_they_are_acknowledged(gateway: Gateway) -> None:
    payment = gateway.pay(capture_method="manual")
    for kind in ("0220", "0221", "0221"):
        gateway.host.twist(kind, lambda _, __: None)
    assert gateway.client.v1.payment_intents.capture(payment.id).status == "succeeded"

    def kinds() -> list[str]:
        return [message["t"] for message in gateway.host.of_amount(payment.amount)]

    eventually(lambda: kinds() == ["0100", "0220", "0221", "0221", "0221"])
    advice, *repeats = gateway.host.of_amount(payment.amount)[1:]
    for repeat in repeats:
        assert {**repeat, "t": "0220"} == advice
    charge = f"/v1/charges/{payment.latest_charge}"
    eventually(lambda: gateway.send("GET", charge).json["balance_transaction"])


@pytest.mark.parametrize(
    "content",
    [
        b"\x00\x04GET ",
        b"\xff\xff" + b"\x00" * 100,
        b"\x00\x14" + b"0210FFFFFFFFFFFFFFFF",
        b"\x00\x08" + bytes(range(8)),
    ],
    ids=repr,
)
def test_bytes_that_are_no_message_end_the_session_and_payments_go_on(
    gateway: Gateway, content: bytes
) -> None:
    sign_ons = sum(message.get("70") == "001" for message in gateway.host.received)
    gateway.host.send(content)

    def signed_on_again() -> bool:
        return sum(message.get("70") == "001" for message in gateway.host.received) > sign_ons

    eventually(signed_on_again)

    def is_paid() -> bool:
        try:
            return gateway.pay().status == "succeeded"
        except stripe.StripeError:
            return False

    eventually(is_paid)


def test_messages_that_nobody_asked_for_change_nothing(gateway: Gateway) -> None:
    payment = gateway.pay(capture_method="manual")
    [original] = gateway.host.of_amount(payment.amount)
    before = gateway.metric("sunny_link_unmatched_answers_total")
    answer = {
        "t": "0430",
        "11": "123456",
        "37": original["37"],
        "39": "00",
        "41": original["41"],
    }
    gateway.host.send(encode(answer))
    gateway.host.send(encode({**answer, "t": "0110", "11": original["11"], "39": "05"}))
    gateway.host.send(b"\x00\x00")
    eventually(lambda: gateway.metric("sunny_link_unmatched_answers_total") == before + 2)
    assert gateway.status(payment.id) == "requires_capture"
    assert gateway.client.v1.payment_intents.capture(payment.id).status == "succeeded"


def test_a_hold_that_nobody_captures_is_given_back_also_after_a_restart(tmp_path: Path) -> None:
    with running_gateway(tmp_path, "test_mode: {hold_period: 1s}") as gateway:
        payment = gateway.pay(capture_method="manual", expand=["latest_charge"])
        assert payment.status == "requires_capture"
        charge = payment.latest_charge
        assert charge.payment_method_details.card.capture_before in (
            charge.created + 1, charge.created + 2,
        )
        gateway.restart()
        eventually(lambda: gateway.status(payment.id) == "canceled")
        ended = gateway.client.v1.payment_intents.retrieve(
            payment.id, {"expand": ["latest_charge"]}
        )
        assert ended.cancellation_reason == "automatic"
        assert ended.amount_capturable == 0
        assert ended.latest_charge.amount_refunded == payment.amount
        assert not ended.latest_charge.captured
        [request, reversal] = eventually(
            lambda: len(found := gateway.host.of_amount(payment.amount)) == 2 and found
        )
        assert reversal["t"] == "0420"
        assert_names_original(reversal, request)
        with pytest.raises(stripe.InvalidRequestError) as caught:
            gateway.client.v1.payment_intents.capture(payment.id)
        assert caught.value.code == "payment_intent_unexpected_state"


@pytest.mark.parametrize("capture,kind", [("automatic", "0200"), ("manual", "0100")])
def test_an_approval_that_comes_after_a_restart_is_given_back(
    tmp_path: Path, capture: str, kind: str
) -> None:
    with running_gateway(tmp_path) as gateway:
        amount = next_amount()
        withheld: list[Message] = []
        gateway.host.twist(kind, lambda _, answer: withheld.append(answer))
        error = gateway.decline(amount=amount, capture_method=capture)
        payment = error.error.payment_intent.id

        def kinds() -> list[str]:
            return [message["t"] for message in gateway.host.of_amount(amount)]

        assert kinds() == [kind, "0420"]
        gateway.restart()
        before = gateway.metric("sunny_link_unmatched_answers_total")
        [late] = withheld
        # Neither of these answers what was asked.
        for changes in ({"11": "999999"}, {"41": "000ZZZZZ"}, {"37": "000ZZZZZZZZZ"}):
            gateway.host.send(encode({**late, **changes}))
        eventually(
            lambda: gateway.metric("sunny_link_unmatched_answers_total") == before + 3
        )
        gateway.host.send(encode(late))
        eventually(lambda: kinds() == [kind, "0420", "0420"])
        first, second = gateway.host.of_amount(amount)[1:]
        assert first["90"] == second["90"] and first["11"] != second["11"]
        assert gateway.status(payment) == "requires_payment_method"
        # What was taken as it should be is not given back when its approval comes again.
        paid = gateway.pay(capture_method=capture)
        [request] = gateway.host.of_amount(paid.amount)
        gateway.restart()
        gateway.host.send(encode({**late, **{n: request[n] for n in ("4", "11", "37", "41")}}))
        gateway.host.send(encode(late))
        eventually(lambda: kinds() == [kind, "0420", "0420", "0420"])
        assert gateway.host.of_amount(paid.amount) == [request]


def test_a_host_that_refuses_a_refund_makes_it_fail(gateway: Gateway) -> None:
    payment = gateway.pay()
    gateway.host.twist("0220", lambda _, answer: {**answer, "39": "12"})
    key = str(uuid.uuid4())
    refund = gateway.client.v1.refunds.create(
        {"payment_intent": payment.id}, {"idempotency_key": key}
    )
    assert refund.status == "failed"
    charge = gateway.client.v1.charges.retrieve(payment.latest_charge)
    assert (charge.amount_refunded, charge.refunded) == (0, False)
    again = gateway.client.v1.refunds.create({"payment_intent": payment.id})
    assert again.status == "succeeded"


def test_a_lost_connection_reverses_what_was_under_way_over_the_next(gateway: Gateway) -> None:
    amount = next_amount()

    def hang_up(_: Message, __: Message) -> None:
        gateway.host.disconnect()

    gateway.host.twist("0200", hang_up)
    assert gateway.decline(amount=amount).code == "processing_error"
    kinds = [message["t"] for message in gateway.host.of_amount(amount)]
    assert kinds in (["0200", "0420"], ["0200", "0420", "0421"])


def test_a_late_approval_is_reversed_again(gateway: Gateway) -> None:
    amount = next_amount()
    late: list[Message] = []
    gateway.host.twist("0200", lambda _, answer: late.append(answer))
    error = gateway.decline(amount=amount)
    gateway.host.send(encode(late[0]))
    messages = eventually(
        lambda: len(found := gateway.host.of_amount(amount)) == 3 and found
    )
    assert [message["t"] for message in messages] == ["0200", "0420", "0420"]
    assert messages[1]["11"] != messages[2]["11"]
    assert_names_original(messages[2], messages[0])
    assert gateway.status(error.error.payment_intent.id) == "requires_payment_method"

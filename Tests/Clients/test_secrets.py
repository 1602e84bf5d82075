"""Card numbers and keys are nowhere but where they have to be."""

import http.client
import stat
import uuid
from pathlib import Path

import pytest
import stripe

from support import cards
from support.amounts import next_amount
from support.demo import Demo
from support.memory import find_in_memory
from support.waiting import eventually
from support.wire import FORM, encode


def use_every_card(demo: Demo) -> None:
    """Brings every test card's number to the gateway in the ways in which numbers may come."""
    service = demo.client.v1
    for number in cards.ALL_NUMBERS:
        method = service.payment_methods.create({"type": "card", "card": cards.card(number)})
        payment = {"amount": next_amount(), "currency": "usd", "confirm": True}
        data = {"payment_method_data": {"type": "card", "card": cards.card(number)}}
        for source in ({"payment_method": method.id}, data):
            try:
                made = service.payment_intents.create(
                    {**payment, **source}, {"idempotency_key": str(uuid.uuid4())}
                )
                service.refunds.create({"payment_intent": made.id, "amount": 100})
            except stripe.CardError:
                pass


def refuse_every_card(demo: Demo) -> None:
    """And in the ways in which they must not."""
    for number in cards.ALL_NUMBERS:
        for target, key in (
            (f"/v1/payment_intents/{number}", None),
            (f"/v1/{number}", None),
            ("/v1/payment_intents", f"key {number}"),
        ):
            parameters = {"amount": 5000, "currency": "usd", "description": number}
            assert demo.post(target, parameters, key).status in (400, 404)
        assert demo.get(f"/v1/payment_intents?limit={number}").status == 400
        # A request that breaks off in the middle, and one that no parser takes.
        break_off(demo, number)
        demo.send("GET", "/v1/payment_intents", headers={"X-Card": number, number: "x"})


def break_off(demo: Demo, number: str) -> None:
    """Sends the beginning of a request, with the number in it, and goes away."""
    connection = http.client.HTTPConnection(*demo.base.split("://")[1].split(":"), timeout=10)
    connection.putrequest("POST", "/v1/payment_methods")
    connection.putheader("Authorization", f"Bearer {demo.key}")
    connection.putheader("Content-Type", FORM)
    connection.putheader("Content-Length", "100000")
    connection.endheaders(encode({"type": "card", **cards.flat_card(number)}))
    connection.close()


def test_no_file_of_the_demo_has_a_card_number_in_it(demo: Demo) -> None:
    use_every_card(demo)
    refuse_every_card(demo)
    # What is in memory is written back within moments, and the stop of the demo looks once more.
    found = cards.find_card_numbers(demo.folder)
    assert not found, "\n".join(found)


def test_a_card_number_does_not_stay_in_the_memory_of_the_node(new_demo: Demo) -> None:
    demo = new_demo
    number = cards.MEMORY_PROBE
    service = demo.client.v1
    for count in range(8):
        service.payment_methods.create({"type": "card", "card": cards.card(number)})
        made = service.payment_intents.create(
            {
                "amount": next_amount(),
                "currency": "usd",
                "confirm": True,
                "capture_method": "automatic" if count % 2 else "manual",
                "description": f"stays in memory {count}",
                "payment_method_data": {"type": "card", "card": cards.card(number)},
            }
        )
        assert made.status == ("succeeded" if count % 2 else "requires_capture")
        # Refused once it was read: a code that is too long, a card that has expired, a method that
        # is none, a number said twice.
        flat = {"type": "card", **cards.flat_card(number)}
        for change in ({"card[cvc]": "12345"}, {"card[exp_year]": "2020"}, {"type": "cash"}):
            assert demo.post("/v1/payment_methods", {**flat, **change}).status in (400, 402)
        twice = encode(flat) + b"&" + encode(flat)
        assert demo.post("/v1/payment_methods", twice).status == 400
        break_off(demo, number)
    pid = demo.node["pid"]
    # A look that finds nothing says something only if it would find.
    assert find_in_memory(pid, {"control": b"stays in memory 7"})

    def is_gone() -> bool:
        found = find_in_memory(pid, cards.written(number))
        assert not found, "\n".join(found)
        return True

    # A request is over a moment after its answer.
    eventually(is_gone, within=10)


def test_a_card_number_that_is_written_down_would_be_found(tmp_path: Path) -> None:
    (tmp_path / "plain.log").write_text(f"paid with {cards.VISA}\n")
    (tmp_path / "packed.bin").write_bytes(b"\x01" + bytes.fromhex(cards.MASTERCARD) + b"\x00" * 9)
    found = cards.find_card_numbers(tmp_path)
    assert len(found) == 2


@pytest.mark.parametrize("path", ["/metrics", "/admin/payments", "/readyz", "/livez"])
def test_no_page_for_operators_shows_a_card_number_or_a_key(demo: Demo, path: str) -> None:
    use_every_card(demo)
    _, _, text = demo.page(path)
    assert not [number for number in cards.ALL_NUMBERS if number in text]
    assert demo.key not in text


def test_the_secret_key_is_in_the_files_that_hand_it_out_and_nowhere_else(demo: Demo) -> None:
    demo.post("/v1/payment_intents", {"amount": next_amount(), "currency": "usd"})
    demo.get(f"/v1/payment_intents?limit=1&{demo.key}=1")
    with_key = {
        path.name
        for path in demo.folder.rglob("*")
        if path.is_file() and demo.key.encode() in path.read_bytes()
    }
    assert with_key == {"demo.json", "settings.json"}


def test_what_holds_secrets_is_readable_by_its_owner_only(demo: Demo) -> None:
    secret = ["demo.json", "settings.json", *(p.name for p in demo.folder.rglob("*key*"))]
    for path in demo.folder.rglob("*"):
        if path.name in secret and path.is_file():
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_an_object_of_the_sdk_does_not_show_the_number_it_was_made_with(demo: Demo) -> None:
    method = demo.client.v1.payment_methods.create({"type": "card", "card": cards.card()})
    assert cards.VISA not in str(method)
    assert cards.VISA not in str(method.last_response.headers)

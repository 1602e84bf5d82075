"""What a careless or hostile client sends: each gets an answer in the API's form, and no 5xx."""

import base64
import http.client
import socket
from urllib.parse import urlsplit

import pytest
import stripe

from support import cards, wire
from support.amounts import next_amount
from support.demo import Demo

PAYMENTS = "/v1/payment_intents"


def payment(**changes: object) -> dict[str, object]:
    return {"amount": next_amount(), "currency": "usd", **changes}


# Keys


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer sk_test_wrong",
        "Bearer " + "x" * 5000,
        "Digest x",
        "Basic !!!",
        "Basic " + base64.b64encode(b"sk_test_wrong:").decode(),
        "sk_test_wrong",
    ],
)
def test_without_a_valid_key_nothing_is_told(demo: Demo, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    for method, target, parameters in (
        ("POST", PAYMENTS, payment()),
        ("GET", f"{PAYMENTS}/pi_x", None),
        ("GET", "/v1/nonsense", None),
    ):
        answer = wire.send(demo.base, method, target, parameters, headers)
        assert answer.status == 401
        assert answer.error["type"] == "invalid_request_error"
        assert "sk_test_wrong" not in answer.body.decode()


def test_a_wrong_key_is_an_authentication_error_to_the_sdk(demo: Demo) -> None:
    client = stripe.StripeClient(demo.key[:-1] + "~", base_addresses={"api": demo.base})
    with pytest.raises(stripe.AuthenticationError):
        client.v1.payment_intents.create(payment())


def test_a_publishable_key_cannot_move_money(demo: Demo) -> None:
    key = demo.description["publishable_key"]
    assert key.startswith("pk_test_")
    client = stripe.StripeClient(key, base_addresses={"api": demo.base})
    with pytest.raises(stripe.PermissionError) as caught:
        client.v1.payment_intents.create(payment())
    # The SDK leaves the code of this kind of error in its body.
    assert caught.value.error.code == "secret_key_required"


def test_curl_users_may_send_the_key_as_a_user_name(demo: Demo) -> None:
    credentials = base64.b64encode(f"{demo.key}:".encode()).decode()
    answer = wire.send(
        demo.base, "POST", PAYMENTS, payment(), {"authorization": f"Basic {credentials}"}
    )
    assert answer.status == 200


# Addresses and methods


@pytest.mark.parametrize(
    "method,target",
    [
        ("GET", "/"),
        ("GET", "/v1"),
        ("GET", "/v2/payment_intents"),
        ("GET", "/v1/payment_intent"),
        ("GET", "/v1/customers"),
        ("POST", "/v1/charges"),
        ("GET", "/v1//payment_intents"),
        ("GET", "/v1/payment_intents/pi_x/confirm"),
        ("POST", "/v1/payment_intents/pi_x/nonsense"),
        ("POST", "/v1/payment_intents/pi_x/confirm/now"),
        ("DELETE", "/v1/payment_intents/pi_x"),
        ("PUT", "/v1/payment_intents/pi_x"),
        ("PATCH", "/v1/payment_intents"),
        ("OPTIONS", "/v1/payment_intents"),
        ("GET", "/v1/../admin/payments"),
        ("GET", "/metrics"),
        ("GET", "/admin/payments"),
    ],
)
def test_an_address_that_is_none_is_not_found(demo: Demo, method: str, target: str) -> None:
    answer = demo.send(method, target)
    assert answer.status == 404
    assert answer.error["type"] == "invalid_request_error"
    assert "Unrecognized request URL" in answer.error["message"]


@pytest.mark.parametrize("target", ["/v1/%zz", "/v1/%", "/v1/%ff%fe", "/v1/" + "x" * 5000])
def test_an_address_that_cannot_be_read_is_refused(demo: Demo, target: str) -> None:
    answer = demo.get(target)
    assert answer.status == 400
    assert answer.error["type"] == "invalid_request_error"


def test_an_address_without_end_is_refused(demo: Demo) -> None:
    assert demo.get("/v1/payment_intents?limit=" + "1" * 10_000).status in (400, 414, 431)


def test_an_address_may_be_percent_encoded_and_end_with_a_slash(demo: Demo) -> None:
    assert demo.get("/v1/payment%5Fintents/?limit=1").status == 200


def test_a_method_that_http_does_not_have_is_refused(demo: Demo) -> None:
    # The HTTP server refuses it before the API sees it, so that only the status is promised.
    assert demo.send("NONSENSE", PAYMENTS).status in (400, 404, 405, 501)


def test_head_is_no_way_around(demo: Demo) -> None:
    answer = demo.send("HEAD", f"{PAYMENTS}?limit=1")
    assert answer.status in (200, 404)
    assert answer.body == b""


# Forms


def test_arrays_and_brackets_are_understood_in_every_spelling(demo: Demo) -> None:
    amount = next_amount()
    for body in (
        f"amount={amount}&currency=usd&expand[]=payment_method&expand[]=latest_charge",
        f"amount={amount}&currency=usd&expand%5B%5D=payment_method&expand%5b%5d=latest_charge",
        f"amount={amount}&currency=usd&expand[1]=payment_method&expand[0]=latest_charge",
        f"amount={amount}&currency=usd&expand[0]=payment_method&metadata[a]=b&metadata%5Bc%5D=d",
        f"&&amount={amount}&currency=us%64&&payment_method_types[]=card&",
        f"amount={amount}&currency=usd&metadata=&expand=",
        f"amount={amount}&currency=usd&description=a+b%2Bc%26%3D",
    ):
        answer = demo.post(PAYMENTS, body)
        assert answer.status == 200, f"{body}: {answer.body!r}"
    assert answer.json["description"] == "a b+c&="


@pytest.mark.parametrize(
    "body",
    [
        b"amount",
        b"=",
        b"=1",
        b"[amount]=1",
        b"amount[=1",
        b"amount]=1",
        b"amount[x=1",
        b"amount[]x=1",
        b"expand[][0]=x",
        b"metadata[a][b]=c",
        b"metadata=x",
        b"metadata[a]=1&metadata[a]=2",
        b"metadata[a]=1&metadata[a][b]=2",
        b"expand[x]=payment_method",
        b"expand[-1]=payment_method",
        b"amount[0]=1",
        b"card=x",
        b"payment_method_data=x",
        b"payment_method_data[card]=x",
        b"%zz=1",
        b"description=%",
        b"description=%f",
        b"description=%ff%fe",
        b"description=\xff\xfe",
        b"description=%c3%28",
        b"description=%00",
        b"description=%ed%a0%80",
        b"\xc0\xaf=1",
        b"a[b][c][d][e][f][g]=1",
        b"a" + b"[b]" * 1000 + b"=1",
        b"&".join(b"a%d=1" % number for number in range(1500)),
        b"nonsense=1",
        b"Amount=1",
        b"amount =1",
        b"customer=cus_1",
        b"payment_method_options[card][capture_method]=manual",
        b"confirm=yes",
        b"capture_method=later",
        b"payment_method_types[]=sofort",
        b"receipt_email=nobody",
        b"statement_descriptor=" + b"x" * 23,
        b"statement_descriptor=12345",
        b"statement_descriptor=%3Cshop%3E",
        b"description=" + b"x" * 1001,
        b"description=" + b"x" * 6000,
        b"metadata[" + b"k" * 41 + b"]=v",
        b"metadata[k]=" + b"v" * 501,
        b"&".join(b"metadata[k%d]=v" % number for number in range(51)),
        b"off_session=true",
        b"return_url=https://example.com",
        b"confirm=true&return_url=nonsense",
        b"confirm=true",
    ],
    ids=lambda body: repr(body[:40]),
)
def test_parameters_that_are_none_are_refused(demo: Demo, body: bytes) -> None:
    amount = next_amount()
    extra = b"" if body.startswith((b"amount=", b"amount&")) else b"&currency=usd"
    own = b"" if b"amount" in body.lower() else b"&amount=%d" % amount
    answer = demo.post(PAYMENTS, body + own + extra)
    assert answer.status == 400, answer.body
    assert answer.error["type"] == "invalid_request_error"
    assert demo.journal.movements(amount) == []


def test_an_empty_body_misses_the_amount(demo: Demo) -> None:
    for body in (b"", b"&", b"&&&"):
        answer = demo.post(PAYMENTS, body)
        assert answer.error["code"] == "parameter_missing"
        assert answer.error["param"] == "amount"


def test_what_is_sent_to_the_wrong_place_is_refused(demo: Demo) -> None:
    payment_id = demo.post(PAYMENTS, payment()).json["id"]
    assert demo.send("GET", f"{PAYMENTS}/{payment_id}", b"expand[]=payment_method").status == 400
    assert demo.post(f"{PAYMENTS}?amount=5000", {"currency": "usd"}).status == 400
    assert demo.get(f"{PAYMENTS}/{payment_id}?nonsense=1").error["code"] == "parameter_unknown"


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data", "text/plain", ""])
def test_only_forms_are_read(demo: Demo, kind: str) -> None:
    answer = demo.send(
        "POST", PAYMENTS, b'{"amount": 5000, "currency": "usd"}', headers={"Content-Type": kind}
    )
    assert answer.status == 400
    assert answer.error["type"] == "invalid_request_error"


def test_a_form_may_name_its_character_set(demo: Demo) -> None:
    kind = "application/x-www-form-urlencoded; charset=utf-8"
    answer = demo.send("POST", PAYMENTS, payment(), headers={"Content-Type": kind})
    assert answer.status == 200


def test_a_body_that_is_too_large_is_refused_with_the_connection_in_order(demo: Demo) -> None:
    for size in (66_000, 1 << 20):
        answer = demo.post(PAYMENTS, b"description=" + b"x" * size)
        assert answer.status in (400, 413)
        assert answer.error["type"] == "invalid_request_error"


def test_a_header_that_is_too_large_is_refused(demo: Demo) -> None:
    answer = demo.send("GET", PAYMENTS, headers={"X-Large": "x" * 100_000})
    assert answer.status in (400, 431)


def test_what_is_no_http_gets_no_service_and_hurts_nobody(demo: Demo) -> None:
    address = urlsplit(demo.base)
    for content in (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
        b"\x00" * 1000,
        b"GET\r\n\r\n",
        b"POST /v1/payment_intents HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/payment_intents HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /v1/payment_intents HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ):
        with socket.create_connection((address.hostname, address.port), timeout=10) as peer:
            peer.sendall(content)
            peer.shutdown(socket.SHUT_WR)
            received = b""
            try:
                while part := peer.recv(65536):
                    received += part
            except ConnectionResetError:
                pass
        assert received == b"" or received.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4")), received
    assert demo.get(f"{PAYMENTS}?limit=1").status == 200


@pytest.mark.parametrize(
    "head,status",
    [
        (b"BREW /v1/payment_intents HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"get /v1/payment_intents HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET\r\n\r\n", 400),
        (b"GET /v1/payment intents HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /v1/payment_intents HTTP/1.1\r\nHo st: x\r\n\r\n", 400),
        (b"GET /v1/payment_intents HTTP/9.9\r\nHost: x\r\n\r\n", 400),
        (b"POST /v1/payment_intents HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"GET /v1/payment_intents?limit=" + b"1" * 20_000 + b" HTTP/1.1\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"X-Large: " + b"x" * 20_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: x\r\n" % n for n in range(99)) + b"\r\n", 431),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", 400),
    ],
    ids=lambda value: repr(value[:40]) if isinstance(value, bytes) else str(value),
)
def test_a_head_that_cannot_be_read_is_refused_in_the_form_of_the_api(
    demo: Demo, head: bytes, status: int
) -> None:
    address = urlsplit(demo.base)
    with socket.create_connection((address.hostname, address.port), timeout=10) as peer:
        peer.sendall(head)
        response = http.client.HTTPResponse(peer)
        response.begin()
        found = {name.lower(): value for name, value in response.getheaders()}
        answer = wire.Answer(response.status, found, response.read())
    assert answer.status == status
    assert answer.error["type"] == "invalid_request_error"
    assert answer.headers["connection"] == "close"


# Amounts and currencies


@pytest.mark.parametrize(
    "amount",
    [
        "0",
        "-1",
        "-5000",
        "49",
        "100000000",
        "9223372036854775800",
        "99999999999999999999999",
        "1.5",
        "1e3",
        "0x10",
        "+100",
        " 100",
        "100 ",
        "1,000",
        "1_000",
        "٥٠٠",
        "NaN",
        "",
    ],
)
def test_an_amount_that_cannot_be_paid_is_refused(demo: Demo, amount: str) -> None:
    answer = demo.post(
        PAYMENTS,
        {"amount": amount, "currency": "usd", "payment_method": "pm_card_visa", "confirm": "true"},
    )
    assert answer.status == 400
    assert answer.error["param"] == "amount"


def test_an_amount_may_have_zeros_in_front(demo: Demo) -> None:
    assert demo.post(PAYMENTS, {"amount": "000500", "currency": "usd"}).json["amount"] == 500


@pytest.mark.parametrize("currency", ["", "us", "usdd", "xyz", "840", "u$d", "bitcoin", "ußd"])
def test_a_currency_that_is_none_is_refused(demo: Demo, currency: str) -> None:
    answer = demo.post(PAYMENTS, payment(currency=currency))
    assert answer.status == 400
    assert answer.error["param"] == "currency"


@pytest.mark.parametrize("currency,minimum", [("usd", 50), ("jpy", 50), ("gbp", 30), ("kwd", 150)])
def test_every_currency_has_its_least_amount(demo: Demo, currency: str, minimum: int) -> None:
    answer = demo.post(PAYMENTS, {"amount": minimum - 1, "currency": currency})
    assert answer.error["code"] == "amount_too_small"
    assert demo.post(PAYMENTS, {"amount": minimum, "currency": currency}).status == 200


# Headers


def test_any_version_is_echoed_and_none_gets_the_documented_one(demo: Demo) -> None:
    answer = demo.send("GET", f"{PAYMENTS}?limit=1", headers={"Stripe-Version": "2020-08-27"})
    assert answer.headers["stripe-version"] == "2020-08-27"
    assert demo.get(f"{PAYMENTS}?limit=1").headers["stripe-version"] == stripe.api_version


@pytest.mark.parametrize("name", ["Stripe-Account", "Stripe-Context"])
def test_acting_for_another_account_is_refused_by_name(demo: Demo, name: str) -> None:
    answer = demo.send("POST", PAYMENTS, payment(), headers={name: "acct_1"})
    assert answer.status == 400
    assert name in answer.error["message"]


# Card numbers where none belong


@pytest.mark.parametrize(
    "written",
    [
        cards.VISA,
        "4242 4242 4242 4242",
        "4242-4242-4242-4242",
        "4242.4242.4242.4242",
        f"card:{cards.VISA};",
        cards.AMEX,
        cards.MASTERCARD,
        "6200000000000005",
    ],
)
@pytest.mark.parametrize(
    "name",
    [
        "description",
        "metadata[note]",
        "statement_descriptor",
        "receipt_email",
        "currency",
        "payment_method",
        "return_url",
        "nonsense",
        "payment_method_data[billing_details][name]",
        "payment_method_data[metadata][x]",
        "expand[0]",
    ],
)
def test_a_card_number_in_a_parameter_is_refused_and_not_repeated(
    demo: Demo, name: str, written: str
) -> None:
    answer = demo.post(PAYMENTS, payment(**{name: written}))
    assert answer.status == 400
    assert answer.error["param"] == name
    assert_not_repeated(answer, written)


def assert_not_repeated(answer: wire.Answer, written: str) -> None:
    everything = answer.body.decode() + " ".join(answer.headers.values())
    digits = "".join(character for character in everything if character.isdigit())
    number = "".join(character for character in written if character.isdigit())
    assert number not in digits
    assert written not in everything


@pytest.mark.parametrize("name", [f"metadata[{cards.VISA}]", cards.VISA, f"a[{cards.AMEX}]"])
def test_a_card_number_in_the_name_of_a_parameter_is_refused_and_not_repeated(
    demo: Demo, name: str
) -> None:
    answer = demo.post(PAYMENTS, payment(**{name: "x"}))
    assert answer.status == 400
    assert_not_repeated(answer, name)


@pytest.mark.parametrize(
    "target",
    [
        f"/v1/payment_intents/{cards.VISA}",
        "/v1/payment_intents/4242%2D4242%2D4242%2D4242",
        f"/v1/{cards.VISA}",
        f"/v1/payment_methods/{cards.AMEX}",
        f"/v1/payment_intents?starting_after={cards.VISA}",
        f"/v1/payment_intents/pi_x?client_secret={cards.VISA}",
        f"/v1/payment_intents/pi_x?{cards.VISA}=1",
    ],
)
def test_a_card_number_in_an_address_is_refused_and_not_repeated(
    demo: Demo, target: str
) -> None:
    number = cards.AMEX if cards.AMEX in target else cards.VISA
    answer = demo.get(target)
    assert answer.status == 400
    assert_not_repeated(answer, number)
    # The addresses of these requests have no such method, which may be noticed first.
    answer = demo.post(target)
    assert answer.status in (400, 404)
    assert_not_repeated(answer, number)


@pytest.mark.parametrize("name", ["Idempotency-Key", "Stripe-Version"])
def test_a_card_number_in_a_header_is_refused_and_not_repeated(demo: Demo, name: str) -> None:
    answer = demo.send("POST", PAYMENTS, payment(), headers={name: f"order {cards.VISA}"})
    assert answer.status == 400
    assert_not_repeated(answer, cards.VISA)


def test_a_card_number_as_a_key_is_not_repeated(demo: Demo) -> None:
    headers = {"Authorization": f"Bearer {cards.VISA}"}
    answer = wire.send(demo.base, "GET", PAYMENTS, None, headers)
    assert answer.status == 401
    assert_not_repeated(answer, cards.VISA)


def test_numbers_that_are_no_card_numbers_are_welcome(demo: Demo) -> None:
    description = "Order 4242424242424241, phone +41 44 123 45 67, 2026-11-23, 10000000000000"
    answer = demo.post(PAYMENTS, payment(description=description))
    assert answer.json["description"] == description

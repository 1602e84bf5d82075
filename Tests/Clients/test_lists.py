"""Lists and their cursors, through the SDK."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import stripe

from support.amounts import next_amount
from support.demo import Demo


def create(demo: Demo) -> stripe.PaymentIntent:
    return demo.client.v1.payment_intents.create({"amount": next_amount(), "currency": "usd"})


def test_pages_can_be_turned_in_both_directions(demo: Demo) -> None:
    newest_first = [create(demo).id for _ in range(7)][::-1]
    service = demo.client.v1.payment_intents

    page = service.list({"limit": 3})
    assert [item.id for item in page.data] == newest_first[:3]
    assert page.object == "list"
    assert page.url == "/v1/payment_intents"
    assert page.has_more is True
    page = service.list({"limit": 3, "starting_after": newest_first[2]})
    assert [item.id for item in page.data] == newest_first[3:6]
    page = service.list({"limit": 3, "ending_before": newest_first[3]})
    assert [item.id for item in page.data] == newest_first[:3]
    assert page.next_page().data == [], "the SDK goes on towards newer objects"
    page = service.list({"limit": 2, "ending_before": newest_first[5]})
    assert [item.id for item in page.data] == newest_first[3:5]
    assert page.has_more is True
    page = service.list({"limit": 2, "ending_before": newest_first[0]})
    assert page.data == []
    assert page.has_more is False


def test_a_list_shows_what_retrieving_shows(demo: Demo) -> None:
    payment = demo.client.v1.payment_intents.create(
        {
            "amount": next_amount(),
            "currency": "usd",
            "payment_method": "pm_card_visa",
            "confirm": True,
        }
    )
    listed = demo.client.v1.payment_intents.list({"limit": 1}).data[0]
    assert listed.to_dict() == payment.to_dict()
    expanded = demo.client.v1.payment_intents.list(
        {"limit": 1, "expand": ["data.latest_charge", "data.payment_method"]}
    ).data[0]
    assert expanded.latest_charge.id == payment.latest_charge
    assert expanded.payment_method.card.last4 == "4242"


def test_ten_objects_are_listed_unless_told_otherwise(demo: Demo) -> None:
    for _ in range(11):
        create(demo)
    page = demo.client.v1.payment_intents.list()
    assert len(page.data) == 10
    assert page.has_more is True


def test_going_through_a_long_list_meets_every_object_once_while_others_are_made(
    demo: Demo,
) -> None:
    with ThreadPoolExecutor(8) as threads:
        made = {payment.id for payment in threads.map(lambda _: create(demo), range(120))}
    assert len(made) == 120
    service = demo.client.v1.payment_intents
    seen: list[str] = []
    meanwhile: set[str] = set()
    for payment in service.list({"limit": 7}).auto_paging_iter():
        seen.append(payment.id)
        # Each page comes after at least one more object was made.
        if len(seen) % 7 == 1:
            meanwhile.add(create(demo).id)
        if made <= set(seen) and len(seen) > 150:
            break
    assert len(seen) == len(set(seen)), "an object was listed twice"
    assert made <= set(seen), "an object was left out"
    assert not meanwhile & set(seen), "what is newer than the first page came later"


def test_going_backwards_through_a_long_list_meets_every_object_once(demo: Demo) -> None:
    first = create(demo)
    made = [create(demo).id for _ in range(25)]
    page = demo.client.v1.payment_intents.list({"limit": 10, "ending_before": first.id})
    assert [item.id for item in page.auto_paging_iter()] == made


def test_newest_comes_first_and_creation_times_never_rise(demo: Demo) -> None:
    for _ in range(5):
        create(demo)
    times = [item.created for item in demo.client.v1.payment_intents.list({"limit": 100}).data]
    assert times == sorted(times, reverse=True)


def test_lists_can_be_limited_to_a_time(demo: Demo) -> None:
    payment = create(demo)
    service = demo.client.v1.payment_intents

    def found(created: object) -> bool:
        page = service.list({"created": created, "limit": 100})
        return any(item.id == payment.id for item in page.auto_paging_iter())

    at = payment.created
    assert found(at)
    assert found({"gte": at})
    assert found({"gte": at, "lte": at})
    assert found({"gt": at - 1, "lt": at + 1})
    assert not found({"gt": at})
    assert not found({"gte": at - 20, "lt": at})
    assert not found(at - 1)
    assert not found({"gt": at, "lt": at})
    assert not found({"gte": 4102444800})
    assert not found({"lte": -4102444800})


@pytest.mark.parametrize("limit", [0, 101, -1, "ten", "1.0", "", "99999999999999999999"])
def test_a_limit_is_between_1_and_100(demo: Demo, limit: object) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        demo.client.v1.payment_intents.list({"limit": limit})
    assert caught.value.param == "limit"


@pytest.mark.parametrize("name", ["starting_after", "ending_before"])
@pytest.mark.parametrize("cursor", ["pi_00000000000000000", "pi_x", "re_x", "nonsense"])
def test_a_cursor_must_exist(demo: Demo, name: str, cursor: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        demo.client.v1.payment_intents.list({name: cursor})
    assert caught.value.http_status == 400
    assert caught.value.code == "resource_missing"
    assert caught.value.param == name


def test_there_is_one_cursor_at_most(demo: Demo) -> None:
    first, second = create(demo).id, create(demo).id
    with pytest.raises(stripe.InvalidRequestError) as caught:
        demo.client.v1.payment_intents.list({"starting_after": second, "ending_before": first})
    assert caught.value.param in ("starting_after", "ending_before")


@pytest.mark.parametrize(
    "parameters,param",
    [
        ({"created": "yesterday"}, "created"),
        ({"created": {"gt": "x"}}, "created[gt]"),
        ({"created": {"after": 1}}, "created[after]"),
        ({"nonsense": 1}, "nonsense"),
        ({"customer": "cus_1"}, "customer"),
        ({"expand": ["latest_charge"]}, "expand"),
    ],
)
def test_a_list_parameter_that_is_none_is_refused(
    demo: Demo, parameters: dict[str, object], param: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        demo.client.v1.payment_intents.list(parameters)
    assert caught.value.http_status == 400
    assert caught.value.param == param

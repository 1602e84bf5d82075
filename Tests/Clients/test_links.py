"""The links of a region: one node owns them, operators drain them, and any node may be lost."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import stripe

from support.amounts import next_amount
from support.cluster import Cluster, pay, while_shopping
from support.demo import Demo, run
from support.journal import AcquirerJournal
from support.waiting import eventually

REGIONS = ["ap", "eu", "us"]


@pytest.fixture(scope="module")
def cluster(module_path: Path) -> Iterator[Cluster]:
    """Three nodes and two acquirers that all tests here share: each leaves all links open."""
    cluster = Cluster(module_path)
    try:
        yield cluster.start()
        cluster.assert_reconciled()
    finally:
        cluster.stop()


def admin(demo: Demo, place: int = 0) -> str:
    return str(demo.nodes[place]["admin"]).removeprefix("http://")


def regions(demo: Demo, place: int = 0) -> dict[str, dict[str, Any]]:
    """What a node says of the links, by region."""
    done = run("links", "list", "--admin", admin(demo, place), "--output", "json")
    assert done.stdout, done.stderr
    return {region["region"]: region for region in json.loads(done.stdout)["regions"]}


def links(demo: Demo) -> dict[tuple[str, str], dict[str, Any]]:
    """Each region's links, once every owner tells of them."""

    def are_told() -> bool:
        found = regions(demo)
        return bool(found) and all("links" in region for region in found.values())

    eventually(are_told, within=30)
    return {
        (name, link["name"]): link
        for name, region in regions(demo).items()
        for link in region["links"]
    }


def standings(demo: Demo, link: str) -> set[str]:
    return {found["standing"] for (_, name), found in links(demo).items() if name == link}


def change(demo: Demo, what: str, link: str, *more: str) -> None:
    done = run("links", what, link, "--admin", admin(demo), *more)
    assert done.returncode == 0, done.stderr


def taken_by(demo: Demo, amount: int) -> list[str]:
    """The acquirers that know of an authorization or a sale of an amount."""
    return [
        acquirer["id"]
        for acquirer in demo.description["acquirers"]
        if AcquirerJournal(Path(acquirer["journal"])).movements(amount)
    ]


def test_each_region_has_one_owner_and_one_session_to_each_acquirer(cluster: Cluster) -> None:
    def are_all_up() -> bool:
        found = links(cluster)
        return len(found) == 6 and all(link["session"] == "up" for link in found.values())

    eventually(are_all_up, within=30)
    for place in range(3):
        found = regions(cluster, place)
        assert sorted(found) == REGIONS
        assert {region["owner"] for region in found.values()} <= set(cluster.names)
    for link in links(cluster).values():
        assert (link["mode"], link["breaker"], link["standing"]) == ("test", "closed", "open")
    table = run("links", "list", "--admin", admin(cluster)).stdout.splitlines()
    assert table[0].split() == [
        *("REGION", "LINK", "MODE", "OWNER", "SESSION", "IN", "FLIGHT", "BREAKER", "STANDING")
    ]
    assert len(table) == 7


def test_payments_leave_a_drained_link_and_what_it_took_still_goes_there(
    cluster: Cluster,
) -> None:
    [first, second, third] = cluster.clients()
    amount = next_amount()
    held = pay(first, amount=amount, capture_method="manual")
    assert taken_by(cluster, amount) == ["acquirer-1"]
    change(cluster, "drain", "acquirer-1")
    try:
        assert standings(cluster, "acquirer-1") == {"drained"}
        for client in (first, second, third):
            other = next_amount()
            assert pay(client, amount=other).status == "succeeded"
            assert taken_by(cluster, other) == ["acquirer-2"]
        taken = second.v1.payment_intents.capture(held.id)
        assert (taken.status, taken.amount_received) == ("succeeded", amount)
        third.v1.refunds.create({"payment_intent": held.id, "amount": 500})

        def is_refunded() -> bool:
            row = cluster.journal.movement(amount)
            return (row["captured_amount"], row["refunded_amount"]) == (amount, 500)

        eventually(is_refunded, within=30)
    finally:
        change(cluster, "undrain", "acquirer-1")
    assert standings(cluster, "acquirer-1") == {"open"}


def test_without_a_link_that_takes_payments_they_are_to_come_again(cluster: Cluster) -> None:
    change(cluster, "drain", "acquirer-1")
    change(cluster, "drain", "acquirer-2")
    try:

        def is_refused() -> bool:
            try:
                pay(cluster.clients()[0])
            except stripe.APIError as error:
                assert error.http_status == 503
                assert error.headers["stripe-should-retry"] == "true"
                return True
            return False

        eventually(is_refused, within=10, what="no link takes payments")
    finally:
        change(cluster, "undrain", "acquirer-1")
        change(cluster, "undrain", "acquirer-2")

    def is_taken() -> bool:
        try:
            return pay(cluster.clients()[0]).status == "succeeded"
        except stripe.APIError:
            return False

    eventually(is_taken, within=10, what="links take payments again")


def test_one_region_alone_is_drained_where_it_is_named(cluster: Cluster) -> None:
    change(cluster, "drain", "acquirer-1", "--region", "us")
    found = links(cluster)
    assert found["us", "acquirer-1"]["standing"] == "drained"
    assert found["eu", "acquirer-1"]["standing"] == "open"
    change(cluster, "undrain", "acquirer-1", "--region", "us")
    again = links(cluster)["us", "acquirer-1"]
    assert again["standing"] == "open"
    assert again["epoch"] == found["us", "acquirer-1"]["epoch"] + 1


def test_what_cannot_be_drained_is_refused_by_name(cluster: Cluster) -> None:
    done = run("links", "drain", "acquirer-9", "--admin", admin(cluster))
    assert done.returncode == 64
    assert "the links are acquirer-1, acquirer-2" in done.stderr
    done = run("links", "drain", "acquirer-1", "--region", "mars", "--admin", admin(cluster))
    assert done.returncode == 64
    assert "the regions are ap, eu, us" in done.stderr
    for command in ((), ("list",), ("drain",), ("undrain",)):
        text = run("links", *command, "--help").stdout
        assert text.index("EXAMPLE") < text.index("USAGE")


def test_an_owner_that_is_killed_under_load_costs_no_money_and_no_error(cluster: Cluster) -> None:
    victim = regions(cluster)["us"]["owner"]
    rest = [name for name in cluster.names if name != victim]

    def strike() -> None:
        cluster.kill(victim)
        place = cluster.names.index(rest[0])

        def is_owned() -> bool:
            found = regions(cluster, place)
            return all(region.get("owner") in rest for region in found.values())

        eventually(is_owned, within=60, what="others own all links")

    shoppers = while_shopping(cluster, rest, strike, lambda: cluster.restart_all(victim))
    # What the dead owner had written and nobody heard of is reversed: its shoppers hear of that.
    codes = {getattr(error, "code", None) for error in shoppers.errors}
    assert codes <= {"processing_error"}, shoppers.errors[:3]


def test_an_owner_that_stands_still_does_not_keep_its_links(cluster: Cluster) -> None:
    victim = regions(cluster)["eu"]["owner"]
    rest = [name for name in cluster.names if name != victim]
    place = cluster.names.index(rest[0])
    cluster.signal(victim, signal.SIGSTOP)
    try:
        eventually(
            lambda: regions(cluster, place)["eu"].get("owner") in rest,
            within=60,
            what="another node owns the links of eu",
        )
        client = cluster.clients()[place]

        def is_paid() -> bool:
            try:
                return pay(client).status == "succeeded"
            except stripe.StripeError:
                return False

        eventually(is_paid, within=60, what="a payment by way of the new owner")
    finally:
        cluster.signal(victim, signal.SIGCONT)
    cluster.await_all_ready()


def test_a_payment_of_one_node_costs_two_syncs_and_no_ask(tmp_path: Path) -> None:
    demo = Demo(tmp_path)
    names = ("sunny_journal_syncs_total", "sunny_journal_entries_total", "sunny_link_asks_total")
    try:
        demo.start()
        pay(demo.client)
        before = [demo.metric(name) for name in names]
        for _ in range(10):
            assert pay(demo.client).status == "succeeded"
        work = [demo.metric(name) - count for name, count in zip(names, before, strict=True)]
        assert work[0] <= 20 and work[1] <= 20 and work[2] == 0, work
    finally:
        demo.stop()


def test_one_node_owns_its_links_and_drains_them(tmp_path: Path) -> None:
    demo = Demo(tmp_path)
    try:
        demo.start()
        [owner] = [node["id"] for node in demo.nodes]
        assert {region["owner"] for region in regions(demo).values()} == {owner}
        change(demo, "drain", "acquirer-1")
        with pytest.raises(stripe.APIError) as refused:
            pay(demo.client)
        assert refused.value.http_status == 503
        demo.kill_node()
        demo.restart_node()
        assert standings(demo, "acquirer-1") == {"drained"}
        change(demo, "undrain", "acquirer-1")
        assert pay(demo.client).status == "succeeded"
    finally:
        demo.stop()

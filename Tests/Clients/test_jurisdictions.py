"""Two jurisdictions in one cluster: card numbers stay in theirs, everything else goes anywhere."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import stripe

from support import cards, wire
from support.amounts import next_amount
from support.cluster import pay
from support.demo import run
from support.made_cluster import MadeCluster
from support.waiting import eventually

PAYMENTS = "/v1/payment_intents"
PLACES = {"eu-1@eu": "eu", "us-1@us": "world"}


class TwoJurisdictions(MadeCluster):
    """A node in each of two jurisdictions, and a merchant at home in one of them."""

    def __init__(self, folder: Path):
        super().__init__(folder, *PLACES, replicas=1)
        for name in self.ports:
            self._split(name)

    def _split(self, name: str) -> None:
        """Half of the shards to each jurisdiction, as ClusterConfigs/three-regions.yaml has it."""
        file = self.shop / name / "node.yaml"
        lines = []
        for line in file.read_text().splitlines():
            words = line.split()
            if words[:1] == ["nodes:"]:
                lines.append("  regions:")
                for place, law in PLACES.items():
                    lines.append(f"    - {{name: {place.split('@')[1]}, jurisdiction: {law}}}")
                lines.append("  placements:")
                for place, law in PLACES.items():
                    home = place.split("@")[1]
                    lines.append(f"    - {{shards: 2, jurisdiction: {law}, home: {home}}}")
            if words[:1] == ["jurisdiction:"]:
                continue
            lines.append(line)
            if words[:1] == ["address:"] and line.startswith("      "):
                owner = [other for other, ports in self.ports.items() if str(ports[0]) in line]
                if owner:
                    lines.append(f"      url: {self.base(owner[0])}")
            if words[:2] == ["-", "id:"] and words[2].startswith("acct_"):
                # The account's first character, in base 32, says in which half of the shards it is.
                half = int(words[2][5], 32) < 16
                self.home, self.abroad = ("eu-1", "us-1") if half else ("us-1", "eu-1")
                lines.append(f"    jurisdiction: {'eu' if half else 'world'}")
        file.write_text("\n".join(lines) + "\n")

    def base(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name][1]}"

    def client(self, name: str) -> stripe.StripeClient:
        return self.client_at(self.base(name), retries=0)


@pytest.fixture(scope="module")
def cluster(module_path: Path) -> Iterator[TwoJurisdictions]:
    cluster = TwoJurisdictions(module_path)
    try:
        yield cluster.start()
        cluster.assert_reconciled()
    finally:
        cluster.stop()


def refused(cluster: TwoJurisdictions, path: str, parameters: dict[str, Any]) -> wire.Answer:
    headers = {"Authorization": f"Bearer {cluster.key}"}
    return wire.send(cluster.base(cluster.abroad), "POST", path, parameters, headers)


def test_a_card_is_refused_abroad_with_the_address_of_home(cluster: TwoJurisdictions) -> None:
    parameters = {"amount": next_amount(), "currency": "usd"}
    for path in (PAYMENTS, "/v1/payment_methods", f"{PAYMENTS}/pi_00000000000000000/confirm"):
        answer = refused(cluster, path, parameters)
        assert answer.status == 421, answer
        error = json.loads(answer.body)["error"]
        assert error["type"] == "invalid_request_error"
        assert cluster.base(cluster.home) in error["message"]
        assert answer.headers["location"] == cluster.base(cluster.home) + path


def test_the_body_is_not_waited_for(cluster: TwoJurisdictions) -> None:
    """The answer comes while the client has sent nothing but the head."""
    host, port = cluster.base(cluster.abroad).removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as stream:
        head = (
            f"POST {PAYMENTS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {cluster.key}\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\n"
        )
        stream.sendall(head.encode())
        assert stream.recv(4096).startswith(b"HTTP/1.1 421 ")


def test_without_a_card_any_node_serves(cluster: TwoJurisdictions) -> None:
    home, abroad = cluster.client(cluster.home), cluster.client(cluster.abroad)
    method = home.v1.payment_methods.create({"type": "card", "card": cards.card()})
    held = pay(home, payment_method=method.id, capture_method="manual")
    assert held.status == "requires_capture"
    seen = abroad.v1.payment_intents.retrieve(held.id)
    assert seen.to_dict() == home.v1.payment_intents.retrieve(held.id).to_dict()
    shown = abroad.v1.payment_methods.retrieve(method.id)
    assert shown.to_dict() == home.v1.payment_methods.retrieve(method.id).to_dict()
    assert abroad.v1.payment_intents.capture(held.id).status == "succeeded"
    assert abroad.v1.refunds.create({"payment_intent": held.id, "amount": 100}).amount == 100
    other = pay(home, capture_method="manual")
    assert abroad.v1.payment_intents.cancel(other.id).status == "canceled"
    listed = abroad.v1.payment_intents.list({"limit": 100}).data
    assert {held.id, other.id} <= {item.id for item in listed}


def test_shards_and_links_are_in_their_jurisdictions(cluster: TwoJurisdictions) -> None:
    def page() -> dict[str, Any]:
        admin = cluster.node_called(cluster.home)["admin"]
        done = run("cluster", "status", "--admin", admin, "--output", "json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    eventually(
        lambda: len([row for row in page()["link_shards"] if row.get("leader")]) == 1
        and len(page()["link_shards"]) == 2,
        within=60,
        what="each region has its link shard",
    )
    found = page()
    assert [row["replicas"] for row in found["shards"]] == [["eu-1"]] * 2 + [["us-1"]] * 2
    places = {row["region"]: row["replicas"] for row in found["link_shards"]}
    assert places == {"eu": ["eu-1"], "us": ["us-1"]}


def test_flags_are_the_clusters(cluster: TwoJurisdictions) -> None:
    def flags(name: str) -> dict[str, bool]:
        admin = cluster.node_called(name)["admin"]
        done = run("cluster", "flags", "list", "--admin", admin, "--output", "json")
        assert done.returncode == 0, done.stderr
        return {flag["name"]: flag["is_on"] for flag in json.loads(done.stdout)}

    admin = cluster.node_called("eu-1")["admin"]
    done = run("cluster", "flags", "set", "rebalancing", "off", "--admin", admin)
    assert done.returncode == 0, done.stderr
    for name in cluster.names:
        eventually(
            lambda name=name: flags(name)["rebalancing"] is False, within=30, what="it is off"
        )
    done = run("cluster", "flags", "unset", "rebalancing", "--admin", admin)
    assert done.returncode == 0, done.stderr
    eventually(lambda: flags("us-1")["rebalancing"] is True, within=30, what="it is on again")
    done = run("cluster", "flags", "set", "rebalancin", "off", "--admin", admin)
    assert done.returncode == 64
    assert "did you mean rebalancing?" in done.stderr


def test_an_impossible_goal_is_refused(cluster: TwoJurisdictions, tmp_path: Path) -> None:
    text = (cluster.shop / "eu-1" / "node.yaml").read_text()
    file = tmp_path / "node.yaml"
    file.write_text(text.replace("home: eu}", "home: eu, survive: region}"))
    done = run("config", "check", file, "--without-certificate")
    assert done.returncode != 0
    assert "could not lose one" in done.stderr

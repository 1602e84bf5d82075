"""Several nodes: any of them takes any request, and money moves once whichever of them is lost."""

import json
import shutil
import signal
import stat
import subprocess
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import stripe

from support import cards, wire
from support.amounts import next_amount
from support.cluster import Cluster, pay, while_shopping
from support.demo import address, read_page, run
from support.waiting import eventually

PAYMENTS = "/v1/payment_intents"


@pytest.fixture(scope="module")
def cluster(module_path: Path) -> Iterator[Cluster]:
    """Three nodes that all tests here share: each leaves them running."""
    cluster = Cluster(module_path)
    try:
        yield cluster.start()
        cluster.assert_reconciled()
    finally:
        cluster.stop()


# One gateway, whichever node is asked


def test_a_payment_goes_on_at_any_node(cluster: Cluster) -> None:
    first, second, third = cluster.clients()
    amount = next_amount()
    made = first.v1.payment_intents.create(
        {"amount": amount, "currency": "usd", "capture_method": "manual"}
    )
    held = second.v1.payment_intents.confirm(made.id, {"payment_method": "pm_card_visa"})
    assert held.status == "requires_capture"
    taken = third.v1.payment_intents.capture(made.id)
    assert (taken.status, taken.amount_received) == ("succeeded", amount)
    refund = first.v1.refunds.create({"payment_intent": made.id, "amount": 500})
    seen = [client.v1.payment_intents.retrieve(made.id).to_dict() for client in cluster.clients()]
    assert seen[0] == seen[1] == seen[2]
    refunds = [client.v1.refunds.retrieve(refund.id).to_dict() for client in cluster.clients()]
    assert refunds[0] == refunds[1] == refunds[2]
    assert cluster.movement(amount)["refunded_amount"] == 500


def test_a_card_that_came_in_at_one_node_pays_at_the_others(cluster: Cluster) -> None:
    clients = cluster.clients()
    for taker in clients:
        method = taker.v1.payment_methods.create({"type": "card", "card": cards.card()})
        for payer in clients:
            assert pay(payer, payment_method=method.id).status == "succeeded"


def test_a_key_is_the_same_key_at_every_node(cluster: Cluster) -> None:
    parameters = {
        "amount": next_amount(),
        "currency": "usd",
        "payment_method": "pm_card_visa",
        "confirm": "true",
    }
    headers = {"Authorization": f"Bearer {cluster.key}", "Idempotency-Key": str(uuid.uuid4())}
    bases = [address(node["http"]) for node in cluster.nodes]

    def send(base: str) -> wire.Answer:
        return wire.send(base, "POST", PAYMENTS, parameters, headers)

    # At the same moment, and again afterwards.
    with ThreadPoolExecutor(len(bases)) as threads:
        together = list(threads.map(send, bases))
    answers = [answer for answer in together if answer.status != 409]
    assert answers, together
    answers += [send(base) for base in bases]
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert cluster.movement(parameters["amount"])["state"] == "captured"


def test_all_nodes_list_the_same(cluster: Cluster) -> None:
    for client in cluster.clients():
        pay(client)
    lists = [
        [item.id for item in client.v1.payment_intents.list({"limit": 100}).data]
        for client in cluster.clients()
    ]
    assert len(lists[0]) >= 3
    assert lists[0] == lists[1] == lists[2]


# What operators see


def test_every_node_tells_the_same_of_the_cluster(cluster: Cluster) -> None:
    def pages_that_agree() -> list[dict[str, Any]] | None:
        # They are of three moments, and the first seconds spread the leaderships.
        pages = [cluster.status(name) for name in cluster.names]
        leaders = [[row["leader"] for row in page["shards"]] for page in pages]
        return pages if all(told == leaders[0] for told in leaders) else None

    pages = eventually(pages_that_agree)
    assert [page["node"] for page in pages] == cluster.names == ["eu-1", "us-1", "ap-1"]
    assert [page["region"] for page in pages] == ["eu", "us", "ap"]
    assert len({page["id"] for page in pages}) == 1
    for page in pages:
        links = {member["name"]: member["link"] for member in page["members"]}
        assert links.pop(page["node"]) == "self"
        assert set(links.values()) == {"up"}
        assert page["certificate_end"].endswith(" UTC")
    for shard in range(4):
        rows = [page["shards"][shard] for page in pages]
        assert len({row["leader"] for row in rows}) == 1
        leading = [
            page["node"] for page, row in zip(pages, rows, strict=True) if row["role"] == "leader"
        ]
        assert leading == [rows[0]["leader"]]


def test_a_shard_is_handed_over_and_back(cluster: Cluster) -> None:
    shard = cluster.merchant_shard()
    names = [name for name in cluster.names if name != shard["leader"]]
    for source, target in [(shard["leader"], names[0]), (names[0], names[1])]:
        admin = cluster.node_called(source)["admin"].removeprefix("http://")
        done = run("cluster", "transfer", shard["shard"], "--to", target, "--admin", admin)
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"{target} leads shard {shard['shard']}\n"
        for client in cluster.clients():
            assert pay(client).status == "succeeded"
    assert cluster.leader() == names[1]
    # Only the leader can.
    admin = cluster.node_called(names[0])["admin"].removeprefix("http://")
    done = run("cluster", "transfer", shard["shard"], "--to", names[0], "--admin", admin)
    assert done.returncode == 75
    assert "does not lead" in done.stderr
    done = run("cluster", "transfer", 0, "--to", "mars-1", "--admin", admin)
    assert done.returncode == 64
    assert "eu-1, us-1, ap-1" in done.stderr


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://example.com"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Host": "rebound.example.com:80"},
    ],
    ids=str,
)
def test_no_page_in_a_browser_moves_a_shard(cluster: Cluster, headers: dict[str, str]) -> None:
    base = address(cluster.node["admin"])
    target = "/admin/cluster/transfer?shard=0&to=us-1"
    assert wire.send(base, "POST", target, "", headers).status == 403
    assert wire.send(base, "GET", target).status == 405


def test_metrics_tell_of_the_links(cluster: Cluster) -> None:
    total = 0.0
    for node in cluster.nodes:
        _, _, text = read_page(address(node["admin"]) + "/metrics")
        assert text.count("sunny_peer_link_up{peer=") == 2
        assert text.count("} 1\n# ") >= 1
        [line] = [line for line in text.splitlines() if line.startswith("sunny_shards_led ")]
        total += float(line.split()[1])
    assert total == 4


# Losing nodes


def is_definite_or_asks_again(error: stripe.StripeError) -> bool:
    """Whether it is what a shopper may be told when a node is lost: that the payment was given
    back, or that it is not decided so far, after the usual retries."""
    if isinstance(error, stripe.CardError):
        return True
    if isinstance(error, stripe.APIConnectionError):
        return error.http_status is None
    return error.http_status in (409, 500, 503, 504)


def test_nothing_is_lost_with_the_node_that_leads(cluster: Cluster) -> None:
    leader = cluster.leader()
    shoppers = while_shopping(
        cluster, cluster.names, lambda: cluster.kill(leader), lambda: cluster.restart_all(leader)
    )
    assert all(is_definite_or_asks_again(error) for error in shoppers.errors), shoppers.errors
    assert pay(cluster.clients()[cluster.names.index(leader)]).status == "succeeded"


def test_nothing_is_lost_while_the_node_that_leads_stands_still(cluster: Cluster) -> None:
    leader = cluster.leader()
    others = [name for name in cluster.names if name != leader]
    parameters = {
        "amount": next_amount(),
        "currency": "usd",
        "payment_method": "pm_card_visa",
        "confirm": "true",
    }
    headers = {"Authorization": f"Bearer {cluster.key}", "Idempotency-Key": str(uuid.uuid4())}

    def send(name: str) -> wire.Answer:
        base = address(cluster.node_called(name)["http"])
        return wire.send(base, "POST", PAYMENTS, parameters, headers)

    def strike() -> None:
        cluster.signal(leader, signal.SIGSTOP)
        try:
            with ThreadPoolExecutor(1) as threads:
                # One request waits at the node that stands still, and its retry does not.
                late = threads.submit(send, leader)
                retry = eventually(
                    lambda: (answer := send(others[0])).status == 200 and answer, within=30
                )
                time.sleep(8)
                cluster.signal(leader, signal.SIGCONT)
                assert late.result().body == retry.body
        finally:
            cluster.signal(leader, signal.SIGCONT)

    shoppers = while_shopping(cluster, others, strike)
    assert all(is_definite_or_asks_again(error) for error in shoppers.errors), shoppers.errors
    assert cluster.movement(parameters["amount"])["state"] == "captured"


def test_a_rolling_restart_is_not_noticed(cluster: Cluster) -> None:
    def strike() -> None:
        for name in cluster.names:
            cluster.restart_all(name)

    shoppers = while_shopping(cluster, cluster.names, strike)
    assert shoppers.errors == []


def test_everything_is_found_again_after_all_nodes_were_killed(cluster: Cluster) -> None:
    payment = pay(cluster.clients()[0])
    listed = [item.id for item in cluster.clients()[1].v1.payment_intents.list().data]
    cluster.kill(*cluster.names)
    done = run("demo", "restart", cluster.names[0], "--dir", cluster.folder)
    assert done.returncode == 0
    assert "1 of 3" in done.stdout
    cluster.restart_all(*cluster.names[1:])
    for client in cluster.clients():
        assert client.v1.payment_intents.retrieve(payment.id).status == "succeeded"
        assert [item.id for item in client.v1.payment_intents.list().data] == listed
    for client in cluster.clients():
        assert pay(client).status == "succeeded"


def test_a_certificate_is_read_again_while_payments_go_on(cluster: Cluster) -> None:
    name = cluster.names[0]
    log = cluster.folder / "logs" / f"{name}.log"
    certificate = cluster.folder / f"{name}.tls" / "node.crt"
    cluster.signal(name, signal.SIGHUP)
    eventually(lambda: "read the certificate again" in log.read_text())
    # What is no certificate is refused, and the old one stays.
    whole = certificate.read_bytes()
    certificate.write_bytes(whole[: len(whole) // 2])
    try:
        cluster.signal(name, signal.SIGHUP)
        eventually(lambda: "the old one stays in use" in log.read_text())
    finally:
        certificate.write_bytes(whole)
    assert pay(cluster.clients()[0]).status == "succeeded"


def test_a_node_with_an_empty_folder_is_another_member(cluster: Cluster) -> None:
    """Its votes are forgotten, and with them what it helped to decide."""
    name = cluster.names[0]
    before = {member["name"]: member["id"] for member in cluster.status(name)["members"]}
    cluster.kill(name)
    shutil.rmtree(cluster.folder / name)
    cluster.restart_all(name)
    after = {member["name"]: member["id"] for member in cluster.status(name)["members"]}
    assert after.pop(name) > max(before.values())
    assert before.pop(name) not in after.values()
    assert after == before
    assert pay(cluster.clients()[0]).status == "succeeded"


def test_a_journal_that_was_taken_away_is_missed(cluster: Cluster) -> None:
    name = cluster.names[1]
    cluster.kill(name)
    folder, kept = cluster.folder / name / "journal", cluster.folder / "kept"
    folder.rename(kept)
    try:
        done = run("demo", "restart", name, "--dir", cluster.folder)
        assert done.returncode != 0
        assert "the data folder has no journal" in done.stderr
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        kept.rename(folder)
    cluster.restart_all(name)
    assert pay(cluster.clients()[1]).status == "succeeded"


def lose_a_batch(journal: Path) -> None:
    """Spoils a batch in the middle of the newest segment: one without promises of support, whose
    loss would be that of the disk."""
    segment = sorted(journal.glob("*.journal"))[-1]
    content = bytearray(segment.read_bytes())
    blocks = range(0, len(content), 4096)
    places = [place for place in blocks if content[place : place + 4] == b"SBAT"]
    places = [place for place in places if b"\xff" * 4 not in content[place : place + 4096]]
    place = places[len(places) // 2]
    for offset in range(place + 64, place + 400):
        content[offset] ^= 0x5A
    segment.write_bytes(content)


def test_a_disk_that_has_lost_entries_is_repaired(cluster: Cluster) -> None:
    clients = cluster.clients()
    for _ in range(20):
        pay(clients[0])
    leader = cluster.leader()
    name = next(name for name in cluster.names if name != leader)
    folder = cluster.folder / name
    cluster.kill(name)
    lose_a_batch(folder / "journal")
    done = run("journal", "verify", folder)
    assert done.returncode == 1, done.stdout
    cluster.restart_all(name)
    payments = [pay(client) for client in cluster.clients()]
    for client in cluster.clients():
        for payment in payments:
            assert client.v1.payment_intents.retrieve(payment.id).status == "succeeded"
    for shard in cluster.status(name)["shards"]:
        assert "recovers_through" not in shard
        assert shard["blocked_by"] == []
    # What is damaged is needed by nobody any more.
    cluster.kill(name)
    report = json.loads(run("journal", "inspect", folder, "--output", "json").stdout)
    cluster.restart_all(name)
    assert report["verdict"] != "unreadable"
    for group in report["groups"]:
        assert group["damaged"] == []
        assert "recovers_through" not in group


# Making a cluster


def test_a_cluster_is_made_and_its_files_are_right(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    nodes = ["eu-1@eu=127.0.0.1:7001", "us-1@us=127.0.0.1:7002", "ap-1@ap=127.0.0.1:7003"]
    arguments = [word for node in nodes for word in ("--node", node)]
    done = run("cluster", "init", folder, *arguments)
    assert done.returncode == 0, done.stderr
    [key] = [word for word in done.stdout.split() if word.startswith("sk_test_")]
    secrets = [folder / "authority" / "authority.key"]
    for name in ("eu-1", "us-1", "ap-1"):
        own = folder / name
        secrets += [own / "vault.key", own / "tls" / "node.key", own / "node.yaml"]
        checked = run("config", "check", own / "node.yaml")
        assert checked.returncode == 0, checked.stderr
        assert "certificate is valid until" in checked.stdout
        assert key not in (own / "node.yaml").read_text()
        shown = run("config", "show", own / "node.yaml", "--output", "json")
        tree = json.loads(shown.stdout)
        assert tree["node"]["name"] == name
        assert tree["merchants"][0]["secret_key_digests"] == ["***"]
        assert [node["id"] for node in tree["cluster"]["nodes"]] == [1, 2, 3]
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in secrets)
    vault_keys = {(folder / name / "vault.key").read_bytes() for name in ("eu-1", "us-1", "ap-1")}
    assert len(vault_keys) == 1
    # Ports differ on one host.
    ports = {
        run("config", "show", folder / name / "node.yaml").stdout.split("admin: ")[1].split()[0]
        for name in ("eu-1", "us-1", "ap-1")
    }
    assert len(ports) == 3

    before = (folder / "us-1" / "tls" / "node.crt").read_bytes()
    assert run("cluster", "renew", folder).returncode == 0
    assert (folder / "us-1" / "tls" / "node.crt").read_bytes() != before
    assert run("config", "check", folder / "us-1" / "node.yaml").returncode == 0

    again = run("cluster", "init", folder, *arguments)
    assert again.returncode == 64
    assert "nothing is overwritten" in again.stderr

    # Another node's certificate is no good, and neither is none.
    foreign = folder / "us-1" / "tls" / "node.crt"
    foreign.write_bytes((folder / "eu-1" / "tls" / "node.crt").read_bytes())
    (folder / "us-1" / "tls" / "node.key").write_bytes(
        (folder / "eu-1" / "tls" / "node.key").read_bytes()
    )
    refused = run("config", "check", folder / "us-1" / "node.yaml")
    assert refused.returncode == 78
    assert "node/eu-1, not of" in refused.stderr
    foreign.unlink()
    for command in (["config", "check"], ["node", "--config"]):
        refused = run(*command, folder / "us-1" / "node.yaml")
        assert refused.returncode == 78
        assert "node.yaml:" in refused.stderr


@pytest.mark.parametrize(
    "nodes",
    [
        ["a@eu/=h:1"],
        ["a@eu=h:1", "a@eu=h:2", "c@eu=h:3"],
        ["a@eu=h:1", "b@eu=h:1", "c@eu=h:3"],
        ["a@eu=h:1", "b@eu=h:0", "c@eu=h:3"],
        ["a=h:1", "b@eu=h:2", "c@eu=h:3"],
    ],
)
def test_a_cluster_that_does_not_work_is_not_made(tmp_path: Path, nodes: list[str]) -> None:
    arguments = [word for node in nodes for word in ("--node", node)]
    done = run("cluster", "init", tmp_path / "shop", *arguments)
    assert done.returncode == 64
    assert not (tmp_path / "shop").exists()


def test_peers_that_cannot_be_heard_end_a_node_with_the_reason(cluster: Cluster) -> None:
    # A copy of a node's file with folders and listeners of its own, and the peers' port of another.
    name = cluster.names[0]
    text = (cluster.folder / f"{name}.yaml").read_text()
    node = cluster.node_called(name)
    for kind in ("http", "admin"):
        text = text.replace(address(node[kind]).removeprefix("http://"), "127.0.0.1:0")
    text = text.replace(f"data_directory: {name}", "data_directory: copied")
    # As at its very first start: otherwise a member does not begin with an empty folder.
    (cluster.folder / "copied").mkdir()
    (cluster.folder / "copied" / "first-start").touch()
    copied = cluster.folder / "copied.yaml"
    copied.write_text(text)
    done: subprocess.CompletedProcess[str] = run("node", "--config", copied)
    assert done.returncode == 69, done.stderr
    assert "peers cannot reach this node" in done.stderr
    assert pay(cluster.clients()[0]).status == "succeeded"

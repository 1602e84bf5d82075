"""Nodes come, go and lose their disks while shoppers pay; no acknowledged payment is lost."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cluster import pay, while_shopping
from support.demo import START_SECONDS, read_page, run
from support.made_cluster import MadeCluster
from support.waiting import eventually


@pytest.fixture
def three(tmp_path: Path) -> Iterator[MadeCluster]:
    cluster = MadeCluster(tmp_path, "eu-1@eu", "us-1@us", "ap-1@ap").start()
    try:
        yield cluster
        cluster.assert_reconciled()
    finally:
        cluster.stop()


def ids(cluster: MadeCluster, name: str) -> dict[str, int]:
    return {member["name"]: member["id"] for member in cluster.page(name)["members"]}


def test_a_cluster_grows_from_one_node_to_three_to_five(tmp_path: Path) -> None:
    cluster = MadeCluster(tmp_path, "n-1@eu").start()
    try:
        payment = pay(cluster.clients()[0])

        def grow(*places: str) -> None:
            for place in places:
                cluster.join(place)
            cluster.await_all_ready()

        while_shopping(cluster, ["n-1"], lambda: grow("n-2@us", "n-3@ap"))
        cluster.await_replicas(3)
        while_shopping(cluster, cluster.names, lambda: grow("n-4@eu", "n-5@us"))
        cluster.await_replicas(5)
        for client in cluster.clients():
            assert client.v1.payment_intents.retrieve(payment.id).status == "succeeded"
        # Five nodes outlive any two.
        while_shopping(
            cluster,
            ["n-2", "n-3", "n-4"],
            lambda: cluster.kill("n-1", "n-5"),
            lambda: [cluster.start_node(name) for name in ("n-1", "n-5")],
        )
    finally:
        cluster.stop()


def test_shards_that_have_moved_away_are_asked_for_elsewhere(tmp_path: Path) -> None:
    """A node that had a replica, and has none any more, knows a leader that leads no more."""
    cluster = MadeCluster(tmp_path, "n-1@r1", replicas=3).start()
    try:
        payments = [pay(cluster.clients()[0])]

        def grow() -> None:
            for place in ("n-2@r2", "n-3@r3", "n-4@r4", "n-5@r5"):
                cluster.join(place)
            cluster.await_all_ready()
            cluster.await_replicas(3)

        while_shopping(cluster, ["n-1"], grow)
        # No node has all of the four shards, and each is asked for all of them, wherever they are
        # led: who only asks is not told.
        for _ in range(2):
            for client in cluster.clients():
                payments.append(pay(client))
                for payment in payments:
                    found = client.v1.payment_intents.retrieve(payment.id)
                    assert found.status == "succeeded"
            for shard in cluster.page("n-1")["shards"]:
                lead_elsewhere(cluster, shard["shard"])
        cluster.await_all_ready()
        cluster.assert_reconciled()
    finally:
        cluster.stop()


def lead_elsewhere(cluster: MadeCluster, number: int) -> None:
    """Transfers a shard's leadership to the next one of its replicas."""

    def is_transferred() -> bool:
        for name in cluster.names:
            shard = cluster.page(name)["shards"][number]
            if shard["role"] != "leader":
                continue
            replicas = shard["replicas"]
            target = replicas[(replicas.index(name) + 1) % len(replicas)]
            admin = cluster.node_called(name)["admin"]
            done = run("cluster", "transfer", number, "--to", target, "--admin", admin)
            return done.returncode == 0
        return False

    eventually(is_transferred, within=START_SECONDS)


def test_whoever_is_there_admits_nodes_when_the_first_one_is_dead(tmp_path: Path) -> None:
    cluster = MadeCluster(tmp_path, "n-1@eu").start()
    try:
        first = cluster.shop / "n-1" / "node.yaml"
        written = first.read_text()
        for place in ("n-2@us", "n-3@ap"):
            cluster.join(place)
            cluster.await_all_ready()
        cluster.await_replicas(3)
        # What its cluster began with stays as it is, and so do the comments.
        added = [line for line in first.read_text().splitlines() if line not in written]
        assert [line.strip() for line in added if "name" in line] == ["- name: n-2", "- name: n-3"]
        assert [line for line in first.read_text().splitlines() if line not in added] == (
            written.splitlines()
        )
        cluster.kill("n-1")
        cluster.join("n-4@eu")
        cluster.await_all_ready()
        assert "joined" in cluster.log("n-4")
        # The first one has lost its disk, and finds those that came after it.
        shutil.rmtree(cluster.shop / "n-1" / "data")
        cluster.start_node("n-1")
        cluster.await_all_ready()
        assert ids(cluster, "n-2") == {"n-2": 2, "n-3": 3, "n-4": 4, "n-1": 5}
        assert pay(cluster.clients()[0]).status == "succeeded"
        cluster.assert_reconciled()
    finally:
        cluster.stop()


def test_a_lost_disk_comes_back_as_a_new_member(three: MadeCluster) -> None:
    payment = pay(three.clients()[0])
    before = ids(three, "eu-1")

    def strike() -> None:
        three.lose_disk("us-1")
        three.start_node("us-1")
        three.await_all_ready()

    while_shopping(three, ["eu-1", "ap-1"], strike)
    three.await_replicas(3)
    after = ids(three, "eu-1")
    assert after["us-1"] > max(before.values())
    assert {name: after[name] for name in ("eu-1", "ap-1")} == {"eu-1": 1, "ap-1": 3}
    assert "joined" in three.log("us-1")
    # It has everything, and its vote counts: without another node it is half of the majority.
    three.kill("eu-1")
    [_, us] = [client for client in three.clients()][-2:]
    eventually(
        lambda: us.v1.payment_intents.retrieve(payment.id).status == "succeeded", within=30
    )
    three.start_node("eu-1")
    three.await_all_ready()


def test_a_node_is_replaced_by_another(three: MadeCluster) -> None:
    def strike() -> None:
        three.join("us-2@us")
        three.await_all_ready()
        admin = three.node_called("eu-1")["admin"]
        done = run("cluster", "remove", "us-1", "--admin", admin)
        assert done.returncode == 0, f"{done.stdout}{done.stderr}"
        assert done.stdout.endswith("us-1 is no member any more\n")
        # The node that was removed ends, and says why.
        assert three.processes.pop("us-1").wait(START_SECONDS) == 70

    while_shopping(three, ["eu-1", "ap-1"], strike)
    # It does not come back with what it has.
    assert "removed from the cluster" in three.log("us-1")
    three.start_node("us-1")
    gone = three.processes.pop("us-1")
    assert gone.wait(START_SECONDS) == 70
    assert sorted(ids(three, "us-2")) == ["ap-1", "eu-1", "us-2"]
    three.await_replicas(3)


def test_a_disk_that_was_replaced_does_not_come_back(three: MadeCluster, tmp_path: Path) -> None:
    three.kill("us-1")
    data, kept = three.shop / "us-1" / "data", tmp_path / "kept"
    shutil.move(data, kept)
    three.start_node("us-1")
    three.await_all_ready()
    three.await_replicas(3)
    three.kill("us-1")
    shutil.rmtree(data)
    shutil.move(kept, data)
    three.start_node("us-1")
    old = three.processes.pop("us-1")
    assert old.wait(START_SECONDS) == 70
    assert "another data folder took its place" in three.log("us-1")
    assert pay(three.clients()[0]).status == "succeeded"


def test_a_disk_from_before_is_refused(three: MadeCluster, tmp_path: Path) -> None:
    admin = three.node_called("eu-1")["admin"]
    # Whoever leads the shard remembers what the node has acknowledged.
    assert run("cluster", "drain", "ap-1", "--admin", admin).returncode == 0
    payment = pay(three.clients()[0])
    three.kill("ap-1")
    data, kept = three.shop / "ap-1" / "data", tmp_path / "kept"
    shutil.copytree(data, kept)
    three.start_node("ap-1")
    three.await_all_ready()
    newer = [pay(client) for client in three.clients()]
    eventually(lambda: is_applied_everywhere(three))
    three.kill("ap-1")
    shutil.rmtree(data)
    shutil.move(kept, data)

    def strike() -> None:
        three.start_node("ap-1")
        old = three.processes.pop("ap-1")
        assert old.wait(START_SECONDS) == 70
        assert "older than what it has acknowledged" in three.log("ap-1")

    while_shopping(three, ["eu-1", "us-1"], strike)
    # As the message says.
    shutil.rmtree(data)
    three.start_node("ap-1")
    three.await_all_ready()
    three.await_replicas(3)
    for known in [payment, *newer]:
        found = three.clients()[-1].v1.payment_intents.retrieve(known.id)
        assert found.status == "succeeded"


def is_applied_everywhere(cluster: MadeCluster) -> bool:
    """Whether every node has applied as much of every shard."""
    pages = [cluster.page(name)["shards"] for name in cluster.names]
    applied = [[shard["applied_index"] for shard in page] for page in pages]
    return all(one == applied[0] for one in applied)


def test_a_drained_node_leads_nothing(three: MadeCluster) -> None:
    admin = three.node_called("eu-1")["admin"]

    def leaders() -> set[str | None]:
        return {shard.get("leader") for shard in three.page("ap-1")["shards"]}

    def strike() -> None:
        done = run("cluster", "drain", "us-1", "--admin", admin)
        assert done.returncode == 0, done.stderr
        eventually(lambda: leaders() <= {"eu-1", "ap-1"}, within=30)

    shoppers = while_shopping(three, three.names, strike)
    assert shoppers.errors == []
    assert run("cluster", "drain", "us-1", "--undo", "--admin", admin).returncode == 0
    eventually(lambda: "us-1" in leaders(), within=30)


def test_what_cannot_be_done_to_the_members_is_refused(three: MadeCluster) -> None:
    admin = three.node_called("eu-1")["admin"]
    for command in ("drain", "remove"):
        done = run("cluster", command, "mars-1", "--admin", admin)
        assert done.returncode == 64
        assert "eu-1, us-1, ap-1" in done.stderr
    done = run("cluster", "remove", "us-1", "--admin", admin)
    assert done.returncode == 75
    assert "its shards need 3 nodes" in done.stderr
    done = run("cluster", "join", three.shop, "--node", "us-1@us=127.0.0.1:1")
    assert done.returncode == 64
    assert "nothing is overwritten" in done.stderr


def test_whichever_node_is_asked_tells_the_truth_of_a_removal(three: MadeCluster) -> None:
    for place in ("x-1@eu", "x-2@us"):
        three.join(place)
    three.await_all_ready()
    three.await_replicas(5)
    leaver = three.node_called("x-1")["admin"]
    # The one that leaves ends before it could tell.
    done = run("cluster", "remove", "x-1", "--allow-fewer-replicas", "--admin", leaver)
    assert done.returncode == 64
    assert "eu-1, us-1, ap-1, x-2" in done.stderr
    # The node that is asked hears of what it has asked for after the leader of the topology does.
    for gone in ("x-1", "x-2"):
        leader = three.page("eu-1")["topology_leader"]
        asked = next(name for name in ("eu-1", "us-1", "ap-1") if name != leader)
        admin = three.node_called(asked)["admin"]
        done = run(
            *("cluster", "remove", gone, "--allow-fewer-replicas", "--admin", admin),
            *("--output", "json"),
        )
        assert done.returncode == 0, f"{done.stdout}{done.stderr}"
        assert json.loads(done.stdout)["standing"] == "removed"
        assert three.processes.pop(gone).wait(START_SECONDS) == 70
    three.await_replicas(3)


def test_draining_the_last_node_is_done_with_a_warning(three: MadeCluster) -> None:
    admin = three.node_called("eu-1")["admin"]
    for name in ("us-1", "ap-1"):
        done = run("cluster", "drain", name, "--admin", admin)
        assert done.returncode == 0, done.stderr
        region = name.split("-")[0]
        assert "warning: " in done.stderr
        assert f"another region leads the links of {region}" in done.stderr
        assert "warning" not in done.stdout
    done = run("cluster", "drain", "eu-1", "--admin", admin, "--output", "json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["node"], report["standing"]) == ("eu-1", "draining")
    assert "no node of the cluster is left that takes the lead" in report["warning"]
    assert pay(three.clients()[0]).status == "succeeded"
    for name in three.names:
        done = run("cluster", "drain", name, "--undo", "--admin", admin, "--output", "json")
        assert json.loads(done.stdout) == {"node": name, "standing": "active"}


def test_a_node_with_another_authority_gets_nowhere(three: MadeCluster, tmp_path: Path) -> None:
    """Its certificate says the right things, and another authority says so."""
    (tmp_path / "other").mkdir()
    other = MadeCluster(tmp_path / "other", "eu-1@eu", "us-1@us", "ap-1@ap")
    name = three.join("us-2@us")
    three.kill(name)
    tls = three.shop / name / "tls"
    shutil.rmtree(tls)
    done = run("cluster", "join", other.shop, "--node", "us-2@us=127.0.0.1:1")
    assert done.returncode == 0, done.stderr
    shutil.copytree(other.shop / name / "tls", tls)
    shutil.rmtree(three.shop / name / "data", ignore_errors=True)
    three.start_node(name)
    eventually(lambda: "not admitted yet" in three.log(name).split("joined")[-1])
    three.kill(name)
    assert pay(three.clients()[0]).status == "succeeded"


def test_a_node_that_cannot_join_says_why(three: MadeCluster) -> None:
    name = three.join("us-2@us")
    three.kill(name)
    shutil.rmtree(three.shop / name / "data", ignore_errors=True)
    file = three.shop / name / "node.yaml"
    file.write_text(file.read_text().replace("shards: 4", "shards: 8"))
    done: subprocess.CompletedProcess[str] = run("node", "--config", file)
    assert done.returncode == 78
    assert "it has 4 shards" in done.stderr


# What lies on disks


def test_nothing_that_merchants_say_is_readable_on_a_disk(three: MadeCluster) -> None:
    """In no file of any node, one that came later and was sent everything among them."""
    said = ["paid-for-a-wedding", "Ada.Lovelace@example.com", "order-number-4711"]
    client = three.clients()[0]
    for _ in range(20):
        paid = pay(client, description=said[0], receipt_email=said[1], metadata={"order": said[2]})
    assert client.v1.payment_intents.retrieve(paid.id).metadata["order"] == said[2]
    three.lose_disk("ap-1")
    three.start_node("ap-1")
    three.await_all_ready()
    three.await_replicas(3)
    for client in three.clients():
        seen = client.v1.payment_intents.retrieve(paid.id)
        assert (seen.description, seen.receipt_email) == (said[0], said[1])
    names = three.names
    three.kill(*names)
    looked_at = set()
    for name in names:
        for file in (three.shop / name / "data").rglob("*"):
            if file.is_file():
                content = file.read_bytes().lower()
                looked_at.add(file.name.split(".")[-1])
                for words in said:
                    assert words.lower().encode() not in content, f"{file}: {words}"
        done = run("journal", "inspect", three.shop / name / "data/journal", "--output", "json")
        assert done.returncode == 0, done.stderr
        groups = json.loads(done.stdout)["groups"]
        sealed = {group["name"]: group["sealed_entries"] for group in groups}
        # The topology is in clear, and so are members and leaders' first entries.
        assert sealed["meta"] == 0 and sum(sealed.values()) > 0, groups
    assert {"journal", "sqlite"} <= looked_at
    for name in names:
        three.start_node(name)
    three.await_all_ready()


def test_a_vault_with_another_key_is_kept_out_and_told_why(
    three: MadeCluster, tmp_path: Path
) -> None:
    """On a node with a state, which does not start, and on a new one, whose links are refused."""
    paid = pay(three.clients()[0])
    key = three.shop / "us-1" / "vault.key"
    kept = key.read_bytes()
    three.kill("us-1")
    # The next start makes another one.
    key.unlink()
    done = run("node", "--config", three.shop / "us-1" / "node.yaml")
    assert done.returncode == 78
    assert "cannot be opened: the vault's master key is not the one" in done.stderr
    assert "vault.software.key_file" in done.stderr
    assert "\n" not in done.stderr.strip().replace("\n  ", " "), done.stderr
    key.write_bytes(kept)
    three.start_node("us-1")
    three.await_all_ready()
    name = three.join("us-2@us")
    three.kill(name)
    three.lose_key_and_data(name)
    three.start_node(name)
    eventually(lambda: "master key of its vault is not the one" in three.log("eu-1"))
    eventually(lambda: "master key of its vault is not the one" in three.log(name))
    status = read_page(f"http://{three.node_called(name)['admin']}/readyz")[0]
    assert status == 503
    three.kill(name)
    for client in three.clients():
        assert client.v1.payment_intents.retrieve(paid.id).status == "succeeded"
        assert pay(client).status == "succeeded"
    shutil.copy(three.shop / "us-1" / "vault.key", three.shop / name / "vault.key")
    three.start_node(name)
    three.await_all_ready()
    assert pay(three.clients()[3]).status == "succeeded"

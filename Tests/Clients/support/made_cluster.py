"""Clusters as operators make them: `sunny cluster init`, and a process for each node."""

import json
import shutil
import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import stripe

from support.cards import find_card_numbers
from support.cluster import Endpoints
from support.demo import START_SECONDS, address, binary, read_page, run
from support.journal import AcquirerJournal
from support.waiting import eventually


# Ports that were given out: nobody may listen on one yet, and then the system gives it again.
GIVEN: set[int] = set()


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on at the moment, and that nobody was given before."""
    sockets: list[socket.socket] = []
    ports: list[int] = []
    while len(ports) < count:
        sockets.append(socket.create_server(("127.0.0.1", 0)))
        port = sockets[-1].getsockname()[1]
        if port not in GIVEN:
            ports.append(port)
            GIVEN.add(port)
    for one in sockets:
        one.close()
    return ports


class MadeCluster(Endpoints):
    """Nodes with a folder each below `folder/shop`, and one acquirer."""

    def __init__(self, folder: Path, *places: str, replicas: int = 5, options: Sequence[str] = ()):
        """`places` are NAME@REGION or NAME@REGION/ZONE; the cluster begins with these. `options`
        are further ones of `sunny cluster init`."""
        self.folder = folder
        self.shop = folder / "shop"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.ports: dict[str, tuple[int, int, int]] = {}
        acquirer, self.control = free_ports(2)
        self.acquirer_address = f"127.0.0.1:{acquirer}"
        arguments = [word for place in places for word in ("--node", self._node(place))]
        done = run(
            *("cluster", "init", self.shop, *arguments, "--shards", 4),
            *("--replicas", replicas, "--acquirer", f"acquirer={self.acquirer_address}"),
            *options,
        )
        assert done.returncode == 0, done.stderr
        [self.key] = [word for word in done.stdout.split() if word.startswith("sk_test_")]
        for name in self.ports:
            self._set_listeners(name)

    def _node(self, place: str) -> str:
        name = place.split("@")[0]
        peers, http, admin = free_ports(3)
        self.ports[name] = (peers, http, admin)
        return f"{place}=127.0.0.1:{peers}"

    def _set_listeners(self, name: str) -> None:
        file = self.shop / name / "node.yaml"
        _, http, admin = self.ports[name]
        lines = []
        for line in file.read_text().splitlines():
            key = line.strip().split(":")[0]
            if key in ("http", "admin"):
                line = f"  {key}: 127.0.0.1:{http if key == 'http' else admin}"
            lines.append(line)
        file.write_text("\n".join(lines) + "\n")

    # Its life

    def start(self) -> "MadeCluster":
        with (self.folder / "acquirer.log").open("a") as log:
            self.acquirer = subprocess.Popen(
                [binary(), "acquirer", "--listen", self.acquirer_address]
                + ["--control", f"127.0.0.1:{self.control}"]
                + ["--journal", self.folder / "acquirer.sqlite"],
                stdout=log,
                stderr=log,
            )
        for name in list(self.ports):
            self.start_node(name)
        self.await_all_ready()
        return self

    def start_node(self, name: str) -> None:
        with (self.folder / f"{name}.log").open("a") as log:
            self.processes[name] = subprocess.Popen(
                [binary(), "node", "--config", self.shop / name / "node.yaml"],
                stdout=log,
                stderr=log,
            )

    def join(self, place: str) -> str:
        """A further node, which is started; returns its name."""
        node = self._node(place)
        name = place.split("@")[0]
        done = run("cluster", "join", self.shop, "--node", node)
        assert done.returncode == 0, done.stderr
        self._set_listeners(name)
        self.start_node(name)
        return name

    def kill(self, *names: str) -> None:
        """kill -9."""
        for name in names:
            process = self.processes.pop(name)
            process.kill()
            process.wait()

    def lose_disk(self, name: str) -> None:
        self.kill(name)
        shutil.rmtree(self.shop / name / "data")

    def lose_key_and_data(self, name: str) -> None:
        """The next start makes another key, and joins as a new member."""
        (self.shop / name / "vault.key").unlink()
        shutil.rmtree(self.shop / name / "data", ignore_errors=True)

    def stop(self) -> None:
        """Ends every node in order, and makes sure that no card number was left behind."""
        try:
            for process in self.processes.values():
                process.send_signal(signal.SIGTERM)
            for name, process in self.processes.items():
                assert process.wait(START_SECONDS) == 0, f"{name}\n{self.log(name)}"
            found = find_card_numbers(self.folder)
            assert not found, "\n".join(found)
        finally:
            for process in [*self.processes.values(), self.acquirer]:
                process.kill()
                process.wait()

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    # What is known of it

    @property
    def names(self) -> list[str]:
        """The nodes that run."""
        return list(self.processes)

    def node_called(self, name: str) -> dict[str, Any]:
        _, http, admin = self.ports[name]
        return {"id": name, "http": f"127.0.0.1:{http}", "admin": f"127.0.0.1:{admin}"}

    @property
    def nodes(self) -> list[dict[str, Any]]:
        return [self.node_called(name) for name in self.names]

    def clients(self) -> list[stripe.StripeClient]:
        return [self.client_at(address(node["http"]), retries=0) for node in self.nodes]

    def page(self, name: str) -> dict[str, Any]:
        """What a node says of the cluster, ready or not."""
        admin = self.node_called(name)["admin"]
        done = run("cluster", "status", "--admin", admin, "--output", "json")
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    def await_replicas(self, count: int) -> None:
        """Returns when every node that runs says that every shard, those of links among them, is on
        so many, and settled."""

        def are_there() -> bool:
            for name in self.names:
                page = self.page(name)
                for shard in page["shards"] + page["link_shards"]:
                    assert len(shard["replicas"]) == count, f"{name}: {shard}"
                    assert shard["is_settled"], f"{name}: {shard}"
            return True

        eventually(are_there, within=START_SECONDS)

    def await_all_ready(self) -> None:
        pages = [address(node["admin"]) + "/readyz" for node in self.nodes]

        def ready() -> bool:
            try:
                return all(read_page(page)[0] == 200 for page in pages)
            except OSError:
                return False

        logs = "\n".join(self.log(name)[-500:] for name in self.names)
        eventually(ready, within=START_SECONDS, what=f"all nodes are ready\n{logs}")

    @property
    def journal(self) -> AcquirerJournal:
        return AcquirerJournal(self.folder / "acquirer.sqlite")

    def assert_reconciled(self) -> None:
        admins = [word for node in self.nodes for word in ("--admin", node["admin"])]
        journal = f"acquirer={self.folder / 'acquirer.sqlite'}"
        done = run("reconcile", *admins, "--journal", journal, "--wait", 60, timeout=90)
        assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"

"""A running `sunny demo`, and everything that tests do to it."""

import json
import os
import re
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError

import stripe

from support import wire
from support.cards import find_card_numbers
from support.journal import AcquirerJournal
from support.waiting import eventually

# Far above what a start takes on a loaded machine.
START_SECONDS = 60


def binary() -> str:
    """The program under test."""
    path = os.environ.get("SUNNY_BIN")
    assert path, "set SUNNY_BIN to the sunny binary, as `make test` does"
    assert os.access(path, os.X_OK), f"{path} is not a program"
    return path


def run(*arguments: object, timeout: float = START_SECONDS) -> subprocess.CompletedProcess[str]:
    """Runs the program to its end, whatever its exit code."""
    # Files take the output rather than pipes: what a detached demo leaves running may hold on to
    # them, and must not hold the test up.
    return subprocess.run(
        [binary(), *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=timeout,
    )


def read_page(url: str, timeout: float = 10) -> tuple[int, str, str]:
    """Status, type and text of a page."""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as response:
            return response.status, response.headers["Content-Type"], response.read().decode()
    except HTTPError as error:
        return error.code, error.headers["Content-Type"], error.read().decode()


class Demo:
    """Nodes and acquirers with a data folder of their own; one of each unless a test says more."""

    def __init__(self, folder: Path, nodes: int = 1, acquirers: int = 1):
        self.folder = folder
        self.shape = ["--nodes", nodes, "--acquirers", acquirers]

    # Its life

    def start(self) -> "Demo":
        done = run("demo", "--dir", self.folder, "--detach", *self.shape)
        assert done.returncode == 0, f"sunny demo failed:\n{done.stdout}\n{done.stderr}"
        return self

    def stop(self) -> None:
        """Stops the demo and makes sure that it left no card number behind."""
        done = run("demo", "stop", "--dir", self.folder)
        assert done.returncode == 0, f"sunny demo stop failed:\n{done.stdout}\n{done.stderr}"
        found = find_card_numbers(self.folder)
        assert not found, "\n".join(found)

    @property
    def description(self) -> dict[str, Any]:
        """What `demo.json` says now: processes that are started again have other numbers."""
        return json.loads((self.folder / "demo.json").read_text())

    @property
    def node(self) -> dict[str, Any]:
        return self.description["nodes"][0]

    @property
    def nodes(self) -> list[dict[str, Any]]:
        return self.description["nodes"]

    @property
    def pids(self) -> list[int]:
        """Of everything that runs."""
        description = self.description
        processes = description["nodes"] + description["acquirers"]
        if "signer" in description:
            processes.append(description["signer"])
        return [process["pid"] for process in processes]

    @property
    def acquirer(self) -> dict[str, Any]:
        return self.description["acquirers"][0]

    def kill_node(self) -> None:
        """kill -9."""
        done = run("demo", "kill", self.node["id"], "--dir", self.folder)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"

    def restart(self, process: Mapping[str, Any]) -> None:
        """Starts a node or an acquirer again; what still runs is ended in order before."""
        done = run("demo", "restart", process["id"], "--dir", self.folder)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"

    def restart_node(self) -> None:
        self.restart(self.node)
        self.await_ready()

    def kill_acquirer(self) -> None:
        """kill -9."""
        os.kill(self.acquirer["pid"], signal.SIGKILL)

    def restart_acquirer(self) -> None:
        """And waits until the node has found it."""
        self.restart(self.acquirer)
        self.await_ready()

    def await_ready(self) -> None:
        eventually(self.is_ready, within=START_SECONDS, what="the node is ready")

    def is_ready(self) -> bool:
        try:
            return self.page("/readyz")[0] == 200
        except (URLError, OSError):
            return False

    # Its merchants

    @property
    def base(self) -> str:
        return address(self.node["http"])

    @property
    def key(self) -> str:
        return self.description["api_key"]

    @property
    def client(self) -> stripe.StripeClient:
        """The SDK as a merchant sets it up, but for retries, which would hide what it is told."""
        return stripe.StripeClient(
            self.key, base_addresses={"api": self.base}, max_network_retries=0
        )

    def send(
        self,
        method: str,
        target: str,
        parameters: Mapping[str, Any] | bytes | str | None = None,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> wire.Answer:
        """A request as bytes, with the merchant's key and under the idempotency key `key`."""
        sent = {"Authorization": f"Bearer {self.key}", **(headers or {})}
        if key is not None:
            sent["Idempotency-Key"] = key
        return wire.send(self.base, method, target, parameters, sent)

    def post(self, target: str, parameters: Any = None, key: str | None = None) -> wire.Answer:
        return self.send("POST", target, {} if parameters is None else parameters, key)

    def get(self, target: str) -> wire.Answer:
        return self.send("GET", target)

    # Its operators

    def page(self, path: str) -> tuple[int, str, str]:
        return read_page(address(self.node["admin"]) + path)

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples that have the labels; 0 when there is none."""
        status, _, text = self.page("/metrics")
        assert status == 200
        total = 0.0
        for line in text.splitlines():
            match = re.match(rf"{name}(\{{.*\}})? (\S+)", line)
            found = (match[1] or "") if match else ""
            if match and all(f'{key}="{value}"' in found for key, value in labels.items()):
                total += float(match[2])
        return total

    def reconcile(
        self, *arguments: object, timeout: float = START_SECONDS
    ) -> subprocess.CompletedProcess[str]:
        return run("reconcile", "--dir", self.folder, *arguments, timeout=timeout)

    def assert_reconciled(self) -> None:
        """Our books and the acquirer's agree, once what is under way has ended."""
        done = self.reconcile("--wait", 60, timeout=90)
        assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"

    # Its acquirer

    @property
    def journal(self) -> AcquirerJournal:
        return AcquirerJournal(Path(self.acquirer["journal"]))

    def control(self, command: str) -> list[str]:
        """What the acquirer's control port answers to a command that it must understand."""
        host, port = self.acquirer["control"].rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(command.encode() + b"\n")
            with connection.makefile() as stream:
                lines = [stream.readline().rstrip("\n")]
                if lines[0] in ("ok status", "ok help"):
                    while line := stream.readline().rstrip("\n"):
                        lines.append(line)
        assert lines[0].startswith("ok"), f"{command}: {lines[0]}"
        return lines

    @property
    def faults(self) -> list[str]:
        """What the acquirer still does wrong."""
        return [line for line in self.control("status") if line.startswith("fault ")]


def address(text: str) -> str:
    """An address of `demo.json` as the beginning of a URL."""
    return text.rstrip("/") if "://" in text else f"http://{text}"

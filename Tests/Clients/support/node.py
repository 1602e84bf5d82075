"""A node of its own, at an acquirer that another implementation speaks for."""

import hashlib
import json
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import stripe

from support import cards, wire
from support.amounts import next_amount
from support.demo import START_SECONDS, binary, read_page
from support.iso8583_host import Host
from support.waiting import eventually

SHOP_KEY = "sk_test_of_the_first_shop_at_another_implementation"
OTHER_SHOP_KEY = "sk_test_of_the_second_shop_at_another_implementation"
LIVE_KEY = "sk_live_of_the_first_shop_at_another_implementation"

CONFIGURATION = """
cluster:
  name: clients
environment: {environment}
node:
  name: node-1
  region: eu-1
  jurisdiction: eu
  data_directory: data
  shards: 2
listen:
  http: 127.0.0.1:0
  admin: 127.0.0.1:0
vault:
  software:
    key_file: node.key
links:
  - name: other
    address: {address}
    mode: test
    answer_timeout: 1s
    quiet_period: 100ms
    connect_timeout: 1s
    echo_interval: 500ms
merchants:
  - id: acct_00000000000shop01
    name: First shop
    mode: test
    secret_key_digests: [{shop_digest}]
  - id: acct_00000000000shop01
    name: First shop
    mode: live
    secret_key_digests: [{live_digest}]
  - id: acct_00000000000shop02
    name: Second shop, beside the first
    mode: test
    secret_key_digests: [{other_digest}]
{further}"""


def write_configuration(
    folder: Path,
    address: str = "127.0.0.1:1",
    environment: str = "development",
    further: str = "",
) -> Path:
    """A configuration whose only link goes to `address`, in a folder of its own; `further` are
    lines at its end."""

    def digest(key: str) -> str:
        return hashlib.sha256(key.encode()).hexdigest()

    configuration = folder / "node.yaml"
    configuration.write_text(
        CONFIGURATION.format(
            address=address,
            environment=environment,
            shop_digest=digest(SHOP_KEY),
            live_digest=digest(LIVE_KEY),
            other_digest=digest(OTHER_SHOP_KEY),
            further=further,
        )
    )
    return configuration


class Gateway:
    """A node with its files in `folder`, and its host."""

    base: str
    admin: str
    process: subprocess.Popen[bytes]

    def __init__(self, folder: Path, host: Host, further: str = ""):
        self.folder = folder
        self.host = host
        self.configuration = write_configuration(folder, host.address, further=further)

    def start(self) -> None:
        ports = self.folder / "ports.json"
        ports.unlink(missing_ok=True)
        command = [binary(), "node", "--config", self.configuration, "--ports-file", ports]
        with (self.folder / "node.log").open("a") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        eventually(ports.exists, within=START_SECONDS)
        addresses = json.loads(ports.read_text())
        self.base = f"http://{addresses['http']}"
        self.admin = f"http://{addresses['admin']}"
        eventually(lambda: read_page(self.admin + "/readyz")[0] == 200, within=START_SECONDS)

    def restart(self) -> None:
        """kill -9, and once more from the beginning."""
        self.process.kill()
        self.process.wait()
        self.start()

    def client_of(self, key: str) -> stripe.StripeClient:
        return stripe.StripeClient(key, base_addresses={"api": self.base}, max_network_retries=0)

    @property
    def client(self) -> stripe.StripeClient:
        return self.client_of(SHOP_KEY)

    def pay(self, **changes: object) -> stripe.PaymentIntent:
        return self.client.v1.payment_intents.create(
            {
                "amount": next_amount(),
                "currency": "usd",
                "payment_method": "pm_card_visa",
                "confirm": True,
                **changes,
            }
        )

    def decline(self, **changes: object) -> stripe.CardError:
        with pytest.raises(stripe.CardError) as caught:
            self.pay(**changes)
        return caught.value

    def status(self, payment: str) -> str:
        return self.client.v1.payment_intents.retrieve(payment).status

    def send(
        self,
        method: str,
        target: str,
        parameters: Mapping[str, Any] | None = None,
        key: str = SHOP_KEY,
        idempotency_key: str | None = None,
    ) -> wire.Answer:
        headers = {"Authorization": f"Bearer {key}"}
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        return wire.send(self.base, method, target, parameters, headers)

    def metric(self, name: str) -> float:
        _, _, text = read_page(self.admin + "/metrics")
        return sum(float(value) for value in re.findall(rf"^{name}\{{.*\}} (\S+)$", text, re.M))


@contextmanager
def running_gateway(folder: Path, further: str = "") -> Iterator[Gateway]:
    """Runs a node with its files in `folder`, and makes sure that it ends in order and left no card
    number behind."""
    host = Host()
    gateway = Gateway(folder, host, further)
    try:
        gateway.start()
        yield gateway
        gateway.process.send_signal(signal.SIGTERM)
        assert gateway.process.wait(60) == 0
        assert host.complaints == []
        assert cards.find_card_numbers(folder) == []
    finally:
        gateway.process.kill()
        gateway.process.wait()
        host.close()

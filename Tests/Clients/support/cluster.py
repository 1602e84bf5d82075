"""A demo of several nodes, and shoppers at all of them."""

import json
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import stripe

from support.amounts import next_amount
from support.balancer import Balancer
from support.demo import START_SECONDS, Demo, address, read_page, run
from support.journal import AcquirerJournal
from support.waiting import eventually


class Endpoints:
    """Nodes that shoppers can pay at."""

    key: str

    def node_called(self, name: str) -> dict[str, Any]:
        raise NotImplementedError

    def clients(self) -> list[stripe.StripeClient]:
        raise NotImplementedError

    def await_all_ready(self) -> None:
        raise NotImplementedError

    def assert_reconciled(self) -> None:
        raise NotImplementedError

    @property
    def journal(self) -> AcquirerJournal:
        raise NotImplementedError

    def movements(self, amount: int) -> list[sqlite3.Row]:
        """The authorizations and sales of an amount, whichever acquirer has them."""
        return self.journal.movements(amount)

    def movement(self, amount: int) -> sqlite3.Row:
        """The only authorization or sale of an amount."""
        found = self.movements(amount)
        assert len(found) == 1, f"{len(found)} movements of {amount}: {[dict(r) for r in found]}"
        return found[0]

    def client_at(self, base: str, retries: int) -> stripe.StripeClient:
        return stripe.StripeClient(
            self.key, base_addresses={"api": base}, max_network_retries=retries
        )


class Cluster(Demo, Endpoints):
    """Three nodes in three regions, and two acquirers."""

    def __init__(self, folder: Path):
        super().__init__(folder, nodes=3, acquirers=2)

    @property
    def names(self) -> list[str]:
        return [node["id"] for node in self.nodes]

    def node_called(self, name: str) -> dict[str, Any]:
        [node] = [node for node in self.nodes if node["id"] == name]
        return node

    def clients(self) -> list[stripe.StripeClient]:
        """The SDK at each node, without retries."""
        return [self.client_at(address(node["http"]), retries=0) for node in self.nodes]

    def movements(self, amount: int) -> list[sqlite3.Row]:
        journals = [AcquirerJournal(Path(one["journal"])) for one in self.description["acquirers"]]
        return [row for journal in journals for row in journal.movements(amount)]

    # What its operators see

    def status(self, name: str) -> dict[str, Any]:
        """What a node that is ready says of the cluster."""
        admin = self.node_called(name)["admin"].removeprefix("http://")
        done = run("cluster", "status", "--admin", admin, "--output", "json")
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return json.loads(done.stdout)

    def merchant_shard(self) -> dict[str, Any]:
        """The shard that grows with a payment, when nothing else is under way."""

        def indexes() -> dict[int, dict[str, Any]]:
            return {shard["shard"]: shard for shard in self.status(self.names[0])["shards"]}

        before = indexes()
        pay(self.clients()[0])
        after = indexes()
        return max(
            after.values(),
            key=lambda shard: shard["commit_index"] - before[shard["shard"]]["commit_index"],
        )

    def leader(self) -> str:
        """The node that leads the merchant's shard."""
        return self.merchant_shard()["leader"]

    # What is done to it

    def kill(self, *names: str) -> None:
        """kill -9."""
        for name in names:
            done = run("demo", "kill", name, "--dir", self.folder)
            assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"

    def restart_all(self, *names: str) -> None:
        """Ends each in order, if it runs, and starts it again; returns when all are ready."""
        done = run("demo", "restart", *names, "--dir", self.folder, timeout=2 * START_SECONDS)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        self.await_all_ready()

    def signal(self, name: str, number: signal.Signals) -> None:
        os.kill(self.node_called(name)["pid"], number)

    def await_all_ready(self) -> None:
        pages = [address(node["admin"]) + "/readyz" for node in self.nodes]

        def ready() -> bool:
            try:
                return all(read_page(page)[0] == 200 for page in pages)
            except OSError:
                return False

        eventually(ready, within=START_SECONDS, what="all nodes are ready")


def pay(client: stripe.StripeClient, **changes: Any) -> stripe.PaymentIntent:
    return client.v1.payment_intents.create(
        {
            "amount": next_amount(),
            "currency": "usd",
            "payment_method": "pm_card_visa",
            "confirm": True,
            **changes,
        }
    )


@dataclass(frozen=True)
class Purchase:
    """A payment that a shopper was told of."""

    id: str
    amount: int
    refund: str | None


class Shoppers:
    """Threads that pay through a load balancer, with an SDK that tries again twice, as is usual."""

    def __init__(self, cluster: Endpoints, names: Iterable[str], thread_count: int = 6):
        self.cluster = cluster
        self.balancer = Balancer(cluster.node_called(name)["http"] for name in names)
        self.client = cluster.client_at(self.balancer.base, retries=2)
        self.purchases: list[Purchase] = []
        self.errors: list[stripe.StripeError] = []
        self._stopping = threading.Event()
        self._threads = ThreadPoolExecutor(thread_count)
        self._runs = [self._threads.submit(self._shop) for _ in range(thread_count)]

    def _shop(self) -> None:
        while not self._stopping.is_set():
            try:
                payment = pay(self.client)
                refund = None
                if payment.amount % 3 == 0:
                    parameters = {"payment_intent": payment.id, "amount": 1000}
                    refund = self.client.v1.refunds.create(parameters).id
                self.purchases.append(Purchase(payment.id, payment.amount, refund))
            except stripe.StripeError as error:
                self.errors.append(error)
                # Where nothing answers at all, trying without a pause is no shopping.
                time.sleep(0.05)

    def await_purchases(self, count: int) -> None:
        """Returns when so many more were made."""
        goal = len(self.purchases) + count
        eventually(
            lambda: len(self.purchases) >= goal or any(run.done() for run in self._runs),
            within=90,
            what=f"{count} more purchases; {self.errors[-3:]}",
        )

    def stop(self) -> None:
        self._stopping.set()
        for run in self._runs:
            run.result()
        self._threads.shutdown()
        self.balancer.close()

    def check(self) -> None:
        """Every node knows every purchase, and the acquirers moved its money once."""
        assert self.purchases
        clients = self.cluster.clients()
        for number, purchase in enumerate(self.purchases):
            found = clients[number % len(clients)].v1.payment_intents.retrieve(purchase.id)
            assert (found.status, found.amount_received) == ("succeeded", purchase.amount)
            rows = self.cluster.movements(purchase.amount)
            captured = [row for row in rows if row["captured_amount"] > 0]
            assert len(captured) == 1, f"{purchase}: {[dict(row) for row in rows]}"
            refunded = captured[0]["refunded_amount"]
            assert refunded == (1000 if purchase.refund else 0), purchase


def while_shopping(
    cluster: Endpoints,
    names: Iterable[str],
    strike: Callable[[], None],
    mend: Callable[[], object] = lambda: None,
) -> Shoppers:
    """Strikes while shoppers pay at the nodes of these names, lets them go on, mends it, and checks
    what they were told."""
    shoppers = Shoppers(cluster, names)
    try:
        shoppers.await_purchases(20)
        strike()
        shoppers.await_purchases(20)
        mend()
        shoppers.await_purchases(20)
    finally:
        shoppers.stop()
    cluster.await_all_ready()
    cluster.assert_reconciled()
    shoppers.check()
    return shoppers

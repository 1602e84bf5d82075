"""Merchants at work while something is being killed, and what they were told."""

import http.client
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from support import wire
from support.amounts import next_amount
from support.demo import Demo
from support.waiting import eventually
from support.wire import Answer

PAYMENTS = "/v1/payment_intents"

# Longer than a restart and the resolution of what it left open.
PATIENCE_SECONDS = 90


@dataclass(frozen=True)
class Request:
    target: str
    parameters: dict[str, Any]
    key: str


@dataclass
class Payment:
    """What one merchant did with one payment and was told about it."""

    amount: int
    told: list[tuple[Request, Answer]] = field(default_factory=list)

    @property
    def last(self) -> Answer:
        return self.told[-1][1]

    @property
    def id(self) -> str:
        first = self.told[0][1].json
        return first["id"] if "id" in first else first["error"]["payment_intent"]["id"]


class Load:
    """Threads that pay, capture, cancel and refund, each retrying with its key until it is told."""

    def __init__(self, demo: Demo, thread_count: int = 8):
        # Read once: the addresses outlive the processes.
        self.base = demo.base
        self.headers = {"Authorization": f"Bearer {demo.key}"}
        self.demo = demo
        self.payments: list[Payment] = []
        # Attempts by what came of them: a status, or the connection's end.
        self.outcomes: Counter[str] = Counter()
        self.answer_count = 0
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._threads = ThreadPoolExecutor(thread_count)
        self._runs = [self._threads.submit(self._run, number) for number in range(thread_count)]

    def await_answers(self, count: int) -> None:
        """Returns when so many more requests have been answered."""
        goal = self.answer_count + count
        eventually(
            lambda: self.answer_count >= goal or any(run.done() for run in self._runs),
            within=PATIENCE_SECONDS,
            what=f"{count} more answers",
        )

    def stop(self) -> None:
        """Lets every merchant finish its payment."""
        self._stopping.set()
        for run in self._runs:
            run.result()
        self._threads.shutdown()

    # The merchants

    def _run(self, number: int) -> None:
        chance = random.Random(number)
        while not self._stopping.is_set():
            payment = Payment(next_amount())
            # Listed before the first answer, so that a failure in between is not overlooked.
            with self._lock:
                self.payments.append(payment)
            self._serve(payment, chance)

    def _serve(self, payment: Payment, chance: random.Random) -> None:
        capture = chance.choice(["automatic", "manual"])
        parameters = {
            "amount": payment.amount,
            "currency": "usd",
            "confirm": "true",
            "capture_method": capture,
        }
        if chance.random() < 0.3:
            name = "payment_method_data"
            parameters |= {
                f"{name}[type]": "card",
                f"{name}[card][number]": "4242424242424242",
                f"{name}[card][exp_month]": 12,
                f"{name}[card][exp_year]": 2034,
                f"{name}[card][cvc]": "123",
            }
        else:
            parameters["payment_method"] = "pm_card_visa"
        made = self._insist(payment, PAYMENTS, parameters)
        if made.status != 200 or made.json["status"] == "processing":
            return
        target = f"{PAYMENTS}/{payment.id}"
        if capture == "manual":
            operation = chance.choice(["capture", "cancel", "nothing"])
            if operation == "nothing":
                return
            part = payment.amount // 2 if chance.random() < 0.3 else payment.amount
            taken = {"amount_to_capture": part} if operation == "capture" else {}
            self._insist(payment, f"{target}/{operation}", taken)
            if operation == "cancel":
                return
        if chance.random() < 0.5:
            self._insist(payment, "/v1/refunds", {"payment_intent": payment.id, "amount": 1000})

    def _insist(self, payment: Payment, target: str, parameters: dict[str, Any]) -> Answer:
        """Sends a request until it has an answer that is one."""
        request = Request(target, parameters, str(uuid.uuid4()))
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            answer = self._try(request)
            if answer is not None and answer.status not in (409, 429) and answer.status < 500:
                assert answer.status in (200, 402), f"{request}: {answer.body!r}"
                payment.told.append((request, answer))
                with self._lock:
                    self.answer_count += 1
                return answer
            assert time.monotonic() < deadline, f"{request} is never answered: {answer}"
            # Nobody listens for a moment, or the first try is still under way.
            time.sleep(0.02)

    def _try(self, request: Request) -> Answer | None:
        headers = {**self.headers, "Idempotency-Key": request.key}
        try:
            answer = wire.send(self.base, "POST", request.target, request.parameters, headers)
            outcome = str(answer.status)
        except (OSError, http.client.HTTPException) as error:
            answer, outcome = None, type(error).__name__
        with self._lock:
            self.outcomes[outcome] += 1
        return answer

    # What must be true of what they were told

    def check(self) -> None:
        """Every answer is still true, is given again to a retry, and moved money once."""
        assert self.payments
        movements: dict[int, list[Any]] = {}
        for row in self.demo.journal.query("SELECT * FROM transactions WHERE kind <> 'refund'"):
            # A tombstone has no amount, and no money.
            movements.setdefault(row["amount"], []).append(row)
        refunds: Counter[int] = Counter()
        for row in self.demo.journal.query("SELECT * FROM transactions WHERE kind = 'refund'"):
            if row["state"] == "captured":
                refunds[row["original_id"]] += row["amount"]

        def check(payment: Payment) -> None:
            self._check_retries(payment)
            self._check_truth(payment, movements.get(payment.amount, []), refunds)

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(check, self.payments))

    def _check_retries(self, payment: Payment) -> None:
        for request, answer in payment.told:
            again = self._try(request)
            assert again is not None
            assert again.headers.get("idempotent-replayed") == "true", request
            assert (again.status, again.body) == (answer.status, answer.body), request

    def _check_truth(
        self, payment: Payment, rows: list[Any], refunds: Counter[int]
    ) -> None:
        answer = wire.send(
            self.base, "GET", f"{PAYMENTS}/{payment.id}", headers=self.headers
        )
        assert answer.status == 200, f"{payment.id} was lost"
        found = answer.json
        assert (found["id"], found["amount"]) == (payment.id, payment.amount)
        expected = expectation(payment)
        assert found["status"] == expected.status, f"{payment.told}\n{found}"
        assert found["amount_received"] == expected.captured
        assert found["amount_capturable"] == expected.held

        assert len(rows) <= 1, f"{payment.id}: {[dict(row) for row in rows]}"
        captured = sum(row["captured_amount"] for row in rows)
        kept = sum(row["amount"] - row["reversed_amount"] for row in rows if has_money(row))
        assert captured == expected.captured, payment.id
        assert kept == expected.captured + expected.held, payment.id
        assert sum(refunds[row["id"]] for row in rows) == expected.refunded, payment.id


def has_money(row: Any) -> bool:
    return row["state"] not in ("declined", "tombstone")


@dataclass(frozen=True)
class Expectation:
    status: str
    captured: int = 0
    held: int = 0
    refunded: int = 0


def expectation(payment: Payment) -> Expectation:
    """What must be so in the end, by what the merchant was told."""
    first = payment.told[0][1]
    if first.status == 402 or first.json["status"] == "processing":
        # What got lost between two processes is given back. An outcome that was open at the time
        # ends so too: an approval that nobody waited for is never taken.
        return Expectation("requires_payment_method")
    state = Expectation(first.json["status"], captured=first.json["amount_received"])
    if state.status == "requires_capture":
        state = Expectation(state.status, held=payment.amount)
    for request, answer in payment.told[1:]:
        told = answer.json
        if told["object"] == "refund":
            assert told["status"] in ("succeeded", "pending")
            state = Expectation(state.status, state.captured, state.held, told["amount"])
        elif request.target.endswith("/capture"):
            assert told["status"] == "succeeded"
            part = request.parameters["amount_to_capture"]
            assert told["amount_received"] == part
            state = Expectation("succeeded", captured=part)
        else:
            assert told["status"] == "canceled"
            state = Expectation("canceled")
    return state


def under_load(demo: Demo, strikes: list[Callable[[], None]], chance: random.Random) -> Load:
    """Strikes one after the other while merchants work, and checks everything that they were told
    once all is settled."""
    load = Load(demo)
    try:
        for strike in strikes:
            load.await_answers(chance.randrange(200, 500))
            strike()
        load.await_answers(200)
    finally:
        load.stop()
    demo.assert_reconciled()
    load.check()
    return load

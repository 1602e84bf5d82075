"""What operators see and do: the demo, its pages, its commands, reconciliation."""

import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support import wire
from support.amounts import next_amount
from support.demo import START_SECONDS, Demo, binary, run
from support.journal import AcquirerJournal
from support.waiting import eventually

PAYMENTS = "/v1/payment_intents"


def pay(demo: Demo, **changes: object) -> tuple[int, str]:
    """Amount and id of a new payment."""
    amount = next_amount()
    parameters = {
        "amount": amount,
        "currency": "usd",
        "payment_method": "pm_card_visa",
        "confirm": "true",
        **changes,
    }
    answer = demo.post(PAYMENTS, parameters)
    assert answer.status == 200, answer.body
    return amount, answer.json["id"]


def is_running(pid: int) -> bool:
    """Whether a process runs; one that has ended and is not yet collected does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


# The demo


def test_the_description_names_everything_that_runs(demo: Demo) -> None:
    description = demo.description
    assert set(description) == {"api_key", "publishable_key", "nodes", "acquirers"}
    assert description["api_key"].startswith("sk_test_")
    assert description["publishable_key"].startswith("pk_test_")
    [node], [acquirer] = description["nodes"], description["acquirers"]
    assert set(node) == {"id", "region", "http", "admin", "pid"}
    assert set(acquirer) == {"id", "address", "control", "journal", "pid"}
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", node["http"])
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", node["admin"])
    assert re.fullmatch(r"127\.0\.0\.1:\d+", acquirer["address"])
    assert re.fullmatch(r"127\.0\.0\.1:\d+", acquirer["control"])
    assert Path(acquirer["journal"]).is_file()
    assert is_running(node["pid"]) and is_running(acquirer["pid"])
    assert stat.S_IMODE((demo.folder / "demo.json").stat().st_mode) == 0o600


def test_what_a_demo_prints_works_when_it_is_pasted(tmp_path: Path) -> None:
    demo = Demo(tmp_path / "demo")
    started = run("demo", "--dir", demo.folder, "--detach", *demo.shape)
    try:
        assert started.returncode == 0, started.stderr
        assert demo.key in started.stdout
        assert demo.base in started.stdout
        paragraphs = started.stdout.split("\n\n")
        heading = next(i for i, text in enumerate(paragraphs) if "with Python" in text)
        snippet = textwrap.dedent(paragraphs[heading + 1])
        done = subprocess.run(
            [sys.executable, "-c", snippet], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        assert re.fullmatch(r"pi_\w+ succeeded\n", done.stdout)
        if shutil.which("curl"):
            heading = next(i for i, text in enumerate(paragraphs) if "with curl" in text)
            command = textwrap.dedent(paragraphs[heading + 1])
            done = subprocess.run(
                ["sh", "-c", command], capture_output=True, text=True, timeout=60
            )
            assert json.loads(done.stdout)["status"] == "succeeded"
    finally:
        demo.stop()


def test_a_demo_that_was_stopped_goes_on_where_it_was(tmp_path: Path) -> None:
    demo = Demo(tmp_path / "demo").start()
    _, payment = pay(demo)
    key, processes = demo.key, [demo.node["pid"], demo.acquirer["pid"]]
    demo.stop()
    assert not any(is_running(pid) for pid in processes)
    assert not (demo.folder / "demo.json").exists()
    demo.start()
    try:
        assert demo.key == key
        assert demo.get(f"{PAYMENTS}/{payment}").json["status"] == "succeeded"
        pay(demo)
        demo.assert_reconciled()
    finally:
        demo.stop()


def test_stopping_what_does_not_run_says_so(tmp_path: Path) -> None:
    done = run("demo", "stop", "--dir", tmp_path / "nothing")
    assert done.returncode != 0
    assert done.stderr.startswith("sunny: ")
    assert not (tmp_path / "nothing").exists()


def test_ctrl_c_ends_a_demo_and_all_of_it(tmp_path: Path) -> None:
    demo = Demo(tmp_path / "demo")
    with (tmp_path / "output").open("w") as output:
        foreground = subprocess.Popen(
            [binary(), "demo", "--dir", demo.folder, *map(str, demo.shape)],
            stdout=output,
            stderr=output,
        )
        try:
            eventually((demo.folder / "demo.json").exists, within=START_SECONDS)
            pay(demo)
            processes = [demo.node["pid"], demo.acquirer["pid"]]
            assert all(is_running(pid) for pid in processes)
            foreground.send_signal(signal.SIGINT)
            assert foreground.wait(60) in (0, 130)
        finally:
            foreground.kill()
            foreground.wait()
    assert not any(is_running(pid) for pid in processes)
    assert not (demo.folder / "demo.json").exists()


def test_a_demo_that_is_killed_takes_its_processes_along(tmp_path: Path) -> None:
    demo = Demo(tmp_path / "demo")
    with (tmp_path / "output").open("w") as output:
        foreground = subprocess.Popen(
            [binary(), "demo", "--dir", demo.folder, *map(str, demo.shape)],
            stdout=output,
            stderr=output,
        )
        try:
            eventually((demo.folder / "demo.json").exists, within=START_SECONDS)
            processes = [demo.node["pid"], demo.acquirer["pid"]]
        finally:
            foreground.kill()
            foreground.wait()
    eventually(lambda: not any(is_running(pid) for pid in processes), within=60)


@pytest.mark.parametrize(
    "flags",
    [
        ["--nodes", "2"],
        ["--nodes", "0"],
        ["--nodes", "7"],
        ["--regions", "4"],
        ["--nodes", "1", "--regions", "2"],
        ["--acquirers", "9"],
    ],
)
def test_a_shape_that_does_not_work_is_refused(tmp_path: Path, flags: list[str]) -> None:
    done = run("demo", *flags, "--detach", "--dir", tmp_path / "demo")
    assert done.returncode == 64
    assert flags[-2] in done.stderr
    assert not (tmp_path / "demo").exists()


def test_a_second_demo_in_the_folder_is_refused_and_the_first_goes_on(demo: Demo) -> None:
    done = run("demo", "--dir", demo.folder, "--detach")
    assert done.returncode != 0
    assert str(demo.folder) in done.stderr
    pay(demo)


def test_a_second_node_on_the_same_data_is_refused_and_the_first_goes_on(demo: Demo) -> None:
    configuration = demo.folder / f"{demo.node['id']}.yaml"
    done = run("node", "--config", configuration)
    assert done.returncode == 75
    assert "another process works in this folder" in done.stderr
    pay(demo)
    demo.assert_reconciled()


@pytest.mark.parametrize("command", ["kill", "restart"])
def test_an_unknown_process_is_named_in_the_refusal(demo: Demo, command: str) -> None:
    done = run("demo", command, "node-9", "--dir", demo.folder)
    assert done.returncode != 0
    assert "node-9" in done.stderr
    pay(demo)


# Health


def test_a_running_node_is_live_and_ready(demo: Demo) -> None:
    for path in ("/livez", "/readyz"):
        status, kind, text = demo.page(path)
        assert (status, kind.split(";")[0]) == (200, "text/plain")
        assert text.strip()


def test_a_node_without_an_acquirer_is_live_and_not_ready(new_demo: Demo) -> None:
    new_demo.kill_acquirer()
    eventually(lambda: new_demo.page("/readyz")[0] == 503)
    assert new_demo.page("/livez")[0] == 200
    # What asks nothing of an acquirer goes on.
    assert new_demo.post(PAYMENTS, {"amount": 5000, "currency": "usd"}).status == 200
    assert new_demo.get(f"{PAYMENTS}?limit=1").status == 200
    new_demo.restart_acquirer()
    assert new_demo.page("/readyz")[0] == 200
    pay(new_demo)


def test_operators_and_merchants_have_doors_of_their_own(demo: Demo) -> None:
    assert demo.page("/v1/payment_intents")[0] == 404
    assert demo.page("/nonsense")[0] == 404
    assert wire.send(demo.base, "GET", "/readyz").status == 401


# Metrics

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)?,?\}})? (\S+)")


def parse(text: str) -> dict[str, dict[str, object]]:
    """The families of the exposition format, checked as `promtool check metrics` does."""
    assert text.endswith("\n")
    families: dict[str, dict[str, object]] = {}
    seen: set[tuple[str, str]] = set()
    current = ""
    for line in text.splitlines():
        if line.startswith("# HELP "):
            _, _, name, help_text = line.split(" ", 3)
            assert name not in families, f"{name} has two families"
            assert help_text.strip()
            families[name] = {"type": None, "samples": []}
            current = name
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name == current, line
            assert kind in ("counter", "gauge", "histogram", "summary")
            families[name]["type"] = kind
        else:
            match = SAMPLE.fullmatch(line)
            assert match, f"not a sample: {line!r}"
            name, labels, value = match.groups()
            family = re.sub(r"_(bucket|sum|count)$", "", name) if name != current else name
            assert family == current, f"{line!r} stands below {current}"
            assert (name, labels or "") not in seen, f"{line!r} comes twice"
            seen.add((name, labels or ""))
            families[current]["samples"].append((name, labels or "", float(value)))
    return families


def test_metrics_are_in_the_form_that_prometheus_reads(demo: Demo) -> None:
    pay(demo)
    status, kind, text = demo.page("/metrics")
    assert status == 200
    assert kind.startswith("text/plain; version=0.0.4")
    families = parse(text)
    for name, family in families.items():
        assert name.startswith(("sunny_", "process_"))
        if family["type"] == "counter":
            assert name.endswith("_total"), name
            assert all(value >= 0 for _, _, value in family["samples"])
        if family["type"] == "histogram":
            check_histogram(name, family["samples"])
    assert {"sunny_http_request_seconds", "sunny_link_up", "sunny_proposals_total"} <= set(families)


def check_histogram(name: str, samples: list[tuple[str, str, float]]) -> None:
    """Buckets rise, and the last of them counts everything."""
    series: dict[str, list[tuple[float, float]]] = {}
    counts = {labels: value for found, labels, value in samples if found == f"{name}_count"}
    for found, labels, value in samples:
        if found == f"{name}_bucket":
            bound = re.search(r'le="([^"]+)"', labels)[1]
            rest = ",".join(part for part in labels.split(",") if not part.startswith("le="))
            series.setdefault(rest, []).append((float(bound.replace("Inf", "inf")), value))
    for labels, buckets in series.items():
        assert buckets == sorted(buckets), f"{name}{{{labels}}}: {buckets}"
        assert [value for _, value in buckets] == sorted(value for _, value in buckets)
        assert buckets[-1] == (float("inf"), counts[labels])


def test_metrics_count_what_happens(demo: Demo) -> None:
    def counts() -> list[float]:
        return [
            demo.metric("sunny_http_request_seconds_count", status_class="2xx"),
            demo.metric("sunny_payment_events_total", event="attempt_approved"),
            demo.metric("sunny_payment_events_total", event="captured"),
            demo.metric("sunny_link_messages_sent_total"),
        ]

    before = counts()
    _, payment = pay(demo, capture_method="manual")
    demo.post(f"{PAYMENTS}/{payment}/capture")
    after = counts()
    assert [new - old for old, new in zip(before, after, strict=True)] == [2, 1, 1, 2]
    assert demo.metric("sunny_link_up") == 1


# Reconciliation


def test_a_demo_without_payments_is_reconciled(new_demo: Demo) -> None:
    done = new_demo.reconcile("--wait", 0)
    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="module")
def broken_demo(module_path: Path) -> Iterator[Demo]:
    """A demo whose journal tests falsify; each repairs what it broke."""
    demo = Demo(module_path / "broken-demo")
    try:
        yield demo.start()
    finally:
        demo.stop()


def raise_amount(journal: AcquirerJournal, amount: int) -> None:
    journal.change(
        "UPDATE transactions SET amount = amount + 1, captured_amount = captured_amount + 1 "
        "WHERE amount = ?",
        amount,
    )


def change_currency(journal: AcquirerJournal, amount: int) -> None:
    journal.change("UPDATE transactions SET currency = '978' WHERE amount = ?", amount)


def undo_capture(journal: AcquirerJournal, amount: int) -> None:
    journal.change(
        "UPDATE transactions SET captured_amount = 0, reversed_amount = amount, "
        "state = 'reversed' WHERE amount = ?",
        amount,
    )


def remove(journal: AcquirerJournal, amount: int) -> None:
    journal.change("DELETE FROM transactions WHERE amount = ?", amount)


def add_unknown(journal: AcquirerJournal, amount: int) -> None:
    journal.change(
        "INSERT INTO transactions SELECT id + 1, terminal, '999999', 'NOBODYSOWN00', "
        "transmitted, kind, original_id, pan_masked, amount, currency, state, captured_amount, "
        "refunded_amount, reversed_amount, approval_code, response_code, cvc_result, "
        "created_at, updated_at FROM transactions WHERE amount = ?",
        amount,
    )


def refund_in_secret(journal: AcquirerJournal, amount: int) -> None:
    journal.change("UPDATE transactions SET refunded_amount = 500 WHERE amount = ?", amount)


@pytest.mark.parametrize(
    "plant,kind",
    [
        (raise_amount, "amount"),
        (change_currency, "currency"),
        (undo_capture, "state"),
        (remove, "missing_with_them"),
        (add_unknown, "missing_with_us"),
        (refund_in_secret, "state"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_planted_break_is_found(
    broken_demo: Demo, plant: Callable[[AcquirerJournal, int], None], kind: str
) -> None:
    pay(broken_demo)
    amount, payment = pay(broken_demo)
    broken_demo.assert_reconciled()
    before = broken_demo.journal.query("SELECT * FROM transactions")
    plant(broken_demo.journal, amount)
    try:
        done = broken_demo.reconcile("--wait", 0, "--output", "json")
        assert done.returncode == 1, done.stdout
        report = json.loads(done.stdout)
        assert report["status"] == "broken"
        [found] = report["breaks"]
        assert found["kind"] == kind
        assert found["acquirer"] == broken_demo.acquirer["id"]
        if kind != "missing_with_us":
            assert found["payment"] == payment
        table = broken_demo.reconcile("--wait", 0)
        assert table.returncode == 1
        assert kind.replace("_", " ") in table.stdout.replace("_", " ")
    finally:
        journal = broken_demo.journal
        journal.change("DELETE FROM transactions")
        for row in before:
            journal.change(f"INSERT INTO transactions VALUES ({','.join('?' * 19)})", *tuple(row))
    broken_demo.assert_reconciled()


def test_a_capture_that_the_acquirer_refused_is_a_break(tmp_path: Path) -> None:
    demo = Demo(tmp_path / "demo").start()
    try:
        amount, payment = pay(demo, capture_method="manual")
        demo.control("refuse advice 05 count 1")
        demo.post(f"{PAYMENTS}/{payment}/capture")
        assert demo.journal.movement(amount)["captured_amount"] == 0
        done = demo.reconcile("--wait", 0, "--output", "json")
        assert done.returncode == 1, done.stdout
        assert [found["payment"] for found in json.loads(done.stdout)["breaks"]] == [payment]
        # Money that the acquirer has not taken is not paid back.
        assert demo.post("/v1/refunds", {"payment_intent": payment}).status == 400
    finally:
        demo.stop()


def test_reconciling_changes_nothing(demo: Demo) -> None:
    pay(demo)
    before = demo.page("/admin/payments")[2]
    rows = [tuple(row) for row in demo.journal.query("SELECT * FROM transactions")]
    demo.assert_reconciled()
    assert demo.page("/admin/payments")[2] == before
    assert [tuple(row) for row in demo.journal.query("SELECT * FROM transactions")] == rows


def test_reconciling_without_a_node_says_what_is_missing(tmp_path: Path) -> None:
    demo = Demo(tmp_path / "demo").start()
    try:
        demo.kill_node()
        done = demo.reconcile("--wait", 0)
        assert done.returncode == 69
        assert demo.node["id"] in done.stderr
        os.kill(demo.acquirer["pid"], 0)
    finally:
        demo.stop()


def test_a_stopped_nodes_journal_is_verified_and_its_damage_named(tmp_path: Path) -> None:
    # Without a reconciliation in the end: its node does not start again.
    demo = Demo(tmp_path / "demo").start()
    try:
        folder = demo.folder / demo.node["id"]
        pay(demo)
        busy = run("journal", "verify", folder)
        assert busy.returncode == 75
        assert "a node works in this folder" in busy.stderr

        demo.kill_node()
        whole = run("journal", "verify", folder)
        assert whole.returncode == 0, whole.stdout
        report = json.loads(run("journal", "inspect", folder, "--output", "json").stdout)
        assert report["verdict"] == "whole"
        assert any(group["terms"] for group in report["groups"])

        segment = folder / "journal" / report["segments"][0]["file"]
        with segment.open("r+b") as file:
            # In the first record, behind the header, its copy and the first batch's header.
            file.seek(8192 + 64 + 20)
            [byte] = file.read(1)
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte ^ 1]))
        done = run("journal", "verify", folder, "--output", "json")
        assert done.returncode == 1
        damaged = json.loads(done.stdout)
        assert damaged["verdict"] == "damaged"
        assert [(place["segment"], place["offset"]) for place in damaged["damage"]] == [(1, 8192)]
        assert run("journal", "inspect", folder).returncode == 0
    finally:
        demo.stop()


def test_a_folder_without_a_journal_is_named(tmp_path: Path) -> None:
    done = run("journal", "verify", tmp_path)
    assert done.returncode == 69
    assert str(tmp_path) in done.stderr


def test_the_command_line_explains_itself() -> None:
    commands = ["demo", "demo stop", "node", "acquirer", "reconcile", "config show", "journal"]
    commands += ["journal inspect", "journal verify"]
    commands += [f"cluster {name}" for name in ("init", "renew", "status", "shards", "transfer")]
    for arguments in [[], *(command.split() for command in commands)]:
        done = run(*arguments, "--help")
        assert done.returncode == 0
        assert "EXAMPLE" in done.stdout
    done = run("nonsense")
    assert done.returncode == 64

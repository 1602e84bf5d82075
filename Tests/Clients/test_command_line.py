"""What operators type for clusters and files, and what they read: as text and as JSON."""

import json
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from support.demo import START_SECONDS, binary, run
from support.made_cluster import MadeCluster, free_ports
from support.waiting import eventually

Run = Callable[..., subprocess.CompletedProcess[str]]


def init(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return run("cluster", "init", folder, *arguments)


def result(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    return json.loads(done.stdout)


def error(done: subprocess.CompletedProcess[str], code: int) -> dict[str, Any]:
    """What a command that failed says in JSON: nothing on standard output."""
    assert (done.returncode, done.stdout) == (code, ""), f"{done.stdout}{done.stderr}"
    [content] = json.loads(done.stderr).values()
    assert content["exit_code"] == code
    return content


# Making a cluster


def test_what_is_made_is_told_as_json(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    nodes = ["--node", "n-1@eu=127.0.0.1:7001", "--node", "n-2@us=127.0.0.1:7002"]
    made = result(init(shop, *nodes, "--output", "json"))
    assert [node["node"] for node in made["nodes"]] == ["n-1", "n-2"]
    assert [node["admin"] for node in made["nodes"]] == ["127.0.0.1:8081", "127.0.0.1:8083"]
    assert made["secret_key"].startswith("sk_test_")
    assert Path(made["authority"]).is_dir()
    checked = result(run("config", "check", made["nodes"][0]["config"], "--output", "json"))
    assert checked["nodes"] == ["n-1", "n-2"]
    node = ["--node", "n-3@ap=127.0.0.1:7003"]
    joined = result(run("cluster", "join", shop, *node, "--output", "json"))
    assert (joined["node"], joined["admin"]) == ("n-3", "127.0.0.1:8085")
    assert joined["updated"] == [str(shop / name / "node.yaml") for name in ("n-1", "n-2")]
    for name in ("n-1", "n-2", "n-3"):
        checked = result(run("config", "check", shop / name / "node.yaml", "--output", "json"))
        assert checked["nodes"] == ["n-1", "n-2", "n-3"]
    renewed = result(run("cluster", "renew", shop, "--output", "json"))
    assert [node["node"] for node in renewed["nodes"]] == ["n-1", "n-2", "n-3"]
    assert all(node["certificate_end"].endswith("UTC") for node in renewed["nodes"])


def test_a_file_that_cannot_be_changed_is_named(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    assert init(shop, "--node", "n-1@eu=127.0.0.1:7001").returncode == 0
    file = shop / "n-1" / "node.yaml"
    text = re.sub(
        r"  nodes:\n    - name: n-1\n.*?7001\n",
        '  nodes: [{name: n-1, id: 1, region: eu, address: "127.0.0.1:7001"}]\n',
        file.read_text(),
        flags=re.DOTALL,
    )
    file.write_text(text)
    done = run("cluster", "join", shop, "--node", "n-2@eu=127.0.0.1:7002")
    assert done.returncode == 0, done.stderr
    assert "warning: n-2 was not added to cluster.nodes of " + str(file) in done.stderr
    assert file.read_text() == text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--admin-port", "65534"], "would get a port above 65535"),
        (["--http-port", "65534"], "would get a port above 65535"),
        (["--http-port", "8081"], "where merchants reach n-1"),
        (["--admin-port", "8082"], "which is the admin port of n-1"),
        (["--http-port", "7000"], "where peers reach n-2"),
        (["--shards", "0"], "--shards takes 1 to"),
        (["--shards", "1025"], "--shards takes 1 to"),
    ],
)
def test_what_cannot_be_made_is_wrong_usage(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    shop = tmp_path / "shop"
    nodes = ["--node", "n-1@eu=127.0.0.1:7001", "--node", "n-2@us=127.0.0.1:7002"]
    done = init(shop, *nodes, *arguments)
    assert done.returncode == 64, done.stderr
    assert message in done.stderr
    assert message in error(init(shop, *nodes, *arguments, "--output", "json"), 64)["what"]
    assert not shop.exists()


@pytest.mark.parametrize(
    ("address", "arguments", "message"),
    [
        ("127.0.0.1:7002", [], "n-2 has the address"),
        ("127.0.0.1:7003", ["--admin-port", "8083"], "the admin port of n-2"),
        ("127.0.0.1:7003", ["--http-port", "7003"], "where peers reach n-3"),
        ("127.0.0.1:7003", ["--http-port", "9000", "--admin-port", "9000"], "reach n-3"),
    ],
)
def test_a_node_that_would_want_what_another_one_has_is_refused(
    tmp_path: Path, address: str, arguments: list[str], message: str
) -> None:
    shop = tmp_path / "shop"
    nodes = ["--node", "n-1@eu=127.0.0.1:7001", "--node", "n-2@us=127.0.0.1:7002"]
    assert init(shop, *nodes).returncode == 0
    done = run("cluster", "join", shop, "--node", f"n-3@ap={address}", *arguments)
    assert done.returncode == 64, done.stderr
    assert message in done.stderr
    assert not (shop / "n-3").exists()
    assert "n-3" not in (shop / "n-1" / "node.yaml").read_text()


def test_a_node_takes_ports_that_are_free_where_its_machine_has_others(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    assert init(shop, "--node", "n-1@eu=127.0.0.1:8082", "--admin-port", "65533").returncode == 0
    node = ["--node", "n-2@eu=127.0.0.1:7002", "--output", "json"]
    joined = result(run("cluster", "join", shop, *node))
    # 8082 is where peers reach n-1.
    assert (joined["http"], joined["admin"]) == ("127.0.0.1:8084", "127.0.0.1:65535")
    done = run("cluster", "join", shop, "--node", "n-3@eu=127.0.0.1:7003")
    assert done.returncode == 64
    assert "--admin-port" in done.stderr


# Reading what is wrong


def test_what_is_wrong_with_a_file_is_told_as_json(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    assert init(shop, "--node", "n-1@eu=127.0.0.1:7001").returncode == 0
    file = shop / "n-1" / "node.yaml"
    text = file.read_text().replace("admin: 127.0.0.1:8081", "admin: localhost:8080")
    file.write_text(text)
    [line] = [i for i, one in enumerate(text.splitlines(), 1) if "localhost:8080" in one]
    for command in ("check", "show"):
        found = error(run("config", command, file, "--output", "json"), 78)
        assert found["place"] == f"{file}:{line}"
        assert "is also where merchants connect" in found["what"]
        assert found["remedy"]
    done = run("config", "check", file)
    assert done.returncode == 78
    assert done.stderr.startswith(f"sunny: {file}:{line}: ")


def test_a_wrong_command_line_is_told_as_json(tmp_path: Path) -> None:
    found = error(run("cluster", "status", "--output", "json"), 64)
    assert "--admin HOST:PORT or --config FILE" in found["what"]
    found = error(run("cluster", "renew", "shop", "--output=json", "--nonsense"), 64)
    assert "--nonsense" in found["what"]
    nobody = f"127.0.0.1:{free_ports(1)[0]}"
    for command in ("status", "members", "shards", "flags"):
        found = error(run("cluster", command, "--admin", nobody, "--output", "json"), 69)
        assert found["place"] == nobody
    assert "place" not in error(run("cluster", "status", "--output", "json"), 64)
    # Help is no error.
    done = run("cluster", "--output", "json", "--help")
    assert done.returncode == 0 and "EXAMPLE" in done.stdout


def test_every_command_for_clusters_links_and_files_takes_json() -> None:
    commands = {"cluster": 10, "cluster flags": 3, "links": 3, "config": 2}
    servers = {"cluster signer"}
    for group, least in commands.items():
        help_text = run(*group.split(), "--help").stdout
        listed = help_text.split("SUBCOMMANDS:")[1]
        names = re.findall(r"^  ([a-z]+) ", listed, re.MULTILINE)
        assert len(names) >= least
        for name in names:
            command = f"{group} {name}"
            if command in servers or command in commands:
                continue
            text = run(*command.split(), "--help").stdout
            assert "--output <output>" in text, command
            assert "text or json" in text, command


# One node that runs


@pytest.fixture(scope="module")
def lone(module_path: Path) -> Iterator[MadeCluster]:
    cluster = MadeCluster(module_path, "n-1@eu").start()
    try:
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def ask(lone: MadeCluster) -> Run:
    admin = lone.node_called("n-1")["admin"]
    return lambda *words: run(*words, "--admin", admin, "--output", "json")


def test_changes_are_told_as_json(ask: Run) -> None:
    flag = {"name": "rebalancing", "is_on": False, "is_set": True}
    assert result(ask("cluster", "flags", "set", "rebalancing", "off")) == flag
    flag = {"name": "rebalancing", "is_on": True, "is_set": False}
    assert result(ask("cluster", "flags", "unset", "rebalancing")) == flag
    drained = {"link": "acquirer", "standing": "drained"}
    assert result(ask("links", "drain", "acquirer")) == drained
    opened = {"link": "acquirer", "region": "eu", "standing": "open"}
    assert result(ask("links", "undrain", "acquirer", "--region", "eu")) == opened
    assert "leads it" in error(ask("cluster", "transfer", 0, "--to", "n-1"), 75)["what"]
    assert "no node n-9" in error(ask("cluster", "transfer", 0, "--to", "n-9"), 64)["what"]
    assert "no flag x" in error(ask("cluster", "flags", "set", "x", "on"), 64)["what"]
    assert "no link x" in error(ask("links", "drain", "x"), 64)["what"]
    # The only node of a cluster does not leave it, and its draining changes nothing.
    assert error(ask("cluster", "remove", "n-1"), 75)["remedy"]
    drained = result(ask("cluster", "drain", "n-1"))
    assert "no node of the cluster is left" in drained.pop("warning")
    assert drained == {"node": "n-1", "standing": "draining"}
    active = {"node": "n-1", "standing": "active"}
    assert result(ask("cluster", "drain", "n-1", "--undo")) == active


@pytest.mark.parametrize("host", ["localhost", "[::1]"])
def test_a_node_is_asked_at_whichever_loopback_it_listens(tmp_path: Path, host: str) -> None:
    port = free_ports(1)[0]
    cluster = MadeCluster(tmp_path, "n-1@eu")
    file = cluster.shop / "n-1" / "node.yaml"
    text = re.sub(r"  admin: \S+", f'  admin: "{host}:{port}"', file.read_text())
    file.write_text(text)
    with (tmp_path / "log").open("w") as log:
        node = subprocess.Popen([binary(), "node", "--config", file], stdout=log, stderr=log)
    try:
        eventually(
            lambda: run("cluster", "status", "--config", file).returncode in (0, 75),
            within=START_SECONDS,
            what=(tmp_path / "log").read_text(),
        )
        members = result(run("cluster", "members", "--config", file, "--output", "json"))
        assert [member["name"] for member in members] == ["n-1"]
    finally:
        node.terminate()
        assert node.wait(START_SECONDS) == 0


def test_groups_of_the_journal_that_are_no_shards_have_names(tmp_path: Path) -> None:
    cluster = MadeCluster(tmp_path, "n-1@eu").start()
    cluster.stop()
    folder = cluster.shop / "n-1" / "data"
    report = result(run("journal", "inspect", folder, "--output", "json"))
    names = {group["group"]: group["name"] for group in report["groups"]}
    assert names[0] == "g0"
    assert names[2**32 - 2] == "meta"
    text = run("journal", "inspect", folder).stdout
    assert re.search(r"^meta +\d", text, re.MULTILINE)
    assert "g42949672" not in text


# A node that hears of changes late


class LateNode:
    """The admin port of n-1, which takes a removal of n-2 at once and shows it page by page."""

    def __init__(self, *standings: str | None):
        """What the pages say of n-2, one after the other; None where it is no member, and nothing
        is answered any more after the last one."""
        pages = list(standings)

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if pages:
                    self.answer(json.dumps(LateNode.page(pages.pop(0))))

            def do_POST(self) -> None:
                self.answer("done\n")

            def answer(self, text: str) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, format: str, *arguments: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.admin = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @staticmethod
    def page(standing: str | None) -> dict[str, Any]:
        def member(name: str, number: int, standing: str) -> dict[str, Any]:
            place = {"region": "eu", "zone": "", "jurisdiction": "world", "url": ""}
            state = {"address": "", "link": "up", "standing": standing, "replicas": 0}
            return {"name": name, "id": number, **place, **state}

        members = [member("n-1", 1, "active")]
        if standing:
            members.append(member("n-2", 2, standing))
        lists = {"members": members, "shards": [], "link_shards": [], "flags": []}
        own = {"cluster": "shop", "node": "n-1", "region": "eu", "is_ready": True}
        return {**own, "topology_epoch": 1, **lists}


def test_a_node_that_hears_of_a_removal_late_is_waited_for() -> None:
    # The first page is looked at before anything is asked for.
    node = LateNode("active", "active", "active", "leaving", None)
    done = run("cluster", "remove", "n-2", "--admin", node.admin)
    node.server.shutdown()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("n-2 is no member any more\n")


def test_a_node_that_does_not_tell_the_end_of_a_removal_is_no_failure_of_it() -> None:
    node = LateNode("active", "active", "leaving")
    found = error(
        run("cluster", "remove", "n-2", "--admin", node.admin, "--output", "json"), 69
    )
    node.server.shutdown()
    assert "n-2 leaves, but the node that was asked does not answer any more" in found["what"]
    assert "it goes on by itself" in found["remedy"]

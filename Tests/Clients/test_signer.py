"""Certificates that are renewed while the cluster runs."""

import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cards import find_card_numbers
from support.cluster import while_shopping
from support.demo import START_SECONDS, address, read_page, run
from support.made_cluster import MadeCluster, free_ports
from support.signer import REQUEST, Answer, Signer, frame, new_request, openssl, send, shown_serial
from support.waiting import eventually

URI = "spiffe://sunny/region/eu/node/eu-1"


class Office:
    """A signer, and the folders of two nodes that ask it by hand."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.shop = folder / "shop"
        nodes = [f"eu-1@eu=127.0.0.1:{free_ports(1)[0]}", "us-1@us=127.0.0.1:7002"]
        arguments = [word for node in nodes for word in ("--node", node)]
        assert run("cluster", "init", self.shop, *arguments, "--validity", "30d").returncode == 0
        self.signer = Signer(self.shop / "authority", "127.0.0.1:0", folder)

    def credentials(self, name: str) -> Path:
        return self.shop / name / "tls"

    def ask(self, request: bytes, name: str = "eu-1") -> Answer:
        return send(self.signer.address, self.credentials(name), frame(REQUEST, request))


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    office = Office(tmp_path)
    try:
        yield office
    finally:
        office.signer.stop()
        assert not find_card_numbers(tmp_path)


def test_openssl_renews_a_certificate(office: Office, tmp_path: Path) -> None:
    request = new_request(tmp_path, "-subj", "/CN=eu-1", "-addext", f"subjectAltName=URI:{URI}")
    answer = office.ask(request)
    assert answer.certificate, answer.text
    made = tmp_path / "made.crt"
    made.write_bytes(answer.certificate)
    authority = office.credentials("eu-1") / "authority.crt"
    for purpose in ("sslclient", "sslserver"):
        openssl("verify", "-x509_strict", "-purpose", purpose, "-CAfile", authority, made)
    text = openssl("x509", "-in", made, "-noout", "-text")
    assert f"URI:{URI}" in text and "CA:FALSE" in text
    key = openssl("pkey", "-in", tmp_path / "request.key", "-pubout")
    assert openssl("x509", "-in", made, "-noout", "-pubkey") == key
    # A day, and no more.
    openssl("x509", "-in", made, "-noout", "-checkend", 86_400 - 600)
    with pytest.raises(AssertionError):
        openssl("x509", "-in", made, "-noout", "-checkend", 86_400 + 1)
    # The new one is good for the next request.
    renewed = tmp_path / "renewed"
    renewed.mkdir()
    (renewed / "node.crt").write_bytes(answer.certificate)
    (renewed / "node.key").write_bytes((tmp_path / "request.key").read_bytes())
    (renewed / "authority.crt").write_bytes(authority.read_bytes())
    again = send(office.signer.address, renewed, frame(REQUEST, new_request(tmp_path)))
    assert again.certificate
    assert office.signer.metric("sunny_signer_certificates_total", node="eu-1") == 2
    assert office.signer.log.count("issued") == 2


@pytest.mark.parametrize(
    ("arguments", "key", "reason"),
    [
        (["-subj", "/CN=us-1"], "EC:P-256", "other_name"),
        (["-subj", "/O=Sunny/CN=eu-1"], "EC:P-256", "other_name"),
        (
            ["-subj", "/", "-addext", "subjectAltName=URI:spiffe://sunny/region/us/node/eu-1"],
            "EC:P-256",
            "other_name",
        ),
        (["-subj", "/", "-addext", "subjectAltName=DNS:eu-1"], "EC:P-256", "other_name"),
        (["-subj", "/", "-addext", "basicConstraints=CA:TRUE"], "EC:P-256", "other_name"),
        (["-subj", "/"], "EC:P-384", "unusual_key"),
        (["-subj", "/"], "RSA:2048", "unusual_key"),
        (["-subj", "/", "-sha512"], "EC:P-256", "unusual_key"),
    ],
    ids=str,
)
def test_what_no_node_may_ask_is_refused_by_name(
    office: Office, tmp_path: Path, arguments: list[str], key: str, reason: str
) -> None:
    answer = office.ask(new_request(tmp_path, *arguments, key=key))
    assert (answer.certificate, answer.refusal) == (None, reason)
    assert office.signer.metric("sunny_signer_refusals_total", reason=reason) == 1


def test_what_is_no_request_is_refused_by_name(office: Office, tmp_path: Path) -> None:
    request = new_request(tmp_path)
    for sent, reason in [
        (b"", "malformed"),
        (b"garbage", "malformed"),
        (request[:-1], "malformed"),
        (request + b"\0", "malformed"),
        (request[:-1] + bytes([request[-1] ^ 1]), "unproven"),
        (request + bytes(2049 - len(request)), "too_long"),
        (bytes(100_000), "too_long"),
    ]:
        assert office.ask(sent).refusal == reason, f"{len(sent)} bytes"
    # All are counted, and what comes within ten seconds is one line of the log.
    assert 1 <= office.signer.log.count(" refused ") < 7
    assert office.signer.metric("sunny_signer_refusals_total") == 7
    # It is still good: whoever has it sent to the signer by mistake has lost nothing.
    assert office.ask(request).certificate
    # A key has one certificate, whoever sends the request again.
    assert office.ask(request).refusal == "used_key"
    assert office.ask(request, "us-1").refusal == "used_key"


def test_a_node_that_asks_without_a_pause_is_refused(office: Office, tmp_path: Path) -> None:
    answers = [office.ask(b"garbage").refusal for _ in range(10)]
    assert set(answers) == {"malformed"}
    assert office.ask(new_request(tmp_path)).refusal == "too_often"
    assert office.ask(new_request(tmp_path), "us-1").certificate


def test_only_nodes_of_the_cluster_are_heard(office: Office, tmp_path: Path) -> None:
    request = new_request(tmp_path, "-subj", "/CN=eu-1")
    # Another cluster's authority, of the same name.
    other = tmp_path / "other"
    node = "eu-1@eu=127.0.0.1:7001"
    assert run("cluster", "init", other, "--node", node).returncode == 0
    foreign = other / "eu-1" / "tls"
    trusted = (office.credentials("eu-1") / "authority.crt").read_bytes()
    (foreign / "authority.crt").write_bytes(trusted)
    assert send(office.signer.address, foreign, frame(REQUEST, request)).certificate is None
    eventually(lambda: office.signer.metric("sunny_signer_unheard_total", reason="untrusted") == 1)
    # One that is over.
    short = tmp_path / "short"
    short.mkdir()
    authority = office.shop / "authority"
    openssl(
        *("x509", "-req", "-inform", "DER", "-in", tmp_path / "request.der", "-days", "-1"),
        *("-CA", authority / "authority.crt", "-CAkey", authority / "authority.key"),
        *("-extfile", extensions(tmp_path), "-out", short / "node.crt"),
    )
    (short / "node.key").write_bytes((tmp_path / "request.key").read_bytes())
    (short / "authority.crt").write_bytes(trusted)
    assert send(office.signer.address, short, frame(REQUEST, request)).certificate is None
    unheard = "sunny_signer_unheard_total"
    eventually(lambda: office.signer.metric(unheard, reason="outside_validity") == 1)
    # No TLS, and no frame.
    read_page_of_garbage(office.signer.address)
    assert send(office.signer.address, office.credentials("eu-1"), bytes(64)).certificate is None
    eventually(lambda: office.signer.metric(unheard, reason="not_a_request") == 1)
    assert office.ask(request).certificate


def extensions(folder: Path) -> Path:
    file = folder / "extensions.cnf"
    file.write_text(
        f"subjectAltName=URI:{URI}\nkeyUsage=critical,digitalSignature\n"
        "basicConstraints=critical,CA:FALSE\n"
        "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid:always\n"
    )
    return file


def read_page_of_garbage(listener: str) -> None:
    with pytest.raises(OSError):
        read_page(f"http://{listener}/")


def test_a_name_in_the_file_excluded_gets_none(office: Office, tmp_path: Path) -> None:
    (office.shop / "authority" / "excluded").write_text("us-1 # its machine was stolen\n")
    assert office.ask(new_request(tmp_path), "us-1").refusal == "excluded"
    assert office.ask(new_request(tmp_path), "eu-1").certificate


def test_a_signer_without_its_authority_does_not_start(tmp_path: Path) -> None:
    done = run("cluster", "signer", "--folder", tmp_path, "--listen", "127.0.0.1:0")
    assert done.returncode == 78
    assert "authority.key" in done.stderr
    for listen, admin in [("nowhere", "127.0.0.1:0"), ("127.0.0.1:0", "10.0.0.1:1")]:
        arguments = ["--folder", tmp_path, "--listen", listen, "--admin", admin]
        assert run("cluster", "signer", *arguments).returncode == 64


# A cluster whose certificates are short


class ShortLived(MadeCluster):
    """Three nodes whose certificates are valid for a minute, and their signer."""

    validity = "60s"

    def __init__(self, folder: Path):
        [port] = free_ports(1)
        self.signer_address = f"127.0.0.1:{port}"
        super().__init__(
            folder,
            *("eu-1@eu", "us-1@us", "ap-1@ap"),
            options=["--signer", self.signer_address, "--validity", self.validity],
        )

    def start_signer(self) -> Signer:
        return Signer(
            self.shop / "authority", self.signer_address, self.folder, "--validity", self.validity
        )

    def shown_serial(self, name: str) -> str:
        """What a node shows in a new handshake, to a client with its own credentials."""
        return shown_serial(f"127.0.0.1:{self.ports[name][0]}", self.shop / name / "tls")

    def serial(self, name: str) -> str:
        return self.page(name)["certificate_serial"]

    def metric(self, name: str, metric: str) -> float:
        _, _, text = read_page(address(self.node_called(name)["admin"]) + "/metrics")
        return sum(
            float(line.split()[-1]) for line in text.splitlines() if line.startswith(metric)
        )


def test_payments_go_on_while_every_node_gets_a_new_certificate(tmp_path: Path) -> None:
    cluster = ShortLived(tmp_path)
    signer = cluster.start_signer()
    try:
        cluster.start()
        before = {name: cluster.serial(name) for name in cluster.names}
        for name in cluster.names:
            key = cluster.shop / name / "tls" / "node.key"
            assert stat.S_IMODE(key.stat().st_mode) == 0o600
        seen = {name: {serial} for name, serial in before.items()}

        def all_renewed() -> bool:
            for name in cluster.names:
                seen[name].add(cluster.serial(name))
            return all(len(serials) > 1 for serials in seen.values())

        def strike() -> None:
            eventually(all_renewed, within=120, what=f"{seen}\n{signer.log}")
            # The links that were opened with the old ones are over, and opened anew.
            logs = [lambda name=name: cluster.log(name) for name in cluster.names]
            over = "the certificate that it was opened with is over"
            eventually(lambda: sum(log().count(over) for log in logs) >= 3, within=120, what=over)
            cluster.await_all_ready()
            for name in cluster.names:
                serial = eventually(lambda name=name: cluster.shown_serial(name))
                assert serial != before[name]
                assert serial in seen[name] | {cluster.serial(name)}

        shoppers = while_shopping(cluster, cluster.names, strike)
        assert shoppers.errors == []
        for name in cluster.names:
            assert cluster.metric(name, "sunny_certificate_renewals_total") >= 1
            assert cluster.metric(name, "sunny_certificate_end_seconds") > time.time()
            assert "the certificate is renewed" in cluster.log(name)
            # What is in use is what is on the disk.
            done = run("config", "check", cluster.shop / name / "node.yaml")
            assert done.returncode == 0, done.stderr
        assert signer.metric("sunny_signer_certificates_total") >= 3
        assert signer.metric("sunny_signer_refusals_total") == 0
    finally:
        cluster.stop()
        signer.stop()


def test_a_node_without_its_signer_says_so_until_the_operator_renews(tmp_path: Path) -> None:
    [port] = free_ports(1)
    cluster = MadeCluster(
        tmp_path,
        "eu-1@eu",
        options=["--signer", f"127.0.0.1:{port}", "--validity", "10s"],
    )
    try:
        cluster.start_node("eu-1")
        eventually(lambda: "the certificate is not renewed" in cluster.log("eu-1"), within=60)
        eventually(lambda: "the certificate ends soon" in cluster.log("eu-1"), within=60)
        eventually(lambda: "the certificate is over" in cluster.log("eu-1"), within=60)
        done = run("config", "check", cluster.shop / "eu-1" / "node.yaml")
        assert done.returncode == 78
        assert "sunny cluster renew" in done.stderr
        assert run("cluster", "renew", cluster.shop).returncode == 0
        assert run("config", "check", cluster.shop / "eu-1" / "node.yaml").returncode == 0
    finally:
        cluster.kill(*cluster.names)

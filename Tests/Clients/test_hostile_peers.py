"""What reaches a node at its peers' port and is no peer's: refused, counted, and nothing harmed."""

import contextlib
import re
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.cluster import pay
from support.demo import address, read_page, run
from support.made_cluster import MadeCluster
from support.waiting import eventually

# The node that is attacked, and the one whose place the attackers would like to have.
VICTIM, IMPERSONATED = "us-1", "eu-1"

# Beyond the time that a handshake may take.
PATIENCE_SECONDS = 30

GROUPS, ASK, HELLO = 1, 3, 6
PAYLOAD_BYTES_MAX = 4 << 20


@pytest.fixture(scope="module")
def cluster(module_path: Path) -> Iterator[MadeCluster]:
    cluster = MadeCluster(module_path, "eu-1@eu", "us-1@us", "ap-1@ap").start()
    try:
        yield cluster
        cluster.assert_reconciled()
    finally:
        cluster.stop()


def crc32c(data: bytes) -> int:
    rest = 0xFFFFFFFF
    for byte in data:
        rest ^= byte
        for _ in range(8):
            rest = rest >> 1 ^ (0x82F63B78 if rest & 1 else 0)
    return rest ^ 0xFFFFFFFF


def frame(
    kind: int, payload: bytes, *, version: int = 1, length: int | None = None, wrong: int = 0
) -> bytes:
    """A frame between nodes, with a good checksum of its header whatever that says."""
    header = struct.pack(
        "<2sBBIQIII",
        *(b"SF", version, kind, len(payload) if length is None else length),
        *(0, 0, 0xFFFFFFFF, crc32c(payload) ^ wrong),
    )
    return header + struct.pack("<I", crc32c(header)) + payload


def endpoint(cluster: MadeCluster) -> tuple[str, int]:
    return "127.0.0.1", cluster.ports[VICTIM][0]


def context(tls: Path) -> ssl.SSLContext:
    """A dialler with the certificate in `tls`, who does not mind whom it finds."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.load_cert_chain(tls / "node.crt", tls / "node.key")
    return context


def send_and_wait(stream: socket.socket, data: bytes) -> None:
    """Sends, and reads until the other side has ended the stream."""
    stream.settimeout(PATIENCE_SECONDS)
    with contextlib.suppress(OSError):
        stream.sendall(data)
        while stream.recv(1 << 16):
            pass


def say_in_clear(data: bytes) -> Callable[[MadeCluster], None]:
    def attack(cluster: MadeCluster) -> None:
        with socket.create_connection(endpoint(cluster)) as stream:
            send_and_wait(stream, data)

    return attack


def say_as_peer(data: bytes) -> Callable[[MadeCluster], None]:
    """What comes from whoever has a node's key."""

    def attack(cluster: MadeCluster) -> None:
        tls = context(cluster.shop / IMPERSONATED / "tls")
        with socket.create_connection(endpoint(cluster)) as stream, tls.wrap_socket(stream) as peer:
            send_and_wait(peer, data)

    return attack


def come_from_another_cluster(cluster: MadeCluster) -> None:
    other = cluster.folder / "other"
    if not other.exists():
        done = run(
            *("cluster", "init", other, "--node", f"{IMPERSONATED}@eu=127.0.0.1:7001"),
            *("--shards", 4, "--acquirer", f"acquirer={cluster.acquirer_address}"),
        )
        assert done.returncode == 0, done.stderr
    tls = context(other / IMPERSONATED / "tls")
    with socket.create_connection(endpoint(cluster)) as stream, contextlib.suppress(OSError):
        with tls.wrap_socket(stream) as peer:
            send_and_wait(peer, frame(HELLO, b""))


def replay_a_recorded_handshake(cluster: MadeCluster) -> None:
    """The bytes of a good handshake, said again on another stream."""
    tls = context(cluster.shop / IMPERSONATED / "tls")
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    channel = tls.wrap_bio(incoming, outgoing)
    recorded = b""
    with socket.create_connection(endpoint(cluster)) as stream:
        stream.settimeout(PATIENCE_SECONDS)
        while True:
            with contextlib.suppress(ssl.SSLWantReadError):
                channel.do_handshake()
                break
            said = outgoing.read()
            recorded += said
            stream.sendall(said)
            incoming.write(stream.recv(1 << 16))
        channel.write(frame(GROUPS, b""))
        recorded += outgoing.read()
    say_in_clear(recorded)(cluster)


def refused_count(cluster: MadeCluster, reason: str) -> int:
    _, _, text = read_page(address(cluster.node_called(VICTIM)["admin"]) + "/metrics")
    name = rf'sunny_peer_link_troubles_total{{reason="{reason}"}}'
    return sum(int(count) for count in re.findall(rf"^{re.escape(name)} (\d+)$", text, re.M))


@pytest.mark.parametrize(
    ("attack", "reason"),
    [
        (say_in_clear(b"GET / HTTP/1.1\r\nHost: sunny\r\n\r\n"), "channel"),
        (say_in_clear(bytes(range(256)) * 64), "channel"),
        (say_in_clear(frame(HELLO, b"hello")), "channel"),
        # A half of a handshake, and then nothing.
        (say_in_clear(b"\x16\x03\x01\x02\x00\x01"), "handshake_timed_out"),
        (say_in_clear(b""), "handshake_timed_out"),
        (come_from_another_cluster, "channel"),
        (replay_a_recorded_handshake, "channel"),
        # From here on with a node's own key.
        (say_as_peer(b"\x00" * 64), "frame"),
        (say_as_peer(frame(HELLO, b"hello", version=9)), "frame"),
        (say_as_peer(frame(HELLO, b"hello", length=0xFFFFFFFF)), "frame"),
        (say_as_peer(frame(HELLO, b"hello", length=PAYLOAD_BYTES_MAX + 1)), "frame"),
        (say_as_peer(frame(HELLO, b"hello", wrong=1)), "frame"),
        (say_as_peer(frame(HELLO, b"hello")), "frame"),
        (say_as_peer(frame(99, b"of a later version")), "frame"),
        # Good frames, though nobody has said who it is.
        (say_as_peer(frame(GROUPS, b"")), "frame"),
        # Less than was announced, and then nothing.
        (say_as_peer(frame(HELLO, b"hello", length=4096)), "handshake_timed_out"),
    ],
    ids=[
        *("http", "garbage", "clear", "half a handshake", "silence", "other cluster", "replay"),
        *("zeros", "version", "huge", "too long", "checksum", "no hello", "kind", "no name"),
        "truncated",
    ],
)
def test_what_is_no_peers_is_refused_and_counted(
    cluster: MadeCluster, attack: Callable[[MadeCluster], None], reason: str
) -> None:
    before = refused_count(cluster, reason)
    attack(cluster)
    eventually(lambda: refused_count(cluster, reason) > before, within=PATIENCE_SECONDS)
    # The link of the node whose key it was is not missed by anybody.
    cluster.await_all_ready()
    victim = cluster.client_at(address(cluster.node_called(VICTIM)["http"]), retries=0)
    assert pay(victim).status == "succeeded"


def test_a_flood_is_counted_and_does_not_fill_the_log(cluster: MadeCluster) -> None:
    count = 200
    before, logged = refused_count(cluster, "channel"), cluster.log(VICTIM).count("no link")
    for _ in range(count):
        say_in_clear(b"flood\n")(cluster)
    eventually(lambda: refused_count(cluster, "channel") >= before + count)
    # One line in ten seconds for all who have no name.
    assert cluster.log(VICTIM).count("no link") - logged < count / 4
    cluster.await_all_ready()

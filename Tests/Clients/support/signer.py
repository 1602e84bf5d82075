"""`sunny cluster signer`, and `openssl` as a node that asks it."""

import re
import signal
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

from support.demo import START_SECONDS, address, binary, read_page
from support.waiting import eventually

# The kinds of frames, and why a certificate is refused.
REQUEST, CERTIFICATE, REFUSAL = 0x60, 0x61, 0x62
REFUSALS = [
    *("", "malformed", "too_long", "unusual_key", "unproven", "other_name", "used_key"),
    *("too_often", "excluded", "expired", "reserved", "failed"),
]


class Signer:
    """A signer with the authority in a folder."""

    def __init__(self, authority: Path, listen: str, folder: Path, *options: str):
        self.log_file = folder / "signer.log"
        ports = folder / "signer.ports.json"
        with self.log_file.open("w") as log:
            self.process = subprocess.Popen(
                [binary(), "cluster", "signer", "--folder", authority, "--listen", listen]
                + ["--admin", "127.0.0.1:0", "--ports-file", ports, *options],
                stdout=log,
                stderr=log,
            )
        eventually(lambda: "ready" in self.log, within=START_SECONDS)
        self.address = self._listening("nodes")
        self.admin = self._listening("admin")

    def _listening(self, name: str) -> str:
        [found] = re.findall(rf"listening.*at=(\S+) for={name}", self.log)
        return found

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    def metric(self, name: str, **labels: str) -> float:
        _, _, text = read_page(address(self.admin) + "/metrics")
        # Without labels it is the sum of all.
        wanted = "".join(f'{key}="{value}"' for key, value in labels.items()) or ".*"
        found = re.findall(rf"^{name}(?:\{{{wanted}\}})? (\S+)$", text, re.MULTILINE)
        return sum(map(float, found))

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(START_SECONDS) == 0, self.log


@dataclass(frozen=True)
class Answer:
    """What the signer said: a certificate in PEM, a refusal, or nothing."""

    certificate: bytes | None
    refusal: str | None
    # What openssl said.
    text: str


def openssl(*arguments: object, given: bytes | None = None) -> str:
    """Runs `openssl` to its end, and gives what it printed."""
    done = subprocess.run(
        ["openssl", *map(str, arguments)], input=given, capture_output=True, timeout=START_SECONDS
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def new_request(folder: Path, *arguments: str, key: str = "EC:P-256") -> bytes:
    """A request in DER by `openssl req`, for a new key, which is left in `folder`."""
    kind, _, size = key.partition(":")
    option = {"EC": "ec_paramgen_curve", "RSA": "rsa_keygen_bits"}[kind]
    openssl(
        *("genpkey", "-algorithm", kind, "-pkeyopt", f"{option}:{size}"),
        *("-out", folder / "request.key"),
    )
    config = folder / "request.cnf"
    config.write_text("[req]\ndistinguished_name = dn\n[dn]\n")
    output = folder / "request.der"
    openssl(
        *("req", "-new", "-batch", "-config", config, "-key", folder / "request.key"),
        *("-outform", "DER", "-out", output, *(arguments or ("-subj", "/"))),
    )
    return output.read_bytes()


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def frame(kind: int, payload: bytes) -> bytes:
    """As nodes write it (`PeerFrame.swift`)."""
    head = b"SF" + struct.pack("<BBIQIII", 1, kind, len(payload), 0, 0, 0xFFFFFFFF, crc32c(payload))
    return head + struct.pack("<I", crc32c(head)) + payload


def send(signer: str, credentials: Path, sent: bytes) -> Answer:
    """Sends bytes as a node with the credentials in this folder, by `openssl s_client`."""
    done = subprocess.run(
        ["openssl", "s_client", "-connect", signer, "-quiet", "-verify_return_error"]
        + ["-cert", credentials / "node.crt", "-key", credentials / "node.key"]
        + ["-CAfile", credentials / "authority.crt"],
        input=sent,
        capture_output=True,
        timeout=START_SECONDS,
    )
    text, answer = done.stderr.decode(), done.stdout
    if not answer:
        return Answer(None, None, text)
    kind, length = answer[3], struct.unpack("<I", answer[4:8])[0]
    payload = answer[32:]
    assert len(payload) == length and answer == frame(kind, payload)
    if kind == CERTIFICATE:
        return Answer(payload, None, text)
    assert kind == REFUSAL
    return Answer(None, REFUSALS[payload[0]], text)


def shown_serial(listener: str, credentials: Path) -> str:
    """The serial number of the certificate that a node shows in a new handshake."""
    done = subprocess.run(
        ["openssl", "s_client", "-connect", listener]
        + ["-cert", credentials / "node.crt", "-key", credentials / "node.key"]
        + ["-CAfile", credentials / "authority.crt"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=START_SECONDS,
    )
    serial = openssl("x509", "-noout", "-serial", given=done.stdout)
    return serial.strip().removeprefix("serial=").lower()

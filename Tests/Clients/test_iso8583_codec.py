"""Our ISO 8583 codec against pyiso8583, both ways, on messages that this side makes.

pyiso8583 encodes a message; ours has to decode it to the same elements and encode those to the same
bytes; what ours wrote, pyiso8583 decodes. Under two specifications: all in ASCII, and all packed.
"""

import os
import random
import subprocess
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from pathlib import Path

import iso8583
import pytest
from iso8583.specs import default_ascii

from support.demo import binary

COUNT = int(os.environ.get("SUNNY_CODEC_COUNT", "100000"))
# What is made, sent and compared at once: a few megabytes.
BATCH = 5_000

Message = dict[str, str]

# The classes of ISO 8583:1987. Everything else is text.
SIGNED = {28, 29, 30, 31, 97}
TRACK = {35, 36}
ALPHANUMERIC = {37, 38, 39, 40, 49, 50, 51, 91, 92, 93, 94, 95}
BINARY = {52, 55, 64, 96, 128}
TEXT = {34, *range(41, 49), 54, *range(56, 64), 98, *range(101, 128)}
NUMBERS = [number for number in range(2, 129) if number != 65]
NUMERIC = set(NUMBERS) - SIGNED - TRACK - ALPHANUMERIC - BINARY - TEXT

# A nibble of a track is the low half of a character (ISO/IEC 7813).
TRACK_CHARACTERS = str.maketrans("ABCDEF", ":;<=>?")
TRACK_DIGITS = str.maketrans(":;<=>?", "ABCDEF")


def packed(number: int, field: dict[str, object]) -> dict[str, object]:
    """The element in binary, where it is made of digits or bytes, and its length in BCD."""
    lengths = {0: 0, 2: 1, 3: 2}
    field = {**field, "len_enc": "bcd", "len_type": lengths[field["len_type"]]}
    if number in NUMERIC:
        return {**field, "data_enc": "b", "len_count": "nibbles", "left_pad": "0"}
    if number in TRACK:
        return {**field, "data_enc": "b", "len_count": "nibbles", "right_pad": "F"}
    if number in BINARY:
        return {**field, "data_enc": "b", "max_len": field["max_len"] // 2}
    return field


PACKED = {
    "h": default_ascii["h"],
    "t": {**default_ascii["t"], "data_enc": "b", "max_len": 2},
    "p": {**default_ascii["p"], "data_enc": "b", "max_len": 8},
    "1": {**default_ascii["1"], "data_enc": "b", "max_len": 8},
    **{str(number): packed(number, default_ascii[str(number)]) for number in NUMBERS},
}
SPECIFICATIONS = {"ascii": default_ascii, "packed": PACKED}


def characters(number: int) -> str:
    if number in NUMERIC or number in SIGNED:
        return "0123456789"
    if number in BINARY:
        return "0123456789ABCDEF"
    if number in TRACK:
        return "0123456789:;<=>?"
    if number in ALPHANUMERIC:
        return "0123456789ABCXYZabcxyz"
    return "".join(map(chr, range(0x20, 0x7F)))


CHARACTERS = {number: characters(number) for number in NUMBERS}


def messages(form: str, seed: int) -> Iterator[Message]:
    """Messages of up to 20 elements, and now and then of up to all 126."""
    chance = random.Random(seed)
    specification = SPECIFICATIONS[form]
    while True:
        most = len(NUMBERS) if chance.random() < 0.02 else 20
        message = {"t": f"{chance.randrange(10_000):04}"}
        for number in sorted(chance.sample(NUMBERS, chance.randint(0, most))):
            field = specification[str(number)]
            length = field["max_len"]
            if field["len_type"] != 0:
                longest = length if chance.random() < 0.03 else min(length, 30)
                length = chance.randint(0, longest)
            if number in BINARY:
                # pyiso8583 counts the bytes of binary, and the digits of hexadecimal, elements.
                length = length * 2 if form == "packed" else length // 2 * 2
            value = "".join(chance.choices(CHARACTERS[number], k=length))
            if number in SIGNED:
                value = chance.choice("CD") + value[1:]
            if number in TRACK and form == "packed":
                value = value.translate(TRACK_DIGITS)
            message[str(number)] = value
        yield message


def answers(form: str, encoded: list[bytes]) -> list[str]:
    """What ours says of each message."""
    pipe = Path(binary()).parent / "CodecPipe"
    run = subprocess.run(
        [pipe],
        input="".join(f"{form} {message.hex()}\n" for message in encoded),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    lines = run.stdout.splitlines()
    assert len(lines) == len(encoded)
    return lines


def ours(form: str, message: Message, encoded: bytes) -> str:
    """What ours has to say of a message."""
    words = [message["t"]]
    for number in NUMBERS:
        value = message.get(str(number))
        if value is None:
            continue
        if number in BINARY:
            words.append(f"{number}={value.lower()}")
            continue
        if number in TRACK and form == "packed":
            value = value.translate(TRACK_CHARACTERS)
        words.append(f"{number}={value.encode().hex()}")
    return " ".join([*words, ">", encoded.hex()])


def elements(decoded: Message) -> Message:
    return {key: value for key, value in decoded.items() if key not in ("h", "p", "1")}


def compare(form: str, count: int, seed: int) -> int:
    """Compares that many messages, and says how many elements they had."""
    specification = SPECIFICATIONS[form]
    made = islice(messages(form, seed), count)
    elements_compared = 0
    while batch := list(islice(made, BATCH)):
        encoded = [bytes(iso8583.encode(dict(message), specification)[0]) for message in batch]
        for message, sent, answer in zip(batch, encoded, answers(form, encoded), strict=True):
            assert answer == ours(form, message, sent)
            written = bytes.fromhex(answer.rpartition(" ")[2])
            assert elements(iso8583.decode(written, specification)[0]) == message
            elements_compared += len(message) - 1
    return elements_compared


def test_both_codecs_read_and_write_the_same() -> None:
    shares = [("ascii", COUNT // 2, 1), ("packed", COUNT - COUNT // 2, 2)]
    with ProcessPoolExecutor() as processes:
        compared = list(processes.map(compare, *zip(*shares)))
    print(f"{COUNT} messages of {sum(compared)} elements")
    assert min(compared) > 0


@pytest.mark.parametrize("form", ["ascii", "packed"])
def test_what_ours_reads_of_broken_messages_the_other_reads_alike(form: str) -> None:
    """Ours refuses more, such as letters in digits; what it takes, it understands."""
    chance = random.Random(1987)
    specification = SPECIFICATIONS[form]
    broken = []
    for message in islice(messages(form, seed=3), 3_000):
        encoded = bytearray(iso8583.encode(message, specification)[0])
        for _ in range(chance.randint(1, 2)):
            place = chance.randrange(len(encoded))
            if chance.random() < 0.5:
                encoded[place] = chance.randrange(256)
            else:
                del encoded[place]
        broken.append(bytes(encoded))
    taken = 0
    for encoded, answer in zip(broken, answers(form, broken), strict=True):
        if answer.startswith("refused "):
            continue
        taken += 1
        written = bytes.fromhex(answer.rpartition(" ")[2])
        theirs, _ = iso8583.decode(encoded, specification)
        assert answer == ours(form, elements(theirs), written)
    assert 0 < taken < len(broken)


def vectors() -> list[bytes]:
    """The messages of the public vectors that both sides take."""
    script = Path(__file__).parents[1] / "Scripts" / "iso8583" / "public_vectors.txt"
    found = []
    for command in script.read_text().split("decode ascii\n")[1:]:
        content, _, outcome = command.partition("\n----\n")
        if not outcome.startswith("refused"):
            found.append(content.replace("\n", "").encode())
    return found


def test_public_vectors_are_read_and_written_alike() -> None:
    encoded = vectors()
    assert len(encoded) >= 10
    for sent, answer in zip(encoded, answers("ascii", encoded), strict=True):
        decoded, _ = iso8583.decode(sent, default_ascii)
        assert answer == ours("ascii", elements(decoded), sent)
        assert bytes(iso8583.encode(decoded, default_ascii)[0]) == sent

"""What a running process has in its memory."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

# Some mappings are larger than what a test should hold at once.
PIECE_BYTES = 1 << 24
# No form that is looked for is longer, so that none is missed between two pieces.
OVERLAP_BYTES = 256


def pieces(pid: int) -> Iterator[bytes]:
    """Heap, stacks and everything else that the process asked for; skips where the system does not
    allow it.

    Not what it has of files: the lists of test cards are in the program. Mappings that end while
    they are read are passed over: what they held is gone.
    """
    maps = Path(f"/proc/{pid}/maps").read_text().splitlines()
    try:
        memory = open(f"/proc/{pid}/mem", "rb", buffering=0)
    except PermissionError:
        pytest.skip("this system does not let a test read the memory of another process")
    with memory:
        for line in maps:
            match = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw\S+ \S+ \S+ 0\b", line)
            if not match:
                continue
            place, end = int(match[1], 16), int(match[2], 16)
            while place < end:
                try:
                    memory.seek(place)
                    piece = memory.read(min(PIECE_BYTES, end - place))
                except OSError:
                    break
                if not piece:
                    break
                yield piece
                is_last = place + len(piece) >= end
                place += len(piece) if is_last else max(1, len(piece) - OVERLAP_BYTES)


def find_in_memory(pid: int, forms: Mapping[str, bytes]) -> list[str]:
    """The names of those forms that are in the process's memory, each with what is around it."""
    found = []
    for piece in pieces(pid):
        for name, text in forms.items():
            place = piece.find(text)
            if place >= 0:
                around = piece[max(0, place - 48) : place + 64]
                found.append(f"{name}: …{around!r}…")
    return found

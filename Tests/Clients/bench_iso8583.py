"""Our ISO 8583 codec beside pyiso8583, on the messages of `sunny bench`.

It is measured in the same run, so that the ratio says something on a loaded machine.
"""

import statistics
import subprocess
import time
from collections.abc import Callable

import iso8583
from iso8583.specs import default_ascii as SPECIFICATION

from support.demo import binary


def nanoseconds(work: Callable[[], object]) -> float:
    """The median of 21 batches of 200."""
    batches = []
    for _ in range(21):
        begun = time.perf_counter_ns()
        for _ in range(200):
            work()
        batches.append((time.perf_counter_ns() - begun) / 200)
    return statistics.median(batches)


def main() -> None:
    run = subprocess.run(
        [binary(), "bench", "--codec-only"], capture_output=True, text=True, check=True
    )
    # "encode 0100 548 ns 3031…", "decode 0100 466 ns"
    rows = [line.split() for line in run.stdout.splitlines() if line.startswith("  ")]
    messages = {row[1]: bytes.fromhex(row[4]) for row in rows if row[0] == "encode"}
    print("ISO 8583, the same messages with pyiso8583")
    for kind, name, ours, *_ in rows:
        encoded = messages[name]
        decoded, _ = iso8583.decode(encoded, SPECIFICATION)
        assert bytes(iso8583.encode(decoded, SPECIFICATION)[0]) == encoded
        theirs = nanoseconds(
            (lambda: iso8583.encode(decoded, SPECIFICATION))
            if kind == "encode"
            else (lambda: iso8583.decode(encoded, SPECIFICATION))
        )
        ratio = theirs / float(ours)
        print(f"  {kind} {name:<21} {theirs:.0f} ns, ours {ours} ns: {ratio:.0f} times faster")


if __name__ == "__main__":
    main()

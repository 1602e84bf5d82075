"""Builds the core with every bug planted and plays seeds until each is found.

    python3 run.py --scratch DIR [--seconds N] [--bugs 1 7 12]

Prints a table: the bug, what found it, the seed and the seconds. Exit code 0 when every bug was
found within its time and the unplanted core was not accused, 1 otherwise.
"""

import argparse
import concurrent.futures
import subprocess
import sys
import time
from pathlib import Path

import plant

HERE = Path(__file__).resolve().parent

# Seeds that the core without a bug has to survive, so that a finding means something.
CLEAN_SEED_COUNT = 100

# What a bug's `finds` says when the world needs more luck than a run has. They are worked on: a
# world that finds one says so in the bug's text.
OPEN = "nothing yet"

# More seeds than fit any budget.
SEED_MAX = 100_000


def build(scratch: Path) -> Path:
    package = scratch / "package"
    subprocess.run([sys.executable, str(HERE / "plant.py"), "--out", str(package)], check=True)
    command = ["swift", "build", "-c", "release", "--scratch-path", str(scratch / "build")]
    subprocess.run(command, cwd=package, check=True)
    return scratch / "build" / "release" / "mutants"


def play(program: Path, number: int, seed_max: int, seconds: float):
    """What found the bug, the seed and the seconds; None where nothing did."""
    begun = time.monotonic()
    command = ["stdbuf", "-oL", str(program), str(number), "1", str(seed_max)]
    environment = {"SWIFT_BACKTRACE": "enable=no"}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=seconds, env=environment)
    except subprocess.TimeoutExpired:
        return None
    lines = done.stdout.splitlines()
    seed = [line.split()[1] for line in lines if line.startswith("seed ")][-1]
    took = time.monotonic() - begun
    if done.returncode == 3:
        return lines[-1].removeprefix("found "), seed, took
    if done.returncode == 0:
        return None
    return "a trap", seed, took


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=240)
    parser.add_argument("--bugs", type=int, nargs="*")
    options = parser.parse_args()
    bugs, errors = plant.read_bugs(HERE / "bugs")
    if errors:
        print("\n".join(errors))
        return 1
    if options.bugs:
        wanted = [bug for bug in bugs if bug.number in options.bugs]
    else:
        wanted = [bug for bug in bugs if bug.finds != OPEN]
    program = build(options.scratch.resolve())
    accused = play(program, 0, CLEAN_SEED_COUNT, 600)
    if accused:
        print(f"without a bug: {accused[0]}, seed {accused[1]}")
        return 1
    print(f"without a bug: {CLEAN_SEED_COUNT} seeds, nothing found")
    missed = 0
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        runs = [
            (bug, pool.submit(play, program, bug.number, SEED_MAX, options.seconds))
            for bug in wanted
        ]
        for bug, run in runs:
            found = run.result()
            if found:
                print(f"{bug.number:3} {bug.name:40} {found[0]:24} seed {found[1]:>5} "
                      f"{found[2]:6.1f} s", flush=True)
            else:
                missed += 1
                print(f"{bug.number:3} {bug.name:40} NOT FOUND in {options.seconds:.0f} s",
                      flush=True)
    print(f"{len(wanted) - missed} of {len(wanted)} planted bugs were found")
    rest = [f"{bug.number} {bug.name}" for bug in bugs if bug.finds == OPEN]
    if rest and not options.bugs:
        print(f"not looked for, as seeds seldom find them: {', '.join(rest)}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

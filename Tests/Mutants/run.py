"""Builds the sources with every bug planted and plays seeds and worlds until each is found.

    python3 run.py --scratch DIR [--seconds N] [--gateway] [--bugs 1 7 12]

The bugs of the gateway's shells need a program that takes minutes to build: they are played with
--gateway, or when they are named.

Prints a table: the bug, who found it, the seconds, what was broken, and the seed or world. Exit
code 0 when every bug was found within its time and nothing was found without one, 1 otherwise.
"""

import argparse
import concurrent.futures
import subprocess
import sys
import time
from pathlib import Path

import plant

HERE = Path(__file__).resolve().parent

# What a bug's `finds` may say, and the seeds or worlds that have to be played without a finding
# where no bug is planted, so that a finding means something. Of worlds these are the small ones.
FINDERS = {
    plant.GATEWAY_FINDER: 30,
    "simulate raft": 100,
    "raft model": 22,
    "liveness worlds": 300,
    "liveness explorer": 7,
}

# More seeds and worlds than fit any budget.
AMOUNT = "100000"


def program_of(finder: str) -> str:
    return "gatewayMutants" if finder == plant.GATEWAY_FINDER else "mutants"


def build(scratch: Path, programs) -> Path:
    """Builds the programs, and says where they are. The gateway's takes minutes, the first time."""
    package = scratch / "package"
    subprocess.run([sys.executable, str(HERE / "plant.py"), "--out", str(package)], check=True)
    for program in programs:
        command = ["swift", "build", "-c", "release", "--scratch-path", str(scratch / "build"),
                   "--product", program]
        subprocess.run(command, cwd=package, check=True)
    return scratch / "build" / "release"


def finder_and_world(bug):
    """Who has to find a bug, and in which world, or how many seeds or worlds."""
    finder, _, world = bug.finds.partition(": ")
    return finder, world or AMOUNT


def play(programs: Path, number: int, finder: str, amount: str, seconds: float):
    """What found the bug, or None; where it was looked for last; and the seconds."""
    begun = time.monotonic()
    program = programs / program_of(finder)
    command = ["stdbuf", "-oL", str(program), str(number), finder.replace(" ", "-"), amount]
    environment = {"SWIFT_BACKTRACE": "enable=no"}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=seconds, env=environment)
    except subprocess.TimeoutExpired:
        return None, f"no end within {seconds:.0f} s", seconds
    if done.returncode == 64:
        raise SystemExit(done.stdout)
    lines = done.stdout.splitlines()
    where = [line for line in lines if line.startswith(("seed ", "world "))][-1]
    took = time.monotonic() - begun
    if done.returncode == 0:
        return None, "played", took
    return lines[-1].removeprefix("found ") if done.returncode == 3 else "a trap", where, took


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=240)
    parser.add_argument("--gateway", action="store_true")
    parser.add_argument("--bugs", type=int, nargs="*")
    options = parser.parse_args()
    parts, errors = plant.read_bugs(HERE / "bugs")
    bugs = plant.first_parts(parts)
    if errors:
        print("\n".join(errors))
        return 1
    wanted = [bug for bug in bugs if not options.bugs or bug.number in options.bugs]
    left_out = []
    if not options.bugs and not options.gateway:
        left_out = [bug for bug in wanted if finder_and_world(bug)[0] == plant.GATEWAY_FINDER]
        wanted = [bug for bug in wanted if bug not in left_out]
    strange = [bug for bug in wanted if finder_and_world(bug)[0] not in FINDERS]
    if strange:
        print("\n".join(f"{bug.path.name}: nothing is called {bug.finds}" for bug in strange))
        return 1
    finders = sorted({finder_and_world(bug)[0] for bug in wanted})
    programs = build(
        options.scratch.resolve(), sorted({program_of(finder) for finder in finders}))
    missed = 0
    # One bug for each core; an explorer takes about a gibibyte.
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        clean = [
            (finder, pool.submit(play, programs, 0, finder, str(FINDERS[finder]), 600))
            for finder in finders
        ]
        for finder, run in clean:
            accused, where, took = run.result()
            if accused or where != "played":
                print(f"without a bug, {finder}: {accused or 'nothing'}, {where}")
                return 1
            print(f"without a bug, {finder}: {FINDERS[finder]} played in {took:.0f} s, "
                  "nothing found", flush=True)
        runs = [
            (bug, pool.submit(play, programs, bug.number, *finder_and_world(bug), options.seconds))
            for bug in wanted
        ]
        for bug, run in runs:
            found, where, took = run.result()
            missed += found is None
            print(f"{bug.number:3} {bug.name:36} {finder_and_world(bug)[0]:17} {took:6.1f} s"
                  f"  {found or 'NOT FOUND'}, {where}", flush=True)
    print(f"{len(wanted) - missed} of {len(wanted)} planted bugs were found")
    if left_out:
        print(f"{len(left_out)} of the gateway were not played: make mutants ARGS=--gateway")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

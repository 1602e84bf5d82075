#!/usr/bin/env python3
"""Plants known bugs in a copy of the consensus core, each behind a number.

    plant.py --out DIR      write the package with every bug planted
    plant.py                only say whether every bug still fits the source
    plant.py --list         print the bugs as a table

README.md beside this file says what a bug's text looks like. The product's source is only read.
"""

import argparse
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, Tuple

# What the copy consists of; the dependencies of each are those of the main Package.swift.
ROOMS = ["Primitives", "Raft", "Liveness", "Linearizability", "CoreSimulator"]

# What else the runner is made of: the explorers of the tests, and what they explore. A file with
# tests in it is left out.
EXPLORERS = [
    "Tests/RaftTests/Model*.swift",
    "Tests/RaftTests/ScriptText.swift",
    "Tests/LivenessTests/Explored*.swift",
    "Tests/LivenessTests/World*.swift",
]

# Stands in every folder that this program has written, so that no other folder is cleared.
MARKER = ".planted"

KEYS = ["file", "finds", "breaks", "style"]
STYLES = ["statement", "expression"]


class PlantError(Exception):
    """What is wrong, with the file and line where it is."""


@dataclass
class Bug:
    """One bug, as its text says."""

    number: int
    name: str
    path: Path
    file: str
    finds: str
    breaks: str
    style: str
    # The line of `---- original` in the bug's own text.
    line: int
    original: List[str]
    planted: List[str]

    def error(self, reason: str) -> PlantError:
        return PlantError(f"{self.path.name}:{self.line}: {reason}")


@dataclass
class Span:
    """A piece of a source, from `start` up to `end`, and the bugs that replace it."""

    start: int
    end: int
    style: str
    bugs: List[Bug]
    inner: List["Span"] = field(default_factory=list)


def without_blank_ends(lines: List[str]) -> List[str]:
    lines = [line.rstrip() for line in lines]
    while lines and not lines[-1]:
        lines.pop()
    while lines and not lines[0]:
        lines.pop(0)
    return lines


def read_bug(path: Path) -> Bug:
    """Reads a bug's text; raises PlantError where it is none."""
    match = re.fullmatch(r"(\d{2,})-([a-z0-9-]+)\.txt", path.name)
    if not match or int(match[1]) == 0:
        raise PlantError(f"{path.name}:1: the name is not NN-some-words.txt, from 01 on")
    lines = path.read_text(encoding="utf-8").splitlines()
    marks = []
    for wanted in ["---- original", "---- planted"]:
        found = [index for index, line in enumerate(lines) if line.rstrip() == wanted]
        if len(found) != 1:
            raise PlantError(f"{path.name}:1: {len(found)} lines are `{wanted}`, not one")
        marks.append(found[0])
    start, middle = marks
    if middle < start:
        raise PlantError(f"{path.name}:{middle + 1}: what is planted comes after the original")
    head: Dict[str, str] = {}
    for index, line in enumerate(lines[:start]):
        if not line.strip():
            continue
        key, separator, value = line.partition(":")
        if not separator or key not in KEYS or key in head or not value.strip():
            raise PlantError(f"{path.name}:{index + 1}: not a new one of {', '.join(KEYS)}")
        head[key] = value.strip()
    for key in KEYS[:3]:
        if key not in head:
            raise PlantError(f"{path.name}:1: {key}: is missing")
    bug = Bug(
        number=int(match[1]),
        name=match[2],
        path=path,
        file=head["file"],
        finds=head["finds"],
        breaks=head["breaks"],
        style=head.get("style", "statement"),
        line=start + 1,
        original=without_blank_ends(lines[start + 1:middle]),
        planted=without_blank_ends(lines[middle + 1:]),
    )
    if bug.style not in STYLES:
        raise bug.error(f"the style is none of {', '.join(STYLES)}")
    if not bug.original:
        raise bug.error("the original is empty")
    if bug.style == "expression" and not bug.planted:
        raise bug.error("the planted expression is empty")
    parts = bug.file.split("/")
    if parts[0] != "Sources" or ".." in parts or len(parts) < 3 or parts[1] not in ROOMS:
        raise bug.error(f"{bug.file} is in none of {', '.join(ROOMS)}")
    return bug


def read_bugs(folder: Path) -> Tuple[List[Bug], List[str]]:
    """The bugs of a folder by number, and what is wrong with the others."""
    bugs: List[Bug] = []
    errors: List[str] = []
    numbers: Dict[int, str] = {}
    for path in sorted(folder.glob("*")):
        if path.name.startswith("."):
            continue
        try:
            bug = read_bug(path)
            if bug.number in numbers:
                raise bug.error(f"{numbers[bug.number]} has the same number")
            numbers[bug.number] = path.name
            bugs.append(bug)
        except PlantError as error:
            errors.append(str(error))
        except (OSError, UnicodeDecodeError) as error:
            errors.append(f"{path.name}:1: {error}")
    if not bugs and not errors:
        errors.append(f"{folder}: no bugs")
    return sorted(bugs, key=lambda bug: bug.number), errors


def statement_spans(bug: Bug, source: str) -> List[Tuple[int, int]]:
    """Where the lines of the original stand, indentation aside."""
    wanted = [line.strip() for line in bug.original]
    lines = source.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    stripped = [line.strip() for line in lines]
    found = []
    for index in range(len(lines) - len(wanted) + 1):
        if stripped[index:index + len(wanted)] == wanted:
            found.append((starts[index], starts[index + len(wanted)] - 1))
    return found


def without_comments(source: str) -> str:
    """The source with blanks for what follows `//` outside of a string."""
    lines = []
    for line in source.split("\n"):
        for match in re.finditer("//", line):
            if line[:match.start()].replace('\\"', "").count('"') % 2 == 0:
                line = line[:match.start()] + " " * (len(line) - match.start())
                break
        lines.append(line)
    return "\n".join(lines)


def expression_spans(bug: Bug, source: str) -> List[Tuple[int, int]]:
    """Where the original stands as words of its own, lines broken at the same places."""
    lines = [re.escape(line.strip()) for line in bug.original]
    text = r"[ \t]*\n[ \t]*".join(lines)
    first, last = bug.original[0].lstrip()[0], bug.original[-1].rstrip()[-1]
    # A member's name without its object is not an expression, nor is a part of a word.
    before = r"(?<![\w.])" if re.match(r"\w", first) else ""
    after = r"(?!\w)" if re.match(r"\w", last) else ""
    pattern = re.compile(before + text + after)
    return [match.span() for match in pattern.finditer(without_comments(source))]


def nest(spans: List[Span]) -> List[Span]:
    """Puts each span into the smallest one around it; equal ones become one."""
    order = sorted(spans, key=lambda span: (span.start, -span.end, span.style != "statement"))
    top: List[Span] = []
    open_spans: List[Span] = []
    for span in order:
        while open_spans and open_spans[-1].end <= span.start:
            open_spans.pop()
        if not open_spans:
            top.append(span)
        else:
            outer = open_spans[-1]
            is_same = (outer.start, outer.end, outer.style) == (span.start, span.end, span.style)
            if is_same:
                outer.bugs += span.bugs
                continue
            if span.end > outer.end:
                raise span.bugs[0].error(
                    f"the original begins within that of {outer.bugs[0].path.name}"
                    " and ends after it"
                )
            if outer.style == "expression" and span.style == "statement":
                raise span.bugs[0].error(
                    f"the original is a part of the expression of {outer.bugs[0].path.name}"
                )
            outer.inner.append(span)
        open_spans.append(span)
    return top


def render(source: str, start: int, end: int, spans: List[Span]) -> str:
    """The source from `start` up to `end`, with the spans in it replaced."""
    pieces = []
    for span in spans:
        pieces.append(source[start:span.start])
        text = render(source, span.start, span.end, span.inner)
        for bug in sorted(span.bugs, key=lambda bug: -bug.number):
            text = switch(bug, text)
        pieces.append(text)
        start = span.end
    pieces.append(source[start:end])
    return "".join(pieces)


def switch(bug: Bug, original: str) -> str:
    planted = "\n".join(bug.planted)
    if bug.style == "expression":
        return f"(plantedBug == {bug.number} ? ({planted}) : ({original}))"
    return f"if plantedBug == {bug.number} {{\n{planted}\n}} else {{\n{original}\n}}"


IMPORT = re.compile(
    r"^(?:@\w+\s+)*(?:(?:public|package|internal|fileprivate|private)\s+)?import\s+Primitives\b",
    re.MULTILINE,
)


def plant(source: str, bugs: List[Bug], room: str) -> Tuple[str, List[str]]:
    """A source with its bugs planted, and the bugs that do not fit it."""
    errors: List[str] = []
    spans: List[Span] = []
    for bug in bugs:
        find = expression_spans if bug.style == "expression" else statement_spans
        found = find(bug, source)
        if len(found) == 1:
            spans.append(Span(found[0][0], found[0][1], bug.style, [bug]))
        else:
            reason = f"the original occurs {len(found)} times in {bug.file}, not once"
            errors.append(str(bug.error(reason)))
    try:
        text = render(source, 0, len(source), nest(spans))
    except PlantError as error:
        return source, errors + [str(error)]
    if bugs and room != "Primitives" and not IMPORT.search(text):
        text = "import Primitives\n\n" + text
    return text, errors


def swift_string(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def number_source(bugs: List[Bug]) -> str:
    """The source that holds the number, and the table of the bugs for whoever prints it."""
    rows = "".join(
        f"    ({bug.number}, {swift_string(bug.name)}, {swift_string(bug.finds)},\n"
        f"        {swift_string(bug.breaks)}),\n"
        for bug in bugs
    )
    return f"""\
/// The number of the bug that is at work; 0 is none. Set once, before any thread is started.
///
/// Proof: nothing writes it while anything else can read it.
nonisolated(unsafe) public var plantedBug = 0

/// Every bug that is planted here, by number.
public let plantedBugs: [(number: Int, name: String, finds: String, breaks: String)] = [
{rows}]
"""


def piece(manifest: str, opening: str) -> str:
    """The piece of the manifest from where `opening` matches to where its last bracket closes."""
    match = re.search(opening, manifest)
    if not match:
        raise PlantError(f"Package.swift:1: nothing matches `{opening}`")
    depth = 0
    for position in range(match.end() - 1, len(manifest)):
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(manifest[position], 0)
        if depth == 0:
            return manifest[match.start():position + 1]
    line = manifest.count("\n", 0, match.start()) + 1
    raise PlantError(f"Package.swift:{line}: `{match[0]}` is not closed")


def package_manifest(manifest: str, has_runner: bool) -> str:
    """The manifest of the copy, put together from pieces of the main one."""
    targets = [piece(manifest, rf'room\((?=\s*"{name}")') for name in ROOMS]
    pieces = [piece(manifest, r"let strict: \[SwiftSetting\] = \[")]
    packages = ""
    if any("collections" in target for target in targets):
        pieces.append(piece(manifest, r"let collections: \[Target\.Dependency\] = \["))
        url = r'url: "https://github\.com/apple/swift-collections"'
        packages = piece(manifest, rf"\.package\((?=\s*{url})")
    if has_runner:
        names = ", ".join(f'"{name}"' for name in ROOMS)
        targets.append(
            f'.executableTarget(\n            name: "mutants", dependencies: [{names}],\n'
            '            path: "Sources/Runner", swiftSettings: strict)'
        )
    version = manifest.split("\n", 1)[0]
    settings = "\n\n".join(pieces)
    rows = "".join(f"        {target},\n" for target in targets)
    return f"""\
{version}

import PackageDescription

{settings}

func room(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {{
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}}

let package = Package(
    name: "planted",
    dependencies: [{packages}],
    targets: [
{rows}    ]
)
"""


def package_files(root: Path, bugs: List[Bug]) -> Tuple[Dict[str, str], List[str]]:
    """The copy as texts by path, and the bugs that do not fit the source."""
    files: Dict[str, str] = {}
    errors: List[str] = []
    sources = root / "Sources"
    for room in ROOMS:
        paths = sorted((sources / room).rglob("*.swift"))
        if not paths:
            errors.append(f"Sources/{room}:1: no source")
        for path in paths:
            name = "Sources/" + path.relative_to(sources).as_posix()
            here = [bug for bug in bugs if bug.file == name]
            text, found = plant(path.read_text(encoding="utf-8"), here, room)
            files[name] = text
            errors += found
    for bug in bugs:
        if bug.file not in files:
            errors.append(str(bug.error(f"there is no {bug.file}")))
    runner = root / "Tests" / "Mutants" / "Runner"
    paths = sorted(runner.rglob("*.swift"))
    for path in paths:
        name = "Sources/Runner/" + path.relative_to(runner).as_posix()
        files[name] = path.read_text(encoding="utf-8")
    for path in sorted(path for pattern in EXPLORERS for path in root.glob(pattern)):
        text = path.read_text(encoding="utf-8")
        if "import Testing" not in text.splitlines():
            files[f"Sources/Runner/{path.parent.name}/{path.name}"] = text
    files["Sources/Primitives/PlantedBug.swift"] = number_source(bugs)
    try:
        manifest = (root / "Package.swift").read_text(encoding="utf-8")
        files["Package.swift"] = package_manifest(manifest, has_runner=bool(paths))
    except PlantError as error:
        errors.append(str(error))
    return files, errors


def write_package(out: Path, files: Dict[str, str]) -> None:
    """Makes `out` hold the files; what is the same is left alone, so that it is not built anew.

    Raises PlantError when the folder holds something else.
    """
    if out.exists() and any(out.iterdir()) and not (out / MARKER).exists():
        raise PlantError(f"{out}: the folder is not empty and not of this program")
    out.mkdir(parents=True, exist_ok=True)
    (out / MARKER).touch()
    for path in sorted((out / "Sources").rglob("*.swift")):
        if path.relative_to(out).as_posix() not in files:
            path.unlink()
    for name, text in files.items():
        path = out / name
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def main(arguments: List[str]) -> int:
    here = Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description="Plants known bugs in a copy of the core.")
    parser.add_argument("--out", type=Path, help="the folder of the package to write")
    parser.add_argument("--list", action="store_true", help="print the bugs")
    parser.add_argument("--root", type=Path, default=here.parents[1], help="the repository")
    parser.add_argument("--bugs", type=Path, help="the bugs (default: Tests/Mutants/bugs)")
    options = parser.parse_args(arguments)
    folder = options.bugs or options.root / "Tests" / "Mutants" / "bugs"
    bugs, errors = read_bugs(folder)
    if options.list:
        for bug in bugs:
            print(f"{bug.number:02}  {bug.name}  [{bug.finds}]  {bug.breaks}")
    files, misfits = package_files(options.root, bugs)
    errors += misfits
    if not errors and options.out:
        try:
            write_package(options.out, files)
        except PlantError as error:
            errors.append(str(error))
    for error in errors:
        print(error, file=sys.stderr)
    if not errors and not options.list:
        print(f"{len(bugs)} bugs planted" if options.out else f"{len(bugs)} bugs fit")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

#!/usr/bin/env python3
"""Plants known bugs in a copy of the sources, each behind a number.

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

# What is copied as well where a bug is for the simulator of the whole gateway: this room, and all
# that it is made of.
GATEWAY_FINDER = "simulate gateway"
GATEWAY_ROOM = "Simulator"

# What else the runner is made of: the explorers of the tests, and what they explore. A file with
# tests in it is left out.
EXPLORERS = [
    "Tests/RaftTests/Model*.swift",
    "Tests/RaftTests/ScriptText.swift",
    "Tests/LivenessTests/Explored*.swift",
    "Tests/LivenessTests/World*.swift",
]

# The programs of the copy, and the folders beside this file that hold them.
RUNNERS = {"mutants": "Runner", "gatewayMutants": "GatewayRunner"}

# Stands in every folder that this program has written, so that no other folder is cleared.
MARKER = ".planted"

KEYS = ["file", "finds", "breaks", "style"]
STYLES = ["statement", "expression"]


class PlantError(Exception):
    """What is wrong, with the file and line where it is."""


@dataclass
class Bug:
    """One bug, as its text says; or a part of one that takes several places."""

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


def read_head(path: Path, lines: List[str], first: int) -> Dict[str, str]:
    """The head of a text, whose first line has this number."""
    head: Dict[str, str] = {}
    for index, line in enumerate(lines):
        if not line.strip():
            continue
        key, separator, value = line.partition(":")
        if not separator or key not in KEYS or key in head or not value.strip():
            raise PlantError(f"{path.name}:{first + index}: not a new one of {', '.join(KEYS)}")
        head[key] = value.strip()
    return head


def read_pieces(path: Path, lines: List[str]) -> List[Tuple[int, int, int]]:
    """Where each original and each planted text begins, and where the latter ends."""
    starts = [index for index, line in enumerate(lines) if line.rstrip() == "---- original"]
    middles = [index for index, line in enumerate(lines) if line.rstrip() == "---- planted"]
    if not starts or len(starts) != len(middles):
        raise PlantError(
            f"{path.name}:1: {len(starts)} lines are `---- original` and {len(middles)} are"
            " `---- planted`")
    pieces = []
    for number, (start, middle) in enumerate(zip(starts, middles)):
        next_start = starts[number + 1] if number + 1 < len(starts) else len(lines)
        if not start < middle < next_start:
            raise PlantError(f"{path.name}:{middle + 1}: what is planted is not after its original")
        marks = [index for index in range(middle, next_start) if lines[index].startswith("---- ")]
        pieces.append((start, middle, marks[1] if len(marks) > 1 else next_start))
    return pieces


def read_bug(path: Path) -> List[Bug]:
    """Reads a bug's text, which may have several parts; raises PlantError where it is none."""
    match = re.fullmatch(r"(\d{2,})-([a-z0-9-]+)\.txt", path.name)
    if not match or int(match[1]) == 0:
        raise PlantError(f"{path.name}:1: the name is not NN-some-words.txt, from 01 on")
    lines = path.read_text(encoding="utf-8").splitlines()
    pieces = read_pieces(path, lines)
    head = read_head(path, lines[:pieces[0][0]], 1)
    for key in KEYS[:3]:
        if key not in head:
            raise PlantError(f"{path.name}:1: {key}: is missing")
    parts = []
    end = pieces[0][0]
    for start, middle, next_end in pieces:
        # `---- file: …` and `---- style: …` before an original are of its part.
        own = [line.removeprefix("---- ") for line in lines[end:start]]
        part = {"file": head["file"], "style": head.get("style", "statement")}
        if end != start:
            part["style"] = "statement"
            part.update(read_head(path, own, end + 1))
        parts.append(Bug(
            number=int(match[1]), name=match[2], path=path, file=part["file"],
            finds=head["finds"], breaks=head["breaks"], style=part["style"], line=start + 1,
            original=without_blank_ends(lines[start + 1:middle]),
            planted=without_blank_ends(lines[middle + 1:next_end])))
        end = next_end
    for bug in parts:
        check_bug(bug)
    return parts


def check_bug(bug: Bug) -> None:
    """Raises PlantError where a bug cannot be planted."""
    if bug.style not in STYLES:
        raise bug.error(f"the style is none of {', '.join(STYLES)}")
    if not bug.original:
        raise bug.error("the original is empty")
    if bug.style == "expression" and not bug.planted:
        raise bug.error("the planted expression is empty")
    parts = bug.file.split("/")
    if parts[0] != "Sources" or ".." in parts or len(parts) < 3:
        raise bug.error(f"{bug.file} is no source")
    if finder_of(bug) != GATEWAY_FINDER and parts[1] not in ROOMS:
        raise bug.error(f"{bug.file} is in none of {', '.join(ROOMS)}")


def read_bugs(folder: Path) -> Tuple[List[Bug], List[str]]:
    """The bugs of a folder by number, part by part, and what is wrong with the others."""
    bugs: List[Bug] = []
    errors: List[str] = []
    numbers: Dict[int, str] = {}
    for path in sorted(folder.glob("*")):
        if path.name.startswith("."):
            continue
        try:
            parts = read_bug(path)
            bug = parts[0]
            if bug.number in numbers:
                raise bug.error(f"{numbers[bug.number]} has the same number")
            numbers[bug.number] = path.name
            bugs += parts
        except PlantError as error:
            errors.append(str(error))
        except (OSError, UnicodeDecodeError) as error:
            errors.append(f"{path.name}:1: {error}")
    if not bugs and not errors:
        errors.append(f"{folder}: no bugs")
    return sorted(bugs, key=lambda bug: bug.number), errors


def finder_of(bug: Bug) -> str:
    """Who has to find a bug, without the world in which."""
    return bug.finds.partition(": ")[0]


def first_parts(bugs: List[Bug]) -> List[Bug]:
    """One for each bug."""
    return list({bug.number: bug for bug in reversed(bugs)}.values())[::-1]


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
        for bug in first_parts(bugs)
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


def target(manifest: str, room: str) -> str:
    """What the manifest says of a room."""
    return piece(manifest, rf'(?:room|\.target|\.systemLibrary)\((?=\s*(?:name: )?"{room}")')


def with_dependencies(manifest: str, rooms: List[str]) -> List[str]:
    """The rooms, and those that they are made of."""
    found = list(rooms)
    for room in found:
        row = target(manifest, room)
        # What a system library names are its packages.
        names = [] if row.startswith(".systemLibrary") else re.findall(r'"(\w+)"', row)
        found += [name for name in dict.fromkeys(names) if name not in found]
    return found


def shared_dependencies(manifest: str, targets: List[str]) -> Tuple[List[str], List[str]]:
    """The dependencies that targets name by a `let` of the manifest, and their packages."""
    pieces = []
    packages = []
    for name, kind in re.findall(
            r"^let (\w+): (\[?)Target\.Dependency\]? =", manifest, re.MULTILINE):
        if not any(re.search(rf"\b{name}\b(?!\")", target) for target in targets):
            continue
        opening = r"\[Target\.Dependency\] = \[" if kind else r"Target\.Dependency = \.product\("
        pieces.append(piece(manifest, rf"let {name}: {opening}"))
        for package in re.findall(r'package: "([^"]+)"', pieces[-1]):
            url = rf'url: "[^"]*/{re.escape(package)}"'
            found = piece(manifest, rf"\.package\((?=\s*{url})")
            if found not in packages:
                packages.append(found)
    return pieces, packages


def package_manifest(manifest: str, runners: Dict[str, List[str]], rooms: List[str]) -> str:
    """The manifest of the copy, put together from pieces of the main one; `runners` are programs
    and what they use."""
    targets = [target(manifest, name) for name in rooms]
    shared, packages = shared_dependencies(manifest, targets)
    pieces = [piece(manifest, r"let strict: \[SwiftSetting\] = \[")]
    if any("settings: strictMemory" in row for row in targets):
        pieces.append(piece(manifest, r"let strictMemory: \[SwiftSetting\] =\s*strict \+ \["))
    pieces += shared
    for name, uses in runners.items():
        names = ", ".join(f'"{use}"' for use in uses)
        targets.append(
            f'.executableTarget(\n            name: "{name}", dependencies: [{names}],\n'
            f'            path: "Sources/{RUNNERS[name]}", swiftSettings: strict)'
        )
    version = manifest.split("\n", 1)[0]
    settings = "\n\n".join(pieces)
    rows = "".join(f"        {target},\n" for target in targets)
    return f"""\
{version}

import PackageDescription

{settings}

func room(
    _ name: String, _ dependencies: [Target.Dependency] = [], settings: [SwiftSetting] = strict
) -> Target {{
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}}

let package = Package(
    name: "planted",
    dependencies: [{", ".join(packages)}],
    targets: [
{rows}    ]
)
"""


def package_files(root: Path, bugs: List[Bug]) -> Tuple[Dict[str, str], List[str]]:
    """The copy as texts by path, and the bugs that do not fit the source."""
    files: Dict[str, str] = {}
    errors: List[str] = []
    sources = root / "Sources"
    has_gateway = any(finder_of(bug) == GATEWAY_FINDER for bug in bugs)
    try:
        manifest = (root / "Package.swift").read_text(encoding="utf-8")
        gateway = [GATEWAY_ROOM] if has_gateway else []
        rooms = with_dependencies(manifest, ROOMS + gateway)
    except PlantError as error:
        return files, [str(error)]
    for room in rooms:
        paths = sorted((sources / room).rglob("*.swift"))
        others = sorted(
            path for path in (sources / room).rglob("*")
            if path.suffix in (".c", ".h", ".modulemap"))
        if not paths and not others:
            errors.append(f"Sources/{room}:1: no source")
        for path in others:
            name = "Sources/" + path.relative_to(sources).as_posix()
            files[name] = path.read_text(encoding="utf-8")
        for path in paths:
            name = "Sources/" + path.relative_to(sources).as_posix()
            here = [bug for bug in bugs if bug.file == name]
            text, found = plant(path.read_text(encoding="utf-8"), here, room)
            files[name] = text
            errors += found
    for bug in bugs:
        if bug.file not in files:
            errors.append(str(bug.error(f"there is no {bug.file}")))
    runners: Dict[str, List[str]] = {}
    for program, folder in RUNNERS.items():
        runner = root / "Tests" / "Mutants" / folder
        paths = sorted(runner.rglob("*.swift"))
        if not paths or (program == "gatewayMutants" and not has_gateway):
            continue
        runners[program] = ROOMS if program == "mutants" else ["Primitives", "Simulator"]
        for path in paths:
            name = f"Sources/{folder}/" + path.relative_to(runner).as_posix()
            files[name] = path.read_text(encoding="utf-8")
    for path in sorted(path for pattern in EXPLORERS for path in root.glob(pattern)):
        text = path.read_text(encoding="utf-8")
        if "import Testing" not in text.splitlines():
            files[f"Sources/Runner/{path.parent.name}/{path.name}"] = text
    files["Sources/Primitives/PlantedBug.swift"] = number_source(bugs)
    try:
        files["Package.swift"] = package_manifest(manifest, runners, rooms)
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
    for path in sorted((out / "Sources").rglob("*")):
        if path.is_file() and path.relative_to(out).as_posix() not in files:
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
        for bug in first_parts(bugs):
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
        count = len(first_parts(bugs))
        print(f"{count} bugs planted" if options.out else f"{count} bugs fit")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

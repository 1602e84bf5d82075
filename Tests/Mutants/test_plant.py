"""Tests of plant.py, in temporary folders and without a build: `pytest Tests/Mutants`."""

from pathlib import Path

import plant
import pytest

MANIFEST = """\
// swift-tools-version: 6.2

import PackageDescription

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
]

let collections: [Target.Dependency] = [
    .product(name: "HeapModule", package: "swift-collections")
]

let package = Package(
    name: "sunny",
    dependencies: [
        .package(url: "https://github.com/apple/swift-log", from: "1.0.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    ],
    targets: [
        room("Primitives"),
        room("Raft", ["Primitives"]),
        room("Liveness", ["Primitives"]),
        room("Linearizability", ["Primitives"]),
        room(
            "CoreSimulator", ["Primitives", "Raft"] + collections),
        tests(of: "Raft", ["Primitives"]),
    ]
)
"""

RAFT = """\
public import Primitives

func vote() -> Bool {
    persist()
    send(vote: true)
    guard isReady else { return false }
    // persist() comes before; count > half
    return count > half
}

func commit(index: Int) {
    if index > committed {
        committed = index
        notify()
    }
}
"""


class Repository:
    """A repository of a few lines, and the bugs that a test plants in it."""

    def __init__(self, root: Path):
        self.root = root
        self.out = root / "out"
        self.write("Package.swift", MANIFEST)
        for room in plant.ROOMS:
            self.write(f"Sources/{room}/{room}.swift", f"// {room}\n")
        self.write("Sources/Raft/Raft.swift", RAFT)

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def bug(self, name: str, original: str, planted: str, file: str = "", more: str = ""):
        file = file or "Sources/Raft/Raft.swift"
        head = f"file: {file}\nfinds: model\nbreaks: {name}\n{more}\n"
        text = f"{head}---- original\n{original}\n---- planted\n{planted}\n"
        return self.write(f"Tests/Mutants/bugs/{name}.txt", text)

    def expression(self, name: str, original: str, planted: str, file: str = ""):
        return self.bug(name, original, planted, file, "style: expression\n")

    def run(self, *arguments: str) -> int:
        return plant.main(["--root", str(self.root), *arguments])

    def plant(self, name: str = "Sources/Raft/Raft.swift") -> str:
        assert self.run("--out", str(self.out)) == 0
        return (self.out / name).read_text(encoding="utf-8")


@pytest.fixture
def repository(tmp_path):
    return Repository(tmp_path)


def words(text: str) -> str:
    return " ".join(text.split())


def test_a_statement_becomes_a_choice(repository):
    repository.bug("01-speak-first", "persist()\n  send(vote: true)", "send(vote: true)\npersist()")
    text = repository.plant()
    assert (
        "if plantedBug == 1 { send(vote: true) persist() } else"
        " { persist() send(vote: true) } guard isReady"
    ) in words(text)
    assert text.count("import Primitives") == 1
    untouched = RAFT.replace("    persist()\n    send(vote: true)\n", "")
    assert all(line in text for line in untouched.splitlines())


def test_a_statement_may_be_left_out(repository):
    repository.bug("01-mute", "persist()", "")
    assert "if plantedBug == 1 { } else { persist() }" in words(repository.plant())


def test_an_expression_becomes_a_choice(repository):
    repository.expression("12-no-quorum", "count > half", "count > 0")
    assert "return (plantedBug == 12 ? (count > 0) : (count > half))\n" in repository.plant()


def test_an_expression_is_made_of_whole_words(repository):
    repository.write("Sources/Raft/Raft.swift", "let a = b.size + sizes + size + f(x,\n   y)\n")
    repository.expression("01-small", "size", "0")
    repository.expression("02-turned", "f(x,\ny)", "f(y, x)")
    assert words(repository.plant()).endswith(
        "let a = b.size + sizes + (plantedBug == 1 ? (0) : (size))"
        " + (plantedBug == 2 ? (f(y, x)) : (f(x, y)))"
    )


def test_bugs_of_one_statement_are_nested(repository):
    repository.bug("01-mute", "persist()", "")
    repository.bug("02-twice", "persist()", "persist()\npersist()")
    repository.expression("03-half", "persist()", "persistHalf()")
    assert (
        "if plantedBug == 1 { } else { if plantedBug == 2 { persist() persist() } else"
        " { (plantedBug == 3 ? (persistHalf()) : (persist())) } }"
    ) in words(repository.plant())


def test_a_bug_within_the_statement_of_another(repository):
    block = "if index > committed {\ncommitted = index\nnotify()\n}"
    repository.bug("02-blind", block, "committed = index")
    repository.bug("01-quiet", "notify()", "")
    repository.expression("03-equal", "index > committed", "index >= committed")
    assert (
        "if plantedBug == 2 { committed = index } else"
        " { if (plantedBug == 3 ? (index >= committed) : (index > committed))"
        " { committed = index if plantedBug == 1 { } else { notify() } } }"
    ) in words(repository.plant())


def test_bugs_that_overlap_fail(repository, capsys):
    repository.bug("01-a", "persist()\nsend(vote: true)", "")
    repository.bug("02-b", "send(vote: true)\nguard isReady else { return false }", "")
    assert repository.run() == 1
    assert "02-b.txt:5: the original begins within that of 01-a.txt" in capsys.readouterr().err


def test_an_original_that_is_gone_or_not_alone_fails_by_name_and_line(repository, capsys):
    repository.bug("01-gone", "persistAll()", "")
    repository.bug("02-part", "persist", "")
    repository.expression("03-many", "true", "false", "Sources/Raft/Twice.swift")
    repository.write("Sources/Raft/Twice.swift", "a(true)\nb(true)\n")
    repository.bug("04-many", "again()", "", "Sources/Raft/Again.swift")
    repository.write("Sources/Raft/Again.swift", "again()\n  again()\n")
    repository.bug("05-lost", "x", "", "Sources/Raft/Lost.swift")
    assert repository.run("--out", str(repository.out)) == 1
    errors = capsys.readouterr().err.splitlines()
    for name, line, reason in [
        ("01-gone", 5, "0 times"), ("02-part", 5, "0 times"), ("03-many", 6, "2 times"),
        ("04-many", 5, "2 times"), ("05-lost", 5, "there is no"),
    ]:
        assert [e for e in errors if e.startswith(f"{name}.txt:{line}: ") and reason in e], name
    assert len(errors) == 5
    assert not repository.out.exists()


@pytest.mark.parametrize("name, text, line", [
    ("1-short.txt", "", 1), ("00-zero.txt", "", 1), ("01-Upper.txt", "", 1), ("01-a.md", "", 1),
    ("01-a.txt", "", 1),
    ("01-a.txt", "file: Sources/Raft/Raft.swift\n---- original\nx\n", 1),
    ("01-a.txt", "H---- planted\n---- original\nx\n", 4),
    ("01-a.txt", "H---- original\n---- original\nx\n---- planted\n", 1),
    ("01-a.txt", "file: Sources/Raft/R.swift\n---- original\nx\n---- planted\n", 1),
    ("01-a.txt", "Hcolour: red\n---- original\nx\n---- planted\n", 4),
    ("01-a.txt", "Hfinds: model\n---- original\nx\n---- planted\n", 4),
    ("01-a.txt", "Hfree text\n---- original\nx\n---- planted\n", 4),
    ("01-a.txt", "Hstyle: poem\n---- original\nx\n---- planted\n", 5),
    ("01-a.txt", "H---- original\n\n---- planted\n", 4),
    ("01-a.txt", "Hstyle: expression\n---- original\nx\n---- planted\n\n", 5),
])
def test_a_text_that_is_no_bug_fails_by_name_and_line(repository, capsys, name, text, line):
    head = "file: Sources/Raft/Raft.swift\nfinds: model\nbreaks: all\n"
    repository.write(f"Tests/Mutants/bugs/{name}", text.replace("H", head, 1))
    assert repository.run() == 1
    assert capsys.readouterr().err.startswith(f"{name}:{line}: ")


@pytest.mark.parametrize("file", [
    "Sources/Gateway/G.swift", "Sources/Ingress/I.swift", "Tests/A.swift", "/etc/passwd",
    "Sources/Raft/../A.swift",
    "Sources/Raft",
])
def test_a_file_outside_of_the_core_is_refused(repository, capsys, file):
    repository.bug("01-a", "x", "", file)
    assert repository.run() == 1
    assert "01-a.txt:5: " in capsys.readouterr().err


def test_two_bugs_of_one_number_fail(repository, capsys):
    repository.bug("01-a", "persist()", "")
    repository.bug("01-b", "notify()", "")
    assert repository.run() == 1
    assert "01-a.txt has the same number" in capsys.readouterr().err


def test_no_bugs_fail(repository):
    assert repository.run() == 1


def test_a_file_without_the_import_gets_it(repository):
    repository.write("Sources/Liveness/Plain.swift", "func f() { g() }\n")
    repository.expression("01-a", "g()", "h()", "Sources/Liveness/Plain.swift")
    assert repository.plant("Sources/Liveness/Plain.swift").startswith("import Primitives\n\nfunc")
    repository.write("Sources/Primitives/Plain.swift", "func f() { g() }\n")
    repository.expression("02-b", "g()", "h()", "Sources/Primitives/Plain.swift")
    assert "import" not in repository.plant("Sources/Primitives/Plain.swift")


def test_the_package(repository):
    repository.bug("01-mute", "persist()", "", more='style: statement\n')
    manifest = repository.plant("Package.swift")
    assert manifest.startswith("// swift-tools-version: 6.2\n")
    assert ".treatAllWarnings(as: .error)" in manifest
    assert '"https://github.com/apple/swift-collections", from: "1.6.0")' in manifest
    assert "swift-log" not in manifest and "tests(" not in manifest
    assert '"CoreSimulator", ["Primitives", "Raft"] + collections)' in manifest
    assert "mutants" not in manifest
    number = (repository.out / "Sources/Primitives/PlantedBug.swift").read_text()
    assert "nonisolated(unsafe) public var plantedBug = 0" in number
    assert '(1, "mute", "model",' in number
    repository.write("Tests/Mutants/Runner/main.swift", "run()\n")
    repository.write("Tests/RaftTests/ModelState.swift", "struct ModelState {}\n")
    repository.write("Tests/RaftTests/ModelTests.swift", "import Testing\n")
    assert '"mutants"' in repository.plant("Package.swift")
    runner = repository.out / "Sources/Runner"
    assert (runner / "main.swift").read_text() == "run()\n"
    assert (runner / "RaftTests/ModelState.swift").read_text() == "struct ModelState {}\n"
    assert not (runner / "RaftTests/ModelTests.swift").exists()


def test_collections_are_left_out_when_nobody_uses_them(repository):
    repository.write("Package.swift", MANIFEST.replace(" + collections", ""))
    repository.bug("01-mute", "persist()", "")
    assert "collections" not in repository.plant("Package.swift")


def test_a_manifest_that_lacks_a_room_fails(repository, capsys):
    repository.write("Package.swift", MANIFEST.replace('room("Liveness"', 'room("Lively"'))
    repository.bug("01-mute", "persist()", "")
    assert repository.run() == 1
    assert "Package.swift:1: " in capsys.readouterr().err


def test_what_is_the_same_is_left_alone_and_what_is_gone_removed(repository):
    repository.bug("01-mute", "persist()", "")
    stray = repository.write("Sources/Raft/Stray.swift", "// stray\n")
    repository.plant()
    planted = repository.out / "Sources/Raft/Raft.swift"
    before = planted.stat().st_mtime_ns
    kept = repository.write("out/.build/object.o", "")
    stray.unlink()
    repository.plant()
    assert planted.stat().st_mtime_ns == before
    assert not (repository.out / "Sources/Raft/Stray.swift").exists()
    assert kept.exists()


def test_a_folder_of_somebody_else_is_left_alone(repository, capsys):
    repository.bug("01-mute", "persist()", "")
    precious = repository.write("out/Sources/precious.swift", "")
    assert repository.run("--out", str(repository.out)) == 1
    assert "not of this program" in capsys.readouterr().err
    assert precious.exists()


def test_the_list(repository, capsys):
    repository.bug("02-loud", "notify()", "")
    repository.bug("01-mute", "persist()", "")
    assert repository.run("--list") == 0
    assert capsys.readouterr().out == (
        "01  mute  [model]  01-mute\n02  loud  [model]  02-loud\n"
    )


def test_a_bug_of_several_places(repository):
    repository.write("Sources/Liveness/Other.swift", "import Primitives\n\nlet half = all / 2\n")
    repository.write("Tests/Mutants/bugs/04-twice.txt", (
        "file: Sources/Raft/Raft.swift\nfinds: model\nbreaks: two places\n\n"
        "---- original\npersist()\n---- planted\n\n"
        "---- file: Sources/Liveness/Other.swift\n---- style: expression\n"
        "---- original\nall / 2\n---- planted\nall\n"))
    assert "if plantedBug == 4 {" in repository.plant("Sources/Raft/Raft.swift")
    other = repository.plant("Sources/Liveness/Other.swift")
    assert "let half = (plantedBug == 4 ? (all) : (all / 2))" in other
    table = (repository.out / "Sources/Primitives/PlantedBug.swift").read_text()
    assert table.count("(4, ") == 1


@pytest.mark.parametrize("text, line", [
    ("---- planted\n---- original\ny\n", 7),
    ("---- original\ny\n", 1),
    ("---- file: Sources/Ingress/I.swift\n---- original\ny\n---- planted\n", 8),
    ("---- file: Sources/Raft/Raft.swift\n---- colour: red\n---- original\ny\n"
     "---- planted\n", 8),
])
def test_a_part_that_is_none_fails_by_name_and_line(repository, capsys, text, line):
    head = "file: Sources/Raft/Raft.swift\nfinds: model\nbreaks: all\n"
    first = "---- original\nx\n---- planted\n"
    repository.write("Tests/Mutants/bugs/01-a.txt", head + first + text)
    assert repository.run() == 1
    assert capsys.readouterr().err.startswith(f"01-a.txt:{line}: ")


GATEWAY_ROOMS = """\
        room("Gateway", ["Primitives", crypto, grdb]),
        .target(name: "CSwiftHooks"),
        room("Simulator", ["CSwiftHooks", "Primitives", "Gateway"]),
    ]
"""


@pytest.mark.parametrize("finder", ["simulate gateway", "simulate gateway: a world"])
def test_a_bug_for_the_gateway_brings_its_rooms_and_their_packages(repository, finder):
    manifest = MANIFEST.replace("    ]\n)\n", GATEWAY_ROOMS + ")\n").replace(
        "let package", 'let crypto: Target.Dependency = .product(\n    name: "Crypto", '
        'package: "swift-crypto")\nlet grdb: Target.Dependency = .product(name: "GRDB", '
        'package: "GRDB.swift")\nlet unused: Target.Dependency = .product(name: "L", '
        'package: "swift-log")\n\nlet package', 1).replace(
        "    dependencies: [\n", "    dependencies: [\n"
        '        .package(url: "https://x/swift-crypto", from: "4.0.0"),\n'
        '        .package(url: "https://x/GRDB.swift", from: "7.0.0"),\n', 1)
    repository.write("Package.swift", manifest)
    repository.write("Sources/Gateway/G.swift", "public import Primitives\n\nfunc f() { g() }\n")
    repository.write("Sources/Simulator/S.swift", "import Primitives\n")
    repository.write("Sources/CSwiftHooks/hooks.c", "int x;\n")
    repository.write("Sources/CSwiftHooks/include/hooks.h", "extern int x;\n")
    repository.write("Tests/Mutants/GatewayRunner/main.swift", "run()\n")
    repository.bug("01-mute", "persist()", "")
    assert "Gateway" not in repository.plant("Package.swift")
    repository.write("Tests/Mutants/bugs/02-g.txt", (
        f"file: Sources/Gateway/G.swift\nfinds: {finder}\nbreaks: all\n"
        "style: expression\n---- original\ng()\n---- planted\nh()\n"))
    written = repository.plant("Package.swift")
    for text in ["swift-crypto", "GRDB.swift", 'name: "CSwiftHooks"', '"gatewayMutants"',
                 'dependencies: ["Primitives", "Simulator"]']:
        assert text in written
    assert "swift-log" not in written
    assert (repository.out / "Sources/CSwiftHooks/include/hooks.h").exists()
    assert "plantedBug == 2" in repository.plant("Sources/Gateway/G.swift")

import Testing

/// A check that finds nothing is worth something only if it finds what is planted.
@Suite("A planted violation is found")
struct PlantedTests {
    private func file(_ text: String, at path: String = "Sources/Raft/A.swift") -> SourceFile {
        SourceFile(path: path, text: text)
    }

    @Test("of an import, in each of its spellings")
    func imports() {
        let spellings = [
            "import Foundation", "public import Payments", "@preconcurrency import Glibc",
            "  internal import struct Environment.SocketAddress",
            "@_exported @preconcurrency public import NIOCore",
        ]
        for text in spellings {
            #expect(Checks.imports(file("\n" + text), rooms: House.rooms).count == 1, "\(text)")
        }
        let innocent = "import Primitives\n// import Foundation\nlet important = \"import GRDB\"\n"
        #expect(Checks.imports(file(innocent), rooms: House.rooms) == [])
        let stranger = file("import Primitives", at: "Sources/Attic/A.swift")
        #expect(Checks.imports(stranger, rooms: House.rooms).count == 1)
    }

    @Test("of a layer in the table itself")
    func layers() {
        let crooked = [
            "Primitives": Room(.pure, ["Crypto"]), "Environment": Room(.roles, ["Journal"]),
            "Journal": Room(.io, ["Cluster", "Vault", "GRDB"]), "Vault": Room(.io, []),
            "Cluster": Room(.meeting, ["sunny"]), "sunny": Room(.edge, ["Cluster"]),
        ]
        #expect(House.violations(of: crooked).count == 5)
    }

    @Test("of a name that reaches for the machine")
    func bannedNames() {
        let planted = [
            "try await Task.sleep(for: .seconds(1))", "await Task.yield()", "Task.detached {}",
            "let clock = ContinuousClock()", "SuspendingClock.now", "let now = Date()", "UUID()",
            "var source = SystemRandomNumberGenerator()", "DispatchQueue.main",
            "Int.random(in: 0..<5)", "Bool.random()", "list.shuffled()", "list.randomElement()!",
            "Int.random(\n    in: 0..<5)\nuse(using: source)",
        ]
        for text in planted {
            #expect(Checks.bannedNames(file(text), rooms: House.rooms).count == 1, "\(text)")
            let meeting = file(text, at: "Sources/Cluster/A.swift")
            #expect(Checks.bannedNames(meeting, rooms: House.rooms).count == 1, "\(text)")
            let edge = file(text, at: "Sources/sunny/A.swift")
            #expect(Checks.bannedNames(edge, rooms: House.rooms) == [])
        }
        let innocent = [
            "// Task.sleep is not for us", "let text = \"Date()\"", "SettlementDate(now)",
            "Int.random(in: 0..<5, using: &source)", "list.shuffled(using: &source)",
            "Base62.random(14, from: source)",
            "Int.random(\n    in: 0..<f(5),\n    using: &source)",
        ]
        for text in innocent {
            #expect(Checks.bannedNames(file(text), rooms: House.rooms) == [], "\(text)")
        }
    }

    @Test("of a line that is too long")
    func lineLengths() {
        let long = String(repeating: "ü", count: 101)
        for path in ["A.swift", "A.md", "A.py"] {
            #expect(Checks.lineLengths(file("x\n" + long, at: path)) == ["\(path):2: 101 columns"])
        }
        #expect(Checks.lineLengths(file(String(long.dropLast()), at: "A.md")) == [])
        #expect(Checks.lineLengths(file("| " + long, at: "A.md")) == [])
        #expect(Checks.lineLengths(file("https://" + long, at: "A.md")) == [])
        #expect(Checks.lineLengths(file("https://" + long, at: "A.swift")).count == 1)
    }

    @Test("of a promise without its proof")
    func unproven() {
        let promises = [
            "final class A: @unchecked Sendable {}", "nonisolated(unsafe) var a = 0",
            "let a = unsafe pointer.pointee",
        ]
        let above = ["", "// Because.\n", "// Proof: one thread.\n\n", "// Proof.\nlet b = 1\n"]
        let proof = [
            "// Proof: one thread.\n", "/// A box.\n//\n// Proof of `Sendable`: a lock.\n",
            "// The proof is\n// short.\n@frozen\n",
        ]
        for promise in promises {
            for text in above {
                let found = Checks.unproven(file(text + promise), rooms: House.rooms)
                #expect(found.count == 1, "\(text + promise)")
            }
            for text in proof {
                #expect(Checks.unproven(file(text + promise), rooms: House.rooms) == [])
            }
        }
        let strict = promises.map { file($0, at: "Sources/Transport/A.swift") }
        let counts = strict.map { Checks.unproven($0, rooms: House.rooms).count }
        #expect(counts == [1, 1, 0])
        let innocent = file("withUnsafeBytes { $0 }\n// unsafe things\nlet a = \"unsafe b\"")
        #expect(Checks.unproven(innocent, rooms: House.rooms) == [])
    }

    @Test("of a link that leads nowhere")
    func links() {
        let existing: Set<String> = ["README.md", "docs/a.md", "docs"]
        let text = """
            [a](a.md) [up](../README.md#top) [root](/docs) [web](https://example.org) [here](#x)
            [gone](b.md) and [out](../../README.md "title")
            ```
            [code](c.md)
            ```
            """
        let found = Checks.links(file(text, at: "docs/x.md"), exists: existing.contains)
        #expect(found == ["docs/x.md:2: no b.md", "docs/x.md:2: no ../../README.md"])
    }

    @Test("of a forbidden name, in any case")
    func forbiddenNames() {
        let planted = [
            "// TO" + "DO: later", "fix" + "Me", "cd /WO" + "RK/main", "help" + "er-3",
            "see ../sha" + "red", "as in DESI" + "GN.md",
        ]
        for text in planted {
            #expect(Checks.forbiddenNames(file("\n" + text, at: "x.txt")).count == 1, "\(text)")
        }
        let innocent = "autodoc métodos workflows/ helper design shared"
        #expect(Checks.forbiddenNames(file(innocent, at: "x.txt")) == [])
    }

    @Test("of a file that is too long")
    func fileLengths() {
        let text = String(repeating: "\n", count: 601)
        #expect(Checks.fileLengths(file(text)).count == 1)
        #expect(Checks.fileLengths(file(String(text.dropLast()))) == [])
        #expect(Checks.fileLengths(file(text, at: "Tests/A/B.swift")) == [])
    }

    @Test("of a product of the build")
    func trackedProducts() {
        let paths = ["Package.swift", "Package.resolved", "a/.build/b", ".build-x/c", "build/d"]
        #expect(Checks.trackedProducts(paths) == ["Package.resolved", "a/.build/b", ".build-x/c"])
    }

    @Test("of a difference between Package.swift and the table")
    func manifest() {
        let text = """
            let pair: [Target.Dependency] = [
                .product(name: "DequeModule", package: "x"),
                .product(name: "HeapModule", package: "x"),
            ]
            let logging: Target.Dependency = .product(
                name: "Logging", package: "y")
            let package = Package(
                targets: [
                    room("Primitives"),
                    // room("Ghost"),
                    room("Raft", ["Primitives", logging] + pair, settings: strict),
                    .target(name: "CThing"),
                    .executableTarget(
                        name: "sunny",
                        dependencies: ["Raft", .product(name: "ArgumentParser", package: "z")],
                        swiftSettings: strict),
                    tests(of: "Raft", ["Primitives"]),
                ])
            """
        let manifest = Manifest(text)
        #expect(
            manifest.dependencies == [
                "Primitives": [], "CThing": [],
                "Raft": ["Primitives", "Logging", "DequeModule", "HeapModule"],
                "sunny": ["Raft", "ArgumentParser"],
            ])
        let rooms = [
            "Primitives": Room(.pure, []), "Raft": Room(.pure, ["Primitives", "Crypto"]),
            "sunny": Room(.edge, ["Raft", "ArgumentParser"]), "Attic": Room(.pure, []),
        ]
        #expect(
            Checks.manifest(manifest, rooms: rooms) == [
                "Attic is in the table and not in Package.swift",
                "CThing is in Package.swift and not in the table",
                "Raft declares DequeModule", "Raft declares HeapModule", "Raft declares Logging",
                "Raft does not declare Crypto",
            ])
    }
}

import Foundation
import Payments
import Primitives
import Testing

/// The bytes of version 1, and what is decided. What stands in logs and databases has these forms:
/// a test that fails here asks for a new version of the envelope, not for new text.
@Suite("Version 1 of the binary form")
struct GoldenTests {
    private static let file = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "Golden/vectors.txt")

    @Test("of events, states and commands, and each step of the walks, is pinned")
    func vectors() throws {
        let found = GoldenVectors.text
        if ProcessInfo.processInfo.environment["SUNNY_RECORD"] == "1" {
            try Data(found.utf8).write(to: Self.file, options: .atomic)
        }
        let pinned = try String(contentsOf: Self.file, encoding: .utf8).split(separator: "\n")
        let lines = found.split(separator: "\n")
        #expect(lines.count == pinned.count)
        for (number, (line, golden)) in zip(lines, pinned).enumerated() where line != golden {
            Issue.record("vectors.txt:\(number + 1) is \(golden), and now \(line)")
        }
    }

    @Test("of every case is among the vectors")
    func coverage() {
        #expect(Set(Samples.events.map { $0.encoded[0] }) == Set(0...22))
        #expect(Set(Samples.commands.map { $0.encoded[0] }) == Set(0...19))
    }
}

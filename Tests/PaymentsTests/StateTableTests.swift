import Foundation
import Payments
import Testing

/// The table at the head of `Payment.swift` against what the explorer sees.
@Suite("The table of states")
struct StateTableTests {
    /// A row: `any` stands for every status, `unchanged` for the status that it was.
    private struct Row: Hashable {
        let from: String
        let events: String
        let to: String

        func covers(_ seen: Explorer.Transition) -> Bool {
            (from == "any" || from == seen.from) && events == seen.events
                && (to == seen.to || (to == "unchanged" && seen.to == seen.from))
        }
    }

    /// The lines of the table: four columns, two or more blanks between them.
    private static func rows() throws -> [Row] {
        let folder = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let source = try String(
            contentsOfFile: "/\(folder)/Sources/Payments/Payment.swift", encoding: .utf8)
        let lines = source.split(separator: "\n")
        let head = try #require(lines.firstIndex { $0.hasPrefix("//  from ") })
        return lines[(head + 2)...].prefix { $0.hasPrefix("//  ") }.map { line in
            let cells = line.dropFirst(4).components(separatedBy: "  ").map {
                $0.trimmingCharacters(in: .whitespaces)
            }.filter { !$0.isEmpty }
            guard cells.count == 4 else { return Row(from: String(line), events: "", to: "") }
            return Row(from: cells[0], events: cells[2], to: cells[3])
        }
    }

    private static func seen() -> Set<Explorer.Transition> {
        let worlds = [
            ExplorerBounds(attemptCountMax: 2, challengeCountMax: 3),
            ExplorerBounds(incrementCountMax: 1, captureCountMax: 2, amounts: [1]),
            ExplorerBounds(disputeCountMax: 1, settles: true, amounts: [1]),
            ExplorerBounds(refundCountMax: 1, answersInOrder: false),
        ]
        return worlds.reduce(into: []) { all, bounds in
            var explorer = Explorer(bounds)
            explorer.explore(checks: false)
            all.formUnion(explorer.transitions)
        }
    }

    @Test("has a row for whatever happens, and no row for what does not")
    func agrees() throws {
        let rows = try Self.rows()
        #expect(rows.count > 30)
        #expect(Set(rows).count == rows.count)
        let seen = Self.seen()
        for transition in seen.sorted() {
            let covering = rows.filter { $0.covers(transition) }
            #expect(covering.count == 1, "\(transition)")
        }
        // A payment's beginning is not decided in any state.
        for row in rows where row.from != "(none)" {
            #expect(seen.contains { row.covers($0) }, "\(row)")
        }
        #expect(rows.count { $0.from == "(none)" && $0.events == "created" } == 2)
        #expect(Walk(method: nil).payment.status.name == .requiresPaymentMethod)
        #expect(Walk().payment.status.name == .requiresConfirmation)
    }
}

import Environment
import Journal
import Primitives
import Testing

@Suite("Crashes")
struct CrashTests {
    /// What the journal should hold, and what was asked of it.
    private struct Model {
        var groups: [GroupID: RecoveredLog.Group] = [:]

        mutating func apply(_ operation: Operation) {
            let old = groups[operation.group]
            var log = old?.entries ?? []
            var compactedUpTo = old?.compactedUpTo ?? 0
            var term = old?.compactedTerm ?? 0
            if let mark = operation.mark {
                (compactedUpTo, term) = (mark.upTo, mark.term)
                log = mark.discardsSuffix ? [] : log.filter { $0.index > mark.upTo }
            }
            if let first = operation.entries.first {
                log = log.filter { $0.index < first.index } + operation.entries
            }
            groups[operation.group] = RecoveredLog.Group(
                hardState: operation.hardState ?? old?.hardState ?? HardState(),
                compactedUpTo: compactedUpTo, compactedTerm: term, entries: log)
        }
    }

    private struct Operation {
        let group: GroupID
        var entries: [LogEntry] = []
        var hardState: HardState?
        var mark: CompactionMark?
    }

    private static func randomOperation(
        _ model: Model, _ random: inout SeededRandom
    ) -> Operation {
        let group = GroupID(UInt32.random(in: 0..<4, using: &random))
        let known = model.groups[group]
        let start = (known?.compactedUpTo ?? 0) + 1
        let next = known?.entries.last.map { $0.index + 1 } ?? start
        let term = Term.random(in: 1...99, using: &random)
        var operation = Operation(group: group)
        if random.chance(1, in: 5) {
            operation.mark = CompactionMark(
                upTo: LogIndex.random(in: start...(next + 1), using: &random), term: term,
                discardsSuffix: random.chance(1, in: 4))
            return operation
        }
        if random.chance(1, in: 3) {
            operation.hardState = HardState(
                term: term, vote: random.chance(1, in: 2) ? MemberID(term) : nil)
        }
        if operation.hardState == nil || random.chance(1, in: 2) {
            let replaces = random.chance(1, in: 6)
            let first = replaces ? LogIndex.random(in: start...next, using: &random) : next
            operation.entries = entries(
                first...(first + UInt64.random(in: 0...5, using: &random)), term: term,
                payloadByteCount: Int.random(in: 0...300, using: &random))
        }
        return operation
    }

    private static func submit(
        _ operation: Operation, to journal: Journal, then: @escaping @Sendable () -> Void
    ) {
        guard let mark = operation.mark else {
            return journal.append(
                operation.group, entries: operation.entries, hardState: operation.hardState,
                then: then)
        }
        journal.compact(
            operation.group, upTo: mark.upTo, term: mark.term,
            discardingSuffix: mark.discardsSuffix, then: then)
    }

    /// Lives until the power fails.
    ///
    /// - Returns: the models after each operation from the last acknowledged one on.
    private static func live(
        _ life: Life, _ disk: MemoryFileSystem, from base: Model, _ random: inout SeededRandom
    ) -> [Model] {
        var models = [base]
        let completions = Completions()
        disk.failChanges(after: Int.random(in: 0...60, using: &random))
        for _ in 0..<60 where life.halt.reasons.isEmpty {
            let operation = randomOperation(models.last!, &random)
            submit(operation, to: life.journal, then: completions(models.count))
            var next = models.last!
            next.apply(operation)
            models.append(next)
            if random.chance(1, in: 2) { life.loop.turn() }
            if random.chance(1, in: 3) { life.worker.work() }
        }
        if random.chance(1, in: 2) { life.settle() }
        let acknowledged = completions.numbers
        #expect(acknowledged == Array(1..<(acknowledged.count + 1)), "in order, none left out")
        return Array(models[acknowledged.count...])
    }

    @Test(
        "after any crash all that was acknowledged is there, and nothing else by halves",
        arguments: 0..<25)
    func crashes(_ block: UInt64) throws {
        for seed in (block * 20)..<(block * 20 + 20) {
            var random = SeededRandom(seed: seed)
            let disk = MemoryFileSystem()
            var possible = [Model()]
            for round in 0..<6 {
                // Recovery itself may be struck as well.
                if random.chance(1, in: 3) {
                    disk.failChanges(after: Int.random(in: 0...6, using: &random))
                    do throws(JournalError) {
                        _ = try Life(disk, segmentByteCount: 32768)
                    } catch {
                        guard case .file = error else { throw error }
                    }
                    disk.crash(
                        MemoryFileSystem.Crash.allCases.randomElement(using: &random)!, &random)
                }
                let life = try Life(disk, segmentByteCount: 32768)
                let match = possible.first { $0.groups == life.recovered.groups }
                guard let match else {
                    Issue.record("seed \(seed), round \(round): \(life.recovered)")
                    return
                }
                possible = Self.live(life, disk, from: match, &random)
                disk.crash(MemoryFileSystem.Crash.allCases.randomElement(using: &random)!, &random)
            }
        }
    }
}

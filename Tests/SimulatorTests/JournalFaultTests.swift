import Environment
import Journal
import Primitives
import Simulator
import Testing

/// A journal on a disk that tears, loses, misplaces, decays, fills and stalls.
@Suite struct JournalFaultTests {
    /// What was asked of the journal, and what it said was durable.
    //
    // Proof of `Sendable`: used on the world's thread only.
    private final class Ledger: @unchecked Sendable {
        var submitted: [GroupID: [LogIndex: Set<Term>]] = [:]
        var durable: [GroupID: [LogIndex: Term]] = [:]
        var next: [GroupID: LogIndex] = [:]
        var wasStalled = false
        var journal: Journal?
        var refusal = ""
        var damagedCount = 0
    }

    private struct Round {
        let number: UInt64
        let process: SimulatedProcess
        let ledger: Ledger
        static let groups = (0..<4).map { GroupID(UInt32($0)) }
        static let options = Journal.Options(
            segmentByteCount: 64 << 10, owner: JournalOwner(cluster: "c", node: "n"))

        func entry(_ group: GroupID, _ index: LogIndex, _ term: Term) -> LogEntry {
            var random = SeededRandom(seed: UInt64(group.rawValue) << 40 ^ index << 8 ^ term)
            let count = Int(random.next() % 700)
            return LogEntry(
                index: index, term: term, kind: .command,
                payload: (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) })
        }

        /// Opens the journal and holds it against the ledger; false when it cannot be opened.
        func open(_ incarnation: Incarnation, mayLose: Bool) -> Bool {
            do throws(JournalError) {
                let (journal, log) = try Journal.open(
                    loop: incarnation.loop, worker: incarnation.makeWorker(),
                    fileSystem: incarnation.files, directory: "/data/journal",
                    halt: incarnation.halt, options: Self.options)
                ledger.journal = journal
                journal.observe { [ledger] event in
                    if case .stalled = event { ledger.wasStalled = true }
                }
                for group in Self.groups { check(group, log.groups[group], mayLose, journal) }
                return true
            } catch {
                ledger.refusal = "\(error)"
                return false
            }
        }

        private func check(
            _ group: GroupID, _ part: RecoveredLog.Group?, _ mayLose: Bool, _ journal: Journal
        ) {
            let sound = (part?.entries ?? []) + (part?.entriesBehindDamage ?? [])
            let damaged = (part?.damaged ?? []).flatMap { Array($0) }
            for found in sound {
                let isSubmitted =
                    ledger.submitted[group]?[found.index]?.contains(found.term) == true
                let durable = ledger.durable[group]?[found.index]
                if !isSubmitted || found != entry(group, found.index, found.term)
                    || durable ?? found.term != found.term
                {
                    process.world.fail("\(group): wrong entry \(found.index) of \(found.term)")
                }
            }
            let last = part?.lastIndex ?? 0
            let known = Set(sound.map(\.index) + damaged)
            for (index, _) in ledger.durable[group] ?? [:] where !known.contains(index) {
                if !(mayLose && index > last) { process.world.fail("\(group): lost \(index)") }
            }
            ledger.next[group] = last + 1
            // What the disk lied about is gone, and is not asked for again.
            ledger.durable[group] = ledger.durable[group]?.filter { $0.key <= last }
            ledger.damagedCount += damaged.count
            repair(group, damaged, journal)
        }

        private func repair(_ group: GroupID, _ damaged: [LogIndex], _ journal: Journal) {
            guard !damaged.isEmpty else { return }
            let entries = damaged.map { index in
                let term =
                    ledger.durable[group]?[index] ?? ledger.submitted[group]?[index]?.max() ?? 0
                ledger.durable[group, default: [:]][index] = term
                return entry(group, index, term)
            }
            journal.repair(group, entries: entries) {}
        }

        /// Appends to a group now and then.
        func append(_ incarnation: Incarnation, count: Int) {
            guard count > 0, incarnation.process.incarnation === incarnation,
                let journal = ledger.journal
            else { return }
            let group = Self.groups[count % Self.groups.count]
            let first = ledger.next[group] ?? 1
            let entries = (first...(first + LogIndex(count % 5))).map { entry(group, $0, number) }
            for entry in entries {
                ledger.submitted[group, default: [:]][entry.index, default: []].insert(number)
            }
            ledger.next[group] = first + LogIndex(entries.count)
            journal.append(group, entries: entries, hardState: HardState(term: number)) {
                [ledger] in
                for entry in entries {
                    ledger.durable[group, default: [:]][entry.index] = entry.term
                }
            }
            incarnation.loop.schedule(after: .milliseconds(3)) {
                append(incarnation, count: count - 1)
            }
        }
    }

    /// What is done to the disk in a round.
    private enum Fault: CaseIterable {
        case nothing, stall, full, lostWrite, misdirectedWrite, decay
    }

    private func plant(_ fault: Fault, _ process: SimulatedProcess, _ random: inout SeededRandom) {
        switch fault {
        case .nothing, .decay: break
        case .stall: process.stallWorkers(for: .seconds(2))
        case .full: process.disk.faults.capacityByteCount = process.disk.usedByteCount
        case .lostWrite: process.disk.faults.lostWriteCount = 1
        case .misdirectedWrite:
            process.disk.faults.misdirection = 4096 * (1 - 2 * Int(random.next() % 2))
        }
    }

    /// Flips some bits of one segment at rest.
    private func decay(_ disk: SimulatedDisk, _ random: inout SeededRandom) -> Bool {
        let names = disk.names(in: "/data/journal").filter { $0.hasSuffix(".journal") }
        guard let name = names.randomElement(using: &random),
            let count = disk.contents("/data/journal/\(name)")?.count, count > 0
        else { return false }
        return disk.flipBit(
            Int(random.next() % 8), ofByteAt: Int(random.next() % UInt64(count)),
            in: "/data/journal/\(name)")
    }

    @Test(
        "whatever the disk does, nothing wrong is read, and what is missing is named or refused",
        arguments: 1...12)
    func faults(_ block: UInt64) throws {
        var damagedCount = 0
        var refusedCount = 0
        for seed in (block * 15)..<(block * 15 + 15) {
            let ledger = Ledger()
            try World.simulate(seed: seed) { world in try live(world, seed, ledger) }
            damagedCount += ledger.damagedCount
            refusedCount += ledger.refusal.isEmpty ? 0 : 1
        }
        #expect(damagedCount > 0, "the disk does damage")
        #expect(refusedCount < 15, "and most of it is known by name")
    }

    /// Five lives of a node, each with a fault and an end.
    private func live(_ world: World, _ seed: UInt64, _ ledger: Ledger) throws {
        var random = SeededRandom(seed: seed)
        let process = world.addProcess("node")
        process.disk.prepareDirectory("/data")
        var mayLose = false
        var isDamaged = false
        for number in 1...5 {
            let round = Round(number: UInt64(number), process: process, ledger: ledger)
            let (isOpen, loses) = (Opened(), mayLose)
            process.start { incarnation in
                isOpen.value = round.open(incarnation, mayLose: loses)
                if isOpen.value { round.append(incarnation, count: 60) }
            }
            try world.run(for: .milliseconds(60))
            guard isOpen.value else {
                // Refused, with a reason, and only where a lie or decay is the cause.
                if !isDamaged { world.fail(ledger.refusal) }
                return
            }
            let fault = Fault.allCases.randomElement(using: &random)!
            plant(fault, process, &random)
            try world.run(for: .milliseconds(Int64(random.next() % 200)))
            process.disk.faults = DiskFaults()
            if fault == .stall || fault == .full || random.chance(1, in: 2) {
                try world.run(for: .seconds(5))
            }
            if fault == .stall, !ledger.wasStalled {
                world.fail("a stall of two seconds was not told")
            }
            process.crash(random.chance(1, in: 2) ? .kill : .powerLoss)
            if fault == .decay, !decay(process.disk, &random) { world.fail("no decay") }
            switch fault {
            case .lostWrite, .misdirectedWrite, .decay: (mayLose, isDamaged) = (true, true)
            case .nothing, .stall, .full: break
            }
        }
    }

    //
    // Proof of `Sendable`: used on the world's thread only.
    private final class Opened: @unchecked Sendable {
        var value = false
    }
}

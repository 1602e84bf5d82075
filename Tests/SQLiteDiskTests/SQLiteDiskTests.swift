import GRDB
import Primitives
import SQLiteDisk
import Simulator
import StateStore
import Testing

@Suite("SQLite on a simulated disk")
struct SQLiteDiskTests {
    /// What some lives of a store came to.
    struct Story: Hashable, Sendable {
        /// The entry that each life began with.
        var found: [LogIndex] = []
        var lostCount = 0
        var keptCount = 0
        var violations: [String] = []
        var writeCount = 0
    }

    /// Five lives that write, sync now and then, and end at any moment between two transactions.
    static func play(seed: UInt64) throws -> Story {
        try World.simulate(seed: seed) { world in
            var random = SeededRandom(seed: seed)
            let machine = MachineStore(world, "machine")
            var story = Story()
            var last: LogIndex = 0
            var synced: LogIndex = 0
            var kept: LogIndex = 0
            for life in 0..<5 {
                let store = try machine.start()
                let findings = try store.integrityCheck()
                let found = try MachineStore.read(store)
                guard let found, findings.isEmpty, found >= max(synced, kept), found <= last else {
                    story.violations.append(
                        "seed \(seed), life \(life): \(String(describing: found)) of \(last), "
                            + "\(synced) synced, \(kept) kept, \(findings)")
                    return story
                }
                story.found.append(found)
                if life > 0 {
                    story.lostCount += found < last ? 1 : 0
                    story.keptCount += found < last ? 0 : 1
                }
                (last, kept) = (found, 0)
                for _ in 0..<Int.random(in: 0...20, using: &random) {
                    last += 1
                    try store.write([MachineStore.batch(last, &random)])
                    if random.chance(1, in: 7) {
                        _ = try store.checkpoint()
                        synced = last
                    }
                    if random.chance(1, in: 9), try MachineStore.read(store) != last {
                        story.violations.append("seed \(seed), life \(life): unread \(last)")
                    }
                }
                let kind = random.chance(3, in: 4) ? CrashKind.powerLoss : .kill
                if kind == .kill { kept = last }
                if machine.end(kind) > 0 { story.violations.append("seed \(seed): left open") }
            }
            story.writeCount = machine.process.disk.counters.writes
            return story
        }
    }

    @Test("power loss takes what was not synced, a kill takes nothing, and no page is damaged")
    func losses() throws {
        var lostCount = 0
        var keptCount = 0
        for seed in 1...80 as ClosedRange<UInt64> {
            let story = try Self.play(seed: seed)
            #expect(story.violations == [])
            lostCount += story.lostCount
            keptCount += story.keptCount
        }
        #expect(lostCount > 80)
        #expect(keptCount > 80)
    }

    @Test("a seed goes the same way twice", arguments: [3, 4, 5] as [UInt64])
    func deterministic(seed: UInt64) throws {
        let first = try Self.play(seed: seed)
        #expect(try Self.play(seed: seed) == first)
        #expect(first.writeCount > 0)
    }

    @Test("two machines with the same path do not meet")
    func twoMachines() throws {
        let found = try World.simulate(seed: 7) { world in
            var random = SeededRandom(seed: 7)
            let machines = [MachineStore(world, "one"), MachineStore(world, "two")]
            let stores = try machines.map { try $0.start() }
            for index in 1...6 as ClosedRange<LogIndex> {
                try stores[0].write([MachineStore.batch(index, &random)])
                if index <= 2 { try stores[1].write([MachineStore.batch(index, &random)]) }
            }
            _ = machines[0].end(.kill)
            let again = try machines[0].start()
            return [try MachineStore.read(again), try MachineStore.read(stores[1])]
        }
        #expect(found == [6, 2])
    }

    @Test("what the disk refuses is an error of the store")
    func refusals() throws {
        let errors = try World.simulate(seed: 9) { world -> [StateStoreError] in
            var random = SeededRandom(seed: 9)
            let machine = MachineStore(world, "machine")
            let store = try machine.start()
            try store.write([MachineStore.batch(1, &random)])
            var errors: [StateStoreError] = []
            func note(_ body: () throws(StateStoreError) -> Void) {
                do throws(StateStoreError) { try body() } catch { errors.append(error) }
            }
            machine.process.disk.faults.isFull = true
            note { () throws(StateStoreError) in
                try store.write([MachineStore.batch(2, &random)])
            }
            machine.process.disk.faults.isFull = false
            note { () throws(StateStoreError) in
                try store.write([MachineStore.batch(2, &random)])
            }
            machine.process.disk.faults.failingSynchronizationCount = 1
            note { () throws(StateStoreError) in _ = try store.checkpoint() }
            machine.process.crash(.kill)
            note { () throws(StateStoreError) in
                try store.write([MachineStore.batch(3, &random)])
            }
            return errors
        }
        #expect(errors.count == 3)
        #expect(errors.first == .full(operation: "write batches"))
        // SQLITE_IOERR_FSYNC.
        #expect(errors.dropFirst().first == .io(operation: "checkpoint", code: 10 | 4 << 8))
        guard case .io(operation: "write batches", _)? = errors.last else {
            Issue.record("\(errors)")
            return
        }
    }

    @Test("dates are the world's, and a name ends with its disk")
    func nameAndTime() throws {
        let found = try World.simulate(seed: 11) { world -> (String?, Bool) in
            let machine = MachineStore(world, "machine")
            let store = try machine.start()
            guard let name = machine.disk?.name, let life = machine.process.incarnation else {
                return (nil, false)
            }
            var configuration = Configuration()
            configuration.transactionClock = .custom { _ in throw MachineStoreError.isDown }
            let other = try DatabaseQueue(
                path: "file:/data/other.sqlite?vfs=\(name)", configuration: configuration)
            let now = try other.writeWithoutTransaction { database in
                try String.fetchOne(database, sql: "SELECT strftime('%s', 'now')")
            }
            try other.close()
            try store.close()
            _ = machine.end(.kill)
            do {
                _ = try StateStore.open(
                    path: MachineStore.path, on: .mounted(vfs: name, files: life.files))
                return (now, true)
            } catch {
                return (now, false)
            }
        }
        #expect(found.0 == "1700000000")
        #expect(!found.1)
    }
}

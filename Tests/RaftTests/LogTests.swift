import Primitives
import Raft
import Testing

/// A follower's log against an array, through what a leader may tell it: appends that fit, that
/// overlap, that contradict, that leave a gap; commits, writes, compaction, and snapshots.
@Suite struct LogTests {
    /// What the log should be.
    private struct Model {
        /// Entries by index from 1 on, as long as nothing was compacted.
        var entries: [LogEntry] = []
        var base = LogPosition(index: 0, term: 0)

        var lastIndex: LogIndex { base.index + LogIndex(entries.count) }

        func term(at index: LogIndex) -> Term? {
            if index == base.index { return base.term }
            guard index > base.index, index <= lastIndex else { return nil }
            return entries[Int(index - base.index) - 1].term
        }

        /// Raft's rule: the entries replace what contradicts them, and nothing else.
        mutating func take(_ new: [LogEntry]) {
            for entry in new where term(at: entry.index) != entry.term {
                if entry.index <= lastIndex {
                    entries.removeLast(Int(lastIndex - entry.index) + 1)
                }
                entries.append(entry)
            }
        }

        mutating func compact(through index: LogIndex) {
            guard index > base.index, let term = term(at: index) else { return }
            entries.removeFirst(Int(index - base.index))
            base = LogPosition(index: index, term: term)
        }
    }

    /// A follower and the model of its log, with a leader that is nobody's.
    private struct World {
        var instance: Instance
        var model = Model()
        var writes: [UInt64] = []
        var committed: LogIndex = 0
        var term: Term = 1
        var moment = Moment(now: MonotonicInstant(nanoseconds: 0))

        init() throws {
            let configuration = try Configuration(voters: [MemberID(1), MemberID(2), MemberID(3)])
            instance = Instance(
                cluster: ClusterID(1), group: GroupID(1), member: MemberID(2),
                start: Instance.Start(configuration: configuration), seed: 7)
        }

        mutating func run(_ directives: [Directive]) {
            for directive in directives {
                switch directive {
                case .persist(let token, _, _): writes.append(token)
                case .commit(let index): committed = index
                default: break
                }
            }
        }

        mutating func deliver(_ body: Message.Body) -> Reception {
            var directives: [Directive] = []
            let leader = MemberID(term % 2 == 0 ? 1 : 3)
            let message = Message(
                cluster: ClusterID(1), group: GroupID(1), from: leader, to: MemberID(2),
                term: term, body: body)
            let reception = instance.onMessage(message, moment, &directives)
            run(directives)
            return reception
        }

        mutating func persist() {
            guard !writes.isEmpty else { return }
            var directives: [Directive] = []
            instance.onPersisted(token: writes.removeFirst(), moment, &directives)
            run(directives)
        }

        mutating func apply() {
            guard committed > instance.appliedIndex else { return }
            var directives: [Directive] = []
            instance.onApplied(through: committed, moment, &directives)
            run(directives)
        }
    }

    private func append(_ world: inout World, _ random: inout SeededRandom) {
        // Never before what is committed: a leader's log agrees with that.
        let low = world.instance.commitIndex
        let previous = LogIndex.random(in: low...(world.model.lastIndex + 2), using: &random)
        let previousTerm = world.model.term(at: previous)
        let doesFit = previousTerm != nil && Int.random(in: 0..<8, using: &random) > 0
        let place = LogPosition(
            index: previous, term: doesFit ? previousTerm ?? 0 : (previousTerm ?? 0) + 1)
        guard place.term <= world.term else { return }
        var entries: [LogEntry] = []
        var next = place
        for _ in 0..<Int.random(in: 0...4, using: &random) {
            // Half of them as they are, half of them others.
            let existing = world.model.term(at: next.index + 1)
            let newest = max(next.term, 1)
            let isSame = Bool.random(using: &random) && (existing ?? 0) >= newest
            let term =
                isSame ? existing ?? newest : Term.random(in: newest...world.term, using: &random)
            next = LogPosition(index: next.index + 1, term: term)
            // An entry is known by its index and term: they decide about the payload.
            entries.append(
                LogEntry(
                    index: next.index, term: term, kind: .command,
                    payload: [UInt8](repeating: UInt8(term % 250), count: Int(next.index % 5) + 1)))
        }
        let reception = world.deliver(
            .append(.init(previous: place, entries: entries, commitIndex: low)))
        #expect(reception == .taken)
        if world.model.term(at: previous) == place.term { world.model.take(entries) }
    }

    private func compare(_ world: World) {
        let instance = world.instance
        let model = world.model
        #expect(instance.firstIndex == model.base.index + 1)
        #expect(instance.lastIndex == model.lastIndex)
        #expect(instance.last.term == model.term(at: model.lastIndex))
        #expect(instance.entries(from: 0, through: .max) == model.entries)
        #expect(instance.entries(from: .max, through: .max).isEmpty)
        let middle = (model.base.index + model.lastIndex) / 2
        #expect(
            instance.entries(from: middle, through: middle + 1)
                == model.entries.filter { $0.index == middle || $0.index == middle + 1 })
        #expect(instance.stableIndex <= instance.lastIndex)
        #expect(instance.commitIndex <= instance.lastIndex)
        #expect(instance.appliedIndex <= instance.commitIndex)
        #expect(instance.appliedIndex <= instance.stableIndex)
    }

    private func step(_ world: inout World, _ random: inout SeededRandom) {
        switch Int.random(in: 0..<20, using: &random) {
        case 0: world.term += 1
        case 1, 2, 3: world.persist()
        case 4, 5: world.apply()
        case 6:
            let index = LogIndex.random(in: 0...(world.model.lastIndex + 1), using: &random)
            let done = world.instance.compact(through: index, world.moment).index
            #expect(done <= max(world.instance.appliedIndex, world.model.base.index))
            world.model.compact(through: done)
        case 7, 8:
            // Everything through some place counts as committed from now on.
            let bound = world.model.lastIndex
            let index = LogIndex.random(in: world.instance.commitIndex...bound, using: &random)
            guard let term = world.model.term(at: index) else { return }
            let place = LogPosition(index: index, term: term)
            _ = world.deliver(.append(.init(previous: place, entries: [], commitIndex: index)))
            #expect(world.instance.commitIndex == index)
        default: append(&world, &random)
        }
    }

    @Test("a follower's log is what the rule says, after operations by chance")
    func model() throws {
        for seed in 0..<40 as Range<UInt64> {
            var random = SeededRandom(seed: seed)
            var world = try World()
            for _ in 0..<400 {
                step(&world, &random)
                compare(world)
            }
        }
    }

    @Test("the log by itself is an array with its front taken off, after operations by chance")
    func direct() {
        for seed in 0..<20 as Range<UInt64> {
            var random = SeededRandom(seed: 1000 + seed)
            // It begins where there is nothing before it, or where a chunk soon ends.
            let base = LogPosition(index: seed % 2 == 0 ? 0 : 1000 + seed, term: 0)
            var log = Log(base: base, entries: [])
            var model = Model(base: base)
            for _ in 0..<500 {
                change(&log, &model, &random)
                compare(log, model, &random)
            }
        }
    }

    @Test("a log of many chunks is the same array")
    func manyChunks() {
        for seed in 0..<6 as Range<UInt64> {
            var random = SeededRandom(seed: 2000 + seed)
            let base = LogPosition(index: LogIndex.random(in: 0...3000, using: &random), term: 0)
            var log = Log(base: base, entries: [])
            var model = Model(base: base)
            for _ in 0..<120 {
                if Int.random(in: 0..<4, using: &random) == 0 {
                    for _ in 0..<Int.random(in: 0...2500, using: &random) {
                        append(&log, &model, &random)
                    }
                }
                change(&log, &model, &random)
                compare(log, model, &random)
                // However it came to be.
                #expect(log == Log(base: model.base, entries: model.entries))
            }
        }
    }

    private func change(_ log: inout Log, _ model: inout Model, _ random: inout SeededRandom) {
        let last = model.lastIndex
        let low = model.base.index - min(model.base.index, 2)
        let index = LogIndex.random(in: low...(last + 2), using: &random)
        switch Int.random(in: 0..<12, using: &random) {
        case 0:
            log.compact(through: index)
            model.compact(through: index)
        case 1 where index > model.base.index && index <= last:
            log.truncate(from: index)
            model.entries.removeLast(Int(last - index) + 1)
        case 2 where Int.random(in: 0..<20, using: &random) == 0:
            let position = LogPosition(index: index, term: model.term(at: last) ?? 0)
            log.reset(to: position)
            model = Model(entries: [], base: position)
        default: append(&log, &model, &random)
        }
    }

    private func append(_ log: inout Log, _ model: inout Model, _ random: inout SeededRandom) {
        let last = model.lastIndex
        // Seldom another one: what is looked for is among the first eight.
        let odds = model.entries.count > 1000 ? 1000 : 2
        let isNewer = Int.random(in: 0..<odds, using: &random) == 0
        let term = (model.term(at: last) ?? 0) + (isNewer ? 1 : 0)
        let payload = [UInt8](repeating: 1, count: Int.random(in: 0...9, using: &random))
        let entry = LogEntry(index: last + 1, term: term, kind: .command, payload: payload)
        log.append(entry)
        model.entries.append(entry)
    }

    private func compare(_ log: Log, _ model: Model, _ random: inout SeededRandom) {
        #expect(log.base == model.base)
        #expect(log.firstIndex == model.base.index + 1)
        #expect(log.lastIndex == model.lastIndex)
        #expect(log.last.index == model.lastIndex)
        #expect(log.last.term == model.term(at: model.lastIndex))
        #expect(log.byteCount == model.entries.reduce(0) { $0 + $1.payload.count })
        let bounds = 0...(model.lastIndex + 2)
        let index = LogIndex.random(in: bounds, using: &random)
        #expect(log.term(at: index) == model.term(at: index))
        #expect(log.term(at: .max) == nil)
        if index > model.base.index {
            // As many as fit, and always one where there is one.
            let through = LogIndex.random(in: bounds, using: &random)
            let countMax = Int.random(in: 1...4, using: &random)
            let byteCountMax = Int.random(in: 0...20, using: &random)
            let candidates = model.entries.filter { $0.index >= index && $0.index <= through }
            var expected: [LogEntry] = []
            var bytes = 0
            for entry in candidates.prefix(countMax) {
                bytes += entry.payload.count
                if !expected.isEmpty, bytes > byteCountMax { break }
                expected.append(entry)
            }
            #expect(
                log.entries(
                    from: index, through: through, countMax: countMax, byteCountMax: byteCountMax)
                    == expected)
            #expect(log.entries(from: index) == model.entries.filter { $0.index >= index })
        }
        let term = Term.random(in: 0...8, using: &random)
        let found = model.entries.last { $0.index <= index && $0.term <= term }
        #expect(
            log.lastIndex(upTo: index, withTermAtMost: term)
                == (found.map { LogPosition(index: $0.index, term: $0.term) } ?? model.base))
    }

    @Test("compaction goes as far as what is applied, and not back")
    func compaction() throws {
        var world = try World()
        let entries = (1...6).map {
            LogEntry(index: LogIndex($0), term: 1, kind: .command, payload: [UInt8($0)])
        }
        _ = world.deliver(
            .append(
                .init(
                    previous: LogPosition(index: 0, term: 0), entries: entries, commitIndex: 4)))
        #expect(world.instance.compact(through: 5, world.moment).index == 0)
        while !world.writes.isEmpty { world.persist() }
        #expect(world.instance.compact(through: 5, world.moment).index == 0)
        world.apply()
        #expect(world.instance.compact(through: 3, world.moment).index == 3)
        #expect(world.instance.compact(through: 2, world.moment).index == 3)
        #expect(world.instance.compact(through: .max, world.moment).index == 4)
        #expect(world.instance.firstIndex == 5)
        #expect(world.instance.last == LogPosition(index: 6, term: 1))
        #expect(world.instance.entries(from: 1, through: 5).map(\.index) == [5])
        // An append that begins before the base is known to agree.
        let reception = world.deliver(
            .append(
                .init(
                    previous: LogPosition(index: 0, term: 0), entries: entries, commitIndex: 6)))
        #expect(reception == .taken)
        #expect(world.instance.lastIndex == 6)
    }

    @Test("a log that begins at a snapshot goes on from there")
    func snapshot() throws {
        var world = try World()
        let position = LogPosition(index: 50, term: 1)
        let descriptor = SnapshotDescriptor(
            id: 1, position: position, configuration: world.instance.configuration, byteCount: 0,
            checksum: 0)
        _ = world.deliver(.snapshotOffer(descriptor))
        var directives: [Directive] = []
        world.instance.onSnapshotInstalled(id: 1, world.moment, &directives)
        world.model = Model(entries: [], base: position)
        compare(world)
        #expect(world.instance.last == position)
        let entry = LogEntry(index: 51, term: 1, kind: .command, payload: [1])
        _ = world.deliver(.append(.init(previous: position, entries: [entry], commitIndex: 50)))
        world.model.take([entry])
        compare(world)
        var random = SeededRandom(seed: 99)
        for _ in 0..<400 {
            step(&world, &random)
            compare(world)
        }
    }
}

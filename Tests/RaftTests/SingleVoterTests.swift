import Primitives
import Raft
import Testing

/// A group of one voter, by transcript: everything waits for its own disk alone.
@Suite struct SingleVoterTests {
    private static let moment = Moment(now: MonotonicInstant(nanoseconds: 0))

    /// An instance with `lastIndex` entries of the hard state's term.
    private func fresh(
        hardState: HardState = HardState(), lastIndex: LogIndex = 0, applied: LogIndex = 0,
        options: Options = Options()
    ) throws -> Instance {
        let entries = (0..<lastIndex).map { index in
            LogEntry(index: index + 1, term: hardState.term, kind: .command, payload: [0])
        }
        let start = Instance.Start(
            hardState: hardState, configuration: try Configuration(voters: [MemberID(1)]),
            entries: entries, appliedIndex: applied)
        return Instance(
            cluster: ClusterID(7), group: GroupID(3), member: MemberID(1), start: start,
            options: options, seed: 1)
    }

    /// Takes an instance to the point where it serves; returns the directives of the last step.
    private func served(_ instance: inout Instance) -> [Directive] {
        var directives: [Directive] = []
        instance.onStart(Self.moment, &directives)
        instance.onPersisted(token: 1, Self.moment, &directives)
        instance.onPersisted(token: 2, Self.moment, &directives)
        directives = []
        instance.onApplied(through: instance.commitIndex, Self.moment, &directives)
        return directives
    }

    private func entry(_ index: LogIndex, _ term: Term, _ payload: [UInt8]) -> LogEntry {
        LogEntry(index: index, term: term, kind: .command, payload: payload)
    }

    private func propose(
        _ payloads: [[UInt8]], term: Term = 1, _ instance: inout Instance,
        _ directives: inout [Directive]
    ) throws -> LogIndex {
        try instance.propose(payloads, expectedTerm: term, Self.moment, &directives)
    }

    @Test("term and vote are stored before the member leads")
    func voteFirst() throws {
        var instance = try fresh(
            hardState: HardState(term: 6, vote: MemberID(1)), lastIndex: 9, applied: 4)
        var directives: [Directive] = []
        instance.onStart(Self.moment, &directives)
        let state = HardState(term: 7, vote: MemberID(1))
        #expect(directives == [.persist(token: 1, hardState: state, entries: [])])
        #expect(!instance.isLeader)

        directives = []
        instance.onPersisted(token: 1, Self.moment, &directives)
        let noOperation = LogEntry(index: 10, term: 7, kind: .noOperation, payload: [])
        #expect(
            directives == [
                .leaderChanged(MemberID(1), term: 7),
                .persist(token: 2, hardState: nil, entries: [noOperation]),
            ])
        #expect(instance.isLeader)
    }

    @Test("nobody is served before the no-op of the term is stored and applied")
    func noOperationFirst() throws {
        var instance = try fresh(
            hardState: HardState(term: 6, vote: MemberID(1)), lastIndex: 9, applied: 4)
        var directives: [Directive] = []
        instance.onStart(Self.moment, &directives)
        instance.onPersisted(token: 1, Self.moment, &directives)
        #expect(throws: Instance.ProposalRefusal.notServing) {
            try propose([[1]], term: 7, &instance, &directives)
        }
        directives = []
        instance.read(id: 5, Self.moment, &directives)
        #expect(directives == [.readFailed(id: 5)])
        directives = []
        instance.onPersisted(token: 2, Self.moment, &directives)
        #expect(directives == [.commit(through: 10)])
        directives = []
        instance.onApplied(through: 9, Self.moment, &directives)
        #expect(directives.isEmpty)
        #expect(instance.servingTerm == nil)
        instance.onApplied(through: 10, Self.moment, &directives)
        #expect(directives == [.beginServing(term: 7)])
        #expect(instance.servingTerm == 7)
    }

    @Test("a proposal is committed when it is stored, and not before")
    func propose() throws {
        var instance = try fresh()
        #expect(served(&instance) == [.beginServing(term: 1)])
        var directives: [Directive] = []
        let first = try propose([[1], [2]], &instance, &directives)
        #expect(first == 2)
        #expect(
            directives == [
                .persist(
                    token: 3, hardState: nil, entries: [entry(2, 1, [1]), entry(3, 1, [2])])
            ])
        #expect(instance.commitIndex == 1)
        directives = []
        instance.onPersisted(token: 3, Self.moment, &directives)
        #expect(directives == [.commit(through: 3)])
    }

    @Test("writes under way commit one after the other")
    func pipeline() throws {
        var instance = try fresh()
        _ = served(&instance)
        var directives: [Directive] = []
        _ = try propose([[1]], &instance, &directives)
        _ = try propose([[2]], &instance, &directives)
        directives = []
        instance.onPersisted(token: 3, Self.moment, &directives)
        instance.onPersisted(token: 4, Self.moment, &directives)
        #expect(directives == [.commit(through: 2), .commit(through: 3)])
    }

    @Test("a read needs nobody else, and no clock")
    func read() throws {
        var instance = try fresh()
        _ = served(&instance)
        var directives: [Directive] = []
        instance.read(id: 9, Self.moment, &directives)
        #expect(directives == [.readReady(id: 9, index: 1)])
        #expect(instance.nextDeadline.map { $0 >= Self.moment.now } ?? true)
    }

    @Test("a decision of another term is not taken")
    func staleTerm() throws {
        var instance = try fresh()
        _ = served(&instance)
        var directives: [Directive] = []
        for term in [0, 2, Term.max] {
            #expect(throws: Instance.ProposalRefusal.staleTerm(current: 1)) {
                try propose([[1]], term: term, &instance, &directives)
            }
        }
        #expect(directives.isEmpty)
        #expect(instance.lastIndex == 1)
    }

    @Test("bytes that wait for the disk are bounded")
    func bounded() throws {
        var instance = try fresh(options: Options(uncommittedByteCountMax: 64))
        _ = served(&instance)
        var directives: [Directive] = []
        let half = [UInt8](repeating: 0, count: 32)
        _ = try propose([half], &instance, &directives)
        _ = try propose([half], &instance, &directives)
        #expect(throws: Instance.ProposalRefusal.tooMuchUncommitted) {
            try propose([[1]], &instance, &directives)
        }
        instance.onPersisted(token: 3, Self.moment, &directives)
        _ = try propose([[1]], &instance, &directives)
    }

    @Test("of several payloads either all are taken or none")
    func allOrNone() throws {
        var instance = try fresh()
        _ = served(&instance)
        var directives: [Directive] = []
        #expect(throws: Instance.ProposalRefusal.payloadSize) {
            try propose([[1], []], &instance, &directives)
        }
        let large = [UInt8](repeating: 0, count: Options.payloadByteCountMax + 1)
        #expect(throws: Instance.ProposalRefusal.payloadSize) {
            try propose([[1], large], &instance, &directives)
        }
        #expect(directives.isEmpty)
        #expect(instance.lastIndex == 1)
    }

    @Test("a leader that is stopped takes nothing more, and commits what it has taken")
    func draining() throws {
        var instance = try fresh()
        _ = served(&instance)
        var directives: [Directive] = []
        _ = try propose([[1]], &instance, &directives)
        directives = []
        instance.onStop(&directives)
        #expect(directives == [.endServing(term: 1)])
        directives = []
        instance.onPersisted(token: 3, Self.moment, &directives)
        #expect(directives == [.commit(through: 2)])
        #expect(throws: Instance.ProposalRefusal.notServing) {
            try propose([[1]], &instance, &directives)
        }
    }

    @Test("a candidate that is stopped never leads")
    func stopped() throws {
        var instance = try fresh()
        var directives: [Directive] = []
        instance.onStart(Self.moment, &directives)
        instance.onStop(&directives)
        directives = []
        instance.onPersisted(token: 1, Self.moment, &directives)
        #expect(directives.isEmpty)
        #expect(!instance.isLeader)
        #expect(instance.nextDeadline == nil)
    }

    @Test("each start is a new term, whatever the log holds")
    func newTerm() throws {
        for term in 0..<5 as Range<Term> {
            var instance = try fresh(
                hardState: HardState(term: term), lastIndex: 20, applied: 20)
            _ = served(&instance)
            #expect(instance.hardState == HardState(term: term + 1, vote: MemberID(1)))
            #expect(instance.lastIndex == 21)
        }
    }

    @Test("a write that comes back out of order ends the process")
    func outOfOrder() async {
        await #expect(processExitsWith: .failure) {
            let start = Instance.Start(
                configuration: try Configuration(voters: [MemberID(1)]))
            var instance = Instance(
                cluster: ClusterID(7), group: GroupID(0), member: MemberID(1), start: start,
                seed: 1)
            let moment = Moment(now: MonotonicInstant(nanoseconds: 0))
            var directives: [Directive] = []
            instance.onStart(moment, &directives)
            instance.onPersisted(token: 2, moment, &directives)
        }
    }

    @Test("a log that its own hard state does not reach ends the process")
    func logBeyondHardState() async {
        await #expect(processExitsWith: .failure) {
            let entry = LogEntry(index: 1, term: 2, kind: .command, payload: [1])
            let start = Instance.Start(
                hardState: HardState(term: 1),
                configuration: try Configuration(voters: [MemberID(1)]), entries: [entry])
            _ = Instance(
                cluster: ClusterID(7), group: GroupID(0), member: MemberID(1), start: start,
                seed: 1)
        }
    }
}

import Primitives
import Raft
import Testing

/// A single voter's part in a group, by transcript.
@Suite struct InstanceTests {
    private func fresh(
        hardState: HardState = HardState(), lastIndex: LogIndex = 0, applied: LogIndex = 0
    ) -> Instance {
        Instance(
            group: GroupID(3), member: MemberID(1), hardState: hardState, lastIndex: lastIndex,
            appliedIndex: applied)
    }

    /// Takes an instance to the point where it serves; returns the directives of the last step.
    private func served(_ instance: inout Instance) -> [Instance.Directive] {
        var directives: [Instance.Directive] = []
        instance.onStart(&directives)
        instance.onPersisted(token: 1, &directives)
        instance.onPersisted(token: 2, &directives)
        directives = []
        instance.onApplied(through: instance.commitIndex, &directives)
        return directives
    }

    private func entry(_ index: LogIndex, _ term: Term, _ payload: [UInt8]) -> LogEntry {
        LogEntry(index: index, term: term, kind: .command, payload: payload)
    }

    @Test("term and vote are stored before the member leads")
    func voteFirst() {
        var instance = fresh(
            hardState: HardState(term: 6, vote: MemberID(1)), lastIndex: 9, applied: 4)
        var directives: [Instance.Directive] = []
        instance.onStart(&directives)
        let state = HardState(term: 7, vote: MemberID(1))
        #expect(directives == [.persist(token: 1, hardState: state, entries: [])])
        #expect(instance.role == .candidate(token: 1))

        directives = []
        instance.onPersisted(token: 1, &directives)
        let noOperation = LogEntry(index: 10, term: 7, kind: .noOperation, payload: [])
        #expect(directives == [.persist(token: 2, hardState: nil, entries: [noOperation])])
        #expect(instance.role == .leader(noOperation: 10))
    }

    @Test("nobody is served before the no-op of the term is stored and applied")
    func noOperationFirst() {
        var instance = fresh(
            hardState: HardState(term: 6, vote: MemberID(1)), lastIndex: 9, applied: 4)
        var directives: [Instance.Directive] = []
        instance.onStart(&directives)
        instance.onPersisted(token: 1, &directives)
        #expect(throws: Instance.ProposalRefusal.notServing) {
            try instance.propose([[1]], expectedTerm: 7, &directives)
        }
        directives = []
        instance.onPersisted(token: 2, &directives)
        #expect(directives == [.commit(through: 10)])
        directives = []
        instance.onApplied(through: 9, &directives)
        #expect(directives.isEmpty)
        instance.onApplied(through: 10, &directives)
        #expect(directives == [.beginServing(term: 7)])
        #expect(instance.role == .serving)
    }

    @Test("a proposal is committed when it is stored, and not before")
    func propose() throws {
        var instance = fresh()
        #expect(served(&instance) == [.beginServing(term: 1)])
        var directives: [Instance.Directive] = []
        let first = try instance.propose([[1], [2]], expectedTerm: 1, &directives)
        #expect(first == 2)
        #expect(
            directives == [
                .persist(
                    token: 3, hardState: nil, entries: [entry(2, 1, [1]), entry(3, 1, [2])])
            ])
        #expect(instance.commitIndex == 1)
        #expect(instance.uncommittedByteCount == 2)
        directives = []
        instance.onPersisted(token: 3, &directives)
        #expect(directives == [.commit(through: 3)])
        #expect(instance.uncommittedByteCount == 0)
    }

    @Test("writes under way commit one after the other")
    func pipeline() throws {
        var instance = fresh()
        _ = served(&instance)
        var directives: [Instance.Directive] = []
        _ = try instance.propose([[1]], expectedTerm: 1, &directives)
        _ = try instance.propose([[2]], expectedTerm: 1, &directives)
        directives = []
        instance.onPersisted(token: 3, &directives)
        instance.onPersisted(token: 4, &directives)
        #expect(directives == [.commit(through: 2), .commit(through: 3)])
    }

    @Test("a decision of another term is not taken")
    func staleTerm() {
        var instance = fresh()
        _ = served(&instance)
        var directives: [Instance.Directive] = []
        #expect(throws: Instance.ProposalRefusal.staleTerm(current: 1)) {
            try instance.propose([[1]], expectedTerm: 0, &directives)
        }
        #expect(directives.isEmpty)
        #expect(instance.lastIndex == 1)
    }

    @Test("bytes that wait for the disk are bounded")
    func bounded() throws {
        var instance = fresh()
        _ = served(&instance)
        var directives: [Instance.Directive] = []
        let half = [UInt8](repeating: 0, count: Instance.uncommittedByteCountMax / 2)
        _ = try instance.propose([half], expectedTerm: 1, &directives)
        _ = try instance.propose([half], expectedTerm: 1, &directives)
        #expect(throws: Instance.ProposalRefusal.tooMuchUncommitted) {
            try instance.propose([[1]], expectedTerm: 1, &directives)
        }
        instance.onPersisted(token: 3, &directives)
        _ = try instance.propose([[1]], expectedTerm: 1, &directives)
    }

    @Test("a leader that is stopped takes nothing more, and commits what it has taken")
    func draining() throws {
        var instance = fresh()
        _ = served(&instance)
        var directives: [Instance.Directive] = []
        _ = try instance.propose([[1]], expectedTerm: 1, &directives)
        instance.onStop()
        directives = []
        instance.onPersisted(token: 3, &directives)
        #expect(directives == [.commit(through: 2)])
        #expect(throws: Instance.ProposalRefusal.notServing) {
            try instance.propose([[1]], expectedTerm: 1, &directives)
        }
    }

    @Test("a candidate that is stopped never leads")
    func stopped() {
        var instance = fresh()
        var directives: [Instance.Directive] = []
        instance.onStart(&directives)
        instance.onStop()
        directives = []
        instance.onPersisted(token: 1, &directives)
        #expect(directives.isEmpty)
        #expect(instance.role == .stopped)
    }

    @Test("each start is a new term, whatever the log holds")
    func newTerm() {
        for term in 0..<5 as Range<Term> {
            var instance = fresh(hardState: HardState(term: term), lastIndex: 20, applied: 20)
            _ = served(&instance)
            #expect(instance.hardState == HardState(term: term + 1, vote: MemberID(1)))
            #expect(instance.lastIndex == 21)
        }
    }

    @Test("a write that comes back out of order ends the process")
    func outOfOrder() async {
        await #expect(processExitsWith: .failure) {
            var instance = Instance(
                group: GroupID(0), member: MemberID(1), hardState: HardState(), lastIndex: 0,
                appliedIndex: 0)
            var directives: [Instance.Directive] = []
            instance.onStart(&directives)
            instance.onPersisted(token: 2, &directives)
        }
    }
}

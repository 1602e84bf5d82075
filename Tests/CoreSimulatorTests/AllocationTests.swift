import CAllocations
import CoreSimulator
import Testing

/// What a proposal costs in allocations, over all three members of its group, and what an event of
/// the seeded world costs.
@Suite struct AllocationTests {
    /// What is allocated in 32 proposals, once everything has its room.
    private func allocations(entriesOfProposal: Int) -> Int {
        var trio = InstanceTrio()
        trio.elect()
        let payload = [UInt8](repeating: 7, count: 256)
        let payloads = [[UInt8]](repeating: payload, count: entriesOfProposal)
        for _ in 0..<64 { trio.propose(payloads) }
        trio.compact()
        // What the logs let go of is behind them: they grow again, chunk by chunk.
        let before = CAllocationsOfThread()
        for _ in 0..<32 { trio.propose(payloads) }
        return Int(CAllocationsOfThread() - before)
    }

    @Test("nothing is allocated for an entry, only for the lists of a proposal")
    func proposals() {
        let single = allocations(entriesOfProposal: 1)
        let many = allocations(entriesOfProposal: 64)
        #expect(single > 0, "the counter counts nothing")
        print("allocations in 32 proposals: \(single) of one entry, \(many) of 64")
        // Five lists: what each disk is given, and each follower. The rest is the growth of three
        // logs: a first chunk of at most 1,024 entries doubles ten times, and more are begun.
        #expect(single <= 32 * 5 + 3 * 10)
        #expect(many <= 32 * 5 + 3 * (10 + 4))
    }

    @Test("an event of the seeded world, with all its checks, costs less than one allocation")
    func world() {
        let before = CAllocationsOfThread()
        let eventCount = CoreScenario.run(seed: 7).eventCount
        let count = CAllocationsOfThread() - before
        print("allocations in \(eventCount) events of the seeded world: \(count)")
        #expect(count > 0, "the counter counts nothing")
        #expect(UInt64(count) < eventCount)
    }
}

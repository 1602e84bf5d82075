import Environment
import Journal
public import Primitives
import Raft

// What is proposed in one turn, or while the journal writes, becomes one append: one message to
// each follower, one write and one answer, however many entries it has. Nobody is answered later
// for it: what is applied is what this disk has, and it takes no more until then.

/// A proposal that waits for the end of the turn, or of a write.
struct GatheredProposal {
    let payload: [UInt8]
    let expectedTerm: Term
    let resumption: Resumption<ProposalOutcome>
}

extension ShardHost {
    /// Commits and applies a payload that was decided in `expectedTerm`. Payloads are appended in
    /// the order of the calls.
    ///
    /// Does not return while the outcome is open: when the disk fails, the process ends.
    public func propose(_ payload: [UInt8], expectedTerm: Term) async -> ProposalOutcome {
        precondition(!payload.isEmpty, "\(group): an entry that says nothing")
        guard journal.refusal == nil, hasStoreRoom else { return .refused(.noRoom) }
        return await loop.suspend { resumption in
            gathered.append(
                GatheredProposal(
                    payload: payload, expectedTerm: expectedTerm, resumption: resumption))
            gatheredByteCount += payload.count
            if gatheredByteCount >= Self.gatheredByteCountMax { return proposeGathered() }
            guard gathered.count == 1 else { return }
            journal.beforeNextBatch { [self] in onLoop { $0.proposeGathered() } }
        }
    }

    /// The journal takes 28 MiB in one append, and an entry is 1 MiB at most, its seal with it. How
    /// much is proposed and not committed, the instance bounds.
    private static let gatheredByteCountMax = 8 << 20

    /// Also when this node leads no more: what was gathered is refused then, however long a disk
    /// takes.
    func proposeGathered() {
        var rest = gathered[...]
        gathered = []
        gatheredByteCount = 0
        // The write that it waited for may have found no room.
        guard journal.refusal == nil else { return refuse(rest, .noRoom) }
        while let first = rest.first {
            // What was decided in a term that is over is refused without the rest.
            let run = rest.prefix { $0.expectedTerm == first.expectedTerm }
            rest = rest.dropFirst(run.count)
            propose(run, expectedTerm: first.expectedTerm)
        }
        perform()
    }

    private func propose(_ run: ArraySlice<GatheredProposal>, expectedTerm: Term) {
        do {
            // What is not taken is not sealed, as its place is another's then.
            let sealByteCount = sealing == nil ? 0 : Seal.byteCount
            try raft.checkProposal(
                byteCounts: run.lazy.map { $0.payload.count + sealByteCount },
                expectedTerm: expectedTerm)
            let (sealed, keyID) = sealed(run.map(\.payload), in: expectedTerm)
            let first = try raft.propose(
                sealed, keyID: keyID, expectedTerm: expectedTerm, node.moment(), &directives)
            for (place, proposal) in run.enumerated() {
                proposals[first + LogIndex(place)] = OpenProposal(
                    payload: proposal.payload, term: expectedTerm, keyID: keyID,
                    resumption: proposal.resumption)
            }
        } catch {
            switch error {
            case .notServing, .isTransferring: refuse(run, .notServing)
            case .staleTerm: refuse(run, .staleTerm)
            case .tooMuchUncommitted:
                guard run.count > 1 else { return refuse(run, .overloaded) }
                // There may be room for some of them.
                let middle = run.startIndex + run.count / 2
                propose(run[..<middle], expectedTerm: expectedTerm)
                propose(run[middle...], expectedTerm: expectedTerm)
            case .payloadSize:
                let sizes = run.map(\.payload.count)
                preconditionFailure("\(group): an entry among those of \(sizes) bytes")
            }
        }
    }

    private func refuse(_ run: ArraySlice<GatheredProposal>, _ refusal: ProposalRefusal) {
        for proposal in run { proposal.resumption.resume(returning: .refused(refusal)) }
    }
}

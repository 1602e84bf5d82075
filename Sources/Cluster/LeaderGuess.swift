package import Primitives

// Whom to ask for what the leader of a group does, from any node. In this order, and nobody twice
// until all were asked:
//
//   1. the leader, as this node's replica knows it; a node without a replica knows of none, as it
//      does not hear of the next one;
//   2. who was said to lead by the one that was asked last;
//   3. the voters, one after the other.

/// What a node knows of who leads a group. A value.
package struct LeaderGuess: Hashable, Sendable {
    private enum Vain: Hashable {
        /// It said that it does not lead.
        case moved
        /// It said nothing.
        case silent
    }

    private var hint: MemberID?
    /// Who was asked in vain, since somebody answered or the replica heard of another leader.
    private var vain: [MemberID: Vain] = [:]
    private var vainCount = 0

    /// More than a cluster has nodes: whom hints name is a peer's word.
    private static let vainCountMax = 32

    package init() {}

    /// Nil when nobody can be asked now.
    ///
    /// - Parameters:
    ///   - known: the leader that this node's replica knows; nil where it has none.
    ///   - awaitsElection: whether this node has a replica: one that knows of no leader will hear
    ///     of the next one, so that nobody has to be asked at first.
    package func memberToAsk(
        known: MemberID?, voters: [MemberID], own: MemberID, awaitsElection: Bool
    ) -> MemberID? {
        if let known, known == own { return nil }
        if let known, vain[known] == nil { return known }
        if known == nil, awaitsElection, hint == nil, vain.isEmpty { return nil }
        if let hint, hint != own, vain[hint] == nil { return hint }
        let others = voters.filter { $0 != own }
        guard !others.isEmpty else { return hint == own ? nil : hint }
        return others.first { vain[$0] == nil } ?? others[vainCount % others.count]
    }

    /// Whom to ask about the group that `host` has a place in.
    package func memberToAsk(of host: ShardHost, _ node: ClusterNode) -> MemberID? {
        memberToAsk(
            known: host.leaderToTell, voters: node.voters(of: host.group), own: node.seat.member,
            awaitsElection: host.isReplica)
    }

    /// Learns from what an ask of `asked` came to.
    package mutating func learn(from outcome: AskOutcome, of asked: MemberID) {
        switch outcome {
        // It leads.
        case .answer, .overloaded:
            vain = [:]
            vainCount = 0
            hint = asked
        case .moved(let leader):
            noteVain(asked, hint: leader)
        case .lost, .unreachable:
            note(asked, .silent, hint: nil)
        }
    }

    /// The replica has heard of another leader.
    package mutating func leaderChanged() {
        vain = [:]
        hint = nil
    }

    /// The one who was asked does not lead after all.
    package mutating func noteVain(_ asked: MemberID, hint: MemberID?) {
        note(asked, .moved, hint: hint)
    }

    private mutating func note(_ asked: MemberID, _ reason: Vain, hint: MemberID?) {
        if vain.count >= Self.vainCountMax { vain = [:] }
        vain[asked] = reason
        vainCount &+= 1
        self.hint = hint
        // Who said nothing a while ago may lead all the same, as somebody else says.
        if let hint, vain[hint] == .silent { vain[hint] = nil }
    }
}

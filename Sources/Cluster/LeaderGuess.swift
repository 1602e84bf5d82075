package import Primitives

// Whom to ask for what the leader of a group does, from any node:
//
//   1. the leader, as this node's replica knows it, unless it was just asked in vain;
//   2. who was said to lead by the one that was asked last;
//   3. the voters, one after the other.

/// What a node knows of who leads a group. A value.
package struct LeaderGuess: Hashable, Sendable {
    private var hint: MemberID?
    private var lastVain: MemberID?
    private var vainCount = 0

    package init() {}

    /// Nil when nobody can be asked now.
    ///
    /// - Parameters:
    ///   - known: the leader that this node's replica knows.
    ///   - awaitsElection: whether a replica that knows of no leader will hear of the next one, so
    ///     that nobody has to be asked. One that was taken out of its group may not.
    package func memberToAsk(
        known: MemberID?, voters: [MemberID], own: MemberID, awaitsElection: Bool
    ) -> MemberID? {
        if let known, known != lastVain { return known == own ? nil : known }
        if known == nil, awaitsElection, hint == nil, vainCount == 0 { return nil }
        if let hint, hint != own { return hint }
        let others = voters.filter { $0 != own }
        return others.isEmpty ? nil : others[vainCount % others.count]
    }

    /// Whom to ask about the group that `host` has a place in.
    package func memberToAsk<Machine: ShardMachine>(
        of host: ShardHost<Machine>, _ node: ClusterNode
    ) -> MemberID? {
        memberToAsk(
            known: host.knownLeader, voters: node.voters(of: host.group), own: node.seat.member,
            awaitsElection: host.isReplica)
    }

    /// Learns from what an ask of `asked` came to.
    package mutating func learn(from outcome: AskOutcome, of asked: MemberID) {
        switch outcome {
        // It leads.
        case .answer, .overloaded:
            lastVain = nil
            vainCount = 0
        case .moved(let leader):
            noteVain(asked, hint: leader)
        case .lost, .unreachable:
            noteVain(asked, hint: nil)
        }
    }

    /// The replica has heard of another leader.
    package mutating func leaderChanged() {
        lastVain = nil
    }

    /// The one who was asked does not lead after all.
    package mutating func noteVain(_ asked: MemberID, hint: MemberID?) {
        self.hint = hint
        lastVain = asked
        vainCount &+= 1
    }
}

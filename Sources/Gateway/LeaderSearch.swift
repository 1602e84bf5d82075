import Cluster
import Primitives

/// Whom to ask about a group that is led elsewhere.
struct LeaderSearch {
    /// Who was said to lead by a node that was asked, where this node has no replica; and how many
    /// of those that vote were asked in vain.
    private var hint: MemberID?
    private var vainAskCount = 0
    private var lastVain: MemberID?

    /// The leader as this node's replica knows it; without a replica, who was said to lead, and
    /// else one after the other of those that vote. Nil when nobody else can be asked.
    func leader<Machine: ShardMachine>(
        of host: ShardHost<Machine>, _ node: ClusterNode
    ) -> MemberID? {
        let own = node.members.own
        if let known = host.knownLeader, known != lastVain { return known == own ? nil : known }
        // A replica that knows of no leader waits for the election; one that was taken out of the
        // group does not know that it was, and asks.
        if host.isReplica, host.knownLeader == nil, hint == nil, vainAskCount == 0 { return nil }
        if let hint, hint != own { return hint }
        let voters = node.voters(of: host.group).filter { $0 != own }
        return voters.isEmpty ? nil : voters[vainAskCount % voters.count]
    }

    mutating func learn(from outcome: AskOutcome, of asked: MemberID) {
        switch outcome {
        case .answer, .overloaded:
            lastVain = nil
            vainAskCount = 0
        case .moved(let leader):
            noteVain(asked, hint: leader)
        case .lost, .unreachable:
            noteVain(asked, hint: nil)
        }
    }

    /// The one who was asked does not lead after all.
    mutating func noteVain(_ asked: MemberID, hint leader: MemberID?) {
        hint = leader
        lastVain = asked
        vainAskCount &+= 1
    }

    /// The replica has heard of another leader: whoever was asked in vain may lead now.
    mutating func leaderChanged() {
        lastVain = nil
    }
}

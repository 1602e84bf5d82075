import Environment
package import Primitives
package import Raft

// From the members that a group has to those that it shall have.
//
//   members             target     step
//   ------------------  ---------  -----------------------------------------------------
//   (1 2 3)             (1 2 4)    4 learns
//   (1 2 3) learners 4  (1 2 4)    one joint change once 4 is caught up: 4 in, 3 out
//   the leader is out   …          everything else first; then it hands over, and its
//                                  successor takes it out
//
// Each step is an entry of the group's log or a transfer. A step that cannot be taken yet is tried
// again at the next look: a learner is behind, a change is under way, nobody can take over.

extension ShardHost {
    package nonisolated func approach(_ target: GroupTarget) -> Bool {
        onLoop { $0.takeStep(towards: target) }
    }

    private func takeStep(towards target: GroupTarget) -> Bool {
        guard raft.servingTerm != nil else { return false }
        let configuration = raft.configuration
        if configuration.voters == target.voters, configuration.learners == target.learners,
            !configuration.isJoint
        {
            return raft.isConfigurationCommitted
        }
        guard !configuration.isJoint, raft.isConfigurationCommitted else { return false }
        let own = node.seat.member
        let moment = node.moment()
        let changes = GroupChange.next(from: configuration, to: target, leader: own) {
            raft.isCaughtUp($0, moment)
        }
        if !changes.isEmpty {
            // Whoever has to agree to it has to be there, or nothing is decided any more.
            let next = try? configuration.applying(changes)
            guard next?.hasQuorum({ $0 == own || raft.isCaughtUp($0, moment) }) == true else {
                return false
            }
            try? change(changes)
        } else if !target.voters.contains(own) {
            move(to: target.voters, .soon)
        }
        return false
    }

    private func change(_ changes: [Configuration.Change]) throws(Instance.ChangeRefusal) {
        _ = try raft.change(changes, node.moment(), &directives)
        perform()
    }
}

/// What of a group's members is to be changed next. A value.
package enum GroupChange {
    /// Empty when only the leader itself is in the way, or nothing can be done yet. Learners that
    /// are not ready hold back as many of those who go as there are of them, and nobody else.
    package static func next(
        from configuration: Configuration, to target: GroupTarget, leader: MemberID,
        isReady: (MemberID) -> Bool
    ) -> [Configuration.Change] {
        let wanted = target.voters + target.learners
        let new = wanted.filter { !configuration.contains($0) }.sorted()
        let room = Configuration.memberCountMax - configuration.members.count
        if !new.isEmpty, room > 0 { return new.prefix(room).map { .addLearner($0) } }
        let coming = target.voters.filter { configuration.learners.contains($0) }
        let ready = coming.filter(isReady)
        var going: [Configuration.Change] = []
        for member in configuration.voters
        where !target.voters.contains(member) && member != leader {
            going.append(target.learners.contains(member) ? .demote(member) : .remove(member))
        }
        let strangers = configuration.learners.filter { !wanted.contains($0) }
        let waitingCount = coming.count - ready.count
        let goingCount = max(0, going.count - waitingCount)
        return ready.map { .promote($0) } + going.prefix(goingCount)
            + strangers.map { .remove($0) }
    }
}

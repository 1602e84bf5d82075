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
        assumeIsolated { $0.takeStep(towards: target) }
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
        let changes = GroupChange.next(from: configuration, to: target, leader: own)
        if !changes.isEmpty {
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
    /// Empty when only the leader itself is in the way, or nothing is left to do.
    package static func next(
        from configuration: Configuration, to target: GroupTarget, leader: MemberID
    ) -> [Configuration.Change] {
        let wanted = target.voters + target.learners
        let new = wanted.filter { !configuration.contains($0) }.sorted()
        let room = Configuration.memberCountMax - configuration.members.count
        if !new.isEmpty, room > 0 { return new.prefix(room).map { .addLearner($0) } }
        var changes: [Configuration.Change] = []
        for member in configuration.members {
            let isVoter = configuration.voters.contains(member)
            if target.voters.contains(member) {
                if !isVoter { changes.append(.promote(member)) }
            } else if member != leader {
                if target.learners.contains(member) {
                    if isVoter { changes.append(.demote(member)) }
                } else {
                    changes.append(.remove(member))
                }
            }
        }
        return changes
    }
}

import Cluster
import Journal
import Primitives
import Raft
import StateStore

extension RecoveredLog.Group {
    /// The part of a damaged log that a member starts with, and what it has to reach again.
    ///
    /// - Parameter state: what is applied, and within the log. Where it covers the damage, the log
    ///   begins behind it: an applied entry is committed, and nobody needs it here any more.
    func beforeDamage(behind state: AppliedState?) -> RecoveredLog.Group {
        var base = LogPosition(index: compactedUpTo, term: compactedTerm)
        if let state, let first = damaged.first?.lowerBound, first <= state.index {
            base = LogPosition(index: state.index, term: state.term)
        }
        let lost = damaged.first { $0.upperBound > base.index }
        let end = lost.map { max($0.lowerBound, base.index + 1) } ?? lastIndex + 1
        var hardState = hardState
        if lost != nil {
            hardState.recovery = RecoveryGoal(index: lastIndex, term: lastTermMax)
                .joined(with: hardState.recovery)
        }
        return RecoveredLog.Group(
            hardState: hardState, compactedUpTo: base.index, compactedTerm: base.term,
            entries: (entries + entriesBehindDamage).filter {
                $0.index > base.index && $0.index < end
            })
    }

    /// The newest entry, of a log in which no other one has a meaning; nil when it is damaged.
    var newestOnly: RecoveredLog.Group? {
        guard !damaged.isEmpty else { return self }
        guard let last = entriesBehindDamage.last, last.index == lastIndex else { return nil }
        return RecoveredLog.Group(
            hardState: hardState, compactedUpTo: last.index - 1, compactedTerm: last.term,
            entries: [last])
    }
}

extension NodeStart {
    /// Groups that have lost entries, by rising id.
    var recovering: [GroupID] {
        groups.filter { $0.value.hardState.recovery != nil }.keys.sorted()
    }

    /// What was promised to the peers' nodes: the newest entry of its group is all of it.
    ///
    /// Throws where it is lost. Which support was promised, and under which epochs this node has
    /// asked for its own, is known to nobody else. Promises that are assumed could be kept; but a
    /// peer may count on one that was withdrawn, in a group where this member has since helped
    /// another leader, and nothing that is left says which.
    ///
    /// A node that is alone has promised nobody anything. It throws if it has lost other entries,
    /// as nobody can give them back.
    func promises(
        in log: RecoveredLog, of seat: Seat
    ) throws(NodeStartError) -> RecoveredLog.Group? {
        let isAlone = configurations.values.allSatisfy { $0.members == [seat.member] }
        if isAlone { try checkWhole(log) }
        guard let group = log.groups[ClusterNode.livenessGroup] else { return nil }
        if let newest = group.newestOnly { return newest }
        guard isAlone else { throw .lostPromises }
        return RecoveredLog.Group(
            hardState: group.hardState, compactedUpTo: group.lastIndex,
            compactedTerm: group.lastTermMax, entries: [])
    }

    private func checkWhole(_ log: RecoveredLog) throws(NodeStartError) {
        guard !recovering.isEmpty else { return }
        let lost = recovering.map { group in
            let ranges = (log.groups[group]?.damaged ?? []).map {
                "\($0.lowerBound)...\($0.upperBound)"
            }
            return "\(ranges.joined(separator: ", ")) of \(group)"
        }
        throw .journal(
            "entries \(lost.joined(separator: "; ")) are damaged, and no other node has them; "
                + "sunny journal verify names the places")
    }
}

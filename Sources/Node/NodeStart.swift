import Cluster
import Journal
import Primitives
import Raft
import StateStore
import Topology

/// What the store says of the shards.
struct StoredShards: Sendable {
    private(set) var applied: [GroupID: AppliedState] = [:]
    private(set) var installed: [GroupID: InstalledState] = [:]
    /// The groups' members, where they are not the first ones.
    let configurations: [GroupID: [UInt8]]

    init(_ store: StateStore) throws(StateStoreError) {
        configurations = try store.configurations()
        for state in try store.appliedStates() { applied[state.group] = state }
        for state in try store.installedStates() { installed[state.applied.group] = state }
    }
}

/// Where the groups of a node start: their parts of the journal, held against the stored state.
///
///   state at or before the journal's end                 as the journal says
///   state ahead, and it is a snapshot the journal        the log begins at the snapshot, empty;
///   has no mark of: the process ended between the two    it is synced, and the mark is written
///   state ahead otherwise, or behind the journal's       the node does not start
///   beginning
///   entries are damaged that the state covers            the log begins behind the state; that is
///                                                        synced, and the mark is written
///   entries are damaged behind the state                 the log ends before them, and the member
///                                                        recovers (`Instance+Recovery`)
struct NodeStart {
    private(set) var groups: [GroupID: RecoveredLog.Group] = [:]
    /// Snapshots that the journal has no mark of, in the order of their groups.
    private(set) var unmarked: [AppliedState] = []
    /// The members of the groups where they start.
    private(set) var configurations: [GroupID: Configuration] = [:]
    /// States that cover damage, in the order of their groups.
    private(set) var covering: [AppliedState] = []

    init(log: RecoveredLog, stored: StoredShards, seat: Seat) throws(NodeStartError) {
        let shards = seat.founding.shards.indices.map { GroupID(UInt32($0)) }
        let links = Topology.linkGroupsMax.filter {
            log.groups[$0] != nil || stored.applied[$0] != nil
        }
        for group in shards + [ClusterNode.metaGroup] + links {
            configurations[group] = try Self.configuration(of: group, stored, seat)
            let part = log.groups[group]
            groups[group] = part
            let state = stored.applied[group]
            if let installed = stored.installed[group]?.applied, let part,
                installed.index > part.compactedUpTo
            {
                // Nothing is applied behind a snapshot before its mark is on disk, and the term
                // that it is of was there before it was installed.
                guard installed == state, installed.term <= part.hardState.term else {
                    throw Self.isAhead(group, state, part)
                }
                // What the journal still has contradicts the snapshot, or is shorter.
                groups[group] = RecoveredLog.Group(
                    hardState: part.hardState, compactedUpTo: installed.index,
                    compactedTerm: installed.term, entries: [])
                unmarked.append(installed)
            } else if state?.index ?? 0 > Self.end(of: part) {
                throw Self.isAhead(group, state, part)
            } else if let part, state?.index ?? 0 < part.compactedUpTo {
                throw .stateBehindJournal(
                    group, state: state?.index ?? 0, journal: part.compactedUpTo)
            } else if let part, !part.damaged.isEmpty {
                let start = part.beforeDamage(behind: state)
                groups[group] = start
                if start.compactedUpTo > part.compactedUpTo, let state { covering.append(state) }
            }
        }
    }

    private static func configuration(
        of group: GroupID, _ stored: StoredShards, _ seat: Seat
    ) throws(NodeStartError) -> Configuration? {
        do {
            if let bytes = stored.configurations[group] { return try Configuration(encoded: bytes) }
            let founding = seat.founding
            // The topology knows where the log of a link shard begins.
            if Topology.linkGroupsMax.contains(group) { return nil }
            guard group == ClusterNode.metaGroup else {
                return try Configuration(voters: founding.shards[Int(group.rawValue)])
            }
            let voters = founding.metaReplicas
            let others = founding.nodes.map(\.id).filter { !voters.contains($0) }
            return try Configuration(voters: voters, learners: others)
        } catch {
            throw .store("the members of \(group) cannot be read: \(error)")
        }
    }

    /// What the groups of link shards start with.
    var ofLinkShards: NodeStart {
        var part = self
        part.groups = groups.filter { Topology.linkGroupsMax.contains($0.key) }
        part.configurations = configurations.filter { Topology.linkGroupsMax.contains($0.key) }
        return part
    }

    private static func end(of part: RecoveredLog.Group?) -> LogIndex {
        part?.lastIndex ?? 0
    }

    private static func isAhead(
        _ group: GroupID, _ state: AppliedState?, _ part: RecoveredLog.Group?
    ) -> NodeStartError {
        .stateAheadOfJournal(group, state: state?.index ?? 0, journal: end(of: part))
    }
}

import Environment
public import Primitives
public import Topology

// What a node makes of the topology: whom it links with, whom it asks, and what it says first.
//
// A topology comes from the node's own replica of the meta group, or from a peer that knows a newer
// one: each is a state that was committed, so that the newest is always right about who has which
// place. Only the groups' own logs change who votes in them.

/// Who shall vote in a group, and who shall listen; by rising id.
package struct GroupTarget: Hashable, Sendable {
    package let voters: [MemberID]
    package let learners: [MemberID]
}

/// Makes the groups of link shards as the topology comes to have them. Loop only.
public protocol LinkShardHosting: AnyObject, Sendable {
    /// Called once a link shard, in the order of their numbers: also on a node that has no replica
    /// of it, as any group can come to any node.
    func host(_ shard: LinkShard, as group: GroupID)
}

extension ClusterNode {
    /// Takes a topology that is newer than what is known.
    func adopt(_ topology: Topology) {
        guard topology.isFounded, topology.epoch > currentTopology.epoch else { return }
        // Of before this node was admitted: what it says of it is nothing.
        guard seat.member.rawValue < topology.nextMember else { return }
        guard topology.founding?.checksum == foundingChecksum else {
            return halt.halt("\(seat.name): \(PeerRefusal.otherFounding); make the files agree")
        }
        currentTopology = topology
        // Whoever is no member any more hears of it before the link ends.
        for peer in currentMembers.peers where topology[peer.id] == nil {
            _ = links?.post(.topology(topology), to: peer.id)
        }
        guard topology[seat.member] != nil else {
            return leave(topology.departed(seat.member)?.successor)
        }
        update(
            ClusterMembers(cluster: seat.cluster, own: seat.member, nodes: topology.nodes))
        for group in groups.keys.sorted() {
            groups[group]?.prefer(preferredLeaders(of: group))
            groups[group]?.wake()
        }
    }

    /// Has the link shards hosted that the node's own replica of the meta group knows of: their
    /// logs begin where that says, and nobody else's word would do.
    func hostLinkShards(of topology: Topology) {
        guard let linkShardHosting else { return }
        while hostedLinkCount < topology.linkShards.count {
            let number = hostedLinkCount
            hostedLinkCount += 1
            linkShardHosting.host(
                topology.linkShards[number], as: Topology.linkGroup(number))
        }
    }

    /// Sets who makes the groups of link shards, before the topology is known.
    public func set(linkShardHosting: any LinkShardHosting) {
        self.linkShardHosting = linkShardHosting
    }

    /// This node has no place in the cluster any more.
    private func leave(_ successor: MemberID?) {
        halt.halt(
            "\(seat.name), \(seat.member): \(PeerRefusal.departed(successor: successor)); "
                + "to come back as a new member, start it with an empty data folder")
    }

    /// A leader has counted on what this node's disk does not have: it is a copy from before, or
    /// has lost what was synced, and its votes and promises with it.
    nonisolated func endAsOlderDisk(_ group: GroupID) {
        assumeIsolated { node in
            node.halt.halt(
                "\(node.seat.name), \(node.seat.member): its disk is older than what it has "
                    + "acknowledged to the leader of \(group); to come back as a new member, start "
                    + "it with an empty data folder")
        }
    }

    /// Where the topology wants a group to be; nil before the cluster is founded.
    package nonisolated func target(of group: GroupID) -> GroupTarget? {
        let topology = topology
        guard topology.isFounded else { return nil }
        if group == Self.metaGroup {
            let voters = topology.meta.replicas
            let others = topology.nodes.map(\.id).filter { !voters.contains($0) }
            return GroupTarget(voters: voters, learners: others)
        }
        return topology.placement(of: group).map {
            GroupTarget(voters: $0.replicas, learners: [])
        }
    }

    /// Who should lead a group: those of its replicas that are in its home region. Empty where it
    /// has no home, or nobody there.
    nonisolated func preferredLeaders(of group: GroupID) -> [MemberID] {
        let topology = topology
        guard let home = topology.rule(of: group)?.home else { return [] }
        return topology.placement(of: group)?.replicas.filter { member in
            topology[member].map { $0.region == home && $0.standing == .active } ?? false
        } ?? []
    }

    /// Who votes in a group, as far as the topology tells: whom to ask who leads it.
    package nonisolated func voters(of group: GroupID) -> [MemberID] {
        if let target = target(of: group) { return target.voters }
        if group == Self.metaGroup { return seat.founding.metaReplicas }
        guard let number = Int(exactly: group.rawValue),
            seat.founding.shards.indices.contains(number)
        else { return [] }
        return seat.founding.shards[number]
    }

    /// False where the topology has settled on other members for a group than this node.
    nonisolated func mayHoldReplica(of group: GroupID) -> Bool {
        let topology = topology
        guard topology.isFounded, group != Self.metaGroup,
            let place = topology.placement(of: group)
        else { return true }
        return !place.isSettled || place.replicas.contains(seat.member)
    }

    /// Peers that are thought to be up, and this node.
    nonisolated var reachable: Set<MemberID> {
        assumeIsolated { node in
            Set(node.gossip?.peersByLoad.map(\.member) ?? []).union([node.seat.member])
        }
    }

    /// Whether this node may lead groups: not while somebody drains it.
    nonisolated var isForLeading: Bool { isForLeading(seat.member) }

    /// Whether a node may be given the leadership of groups.
    nonisolated func isForLeading(_ member: MemberID) -> Bool {
        topology[member].map { $0.standing == .active } ?? true
    }

    // MARK: The beginning of a link

    package nonisolated var hello: PeerHello {
        PeerHello(
            cluster: seat.cluster, member: seat.member, token: seat.token,
            foundingChecksum: foundingChecksum, topologyEpoch: topology.epoch)
    }

    package nonisolated func refusal(of hello: PeerHello) -> PeerRefusal? {
        guard hello.cluster == seat.cluster else { return .otherCluster }
        if let departed = topology.departed(hello.member) {
            return .departed(successor: departed.successor)
        }
        guard hello.foundingChecksum == foundingChecksum else { return .otherFounding }
        if let token = topology[hello.member]?.token, token != 0, token != hello.token {
            return .copiedFolder
        }
        return members[hello.member] == nil ? .unknownMember : nil
    }

    package nonisolated func heard(_ hello: PeerHello) {
        let topology = topology
        guard topology.epoch > hello.topologyEpoch else { return }
        assumeIsolated { _ = $0.links?.post(.topology(topology), to: hello.member) }
    }

    package nonisolated func wasRefused(_ refusal: PeerRefusal, by member: MemberID) {
        switch refusal {
        case .departed(let successor): assumeIsolated { $0.leave(successor) }
        // The peer may know too little yet, and is asked again; a wrong cluster stands in the log.
        case .otherCluster, .otherFounding, .unknownMember: break
        case .copiedFolder:
            assumeIsolated { node in
                node.halt.halt(
                    "\(node.seat.name), \(node.seat.member): \(refusal): its disk was lost, or "
                        + "this is a copy; start it with an empty data folder without the mark "
                        + "first-start, to come back as a new member")
            }
        }
    }
}

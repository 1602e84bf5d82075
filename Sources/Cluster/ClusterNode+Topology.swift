import Environment
public import Primitives
public import Topology

// What a node makes of the topology: whom it links with, whom it asks, and what it says first.
//
//   own replica of the meta group ──▶ confirmed ──▶ where groups shall be, and who leads them
//                                         │
//   a peer that knows a newer one ──▶ heard, until the own replica has it ──▶ whom to link with
//                                                                             and whom to ask
//   the own log, when it starts ────▶ foreseen, until a read barrier ───────▶ whom to link with
//
// What a peer tells should be a state that was committed, but nothing in it proves that. So it
// opens doors and decides nothing: nobody whose link is up is left out for it. A read barrier of
// the meta group that began after it was heard shows all that had been committed by then: what is
// heard and still newer than that was never decided, and is dropped. Only the groups' own logs
// change who votes in them. That this node itself has no place any more it believes of its own
// replica, or of a majority (`Expulsion`).

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
    /// Takes a topology of the own replica of the meta group.
    func confirm(_ topology: Topology) {
        guard topology.isFounded, topology.epoch > ownTopology.epoch else { return }
        // It never changes; a checksum of it takes as long as encoding it.
        let isKnown = ownTopology.isFounded && topology.founding == ownTopology.founding
        guard isKnown || topology.founding?.checksum == foundingChecksum else {
            return leave(.otherFounding)
        }
        // Of before this node was admitted: what it says of it is nothing.
        guard seat.member.rawValue < topology.nextMember else { return }
        let before = ownTopology
        ownTopology = topology
        foreignGroups = topology.groups(settledWithout: seat.member)
        if topology.epoch > currentTopology.epoch { currentTopology = topology }
        // Whoever is no member any more hears of it before the link ends.
        for peer in currentMembers.peers where topology[peer.id] == nil {
            _ = links?.post(.topology(topology), to: peer.id)
        }
        guard let record = topology[seat.member] else {
            return leave(.departed(successor: topology.departed(seat.member)?.successor))
        }
        guard record.token == 0 || record.token == seat.token else { return leave(.copiedFolder) }
        relink()
        hostLinkShards(of: topology)
        // Most changes are of a few groups, and a node may hold a thousand.
        let mayPreferOthers = topology.nodes != before.nodes || topology.flags != before.flags
        for group in groups.keys.sorted() {
            let isElsewhere = topology.placement(of: group) != before.placement(of: group)
            guard isElsewhere || mayPreferOthers else { continue }
            let preferred = preferredLeaders(of: group, by: topology)
            if preferred != preferredLeaders(of: group, by: before) {
                groups[group]?.prefer(preferred)
            }
            if isElsewhere { groups[group]?.wake() }
        }
    }

    /// Drops what was heard, as it was never decided: `confirmed` was the newest after it came.
    func dropHearsay() {
        guard currentTopology.epoch > ownTopology.epoch, ownTopology.isFounded else { return }
        noteRefusal()
        currentTopology = ownTopology
        relink()
    }

    /// Takes those whom the own log may come to know as whom to link with besides; true when there
    /// are any. Some of it may never be committed, so it says nothing else. Empty once the own
    /// replica knows all that was.
    func foresee(_ nodes: [NodeRecord]) -> Bool {
        let news = nodes.filter { currentMembers[$0.id] == nil }
        guard news != foreseenNodes else { return !news.isEmpty }
        foreseenNodes = news
        relink()
        return !news.isEmpty
    }

    /// Takes a topology that a peer tells, where it is newer than what is known, as whom to link
    /// with.
    func adopt(_ topology: Topology, of peer: MemberID) {
        guard topology.isFounded, topology.epoch > currentTopology.epoch,
            seat.member.rawValue < topology.nextMember
        else { return }
        guard topology.founding?.checksum == foundingChecksum else { return noteRefusal() }
        guard topology[seat.member] != nil else {
            let successor = topology.departed(seat.member)?.successor
            return hear(.departed(successor: successor), of: peer)
        }
        currentTopology = topology
        relink()
        for group in groups.keys.sorted() { groups[group]?.wake() }
    }

    /// Links with those whom the own replica knows, and with those whom peers tell of beside them.
    func relink() {
        let linked = links?.onLoop { Set($0.connected) } ?? []
        let isFounded = ownTopology.isFounded || currentTopology.isFounded
        let known =
            isFounded
            ? ownTopology.nodesToLink(told: currentTopology) {
                $0 == seat.member || linked.contains($0)
            } : seat.nodes
        let nodes = ownTopology.nodesToLink(known, foreseen: foreseenNodes)
        update(ClusterMembers(cluster: seat.cluster, own: seat.member, nodes: nodes))
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

    /// A peer says that this node has no place in the cluster any more.
    private func hear(_ refusal: PeerRefusal, of peer: MemberID) {
        expulsion.note(refusal, of: peer)
        // Those that were not heard of by hearsay.
        let nodes = ownTopology.isFounded ? ownTopology.nodes : seat.nodes
        let peers = nodes.map(\.id).filter { $0 != seat.member }
        let refusal = expulsion.judgement(peers: peers)
        if let refusal { leave(refusal) }
    }

    /// This node has no place in the cluster.
    private func leave(_ refusal: PeerRefusal) {
        let remedy =
            switch refusal {
            case .departed:
                "to come back as a new member, start it with an empty data folder"
            case .copiedFolder:
                "its disk was lost, or this is a copy; start it with an empty data folder without "
                    + "the mark first-start, to come back as a new member"
            case .otherCluster, .otherFounding, .unknownMember:
                "make the files agree"
            case .otherKey:
                Seal.remedy
            }
        halt.halt("\(seat.name), \(seat.member): \(refusal); \(remedy)")
    }

    /// A leader has counted on what this node's disk does not have: it is a copy from before, or
    /// has lost what was synced, and its votes and promises with it.
    nonisolated func endAsOlderDisk(_ group: GroupID) {
        onLoop { node in
            node.halt.halt(
                "\(node.seat.name), \(node.seat.member): its disk is older than what it has "
                    + "acknowledged to the leader of \(group); to come back as a new member, start "
                    + "it with an empty data folder")
        }
    }

    /// Where the topology wants a group to be; nil before the cluster is founded.
    package nonisolated func target(of group: GroupID) -> GroupTarget? {
        target(of: group, by: confirmedTopology)
    }

    nonisolated func target(of group: GroupID, by topology: Topology) -> GroupTarget? {
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
        preferredLeaders(of: group, by: confirmedTopology)
    }

    private nonisolated func preferredLeaders(
        of group: GroupID, by topology: Topology
    ) -> [MemberID] {
        guard topology.isOn(.leaderPreference), let home = topology.rule(of: group)?.home else {
            return []
        }
        return topology.placement(of: group)?.replicas.filter { member in
            topology[member].map { $0.region == home && $0.standing == .active } ?? false
        } ?? []
    }

    /// Who votes in a group, as far as the topology tells: whom to ask who leads it.
    package nonisolated func voters(of group: GroupID) -> [MemberID] {
        if let target = target(of: group, by: topology) { return target.voters }
        if group == Self.metaGroup { return seat.founding.metaReplicas }
        guard let number = Int(exactly: group.rawValue),
            seat.founding.shards.indices.contains(number)
        else { return [] }
        return seat.founding.shards[number]
    }

    /// False where the topology has settled on other members for a group than this node.
    nonisolated func mayHoldReplica(of group: GroupID) -> Bool {
        onLoop { !$0.foreignGroups.contains(group) }
    }

    /// Peers that are thought to be up, and this node.
    package nonisolated var reachable: Set<MemberID> {
        onLoop { node in
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
            foundingChecksum: foundingChecksum, topologyEpoch: topology.epoch,
            sealerFingerprint: sealer?.fingerprint ?? 0)
    }

    package nonisolated func refusal(of hello: PeerHello) -> PeerRefusal? {
        guard hello.cluster == seat.cluster else { return .otherCluster }
        let known = confirmedTopology
        if let departed = known.departed(hello.member) {
            return .departed(successor: departed.successor)
        }
        guard hello.foundingChecksum == foundingChecksum else { return .otherFounding }
        if let token = known[hello.member]?.token, token != 0, token != hello.token {
            return .copiedFolder
        }
        guard members[hello.member] != nil else { return .unknownMember }
        let own = jurisdiction(of: seat.member)
        guard
            own == nil || own != jurisdiction(of: hello.member)
                || hello.sealerFingerprint == sealer?.fingerprint ?? 0
        else { return .otherKey }
        return nil
    }

    private nonisolated func jurisdiction(of member: MemberID) -> String? {
        let record = topology[member] ?? seat.nodes.first { $0.id == member }
        return record?.jurisdiction
    }

    package nonisolated func heard(_ hello: PeerHello) {
        let topology = topology
        guard topology.epoch > hello.topologyEpoch else { return }
        onLoop { _ = $0.links?.post(.topology(topology), to: hello.member) }
    }

    package nonisolated func wasRefused(_ refusal: PeerRefusal, by member: MemberID) {
        switch refusal {
        // The peer may know too little yet, and is asked again; a wrong cluster, or a wrong key,
        // stands in the log.
        case .otherCluster, .otherFounding, .otherKey, .unknownMember: break
        case .departed, .copiedFolder: onLoop { $0.hear(refusal, of: member) }
        }
    }
}

import Environment
import Gossip
import Primitives

/// Who is up, and how much it carries, by hearsay: the shell of the node's gossip.
///
/// A hint and never a decision: it says to whom leadership is offered first, and what operators
/// see. Whether the offer is taken, Raft decides.
actor NodeGossip: LoopActor {
    nonisolated let loop: any NodeLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    private var members: ClusterMembers
    private let network: any Network
    private let links: PeerLinks
    private var instance: GossipInstance
    private var directives: [GossipInstance.Directive] = []
    private var isPerforming = false
    private var timer: (any LoopTimer)?
    private var load: UInt8 = 0

    /// How long the stream of a transport probe may take: as long as the ping beside it.
    private static let probeTimeout = Duration.seconds(1)

    init(
        members: ClusterMembers, loop: any NodeLoop, network: any Network, links: PeerLinks,
        seed: UInt64
    ) {
        self.members = members
        self.loop = loop
        self.network = network
        self.links = links
        guard let own = members[members.own] else { preconditionFailure("no member of its own") }
        // Above all of earlier boots, unless the clock was set back: then it is found out.
        let version = UInt64(max(1, loop.wallTime.milliseconds))
        instance = GossipInstance(
            cluster: members.cluster, id: own.id,
            profile: Self.profile(of: own, version: version, load: 0), options: GossipOptions(),
            seed: seed, now: loop.now)
    }

    private static func profile(
        of member: ClusterMember, version: UInt64, load: UInt8
    ) -> Profile {
        Profile(
            version: version, name: member.name, address: "\(member.address)",
            metadata: metadata(of: member, load: load))
    }

    private static func metadata(of member: ClusterMember, load: UInt8) -> Metadata {
        // A name's first bytes tell regions apart where it is too long for gossip.
        let region = member.region.utf8.prefix(Metadata.textByteCountMax)
        return Metadata(region: String(decoding: region, as: UTF8.self), load: load)
    }

    /// Begins to gossip with the members that are known.
    nonisolated func start() {
        onLoop { $0.introduce($0.members.peers) }
    }

    /// Gossips with other members from now on. Those who are gone are left to be found silent.
    nonisolated func update(_ members: ClusterMembers) {
        onLoop { gossip in
            let new = members.peers.filter { gossip.members[$0.id] == nil }
            gossip.members = members
            gossip.introduce(new)
        }
    }

    private func introduce(_ peers: [ClusterMember]) {
        let updates = peers.map { peer in
            Update(
                claim: Claim(subject: peer.id, incarnation: 0, standing: .alive),
                profile: Self.profile(of: peer, version: 0, load: 0))
        }
        instance.introduce(updates, now: loop.now, &directives)
        perform()
    }

    nonisolated func stop() {
        onLoop { gossip in
            gossip.instance.leave(now: gossip.loop.now, &gossip.directives)
            gossip.perform()
            gossip.timer?.cancel()
        }
    }

    /// Says how much this node carries: how many groups it leads, up to 255.
    nonisolated func setLoad(_ load: Int) {
        onLoop { gossip in
            let load = UInt8(clamping: load)
            guard load != gossip.load, let own = gossip.members[gossip.members.own] else { return }
            gossip.load = load
            gossip.instance.onMetadata(
                Self.metadata(of: own, load: load), now: gossip.loop.now)
            gossip.arm()
        }
    }

    /// The peers that are thought to be up, with what they carry, by rising load and id.
    nonisolated var peersByLoad: [(member: MemberID, load: Int)] {
        onLoop { gossip in
            gossip.members.peers.compactMap { peer in
                guard let known = gossip.instance.member(peer.id), known.isUp else { return nil }
                return (peer.id, Int(known.profile.metadata.load))
            }
            .sorted { ($0.1, $0.0) < ($1.1, $1.0) }
        }
    }

    /// What a peer said. True when it was refused.
    nonisolated func receive(_ bytes: [UInt8], from member: MemberID) -> Bool {
        onLoop { gossip in
            let reception = gossip.instance.onMessage(
                bytes, from: member, now: gossip.loop.now, &gossip.directives)
            gossip.perform()
            if case .refused = reception { return true }
            return false
        }
    }

    private func perform() {
        guard !isPerforming else { return }
        isPerforming = true
        defer { isPerforming = false }
        while !directives.isEmpty {
            let batch = directives
            directives.removeAll(keepingCapacity: true)
            for directive in batch { perform(directive) }
        }
        arm()
    }

    private func perform(_ directive: GossipInstance.Directive) {
        switch directive {
        case .send(let message, let destination):
            guard let member = destination.member else { return }
            _ = links.post(.gossip(message.encoded), to: member)
        case .openTransportProbe(let probe, _):
            open(probe)
        case .event:
            break
        }
    }

    /// Looks whether the member's machine takes a stream, whatever has become of the link.
    private func open(_ probe: GossipInstance.TransportProbe) {
        guard let peer = members[probe.member] else { return }
        network.connect(to: peer.address, timeout: Self.probeTimeout) { [self] result in
            guard case .success(let stream) = result else { return }
            stream.abort()
            onLoop { $0.instance.onTransportProbe(probe, isReachable: true) }
        }
    }

    private func arm() {
        timer?.cancel()
        timer = nil
        guard let deadline = instance.nextDeadline else { return }
        timer = loop.schedule(after: max(.zero, deadline - loop.now)) { [self] in
            onLoop { gossip in
                gossip.instance.onTick(now: gossip.loop.now, &gossip.directives)
                gossip.perform()
            }
        }
    }
}

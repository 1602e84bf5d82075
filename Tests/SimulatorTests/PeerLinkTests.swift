import Cluster
import Environment
import PeerWire
import Primitives
import Simulator
import Synchronization
import Testing

/// Links between nodes in a world: who gets one, what ends it, and what strangers can do.
@Suite("Links between nodes")
struct PeerLinkTests {
    /// What a node heard.
    private final class Heard: PeerReceiver, Sendable {
        struct State {
            var messages: [PeerMessage] = []
            var endedLinkCount = 0
            var troubles: [PeerLinks.Trouble] = []
            var hellos: [PeerHello] = []
            var refusals: [PeerRefusal] = []
            var guestAsks: [PeerAsk] = []
        }

        private let state = Mutex(State())
        private let own: MemberID
        private let cluster: ClusterID
        /// Whom it takes for none of its own.
        private let departed: Set<MemberID>

        init(_ own: MemberID, _ cluster: ClusterID, departed: Set<MemberID>) {
            self.own = own
            self.cluster = cluster
            self.departed = departed
        }

        var hello: PeerHello { PeerHello(cluster: cluster, member: own, topologyEpoch: 3) }

        func refusal(of hello: PeerHello) -> PeerRefusal? {
            if hello.cluster != cluster { return .otherCluster }
            return departed.contains(hello.member) ? .departed(successor: MemberID(9)) : nil
        }

        func heard(_ hello: PeerHello) { state.withLock { $0.hellos.append(hello) } }

        func wasRefused(_ refusal: PeerRefusal, by member: MemberID) {
            state.withLock { $0.refusals.append(refusal) }
        }

        func guestAsked(_ ask: PeerAsk, by identity: NodeIdentity) async -> AskAnswer {
            state.withLock { $0.guestAsks.append(ask) }
            return .answer([UInt8](identity.name.utf8))
        }

        var now: State { state.withLock { $0 } }

        func received(_ message: PeerMessage, from member: MemberID) {
            state.withLock { $0.messages.append(message) }
        }

        func linkBegan(_ member: MemberID) {}

        func linkEnded(_ member: MemberID) { state.withLock { $0.endedLinkCount += 1 } }

        func note(_ trouble: PeerLinks.Trouble) { state.withLock { $0.troubles.append(trouble) } }
    }

    /// A node that is nothing but its links.
    private struct Peer {
        let process: SimulatedProcess
        let links: PeerLinks
        let heard: Heard
    }

    private static let cluster = ClusterID(7)

    private static func members(_ own: UInt64, of count: UInt64 = 2) -> ClusterMembers {
        ClusterMembers(
            cluster: cluster, own: MemberID(own),
            all: (1...count).map { number in
                ClusterMember(
                    id: MemberID(number), name: "n\(number)", region: "eu",
                    address: SocketAddress(host: "n\(number)", port: 7000))
            })
    }

    /// Starts a node as `own` says it is called, with a certificate of `identity`.
    private static func start(
        _ world: World, _ members: ClusterMembers, as identity: NodeIdentity? = nil,
        departed: Set<MemberID> = []
    ) throws -> Peer {
        let own = try #require(members[members.own])
        let identity = try #require(
            identity ?? NodeIdentity(cluster: "c", region: own.region, name: own.name))
        let process = world.addProcess(own.name)
        let heard = Heard(members.own, members.cluster, departed: departed)
        let made = Mutex<PeerLinks?>(nil)
        process.start { incarnation in
            let links = PeerLinks(
                members: members, loop: incarnation.loop, network: incarnation.network,
                channels: PlainChannels(identity: identity), random: incarnation.random,
                onTrouble: { _, trouble in heard.note(trouble) })
            made.withLock { $0 = links }
            do {
                try links.listen(on: own.address)
            } catch {
                world.fail("\(error)")
            }
            incarnation.loop.start(links) { $0.start(receiver: heard) }
        }
        try world.run(for: .milliseconds(1))
        return Peer(process: process, links: try #require(made.withLock { $0 }), heard: heard)
    }

    private static func onLoop(
        of peer: Peer, _ action: @escaping @Sendable (PeerLinks) -> Void
    ) throws {
        let loop = try #require(peer.process.incarnation?.loop)
        let links = peer.links
        loop.post { action(links) }
    }

    private static func connected(_ peer: Peer, _ world: World) throws -> [MemberID] {
        let found = Mutex<[MemberID]>([])
        try onLoop(of: peer) { links in
            links.assumeIsolated { links in found.withLock { $0 = links.connected } }
        }
        try world.run(for: .milliseconds(1))
        return found.withLock { $0 }
    }

    @Test("two nodes have one link, and it carries both ways")
    func oneLink() throws {
        try World.simulate(seed: 1) { world in
            let first = try Self.start(world, Self.members(1))
            let second = try Self.start(world, Self.members(2))
            try world.run(for: .seconds(1))
            #expect(try Self.connected(first, world) == [MemberID(2)])
            #expect(try Self.connected(second, world) == [MemberID(1)])
            let ask = PeerAsk(
                id: 5, group: GroupID(3), budget: .seconds(2), payload: [1, 2, 3])
            try Self.onLoop(of: first) { #expect($0.post(.ask(ask), to: MemberID(2))) }
            try Self.onLoop(of: second) {
                #expect($0.post(.answer(5, .moved(to: MemberID(1))), to: MemberID(1)))
            }
            try world.run(for: .milliseconds(100))
            #expect(second.heard.now.messages == [.ask(ask)])
            #expect(first.heard.now.messages == [.answer(5, .moved(to: MemberID(1)))])
        }
    }

    @Test("a link over which nothing comes is given up, and comes back")
    func silence() throws {
        try World.simulate(seed: 2) { world in
            let first = try Self.start(world, Self.members(1))
            let second = try Self.start(world, Self.members(2))
            try world.run(for: .seconds(1))
            world.fabric.partition(first.process, second.process)
            try world.run(for: .seconds(8))
            #expect(first.heard.now.troubles.contains(.silent))
            #expect(second.heard.now.troubles.contains(.silent))
            #expect(first.heard.now.endedLinkCount == 1)
            #expect(try Self.connected(first, world).isEmpty)
            world.fabric.heal(first.process, second.process)
            try world.run(for: .seconds(8))
            #expect(try Self.connected(first, world) == [MemberID(2)])
            #expect(try Self.connected(second, world) == [MemberID(1)])
        }
    }

    @Test("a peer that starts again replaces the link that it has forgotten")
    func replaced() throws {
        try World.simulate(seed: 3) { world in
            let first = try Self.start(world, Self.members(1))
            let second = try Self.start(world, Self.members(2))
            try world.run(for: .seconds(1))
            // Nothing tells the second that the first's machine is gone.
            first.process.restart(.powerLoss)
            try world.run(for: .seconds(1))
            #expect(second.heard.now.endedLinkCount == 1)
            #expect(try Self.connected(second, world) == [MemberID(1)])
        }
    }

    @Test("who has no certificate of the cluster, or somebody else's name, gets no link")
    func strangers() throws {
        let identities = [
            NodeIdentity(cluster: "other", region: "eu", name: "n1"),
            NodeIdentity(cluster: "c", region: "eu", name: "nobody"),
            NodeIdentity(cluster: "c", region: "us", name: "n1"),
        ]
        for identity in identities {
            try World.simulate(seed: 4) { world in
                let stranger = try Self.start(world, Self.members(1), as: identity)
                let second = try Self.start(world, Self.members(2))
                try world.run(for: .seconds(2))
                #expect(try Self.connected(second, world).isEmpty)
                #expect(!second.heard.now.troubles.isEmpty)
                try Self.onLoop(of: stranger) {
                    _ = $0.post(.groups([1, 2, 3]), to: MemberID(2))
                }
                try world.run(for: .seconds(1))
                #expect(second.heard.now.messages.isEmpty)
            }
        }
    }

    @Test("a node that is to be dialled and dials itself is refused")
    func wrongDirection() throws {
        try World.simulate(seed: 5) { world in
            // The third believes that the second came after it.
            let mistaken = ClusterMembers(
                cluster: Self.cluster, own: MemberID(3),
                all: [
                    ClusterMember(
                        id: MemberID(3), name: "n3", region: "eu",
                        address: SocketAddress(host: "n3", port: 7000)),
                    ClusterMember(
                        id: MemberID(4), name: "n2", region: "eu",
                        address: SocketAddress(host: "n2", port: 7000)),
                ])
            let second = try Self.start(world, Self.members(2, of: 3))
            _ = try Self.start(world, mistaken)
            try world.run(for: .seconds(2))
            let isRefused = second.heard.now.troubles.contains { trouble in
                if case .wrongDirection = trouble { true } else { false }
            }
            #expect(isRefused)
            #expect(try Self.connected(second, world).isEmpty)
        }
    }

    @Test("a disk that has departed is told so, and gets no link")
    func departed() throws {
        try World.simulate(seed: 7) { world in
            let first = try Self.start(world, Self.members(1))
            let second = try Self.start(world, Self.members(2), departed: [MemberID(1)])
            try world.run(for: .seconds(2))
            #expect(first.heard.now.refusals.contains(.departed(successor: MemberID(9))))
            #expect(try Self.connected(first, world).isEmpty)
            #expect(try Self.connected(second, world).isEmpty)
            #expect(second.heard.now.hellos.isEmpty)
        }
    }

    @Test("a node of another cluster gets no link, whatever its certificate says")
    func otherCluster() throws {
        try World.simulate(seed: 8) { world in
            let own = Self.members(1)
            let other = ClusterMembers(cluster: ClusterID(8), own: own.own, all: own.all)
            let first = try Self.start(world, other)
            let second = try Self.start(world, Self.members(2))
            try world.run(for: .seconds(2))
            #expect(first.heard.now.refusals.first == .otherCluster)
            #expect(try Self.connected(second, world).isEmpty)
        }
    }

    @Test("links follow the members: new ones are dialled, and those who are gone are let go")
    func changingMembers() throws {
        try World.simulate(seed: 9) { world in
            let first = try Self.start(world, Self.members(1, of: 2))
            let second = try Self.start(world, Self.members(2, of: 3))
            _ = try Self.start(world, Self.members(3, of: 3))
            try world.run(for: .seconds(1))
            #expect(try Self.connected(first, world) == [MemberID(2)])
            try Self.onLoop(of: first) { $0.update(Self.members(1, of: 3)) }
            try world.run(for: .seconds(1))
            #expect(try Self.connected(first, world) == [MemberID(2), MemberID(3)])
            let without = Self.members(1, of: 3).all.filter { $0.id != MemberID(2) }
            try Self.onLoop(of: first) {
                $0.update(ClusterMembers(cluster: Self.cluster, own: MemberID(1), all: without))
            }
            try world.run(for: .seconds(3))
            #expect(try Self.connected(first, world) == [MemberID(3)])
            #expect(second.heard.now.endedLinkCount == 1)
        }
    }

    @Test("bytes that are no handshake end their stream and nothing else")
    func garbage() throws {
        try World.simulate(seed: 6) { world in
            let second = try Self.start(world, Self.members(2))
            let attacker = world.addProcess("attacker")
            attacker.start { incarnation in
                for number in 0..<200 as Range<UInt8> {
                    incarnation.network.connect(
                        to: SocketAddress(host: "n2", port: 7000), timeout: .seconds(1)
                    ) { result in
                        guard case .success(let stream) = result else { return }
                        stream.start(Ignoring())
                        stream.write((0..<64).map { $0 &* 31 &+ number })
                    }
                }
            }
            try world.run(for: .seconds(3))
            let first = try Self.start(world, Self.members(1))
            try world.run(for: .seconds(3))
            #expect(second.heard.now.messages.isEmpty)
            #expect(second.heard.now.troubles.count >= 200)
            #expect(try Self.connected(first, world) == [MemberID(2)])
        }
    }

    @Test("what a peer says that is no message ends its link")
    func mistakes() throws {
        let frames: [PeerFrame] = [
            PeerFrame(header: PeerFrameHeader(kind: .init(rawValue: 99)), payload: []),
            PeerFrame(header: PeerFrameHeader(kind: .init(rawValue: 3)), payload: [1]),
            PeerFrame(
                header: PeerFrameHeader(kind: .init(rawValue: 4), requestID: 1), payload: []),
            PeerFrame(
                header: PeerFrameHeader(kind: .init(rawValue: 4), requestID: 1), payload: [9]),
        ]
        for frame in frames {
            #expect(throws: DecodingError.self) { try PeerMessage(frame) }
        }
    }
}

private final class Ignoring: ByteStreamHandler, Sendable {
    func streamReceived(_ bytes: [UInt8]) {}
    func streamDrained() {}
    func streamEnded(_ end: StreamEnd) {}
}

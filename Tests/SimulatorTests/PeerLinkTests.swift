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
        }

        private let state = Mutex(State())

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
        _ world: World, _ members: ClusterMembers, as identity: NodeIdentity? = nil
    ) throws -> Peer {
        let own = try #require(members[members.own])
        let identity = try #require(
            identity ?? NodeIdentity(cluster: "c", region: own.region, name: own.name))
        let process = world.addProcess(own.name)
        let heard = Heard()
        let made = Mutex<PeerLinks?>(nil)
        process.start { incarnation in
            let links = PeerLinks(
                members: members, loop: incarnation.loop, network: incarnation.network,
                channels: PlainChannels(identity: identity), random: incarnation.random,
                onTrouble: { _, trouble in heard.note(trouble) })
            made.withLock { $0 = links }
            do {
                try links.listen()
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
            // The third believes that it is the first of two.
            let mistaken = ClusterMembers(
                cluster: Self.cluster, own: MemberID(1),
                all: [
                    ClusterMember(
                        id: MemberID(1), name: "n3", region: "eu",
                        address: SocketAddress(host: "n3", port: 7000)),
                    ClusterMember(
                        id: MemberID(2), name: "n2", region: "eu",
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

import Environment
import Primitives
import Simulator
import Testing

/// The plain channel has the events of the real one, in the same order.
@Suite("Plain channels")
struct PlainChannelTests {
    private func channels(
        _ name: String, cluster: String = "test"
    ) throws -> PlainChannels {
        PlainChannels(
            identity: try #require(NodeIdentity(cluster: cluster, region: "eu", name: name)))
    }

    /// Carries bytes both ways until there are none.
    private func exchange(
        _ client: any SecureChannel, _ server: any SecureChannel, portion: Int = .max
    ) -> (client: [SecureChannelEvent], server: [SecureChannelEvent]) {
        var events: (client: [SecureChannelEvent], server: [SecureChannelEvent]) = ([], [])
        while true {
            let toServer = client.takeOutgoing()
            for part in portions(of: toServer, portion) { events.server += server.receive(part) }
            let toClient = server.takeOutgoing()
            for part in portions(of: toClient, portion) { events.client += client.receive(part) }
            if toServer.isEmpty, toClient.isEmpty { return events }
        }
    }

    private func portions(of bytes: [UInt8], _ count: Int) -> [[UInt8]] {
        guard bytes.count > count else { return bytes.isEmpty ? [] : [bytes] }
        return stride(from: 0, to: bytes.count, by: count).map {
            Array(bytes[$0..<min($0 + count, bytes.count)])
        }
    }

    private func plaintext(_ events: [SecureChannelEvent]) -> [UInt8] {
        events.flatMap { event -> [UInt8] in
            guard case .received(let bytes) = event else { return [] }
            return bytes
        }
    }

    @Test("both learn who the other is, and then understand each other", arguments: [.max, 1, 7])
    func established(portion: Int) throws {
        let one = try channels("node-1")
        let two = try channels("node-2")
        let client = one.client(to: "node-2")
        let server = two.server()
        #expect(!client.send([1]) && !server.send([1]))
        let hello = exchange(client, server, portion: portion)
        let never = Timestamp(milliseconds: .max)
        #expect(
            hello.client
                == [.established(VerifiedPeer(identity: two.identity, validUntil: never))])
        #expect(
            hello.server
                == [.established(VerifiedPeer(identity: one.identity, validUntil: never))])
        let text = (0..<40_000).map { UInt8(truncatingIfNeeded: $0) }
        #expect(client.send(text) && server.send([7]))
        let talk = exchange(client, server, portion: portion)
        #expect(plaintext(talk.server) == text)
        #expect(plaintext(talk.client) == [7])
        server.close()
        #expect(!server.send([1]))
        #expect(exchange(client, server, portion: portion).client == [.closed])
        #expect(client.state == .closed && client.receiveEnd() == [])
    }

    @Test("a listener that is another node is refused, and told so")
    func otherNode() throws {
        let client = try channels("node-1").client(to: "node-2")
        let other = try channels("node-3")
        let events = exchange(client, other.server())
        #expect(
            events.client == [.failed(.otherNode(dialled: "node-2", found: other.identity))])
        #expect(events.server == [.failed(.refusedByPeer(alert: 42))])
    }

    @Test("a listener of another cluster is refused, and told so")
    func otherCluster() throws {
        let other = try channels("node-2", cluster: "other")
        let events = exchange(try channels("node-1").client(to: "node-2"), other.server())
        #expect(events.client == [.failed(.otherCluster(other.identity))])
        #expect(events.server == [.failed(.refusedByPeer(alert: 42))])
    }

    @Test("a dialler of another cluster is refused, which it learns after it was through")
    func dialler() throws {
        let other = try channels("node-1", cluster: "other")
        let server = try channels("node-2").server()
        let client = try channels("node-1").client(to: "node-2")
        _ = server.receive(client.takeOutgoing())
        #expect(client.receive(server.takeOutgoing()).count == 1)
        // What a dialler says third, with the name of another cluster.
        let text = Array(other.identity.uri.utf8)
        #expect(
            server.receive([3, UInt8(text.count), 0, 0, 0] + text)
                == [.failed(.otherCluster(other.identity))])
        #expect(client.receive(server.takeOutgoing()) == [.failed(.refusedByPeer(alert: 42))])
        #expect(!client.send([1]))
    }

    @Test("the end of the transport without a close is a truncation")
    func truncated() throws {
        let client = try channels("node-1").client(to: "node-2")
        let server = try channels("node-2").server()
        #expect(client.receiveEnd() == [.failed(.truncated)])
        #expect(server.receive(Array(client.takeOutgoing().dropLast())) == [])
        #expect(server.receiveEnd() == [.failed(.truncated)])
        #expect(server.receiveEnd() == [])
    }

    @Test("no bytes end the process, and none open a channel")
    func garbage() throws {
        var random = SeededRandom(seed: 5)
        let one = try channels("node-1")
        let two = try channels("node-2")
        var failures = 0
        for _ in 0..<5_000 {
            let client = one.client(to: "node-2")
            let server = two.server()
            var bytes = client.takeOutgoing()
            _ = server.receive(bytes)
            bytes = server.takeOutgoing()
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                bytes[Int.random(in: bytes.indices, using: &random)] =
                    UInt8.random(in: 0...255, using: &random)
            }
            switch client.receive(bytes).last {
            case .failed: failures += 1
            case .established(let peer): #expect(peer.identity.name == "node-2")
            case .received, .closed: Issue.record("data before an identity")
            case nil: #expect(client.receiveEnd() == [.failed(.truncated)])
            }
        }
        #expect(failures > 1_000)
    }

    @Test("an owner who forgets to take what is outgoing is stopped")
    func outgoingBound() throws {
        let client = try channels("node-1").client(to: "node-2")
        let server = try channels("node-2").server()
        _ = exchange(client, server)
        let part = [UInt8](repeating: 1, count: 1 << 20)
        var count = 0
        while client.send(part) { count += 1 }
        #expect(count == 8)
        #expect(client.takeOutgoing().count <= SecureChannelLimits.outgoingByteCountMax)
        #expect(client.send(part))
    }
}

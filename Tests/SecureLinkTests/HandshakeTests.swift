import Environment
import Primitives
import SecureLink
import Testing

/// Alerts of RFC 8446, 6.2.
private let badCertificate: UInt8 = 42
private let certificateExpired: UInt8 = 45
private let unknownAuthority: UInt8 = 48

@Suite("Two nodes verify each other")
struct HandshakeTests {
    private let authority: ClusterAuthority
    private let one: TLSChannels
    private let two: TLSChannels

    init() throws {
        authority = try .testing()
        one = try authority.channels(of: "node-1")
        two = try authority.channels(of: "node-2")
    }

    @Test("both learn who the other is, and then understand each other", arguments: [.max, 1, 7])
    func established(portion: Int) throws {
        var pair = Pair(one, to: "node-2", two)
        #expect(!pair.client.send([1]) && !pair.server.send([1]))
        pair.exchange(portion: portion)
        let end = noon.advanced(byMilliseconds: 90 * day)
        #expect(
            pair.clientEvents
                == [.established(VerifiedPeer(identity: two.identity, validUntil: end))])
        #expect(
            pair.serverEvents
                == [.established(VerifiedPeer(identity: one.identity, validUntil: end))])
        let text = pattern(100_000)
        #expect(pair.client.send(text))
        #expect(pair.server.send(Array(text.reversed())))
        pair.exchange(portion: portion)
        #expect(pair.serverEvents.plaintext == text)
        #expect(pair.clientEvents.plaintext == text.reversed())
        pair.client.close()
        #expect(!pair.client.send([1]))
        pair.exchange(portion: portion)
        #expect(pair.serverEvents.last == .closed)
        #expect(pair.client.state == .closed && pair.server.state == .closed)
        #expect(pair.server.receiveEnd() == [] && pair.client.receiveEnd() == [])
    }

    @Test("a listener of another authority is refused, and gets nothing of ours but a hello")
    func otherAuthority() throws {
        let stranger = try ClusterAuthority.testing().channels(of: "node-2")
        var pair = Pair(one, to: "node-2", stranger)
        pair.exchange()
        guard case .untrusted = pair.clientEvents.failure else {
            Issue.record("\(pair.clientEvents)")
            return
        }
        #expect(pair.clientEvents.peer == nil && pair.serverEvents.peer == nil)
        #expect(pair.serverEvents == [.failed(.refusedByPeer(alert: unknownAuthority))])
        #expect(!pair.client.send([1]) && !pair.server.send([1]))
    }

    @Test("a dialler of another authority is refused, and what it sent early is not told")
    func strangeDialler() throws {
        let stranger = try ClusterAuthority.testing()
            .channels(of: "node-1", trusting: [authority])
        var pair = Pair(stranger, to: "node-2", two)
        _ = pair.server.receive(pair.client.takeOutgoing())
        // The dialler's last flight, and right behind it what it wants to say.
        #expect(pair.client.receive(pair.server.takeOutgoing()).peer == two.identity)
        #expect(pair.client.send(pattern(1000)))
        pair.exchange()
        guard case .untrusted = pair.serverEvents.failure else {
            Issue.record("\(pair.serverEvents)")
            return
        }
        #expect(pair.serverEvents.count == 1)
        #expect(pair.clientEvents == [.failed(.refusedByPeer(alert: unknownAuthority))])
        guard case .failed = pair.client.state, case .failed = pair.server.state else {
            Issue.record("an end is alive")
            return
        }
    }

    @Test("a node of another cluster is refused, though its authority is trusted")
    func otherCluster() throws {
        let other = try ClusterAuthority.testing("other")
        let stranger = try other.channels(of: "node-2", trusting: [authority])
        let trusting = try authority.channels(of: "node-1", trusting: [other])
        var pair = Pair(trusting, to: "node-2", stranger)
        pair.exchange()
        #expect(pair.clientEvents == [.failed(.otherCluster(stranger.identity))])
        #expect(pair.serverEvents == [.failed(.refusedByPeer(alert: badCertificate))])
    }

    @Test("whoever answers has to be the node that was dialled")
    func otherNode() throws {
        var pair = Pair(one, to: "node-3", two)
        pair.exchange()
        #expect(
            pair.clientEvents == [.failed(.otherNode(dialled: "node-3", found: two.identity))])
        #expect(pair.serverEvents == [.failed(.refusedByPeer(alert: badCertificate))])
    }

    @Test("a certificate counts only within its time, by the clock of who looks at it")
    func validity() throws {
        let clock = SetClock(noon)
        let credentials = try authority.issue(to: try node("node-1"), now: noon)
        let looking = try TLSChannels(credentials) { clock.now }
        let end = noon.advanced(byMilliseconds: 90 * day)
        let begin = noon.advanced(byMilliseconds: -3_600_000)
        for (now, isValid) in [
            (begin.advanced(byMilliseconds: -1000), false), (begin, true),
            (end.advanced(byMilliseconds: -1000), true), (end, false),
        ] {
            clock.now = now
            var pair = Pair(looking, to: "node-2", two)
            pair.exchange()
            #expect((pair.clientEvents.peer != nil) == isValid, "\(now.milliseconds)")
            #expect((pair.clientEvents.failure == .outsideValidity) == !isValid)
            // The listener looks at the dialler's certificate by its own clock in turn.
            pair = Pair(two, to: "node-1", looking)
            pair.exchange()
            #expect((pair.serverEvents.peer != nil) == isValid)
            #expect((pair.serverEvents.failure == .outsideValidity) == !isValid)
            let alert = now >= end ? certificateExpired : badCertificate
            #expect(
                pair.clientEvents.failure == (isValid ? nil : .refusedByPeer(alert: alert)))
        }
    }

    @Test("two diallers are no channel, and two listeners say nothing")
    func roles() {
        var pair = Pair(client: one.client(to: "node-2"), server: two.client(to: "node-1"))
        pair.exchange()
        #expect(pair.clientEvents.peer == nil && pair.serverEvents.peer == nil)
        #expect(pair.clientEvents.failure != nil && pair.serverEvents.failure != nil)
        pair = Pair(client: one.server(), server: two.server())
        pair.exchange()
        #expect(pair.clientEvents == [] && pair.serverEvents == [])
    }

    @Test("each connection shows its certificates: nothing is resumed")
    func notResumed() throws {
        var firstByteCounts: [Int] = []
        for _ in 0..<3 {
            let pair = Pair(one, to: "node-2", two)
            let hello = pair.client.takeOutgoing()
            _ = pair.server.receive(hello)
            let flight = pair.server.takeOutgoing()
            #expect(flight.count > 800, "a certificate is in it")
            _ = pair.client.receive(flight)
            _ = pair.server.receive(pair.client.takeOutgoing())
            // A ticket would come here.
            #expect(pair.server.takeOutgoing() == [])
            firstByteCounts.append(hello.count)
        }
        #expect(Set(firstByteCounts).count == 1)
    }
}

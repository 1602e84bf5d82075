import Environment
import Primitives
import SecureLink
import Testing

/// Bytes that no honest peer sends. None end the process, and none are told as plaintext.
@Suite("Hostile bytes")
struct HostileTests {
    private let one: TLSChannels
    private let two: TLSChannels

    init() throws {
        let authority = try ClusterAuthority.testing()
        one = try authority.channels(of: "node-1")
        two = try authority.channels(of: "node-2")
    }

    private func established() throws -> Pair {
        var pair = Pair(one, to: "node-2", two)
        pair.exchange()
        try #require(pair.clientEvents.peer != nil && pair.serverEvents.peer != nil)
        _ = pair.takeEvents()
        return pair
    }

    /// The records in bytes that were taken.
    private func records(_ bytes: [UInt8]) -> [[UInt8]] {
        var records: [[UInt8]] = []
        var rest = bytes[...]
        while rest.count >= 5 {
            let start = rest.startIndex
            let count = 5 + Int(rest[start + 3]) << 8 + Int(rest[start + 4])
            records.append(Array(rest.prefix(count)))
            rest = rest.dropFirst(count)
        }
        return records
    }

    @Test("plain text is no handshake", arguments: ["GET / HTTP/1.1\r\n\r\n", "SF", "\u{16}\u{3}"])
    func plainText(text: String) {
        let server = two.server()
        let padded = Array(text.utf8) + [UInt8](repeating: 0x41, count: 100)
        guard case .malformed = server.receive(padded).failure else {
            Issue.record("\(server.state)")
            return
        }
        #expect(server.receive(padded) == [], "it is over")
    }

    @Test("random bytes open nothing, at whatever moment they come")
    func garbage() throws {
        var random = SeededRandom(seed: 1)
        for round in 0..<300 {
            let pair = Pair(one, to: "node-2", two)
            let garbage = (0..<Int.random(in: 1...600, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            // With the header of a record in front of it, so that it gets as far as it can.
            let kind: UInt8 = [20, 21, 22, 23][round % 4]
            let record =
                [kind, 3, 3, UInt8(garbage.count >> 8), UInt8(garbage.count & 0xFF)] + garbage
            let hello = pair.client.takeOutgoing()
            var events: [SecureChannelEvent]
            switch round % 3 {
            case 0: events = pair.server.receive(record)
            case 1: events = pair.server.receive(hello) + pair.server.receive(record)
            default:
                _ = pair.server.receive(hello)
                events = pair.client.receive(record)
            }
            events += pair.client.receiveEnd() + pair.server.receiveEnd()
            #expect(events.peer == nil && events.plaintext.isEmpty)
            #expect(events.failure != nil)
        }
    }

    @Test("a handshake of which one bit was changed is none")
    func flippedBits() throws {
        var random = SeededRandom(seed: 2)
        // What each flight is made of, of which the flights of other runs have the lengths.
        for flight in 0..<3 {
            for round in 0..<150 {
                var pair = Pair(one, to: "node-2", two)
                var flights = 0
                var isChanged = false
                var place = 0
                func change(_ bytes: [UInt8]) -> [UInt8] {
                    defer { flights += 1 }
                    guard flights == flight, !bytes.isEmpty else { return bytes }
                    var changed = bytes
                    place = Int.random(in: 0..<bytes.count, using: &random)
                    // The version in a record's header means nothing (RFC 8446, 5.1).
                    if place == 1 || place == 2 { place = 5 }
                    changed[place] ^= 1 << UInt8(round % 8)
                    isChanged = true
                    return changed
                }
                var server = pair.server.receive(change(pair.client.takeOutgoing()))
                var client = pair.client.receive(change(pair.server.takeOutgoing()))
                server += pair.server.receive(change(pair.client.takeOutgoing()))
                #expect(isChanged)
                pair.exchange()
                client += pair.clientEvents + pair.client.receiveEnd()
                server += pair.serverEvents + pair.server.receiveEnd()
                // The dialler is through before the listener has looked at its last flight.
                #expect(server.peer == nil, "flight \(flight), byte \(place)")
                #expect(flight == 2 || client.peer == nil, "flight \(flight), byte \(place)")
                #expect(server.failure != nil && client.failure != nil)
            }
        }
    }

    @Test("a handshake that breaks off has failed, wherever that is")
    func truncatedHandshake() {
        var pair = Pair(one, to: "node-2", two)
        let hello = pair.client.takeOutgoing()
        for count in stride(from: 0, to: hello.count, by: 7) {
            let server = two.server()
            #expect(server.receive(Array(hello.prefix(count))) == [])
            #expect(server.receiveEnd() == [.failed(.truncated)])
            #expect(server.receive(hello) == [] && server.receiveEnd() == [])
        }
        _ = pair.server.receive(hello)
        let flight = pair.server.takeOutgoing()
        #expect(pair.client.receive(Array(flight.dropLast())) == [])
        #expect(pair.client.receiveEnd() == [.failed(.truncated)])
        #expect(pair.server.receiveEnd() == [.failed(.truncated)])
        pair.exchange()
        #expect(pair.clientEvents == [] && pair.serverEvents == [])
    }

    @Test("the end of the transport without a close is a truncation, after what arrived whole")
    func truncatedStream() throws {
        let pair = try established()
        #expect(pair.client.send(pattern(20_000)))
        let bytes = pair.client.takeOutgoing()
        let first = Array(pattern(20_000).prefix(16_384))
        #expect(pair.server.receive(Array(bytes.dropLast())).plaintext == first)
        #expect(pair.server.receiveEnd() == [.failed(.truncated)])
        #expect(pair.server.receive([bytes[bytes.count - 1]]) == [])
    }

    @Test("a peer that closes its half is answered, and what it sent before is whole")
    func halfClosed() throws {
        let pair = try established()
        #expect(pair.client.send([1, 2, 3]))
        pair.client.close()
        let events = pair.server.receive(pair.client.takeOutgoing() + [9, 9, 9])
        #expect(events == [.received([1, 2, 3]), .closed])
        #expect(!pair.server.send([4]), "nothing follows in either direction")
        #expect(!pair.server.takeOutgoing().isEmpty, "our own close")
        #expect(pair.server.receiveEnd() == [])
    }

    @Test(
        "records that are repeated, left out, swapped or changed end the channel",
        arguments: ["repeated", "left out", "swapped", "changed"])
    func records(attack: String) throws {
        let pair = try established()
        #expect(pair.client.send([1]) && pair.client.send([2]) && pair.client.send([3]))
        var list = records(pair.client.takeOutgoing())
        try #require(list.count == 3)
        let expected: [UInt8]
        switch attack {
        case "repeated": (list, expected) = ([list[0], list[0], list[1]], [1])
        case "left out": (list, expected) = ([list[0], list[2]], [1])
        case "swapped": (list, expected) = ([list[1], list[0]], [])
        default:
            list[1][7] ^= 1
            expected = [1]
        }
        let events = pair.server.receive(list.flatMap { $0 })
        #expect(events.plaintext == expected)
        guard case .malformed = events.failure else {
            Issue.record("\(events)")
            return
        }
        // The peer is told.
        let told = pair.client.receive(pair.server.takeOutgoing())
        guard case .refusedByPeer = told.failure else {
            Issue.record("\(told)")
            return
        }
    }

    @Test("what was recorded of one connection is nothing in another")
    func otherConnection() throws {
        let recorded = try established()
        let pair = try established()
        #expect(recorded.client.send([1]))
        let events = pair.server.receive(recorded.client.takeOutgoing())
        #expect(events.plaintext.isEmpty && events.failure != nil)
    }

    @Test("a record longer than TLS has is refused at its header")
    func longRecord() throws {
        let pair = try established()
        let events = pair.server.receive([23, 3, 3, 0xFF, 0xFF])
        guard case .malformed = events.failure else {
            Issue.record("\(events)")
            return
        }
    }

    @Test("an owner who forgets to take what is outgoing is stopped")
    func outgoingBound() throws {
        let pair = try established()
        let part = [UInt8](repeating: 1, count: 1 << 20)
        var count = 0
        while pair.client.send(part) { count += 1 }
        #expect(count == 8)
        let bytes = pair.client.takeOutgoing()
        #expect(bytes.count <= SecureChannelLimits.outgoingByteCountMax)
        #expect(pair.server.receive(bytes).plaintext.count == count << 20)
        #expect(pair.client.send(part))
    }
}

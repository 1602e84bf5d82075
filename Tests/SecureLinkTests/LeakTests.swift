import CAllocations
import Environment
import Primitives
import SecureLink
import Testing

@Suite("What a channel takes it gives back")
struct LeakTests {
    /// Live allocations more after a round than before it, of the middle one of `roundCount`
    /// rounds. What leaks, leaks in each of them. What the library keeps for all threads, and
    /// drops when that has become too much, is in one round or another, and may be another
    /// thread's.
    private func growth(_ body: () throws -> Void) rethrows -> Int {
        var growths: [Int] = []
        for _ in 0..<Self.roundCount {
            let before = CAllocationsLiveOfThread()
            try body()
            growths.append(Int(CAllocationsLiveOfThread() - before))
        }
        return growths.sorted()[Self.roundCount / 2]
    }

    private static let roundCount = 5
    private static let handshakeCount = 200
    private static let reloadCount = 20

    @Test("a thousand channels leave nothing behind, however they end")
    func handshakes() throws {
        let authority = try ClusterAuthority.testing()
        let one = try authority.channels(of: "node-1")
        let two = try authority.channels(of: "node-2")
        let stranger = try ClusterAuthority.testing().channels(of: "node-2")
        func run(_ round: Int) {
            switch round % 4 {
            // Data and a close in order.
            case 0:
                var pair = Pair(one, to: "node-2", two)
                pair.exchange()
                #expect(pair.client.send(pattern(300)))
                pair.exchange()
                pair.client.close()
                pair.exchange()
            // Refused by the dialler.
            case 1:
                var pair = Pair(one, to: "node-2", stranger)
                pair.exchange()
            // Garbage in the middle.
            case 2:
                let pair = Pair(one, to: "node-2", two)
                _ = pair.server.receive(pair.client.takeOutgoing())
                _ = pair.client.receive(Array(pair.server.takeOutgoing().reversed()))
            // Left as it is.
            default:
                let pair = Pair(one, to: "node-3", two)
                _ = pair.server.receive(pair.client.takeOutgoing())
            }
        }
        // What the library keeps for itself is there after the first ones.
        for round in 0..<40 { run(round) }
        let kept = growth { for round in 0..<Self.handshakeCount { run(round) } }
        print("secure links: \(kept) allocations live after \(Self.handshakeCount) handshakes")
        // One object of a handshake in four that is forgotten would be fifty.
        #expect(kept < Self.handshakeCount / 10)
    }

    @Test("a hundred certificates and reloads leave nothing behind")
    func credentials() throws {
        let authority = try ClusterAuthority.testing()
        let identity = try node("node-1")
        let channels = try authority.channels(of: "node-1")
        func run() throws {
            try channels.replaceCredentials(with: authority.issue(to: identity, now: noon))
            #expect(throws: LinkCredentialError.self) {
                try authority.issue(to: identity, addresses: ["1.2.3"], now: noon)
            }
            let other = try authority.issue(to: try node("node-2"), now: noon)
            #expect(throws: LinkCredentialError.self) {
                try channels.replaceCredentials(with: other)
            }
        }
        for _ in 0..<5 { try run() }
        let kept = try growth { for _ in 0..<Self.reloadCount { try run() } }
        print("secure links: \(kept) allocations live after \(Self.reloadCount) reloads")
        // One object of a reload that is forgotten would be twenty.
        #expect(kept < Self.reloadCount / 2)
    }
}

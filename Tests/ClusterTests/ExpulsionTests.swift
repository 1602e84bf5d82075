import Cluster
import Primitives
import Testing

@Suite("who has to go")
struct ExpulsionTests {
    private static let gone = PeerRefusal.departed(successor: nil)

    private static func peers(_ count: UInt64) -> [MemberID] {
        count == 0 ? [] : (2...count + 1).map { MemberID($0) }
    }

    @Test(
        "a majority of the members has to say so, or all others where that is fewer",
        arguments: [(1, 1), (2, 2), (3, 3), (4, 3), (6, 4), (8, 5)] as [(UInt64, Int)])
    func majority(peerCount: UInt64, needed: Int) {
        var expulsion = Expulsion()
        let peers = Self.peers(peerCount)
        for (place, peer) in peers.enumerated() {
            let isEnough = expulsion.judgement(peers: peers) != nil
            #expect(isEnough == (place >= needed), "\(place) of \(peerCount)")
            expulsion.note(Self.gone, of: peer)
            // Whoever says it twice is one.
            expulsion.note(.copiedFolder, of: peer)
        }
        #expect(expulsion.judgement(peers: peers) != nil)
    }

    @Test("who takes the node for a member again does not count, nor who is no member")
    func withdrawn() {
        var expulsion = Expulsion()
        let peers = Self.peers(2)
        for peer in peers + [MemberID(77), MemberID(78)] { expulsion.note(Self.gone, of: peer) }
        #expect(expulsion.judgement(peers: peers) == Self.gone)
        expulsion.withdraw(peers[0])
        #expect(expulsion.judgement(peers: peers) == nil)
    }

    @Test("a node without peers does not go")
    func alone() {
        var expulsion = Expulsion()
        expulsion.note(Self.gone, of: MemberID(2))
        #expect(expulsion.judgement(peers: []) == nil)
    }
}

package import Primitives

// A node that has no place in its cluster any more is cut off by everybody, so it cannot read that
// in a log. One peer's word is not enough to end it: a peer may be wrong, or a liar. A majority of
// the members, which this one is one of, could have decided it.

/// What peers have said since their links last opened: that this node is to go. A value.
package struct Expulsion: Sendable {
    private var refusals: [MemberID: PeerRefusal] = [:]

    package init() {}

    package mutating func note(_ refusal: PeerRefusal, of peer: MemberID) {
        refusals[peer] = refusal
    }

    /// The peer takes this node for a member.
    package mutating func withdraw(_ peer: MemberID) {
        refusals[peer] = nil
    }

    /// Why this node has to go; nil while too few say so.
    ///
    /// - Parameter peers: all other members, by rising id.
    package func judgement(peers: [MemberID]) -> PeerRefusal? {
        let heard = peers.compactMap { refusals[$0] }
        // Of two members the other one has to do.
        let majority = min(peers.count, (peers.count + 1) / 2 + 1)
        return heard.count >= max(1, majority) ? heard.first : nil
    }
}

/// The cluster that a message belongs to; minted once, when the cluster is made.
public struct ClusterID: Hashable, Sendable, CustomStringConvertible {
    public let rawValue: UInt64

    public init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }

    public var description: String { "c\(String(rawValue, radix: 16))" }
}

/// Counts a member's lives and the withdrawals of its support: it rises with each start, and with
/// each peer that gave up on it. What was promised under an older epoch is void.
public typealias SupportEpoch = UInt64

/// Who supports whom, as one node knows it at this moment. `Liveness` keeps it; the consensus of
/// every group reads it.
///
/// Support that is given and not withdrawn binds this node whatever its clock says. Support that
/// was received holds until an instant of this node's own clock, drift already taken off.
public struct SupportTable: Hashable, Sendable {
    /// What a peer has promised.
    public struct Received: Hashable, Sendable {
        public let epoch: SupportEpoch
        /// The peer's promise outlasts this instant of the local clock.
        public let until: MonotonicInstant
        /// True once the peer's clock was measured to run at a rate within the declared bound; a
        /// lease counts on no other.
        public let isClockTrusted: Bool

        public init(epoch: SupportEpoch, until: MonotonicInstant, isClockTrusted: Bool = true) {
            self.epoch = epoch
            self.until = until
            self.isClockTrusted = isClockTrusted
        }
    }

    private struct Row: Hashable {
        let member: MemberID
        var given: SupportEpoch?
        var received: Received?
    }

    /// By rising member id. A node has few peers, so that looking through them beats hashing.
    private var rows: [Row] = []

    public init() {}

    /// The epoch under which this node supports `member`; nil when it does not.
    public func given(to member: MemberID) -> SupportEpoch? {
        rows.first { $0.member == member }?.given
    }

    /// The newest promise of `member`, whether or not it still holds.
    public func received(from member: MemberID) -> Received? {
        rows.first { $0.member == member }?.received
    }

    public mutating func setGiven(_ epoch: SupportEpoch?, to member: MemberID) {
        rows[row(of: member)].given = epoch
    }

    public mutating func setReceived(_ received: Received?, from member: MemberID) {
        rows[row(of: member)].received = received
    }

    private mutating func row(of member: MemberID) -> Int {
        if let found = rows.firstIndex(where: { $0.member == member }) { return found }
        let place = rows.firstIndex { $0.member > member } ?? rows.endIndex
        rows.insert(Row(member: member), at: place)
        return place
    }
}

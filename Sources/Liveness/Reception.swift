extension Liveness {
    /// What became of a message.
    public enum Reception: Hashable, Sendable {
        case taken
        /// Nothing is wrong with it, and there is nothing to do for it.
        case ignored(IgnoreReason)
        /// A correct peer of this cluster would not have sent it here.
        case refused(RefusalReason)
    }

    /// Why a message was of no use: all of these happen in a network that delays and duplicates.
    public enum IgnoreReason: Int, CaseIterable, Hashable, Sendable {
        /// This node's own epoch is not on disk yet, and until then it says nothing.
        case notStarted
        /// The promise to the sender is being written; the next heartbeat will find it done.
        case writing
        /// About an epoch that this node has left behind, or has already heard of.
        case staleEpoch
        /// A reply to a round that no lease can come of any more.
        case roundTooOld
        /// A reply that promises nothing beyond what is known.
        case nothingNew
    }

    /// Why a message was refused.
    public enum RefusalReason: Int, CaseIterable, Hashable, Sendable {
        case otherCluster
        case otherRecipient
        /// It says that this node sent it.
        case ownSender
        case unknownSender
        /// Zero, or beyond every epoch that restarts and withdrawals could lead to.
        case epochOutOfRange
        case durationOutOfRange
        /// A reply about an epoch that this node never asked under.
        case epochNeverAsked
        /// A reply to a round that has not been.
        case roundNeverSent
    }

    /// How many messages had each reception. Counts change nothing of what a node does: any two are
    /// equal, so that a node is equal to one that has merely heard more.
    public struct ReceptionCounts: Hashable, Sendable {
        private var takenCount: UInt64 = 0
        private var ignoredCounts: InlineArray<5, UInt64> = .init(repeating: 0)
        private var refusedCounts: InlineArray<8, UInt64> = .init(repeating: 0)

        init() {}

        /// How many messages were received so.
        public subscript(reception: Reception) -> UInt64 {
            switch reception {
            case .taken: takenCount
            case .ignored(let reason): ignoredCounts[reason.rawValue]
            case .refused(let reason): refusedCounts[reason.rawValue]
            }
        }

        mutating func note(_ reception: Reception) {
            switch reception {
            case .taken: takenCount &+= 1
            case .ignored(let reason): ignoredCounts[reason.rawValue] &+= 1
            case .refused(let reason): refusedCounts[reason.rawValue] &+= 1
            }
        }

        public static func == (left: ReceptionCounts, right: ReceptionCounts) -> Bool { true }
        public func hash(into hasher: inout Hasher) {}
    }
}

public import Environment
public import ISO8583

extension AcquirerHost {
    /// What a host is started with.
    public struct Options: Sendable {
        /// The host's name, for people.
        public var id: String
        /// Where gateways connect.
        public var address: SocketAddress
        /// Where the control port listens; nil for none. It has no authentication: a loopback
        /// address.
        public var controlAddress: SocketAddress?
        /// Whether a reversal of an unknown original is acknowledged and forgotten.
        public var forgetsUnknownReversals: Bool
        /// How messages are written.
        public var specification: MessageSpecification
        /// How they are framed.
        public var frameFormat: FrameFormat
        /// Connections at a time, of gateways; a further one is closed at once. A cluster needs one
        /// or two for each node and link.
        public var sessionCountMaximum: Int
        /// Bytes of messages that are not answered and of answers that are not sent, on a
        /// connection; beyond, it is not read. About 4,000 messages, as many as a gateway's link
        /// has in flight.
        public var heldByteCountMaximum: Int
        /// Transactions and advices that are kept, each.
        public var recordCountMaximum: Int
        /// How much more than a hold may be captured, in per cent of it: as much as the schemes let
        /// hotels and car rentals.
        public var overcapturePercent: Int64 = 15
        /// Whether each station has one session at a time (`StationTable`).
        public var takesOneSession: Bool

        public init(
            id: String, address: SocketAddress, controlAddress: SocketAddress? = nil,
            forgetsUnknownReversals: Bool = false,
            specification: MessageSpecification = .sunny1987, frameFormat: FrameFormat = .link,
            sessionCountMaximum: Int = 64, heldByteCountMaximum: Int = 1 << 20,
            recordCountMaximum: Int = 1_000_000, takesOneSession: Bool = false
        ) {
            self.id = id
            self.address = address
            self.controlAddress = controlAddress
            self.forgetsUnknownReversals = forgetsUnknownReversals
            self.specification = specification
            self.frameFormat = frameFormat
            self.sessionCountMaximum = sessionCountMaximum
            self.heldByteCountMaximum = heldByteCountMaximum
            self.recordCountMaximum = recordCountMaximum
            self.takesOneSession = takesOneSession
        }
    }
}

/// Why a host could not be started.
public enum AcquirerHostError: Error, Hashable, Sendable, CustomStringConvertible {
    case journal(AcquirerJournalError)
    case network(NetworkError)

    public var description: String {
        switch self {
        case .journal(let error): "journal: \(error)"
        case .network(let error): "network: \(error)"
        }
    }
}

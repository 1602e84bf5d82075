public import ISO8583

/// Something that the host was told to do wrong.
public struct Fault: Hashable, Sendable {
    public enum Effect: Hashable, Sendable {
        /// The answer waits so long, and what follows on its connection waits behind it: a slow
        /// host.
        case delay(milliseconds: Int64)
        /// The answer alone comes so much later; what follows on its connection overtakes it.
        case late(milliseconds: Int64)
        /// The message is processed and never answered.
        case silence
        /// The answer is sent twice.
        case duplicate
        /// The connection breaks and the message is not processed.
        case disconnectBefore
        /// The message is processed, then the connection breaks in place of the answer.
        case disconnectAfter
        /// An advice or reversal is refused and changes nothing.
        case refuse(ResponseCode)
        /// A request for money is declined.
        case decline(ResponseCode)
    }

    /// Which fault it is, apart from its figures. One of each kind and group can be set.
    enum Kind: String, CaseIterable, Comparable {
        case delay, late, silence, duplicate
        case disconnectBefore = "disconnect before"
        case disconnectAfter = "disconnect after"
        case refuse, decline

        static func < (left: Kind, right: Kind) -> Bool { left.rawValue < right.rawValue }
    }

    public let effect: Effect
    public let group: MessageGroup
    /// How many messages it still meets; nil until it is reset.
    public internal(set) var remainingCount: Int?

    public init(_ effect: Effect, _ group: MessageGroup, count: Int? = nil) {
        self.effect = effect
        self.group = group
        remainingCount = count
    }

    var kind: Kind {
        switch effect {
        case .delay: .delay
        case .late: .late
        case .silence: .silence
        case .duplicate: .duplicate
        case .disconnectBefore: .disconnectBefore
        case .disconnectAfter: .disconnectAfter
        case .refuse: .refuse
        case .decline: .decline
        }
    }
}

extension Fault: CustomStringConvertible {
    /// The command that sets it, with the count that is left.
    public var description: String {
        let argument =
            switch effect {
            case .delay(let milliseconds), .late(let milliseconds): " \(milliseconds)"
            case .refuse(let code), .decline(let code): " \(code)"
            case .silence, .duplicate, .disconnectBefore, .disconnectAfter: ""
            }
        let count = remainingCount.map { " count \($0)" } ?? ""
        return "\(kind.rawValue) \(group.rawValue)\(argument)\(count)"
    }
}

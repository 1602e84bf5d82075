import ISO8583

/// The groups of messages that faults tell apart.
public enum MessageGroup: String, Hashable, Sendable, CaseIterable {
    /// Every message, network management included.
    case all
    /// Requests for money: 0100 and 0200.
    case authorization
    /// Captures and refunds: 0220 and its repeat.
    case advice
    /// 0400, 0420 and their repeats.
    case reversal

    /// The groups that a message belongs to, the narrower first.
    static func groups(of type: MessageType) -> [MessageGroup] {
        switch (type.messageClass, type.function) {
        case (.authorization, .request), (.financial, .request): [.authorization, .all]
        case (.financial, .advice): [.advice, .all]
        case (.reversal, .request), (.reversal, .advice): [.reversal, .all]
        default: [.all]
        }
    }
}

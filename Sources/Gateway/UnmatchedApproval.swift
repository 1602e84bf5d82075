import ISO8583
import Payments

/// An approval of something that its link does not remember: it came later than the link's memory
/// reaches, or after a restart. The shard that its reference names may know it.
struct UnmatchedApproval: Hashable, Sendable {
    let link: String
    let shard: UInt32
    /// DE 37.
    let reference: String
    private let type: MessageType
    private let terminal: String
    private let stan: UInt32

    /// Nil for a message that answers no attempt of ours.
    init?(_ message: Message, link: String) {
        guard message.type == .authorizationResponse || message.type == .financialResponse,
            let reference = message.trimmedText(.retrievalReferenceNumber),
            let shard = ProcessorTrace.shard(ofReference: reference),
            let terminal = message.trimmedText(.terminal), let trace = message.trace
        else { return nil }
        self.link = link
        self.shard = shard
        self.reference = reference
        type = message.type
        self.terminal = terminal
        stan = trace.rawValue
    }

    /// Whether it answers the message of `attempt`: type, terminal and STAN as well are its own.
    func answers(_ attempt: Attempt) -> Bool {
        let expected: MessageType =
            attempt.capture == .manual ? .authorizationResponse : .financialResponse
        return type == expected && attempt.trace.link == link
            && attempt.trace.reference == reference && attempt.trace.terminal == terminal
            && attempt.trace.stan == stan
    }
}

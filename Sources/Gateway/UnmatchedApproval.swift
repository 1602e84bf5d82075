import ISO8583
import Payments
import Primitives

/// An approval of something that its link does not remember: it came later than the link's memory
/// reaches, or after a restart. The shard that its reference names may know it.
struct UnmatchedApproval: Hashable, Sendable {
    let link: String
    let shard: UInt32
    /// DE 37.
    let reference: String
    /// It answers a 0200, and otherwise a 0100.
    private let isFinancial: Bool
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
        isFinancial = message.type == .financialResponse
        self.terminal = terminal
        stan = trace.rawValue
    }

    /// Which message of `attempt` it answers: type, terminal and STAN as well are that message's.
    /// Increments carry the reference of their attempt.
    func request(of attempt: Attempt) -> ProcessorRequest? {
        guard attempt.trace.link == link, attempt.trace.reference == reference else { return nil }
        guard isFinancial == (attempt.capture != .manual) else { return nil }
        if isTrace(attempt.trace) { return .authorization(attempt: attempt.number) }
        return attempt.hold?.increments.first { isTrace($0.trace) }.map {
            .increment(attempt: attempt.number, number: $0.number)
        }
    }

    private func isTrace(_ trace: ProcessorTrace) -> Bool {
        trace.terminal == terminal && trace.stan == stan
    }
}

extension UnmatchedApproval: BinaryCodable {
    func encode(to writer: inout ByteWriter) {
        writer.write(link)
        writer.writeVarint(UInt64(shard))
        writer.write(reference)
        writer.write(isFinancial)
        writer.write(terminal)
        writer.writeVarint(UInt64(stan))
    }

    init(from reader: inout ByteReader) throws(Primitives.DecodingError) {
        link = try reader.readString()
        shard = try reader.readInteger(UInt32.self)
        reference = try reader.readString()
        isFinancial = try reader.readBool()
        terminal = try reader.readString()
        stan = try reader.readInteger(UInt32.self)
    }
}

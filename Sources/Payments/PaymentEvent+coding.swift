public import Primitives

extension PaymentEvent: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        switch self {
        case .created(let facts):
            writer.write(UInt8(0))
            writer.write(facts)
        case .attemptStarted(let start):
            writer.write(UInt8(1))
            writer.write(start)
        case .approved(let request, let approval, let amount, let options, let fee):
            writer.write(UInt8(2))
            writer.write(request)
            writer.write(approval)
            writer.writeSigned(amount)
            writer.write(options)
            writer.writeSigned(fee)
        case .declined(let request, let decline, let at):
            writer.write(UInt8(3))
            writer.write(request)
            writer.write(decline)
            writer.write(at)
        case .notSent(let request, let at):
            writer.write(UInt8(4))
            writer.write(request)
            writer.write(at)
        case .lost(let request, let reason, let reversal):
            writer.write(UInt8(5))
            writer.write(request)
            writer.write(reason.rawValue)
            writer.write(reversal)
        case .lateApproval(let request, let reversal):
            writer.write(UInt8(6))
            writer.write(request)
            writer.write(reversal)
        case .captured(let capture):
            writer.write(UInt8(7))
            writer.write(capture)
        case .canceled(let reason, let at, let reversals):
            writer.write(UInt8(8))
            writer.writeOptionalEnum(reason)
            writer.write(at)
            writer.writeArray(reversals)
        case .refundCreated(let refund):
            writer.write(UInt8(9))
            writer.write(refund)
        case .effectAcknowledged(let number, let at, let isDeferred):
            writer.write(UInt8(10), number)
            writer.write(at)
            writer.write(isDeferred)
        case .effectRefused(let number, let responseCode, let at):
            writer.write(UInt8(11), number)
            writer.write(responseCode)
            writer.write(at)
        case .actionRequired(let challenge):
            writer.write(UInt8(12))
            writer.write(challenge)
        case .authenticationFailed(let at):
            writer.write(UInt8(13))
            writer.write(at)
        case .incrementStarted(let attempt, let amount, let trace, let at):
            writer.write(UInt8(14), attempt)
            writer.writeSigned(amount)
            writer.write(trace)
            writer.write(at)
        case .released(let at, let release):
            writer.write(UInt8(15))
            writer.write(at)
            writer.write(release)
        case .refundCanceled(let number, let at):
            writer.write(UInt8(16), number)
            writer.write(at)
        case .refundConcluded(let number, let conclusion, let at):
            writer.write(UInt8(17), number)
            writer.write(conclusion.rawValue)
            writer.write(at)
        case .disputeOpened(let dispute, let fee):
            writer.write(UInt8(18))
            writer.write(dispute)
            writer.writeSigned(fee)
        case .disputeEscalated(let number, let covered, let fee, let at):
            writer.write(UInt8(19), number)
            writer.writeSigned(covered)
            writer.writeSigned(fee)
            writer.write(at)
        case .disputeAnswered(let number, let evidence, let isSubmitted):
            writer.write(UInt8(20), number)
            writer.writeArray(evidence)
            writer.write(isSubmitted)
        case .disputeClosed(let number, let resolution, let at):
            writer.write(UInt8(21), number)
            writer.write(resolution.rawValue)
            writer.write(at)
        case .settled(let item, let at):
            writer.write(UInt8(22))
            writer.write(item)
            writer.write(at)
        }
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.offset
        switch try reader.readByte() {
        case 0: self = .created(try reader.read())
        case 1: self = .attemptStarted(try reader.read())
        case 2:
            self = .approved(
                try reader.read(), try reader.read(), amount: try reader.readAmount(),
                options: try reader.read(), fee: try reader.readAmount())
        case 3: self = .declined(try reader.read(), try reader.read(), at: try reader.read())
        case 4: self = .notSent(try reader.read(), at: try reader.read())
        case 5:
            self = .lost(try reader.read(), try reader.readEnum(), reversal: try reader.read())
        case 6: self = .lateApproval(try reader.read(), reversal: try reader.read())
        case 7: self = .captured(try reader.read())
        case 8:
            self = .canceled(
                reason: try reader.readOptionalEnum(), at: try reader.read(),
                reversals: try reader.readArray())
        case 9: self = .refundCreated(try reader.read())
        case 10:
            self = .effectAcknowledged(
                number: try reader.readIndex(), at: try reader.read(),
                isDeferred: try reader.readBool())
        case 11:
            self = .effectRefused(
                number: try reader.readIndex(), responseCode: try reader.readString(),
                at: try reader.read())
        case let tag: self = try PaymentEvent(laterTag: tag, at: start, &reader)
        }
    }

    private init(
        laterTag tag: UInt8, at start: Int, _ reader: inout ByteReader
    ) throws(DecodingError) {
        switch tag {
        case 12: self = .actionRequired(try reader.read())
        case 13: self = .authenticationFailed(at: try reader.read())
        case 14:
            self = .incrementStarted(
                attempt: try reader.readIndex(), amount: try reader.readAmount(),
                trace: try reader.read(), at: try reader.read())
        case 15: self = .released(at: try reader.read(), release: try reader.read())
        case 16: self = .refundCanceled(number: try reader.readIndex(), at: try reader.read())
        case 17:
            self = .refundConcluded(
                number: try reader.readIndex(), try reader.readEnum(), at: try reader.read())
        case 18: self = .disputeOpened(try reader.read(), fee: try reader.readAmount())
        case 19:
            self = .disputeEscalated(
                number: try reader.readIndex(), covered: try reader.readAmount(),
                fee: try reader.readAmount(), at: try reader.read())
        case 20:
            self = .disputeAnswered(
                number: try reader.readIndex(), evidence: try reader.readEvidence(),
                isSubmitted: try reader.readBool())
        case 21:
            self = .disputeClosed(
                number: try reader.readIndex(), try reader.readEnum(), at: try reader.read())
        case 22: self = .settled(try reader.read(), at: try reader.read())
        default: throw .invalid(what: "payment event", offset: start)
        }
    }
}

extension AttemptStarted: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.writeIndex(number)
        writer.write(trace)
        writer.write(method)
        writer.write(presence)
        writer.write(at)
    }

    public convenience init(from reader: inout ByteReader) throws(DecodingError) {
        self.init(
            number: try reader.readIndex(), trace: try reader.read(), method: try reader.read(),
            presence: try reader.read(), at: try reader.read())
    }
}

extension CaptureMade: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.writeIndex(attempt)
        writer.writeSigned(amount)
        writer.writeSigned(fee)
        writer.write(isFinal)
        writer.write(at)
        writer.write(advice)
        writer.writeOptional(release)
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        attempt = try reader.readIndex()
        amount = try reader.readAmount()
        fee = try reader.readAmount()
        isFinal = try reader.readBool()
        at = try reader.read()
        advice = try reader.read()
        release = try reader.readOptional()
    }
}

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
        case .attemptApproved(let attempt, let approval, let fee):
            writer.write(UInt8(2), attempt)
            writer.write(approval)
            writer.writeSigned(fee)
        case .attemptDeclined(let attempt, let decline, let at):
            writer.write(UInt8(3), attempt)
            writer.write(decline)
            writer.write(at)
        case .attemptNotSent(let attempt, let at):
            writer.write(UInt8(4), attempt)
            writer.write(at)
        case .attemptLost(let attempt, let reason, let reversal):
            writer.write(UInt8(5), attempt)
            writer.write(reason.rawValue)
            writer.write(reversal)
        case .lateApproval(let attempt, let reversal):
            writer.write(UInt8(6), attempt)
            writer.write(reversal)
        case .captured(let attempt, let amount, let at, let advice, let release):
            writer.write(UInt8(7), attempt)
            writer.writeSigned(amount)
            writer.write(at)
            writer.write(advice)
            writer.writeOptional(release)
        case .canceled(let reason, let at, let reversal):
            writer.write(UInt8(8))
            writer.writeOptional(reason) { $0.write($1.rawValue) }
            writer.write(at)
            writer.writeOptional(reversal)
        case .refundCreated(let refund, let advice):
            writer.write(UInt8(9))
            writer.write(refund)
            writer.write(advice)
        case .effectAcknowledged(let number, let at, let fee):
            writer.write(UInt8(10), number)
            writer.write(at)
            writer.writeSigned(fee)
        case .effectRefused(let number, let responseCode, let at):
            writer.write(UInt8(11), number)
            writer.write(responseCode)
            writer.write(at)
        }
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.offset
        switch try reader.readByte() {
        case 0: self = .created(try reader.read())
        case 1: self = .attemptStarted(try reader.read())
        case 2:
            self = .attemptApproved(
                attempt: try reader.readInteger(Int.self), approval: try reader.read(),
                fee: try reader.readSigned())
        case 3:
            self = .attemptDeclined(
                attempt: try reader.readInteger(Int.self), decline: try reader.read(),
                at: try reader.read())
        case 4:
            self = .attemptNotSent(
                attempt: try reader.readInteger(Int.self), at: try reader.read())
        case 5:
            self = .attemptLost(
                attempt: try reader.readInteger(Int.self), reason: try reader.readEnum(),
                reversal: try reader.read())
        case 6:
            self = .lateApproval(
                attempt: try reader.readInteger(Int.self), reversal: try reader.read())
        case 7:
            self = .captured(
                attempt: try reader.readInteger(Int.self), amount: try reader.readSigned(),
                at: try reader.read(), advice: try reader.read(),
                release: try reader.readOptional())
        case 8:
            self = .canceled(
                reason: try reader.readOptionalEnum(), at: try reader.read(),
                reversal: try reader.readOptional())
        case 9: self = .refundCreated(try reader.read(), advice: try reader.read())
        case 10:
            self = .effectAcknowledged(
                number: try reader.readInteger(Int.self), at: try reader.read(),
                fee: try reader.readSigned())
        case 11:
            self = .effectRefused(
                number: try reader.readInteger(Int.self), responseCode: try reader.readString(),
                at: try reader.read())
        default: throw .invalid(what: "payment event", offset: start)
        }
    }
}

extension ByteWriter {
    fileprivate mutating func write(_ tag: UInt8, _ number: Int) {
        write(tag)
        writeVarint(UInt64(number))
    }
}

public import Primitives

// The binary form of a command, version 1: a tag and then the payload, in the order of the source.

extension PaymentCommand: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        switch self {
        case .confirm(let method):
            writer.write(UInt8(0))
            writer.writeOptional(method)
        case .capture(let amount):
            writer.write(UInt8(1))
            writer.writeOptional(amount) { $0.writeSigned($1) }
        case .cancel(let reason):
            writer.write(UInt8(2))
            writer.writeOptional(reason) { $0.write($1.rawValue) }
        case .refund(let amount, let reason, let metadata):
            writer.write(UInt8(3))
            writer.writeOptional(amount) { $0.writeSigned($1) }
            writer.writeOptional(reason) { $0.write($1.rawValue) }
            writer.writeArray(metadata)
        case .attemptAnswered(let attempt, let answer):
            writer.write(UInt8(4))
            writer.writeVarint(UInt64(attempt))
            writer.write(answer)
        case .attemptNotSent(let attempt):
            writer.write(UInt8(5))
            writer.writeVarint(UInt64(attempt))
        case .attemptUnanswered(let attempt, let reason):
            writer.write(UInt8(6))
            writer.writeVarint(UInt64(attempt))
            writer.write(reason.rawValue)
        case .approvedLate(let attempt):
            writer.write(UInt8(7))
            writer.writeVarint(UInt64(attempt))
        case .effectAcknowledged(let number):
            writer.write(UInt8(8))
            writer.writeVarint(UInt64(number))
        case .effectRefused(let number, let responseCode):
            writer.write(UInt8(9))
            writer.writeVarint(UInt64(number))
            writer.write(responseCode)
        }
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.offset
        switch try reader.readByte() {
        case 0: self = .confirm(method: try reader.readOptional())
        case 1:
            let amount = try reader.readBool() ? try reader.readSigned() : nil
            self = .capture(amount: amount)
        case 2: self = .cancel(reason: try reader.readOptionalEnum())
        case 3:
            let amount = try reader.readBool() ? try reader.readSigned() : nil
            self = .refund(
                amount: amount, reason: try reader.readOptionalEnum(),
                metadata: try reader.readArray())
        case 4:
            self = .attemptAnswered(
                attempt: try reader.readInteger(Int.self), try reader.read())
        case 5: self = .attemptNotSent(attempt: try reader.readInteger(Int.self))
        case 6:
            self = .attemptUnanswered(
                attempt: try reader.readInteger(Int.self), try reader.readEnum())
        case 7: self = .approvedLate(attempt: try reader.readInteger(Int.self))
        case 8: self = .effectAcknowledged(number: try reader.readInteger(Int.self))
        case 9:
            self = .effectRefused(
                number: try reader.readInteger(Int.self), responseCode: try reader.readString())
        default: throw .invalid(what: "payment command", offset: start)
        }
    }
}

extension ProcessorAnswer: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        switch self {
        case .approved(let code, let check):
            writer.write(UInt8(0))
            writer.write(code)
            writer.write(check.rawValue)
        case .declined(let decline):
            writer.write(UInt8(1))
            writer.write(decline)
        }
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.offset
        switch try reader.readByte() {
        case 0: self = .approved(code: try reader.readString(), try reader.readEnum())
        case 1: self = .declined(try reader.read())
        default: throw .invalid(what: "processor answer", offset: start)
        }
    }
}

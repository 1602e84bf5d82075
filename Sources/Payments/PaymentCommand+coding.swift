public import Primitives

extension PaymentCommand: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        switch self {
        case .confirm(let method, let presence, let authenticates):
            writer.write(UInt8(0))
            writer.writeOptional(method)
            writer.write(presence)
            writer.write(authenticates)
        case .capture(let amount, let isFinal):
            writer.write(UInt8(1))
            writer.writeOptionalSigned(amount)
            writer.write(isFinal)
        case .cancel(let reason):
            writer.write(UInt8(2))
            writer.writeOptionalEnum(reason)
        case .refund(let amount, let reason, let metadata):
            writer.write(UInt8(3))
            writer.writeOptionalSigned(amount)
            writer.writeOptionalEnum(reason)
            writer.writeArray(metadata)
        case .answered(let request, let answer):
            writer.write(UInt8(4))
            writer.write(request)
            writer.write(answer)
        case .notSent(let request):
            writer.write(UInt8(5))
            writer.write(request)
        case .unanswered(let request, let reason):
            writer.write(UInt8(6))
            writer.write(request)
            writer.write(reason.rawValue)
        case .approvedLate(let request):
            writer.write(UInt8(7))
            writer.write(request)
        case .effectAcknowledged(let number, let isDeferred):
            writer.write(UInt8(8), number)
            writer.write(isDeferred)
        case .effectRefused(let number, let responseCode):
            writer.write(UInt8(9), number)
            writer.write(responseCode)
        case .authenticated(let challenge, let authentication):
            writer.write(UInt8(10))
            writer.writeVarint(challenge)
            writer.writeOptional(authentication)
        case .increment(let total):
            writer.write(UInt8(11))
            writer.writeSigned(total)
        case .expire:
            writer.write(UInt8(12))
        case .cancelRefund(let number):
            writer.write(UInt8(13), number)
        case .concludeRefund(let number, let conclusion):
            writer.write(UInt8(14), number)
            writer.write(conclusion.rawValue)
        case .openDispute(let opened):
            writer.write(UInt8(15))
            writer.write(opened)
        case .escalateDispute(let number):
            writer.write(UInt8(16), number)
        case .answerDispute(let number, let evidence, let isSubmitted):
            writer.write(UInt8(17), number)
            writer.writeArray(evidence)
            writer.write(isSubmitted)
        case .closeDispute(let number, let resolution):
            writer.write(UInt8(18), number)
            writer.write(resolution.rawValue)
        case .settle(let item, let amount):
            writer.write(UInt8(19))
            writer.write(item)
            writer.write(amount)
        }
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.offset
        switch try reader.readByte() {
        case 0:
            self = .confirm(
                method: try reader.readOptional(), try reader.read(),
                authenticates: try reader.readBool())
        case 1:
            self = .capture(
                amount: try reader.readOptionalSigned(), isFinal: try reader.readBool())
        case 2: self = .cancel(reason: try reader.readOptionalEnum())
        case 3:
            self = .refund(
                amount: try reader.readOptionalSigned(), reason: try reader.readOptionalEnum(),
                metadata: try reader.readArray())
        case 4: self = .answered(try reader.read(), try reader.read())
        case 5: self = .notSent(try reader.read())
        case 6: self = .unanswered(try reader.read(), try reader.readEnum())
        case 7: self = .approvedLate(try reader.read())
        case 8:
            self = .effectAcknowledged(
                number: try reader.readIndex(), isDeferred: try reader.readBool())
        case 9:
            self = .effectRefused(
                number: try reader.readIndex(), responseCode: try reader.readString())
        case 10:
            self = .authenticated(
                challenge: try reader.readVarint(), try reader.readOptional())
        case 11: self = .increment(total: try reader.readSigned())
        case 12: self = .expire
        case 13: self = .cancelRefund(number: try reader.readIndex())
        case 14:
            self = .concludeRefund(number: try reader.readIndex(), try reader.readEnum())
        case 15: self = .openDispute(try reader.read())
        case 16: self = .escalateDispute(number: try reader.readIndex())
        case 17:
            self = .answerDispute(
                number: try reader.readIndex(), evidence: try reader.readArray(),
                isSubmitted: try reader.readBool())
        case 18:
            self = .closeDispute(number: try reader.readIndex(), try reader.readEnum())
        case 19: self = .settle(try reader.read(), try reader.read())
        default: throw .invalid(what: "payment command", offset: start)
        }
    }
}

extension ProcessorAnswer: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        switch self {
        case .approved(let code, let check, let amount):
            writer.write(UInt8(0))
            writer.write(code)
            writer.write(check.rawValue)
            writer.writeOptionalSigned(amount)
        case .declined(let decline):
            writer.write(UInt8(1))
            writer.write(decline)
        }
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.offset
        switch try reader.readByte() {
        case 0:
            self = .approved(
                code: try reader.readString(), try reader.readEnum(),
                amount: try reader.readOptionalSigned())
        case 1: self = .declined(try reader.read())
        default: throw .invalid(what: "processor answer", offset: start)
        }
    }
}

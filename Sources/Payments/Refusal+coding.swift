public import Primitives

extension Refusal: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        switch self {
        case .unexpectedStatus(let operation, let status):
            writer.write(UInt8(0))
            writer.write(operation.rawValue)
            writer.write(status.rawValue)
        case .methodMissing: writer.write(UInt8(1))
        case .attemptsExhausted: writer.write(UInt8(2))
        case .captureTooLarge(let requested, let capturable):
            writer.write(3, requested, capturable)
        case .refundTooLarge(let requested, let remaining):
            writer.write(4, requested, remaining)
        case .alreadyRefunded: writer.write(UInt8(5))
        case .refundsExhausted: writer.write(UInt8(6))
        case .amountNotPositive: writer.write(UInt8(7))
        case .noSuchPayment(let id):
            writer.write(UInt8(8))
            writer.write(id)
        case .noSuchPaymentMethod(let id):
            writer.write(UInt8(9))
            writer.write(id)
        case .noSuchPart(let part):
            writer.write(UInt8(10))
            writer.write(part.payment)
            writer.writeIndex(part.number)
        case .noLinkAvailable: writer.write(UInt8(11))
        case .amountTooSmall(let requested, let minimum):
            writer.write(12, requested, minimum)
        case .amountTooLarge(let requested, let maximum):
            writer.write(13, requested, maximum)
        case .metadataTooLarge: writer.write(UInt8(14))
        case .currencyMismatch(let expected, let found):
            writer.write(UInt8(15))
            writer.write(expected)
            writer.write(found)
        case .capturesExhausted: writer.write(UInt8(16))
        case .multicaptureNotGranted: writer.write(UInt8(17))
        case .incrementNotGranted: writer.write(UInt8(18))
        case .incrementTooSmall(let requested, let authorized):
            writer.write(19, requested, authorized)
        case .incrementsExhausted: writer.write(UInt8(20))
        case .incrementPending: writer.write(UInt8(21))
        case .noSuchChallenge: writer.write(UInt8(22))
        case .noSuchRefund(let number): writer.write(23, Int64(number))
        case .refundNotCancelable(let number): writer.write(24, Int64(number))
        case .noSuchDispute(let number): writer.write(25, Int64(number))
        case .unexpectedDisputeStatus(let number, let status):
            writer.write(26, Int64(number))
            writer.write(status.rawValue)
        case .disputesExhausted: writer.write(UInt8(27))
        case .evidenceTooLarge: writer.write(UInt8(28))
        case .chargeDisputed: writer.write(UInt8(29))
        case .nothingCaptured: writer.write(UInt8(30))
        case .alreadySettled: writer.write(UInt8(31))
        case .settlementMismatch(let expected, let found): writer.write(32, expected, found)
        case .insufficientBalance(let requested, let available):
            writer.write(33, requested, available)
        case .unexpectedPayoutStatus(let status):
            writer.write(UInt8(34))
            writer.write(status.rawValue)
        case .incrementAfterOvercapture(let captured, let authorized):
            writer.write(35, captured, authorized)
        }
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.offset
        switch try reader.readByte() {
        case 0:
            self = .unexpectedStatus(
                operation: try reader.readEnum(), status: try reader.readEnum())
        case 1: self = .methodMissing
        case 2: self = .attemptsExhausted
        case 3:
            self = .captureTooLarge(
                requested: try reader.readSigned(), capturable: try reader.readSigned())
        case 4:
            self = .refundTooLarge(
                requested: try reader.readSigned(), remaining: try reader.readSigned())
        case 5: self = .alreadyRefunded
        case 6: self = .refundsExhausted
        case 7: self = .amountNotPositive
        case 8: self = .noSuchPayment(try reader.read())
        case 9: self = .noSuchPaymentMethod(try reader.read())
        case 10:
            let payment = try reader.read(PaymentID.self)
            let number = try reader.readIndex()
            guard number < PartID.countMax else {
                throw .invalid(what: "part number", offset: start)
            }
            self = .noSuchPart(PartID(payment: payment, number: number))
        case 11: self = .noLinkAvailable
        case 12:
            self = .amountTooSmall(
                requested: try reader.readSigned(), minimum: try reader.readSigned())
        case 13:
            self = .amountTooLarge(
                requested: try reader.readSigned(), maximum: try reader.readSigned())
        case 14: self = .metadataTooLarge
        case 15: self = .currencyMismatch(expected: try reader.read(), found: try reader.read())
        case 16: self = .capturesExhausted
        case let tag: self = try Refusal(laterTag: tag, at: start, &reader)
        }
    }

    private init(
        laterTag tag: UInt8, at start: Int, _ reader: inout ByteReader
    ) throws(DecodingError) {
        switch tag {
        case 17: self = .multicaptureNotGranted
        case 18: self = .incrementNotGranted
        case 19:
            self = .incrementTooSmall(
                requested: try reader.readSigned(), authorized: try reader.readSigned())
        case 20: self = .incrementsExhausted
        case 21: self = .incrementPending
        case 22: self = .noSuchChallenge
        case 23: self = .noSuchRefund(number: try reader.readNumber())
        case 24: self = .refundNotCancelable(number: try reader.readNumber())
        case 25: self = .noSuchDispute(number: try reader.readNumber())
        case 26:
            self = .unexpectedDisputeStatus(
                number: try reader.readNumber(), try reader.readEnum())
        case 27: self = .disputesExhausted
        case 28: self = .evidenceTooLarge
        case 29: self = .chargeDisputed
        case 30: self = .nothingCaptured
        case 31: self = .alreadySettled
        case 32:
            self = .settlementMismatch(
                expected: try reader.readSigned(), found: try reader.readSigned())
        case 33:
            self = .insufficientBalance(
                requested: try reader.readSigned(), available: try reader.readSigned())
        case 34: self = .unexpectedPayoutStatus(try reader.readEnum())
        case 35:
            self = .incrementAfterOvercapture(
                captured: try reader.readSigned(), authorized: try reader.readSigned())
        default: throw .invalid(what: "refusal", offset: start)
        }
    }
}

extension ByteWriter {
    fileprivate mutating func write(_ tag: UInt8, _ values: Int64...) {
        write(tag)
        for value in values { writeSigned(value) }
    }
}

extension ByteReader {
    /// A number as the caller gave it, which may name nothing.
    fileprivate mutating func readNumber() throws(DecodingError) -> Int {
        Int(truncatingIfNeeded: try readSigned())
    }
}

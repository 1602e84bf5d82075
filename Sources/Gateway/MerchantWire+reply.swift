import Payments
public import Primitives

// The parts of an answer. A change of any of them, or of a form in `Payments` that they contain, is
// a new version of `MerchantAnswer`.

/// Payments of one answer: as many as a page may have.
private let paymentCountMax = 100

extension CommandReply: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        switch self {
        case .outcome(let outcome, let replayOf):
            writer.write(UInt8(0))
            writer.write(outcome)
            writer.writeOptional(replayOf)
        case .failure(let failure):
            writer.write(UInt8(1))
            writer.write(failure)
        }
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.offset
        switch try reader.readByte() {
        case 0:
            let outcome = try reader.read(Outcome.self)
            guard outcome.namesItsParts else { throw .invalid(what: "outcome", offset: start) }
            let replayOf = try reader.readBool() ? try reader.readRequestID() : nil
            self = .outcome(outcome, replayOf: replayOf)
        case 1: self = .failure(try reader.read())
        default: throw .invalid(what: "command reply", offset: start)
        }
    }
}

extension QueryReply: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        switch self {
        case .payment(let payment):
            writer.write(UInt8(0))
            writer.writeOptional(payment)
        case .paymentMethod(let method):
            writer.write(UInt8(1))
            writer.writeOptional(method)
        case .payments(let payments, let hasMore):
            writer.write(UInt8(2))
            writer.write(hasMore)
            writer.writeArray(payments)
        case .noSuchCursor(let id):
            writer.write(UInt8(3))
            writer.write(id)
        case .failure(let failure):
            writer.write(UInt8(4))
            writer.write(failure)
        }
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.offset
        switch try reader.readByte() {
        case 0: self = .payment(try reader.readOptional())
        case 1: self = .paymentMethod(try reader.readOptional())
        case 2:
            let hasMore = try reader.readBool()
            self = .payments(try reader.readPayments(), hasMore: hasMore)
        case 3: self = .noSuchCursor(try reader.read())
        case 4: self = .failure(try reader.read())
        default: throw .invalid(what: "query reply", offset: start)
        }
    }
}

extension GatewayFailure: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        let tag: UInt8 =
            switch self {
            case .unavailable: 0
            case .keyInUse: 1
            case .keyMismatch: 2
            case .lockTimeout: 3
            case .overloaded: 4
            }
        writer.write(tag)
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.offset
        switch try reader.readByte() {
        case 0: self = .unavailable
        case 1: self = .keyInUse
        case 2: self = .keyMismatch
        case 3: self = .lockTimeout
        case 4: self = .overloaded
        default: throw .invalid(what: "failure", offset: start)
        }
    }
}

extension Outcome {
    /// Whether the numbers name parts that the payment has: who renders the outcome relies on it.
    fileprivate var namesItsParts: Bool {
        switch self {
        case .payment, .paymentMethod, .refused:
            return true
        case .declined(let payment, let attempt):
            return payment.attempts.indices.contains(attempt)
        case .incrementDeclined(let payment, let attempt, let number):
            guard payment.attempts.indices.contains(attempt) else { return false }
            return payment.attempts[attempt].hold?.increments.indices.contains(number) == true
        case .refund(let payment, let number):
            return payment.refunds.indices.contains(number)
        }
    }
}

extension ByteReader {
    fileprivate mutating func readPayments() throws(DecodingError) -> [Payment] {
        let start = offset
        let count = try readVarint()
        guard count <= paymentCountMax else {
            throw .invalid(what: "count of payments", offset: start)
        }
        var payments: [Payment] = []
        for _ in 0..<count { payments.append(try read()) }
        return payments
    }
}

public import Payments
public import Primitives

/// Where a payment's events belong: everything that `apply` has to bring into memory can be named
/// from it, without reading the payment.
public struct PaymentScope: Hashable, Sendable {
    public let payment: PaymentID
    public let merchant: MerchantID
    public let isLive: Bool
    public let currency: Currency
    /// The link whose books the events may touch; nil when no attempt was ever begun.
    public let link: String?

    public init(_ payment: Payment) {
        self.payment = payment.id
        merchant = payment.merchant
        isLive = payment.isLive
        currency = payment.terms.amount.currency
        link = payment.attempts.last?.trace.link
    }
}

/// What an outcome is made from once the entry's events are applied.
public enum OutcomeReference: Hashable, Sendable {
    case payment
    case declined(attempt: Int)
    case incrementDeclined(attempt: Int, number: Int)
    case refund(number: Int)
    case paymentMethod(PaymentMethodID)
    case refused(Refusal)
}

/// One fact in an entry of a merchant shard's log.
public enum ShardEvent: Hashable, Sendable {
    /// Events of one payment, decided on its version `base`; 0 for one that does not exist yet.
    case payment(PaymentScope, base: UInt64, events: [PaymentEvent])
    case methodCreated(PaymentMethod)
    /// A command with a key has begun and its outcome is not known yet.
    case keyClaimed(KeyFacts, awaited: AwaitedOutcome)
    /// A command with a key is done; `payment` is what its outcome shows.
    case keyCompleted(KeyFacts, OutcomeReference, payment: PaymentID?)
}

/// What is kept of an idempotency key whatever becomes of its command.
public struct KeyFacts: Hashable, Sendable {
    public let merchant: MerchantID
    public let claim: IdempotencyClaim
    /// The first request's id.
    public let requestID: String

    public init(merchant: MerchantID, claim: IdempotencyClaim, requestID: String) {
        self.merchant = merchant
        self.claim = claim
        self.requestID = requestID
    }
}

/// One entry of a merchant shard's log: what one decision made true, all of it or nothing.
public struct ShardEntry: Hashable, Sendable {
    /// The leader's stamp; never runs backwards within a shard.
    public let stamp: Timestamp
    public let events: [ShardEvent]

    /// The version of the binary form.
    public static let formatVersion: UInt8 = 1

    public init(stamp: Timestamp, events: [ShardEvent]) {
        self.stamp = stamp
        self.events = events
    }
}

extension ShardEntry: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.write(Self.formatVersion)
        writer.write(stamp)
        writer.writeArray(events)
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let version = try reader.readByte()
        guard version == Self.formatVersion else {
            throw .unsupportedVersion(found: UInt64(version), offset: 0)
        }
        stamp = try reader.read()
        events = try reader.readArray()
    }
}

extension PaymentScope: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.write(payment)
        writer.write(merchant)
        writer.write(isLive)
        writer.write(currency)
        writer.writeOptional(link)
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        payment = try reader.read()
        merchant = try reader.read()
        isLive = try reader.readBool()
        currency = try reader.read()
        link = try reader.readOptionalString()
    }
}

extension KeyFacts: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.write(merchant)
        writer.write(claim)
        writer.write(requestID)
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        merchant = try reader.read()
        claim = try reader.read()
        requestID = try reader.readString()
    }
}

extension OutcomeReference: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        switch self {
        case .payment:
            writer.write(UInt8(0))
        case .declined(let attempt):
            writer.write(UInt8(1))
            writer.writeVarint(UInt64(attempt))
        case .refund(let number):
            writer.write(UInt8(2))
            writer.writeVarint(UInt64(number))
        case .paymentMethod(let id):
            writer.write(UInt8(3))
            writer.write(id)
        case .refused(let refusal):
            writer.write(UInt8(4))
            writer.write(refusal)
        case .incrementDeclined(let attempt, let number):
            writer.write(UInt8(5))
            writer.writeVarint(UInt64(attempt))
            writer.writeVarint(UInt64(number))
        }
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.offset
        switch try reader.readByte() {
        case 0: self = .payment
        case 1: self = .declined(attempt: try reader.readInteger(Int.self))
        case 2: self = .refund(number: try reader.readInteger(Int.self))
        case 3: self = .paymentMethod(try reader.read())
        case 4: self = .refused(try reader.read())
        case 5:
            self = .incrementDeclined(
                attempt: try reader.readInteger(Int.self),
                number: try reader.readInteger(Int.self))
        default: throw .invalid(what: "outcome reference", offset: start)
        }
    }
}

extension ShardEvent: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        switch self {
        case .payment(let scope, let base, let events):
            writer.write(UInt8(0))
            writer.write(scope)
            writer.writeVarint(base)
            writer.writeArray(events)
        case .methodCreated(let method):
            writer.write(UInt8(1))
            writer.write(method)
        case .keyClaimed(let facts, let awaited):
            writer.write(UInt8(2))
            writer.write(facts)
            writer.write(awaited)
        case .keyCompleted(let facts, let reference, let payment):
            writer.write(UInt8(3))
            writer.write(facts)
            writer.write(reference)
            writer.writeOptional(payment)
        }
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.offset
        switch try reader.readByte() {
        case 0:
            self = .payment(
                try reader.read(), base: try reader.readVarint(), events: try reader.readArray())
        case 1: self = .methodCreated(try reader.read())
        case 2: self = .keyClaimed(try reader.read(), awaited: try reader.read())
        case 3:
            self = .keyCompleted(
                try reader.read(), try reader.read(), payment: try reader.readOptional())
        default: throw .invalid(what: "shard event", offset: start)
        }
    }
}

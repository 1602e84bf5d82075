public import Primitives

/// What a command came to, as facts: the API renders it, and the idempotency record keeps it, so
/// that a retry with the same key gets the same answer byte for byte.
public enum Outcome: Hashable, Sendable {
    case payment(Payment)
    /// The issuer said no, or the attempt came to nothing: the caller gets 402 and the payment.
    case declined(Payment, attempt: Int)
    /// The hold was not raised; nothing else changed.
    case incrementDeclined(Payment, attempt: Int, number: Int)
    case refund(Payment, number: Int)
    case paymentMethod(PaymentMethod)
    /// Nothing changed. The payment as it is, where there is one.
    case refused(Refusal, Payment?)
}

/// What a command in flight waits for, so that a new leader can finish its record.
public enum AwaitedOutcome: Hashable, Sendable {
    /// The attempt's end.
    case attempt(PaymentID, number: Int)
    /// The acknowledgement of a capture.
    case capture(PaymentID)
    /// The acknowledgement of a refund.
    case refund(PaymentID, number: Int)
    /// The end of an increment.
    case increment(PaymentID, attempt: Int, number: Int)

    /// The payment that the command acts on.
    public var payment: PaymentID {
        switch self {
        case .attempt(let payment, _), .capture(let payment), .refund(let payment, _),
            .increment(let payment, _, _):
            payment
        }
    }
}

/// What is kept under an idempotency key.
public struct IdempotencyRecord: Hashable, Sendable {
    public enum State: Hashable, Sendable {
        /// The command has begun; its outcome is recorded when it is known.
        case inFlight(AwaitedOutcome)
        case completed(Outcome)
    }

    /// 16 bytes: a keyed digest of merchant, mode and key, under which the record is found. A
    /// shorter random id where the key was minted for a request without one.
    public let keyDigest: [UInt8]
    /// A keyed digest over the canonical request. Empty where the key was minted.
    public let fingerprint: [UInt8]
    /// The `Request-Id` of the request that came first.
    public let requestID: String
    public let created: Timestamp
    public var state: State

    /// How long a completed record answers retries, in milliseconds: 24 hours are promised.
    public static let lifetimeMilliseconds: Int64 = 25 * 3600 * 1000
    /// The same under a minted key: whoever asks again for the caller does so within the 25 s that
    /// a request has, and what is above is margin for clocks.
    public static let mintedLifetimeMilliseconds: Int64 = 60 * 1000

    public init(
        keyDigest: [UInt8], fingerprint: [UInt8], requestID: String, created: Timestamp,
        state: State
    ) {
        self.keyDigest = keyDigest
        self.fingerprint = fingerprint
        self.requestID = requestID
        self.created = created
        self.state = state
    }

    /// True when the key may begin anew. A command in flight under a caller's key is never
    /// forgotten; under a minted one it is, as nobody asks for it then.
    public func isExpired(at now: Timestamp) -> Bool {
        let age = now.milliseconds - created.milliseconds
        if fingerprint.isEmpty { return age > Self.mintedLifetimeMilliseconds }
        switch state {
        case .inFlight: return false
        case .completed: return age > Self.lifetimeMilliseconds
        }
    }
}

extension Outcome: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        switch self {
        case .payment(let payment):
            writer.write(UInt8(0))
            writer.write(payment)
        case .declined(let payment, let attempt):
            writer.write(UInt8(1))
            writer.write(payment)
            writer.writeVarint(UInt64(attempt))
        case .incrementDeclined(let payment, let attempt, let number):
            writer.write(UInt8(5))
            writer.write(payment)
            writer.writeVarint(UInt64(attempt))
            writer.writeVarint(UInt64(number))
        case .refund(let payment, let number):
            writer.write(UInt8(2))
            writer.write(payment)
            writer.writeVarint(UInt64(number))
        case .paymentMethod(let method):
            writer.write(UInt8(3))
            writer.write(method)
        case .refused(let refusal, let payment):
            writer.write(UInt8(4))
            writer.write(refusal)
            writer.writeOptional(payment)
        }
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.offset
        switch try reader.readByte() {
        case 0: self = .payment(try reader.read())
        case 1:
            self = .declined(try reader.read(), attempt: try reader.readIndex())
        case 2: self = .refund(try reader.read(), number: try reader.readIndex())
        case 3: self = .paymentMethod(try reader.read())
        case 4: self = .refused(try reader.read(), try reader.readOptional())
        case 5:
            self = .incrementDeclined(
                try reader.read(), attempt: try reader.readIndex(),
                number: try reader.readIndex())
        default: throw .invalid(what: "outcome", offset: start)
        }
    }
}

extension AwaitedOutcome: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        switch self {
        case .attempt(let payment, let number):
            writer.write(UInt8(0))
            writer.write(payment)
            writer.writeVarint(UInt64(number))
        case .capture(let payment):
            writer.write(UInt8(1))
            writer.write(payment)
        case .refund(let payment, let number):
            writer.write(UInt8(2))
            writer.write(payment)
            writer.writeVarint(UInt64(number))
        case .increment(let payment, let attempt, let number):
            writer.write(UInt8(3))
            writer.write(payment)
            writer.writeVarint(UInt64(attempt))
            writer.writeVarint(UInt64(number))
        }
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.offset
        switch try reader.readByte() {
        case 0: self = .attempt(try reader.read(), number: try reader.readIndex())
        case 1: self = .capture(try reader.read())
        case 2: self = .refund(try reader.read(), number: try reader.readIndex())
        case 3:
            self = .increment(
                try reader.read(), attempt: try reader.readIndex(),
                number: try reader.readIndex())
        default: throw .invalid(what: "awaited outcome", offset: start)
        }
    }
}

extension IdempotencyRecord: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.write(keyDigest)
        writer.write(fingerprint)
        writer.write(requestID)
        writer.write(created)
        switch state {
        case .inFlight(let awaited):
            writer.write(UInt8(0))
            writer.write(awaited)
        case .completed(let outcome):
            writer.write(UInt8(1))
            writer.write(outcome)
        }
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        keyDigest = try reader.readBytes()
        fingerprint = try reader.readBytes()
        requestID = try reader.readString()
        created = try reader.read()
        let start = reader.offset
        switch try reader.readByte() {
        case 0: state = .inFlight(try reader.read())
        case 1: state = .completed(try reader.read())
        default: throw .invalid(what: "idempotency state", offset: start)
        }
    }
}

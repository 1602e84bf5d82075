public import Primitives

// The binary form of a payment's state, version 1. Enumerations are one byte and then their
// payload, in the order of the source; every list is bounded by what `decide` lets grow.

extension ProcessorTrace: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.write(link)
        writer.writeVarint(UInt64(shard))
        writer.writeVarint(sequence)
        writer.write(transmittedAt)
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        link = try reader.readString()
        shard = try reader.readInteger(UInt32.self)
        sequence = try reader.readVarint()
        transmittedAt = try reader.read()
    }
}

extension Approval: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.write(code)
        writer.write(at)
        writer.write(verificationCodeCheck.rawValue)
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        code = try reader.readString()
        at = try reader.read()
        verificationCodeCheck = try reader.readEnum()
    }
}

extension Attempt.State: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        switch self {
        case .pending:
            writer.write(UInt8(0))
        case .authorized(let approval):
            writer.write(UInt8(1))
            writer.write(approval)
        case .captured(let approval, let amount, let at, let isPosted):
            writer.write(UInt8(2))
            writer.write(approval)
            writer.writeSigned(amount)
            writer.write(at)
            writer.write(isPosted)
        case .declined(let decline):
            writer.write(UInt8(3))
            writer.write(decline)
        case .notSent:
            writer.write(UInt8(4))
        case .reversing(let reason):
            writer.write(UInt8(5))
            writer.write(reason.rawValue)
        case .reversed(let reason):
            writer.write(UInt8(6))
            writer.write(reason.rawValue)
        case .voided(let approval):
            writer.write(UInt8(7))
            writer.write(approval)
        }
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.offset
        switch try reader.readByte() {
        case 0: self = .pending
        case 1: self = .authorized(try reader.read())
        case 2:
            self = .captured(
                try reader.read(), amount: try reader.readSigned(), at: try reader.read(),
                isPosted: try reader.readBool())
        case 3: self = .declined(try reader.read())
        case 4: self = .notSent
        case 5: self = .reversing(try reader.readEnum())
        case 6: self = .reversed(try reader.readEnum())
        case 7: self = .voided(try reader.read())
        default: throw .invalid(what: "attempt state", offset: start)
        }
    }
}

extension Attempt: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.writeVarint(UInt64(number))
        writer.write(trace)
        writer.writeSigned(amount)
        writer.write(method)
        writer.write(capture.rawValue)
        writer.write(created)
        writer.write(state)
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        number = try reader.readInteger(Int.self)
        trace = try reader.read()
        amount = try reader.readSigned()
        method = try reader.read()
        capture = try reader.readEnum()
        created = try reader.read()
        state = try reader.read()
    }
}

extension Effect: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.writeVarint(UInt64(number))
        switch kind {
        case .reversal(let attempt):
            writer.write(UInt8(0))
            writer.writeVarint(UInt64(attempt))
        case .partialReversal(let attempt, let captured):
            writer.write(UInt8(1))
            writer.writeVarint(UInt64(attempt))
            writer.writeSigned(captured)
        case .capture(let attempt, let amount):
            writer.write(UInt8(2))
            writer.writeVarint(UInt64(attempt))
            writer.writeSigned(amount)
        case .refund(let number):
            writer.write(UInt8(3))
            writer.writeVarint(UInt64(number))
        }
        writer.write(trace)
        switch state {
        case .open:
            writer.write(UInt8(0))
        case .acknowledged(let at):
            writer.write(UInt8(1))
            writer.write(at)
        case .refused(let responseCode, let at):
            writer.write(UInt8(2))
            writer.write(responseCode)
            writer.write(at)
        }
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        number = try reader.readInteger(Int.self)
        let start = reader.offset
        switch try reader.readByte() {
        case 0: kind = .reversal(attempt: try reader.readInteger(Int.self))
        case 1:
            kind = .partialReversal(
                attempt: try reader.readInteger(Int.self), captured: try reader.readSigned())
        case 2:
            kind = .capture(
                attempt: try reader.readInteger(Int.self), amount: try reader.readSigned())
        case 3: kind = .refund(number: try reader.readInteger(Int.self))
        default: throw .invalid(what: "effect kind", offset: start)
        }
        trace = try reader.read()
        let stateStart = reader.offset
        switch try reader.readByte() {
        case 0: state = .open
        case 1: state = .acknowledged(at: try reader.read())
        case 2: state = .refused(responseCode: try reader.readString(), at: try reader.read())
        default: throw .invalid(what: "effect state", offset: stateStart)
        }
    }
}

extension Refund: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.writeVarint(UInt64(number))
        writer.writeSigned(amount)
        writer.writeOptional(reason) { $0.write($1.rawValue) }
        writer.writeArray(metadata)
        writer.write(created)
        writer.write(trace)
        switch state {
        case .pending:
            writer.write(UInt8(0))
        case .succeeded(let at):
            writer.write(UInt8(1))
            writer.write(at)
        case .failed(let responseCode, let at):
            writer.write(UInt8(2))
            writer.write(responseCode)
            writer.write(at)
        }
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        number = try reader.readInteger(Int.self)
        amount = try reader.readSigned()
        reason = try reader.readOptionalEnum()
        metadata = try reader.readArray()
        created = try reader.read()
        trace = try reader.read()
        let start = reader.offset
        switch try reader.readByte() {
        case 0: state = .pending
        case 1: state = .succeeded(at: try reader.read())
        case 2: state = .failed(responseCode: try reader.readString(), at: try reader.read())
        default: throw .invalid(what: "refund state", offset: start)
        }
    }
}

extension PaymentTerms: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.write(amount)
        writer.write(capture.rawValue)
        writer.writeOptional(description)
        writer.writeOptional(receiptEmail)
        writer.writeOptional(statementDescriptor)
        writer.writeOptional(statementDescriptorSuffix)
        writer.writeArray(metadata)
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        amount = try reader.read()
        capture = try reader.readEnum()
        description = try reader.readOptionalString()
        receiptEmail = try reader.readOptionalString()
        statementDescriptor = try reader.readOptionalString()
        statementDescriptorSuffix = try reader.readOptionalString()
        metadata = try reader.readArray()
    }
}

extension PaymentStatus: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        switch self {
        case .requiresPaymentMethod(let lastAttempt):
            writer.write(UInt8(0))
            writer.writeOptional(lastAttempt) { $0.writeVarint(UInt64($1)) }
        case .requiresConfirmation:
            writer.write(UInt8(1))
        case .processing(let attempt):
            writer.write(UInt8(2))
            writer.writeVarint(UInt64(attempt))
        case .requiresCapture(let attempt):
            writer.write(UInt8(3))
            writer.writeVarint(UInt64(attempt))
        case .succeeded(let attempt):
            writer.write(UInt8(4))
            writer.writeVarint(UInt64(attempt))
        case .canceled(let at, let reason):
            writer.write(UInt8(5))
            writer.write(at)
            writer.writeOptional(reason) { $0.write($1.rawValue) }
        }
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.offset
        switch try reader.readByte() {
        case 0:
            let last = try reader.readBool() ? try reader.readInteger(Int.self) : nil
            self = .requiresPaymentMethod(lastAttempt: last)
        case 1: self = .requiresConfirmation
        case 2: self = .processing(attempt: try reader.readInteger(Int.self))
        case 3: self = .requiresCapture(attempt: try reader.readInteger(Int.self))
        case 4: self = .succeeded(attempt: try reader.readInteger(Int.self))
        case 5: self = .canceled(at: try reader.read(), reason: try reader.readOptionalEnum())
        default: throw .invalid(what: "payment status", offset: start)
        }
    }
}

extension Payment: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.write(id)
        writer.write(merchant)
        writer.write(isLive)
        writer.write(created)
        writer.write(terms)
        writer.write(clientSecret)
        writer.writeVarint(version)
        writer.write(status)
        writer.writeOptional(method)
        writer.writeArray(attempts)
        writer.writeArray(refunds)
        writer.writeArray(effects)
        writer.writeArray(ledger)
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        self.init(
            id: try reader.read(), merchant: try reader.read(), isLive: try reader.readBool(),
            created: try reader.read(), terms: try reader.read(),
            clientSecret: try reader.readString(), version: try reader.readVarint(),
            status: try reader.read(), method: try reader.readOptional(),
            attempts: try reader.readArray(), refunds: try reader.readArray(),
            effects: try reader.readArray(), ledger: try reader.readArray())
    }
}

extension PaymentCreated: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.write(id)
        writer.write(merchant)
        writer.write(isLive)
        writer.write(at)
        writer.write(terms)
        writer.write(clientSecret)
        writer.writeOptional(method)
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        id = try reader.read()
        merchant = try reader.read()
        isLive = try reader.readBool()
        at = try reader.read()
        terms = try reader.read()
        clientSecret = try reader.readString()
        method = try reader.readOptional()
    }
}

extension AttemptStarted: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.writeVarint(UInt64(number))
        writer.write(trace)
        writer.write(method)
        writer.write(at)
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        number = try reader.readInteger(Int.self)
        trace = try reader.read()
        method = try reader.read()
        at = try reader.read()
    }
}

extension ByteReader {
    mutating func readOptionalEnum<Value: RawRepresentable<UInt8>>(
        _ type: Value.Type = Value.self
    ) throws(DecodingError) -> Value? {
        try readBool() ? try readEnum() : nil
    }
}

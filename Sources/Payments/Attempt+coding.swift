public import Primitives

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

extension ProcessorRequest: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        switch self {
        case .authorization(let attempt):
            writer.write(UInt8(0), attempt)
        case .increment(let attempt, let number):
            writer.write(UInt8(1), attempt)
            writer.writeIndex(number)
        }
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.offset
        switch try reader.readByte() {
        case 0: self = .authorization(attempt: try reader.readIndex())
        case 1: self = .increment(attempt: try reader.readIndex(), number: try reader.readIndex())
        default: throw .invalid(what: "processor request", offset: start)
        }
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

extension CardholderAuthentication: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.write(indicator)
        writer.write(verificationValue)
        writer.write(transactionID)
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        indicator = try reader.readByte()
        verificationValue = try reader.readString()
        transactionID = try reader.readString()
    }
}

extension StoredCredential: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.write(initiator.rawValue)
        writer.writeOptional(networkTransactionID)
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        initiator = try reader.readEnum()
        networkTransactionID = try reader.readOptionalString()
    }
}

extension Presence: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.write(isOffSession)
        writer.write(declinesOnAction)
        writer.writeOptional(authentication)
        writer.writeOptional(credential)
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        isOffSession = try reader.readBool()
        declinesOnAction = try reader.readBool()
        authentication = try reader.readOptional()
        credential = try reader.readOptional()
    }
}

extension HoldOptions: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        // The lifetime that is the rule is not written: forms from before there were others.
        let hasLifetime = lifetimeSeconds != Hold.lifetimeSeconds
        let flags: UInt8 =
            (allowsIncrements ? 1 : 0) | (allowsMulticapture ? 2 : 0)
            | (allowsPartialApproval ? 4 : 0) | (hasLifetime ? 8 : 0)
        writer.write(flags)
        writer.writeVarint(UInt64(overcapturePercent))
        if hasLifetime { writer.writeVarint(UInt64(lifetimeSeconds)) }
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.offset
        let flags = try reader.readByte()
        let percent = try reader.readVarint()
        guard flags < 16, percent <= 100 else {
            throw .invalid(what: "hold options", offset: start)
        }
        var lifetime = Hold.lifetimeSeconds
        if flags & 8 != 0 {
            lifetime = try reader.readInteger(UInt32.self)
            guard lifetime > 0, lifetime < Hold.lifetimeSeconds else {
                throw .invalid(what: "lifetime of a hold", offset: start)
            }
        }
        self.init(
            allowsIncrements: flags & 1 != 0, allowsMulticapture: flags & 2 != 0,
            allowsPartialApproval: flags & 4 != 0, overcapturePercent: Int64(percent),
            lifetimeSeconds: lifetime)
    }
}

extension Capture: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.writeIndex(number)
        writer.writeSigned(amount)
        writer.writeSigned(fee)
        writer.write(at)
        switch state {
        case .pending:
            writer.write(UInt8(0))
        case .posted(let at):
            writer.write(UInt8(1))
            writer.write(at)
        case .refused(let responseCode):
            writer.write(UInt8(2))
            writer.write(responseCode)
        }
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        number = try reader.readIndex()
        amount = try reader.readAmount()
        fee = try reader.readAmount()
        at = try reader.read()
        let start = reader.offset
        switch try reader.readByte() {
        case 0: state = .pending
        case 1: state = .posted(at: try reader.read())
        case 2: state = .refused(responseCode: try reader.readString())
        default: throw .invalid(what: "capture state", offset: start)
        }
    }
}

extension Increment: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.writeIndex(number)
        writer.write(trace)
        writer.writeSigned(amount)
        writer.write(created)
        switch state {
        case .pending:
            writer.write(UInt8(0))
        case .approved(let approval):
            writer.write(UInt8(1))
            writer.write(approval)
        case .declined(let decline):
            writer.write(UInt8(2))
            writer.write(decline)
        case .notSent:
            writer.write(UInt8(3))
        case .reversing(let reason):
            writer.write(UInt8(4))
            writer.write(reason.rawValue)
        case .reversed(let reason):
            writer.write(UInt8(5))
            writer.write(reason.rawValue)
        }
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        number = try reader.readIndex()
        trace = try reader.read()
        amount = try reader.readAmount()
        created = try reader.read()
        let start = reader.offset
        switch try reader.readByte() {
        case 0: state = .pending
        case 1: state = .approved(try reader.read())
        case 2: state = .declined(try reader.read())
        case 3: state = .notSent
        case 4: state = .reversing(try reader.readEnum())
        case 5: state = .reversed(try reader.readEnum())
        default: throw .invalid(what: "increment state", offset: start)
        }
    }
}

extension Hold: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.write(approval)
        writer.writeSigned(authorized)
        writer.write(options)
        writer.write(expires)
        writer.writeList(captures)
        writer.writeArray(increments)
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        approval = try reader.read()
        authorized = try reader.readAmount()
        options = try reader.read()
        expires = try reader.read()
        captures = try reader.readList()
        increments = try reader.readArray()
    }
}

extension Attempt.State: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        switch self {
        case .pending:
            writer.write(UInt8(0))
        case .authorized(let hold):
            writer.write(UInt8(1))
            writer.write(hold)
        case .captured(let hold):
            writer.write(UInt8(2))
            writer.write(hold)
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
        case .voided(let hold):
            writer.write(UInt8(7))
            writer.write(hold)
        }
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.offset
        switch try reader.readByte() {
        case 0: self = .pending
        case 1: self = .authorized(try reader.read())
        case 2: self = .captured(try reader.read())
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
        writer.writeIndex(number)
        writer.write(trace)
        writer.writeSigned(amount)
        writer.write(method)
        writer.write(capture.rawValue)
        writer.write(presence)
        writer.write(created)
        writer.write(state)
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let number = try reader.readIndex()
        let trace = try reader.read(ProcessorTrace.self)
        let amount = try reader.readAmount()
        let method = try reader.read(PaymentMethodSnapshot.self)
        let capture = try reader.readEnum(CaptureMethod.self)
        let presence = try reader.read(Presence.self)
        let start = AttemptStarted(
            number: number, trace: trace, method: method, presence: presence,
            at: try reader.read())
        self.init(start, amount: amount, capture: capture, state: try reader.read())
    }
}

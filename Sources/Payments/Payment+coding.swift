public import Primitives

extension Effect: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.writeIndex(number)
        switch kind {
        case .reversal(let request):
            writer.write(UInt8(0))
            writer.write(request)
        case .partialReversal(let attempt, let captured):
            writer.write(UInt8(1), attempt)
            writer.writeSigned(captured)
        case .capture(let attempt, let number, let amount):
            writer.write(UInt8(2), attempt)
            writer.writeIndex(number)
            writer.writeSigned(amount)
        case .refund(let number):
            writer.write(UInt8(3), number)
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
        case .withdrawn(let at):
            writer.write(UInt8(3))
            writer.write(at)
        }
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        number = try reader.readIndex()
        let start = reader.offset
        switch try reader.readByte() {
        case 0: kind = .reversal(try reader.read())
        case 1:
            kind = .partialReversal(
                attempt: try reader.readIndex(), captured: try reader.readAmount())
        case 2:
            kind = .capture(
                attempt: try reader.readIndex(), number: try reader.readIndex(),
                amount: try reader.readAmount())
        case 3: kind = .refund(number: try reader.readIndex())
        default: throw .invalid(what: "effect kind", offset: start)
        }
        trace = try reader.read()
        let stateStart = reader.offset
        switch try reader.readByte() {
        case 0: state = .open
        case 1: state = .acknowledged(at: try reader.read())
        case 2: state = .refused(responseCode: try reader.readString(), at: try reader.read())
        case 3: state = .withdrawn(at: try reader.read())
        default: throw .invalid(what: "effect state", offset: stateStart)
        }
    }
}

extension RefundFailure: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        switch self {
        case .refused(let responseCode):
            writer.write(UInt8(0))
            writer.write(responseCode)
        case .returned:
            writer.write(UInt8(1))
        }
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.offset
        switch try reader.readByte() {
        case 0: self = .refused(responseCode: try reader.readString())
        case 1: self = .returned
        default: throw .invalid(what: "refund failure", offset: start)
        }
    }
}

extension Refund: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.writeIndex(number)
        writer.writeSigned(amount)
        writer.writeOptionalEnum(reason)
        writer.writeArray(metadata)
        writer.write(created)
        writer.write(trace)
        switch state {
        case .requested:
            writer.write(UInt8(0))
        case .succeeded(let at):
            writer.write(UInt8(1))
            writer.write(at)
        case .failed(let failure, let at):
            writer.write(UInt8(2))
            writer.write(failure)
            writer.write(at)
        case .pending(let at):
            writer.write(UInt8(3))
            writer.write(at)
        case .canceled(let at):
            writer.write(UInt8(4))
            writer.write(at)
        }
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        number = try reader.readIndex()
        amount = try reader.readAmount()
        reason = try reader.readOptionalEnum()
        metadata = try reader.readMetadata()
        created = try reader.read()
        trace = try reader.read()
        let start = reader.offset
        switch try reader.readByte() {
        case 0: state = .requested
        case 1: state = .succeeded(at: try reader.read())
        case 2: state = .failed(try reader.read(), at: try reader.read())
        case 3: state = .pending(at: try reader.read())
        case 4: state = .canceled(at: try reader.read())
        default: throw .invalid(what: "refund state", offset: start)
        }
    }
}

extension Dispute: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.writeIndex(number)
        writer.write(caseNumber)
        writer.writeSigned(amount)
        writer.write(reason.rawValue)
        writer.write(opened)
        writer.write(evidenceDue)
        writer.write(status.rawValue)
        writer.writeArray(evidence)
        writer.writeSigned(covered)
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        number = try reader.readIndex()
        caseNumber = try reader.readString()
        amount = try reader.readAmount()
        reason = try reader.readEnum()
        opened = try reader.read()
        evidenceDue = try reader.read()
        status = try reader.readEnum()
        evidence = try reader.readEvidence()
        let start = reader.offset
        covered = try reader.readAmount()
        guard covered <= amount else { throw .invalid(what: "covered amount", offset: start) }
    }
}

extension DisputeCase: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.write(caseNumber)
        writer.write(amount)
        writer.write(reason.rawValue)
        writer.write(isInquiry)
        writer.write(evidenceDue)
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        caseNumber = try reader.readString()
        amount = try reader.read()
        reason = try reader.readEnum()
        isInquiry = try reader.readBool()
        evidenceDue = try reader.read()
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
        writer.write(holdOptions)
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.offset
        amount = try reader.read()
        guard (0...Money.chargeMaximum).contains(amount.minorUnits) else {
            throw .invalid(what: "amount", offset: start)
        }
        capture = try reader.readEnum()
        description = try reader.readOptionalString()
        receiptEmail = try reader.readOptionalString()
        statementDescriptor = try reader.readOptionalString()
        statementDescriptorSuffix = try reader.readOptionalString()
        metadata = try reader.readMetadata()
        holdOptions = try reader.read()
    }
}

extension Challenge: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.writeVarint(number)
        writer.write(method)
        writer.write(presence)
        writer.writeOptional(attempt) { $0.writeIndex($1) }
        writer.write(created)
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        number = try reader.readVarint()
        method = try reader.read()
        presence = try reader.read()
        attempt = try reader.readBool() ? try reader.readIndex() : nil
        created = try reader.read()
    }
}

extension PaymentFailure: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        switch self {
        case .attempt(let number):
            writer.write(UInt8(0), number)
        case .authentication(let method):
            writer.write(UInt8(1))
            writer.write(method)
        }
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.offset
        switch try reader.readByte() {
        case 0: self = .attempt(try reader.readIndex())
        case 1: self = .authentication(try reader.read())
        default: throw .invalid(what: "payment failure", offset: start)
        }
    }
}

extension PaymentStatus: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        switch self {
        case .requiresPaymentMethod(let lastFailure):
            writer.write(UInt8(0))
            writer.writeOptional(lastFailure)
        case .requiresConfirmation:
            writer.write(UInt8(1))
        case .processing(let attempt):
            writer.write(UInt8(2), attempt)
        case .requiresCapture(let attempt):
            writer.write(UInt8(3), attempt)
        case .succeeded(let attempt):
            writer.write(UInt8(4), attempt)
        case .canceled(let at, let reason):
            writer.write(UInt8(5))
            writer.write(at)
            writer.writeOptionalEnum(reason)
        case .requiresAction(let challenge):
            writer.write(UInt8(6))
            writer.write(challenge)
        }
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.offset
        switch try reader.readByte() {
        case 0: self = .requiresPaymentMethod(lastFailure: try reader.readOptional())
        case 1: self = .requiresConfirmation
        case 2: self = .processing(attempt: try reader.readIndex())
        case 3: self = .requiresCapture(attempt: try reader.readIndex())
        case 4: self = .succeeded(attempt: try reader.readIndex())
        case 5: self = .canceled(at: try reader.read(), reason: try reader.readOptionalEnum())
        case 6: self = .requiresAction(try reader.read())
        default: throw .invalid(what: "payment status", offset: start)
        }
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

    public convenience init(from reader: inout ByteReader) throws(DecodingError) {
        self.init(
            id: try reader.read(), merchant: try reader.read(), isLive: try reader.readBool(),
            at: try reader.read(), terms: try reader.read(),
            clientSecret: try reader.readString(), method: try reader.readOptional())
    }
}

extension Payment: BinaryCodable {
    /// The version of the binary form.
    public static let formatVersion: UInt8 = 1

    public func encode(to writer: inout ByteWriter) {
        writer.write(Self.formatVersion)
        writer.write(facts)
        writer.writeVarint(version)
        writer.write(status)
        writer.writeOptional(method)
        writer.writeList(attempts)
        writer.writeList(refunds)
        writer.writeArray(disputes)
        writer.writeList(effects)
        writer.writeList(ledger)
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.offset
        let format = try reader.readByte()
        guard format == Self.formatVersion else {
            throw .unsupportedVersion(found: UInt64(format), offset: start)
        }
        facts = try reader.read()
        version = try reader.readVarint()
        status = try reader.read()
        method = try reader.readOptional()
        attempts = try reader.readList()
        refunds = try reader.readList()
        disputes = try reader.readArray()
        effects = try reader.readList()
        ledger = try reader.readList()
        guard isConsistent else { throw .invalid(what: "payment", offset: start) }
    }

    /// True when every number names a part that is there, in a state that fits: what `evolve` keeps
    /// and relies on.
    private var isConsistent: Bool {
        guard version < 1 << 62, attempts.count <= PartID.countMax,
            refunds.count <= PartID.countMax, disputes.count <= PartID.countMax,
            effects.count <= Payment.effectCountMax, ledger.count <= Payment.ledgerCountMax,
            statusFits
        else { return false }
        for (index, attempt) in attempts.enumerated() where !attempt.fits(index) { return false }
        for (index, refund) in refunds.enumerated() where refund.number != index { return false }
        for (index, dispute) in disputes.enumerated() where dispute.number != index {
            return false
        }
        for (index, effect) in effects.enumerated() {
            guard effect.number == index, names(effect.kind) else { return false }
        }
        return ledger.allSatisfy { names($0.cause) }
    }

    private var statusFits: Bool {
        switch status {
        case .requiresPaymentMethod(.attempt(let number)?):
            attempts.indices.contains(number)
        case .requiresPaymentMethod, .requiresConfirmation, .requiresAction, .canceled:
            true
        case .processing(let number):
            attempts.indices.contains(number) && attempts[number].isUnresolved
        case .requiresCapture(let number):
            attempts.indices.contains(number) && attempts[number].isAuthorized
        case .succeeded(let number):
            attempts.indices.contains(number) && attempts[number].isCaptured
        }
    }

    /// True when what an effect is about is there.
    private func names(_ kind: Effect.Kind) -> Bool {
        switch kind {
        case .reversal(.authorization(let attempt)), .partialReversal(let attempt, _):
            return attempts.indices.contains(attempt)
        case .reversal(.increment(let attempt, let number)):
            return increment(attempt, number) != nil
        case .capture(let attempt, let number, _):
            return hasCapture(number, of: attempt)
        case .refund(let number):
            return refunds.indices.contains(number)
        }
    }

    /// True when what a ledger entry is about is there. A payout is no payment's.
    private func names(_ cause: LedgerEntry.Cause) -> Bool {
        switch cause {
        case .charge(let attempt, let number), .settlement(.capture(let attempt, let number)):
            hasCapture(number, of: attempt)
        case .refund(let number), .refundReturned(let number), .settlement(.refund(let number)):
            refunds.indices.contains(number)
        case .dispute(let number), .disputeWon(let number), .disputeLost(let number),
            .settlement(.dispute(let number)):
            disputes.indices.contains(number)
        case .payout:
            false
        }
    }

    private func hasCapture(_ number: Int, of attempt: Int) -> Bool {
        guard attempts.indices.contains(attempt), let hold = attempts[attempt].hold else {
            return false
        }
        return hold.captures.indices.contains(number)
    }
}

extension Attempt {
    fileprivate func fits(_ index: Int) -> Bool {
        guard number == index else { return false }
        guard let hold else { return true }
        guard hold.captures.count <= Capture.countMax,
            hold.increments.count <= Increment.countMax
        else { return false }
        for (place, capture) in hold.captures.enumerated() where capture.number != place {
            return false
        }
        for (place, increment) in hold.increments.enumerated() where increment.number != place {
            return false
        }
        return true
    }

    fileprivate var isCaptured: Bool {
        if case .captured = state { true } else { false }
    }
}

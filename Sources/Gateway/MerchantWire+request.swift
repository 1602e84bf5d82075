import Payments
public import Primitives

// The parts of an ask. A change of any of them, or of a form in `Payments` that they contain, is a
// new version of `MerchantAsk`.

/// What a part of an ask may be at most.
private enum Limit {
    /// Bytes of a `Request-Id`: 18 today, with room for one of another make.
    static let requestIDByteCount = 64
    /// Bytes of a sealed card: about 150 today, with room for longer keys around it.
    static let sealedCardByteCount = 1024
    /// Digits of a card verification code.
    static let verificationCodeDigits = 3...4
    /// Payments on a page.
    static let page = 1...100
}

extension MerchantRequest {
    /// Everything but the deadline and the verification code.
    func encode(to writer: inout ByteWriter) {
        writer.write(merchant)
        writer.write(isLive)
        writer.write(requestID)
        writer.write(claim)
        command.encode(to: &writer)
    }

    /// The verification code, and then what `encode` writes.
    init(
        from reader: inout ByteReader, deadline: MonotonicInstant
    ) throws(DecodingError) {
        let start = reader.offset
        let code = try reader.readVerificationCode()
        merchant = try reader.read()
        isLive = try reader.readBool()
        requestID = try reader.readRequestID()
        claim = try reader.read()
        command = try MerchantCommand(from: &reader, verificationCode: code)
        guard code == nil || command.newMethod != nil else {
            throw .invalid(what: "verification code without a card", offset: start)
        }
        self.deadline = deadline
    }
}

extension IdempotencyClaim: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.write(keyDigest)
        writer.write(fingerprint)
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.offset
        keyDigest = try reader.readBytes()
        fingerprint = try reader.readBytes()
        // A caller's or a minted one, and nothing between them: no caller may take the place of a
        // minted key, nor be forgotten as early.
        switch (keyDigest.count, fingerprint.count) {
        case (16, 32), (12, 0): break
        default: throw .invalid(what: "idempotency claim", offset: start)
        }
    }
}

extension MerchantCommand {
    /// The card that the command brings.
    var newMethod: NewPaymentMethod? {
        switch self {
        case .createPaymentMethod(let new): new
        case .createPayment(let payment): payment.method?.newMethod
        case .confirmPayment(_, let method): method?.newMethod
        case .incrementPayment, .capturePayment, .cancelPayment, .createRefund, .cancelRefund: nil
        }
    }

    /// The verification code that the command brings, unless it was wiped.
    var verificationCode: SensitiveBytes? {
        guard let code = newMethod?.verificationCode, !code.isWiped else { return nil }
        return code
    }

    /// The payment that the command is about; nil where it makes something.
    var payment: PaymentID? {
        switch self {
        case .createPaymentMethod, .createPayment: nil
        case .confirmPayment(let payment, _), .incrementPayment(let payment, _),
            .capturePayment(let payment, _, _), .cancelPayment(let payment, _),
            .createRefund(let payment, _, _, _, _), .cancelRefund(let payment, _):
            payment
        }
    }

    /// Everything but the verification code.
    fileprivate func encode(to writer: inout ByteWriter) {
        switch self {
        case .createPaymentMethod(let new):
            writer.write(UInt8(0))
            new.encode(to: &writer)
        case .createPayment(let payment):
            writer.write(UInt8(1))
            writer.write(payment.terms)
            writer.writeOptional(payment.method) { $1.encode(to: &$0) }
            writer.write(payment.confirm)
        case .confirmPayment(let payment, let method):
            writer.write(UInt8(2))
            writer.write(payment)
            writer.writeOptional(method) { $1.encode(to: &$0) }
        case .incrementPayment(let payment, let total):
            writer.write(UInt8(3))
            writer.write(payment)
            writer.writeSigned(total)
        case .capturePayment(let payment, let amount, let isFinal):
            writer.write(UInt8(4))
            writer.write(payment)
            writer.writeOptionalSigned(amount)
            writer.write(isFinal)
        case .cancelPayment(let payment, let reason):
            writer.write(UInt8(5))
            writer.write(payment)
            writer.writeOptionalEnum(reason)
        case .createRefund(let payment, let charge, let amount, let reason, let metadata):
            writer.write(UInt8(6))
            writer.write(payment)
            writer.writeOptional(charge) { $0.writePartNumber($1) }
            writer.writeOptionalSigned(amount)
            writer.writeOptionalEnum(reason)
            writer.writeArray(metadata)
        case .cancelRefund(let payment, let number):
            writer.write(UInt8(7))
            writer.write(payment)
            writer.writePartNumber(number)
        }
    }

    fileprivate init(
        from reader: inout ByteReader, verificationCode code: SensitiveBytes?
    ) throws(DecodingError) {
        let start = reader.offset
        switch try reader.readByte() {
        case 0: self = .createPaymentMethod(try NewPaymentMethod(from: &reader, code))
        case 1:
            self = .createPayment(
                NewPayment(
                    terms: try reader.read(), method: try reader.readOptionalSource(code),
                    confirm: try reader.readBool()))
        case 2:
            self = .confirmPayment(
                try reader.read(), method: try reader.readOptionalSource(code))
        case 3: self = .incrementPayment(try reader.read(), total: try reader.readSigned())
        case 4:
            self = .capturePayment(
                try reader.read(), amount: try reader.readOptionalSigned(),
                isFinal: try reader.readBool())
        case 5:
            self = .cancelPayment(try reader.read(), reason: try reader.readOptionalEnum())
        case 6:
            self = .createRefund(
                try reader.read(),
                charge: try reader.readBool() ? try reader.readPartNumber() : nil,
                amount: try reader.readOptionalSigned(), reason: try reader.readOptionalEnum(),
                metadata: try reader.readArray())
        case 7: self = .cancelRefund(try reader.read(), number: try reader.readPartNumber())
        default: throw .invalid(what: "command", offset: start)
        }
    }
}

extension MethodSource {
    fileprivate var newMethod: NewPaymentMethod? {
        switch self {
        case .stored: nil
        case .new(let new): new
        }
    }

    fileprivate func encode(to writer: inout ByteWriter) {
        switch self {
        case .stored(let id):
            writer.write(UInt8(0))
            writer.write(id)
        case .new(let new):
            writer.write(UInt8(1))
            new.encode(to: &writer)
        }
    }
}

extension NewPaymentMethod {
    /// Everything but the verification code.
    fileprivate func encode(to writer: inout ByteWriter) {
        writer.write(id)
        writer.write(card)
        writer.write(sealedCard)
        writer.write(billing)
        writer.writeArray(metadata)
    }

    fileprivate init(
        from reader: inout ByteReader, _ code: SensitiveBytes?
    ) throws(DecodingError) {
        id = try reader.read()
        card = try reader.read()
        let start = reader.offset
        sealedCard = try reader.readBytes()
        guard sealedCard.count <= Limit.sealedCardByteCount else {
            throw .invalid(what: "size of a sealed card", offset: start)
        }
        billing = try reader.read()
        metadata = try reader.readArray()
        verificationCode = code
    }
}

extension MerchantQuery: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        switch self {
        case .payment(let id):
            writer.write(UInt8(0))
            writer.write(id)
        case .paymentMethod(let id):
            writer.write(UInt8(1))
            writer.write(id)
        case .payments(let page):
            writer.write(UInt8(2))
            writer.write(page)
        }
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.offset
        switch try reader.readByte() {
        case 0: self = .payment(try reader.read())
        case 1: self = .paymentMethod(try reader.read())
        case 2: self = .payments(try reader.read())
        default: throw .invalid(what: "query", offset: start)
        }
    }
}

extension PaymentPage: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.writeSigned(Int64(limit))
        switch cursor {
        case nil:
            writer.write(UInt8(0))
        case .after(let id):
            writer.write(UInt8(1))
            writer.write(id)
        case .before(let id):
            writer.write(UInt8(2))
            writer.write(id)
        }
        writer.writeOptionalSigned(createdFrom)
        writer.writeOptionalSigned(createdThrough)
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let limitStart = reader.offset
        let limit = Int(exactly: try reader.readSigned())
        guard let limit, Limit.page.contains(limit) else {
            throw .invalid(what: "limit of a page", offset: limitStart)
        }
        self.limit = limit
        let start = reader.offset
        switch try reader.readByte() {
        case 0: cursor = nil
        case 1: cursor = .after(try reader.read())
        case 2: cursor = .before(try reader.read())
        default: throw .invalid(what: "cursor of a page", offset: start)
        }
        createdFrom = try reader.readOptionalSigned()
        createdThrough = try reader.readOptionalSigned()
    }
}

extension ByteWriter {
    fileprivate mutating func writePartNumber(_ number: Int) {
        writeSigned(Int64(number))
    }
}

extension ByteReader {
    /// The number of a charge or a refund: one that an id can name.
    fileprivate mutating func readPartNumber() throws(DecodingError) -> Int {
        let start = offset
        let number = try readSigned()
        guard (0..<Int64(PartID.countMax)).contains(number) else {
            throw .invalid(what: "part number", offset: start)
        }
        return Int(number)
    }

    mutating func readRequestID() throws(DecodingError) -> String {
        let start = offset
        let text = try readString()
        guard text.utf8.count <= Limit.requestIDByteCount else {
            throw .invalid(what: "size of a request id", offset: start)
        }
        return text
    }

    fileprivate mutating func readOptionalSource(
        _ code: SensitiveBytes?
    ) throws(DecodingError) -> MethodSource? {
        guard try readBool() else { return nil }
        let start = offset
        switch try readByte() {
        case 0: return .stored(try read())
        case 1: return .new(try NewPaymentMethod(from: &self, code))
        default: throw .invalid(what: "source of a method", offset: start)
        }
    }

    /// A count and as many ASCII digits, straight into a buffer of their own; nil for none.
    fileprivate mutating func readVerificationCode() throws(DecodingError) -> SensitiveBytes? {
        let start = offset
        let digits = try readSlice()
        guard !digits.isEmpty else { return nil }
        guard Limit.verificationCodeDigits.contains(digits.count),
            digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else { throw .invalid(what: "verification code", offset: start) }
        return SensitiveBytes(copying: digits)
    }
}

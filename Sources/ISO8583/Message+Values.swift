public import Primitives

extension Message {
    /// A data element as text; nil when it is not there or not ASCII.
    public func text(_ number: FieldNumber) -> String? {
        guard let bytes = self[number], bytes.allSatisfy({ $0 < 0x80 }) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// A data element as text without the blanks that fill it up on the right.
    public func trimmedText(_ number: FieldNumber) -> String? {
        guard var text = text(number) else { return nil }
        while text.last == " " { text.removeLast() }
        return text
    }

    /// A data element of digits as a number; nil when it is not there, holds something else, or
    /// says more than 64 bits hold.
    public func number(_ number: FieldNumber) -> UInt64? {
        self[number].flatMap { Digits.number($0) }
    }

    /// A data element that must not be printed.
    public func secret(_ number: FieldNumber) -> Secret<[UInt8]>? {
        self[number].map { Secret(Array($0)) }
    }

    /// Sets a data element to the text's UTF-8 bytes.
    public mutating func set(_ number: FieldNumber, text: some StringProtocol) {
        set(number, Array(text.utf8))
    }

    /// Sets a data element to the text, with blanks on the right up to `width` (the standard's rule
    /// for fixed elements of class `an` and `ans`).
    public mutating func set(_ number: FieldNumber, text: some StringProtocol, width: Int) {
        let bytes = Array(text.utf8)
        let blankCount = max(0, width - bytes.count)
        set(number, bytes + repeatElement(UInt8(ascii: " "), count: blankCount))
    }

    /// Sets a data element to `value` in `width` digits, zeros in front (the standard's rule for
    /// fixed elements of class `n`). Throws `numberTooWide` when it has more digits.
    public mutating func set(
        _ field: FieldNumber, number value: UInt64, width: Int
    ) throws(EncodingError) {
        guard let digits = Digits.text(value, width: width) else {
            throw EncodingError(.numberTooWide(width: width), field)
        }
        set(field, digits)
    }

    /// Sets a data element to what must not be printed.
    public mutating func set(_ number: FieldNumber, secret: Secret<[UInt8]>) {
        secret.reveal { set(number, $0) }
    }

    /// DE 11; nil when it is not there or not six digits.
    public var trace: TraceNumber? {
        get { self[.systemTraceAuditNumber].flatMap { TraceNumber(digits: $0) } }
        set { self[.systemTraceAuditNumber] = newValue.map { $0.digits[...] } }
    }

    /// DE 7; nil when it is not there or no date.
    public var transmissionTime: TransmissionTime? {
        get { self[.transmissionTime].flatMap { TransmissionTime(digits: $0) } }
        set { self[.transmissionTime] = newValue.map { $0.digits[...] } }
    }

    /// DE 39; nil when it is not there or not two letters or digits.
    public var responseCode: ResponseCode? {
        get { self[.responseCode].flatMap { ResponseCode(bytes: $0) } }
        set { self[.responseCode] = newValue.map { $0.bytes[...] } }
    }

    /// DE 70; nil when it is not there or not three digits.
    public var networkManagementCode: NetworkManagementCode? {
        get { self[.networkManagementCode].flatMap { NetworkManagementCode(digits: $0) } }
        set { self[.networkManagementCode] = newValue.map { $0.digits[...] } }
    }

    /// DE 90; nil when it is not there or malformed.
    public var originalDataElements: OriginalDataElements? {
        get { self[.originalDataElements].flatMap { OriginalDataElements(digits: $0) } }
        set { self[.originalDataElements] = newValue.map { $0.digits[...] } }
    }

    /// DE 95; nil when it is not there or malformed.
    public var replacementAmounts: ReplacementAmounts? {
        get { self[.replacementAmounts].flatMap { ReplacementAmounts(bytes: $0) } }
        set { self[.replacementAmounts] = newValue.map { $0.bytes[...] } }
    }
}

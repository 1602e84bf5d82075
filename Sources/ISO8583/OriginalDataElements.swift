/// Original data elements, DE 90, n42: which message a reversal or an advice is about.
///
/// 4 digits of type, 6 of trace, 10 of DE 7, 11 of the acquiring and 11 of the forwarding
/// institution, the institutions right-justified with zeros in front (ISO 8583:1987).
public struct OriginalDataElements: Hashable, Sendable {
    public let messageType: MessageType
    public let trace: TraceNumber
    /// Nil when the original's time is unknown: ten zeros.
    public let transmissionTime: TransmissionTime?
    /// Up to 11 digits; 0 when there is none.
    public let acquiringInstitution: UInt64
    /// Up to 11 digits; 0 when there is none.
    public let forwardingInstitution: UInt64

    /// Nil when an institution has more than 11 digits.
    public init?(
        messageType: MessageType, trace: TraceNumber, transmissionTime: TransmissionTime?,
        acquiringInstitution: UInt64 = 0, forwardingInstitution: UInt64 = 0
    ) {
        guard acquiringInstitution <= Self.institutionMaximum,
            forwardingInstitution <= Self.institutionMaximum
        else { return nil }
        self.messageType = messageType
        self.trace = trace
        self.transmissionTime = transmissionTime
        self.acquiringInstitution = acquiringInstitution
        self.forwardingInstitution = forwardingInstitution
    }

    /// The elements that name `original`: its type without the repeat mark, DE 11, 7, 32 and 33.
    /// Nil when it has no trace number or an institution that is no number of 11 digits.
    public init?(of original: Message) {
        guard let trace = original.trace else { return nil }
        let institutions = [FieldNumber.acquiringInstitution, .forwardingInstitution].map {
            original.contains($0) ? original.number($0) : 0
        }
        guard let acquirer = institutions[0], let forwarder = institutions[1] else { return nil }
        self.init(
            messageType: original.type.first, trace: trace,
            transmissionTime: original.transmissionTime, acquiringInstitution: acquirer,
            forwardingInstitution: forwarder)
    }

    /// Nil unless the bytes are 42 ASCII digits whose DE 7 is a time or zeros.
    public init?(digits: some Collection<UInt8>) {
        let bytes = Array(digits)
        guard bytes.count == 42, bytes.allSatisfy(\.isDigit),
            let type = MessageType(String(decoding: bytes[0..<4], as: UTF8.self)),
            let trace = TraceNumber(digits: bytes[4..<10]),
            let acquirer = Digits.number(bytes[20..<31]),
            let forwarder = Digits.number(bytes[31..<42])
        else { return nil }
        let time = TransmissionTime(digits: bytes[10..<20])
        guard time != nil || Digits.number(bytes[10..<20]) == 0 else { return nil }
        self.init(
            messageType: type, trace: trace, transmissionTime: time,
            acquiringInstitution: acquirer, forwardingInstitution: forwarder)
    }

    /// The 42 ASCII digits.
    public var digits: [UInt8] {
        let time = transmissionTime?.digits ?? [UInt8](repeating: UInt8(ascii: "0"), count: 10)
        guard let acquirer = Digits.text(acquiringInstitution, width: 11),
            let forwarder = Digits.text(forwardingInstitution, width: 11)
        else { preconditionFailure("an institution of more than 11 digits") }
        return messageType.digits + trace.digits + time + acquirer + forwarder
    }

    /// Eleven nines.
    private static let institutionMaximum: UInt64 = 99_999_999_999
}

/// The message type indicator (MTI): version, class, function and origin, a digit each
/// (ISO 8583:1987).
public struct MessageType: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The second digit.
    public enum Class: UInt8, Hashable, Sendable {
        case authorization = 1
        case financial = 2
        case fileAction = 3
        case reversal = 4
        case reconciliation = 5
        case administrative = 6
        case feeCollection = 7
        case networkManagement = 8
    }

    /// The third digit. A request may be refused; an advice tells what has happened.
    public enum Function: UInt8, Hashable, Sendable {
        case request = 0
        case requestResponse = 1
        case advice = 2
        case adviceResponse = 3
        case notification = 4
        case notificationAcknowledgement = 5
        case instruction = 6
        case instructionAcknowledgement = 7
    }

    /// The fourth digit: who began the exchange, and whether the message is said again.
    public enum Origin: UInt8, Hashable, Sendable {
        case acquirer = 0
        case acquirerRepeat = 1
        case issuer = 2
        case issuerRepeat = 3
        case other = 4
        case otherRepeat = 5
    }

    /// Four digits, a nibble each: an authorisation request is 0x0100.
    public let packed: UInt16

    /// Nil unless each nibble is a digit.
    public init?(packed: UInt16) {
        let isDecimal = (0..<4).allSatisfy { (packed >> (4 * $0)) & 0xF <= 9 }
        guard isDecimal else { return nil }
        self.packed = packed
    }

    /// Nil unless the text is four digits.
    public init?(_ text: some StringProtocol) {
        guard text.utf8.count == 4 else { return nil }
        var packed: UInt16 = 0
        for byte in text.utf8 {
            guard byte.isDigit else { return nil }
            packed = packed << 4 | UInt16(byte & 0xF)
        }
        self.packed = packed
    }

    /// A type of the version of 1987, whose first digit is 0.
    public init(_ messageClass: Class, _ function: Function, _ origin: Origin = .acquirer) {
        packed =
            UInt16(messageClass.rawValue) << 8 | UInt16(function.rawValue) << 4
            | UInt16(origin.rawValue)
    }

    /// The first digit: 0 for 1987, 1 for 1993, 2 for 2003, 9 for private use.
    public var version: UInt8 { UInt8(packed >> 12) }

    /// Nil for a digit that the standard reserves.
    public var messageClass: Class? { Class(rawValue: UInt8(packed >> 8 & 0xF)) }

    /// Nil for a digit that the standard reserves.
    public var function: Function? { Function(rawValue: UInt8(packed >> 4 & 0xF)) }

    /// Nil for a digit that the standard reserves.
    public var origin: Origin? { Origin(rawValue: UInt8(packed & 0xF)) }

    /// Whether the sender has said the same before.
    public var isRepeat: Bool {
        switch origin {
        case .acquirerRepeat, .issuerRepeat, .otherRepeat: true
        case .acquirer, .issuer, .other, nil: false
        }
    }

    /// Whether an answer is expected: requests, advices, notifications and instructions.
    public var expectsResponse: Bool {
        switch function {
        case .request, .advice, .notification, .instruction: true
        case .requestResponse, .adviceResponse, .notificationAcknowledgement,
            .instructionAcknowledgement, nil:
            false
        }
    }

    /// The type without its repeat mark: 0421 becomes 0420.
    public var first: MessageType { isRepeat ? MessageType(unchecked: packed - 1) : self }

    /// The type of the same message said again: 0420 becomes 0421. Nil for what is itself an
    /// answer.
    public var repeated: MessageType? {
        guard expectsResponse, origin != nil else { return nil }
        return isRepeat ? self : MessageType(unchecked: packed + 1)
    }

    /// The standard's answer: 0100 and 0101 give 0110, 0420 and 0421 give 0430. Nil for what is
    /// itself an answer.
    public var response: MessageType? {
        expectsResponse ? MessageType(unchecked: first.packed + 0x10) : nil
    }

    public static func < (left: MessageType, right: MessageType) -> Bool {
        left.packed < right.packed
    }

    /// The four digits.
    public var description: String {
        String(decoding: digits, as: UTF8.self)
    }

    /// The four digits in ASCII.
    var digits: [UInt8] {
        [12, 8, 4, 0].map { UInt8(ascii: "0") + UInt8(packed >> UInt16($0) & 0xF) }
    }

    /// For nibbles that have been checked.
    init(unchecked packed: UInt16) {
        self.packed = packed
    }
}

extension MessageType {
    /// 0100
    public static let authorizationRequest = MessageType(.authorization, .request)
    /// 0110
    public static let authorizationResponse = MessageType(.authorization, .requestResponse)
    /// 0120
    public static let authorizationAdvice = MessageType(.authorization, .advice)
    /// 0130
    public static let authorizationAdviceResponse = MessageType(.authorization, .adviceResponse)
    /// 0200
    public static let financialRequest = MessageType(.financial, .request)
    /// 0210
    public static let financialResponse = MessageType(.financial, .requestResponse)
    /// 0220
    public static let financialAdvice = MessageType(.financial, .advice)
    /// 0221
    public static let financialAdviceRepeat = MessageType(.financial, .advice, .acquirerRepeat)
    /// 0230
    public static let financialAdviceResponse = MessageType(.financial, .adviceResponse)
    /// 0400
    public static let reversalRequest = MessageType(.reversal, .request)
    /// 0410
    public static let reversalResponse = MessageType(.reversal, .requestResponse)
    /// 0420
    public static let reversalAdvice = MessageType(.reversal, .advice)
    /// 0421
    public static let reversalAdviceRepeat = MessageType(.reversal, .advice, .acquirerRepeat)
    /// 0430
    public static let reversalAdviceResponse = MessageType(.reversal, .adviceResponse)
    /// 0800
    public static let networkManagementRequest = MessageType(.networkManagement, .request)
    /// 0810
    public static let networkManagementResponse = MessageType(.networkManagement, .requestResponse)
}

/// Which type answers which on one link. Hosts differ (some answer 0400 with 0430), so the pairs
/// are the standard's with exceptions as data.
public struct ResponsePairing: Hashable, Sendable {
    /// By the request's type without its repeat mark.
    private let exceptions: [MessageType: MessageType]

    /// The standard's pairs.
    public static let standard = ResponsePairing(exceptions: [:])

    /// The standard's pairs but for the given ones, from the type of the request to that of its
    /// answer; a repeat is answered like the first.
    public init(exceptions: [MessageType: MessageType]) {
        self.exceptions = exceptions
    }

    /// The type that answers `request`; nil when nothing does.
    public func response(to request: MessageType) -> MessageType? {
        if exceptions.isEmpty { return request.response }
        return exceptions[request.first] ?? request.response
    }
}

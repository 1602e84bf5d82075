/// The number of a data element, 2 to 128, as ISO 8583:1987 lists them (DE 2 … DE 128).
///
/// 1 is no data element: its bit announces the second bitmap.
public struct FieldNumber: RawRepresentable, Hashable, Comparable, Sendable,
    ExpressibleByIntegerLiteral, CustomStringConvertible
{
    /// 2 to 128.
    public let rawValue: UInt8

    /// Nil unless `rawValue` is 2 to 128.
    public init?(rawValue: UInt8) {
        guard 2...128 ~= rawValue else { return nil }
        self.rawValue = rawValue
    }

    /// A number that stands in the source; anything but 2 to 128 is a programming error.
    public init(integerLiteral value: UInt8) {
        precondition(2...128 ~= value, "there is no data element \(value)")
        rawValue = value
    }

    /// For numbers that came out of a bitmap, whose bits are 2 to 128 by construction.
    init(ofBit bit: Int) {
        rawValue = UInt8(bit)
    }

    public static func < (left: FieldNumber, right: FieldNumber) -> Bool {
        left.rawValue < right.rawValue
    }

    public var description: String { "\(rawValue)" }

    /// Whether the element carries what must not be stored or shown: card numbers, tracks, PIN
    /// blocks, chip data, keys, and private data (DE 48 holds the card verification code).
    public var isSensitive: Bool {
        switch rawValue {
        case 2, 34, 35, 36, 45, 48, 52, 53, 55, 96: true
        default: false
        }
    }
}

extension FieldNumber {
    /// DE 2, n..19: the PAN.
    public static let primaryAccountNumber: FieldNumber = 2
    /// DE 3, n6: kind of transaction and the accounts that it touches.
    public static let processingCode: FieldNumber = 3
    /// DE 4, n12: amount of the transaction in minor units of DE 49.
    public static let amount: FieldNumber = 4
    /// DE 7, n10: MMDDhhmmss at UTC.
    public static let transmissionTime: FieldNumber = 7
    /// DE 11, n6: the STAN, which a response echoes.
    public static let systemTraceAuditNumber: FieldNumber = 11
    /// DE 12, n6: hhmmss where the card was used.
    public static let localTime: FieldNumber = 12
    /// DE 13, n4: MMDD where the card was used.
    public static let localDate: FieldNumber = 13
    /// DE 14, n4: YYMM.
    public static let expiryDate: FieldNumber = 14
    /// DE 15, n4: MMDD on which money moves between the institutions.
    public static let settlementDate: FieldNumber = 15
    /// DE 18, n4: the merchant category code of ISO 18245.
    public static let merchantType: FieldNumber = 18
    /// DE 22, n3: how the card number was read.
    public static let entryMode: FieldNumber = 22
    /// DE 25, n2: the circumstances at the point of service.
    public static let conditionCode: FieldNumber = 25
    /// DE 32, n..11: the institution that acquired the transaction.
    public static let acquiringInstitution: FieldNumber = 32
    /// DE 33, n..11: the institution that forwards the message.
    public static let forwardingInstitution: FieldNumber = 33
    /// DE 35, z..37.
    public static let track2: FieldNumber = 35
    /// DE 37, an12: the RRN, which lives as long as the transaction does.
    public static let retrievalReferenceNumber: FieldNumber = 37
    /// DE 38, an6: the approval code.
    public static let approvalCode: FieldNumber = 38
    /// DE 39, an2.
    public static let responseCode: FieldNumber = 39
    /// DE 41, ans8.
    public static let terminal: FieldNumber = 41
    /// DE 42, ans15.
    public static let merchant: FieldNumber = 42
    /// DE 43, ans40.
    public static let merchantNameAndLocation: FieldNumber = 43
    /// DE 44, ans..25: what a refusal adds to its code.
    public static let additionalResponseData: FieldNumber = 44
    /// DE 48, ans...999.
    public static let privateData: FieldNumber = 48
    /// DE 49, an3: the currency of DE 4, in practice ISO 4217 numeric.
    public static let currency: FieldNumber = 49
    /// DE 52, b64.
    public static let personalIdentificationNumber: FieldNumber = 52
    /// DE 54, an...120 or more: further amounts, such as the approved part of a partial approval.
    public static let additionalAmounts: FieldNumber = 54
    /// DE 55: EMV data from the chip.
    public static let chipData: FieldNumber = 55
    /// DE 70, n3.
    public static let networkManagementCode: FieldNumber = 70
    /// DE 90, n42.
    public static let originalDataElements: FieldNumber = 90
    /// DE 95, an42.
    public static let replacementAmounts: FieldNumber = 95
    /// DE 96, b64: shows that the sender may change what the message changes, such as keys.
    public static let messageSecurityCode: FieldNumber = 96
}

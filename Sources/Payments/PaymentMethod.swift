public import Primitives

/// Where a bill goes. Every part is text that the caller chose, or absent.
public struct BillingDetails: Hashable, Sendable {
    public var name: String?
    public var email: String?
    public var phone: String?
    public var line1: String?
    public var line2: String?
    public var city: String?
    public var state: String?
    public var postalCode: String?
    /// Two letters of ISO 3166-1.
    public var country: String?

    public init() {}
}

/// One pair of a merchant's own notes on an object.
public struct MetadataEntry: Hashable, Sendable {
    /// 1 to 40 characters.
    public let key: String
    /// Up to 500 characters.
    public let value: String

    public init(key: String, value: String) {
        self.key = key
        self.value = value
    }
}

/// The metadata of an object: up to 50 entries, sorted by key.
public typealias Metadata = [MetadataEntry]

extension Metadata {
    /// The public API's limits, counted in bytes of UTF-8 with room for four a character.
    var isWithinLimits: Bool {
        count <= 50
            && allSatisfy { $0.key.utf8.count <= 160 && $0.value.utf8.count <= 2000 }
    }

    var isWithinEvidenceLimits: Bool {
        count <= Dispute.evidenceCountMax
            && allSatisfy {
                $0.key.utf8.count <= 160
                    && $0.value.utf8.count <= Dispute.evidenceTextByteCountMax
            }
            && reduce(0) { $0 + $1.value.utf8.count } <= Dispute.evidenceByteCountMax
    }
}

/// A card that a merchant may charge. The number is sealed: only the link that sends it opens it.
public struct PaymentMethod: Hashable, Sendable {
    public let id: PaymentMethodID
    public let merchant: MerchantID
    public let isLive: Bool
    public let created: Timestamp
    public let card: CardFacts
    /// The card's number and expiry, encrypted by the vault.
    public let sealedCard: [UInt8]
    public let billing: BillingDetails
    public let metadata: Metadata

    public init(
        id: PaymentMethodID, merchant: MerchantID, isLive: Bool, created: Timestamp,
        card: CardFacts, sealedCard: [UInt8], billing: BillingDetails, metadata: Metadata
    ) {
        self.id = id
        self.merchant = merchant
        self.isLive = isLive
        self.created = created
        self.card = card
        self.sealedCard = sealedCard
        self.billing = billing
        self.metadata = metadata
    }

    /// What a payment keeps of the method.
    public var snapshot: PaymentMethodSnapshot {
        PaymentMethodSnapshot(id: id, card: card, billing: billing)
    }
}

/// What a payment keeps of the method it was made with: the method itself may change or go. An
/// object, because payment and attempt share it.
public final class PaymentMethodSnapshot: Hashable, Sendable {
    public let id: PaymentMethodID
    public let card: CardFacts
    public let billing: BillingDetails

    public init(id: PaymentMethodID, card: CardFacts, billing: BillingDetails) {
        self.id = id
        self.card = card
        self.billing = billing
    }

    public static func == (left: PaymentMethodSnapshot, right: PaymentMethodSnapshot) -> Bool {
        left === right
            || (left.id == right.id && left.card == right.card && left.billing == right.billing)
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(id)
    }
}

extension BillingDetails: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        for part in [name, email, phone, line1, line2, city, state, postalCode, country] {
            writer.writeOptional(part)
        }
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        name = try reader.readOptionalString()
        email = try reader.readOptionalString()
        phone = try reader.readOptionalString()
        line1 = try reader.readOptionalString()
        line2 = try reader.readOptionalString()
        city = try reader.readOptionalString()
        state = try reader.readOptionalString()
        postalCode = try reader.readOptionalString()
        country = try reader.readOptionalString()
    }
}

extension MetadataEntry: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.write(key)
        writer.write(value)
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        key = try reader.readString()
        value = try reader.readString()
    }
}

extension PaymentMethodSnapshot: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.write(id)
        writer.write(card)
        writer.write(billing)
    }

    public convenience init(from reader: inout ByteReader) throws(DecodingError) {
        self.init(id: try reader.read(), card: try reader.read(), billing: try reader.read())
    }
}

extension PaymentMethod: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.write(id)
        writer.write(merchant)
        writer.write(isLive)
        writer.write(created)
        writer.write(card)
        writer.write(sealedCard)
        writer.write(billing)
        writer.writeArray(metadata)
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        id = try reader.read()
        merchant = try reader.read()
        isLive = try reader.readBool()
        created = try reader.read()
        card = try reader.read()
        sealedCard = try reader.readBytes()
        billing = try reader.read()
        metadata = try reader.readArray()
    }
}

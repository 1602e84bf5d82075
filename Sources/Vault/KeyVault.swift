public import Primitives

/// Keeps keys, and does with them what others must not do themselves: the role that a hardware
/// module, or in development `SoftwareKeyVault`, plays for a node.
///
/// Calls may block: run them on a worker.
public protocol KeyVault: Sendable {
    /// Encrypts `plaintext` so that only `open` with the same context gives it back.
    ///
    /// - Throws: `tooLarge` beyond `SealedBytes.plaintextByteCountMax`.
    func seal(
        _ plaintext: Secret<[UInt8]>, for context: SealingContext
    ) throws(VaultError) -> SealedBytes

    /// Gives back what was sealed. The caller wipes it after use.
    ///
    /// - Throws: `malformed`, `unsupportedVersion`, `unknownKey`; `authenticationFailed` for a
    ///   wrong context as well as for changed bytes.
    func open(
        _ sealed: SealedBytes, for context: SealingContext
    ) throws(VaultError) -> Secret<[UInt8]>

    /// A digest that stands for `value` where equality has to be seen and the value must not: the
    /// same for the same value, domain and key, for ever.
    func fingerprint(_ value: Secret<[UInt8]>, domain: FingerprintDomain) -> KeyedDigest

    /// 32 random bytes for use as a key.
    func randomKey() -> Secret<[UInt8]>

    /// A key of 32 bytes for what is too much to ask a vault for each time: the same for the same
    /// purpose from every vault with the same master key. The caller wipes it.
    func derivedKey(for purpose: KeyPurpose) throws(VaultError) -> Secret<[UInt8]>
}

/// What a derived key is for. No key has two uses.
public enum KeyPurpose: Hashable, Sendable {
    /// What shards write (`ShardSealer`).
    case shards
}

/// What sealed bytes belong to. It is authenticated and not stored: bytes that are moved to another
/// payment method, merchant or jurisdiction do not open there.
public struct SealingContext: Hashable, Sendable {
    public let merchantID: String
    public let paymentMethodID: String
    /// The jurisdiction in which the card data has to stay, as the cluster's configuration names
    /// it.
    public let jurisdiction: String
    /// The version of what is inside, so that old bytes are not taken for a newer form.
    public let version: UInt32

    public init(
        merchantID: String, paymentMethodID: String, jurisdiction: String, version: UInt32
    ) {
        self.merchantID = merchantID
        self.paymentMethodID = paymentMethodID
        self.jurisdiction = jurisdiction
        self.version = version
    }

    /// One reading only: every text has its length in front.
    func write(to writer: inout ByteWriter) {
        writer.write(merchantID)
        writer.write(paymentMethodID)
        writer.write(jurisdiction)
        writer.writeFixed(version)
    }
}

/// Encrypted bytes, safe to store and to replicate inside their jurisdiction.
public struct SealedBytes: Hashable, Sendable {
    /// A sealed card is some hundred bytes; this bounds what an opening allocates.
    public static let plaintextByteCountMax = 64 * 1024

    public let bytes: [UInt8]

    public init(bytes: [UInt8]) {
        self.bytes = bytes
    }
}

/// An HMAC-SHA256: 32 bytes that say nothing about the value to whoever has not the key.
public struct KeyedDigest: Hashable, Sendable {
    public static let byteCount = 32

    public let bytes: [UInt8]

    /// nil unless there are 32 bytes.
    public init?(bytes: [UInt8]) {
        guard bytes.count == Self.byteCount else { return nil }
        self.bytes = bytes
    }
}

/// What a fingerprint is for. Fingerprints of different domains have nothing to do with each other,
/// even of the same value.
public struct FingerprintDomain: Hashable, Sendable {
    enum Purpose: UInt8, Sendable {
        case cardNumber = 1
        case idempotentRequest = 2
    }

    let purpose: Purpose
    let scope: String

    /// Card numbers, seen as equal only within `scope`, a merchant id or one name for all.
    public static func cardNumber(scope: String) -> FingerprintDomain {
        FingerprintDomain(purpose: .cardNumber, scope: scope)
    }

    /// The canonical parameters of a request under an idempotency key, within a merchant.
    public static func idempotentRequest(scope: String) -> FingerprintDomain {
        FingerprintDomain(purpose: .idempotentRequest, scope: scope)
    }
}

/// Whether real cards may come: it decides which vault a node accepts.
public enum DeploymentEnvironment: String, Hashable, Sendable {
    case development
    case production
}

public import Payments
import Primitives

/// What the API needs of the vault: cards go in and only sealed bytes come out, and digests that
/// are the same on every node of the cluster.
///
/// A node implements it over its key vault. Whoever calls is on the node's loop; what blocks has to
/// happen elsewhere.
public protocol CardTokenizer: Sendable {
    /// Seals number and expiry for the payment method `id` of `merchant`, to which the seal is
    /// bound, and makes the number's fingerprint, which depends on merchant, mode and number only.
    func tokenize(
        number: CardNumber, expiry: CardExpiry, as id: PaymentMethodID, of merchant: MerchantID,
        isLive: Bool
    ) async throws(TokenizationError) -> TokenizedCard

    /// A keyed digest of 32 bytes under a key that all nodes share, so that a retry on another node
    /// finds what the first request left. Called on the loop: it must not block.
    func keyedDigest(of message: [UInt8]) -> [UInt8]

    /// SHA-256 (FIPS 180-4): 32 bytes.
    func sha256(of message: [UInt8]) -> [UInt8]
}

/// A card as the vault gives it back.
public struct TokenizedCard: Sendable {
    public let sealedCard: [UInt8]
    /// Sixteen characters: the same for the same number of the same merchant and mode.
    public let fingerprint: String

    public init(sealedCard: [UInt8], fingerprint: String) {
        self.sealedCard = sealedCard
        self.fingerprint = fingerprint
    }
}

/// Why a card could not be sealed.
public enum TokenizationError: Error, Hashable, Sendable {
    /// The vault or its module cannot be reached now; nothing was sealed.
    case unavailable
}

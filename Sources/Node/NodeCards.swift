import Gateway
import MerchantAPI
import Payments
import Primitives
import Vault

/// Seals cards where they come in and opens them where they go out, over the node's vault.
struct NodeCards: CardTokenizer, CardOpener {
    let vault: any KeyVault
    let jurisdiction: String

    /// The form of what is sealed: the digits of the number.
    private static let contentVersion: UInt32 = 1

    func tokenize(
        number: CardNumber, expiry: CardExpiry, as id: PaymentMethodID, of merchant: MerchantID,
        isLive: Bool
    ) async throws(TokenizationError) -> TokenizedCard {
        var digits = Secret(number.asciiDigits)
        defer { digits.wipe() }
        do {
            let sealed = try vault.seal(digits, for: context(id, merchant))
            let digest = vault.fingerprint(
                digits, domain: .cardNumber(scope: "\(merchant):\(isLive ? "live" : "test")"))
            return TokenizedCard(
                sealedCard: sealed.bytes, fingerprint: Self.text(digest.bytes.prefix(16)))
        } catch {
            throw .unavailable
        }
    }

    func open(_ card: SealedCard) -> Secret<[UInt8]>? {
        try? vault.open(SealedBytes(bytes: card.bytes), for: context(card.method, card.merchant))
    }

    func keyedDigest(of message: [UInt8]) -> [UInt8] {
        vault.fingerprint(Secret(message), domain: .idempotentRequest(scope: "")).bytes
    }

    func sha256(of message: [UInt8]) -> [UInt8] {
        sha256Digest(of: message)
    }

    private func context(_ id: PaymentMethodID, _ merchant: MerchantID) -> SealingContext {
        SealingContext(
            merchantID: "\(merchant)", paymentMethodID: "\(id)", jurisdiction: jurisdiction,
            version: Self.contentVersion)
    }

    /// One base-62 character a byte: sixteen of them tell 95 bits apart.
    private static func text(_ bytes: ArraySlice<UInt8>) -> String {
        String(decoding: bytes.map { Base62.alphabet[Int($0) % 62] }, as: UTF8.self)
    }
}

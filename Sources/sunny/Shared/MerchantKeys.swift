import Operations
import Payments
import Primitives
import Transport
import Vault

/// A new account for tests, and its keys.
struct MerchantKeys: Codable, Sendable {
    let merchant: String
    let apiKey: String
    let publishableKey: String

    static func make() -> MerchantKeys {
        let random = SystemRandom()
        let slot = Slot(Int(random.next() % UInt64(Slot.count)))!
        let merchant = MerchantID(stem: IdentifierStem(slot: slot, random: random))
        return MerchantKeys(
            merchant: "\(merchant)", apiKey: "sk_test_" + Base62.random(32, from: random),
            publishableKey: "pk_test_" + Base62.random(32, from: random))
    }

    /// As a configuration file has it.
    func section(name: String) -> NodeFileTemplate.Merchant {
        NodeFileTemplate.Merchant(
            id: merchant, name: name,
            keyDigest: Hexadecimal.text(sha256Digest(of: Array(apiKey.utf8))),
            publishableKey: publishableKey)
    }
}

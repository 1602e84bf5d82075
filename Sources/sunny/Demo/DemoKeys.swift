import Operations
import Payments
import Primitives
import Transport
import Vault

/// Makes the account and the keys of a demo.
enum DemoKeys {
    static func settings(acquirerCount: Int, isTemporary: Bool) -> DemoSettings {
        let random = SystemRandom()
        let slot = Slot(Int(random.next() % UInt64(Slot.count)))!
        let merchant = MerchantID(stem: IdentifierStem(slot: slot, random: random))
        return DemoSettings(
            merchant: "\(merchant)", apiKey: "sk_test_" + Base62.random(32, from: random),
            publishableKey: "pk_test_" + Base62.random(32, from: random), region: "eu-1",
            nodes: [DemoSettings.Node(id: "node-1")],
            acquirers: (1...acquirerCount).map { DemoSettings.Acquirer(id: "acquirer-\($0)") },
            isTemporary: isTemporary)
    }

    static func digest(of key: String) -> String {
        Hexadecimal.text(sha256Digest(of: Array(key.utf8)))
    }
}

public import Payments
import Primitives

/// Which secret key belongs to which merchant: digests only, so that the directory can be copied to
/// every node without copying a key.
public struct MerchantDirectory: Sendable {
    /// One secret key of a merchant.
    public struct Entry: Hashable, Sendable {
        /// SHA-256 of the whole key, `sk_test_…` or `sk_live_…`: 32 bytes.
        public let keyDigest: [UInt8]
        public let merchant: MerchantID
        public let isLive: Bool
        /// Where the merchant's cards stay.
        public let jurisdiction: String

        public init(
            keyDigest: [UInt8], merchant: MerchantID, isLive: Bool, jurisdiction: String = ""
        ) {
            self.keyDigest = keyDigest
            self.merchant = merchant
            self.isLive = isLive
            self.jurisdiction = jurisdiction
        }
    }

    /// By the digest's first eight bytes.
    private let buckets: [UInt64: [Entry]]

    /// The jurisdictions of all merchants.
    let jurisdictions: Set<String>

    public init(_ entries: [Entry]) {
        jurisdictions = Set(entries.map(\.jurisdiction))
        buckets = Dictionary(grouping: entries) { Self.bucket(of: $0.keyDigest) }
    }

    /// The entry of a key's digest. Within a bucket every entry is compared to its last byte, so
    /// that the time taken tells nothing of how much of a digest was right. (The bucket itself is
    /// chosen by a digest, which a guesser cannot steer byte by byte.)
    func entry(keyDigest: [UInt8]) -> Entry? {
        var found: Entry?
        for entry in buckets[Self.bucket(of: keyDigest)] ?? []
        where Self.isEqualInConstantTime(entry.keyDigest, keyDigest) {
            found = entry
        }
        return found
    }

    private static func bucket(of digest: [UInt8]) -> UInt64 {
        digest.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    private static func isEqualInConstantTime(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard left.count == right.count else { return false }
        var difference: UInt8 = 0
        for (leftByte, rightByte) in zip(left, right) { difference |= leftByte ^ rightByte }
        return difference == 0
    }
}

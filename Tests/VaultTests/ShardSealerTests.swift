import Environment
import Primitives
import Testing
import Vault

/// What shards write is sealed under.
struct ShardSealerTests {
    private static let sealer = ShardSealer(key: Secret(Array(0..<32)))
    private static let entries = SealingUse.entries(GroupID(5), term: 9, keyID: 0xCAFE)
    private static let rows = SealingUse.rows(GroupID(5), life: 0xCAFE)
    private static let payload = Array("what was decided".utf8)

    private static func bytes(_ hexadecimal: String) -> [UInt8] {
        let digits = Array(hexadecimal)
        return stride(from: 0, to: digits.count, by: 2).compactMap {
            UInt8(String(digits[$0...($0 + 1)]), radix: 16)
        }
    }

    /// By `crypto.hkdfSync` and `crypto.createCipheriv` of Node.js, from the words at the head of
    /// `ShardSealer.swift`.
    @Test("another implementation makes the same bytes")
    func vectors() {
        #expect(
            Self.sealer.key(for: Self.entries).seal(Self.payload, number: 300, beside: [])
                == Self.bytes("acb3506994daa719dd8350179848970fa7998301f72484f021e99b1deec0c46b"))
        #expect(
            Self.sealer.key(for: Self.rows).seal(Self.payload, number: 300, beside: [1, 2])
                == Self.bytes("7bfa7fc304f582fbbcf24912cd870e244ab0a6b53000bbdc502e03f071bf2751"))
        #expect(Self.sealer.fingerprint == 0x573d_b5ff_8bca_1562)
    }

    @Test("what was sealed opens in its place, and in no other")
    func places() {
        let key = Self.sealer.key(for: Self.entries)
        let sealed = key.seal(Self.payload, number: 300, beside: [1])
        #expect(sealed.count == Self.payload.count + Seal.byteCount)
        // From the middle of other bytes too.
        #expect(key.open(sealed[...], number: 300, beside: [1]) == Self.payload)
        #expect(
            key.open(([0, 0] + sealed).dropFirst(2), number: 300, beside: [1]) == Self.payload)
        #expect(key.open(sealed[...], number: 301, beside: [1]) == nil)
        #expect(key.open(sealed[...], number: 300, beside: []) == nil)
        for other: SealingUse in [
            .entries(GroupID(6), term: 9, keyID: 0xCAFE),
            .entries(GroupID(5), term: 10, keyID: 0xCAFE),
            .entries(GroupID(5), term: 9, keyID: 0xCAFF),
            Self.rows,
        ] {
            let key = Self.sealer.key(for: other)
            #expect(key.open(sealed[...], number: 300, beside: [1]) == nil)
            #expect(key.seal(Self.payload, number: 300, beside: [1]) != sealed)
        }
        let other = ShardSealer(key: Secret([UInt8](repeating: 1, count: 32)))
        #expect(other.key(for: Self.entries).open(sealed[...], number: 300, beside: [1]) == nil)
        #expect(other.fingerprint != Self.sealer.fingerprint)
    }

    @Test("no byte of it may be another, and none may be missing", arguments: [1, 16, 256, 4096])
    func changed(count: Int) {
        let key = Self.sealer.key(for: Self.rows)
        let plain = [UInt8](repeating: 0x5A, count: count)
        let sealed = key.seal(plain, number: .max, beside: [7])
        for place in stride(from: 0, to: sealed.count, by: max(1, count / 64)) {
            var bytes = sealed
            bytes[place] ^= 1
            #expect(key.open(bytes[...], number: .max, beside: [7]) == nil, "byte \(place)")
            #expect(key.open(sealed.prefix(place), number: .max, beside: [7]) == nil)
        }
        #expect(key.open((sealed + [0])[...], number: .max, beside: [7]) == nil)
    }

    @Test("vaults with one master key open what the others have sealed, and say nothing of it")
    func vaults() throws {
        let sealers = try [1, 1, 2].map { (byte: UInt8) in
            try ShardSealer(
                vault: SoftwareKeyVault(
                    environment: .development,
                    masterKey: Secret([UInt8](repeating: byte, count: 32)),
                    random: TestRandom(seed: UInt64(byte))))
        }
        let keys = sealers.map { $0.key(for: Self.entries) }
        let sealed = keys[0].seal(Self.payload, number: 1, beside: [])
        #expect(keys[1].open(sealed[...], number: 1, beside: []) == Self.payload)
        #expect(keys[2].open(sealed[...], number: 1, beside: []) == nil)
        #expect(sealers[0].fingerprint == sealers[1].fingerprint)
        #expect(sealers[0].fingerprint != sealers[2].fingerprint)
        #expect("\(sealers[0])" == "***")
        #expect(Mirror(reflecting: sealers[0]).children.isEmpty)
    }
}

import Primitives
import Synchronization
import Testing
import Vault

/// A seeded random source; class, because a source is shared.
final class TestRandom: RandomSource {
    private let state: Mutex<SeededRandom>

    init(seed: UInt64) {
        state = Mutex(SeededRandom(seed: seed))
    }

    func next() -> UInt64 { state.withLock { $0.next() } }
}

/// The worst source there is: it repeats itself at once.
struct StuckRandom: RandomSource {
    func next() -> UInt64 { 42 }
}

func secret(_ text: String) -> Secret<[UInt8]> { Secret(Array(text.utf8)) }

func text(_ secret: Secret<[UInt8]>) -> String {
    secret.reveal { String(decoding: $0, as: UTF8.self) }
}

func vault(
    key: UInt8 = 1, random: any RandomSource = TestRandom(seed: 1)
) throws(VaultError) -> SoftwareKeyVault {
    try SoftwareKeyVault(
        environment: .development, masterKey: Secret([UInt8](repeating: key, count: 32)),
        random: random)
}

let context = SealingContext(
    merchantID: "acct_1", paymentMethodID: "pm_1", jurisdiction: "eu", version: 1)

@Suite("Software key vault")
struct SoftwareKeyVaultTests {
    @Test(
        "What was sealed opens in its context",
        arguments: [0, 1, 16, 300, SealedBytes.plaintextByteCountMax])
    func roundTrip(byteCount: Int) throws {
        let vault = try vault()
        let plaintext = TestRandom(seed: 9).bytes(byteCount)
        let sealed = try vault.seal(Secret(plaintext), for: context)
        #expect(sealed.bytes.count == byteCount + 97)
        #expect(try vault.open(sealed, for: context).reveal { $0 } == plaintext)
    }

    @Test("More than the limit is not sealed")
    func tooLarge() throws {
        let byteCount = SealedBytes.plaintextByteCountMax + 1
        let vault = try vault()
        #expect(throws: VaultError.tooLarge(byteCount: byteCount)) {
            try vault.seal(Secret([UInt8](repeating: 0, count: byteCount)), for: context)
        }
    }

    @Test(
        "Another context opens nothing",
        arguments: [
            SealingContext(
                merchantID: "acct_2", paymentMethodID: "pm_1", jurisdiction: "eu", version: 1),
            SealingContext(
                merchantID: "acct_1", paymentMethodID: "pm_2", jurisdiction: "eu", version: 1),
            SealingContext(
                merchantID: "acct_1", paymentMethodID: "pm_1", jurisdiction: "us", version: 1),
            SealingContext(
                merchantID: "acct_1", paymentMethodID: "pm_1", jurisdiction: "eu", version: 2),
            SealingContext(
                merchantID: "acct_1p", paymentMethodID: "m_1", jurisdiction: "eu", version: 1),
            SealingContext(
                merchantID: "pm_1", paymentMethodID: "acct_1", jurisdiction: "eu", version: 1),
        ])
    func wrongContext(other: SealingContext) throws {
        let vault = try vault()
        let sealed = try vault.seal(secret("4242424242424242"), for: context)
        #expect(throws: VaultError.authenticationFailed) { try vault.open(sealed, for: other) }
    }

    @Test("A flipped bit anywhere is refused")
    func flippedBits() throws {
        let vault = try vault()
        let sealed = try vault.seal(secret("4242424242424242"), for: context)
        for index in sealed.bytes.indices {
            for bit in 0..<8 {
                var bytes = sealed.bytes
                bytes[index] ^= 1 << UInt8(bit)
                let expected: VaultError =
                    switch index {
                    case 0: .unsupportedVersion(bytes[0])
                    case 1..<9: .unknownKey
                    default: .authenticationFailed
                    }
                #expect(throws: expected) {
                    try vault.open(SealedBytes(bytes: bytes), for: context)
                }
            }
        }
    }

    @Test("Truncated, extended and exchanged parts are refused")
    func wrongShape() throws {
        let vault = try vault()
        let one = try vault.seal(secret("4242424242424242"), for: context).bytes
        let two = try vault.seal(secret("5555555555554444"), for: context).bytes
        for count in one.indices {
            #expect(throws: VaultError.self) {
                try vault.open(SealedBytes(bytes: Array(one.prefix(count))), for: context)
            }
        }
        for extra in [1, 16, SealedBytes.plaintextByteCountMax] {
            #expect(throws: VaultError.self) {
                let longer = one + [UInt8](repeating: 0, count: extra)
                return try vault.open(SealedBytes(bytes: longer), for: context)
            }
        }
        let mixed = Array(one[..<69] + two[69...])
        #expect(throws: VaultError.authenticationFailed) {
            try vault.open(SealedBytes(bytes: mixed), for: context)
        }
    }

    @Test("Another master key opens nothing, and says that the key is not there")
    func otherKey() throws {
        let sealed = try vault(key: 1).seal(secret("4242424242424242"), for: context)
        let other = try vault(key: 2)
        #expect(throws: VaultError.unknownKey) { try other.open(sealed, for: context) }
    }

    @Test("Sealing twice shows nothing of the equality, and the same seed seals the same")
    func freshKeys() throws {
        let vault = try vault()
        let one = try vault.seal(secret("4242424242424242"), for: context)
        let two = try vault.seal(secret("4242424242424242"), for: context)
        #expect(one.bytes[9...] != two.bytes[9...])
        #expect(Set([one, two].map { Array($0.bytes[21..<69]) }).count == 2)
        let again = try sealedAfresh()
        #expect(again == one)
    }

    private func sealedAfresh() throws -> SealedBytes {
        try vault().seal(secret("4242424242424242"), for: context)
    }

    @Test("A random source that repeats itself gives other plaintexts and contexts other keys")
    func stuckRandom() throws {
        let vault = try vault(random: StuckRandom())
        let one = try vault.seal(secret("4242424242424242"), for: context).bytes
        let two = try vault.seal(secret("4242424242424241"), for: context).bytes
        let same = try vault.seal(secret("4242424242424242"), for: context).bytes
        #expect(one == same)
        #expect(one[9..<21] != two[9..<21], "the wrapping nonce")
        #expect(one[21..<69] != two[21..<69], "the wrapped key")
        // The same key and nonce would give ciphertexts that differ in the last character alone.
        #expect(!zip(one[81..<96], two[81..<96]).allSatisfy { $0 == $1 })
    }

    @Test("Fingerprints differ by value, domain, scope and key, and are the same for the same")
    func fingerprints() throws {
        let one = try vault()
        let digests = [
            one.fingerprint(secret("4242424242424242"), domain: .cardNumber(scope: "acct_1")),
            one.fingerprint(secret("4242424242424241"), domain: .cardNumber(scope: "acct_1")),
            one.fingerprint(secret("4242424242424242"), domain: .cardNumber(scope: "acct_2")),
            one.fingerprint(
                secret("4242424242424242"), domain: .idempotentRequest(scope: "acct_1")),
            one.fingerprint(secret("24242424242424242"), domain: .cardNumber(scope: "acct_14")),
            try vault(key: 2).fingerprint(
                secret("4242424242424242"), domain: .cardNumber(scope: "acct_1")),
        ]
        #expect(Set(digests).count == digests.count)
        #expect(digests.allSatisfy { $0.bytes.count == KeyedDigest.byteCount })
        let again = try vault(random: TestRandom(seed: 77)).fingerprint(
            secret("4242424242424242"), domain: .cardNumber(scope: "acct_1"))
        #expect(again == digests[0])
        #expect(KeyedDigest(bytes: again.bytes) == again)
        #expect(KeyedDigest(bytes: Array(again.bytes.dropLast())) == nil)
    }

    @Test("Fingerprints are what they were: a change would part cards from their history")
    func pinnedFingerprint() throws {
        let digest = try vault().fingerprint(
            secret("4242424242424242"), domain: .cardNumber(scope: "acct_1"))
        let hexadecimal = digest.bytes.map {
            ($0 < 16 ? "0" : "") + String($0, radix: 16)
        }.joined()
        // The same by Python's hmac and hashlib.
        #expect(hexadecimal == "62fa20c96eda39fb430a8fdf015d4b389ac2e49d1e7c52ab88f9555daefc7c5a")
    }

    @Test("Random keys have 32 bytes and differ")
    func randomKeys() throws {
        let vault = try vault()
        let keys = (0..<10).map { _ in vault.randomKey().reveal { $0 } }
        #expect(Set(keys).count == 10)
        #expect(keys.allSatisfy { $0.count == 32 })
    }

    @Test("A master key of another length is refused")
    func wrongKeyLength() {
        for count in [0, 16, 31, 33] {
            #expect(throws: VaultError.invalidKey(byteCount: count)) {
                try SoftwareKeyVault(
                    environment: .development,
                    masterKey: Secret([UInt8](repeating: 1, count: count)),
                    random: StuckRandom())
            }
        }
    }

    @Test("Secrets and errors print nothing of what they guard")
    func printing() throws {
        let vault = try vault()
        let sealed = try vault.seal(secret("4242424242424242"), for: context)
        let opened = try vault.open(sealed, for: context)
        #expect("\(opened)" == "***")
        #expect(String(reflecting: opened) == "***")
        var dumped = ""
        dump(vault, to: &dumped)
        dump(opened, to: &dumped)
        #expect(!dumped.contains("- 52"), "no byte of the card number")
        #expect(!dumped.contains("- 1\n"), "no byte of the master key")
        #expect(text(opened) == "4242424242424242")
    }
}

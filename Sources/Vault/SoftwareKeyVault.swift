import Crypto
public import Primitives

/// A vault whose keys are in this process's memory: for development and simulation, where a
/// hardware module would be in production.
///
/// The form of sealed bytes, version 1:
///
///     offset   bytes
///     0        1      1, the version of the form
///     1        8      id of the master key, derived from it
///     9        12     nonce of the wrapping
///     21       48     data key, AES-256-GCM under the wrapping key (32 and its tag of 16)
///     69       12     nonce of the content
///     81       n+16   content, AES-256-GCM under the data key, with its tag
///
/// The context and the first 9 bytes are authenticated with both, so that a change anywhere, or
/// another context, opens nothing.
///
/// **Nonces.** GCM is lost when a key meets a nonce twice (NIST SP 800-38D, section 8). The
/// content's nonce comes from the injected random source, and its data key is new with every
/// sealing, so a repeated nonce alone is harmless. A simulated node that restarts may see its
/// random source repeat itself, so the data key is not the random bytes but a keyed digest of them,
/// the context and the plaintext: the same again only for the same plaintext in the same place,
/// where it shows that these are equal and no more. The wrapping key is long-lived; its nonce is a
/// keyed digest of the data key and context, so it repeats for another data key only by a collision
/// of 96 bits, which 2³² sealings under one master key leave below 2⁻³².
///
/// **What wiping cannot do.** Our buffers are overwritten, and swift-crypto overwrites its keys
/// when they go. Out of reach are the copies that Swift makes when it passes or grows an array,
/// what the optimiser leaves in registers and on the stack, swap and core dumps (the process turns
/// these off), and an overwrite that the optimiser takes for useless.
public final class SoftwareKeyVault: KeyVault {
    static let keyByteCount = 32

    private let wrappingKey: SymmetricKey
    private let derivationKey: SymmetricKey
    private let fingerprintKey: SymmetricKey
    private let shardKey: SymmetricKey
    private let keyID: [UInt8]
    private let random: any RandomSource

    /// A vault with a master key of 32 bytes that is given, as in simulation. `random` is the
    /// operating system's generator, or the simulation's.
    ///
    /// - Throws: `softwareVaultRefusedOutsideDevelopment`, `invalidKey`.
    public init(
        environment: DeploymentEnvironment, masterKey: Secret<[UInt8]>, random: any RandomSource
    ) throws(VaultError) {
        try Self.refuse(environment)
        let byteCount = masterKey.reveal { $0.count }
        guard byteCount == Self.keyByteCount else { throw .invalidKey(byteCount: byteCount) }
        let master = masterKey.reveal { SymmetricKey(data: $0) }
        wrappingKey = Self.derive("wrap", from: master)
        derivationKey = Self.derive("data key", from: master)
        fingerprintKey = Self.derive("fingerprint", from: master)
        shardKey = Self.derive("shards", from: master)
        keyID = unsafe Self.derive("key id", from: master).withUnsafeBytes {
            unsafe Array($0.prefix(SealedLayout.keyIDByteCount))
        }
        self.random = random
    }

    /// A vault with the master key in the file at `path`; made, readable by its owner only, if it
    /// does not exist. Losing the file loses everything sealed under it.
    ///
    /// - Throws: `softwareVaultRefusedOutsideDevelopment` before the file is looked at; `keyFile`,
    ///   `keyFileExposed`, `keyFileDamaged`.
    public convenience init(
        environment: DeploymentEnvironment, keyFile path: String, random: any RandomSource
    ) throws(VaultError) {
        try Self.refuse(environment)
        var masterKey = try KeyFile.readOrMake(path)
        defer { masterKey.wipe() }
        try self.init(environment: environment, masterKey: masterKey, random: random)
    }

    public func seal(
        _ plaintext: Secret<[UInt8]>, for context: SealingContext
    ) throws(VaultError) -> SealedBytes {
        let byteCount = plaintext.reveal { $0.count }
        guard byteCount <= SealedBytes.plaintextByteCountMax else {
            throw .tooLarge(byteCount: byteCount)
        }
        let header = [SealedLayout.version] + keyID
        let dataKey = dataKey(for: plaintext, context)
        var dataKeyBytes = unsafe dataKey.withUnsafeBytes { unsafe Array($0) }
        defer { wipe(&dataKeyBytes) }
        let wrapped = encrypt(
            dataKeyBytes, using: wrappingKey,
            nonce: wrappingNonce(for: dataKey, context),
            authenticating: Self.authenticated(.dataKey, header, context))
        let content = plaintext.reveal {
            encrypt(
                $0, using: dataKey,
                nonce: random.bytes(SealedLayout.nonceByteCount),
                authenticating: Self.authenticated(.content, header, context))
        }
        return SealedBytes(bytes: header + wrapped + content)
    }

    public func open(
        _ sealed: SealedBytes, for context: SealingContext
    ) throws(VaultError) -> Secret<[UInt8]> {
        let parts = try SealedLayout(sealed.bytes)
        guard parts.keyID.elementsEqual(keyID) else { throw .unknownKey }
        let header = Array(parts.header)
        var dataKeyBytes = try decrypt(
            parts.wrappedKey, using: wrappingKey,
            authenticating: Self.authenticated(.dataKey, header, context))
        defer { dataKeyBytes.wipe() }
        return try decrypt(
            parts.content, using: dataKeyBytes.reveal { SymmetricKey(data: $0) },
            authenticating: Self.authenticated(.content, header, context))
    }

    public func fingerprint(
        _ value: Secret<[UInt8]>, domain: FingerprintDomain
    ) -> KeyedDigest {
        var prefix = ByteWriter()
        prefix.write("sunny fingerprint 1")
        prefix.write(domain.purpose.rawValue)
        prefix.write(domain.scope)
        return value.reveal { value in
            var hash = HMAC<SHA256>(key: fingerprintKey)
            hash.update(data: prefix.bytes)
            hash.update(data: value)
            return KeyedDigest(bytes: Array(hash.finalize()))!
        }
    }

    /// From the injected random source, so that a simulation repeats itself.
    public func randomKey() -> Secret<[UInt8]> {
        Secret(random.bytes(Self.keyByteCount))
    }

    public func derivedKey(for purpose: KeyPurpose) -> Secret<[UInt8]> {
        switch purpose {
        case .shards: unsafe Secret(shardKey.withUnsafeBytes { unsafe Array($0) })
        }
    }

    private static func refuse(_ environment: DeploymentEnvironment) throws(VaultError) {
        switch environment {
        case .development: return
        case .production: throw .softwareVaultRefusedOutsideDevelopment
        }
    }

    /// A key for one use, so that no two uses meet (HKDF, RFC 5869).
    private static func derive(_ use: String, from master: SymmetricKey) -> SymmetricKey {
        HKDF<SHA256>.deriveKey(
            inputKeyMaterial: master, info: Array("sunny software vault 1 \(use)".utf8),
            outputByteCount: keyByteCount)
    }

    private func dataKey(
        for plaintext: Secret<[UInt8]>, _ context: SealingContext
    ) -> SymmetricKey {
        var prefix = ByteWriter()
        prefix.write("data key")
        prefix.write(random.bytes(Self.keyByteCount))
        context.write(to: &prefix)
        return plaintext.reveal { plaintext in
            var hash = HMAC<SHA256>(key: derivationKey)
            hash.update(data: prefix.bytes)
            hash.update(data: plaintext)
            return SymmetricKey(data: hash.finalize())
        }
    }

    private func wrappingNonce(
        for dataKey: SymmetricKey, _ context: SealingContext
    ) -> [UInt8] {
        var prefix = ByteWriter()
        prefix.write("wrapping nonce")
        context.write(to: &prefix)
        var hash = HMAC<SHA256>(key: derivationKey)
        hash.update(data: prefix.bytes)
        unsafe dataKey.withUnsafeBytes { unsafe hash.update(data: $0) }
        return Array(hash.finalize().prefix(SealedLayout.nonceByteCount))
    }

    private enum Part: UInt8 {
        case dataKey = 1
        case content = 2
    }

    private static func authenticated(
        _ part: Part, _ header: [UInt8], _ context: SealingContext
    ) -> [UInt8] {
        var writer = ByteWriter()
        writer.write("sunny sealed")
        writer.write(part.rawValue)
        writer.write(header)
        context.write(to: &writer)
        return writer.bytes
    }

    /// - Returns: nonce, ciphertext, tag.
    private func encrypt(
        _ plaintext: [UInt8], using key: SymmetricKey, nonce: [UInt8], authenticating: [UInt8]
    ) -> [UInt8] {
        do {
            let box = try AES.GCM.seal(
                plaintext, using: key, nonce: AES.GCM.Nonce(data: nonce),
                authenticating: authenticating)
            return nonce + Array(box.ciphertext) + Array(box.tag)
        } catch {
            // Nothing here depends on input: the key has 32 bytes and the nonce 12.
            preconditionFailure("AES-256-GCM refused to encrypt")
        }
    }

    private func decrypt(
        _ combined: ArraySlice<UInt8>, using key: SymmetricKey, authenticating: [UInt8]
    ) throws(VaultError) -> Secret<[UInt8]> {
        do {
            let box = try AES.GCM.SealedBox(combined: combined)
            var plaintext = try AES.GCM.open(box, using: key, authenticating: authenticating)
            defer { wipe(&plaintext) }
            return Secret(Array(plaintext))
        } catch {
            throw .authenticationFailed
        }
    }
}

/// Overwrites bytes in place. An array that somebody else holds too is copied first, and only the
/// copy overwritten: wipe what has one owner.
func wipe(_ bytes: inout some MutableCollection<UInt8>) {
    for index in bytes.indices { bytes[index] = 0 }
}

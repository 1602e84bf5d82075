import Crypto
public import Environment
package import Primitives

/// Seals what the shards of one jurisdiction write, whose nodes have vaults with one master key.
///
///     vault ── derivedKey ──▶ shard key ── HKDF: the use ──▶ key of the use
///     use    = "entries" ‖ group u32 ‖ term u64 ‖ key id u32, or "rows" ‖ group u32 ‖ life u64,
///              little-endian
///     sealed = AES-256-GCM(key of the use, nonce: 32 zero bits and the number, big-endian)
///              ‖ tag of 16 bytes
///
/// **Nonces.** GCM is lost when a key meets a nonce twice (NIST SP 800-38D, section 8). Entries:
/// the number is the index. A term has one leader, who fills each index once: he takes back nothing
/// of his own, and his disk has the term and his vote before anybody is asked for another, so that
/// after a restart he stands for a later term. A disk that was put back to an earlier day leads the
/// same term again with another key id, but for one time in 2³². Rows: a life counts them, and
/// draws the 64 bits that tell it from others. The simulator holds every node against this.
public struct ShardSealer: Sealer, CustomStringConvertible, CustomReflectable {
    public let fingerprint: UInt64
    private let shardKey: SymmetricKey

    /// A sealer whose keys come from a node's vault, which is asked once.
    ///
    /// - Throws: what the vault throws.
    public init(vault: any KeyVault) throws(VaultError) {
        var key = try vault.derivedKey(for: .shards)
        defer { key.wipe() }
        self.init(key: key)
    }

    /// A sealer over a key of 32 bytes.
    package init(key: Secret<[UInt8]>) {
        shardKey = key.reveal { SymmetricKey(data: $0) }
        let bytes = Self.derive(Array("fingerprint".utf8), from: shardKey, byteCount: 8)
        // 0 stands for nobody who seals.
        fingerprint = max(
            1,
            unsafe bytes.withUnsafeBytes { unsafe $0.reduce(UInt64(0)) { $0 << 8 | UInt64($1) } })
    }

    public func key(for use: SealingUse) -> any SealingKey {
        var bytes = unsafe Self.derive(use.bytes, from: shardKey, byteCount: 32).withUnsafeBytes {
            unsafe Array($0)
        }
        defer { wipe(&bytes) }
        return AESKey(bytes)
    }

    /// RFC 5869.
    private static func derive(
        _ use: [UInt8], from key: SymmetricKey, byteCount: Int
    ) -> SymmetricKey {
        HKDF<SHA256>.deriveKey(
            inputKeyMaterial: key, info: Array("sunny shard 1 ".utf8) + use,
            outputByteCount: byteCount)
    }

    public var description: String { "***" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension SealingUse {
    fileprivate var bytes: [UInt8] {
        var writer = ByteWriter()
        switch self {
        case .entries(let group, let term, let keyID):
            writer.writeRaw(Array("entries".utf8))
            writer.writeFixed(group.rawValue)
            writer.writeFixed(term)
            writer.writeFixed(keyID)
        case .rows(let group, let life):
            writer.writeRaw(Array("rows".utf8))
            writer.writeFixed(group.rawValue)
            writer.writeFixed(life)
        }
        return writer.bytes
    }
}

/// Where the parts of sealed bytes are; `SoftwareKeyVault` draws them.
struct SealedLayout {
    static let version: UInt8 = 1
    static let keyIDByteCount = 8
    static let nonceByteCount = 12
    private static let tagByteCount = 16
    private static let headerByteCount = 1 + keyIDByteCount
    private static let wrappedKeyByteCount =
        nonceByteCount + SoftwareKeyVault.keyByteCount + tagByteCount
    private static let byteCountMin =
        headerByteCount + wrappedKeyByteCount + nonceByteCount + tagByteCount

    /// Version and key id.
    let header: ArraySlice<UInt8>
    /// Nonce, ciphertext and tag of the data key.
    let wrappedKey: ArraySlice<UInt8>
    /// Nonce, ciphertext and tag of the content.
    let content: ArraySlice<UInt8>

    var keyID: ArraySlice<UInt8> { header.dropFirst() }

    init(_ bytes: [UInt8]) throws(VaultError) {
        guard let version = bytes.first else { throw .malformed }
        guard version == Self.version else { throw .unsupportedVersion(version) }
        guard bytes.count >= Self.byteCountMin,
            bytes.count - Self.byteCountMin <= SealedBytes.plaintextByteCountMax
        else { throw .malformed }
        header = bytes[..<Self.headerByteCount]
        wrappedKey = bytes[Self.headerByteCount...].prefix(Self.wrappedKeyByteCount)
        content = bytes[(Self.headerByteCount + Self.wrappedKeyByteCount)...]
    }
}

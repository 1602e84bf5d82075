import Crypto

/// SHA-256 (FIPS 180-4) of `message`: 32 bytes. For what is secret by its own length, such as an
/// API key; anything that can be guessed takes a keyed digest.
public func sha256Digest(of message: [UInt8]) -> [UInt8] {
    Array(SHA256.hash(data: message))
}

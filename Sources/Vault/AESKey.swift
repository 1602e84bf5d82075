import CCipher
import Environment
import Synchronization

/// AES-256-GCM under one key, by OpenSSL.
///
/// swift-crypto does the same, and is used wherever a key seals a few things. It expands the key
/// anew for each and allocates several times, which for an entry of 256 bytes takes some five times
/// as long as the cipher; here a key is expanded once.
final class AESKey: SealingKey {
    private static let keyByteCount = 32

    // Whoever holds a lock uses its context alone. They are seldom contended: of entries only the
    // loop has keys, and rows are sealed by one thread and opened by another.
    private let sealing: Mutex<CipherContext>
    private let opening: Mutex<CipherContext>

    /// - Parameter key: 32 bytes.
    init(_ key: [UInt8]) {
        precondition(key.count == Self.keyByteCount, "a key of \(key.count) bytes")
        sealing = Mutex(CipherContext(key, encrypts: true))
        opening = Mutex(CipherContext(key, encrypts: false))
    }

    func seal(_ payload: [UInt8], number: UInt64, beside: [UInt8]) -> [UInt8] {
        let sealed = sealing.withLock { context in
            unsafe [UInt8](unsafeUninitializedCapacity: payload.count + Seal.byteCount) {
                buffer, count in
                let output = buffer.baseAddress
                let isSealed =
                    unsafe context.begin(number, beside: beside)
                    && context.update(payload[...], into: output)
                    && context.finish()
                    && context.readTag(into: output?.advanced(by: payload.count))
                count = isSealed ? payload.count + Seal.byteCount : 0
            }
        }
        // Nothing of it depends on input: what is sealed is far below 2³¹ bytes.
        precondition(!sealed.isEmpty, "OpenSSL refused to encrypt \(payload.count) bytes")
        return sealed
    }

    func open(_ sealed: ArraySlice<UInt8>, number: UInt64, beside: [UInt8]) -> [UInt8]? {
        guard sealed.count >= Seal.byteCount else { return nil }
        let ciphertext = sealed.dropLast(Seal.byteCount)
        var isOpen = false
        var payload = opening.withLock { context in
            unsafe [UInt8](unsafeUninitializedCapacity: ciphertext.count) { buffer, count in
                isOpen =
                    unsafe context.begin(number, beside: beside)
                    && context.update(ciphertext, into: buffer.baseAddress)
                    && context.setTag(sealed.suffix(Seal.byteCount))
                    && context.finish()
                count = ciphertext.count
            }
        }
        // What did not authenticate is not to be seen.
        guard isOpen else {
            wipe(&payload)
            return nil
        }
        return payload
    }
}

/// The owner of a context of OpenSSL with a key in it, which it overwrites when it goes.
// Proof of `Sendable`: nobody else has the pointer, and it is used by one thread at a time, as the
// value cannot be copied.
@safe private struct CipherContext: ~Copyable, @unchecked Sendable {
    private let context: OpaquePointer

    init(_ key: [UInt8], encrypts: Bool) {
        guard let context = unsafe EVP_CIPHER_CTX_new(),
            unsafe EVP_CipherInit_ex(
                context, EVP_aes_256_gcm(), nil, key, nil, encrypts ? 1 : 0) == 1
        else { preconditionFailure("OpenSSL has no AES-256-GCM") }
        unsafe self.context = context
    }

    deinit { unsafe EVP_CIPHER_CTX_free(context) }

    /// Takes the nonce, 32 zero bits and the number, big-endian, and what is authenticated only.
    func begin(_ number: UInt64, beside: [UInt8]) -> Bool {
        var nonce = [UInt8](repeating: 0, count: 12)
        for place in 0..<8 {
            nonce[11 - place] = UInt8(truncatingIfNeeded: number >> UInt64(8 * place))
        }
        guard unsafe EVP_CipherInit_ex(context, nil, nil, nil, nonce, -1) == 1 else { return false }
        return unsafe update(beside[...], into: nil)
    }

    /// - Parameter output: nil for what stands beside.
    func update(_ input: ArraySlice<UInt8>, into output: UnsafeMutablePointer<UInt8>?) -> Bool {
        guard !input.isEmpty else { return true }
        var count: Int32 = 0
        return unsafe input.withUnsafeBufferPointer {
            unsafe EVP_CipherUpdate(context, output, &count, $0.baseAddress, Int32($0.count)) == 1
        }
    }

    /// False where what was opened is not what was sealed.
    func finish() -> Bool {
        var rest: UInt8 = 0
        var count: Int32 = 0
        return unsafe EVP_CipherFinal_ex(context, &rest, &count) == 1
    }

    func readTag(into output: UnsafeMutablePointer<UInt8>?) -> Bool {
        unsafe EVP_CIPHER_CTX_ctrl(
            context, EVP_CTRL_AEAD_GET_TAG, Int32(Seal.byteCount), output) == 1
    }

    func setTag(_ tag: ArraySlice<UInt8>) -> Bool {
        var tag = Array(tag)
        return unsafe EVP_CIPHER_CTX_ctrl(
            context, EVP_CTRL_AEAD_SET_TAG, Int32(Seal.byteCount), &tag) == 1
    }
}

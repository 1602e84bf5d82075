import COpenSSL
import Primitives

// Each C object has one owner, which frees it. Swift sees all of OpenSSL's types as one pointer
// type; these wrappers tell them apart. The pointer is good while the wrapper lives, which a borrow
// of it guarantees.

/// Bytes in memory as OpenSSL reads and writes them.
@safe struct MemoryBuffer: ~Copyable {
    let pointer: OpaquePointer

    init() {
        guard let made = unsafe BIO_new(BIO_s_mem()) else { outOfMemory() }
        unsafe pointer = unsafe made
    }

    /// Reads of bytes that somebody else keeps for as long as the buffer lives.
    init(reading bytes: UnsafeBufferPointer<UInt8>) {
        guard let made = unsafe BIO_new_mem_buf(bytes.baseAddress, Int32(bytes.count)) else {
            outOfMemory()
        }
        unsafe pointer = unsafe made
    }

    deinit { unsafe BIO_free(pointer) }

    var byteCount: Int { unsafe copenssl_pending(pointer) }

    /// All that is there; it is gone from the buffer.
    func take() -> [UInt8] { unsafe takeBytes(from: pointer) }

    /// As `take`, for secrets.
    func takeSecret() -> SensitiveBytes {
        var bytes = take()
        let secret = SensitiveBytes(copying: bytes)
        for index in bytes.indices { bytes[index] = 0 }
        return secret
    }
}

/// All bytes of a memory buffer; they are gone from it.
func takeBytes(from buffer: OpaquePointer) -> [UInt8] {
    let available = unsafe copenssl_pending(buffer)
    guard available > 0 else { return [] }
    return unsafe [UInt8](unsafeUninitializedCapacity: available) { part, count in
        // `part` has room for what is asked for, and `count` is set to what was written.
        unsafe BIO_read_ex(buffer, part.baseAddress, available, &count)
    }
}

/// Memory for a C object could not be had: like Swift, which ends the process then.
func outOfMemory() -> Never { fatalError("OpenSSL is out of memory") }

/// OpenSSL's record of what went wrong, one for each thread.
enum ErrorQueue {
    /// The first error, and the queue is emptied.
    struct Entry {
        let library: Int32
        let number: Int32
        /// A text of the library's.
        let reason: String
    }

    static func clear() { ERR_clear_error() }

    static func take() -> Entry? {
        let code = ERR_get_error()
        ERR_clear_error()
        guard code != 0 else { return nil }
        let text = unsafe ERR_reason_error_string(code).map { unsafe String(cString: $0) }
        return Entry(
            library: ERR_GET_LIB(code), number: ERR_GET_REASON(code),
            reason: text ?? "error \(code)")
    }

    /// What the library says, or that it says nothing.
    static func takeReason() -> String { take()?.reason ?? "no reason given" }
}

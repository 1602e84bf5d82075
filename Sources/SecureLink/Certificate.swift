import COpenSSL
public import Environment
import Glibc
public import Primitives

/// What a certificate says.
public struct CertificateFacts: Hashable, Sendable {
    /// The one node that it names; nil when it names none or several.
    public let identity: NodeIdentity?
    public let notBefore: Timestamp
    public let notAfter: Timestamp
    /// Whether it may sign others.
    public let isAuthority: Bool
    /// The number that its authority gave it, in lower-case hexadecimal digits.
    public let serial: String

    fileprivate init(_ certificate: Certificate) {
        identity = certificate.identity
        notBefore = certificate.notBefore
        notAfter = certificate.notAfter
        isAuthority = certificate.isAuthority
        serial = certificate.serial
    }

    /// Reads the first certificate in PEM. Nothing is verified.
    ///
    /// - Throws: `unreadableCertificate`.
    public init(pem: [UInt8]) throws(LinkCredentialError) {
        guard let certificate = Certificate.list(pem: pem)?.first else {
            throw .unreadableCertificate
        }
        self.init(certificate)
    }
}

/// The owner of a certificate, or of a reference to one.
@safe final class Certificate {
    let pointer: OpaquePointer

    /// Takes over a reference.
    init(owning pointer: OpaquePointer) { unsafe self.pointer = unsafe pointer }

    deinit { unsafe X509_free(pointer) }

    /// All certificates in PEM; nil when one cannot be read. Text between them does not count.
    static func list(pem: [UInt8]) -> [Certificate]? {
        ErrorQueue.clear()
        return unsafe pem.withUnsafeBufferPointer { bytes in
            let buffer = unsafe MemoryBuffer(reading: bytes)
            var list: [Certificate] = []
            while let made = unsafe PEM_read_bio_X509(buffer.pointer, nil, refusePassword, nil) {
                list.append(unsafe Certificate(owning: made))
            }
            guard let end = ErrorQueue.take(), end.library == ERR_LIB_PEM,
                end.number == PEM_R_NO_START_LINE
            else { return nil }
            return list
        }
    }

    var identity: NodeIdentity? { onlyURI.flatMap { NodeIdentity(uri: $0) } }
    var isAuthority: Bool { unsafe X509_check_ca(pointer) == 1 }
    var notBefore: Timestamp { unsafe timestamp(X509_get0_notBefore(pointer)) }
    var notAfter: Timestamp { unsafe timestamp(X509_get0_notAfter(pointer)) }

    var serial: String {
        guard let number = unsafe X509_get_serialNumber(pointer) else { return "" }
        // The bytes live as long as the certificate; they are copied.
        let bytes = unsafe UnsafeBufferPointer(
            start: ASN1_STRING_get0_data(number), count: Int(ASN1_STRING_length(number)))
        let digits = Array("0123456789abcdef")
        return unsafe bytes.reduce(into: "") { text, byte in
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
    }

    /// Whether the key is the one that it is for.
    func belongs(to key: PrivateKey) -> Bool {
        guard unsafe X509_check_private_key(pointer, key.pointer) == 1 else {
            ErrorQueue.clear()
            return false
        }
        return true
    }

    /// The one URI among the certificate's alternative names; nil when there are none or several.
    var onlyURI: String? {
        guard let extended = unsafe X509_get_ext_d2i(pointer, NID_subject_alt_name, nil, nil) else {
            ErrorQueue.clear()
            return nil
        }
        let names = OpaquePointer(extended)
        defer { unsafe GENERAL_NAMES_free(names) }
        var found: String?
        for index in 0..<(unsafe copenssl_name_count(names)) {
            guard let uri = unsafe copenssl_uri(names, index) else { continue }
            // The text lives as long as `names`; it is copied.
            let bytes = unsafe UnsafeBufferPointer(
                start: ASN1_STRING_get0_data(uri), count: Int(ASN1_STRING_length(uri)))
            guard found == nil, let text = unsafe String(validating: bytes, as: UTF8.self) else {
                return nil
            }
            found = text
        }
        return found
    }

    func pem() -> [UInt8] {
        let buffer = MemoryBuffer()
        guard unsafe PEM_write_bio_X509(buffer.pointer, pointer) == 1 else { outOfMemory() }
        return buffer.take()
    }

    /// A time that cannot be read is long ago, so that nothing is valid because of it.
    private func timestamp(_ time: UnsafePointer<ASN1_TIME>?) -> Timestamp {
        var parts = unsafe tm()
        guard unsafe ASN1_TIME_to_tm(time, &parts) == 1 else {
            ErrorQueue.clear()
            return Timestamp(milliseconds: .min)
        }
        return Timestamp(milliseconds: Int64(unsafe timegm(&parts)) * 1000)
    }
}

/// The owner of a private key.
@safe final class PrivateKey {
    let pointer: OpaquePointer

    /// Takes over a reference.
    init(owning pointer: OpaquePointer) { unsafe self.pointer = unsafe pointer }

    deinit { unsafe EVP_PKEY_free(pointer) }

    /// The first key in PEM; nil when there is none that can be read without a password.
    convenience init?(pem: SensitiveBytes) {
        ErrorQueue.clear()
        let made = unsafe pem.read { bytes in
            let buffer = unsafe MemoryBuffer(reading: bytes)
            return unsafe PEM_read_bio_PrivateKey(buffer.pointer, nil, refusePassword, nil)
        }
        guard let made = unsafe made else {
            ErrorQueue.clear()
            return nil
        }
        unsafe self.init(owning: made)
    }

    func pem() -> SensitiveBytes {
        let buffer = MemoryBuffer()
        guard
            unsafe PEM_write_bio_PKCS8PrivateKey(buffer.pointer, pointer, nil, nil, 0, nil, nil)
                == 1
        else { outOfMemory() }
        return buffer.takeSecret()
    }
}

/// OpenSSL would ask on the terminal.
private func refusePassword(
    _ buffer: UnsafeMutablePointer<CChar>?, _ size: Int32, _ isWriting: Int32,
    _ context: UnsafeMutableRawPointer?
) -> Int32 { -1 }

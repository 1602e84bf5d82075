import COpenSSL
package import Primitives
import Renewal

/// A public key, the proof that whoever sends it has the private one, and what is asked for: a
/// request of PKCS#10 (RFC 2986).
@safe final class CertificateRequest {
    private let pointer: OpaquePointer

    /// What stands before the two coordinates in an X.509 public key of P-256 that is written as
    /// ours are: algorithm and curve by name, and the point not compressed.
    private static let keyPrefix: [UInt8] = [
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08,
        0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
    ]
    private static let coordinatesByteCount = 64

    /// Reads a request in DER, behind which nothing follows; nil when it is none. Nothing in it is
    /// verified.
    init?(reading bytes: [UInt8]) {
        guard (1...SigningRules.requestByteCountMax).contains(bytes.count) else { return nil }
        ErrorQueue.clear()
        defer { ErrorQueue.clear() }
        let made = unsafe bytes.withUnsafeBufferPointer { bytes -> OpaquePointer? in
            var next = bytes.baseAddress
            guard let made = unsafe d2i_X509_REQ(nil, &next, bytes.count) else { return nil }
            guard unsafe next == bytes.baseAddress! + bytes.count else {
                unsafe X509_REQ_free(made)
                return nil
            }
            return unsafe made
        }
        guard let made = unsafe made else { return nil }
        unsafe pointer = unsafe made
    }

    deinit { unsafe X509_REQ_free(pointer) }

    /// What the rules look at. Verifies the signature, if the key is of the usual kind.
    func facts() -> SigningRequest {
        ErrorQueue.clear()
        defer { ErrorQueue.clear() }
        var asked = AskedNames()
        readSubject(into: &asked)
        readAttributes(into: &asked)
        let coordinates = coordinates()
        let isUsual = unsafe X509_REQ_get_signature_nid(pointer) == NID_ecdsa_with_SHA256
        var isProven = false
        if isUsual, coordinates != nil, let key = unsafe X509_REQ_get0_pubkey(pointer) {
            isProven = unsafe X509_REQ_verify(pointer, key) == 1
        }
        return SigningRequest(
            key: isUsual ? coordinates.map { .usual($0) } ?? .other : .other, isProven: isProven,
            commonNames: asked.commonNames, uris: asked.uris, asksForMore: asked.hasMore)
    }

    /// Those of a key of P-256; nil for every other.
    private func coordinates() -> [UInt8]? {
        let key = unsafe X509_REQ_get_X509_PUBKEY(pointer)
        let count = Self.keyPrefix.count + Self.coordinatesByteCount
        guard unsafe i2d_X509_PUBKEY(key, nil) == count else { return nil }
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            // There is room for `count`, which is what the call before has said it writes.
            var next = buffer.baseAddress
            filled = Int(unsafe i2d_X509_PUBKEY(key, &next))
        }
        guard bytes.starts(with: Self.keyPrefix) else { return nil }
        return Array(bytes[Self.keyPrefix.count...])
    }

    private struct AskedNames {
        var commonNames: [String] = []
        var uris: [String] = []
        var hasMore = false
    }

    private func readSubject(into asked: inout AskedNames) {
        let subject = unsafe X509_REQ_get_subject_name(pointer)
        for index in 0..<(unsafe X509_NAME_entry_count(subject)) {
            let entry = unsafe X509_NAME_get_entry(subject, index)
            guard unsafe OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry)) == NID_commonName,
                let value = unsafe X509_NAME_ENTRY_get_data(entry),
                let text = unsafe text(of: value)
            else {
                asked.hasMore = true
                continue
            }
            asked.commonNames.append(text)
        }
    }

    /// One attribute may be there, the request of extensions; of these only alternative names.
    private func readAttributes(into asked: inout AskedNames) {
        for index in 0..<(unsafe X509_REQ_get_attr_count(pointer)) {
            let attribute = unsafe X509_REQ_get_attr(pointer, index)
            let kind = unsafe OBJ_obj2nid(X509_ATTRIBUTE_get0_object(attribute))
            if kind != NID_ext_req { asked.hasMore = true }
        }
        guard let extensions = unsafe copenssl_requested_extensions(pointer) else { return }
        defer { unsafe copenssl_free_extensions(extensions) }
        for index in 0..<(unsafe copenssl_extension_count(extensions)) {
            let wanted = unsafe copenssl_extension(extensions, index)
            guard unsafe OBJ_obj2nid(X509_EXTENSION_get_object(wanted)) == NID_subject_alt_name,
                let read = unsafe X509V3_EXT_d2i(wanted)
            else {
                asked.hasMore = true
                continue
            }
            let names = OpaquePointer(read)
            defer { unsafe GENERAL_NAMES_free(names) }
            for index in 0..<(unsafe copenssl_name_count(names)) {
                if let uri = unsafe copenssl_uri(names, index), let text = unsafe text(of: uri) {
                    asked.uris.append(text)
                } else {
                    asked.hasMore = true
                }
            }
        }
    }

    /// As UTF-8; nil when it is not. The bytes live as long as the request, and are copied.
    private func text(of string: UnsafePointer<ASN1_STRING>) -> String? {
        let bytes = unsafe UnsafeBufferPointer(
            start: ASN1_STRING_get0_data(string), count: Int(ASN1_STRING_length(string)))
        return unsafe String(validating: bytes, as: UTF8.self)
    }

    /// Puts the key into a certificate that is being made; 1 when that is done.
    func setKey(of certificate: OpaquePointer) -> Int32 {
        unsafe X509_set_pubkey(certificate, X509_REQ_get0_pubkey(pointer))
    }

    /// A request for a key, without a name, in DER.
    static func make(for key: PrivateKey) throws(LinkCredentialError) -> [UInt8] {
        ErrorQueue.clear()
        guard let made = unsafe X509_REQ_new() else { outOfMemory() }
        defer { unsafe X509_REQ_free(made) }
        guard unsafe X509_REQ_set_version(made, 0) == 1,
            unsafe X509_REQ_set_pubkey(made, key.pointer) == 1,
            unsafe X509_REQ_sign(made, key.pointer, EVP_sha256()) > 0
        else { throw .library(reason: ErrorQueue.takeReason()) }
        let count = unsafe i2d_X509_REQ(made, nil)
        guard count > 0 else { throw .library(reason: ErrorQueue.takeReason()) }
        return unsafe [UInt8](unsafeUninitializedCapacity: Int(count)) { buffer, filled in
            // There is room for `count`, which is what the call before has said it writes.
            var next = buffer.baseAddress
            filled = Int(unsafe i2d_X509_REQ(made, &next))
        }
    }
}

/// A new key, and what to send to the signer for it.
package struct PreparedRequest: Sendable {
    /// In PEM.
    package let key: SensitiveBytes
    /// PKCS#10 in DER.
    package let request: [UInt8]

    /// Makes a key.
    ///
    /// - Throws: `library`.
    package init() throws(LinkCredentialError) {
        let key = try CertificateDraft.makeKey()
        self.key = key.pem()
        request = try CertificateRequest.make(for: key)
    }
}

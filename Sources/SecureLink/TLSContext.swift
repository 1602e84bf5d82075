import COpenSSL
import Environment
import Primitives
import Renewal

/// What all channels of one set of credentials share: the owner of an `SSL_CTX`.
//
// Proof of `Sendable`: nothing changes after `init`, before which nobody else has it. OpenSSL
// allows several threads to make connections of one `SSL_CTX` that is not changed any more
// (its manual, `openssl-threads`), and counts references to it atomically.
@safe final class TLSContext: @unchecked Sendable {
    let pointer: OpaquePointer
    let identity: NodeIdentity
    let life: CertificateLife

    /// A certificate chain in a handshake: ours are of one certificate under 1 KiB; a foreign
    /// authority may have two intermediates with long keys.
    private static let chainByteCountMax = 16_384
    /// Intermediates between a node's certificate and the authority.
    private static let intermediateCountMax: Int32 = 2
    /// 256 bits against those who record now and compute later.
    private static let cipherSuites = "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
    /// OpenSSL 3.0 has no hybrid with ML-KEM.
    private static let groups = "X25519:P-256"

    /// Checks the credentials, and that a peer with the same authorities would take them at `now`.
    init(_ credentials: LinkCredentials, now: Timestamp) throws(LinkCredentialError) {
        guard let chain = Certificate.list(pem: credentials.certificate), let own = chain.first
        else { throw .unreadableCertificate }
        guard let authorities = Certificate.list(pem: credentials.authorities),
            !authorities.isEmpty
        else { throw .unreadableAuthorities }
        guard let key = PrivateKey(pem: credentials.key) else { throw .unreadableKey }
        guard let identity = own.identity else { throw .noIdentity }
        guard own.belongs(to: key) else { throw .keyDoesNotMatch }
        guard let made = unsafe SSL_CTX_new(TLS_method()) else { outOfMemory() }
        unsafe pointer = unsafe made
        self.identity = identity
        life = CertificateLife(
            serial: own.serial, begin: own.notBefore, end: own.notAfter)
        try configure()
        try use(chain, key, authorities)
        try unsafe Self.check(chain, in: SSL_CTX_get_cert_store(made), now: now)
    }

    deinit { unsafe SSL_CTX_free(pointer) }

    private func configure() throws(LinkCredentialError) {
        ErrorQueue.clear()
        guard unsafe copenssl_only_tls13(pointer) == 1,
            unsafe SSL_CTX_set_ciphersuites(pointer, Self.cipherSuites) == 1,
            unsafe copenssl_set_groups(pointer, Self.groups) == 1
        else { throw .library(reason: ErrorQueue.takeReason()) }
        unsafe copenssl_set_no_resumption(pointer)
        unsafe copenssl_release_buffers(pointer)
        unsafe copenssl_set_certificates_byte_count_max(pointer, Self.chainByteCountMax)
        unsafe SSL_CTX_set_verify_depth(pointer, Self.intermediateCountMax)
        unsafe SSL_CTX_set_verify(
            pointer, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, verifyPeer)
    }

    private func use(
        _ chain: [Certificate], _ key: PrivateKey, _ authorities: [Certificate]
    ) throws(LinkCredentialError) {
        ErrorQueue.clear()
        // Each call adds a reference of its own.
        let store = unsafe SSL_CTX_get_cert_store(pointer)
        var isDone = unsafe SSL_CTX_use_certificate(pointer, chain[0].pointer) == 1
        isDone = unsafe isDone && SSL_CTX_use_PrivateKey(pointer, key.pointer) == 1
        for certificate in chain.dropFirst() {
            isDone =
                unsafe isDone && copenssl_add_chain_certificate(pointer, certificate.pointer) == 1
        }
        for authority in authorities {
            isDone = unsafe isDone && X509_STORE_add_cert(store, authority.pointer) == 1
        }
        guard isDone else { throw .library(reason: ErrorQueue.takeReason()) }
        unsafe X509_STORE_set_flags(store, UInt(X509_V_FLAG_X509_STRICT))
    }

    /// Verifies our own certificate as a dialler and as a listener.
    private static func check(
        _ chain: [Certificate], in store: OpaquePointer?, now: Timestamp
    ) throws(LinkCredentialError) {
        guard let intermediates = unsafe OPENSSL_sk_new_null() else { outOfMemory() }
        defer { unsafe OPENSSL_sk_free(intermediates) }
        for certificate in chain.dropFirst() {
            unsafe OPENSSL_sk_push(intermediates, UnsafeRawPointer(certificate.pointer))
        }
        for purpose in ["ssl_client", "ssl_server"] {
            guard let verification = unsafe X509_STORE_CTX_new() else { outOfMemory() }
            defer { unsafe X509_STORE_CTX_free(verification) }
            guard
                unsafe X509_STORE_CTX_init(verification, store, chain[0].pointer, intermediates)
                    == 1, unsafe X509_STORE_CTX_set_default(verification, purpose) == 1
            else { outOfMemory() }
            let parameters = unsafe X509_STORE_CTX_get0_param(verification)
            unsafe X509_VERIFY_PARAM_set_time(parameters, Int(now.seconds))
            guard unsafe X509_verify_cert(verification) != 1 else { continue }
            let code = unsafe X509_STORE_CTX_get_error(verification)
            ErrorQueue.clear()
            switch PeerVerification.error(code: code) {
            case .outsideValidity:
                throw .outsideValidity(
                    notBefore: chain[0].notBefore, notAfter: chain[0].notAfter)
            case .untrusted(let reason): throw .untrusted(reason: reason)
            case let other: throw .untrusted(reason: "\(other)")
            }
        }
    }
}

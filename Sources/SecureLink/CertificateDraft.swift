import COpenSSL
import Environment
import Primitives

/// Whose key a certificate is for.
enum SubjectKey {
    case made(PrivateKey)
    case requested(CertificateRequest)
}

/// A certificate that is being made.
@safe final class CertificateDraft {
    let notBefore: Timestamp
    let notAfter: Timestamp
    private let certificate: Certificate
    /// Who signs it; nil when it signs itself.
    private let issuer: Certificate?

    /// An X.509 certificate of version 3 with a serial number of 126 random bits, so that none
    /// comes twice.
    ///
    /// - Parameter authority: who will sign it, and whom it does not outlast; nil when it signs
    ///   itself.
    init(from now: Timestamp, for validity: Duration, issuer authority: Certificate? = nil) {
        issuer = authority
        let allowance = ClusterAuthority.clockAllowance(of: validity).wholeMilliseconds
        let begin = now.advanced(byMilliseconds: -allowance)
        let end = now.advanced(byMilliseconds: validity.wholeMilliseconds)
        notBefore = authority.map { max(begin, $0.notBefore) } ?? begin
        notAfter = authority.map { min(end, $0.notAfter) } ?? end
        guard let made = unsafe X509_new() else { outOfMemory() }
        certificate = unsafe Certificate(owning: made)
        var serial = [UInt8](repeating: 0, count: 16)
        // A generator without chance would make guessable keys as well.
        guard unsafe RAND_bytes(&serial, 16) == 1 else { fatalError("OpenSSL has no chance") }
        // Positive, and its length always the same.
        serial[0] = serial[0] & 0x3F | 0x40
        guard unsafe X509_set_version(made, 2) == 1,
            unsafe ASN1_STRING_set(X509_get_serialNumber(made), serial, 16) == 1,
            unsafe ASN1_TIME_set(X509_getm_notBefore(made), Int(notBefore.seconds)) != nil,
            unsafe ASN1_TIME_set(X509_getm_notAfter(made), Int(notAfter.seconds)) != nil
        else { outOfMemory() }
    }

    static func makeKey() throws(LinkCredentialError) -> PrivateKey {
        ErrorQueue.clear()
        guard let made = unsafe copenssl_make_p256_key() else {
            throw .library(reason: ErrorQueue.takeReason())
        }
        return unsafe PrivateKey(owning: made)
    }

    func setSubject(organization: String, name: String) throws(LinkCredentialError) {
        let subject = unsafe X509_get_subject_name(certificate.pointer)
        for (field, text) in [("O", organization), ("CN", name)] {
            let bytes = Array(text.utf8)
            let status = unsafe X509_NAME_add_entry_by_txt(
                subject, field, Int32(MBSTRING_UTF8), bytes, Int32(bytes.count), -1, 0)
            try require(status)
        }
    }

    func setKey(_ key: SubjectKey) throws(LinkCredentialError) {
        switch key {
        case .made(let key):
            try require(unsafe X509_set_pubkey(certificate.pointer, key.pointer))
        case .requested(let request):
            try require(unsafe request.setKey(of: certificate.pointer))
        }
    }

    /// Adds an extension in OpenSSL's notation, in which commas and colons have a meaning: `value`
    /// holds no text that was not checked for them.
    func add(_ identifier: Int32, _ value: String) throws(LinkCredentialError) {
        ErrorQueue.clear()
        var context = unsafe X509V3_CTX()
        let issuer = self.issuer ?? certificate
        unsafe X509V3_set_ctx(&context, issuer.pointer, certificate.pointer, nil, nil, 0)
        guard
            let made = unsafe X509V3_EXT_conf_nid(nil, &context, identifier, value)
        else { throw .library(reason: ErrorQueue.takeReason()) }
        defer { unsafe X509_EXTENSION_free(made) }
        // The certificate gets a copy.
        try require(unsafe X509_add_ext(certificate.pointer, made, -1))
    }

    /// Signs the certificate with its issuer's key, and gives it away.
    func sign(by key: PrivateKey) throws(LinkCredentialError) -> Certificate {
        let signer = issuer ?? certificate
        try require(
            unsafe X509_set_issuer_name(
                certificate.pointer, X509_get_subject_name(signer.pointer)))
        guard unsafe X509_sign(certificate.pointer, key.pointer, EVP_sha256()) > 0 else {
            throw .library(reason: ErrorQueue.takeReason())
        }
        return certificate
    }

    private func require(_ status: Int32) throws(LinkCredentialError) {
        guard status == 1 else { throw .library(reason: ErrorQueue.takeReason()) }
    }
}

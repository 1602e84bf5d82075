import COpenSSL
import Environment
import Primitives

/// What a channel asks of its peer's certificate beyond a chain to an authority, and what came of
/// it. Filled in within the handshake, so that a peer who is refused gets none of our bytes.
struct PeerVerification {
    let own: NodeIdentity
    /// The node that was dialled; nil for a listener.
    let dialled: String?
    private(set) var outcome: Result<VerifiedPeer, SecureChannelError>?

    init(own: NodeIdentity, dialled: String?) {
        self.own = own
        self.dialled = dialled
    }

    /// Takes OpenSSL's finding on the peer's certificate or one of its issuers'. Returns false to
    /// end the handshake.
    mutating func certificateChecked(isGood: Bool, _ context: OpaquePointer) -> Bool {
        guard isGood else {
            let code = unsafe X509_STORE_CTX_get_error(context)
            outcome = .failure(Self.error(code: code))
            return false
        }
        // The peer's own certificate comes last. Its issuers were found good before.
        guard unsafe X509_STORE_CTX_get_error_depth(context) == 0 else { return true }
        let result = unsafe peer(X509_STORE_CTX_get0_chain(context))
        outcome = result
        switch result {
        case .success: return true
        case .failure:
            unsafe X509_STORE_CTX_set_error(context, X509_V_ERR_CERT_REJECTED)
            return false
        }
    }

    private func peer(_ chain: OpaquePointer?) -> Result<VerifiedPeer, SecureChannelError> {
        var certificates: [Certificate] = []
        for index in 0..<(unsafe copenssl_certificate_count(chain)) {
            guard let pointer = unsafe copenssl_certificate(chain, index),
                unsafe X509_up_ref(pointer) == 1
            else { continue }
            certificates.append(unsafe Certificate(owning: pointer))
        }
        guard let identity = certificates.first?.identity,
            let validUntil = certificates.map({ $0.notAfter }).min()
        else { return .failure(.noIdentity) }
        guard identity.cluster == own.cluster else { return .failure(.otherCluster(identity)) }
        if let dialled, identity.name != dialled {
            return .failure(.otherNode(dialled: dialled, found: identity))
        }
        return .success(VerifiedPeer(identity: identity, validUntil: validUntil))
    }

    /// What a verification code of OpenSSL's means to us.
    static func error(code: Int32) -> SecureChannelError {
        switch code {
        case X509_V_ERR_CERT_HAS_EXPIRED, X509_V_ERR_CERT_NOT_YET_VALID: .outsideValidity
        default:
            unsafe .untrusted(reason: String(cString: X509_verify_cert_error_string(Int(code))))
        }
    }
}

/// OpenSSL's callback for each certificate of the peer's chain.
func verifyPeer(_ isGood: Int32, _ context: OpaquePointer?) -> Int32 {
    guard let context = unsafe context,
        let connection = unsafe X509_STORE_CTX_get_ex_data(
            context, SSL_get_ex_data_X509_STORE_CTX_idx()),
        let owner = unsafe copenssl_owner(OpaquePointer(connection))
    else { return 0 }
    // A channel made the connection, is its app data, and owns it: it is there while the connection
    // works, as only its own calls make it work.
    let channel = unsafe Unmanaged<TLSChannel>.fromOpaque(owner).takeUnretainedValue()
    return unsafe channel.certificateChecked(isGood: isGood == 1, context) ? 1 : 0
}

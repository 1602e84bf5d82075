import COpenSSL
import Environment
import Primitives

/// One end of a TLS 1.3 connection over memory: the owner of an `SSL`.
///
///     handshaking ──verified──▶ open ──close_notify, close()──▶ closed
///          └────────────────────┴──anything else──▶ failed
@safe final class TLSChannel: SecureChannel {
    private let ssl: OpaquePointer
    /// The two memory buffers belong to `ssl`.
    private let incoming: OpaquePointer
    private let outgoing: OpaquePointer
    private var verification: PeerVerification
    private(set) var state = SecureChannelState.handshaking

    /// What TLS adds to a record of at most 16 KiB: five bytes of header, one of type, 16 of tag.
    private static let recordByteCountMax = 16_384
    private static let recordOverhead = 22

    init(_ context: TLSContext, dialled: String?, now: Timestamp) {
        guard let ssl = unsafe SSL_new(context.pointer),
            let incoming = unsafe BIO_new(BIO_s_mem()), let outgoing = unsafe BIO_new(BIO_s_mem())
        else { outOfMemory() }
        unsafe self.ssl = unsafe ssl
        unsafe self.incoming = unsafe incoming
        unsafe self.outgoing = unsafe outgoing
        verification = PeerVerification(own: context.identity, dialled: dialled)
        // An empty buffer means "later", not "the end".
        unsafe BIO_ctrl(incoming, BIO_C_SET_BUF_MEM_EOF_RETURN, -1, nil)
        unsafe SSL_set_bio(ssl, incoming, outgoing)
        unsafe X509_VERIFY_PARAM_set_time(SSL_get0_param(ssl), Int(now.seconds))
        guard unsafe copenssl_set_owner(ssl, Unmanaged.passUnretained(self).toOpaque()) == 1
        else { outOfMemory() }
        if dialled == nil {
            unsafe SSL_set_accept_state(ssl)
        } else {
            unsafe SSL_set_connect_state(ssl)
            // The dialler's first bytes.
            _ = advanceHandshake()
        }
    }

    deinit { unsafe SSL_free(ssl) }

    // MARK: Receiving

    func receive(_ ciphertext: [UInt8]) -> [SecureChannelEvent] {
        switch state {
        case .handshaking, .open: break
        case .closed, .failed: return []
        }
        guard !ciphertext.isEmpty else { return [] }
        put(ciphertext)
        var events: [SecureChannelEvent] = []
        if case .handshaking = state {
            guard let event = advanceHandshake() else { return [] }
            events.append(event)
        }
        while case .open = state, let event = read() { events.append(event) }
        return events
    }

    func receiveEnd() -> [SecureChannelEvent] {
        switch state {
        case .handshaking, .open: [fail(.truncated)]
        case .closed, .failed: []
        }
    }

    private func put(_ ciphertext: [UInt8]) {
        var count = 0
        let isPut = unsafe BIO_write_ex(incoming, ciphertext, ciphertext.count, &count) == 1
        guard isPut, count == ciphertext.count else { outOfMemory() }
    }

    /// What came of the bytes so far; nil when more are needed.
    private func advanceHandshake() -> SecureChannelEvent? {
        ErrorQueue.clear()
        let status = unsafe SSL_do_handshake(ssl)
        guard status == 1 else { return end(status: status) }
        // OpenSSL does not get here without a certificate that `verification` has accepted.
        guard case .success(let peer)? = verification.outcome else {
            return fail(.noCertificate)
        }
        state = .open(peer)
        return .established(peer)
    }

    /// The plaintext of all whole records that are there, or the end; nil when more bytes are
    /// needed.
    private func read() -> SecureChannelEvent? {
        ErrorQueue.clear()
        // Looking at one byte opens the next record, and says how much there is.
        var byte: UInt8 = 0
        var count = 0
        guard unsafe SSL_peek_ex(ssl, &byte, 1, &count) == 1 else { return end(status: 0) }
        let bound = unsafe Int(SSL_pending(ssl)) + copenssl_pending(incoming)
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: bound) { buffer, filled in
            // `filled` bytes are initialized; a read writes no more than it is given room for.
            while filled < bound {
                var count = 0
                let status = unsafe SSL_read_ex(
                    ssl, buffer.baseAddress.map { unsafe $0 + filled }, bound - filled, &count)
                guard status == 1 else { break }
                filled += count
            }
        }
        return .received(bytes)
    }

    /// Why a call did not succeed; nil when it only needs more bytes.
    private func end(status: Int32) -> SecureChannelEvent? {
        let code = unsafe SSL_get_error(ssl, status)
        if code == SSL_ERROR_WANT_READ { return nil }
        if code == SSL_ERROR_ZERO_RETURN {
            guard case .open = state else { return fail(.refusedByPeer(alert: 0)) }
            state = .closed
            // Our own last word.
            unsafe SSL_shutdown(ssl)
            ErrorQueue.clear()
            return .closed
        }
        return fail(reason())
    }

    private func reason() -> SecureChannelError {
        let entry = ErrorQueue.take()
        if case .handshaking = state, case .failure(let error)? = verification.outcome {
            return error
        }
        guard let entry else { return .malformed(reason: "no reason given") }
        guard entry.library == ERR_LIB_SSL else { return .malformed(reason: entry.reason) }
        if entry.number == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE { return .noCertificate }
        // Reasons from here on are alerts that were received.
        if entry.number >= SSL_AD_REASON_OFFSET,
            let alert = UInt8(exactly: entry.number - SSL_AD_REASON_OFFSET)
        {
            return .refusedByPeer(alert: alert)
        }
        return .malformed(reason: entry.reason)
    }

    private func fail(_ error: SecureChannelError) -> SecureChannelEvent {
        state = .failed(error)
        return .failed(error)
    }

    /// Called by `verifyPeer` within `advanceHandshake`.
    func certificateChecked(isGood: Bool, _ context: OpaquePointer) -> Bool {
        unsafe verification.certificateChecked(isGood: isGood, context)
    }

    // MARK: Sending

    func send(_ plaintext: [UInt8]) -> Bool {
        guard case .open = state else { return false }
        guard !plaintext.isEmpty else { return true }
        let recordCount = plaintext.count / Self.recordByteCountMax + 1
        let added = plaintext.count + recordCount * Self.recordOverhead
        let waiting = unsafe copenssl_pending(outgoing)
        guard waiting + added <= SecureChannelLimits.outgoingByteCountMax else { return false }
        ErrorQueue.clear()
        var count = 0
        // A memory buffer takes everything.
        let status = unsafe SSL_write_ex(ssl, plaintext, plaintext.count, &count)
        guard status == 1, count == plaintext.count else {
            state = .failed(.library(reason: ErrorQueue.takeReason()))
            return false
        }
        return true
    }

    func takeOutgoing() -> [UInt8] { unsafe takeBytes(from: outgoing) }

    func close() {
        switch state {
        case .open:
            ErrorQueue.clear()
            unsafe SSL_shutdown(ssl)
            ErrorQueue.clear()
            state = .closed
        case .handshaking: state = .closed
        case .closed, .failed: break
        }
    }
}

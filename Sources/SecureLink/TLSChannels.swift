public import Environment
public import Primitives
public import Renewal
import Synchronization

/// TLS 1.3 between nodes, both of which show a certificate of the cluster's authority.
///
/// What a peer has to show: a chain to one of our authorities, valid at this machine's civil time,
/// for the use as TLS client or server; exactly one URI that is the SPIFFE ID of a node of our
/// cluster; and, to a dialler, the name that was dialled. All of it is checked within the
/// handshake. Nothing is resumed, so that it is checked for each connection.
public final class TLSChannels: SecureChannels {
    private let files: LinkCredentialFiles?
    private let wallTime: @Sendable () -> Timestamp
    private let context: Mutex<TLSContext>
    public let identity: NodeIdentity

    /// Channels with these credentials.
    ///
    /// - Throws: `LinkCredentialError` unless a peer with the same authorities would accept them.
    public init(
        _ credentials: LinkCredentials, wallTime: @escaping @Sendable () -> Timestamp
    ) throws(LinkCredentialError) {
        let context = try TLSContext(credentials, now: wallTime())
        files = nil
        self.wallTime = wallTime
        identity = context.identity
        self.context = Mutex(context)
    }

    /// Channels with the credentials in these files, which `reload` reads again. Blocks.
    ///
    /// - Throws: `LinkCredentialError`.
    public init(
        files: LinkCredentialFiles, wallTime: @escaping @Sendable () -> Timestamp
    ) throws(LinkCredentialError) {
        let context = try TLSContext(try LinkCredentials(files), now: wallTime())
        self.files = files
        self.wallTime = wallTime
        identity = context.identity
        self.context = Mutex(context)
    }

    /// When our own certificate ends.
    public var validUntil: Timestamp { life.end }

    /// Which certificate is in use, and for how long.
    public var life: CertificateLife { context.withLock { $0.life } }

    /// This machine's civil time.
    package var now: Timestamp { wallTime() }

    /// Takes new credentials for the channels that are made from now on; those that there are go on
    /// with the old ones. On an error the old ones stay in use. From any thread.
    ///
    /// - Throws: `LinkCredentialError`, `otherIdentity` among them: a node keeps its name.
    public func replaceCredentials(
        with credentials: LinkCredentials
    ) throws(LinkCredentialError) {
        let new = try check(credentials)
        context.withLock { $0 = new }
    }

    private func check(_ credentials: LinkCredentials) throws(LinkCredentialError) -> TLSContext {
        let new = try TLSContext(credentials, now: wallTime())
        guard new.identity == identity else {
            throw .otherIdentity(expected: identity, found: new.identity)
        }
        return new
    }

    /// Reads the files again, and replaces the credentials with what is there. Files that are being
    /// replaced are refused as `keyDoesNotMatch`; the next call finds them whole. Blocks.
    ///
    /// - Throws: `LinkCredentialError`.
    public func reload() throws(LinkCredentialError) {
        guard let files else { preconditionFailure("these credentials are not from files") }
        try replaceCredentials(with: try LinkCredentials(files))
    }

    /// Puts a certificate that the signer made, and its key, into the files, and takes them for the
    /// channels that are made from now on. A peer would accept them, or nothing is changed. Blocks.
    ///
    /// - Throws: `LinkCredentialError`.
    package func install(
        _ certificate: [UInt8], key: SensitiveBytes
    ) throws(LinkCredentialError) {
        guard let files else { preconditionFailure("these credentials are not from files") }
        guard let first = Certificate.list(pem: certificate)?.first else {
            throw .unreadableCertificate
        }
        // Written as we write it: text between the certificates does not get into the file.
        let new = LinkCredentials(
            certificate: first.pem(), key: key, authorities: try LinkCredentials.authorities(files))
        let context = try check(new)
        try new.writePair(to: files)
        self.context.withLock { $0 = context }
    }

    public func client(to name: String) -> sending any SecureChannel {
        TLSChannel(context.withLock { $0 }, dialled: name, now: wallTime())
    }

    public func server() -> sending any SecureChannel {
        TLSChannel(context.withLock { $0 }, dialled: nil, now: wallTime())
    }
}

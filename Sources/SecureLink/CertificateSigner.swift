public import Environment
public import Primitives
public import Renewal

/// A certificate that the signer has made.
public struct IssuedCertificate: Hashable, Sendable {
    /// Whose it is.
    public let identity: NodeIdentity
    /// In PEM.
    public let certificate: [UInt8]
    /// In lower-case hexadecimal digits.
    public let serial: String
    public let validUntil: Timestamp
}

/// What became of a request.
public enum SigningOutcome: Hashable, Sendable {
    case issued(IssuedCertificate)
    case refused(SignerRefusal)
    /// The signer could not; the node is only told that.
    case failed(LinkCredentialError)
}

/// Gives certificates to nodes that have one: the part of the signer that has the authority's key.
public struct CertificateSigner: Sendable {
    /// The region of the authority's own names, which no node has.
    public static var region: String { SigningRules.reservedRegion }
    /// What the signer is called there.
    public static let name = "signer"

    /// The signer's name in the cluster; nodes ask nobody else.
    public static func identity(ofCluster cluster: String) -> NodeIdentity? {
        NodeIdentity(cluster: cluster, region: region, name: name)
    }

    public let authority: ClusterAuthority
    /// Of the certificates that it makes.
    public let validity: Duration

    /// - Parameter validity: from the moment of issue on; no certificate outlasts its authority.
    public init(authority: ClusterAuthority, validity: Duration) {
        self.authority = authority
        self.validity = validity
    }

    /// What the signer shows to nodes: a key of its own, made now and kept nowhere, so that only
    /// whoever has the authority's key can be the signer.
    ///
    /// - Throws: `cannotIssue` when the authority is over; `library`.
    package func ownCredentials(now: Timestamp) throws(LinkCredentialError) -> LinkCredentials {
        guard let own = Self.identity(ofCluster: authority.cluster) else {
            throw .cannotIssue(what: "cluster name")
        }
        return try authority.issue(to: own, validity: Self.ownValidity, now: now)
    }

    /// A day, renewed by itself before.
    private static let ownValidity = Duration.seconds(86_400)

    /// Reads a request: what the rules look at, or nil when it is none. Blocks for a verification.
    package static func read(_ request: [UInt8]) -> SigningRequest? {
        CertificateRequest(reading: request)?.facts()
    }

    /// Makes a certificate for the node under whose name the channel was verified. Blocks for a
    /// signature. Only for what `SigningRules` has let pass.
    package func sign(
        _ request: [UInt8], of peer: VerifiedPeer, now: Timestamp
    ) -> SigningOutcome {
        // Read anew rather than carried from thread to thread.
        guard let read = CertificateRequest(reading: request) else { return .refused(.malformed) }
        do throws(LinkCredentialError) {
            return .issued(
                try authority.issue(to: peer.identity, for: read, validity: validity, now: now))
        } catch {
            return .failed(error)
        }
    }
}

extension SigningPeer {
    /// What the rules look at.
    package init(_ peer: VerifiedPeer) {
        self.init(
            uri: peer.identity.uri, region: peer.identity.region, name: peer.identity.name,
            validUntil: peer.validUntil)
    }
}

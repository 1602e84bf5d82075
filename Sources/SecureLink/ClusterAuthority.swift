import COpenSSL
public import Environment
public import Primitives

/// A cluster's own authority, for development and small installations: a key and a certificate that
/// signs those of nodes. Where there is another one, such as SPIRE, nodes take its files instead.
///
/// Keys are of P-256 (ECDSA, SHA-256). The authority's certificate names the cluster by the URI
/// `spiffe://<cluster>`, a node's its node by the URI of `NodeIdentity`.
public struct ClusterAuthority: Sendable {
    /// Ten years: changing it touches every node, and its end would stop the cluster.
    public static let validity = Duration.days(3652)
    /// Ninety days: a lost key is of no use after them, and nobody has to renew at night.
    public static let nodeValidity = Duration.days(90)
    /// Certificates begin an hour before they are made, for nodes whose clocks are behind; short
    /// ones a tenth of their validity, so that most of it is not over when it begins.
    static func clockAllowance(of validity: Duration) -> Duration {
        min(.seconds(3600), validity / 10)
    }

    public let cluster: String
    /// In PEM.
    public let certificate: [UInt8]
    /// In PEM, not encrypted.
    public let key: SensitiveBytes

    /// Makes an authority.
    ///
    /// - Throws: `cannotIssue` when the cluster's name is none, see `NodeIdentity`; `library`.
    public static func make(
        cluster: String, now: Timestamp
    ) throws(LinkCredentialError) -> ClusterAuthority {
        guard NodeIdentity(cluster: cluster, region: "r", name: "n") != nil else {
            throw .cannotIssue(what: "cluster name")
        }
        let key = try CertificateDraft.makeKey()
        let draft = CertificateDraft(from: now, for: validity)
        try draft.setSubject(organization: "Sunny", name: cluster)
        try draft.add(NID_basic_constraints, "critical,CA:TRUE,pathlen:0")
        try draft.add(NID_key_usage, "critical,keyCertSign,cRLSign")
        try draft.setKey(.made(key))
        try draft.add(NID_subject_key_identifier, "hash")
        try draft.add(NID_subject_alt_name, "URI:spiffe://\(cluster)")
        let certificate = try draft.sign(by: key)
        return ClusterAuthority(
            cluster: cluster, certificate: certificate.pem(), key: key.pem())
    }

    private init(cluster: String, certificate: [UInt8], key: SensitiveBytes) {
        self.cluster = cluster
        self.certificate = certificate
        self.key = key
    }

    /// An authority that was made before.
    ///
    /// - Throws: `unreadableCertificate`, `unreadableKey`, `keyDoesNotMatch`, or `cannotIssue` when
    ///   it is no authority of a cluster.
    public init(certificate: [UInt8], key: SensitiveBytes) throws(LinkCredentialError) {
        let (own, ownKey) = try Self.read(certificate, key)
        let prefix = "spiffe://"
        guard own.isAuthority, let uri = own.onlyURI, uri.hasPrefix(prefix),
            case let cluster = String(uri.dropFirst(prefix.count)),
            NodeIdentity(cluster: cluster, region: "r", name: "n") != nil
        else { throw .cannotIssue(what: "certificate of no authority") }
        guard own.belongs(to: ownKey) else { throw .keyDoesNotMatch }
        self.init(cluster: cluster, certificate: certificate, key: key)
    }

    private static func read(
        _ certificate: [UInt8], _ key: SensitiveBytes
    ) throws(LinkCredentialError) -> (Certificate, PrivateKey) {
        guard let own = Certificate.list(pem: certificate)?.first else {
            throw .unreadableCertificate
        }
        guard let ownKey = PrivateKey(pem: key) else { throw .unreadableKey }
        return (own, ownKey)
    }

    /// Makes a key and a certificate for a node of the cluster.
    ///
    /// - Parameters:
    ///   - hostNames: DNS names that it may carry besides; `*` is none.
    ///   - addresses: numeric IPv4 or IPv6 addresses that it may carry besides.
    ///   - validity: from now on, cut to the authority's own.
    /// - Throws: `cannotIssue` for a node of another cluster or a name or address that is none, or
    ///   when nothing of the validity is left; `library`.
    public func issue(
        to identity: NodeIdentity, hostNames: [String] = [], addresses: [String] = [],
        validity: Duration = nodeValidity, now: Timestamp
    ) throws(LinkCredentialError) -> LinkCredentials {
        guard hostNames.allSatisfy(Self.isHostName) else { throw .cannotIssue(what: "host name") }
        guard addresses.allSatisfy(Self.isAddress) else { throw .cannotIssue(what: "address") }
        let key = try CertificateDraft.makeKey()
        let others = hostNames.map { "DNS:\($0)" } + addresses.map { "IP:\($0)" }
        let signed = try sign(identity, .made(key), others, validity, now)
        return LinkCredentials(
            certificate: signed.pem(), key: key.pem(), authorities: certificate)
    }

    /// Makes a certificate for a key that a node of the cluster has made itself.
    ///
    /// - Throws: as `issue(to:hostNames:addresses:validity:now:)`.
    func issue(
        to identity: NodeIdentity, for request: CertificateRequest, validity: Duration,
        now: Timestamp
    ) throws(LinkCredentialError) -> IssuedCertificate {
        let signed = try sign(identity, .requested(request), [], validity, now)
        return IssuedCertificate(
            identity: identity, certificate: signed.pem(), serial: signed.serial,
            validUntil: signed.notAfter)
    }

    /// - Parameter others: names besides the identity, in OpenSSL's notation.
    private func sign(
        _ identity: NodeIdentity, _ key: SubjectKey, _ others: [String], _ validity: Duration,
        _ now: Timestamp
    ) throws(LinkCredentialError) -> Certificate {
        guard identity.cluster == cluster else { throw .cannotIssue(what: "other cluster") }
        let (own, ownKey) = try Self.read(certificate, self.key)
        let draft = CertificateDraft(from: now, for: validity, issuer: own)
        guard draft.notAfter > draft.notBefore else { throw .cannotIssue(what: "validity") }
        try draft.setSubject(organization: "Sunny", name: identity.name)
        try draft.setKey(key)
        try draft.add(NID_basic_constraints, "critical,CA:FALSE")
        try draft.add(NID_key_usage, "critical,digitalSignature")
        try draft.add(NID_ext_key_usage, "serverAuth,clientAuth")
        try draft.add(NID_subject_key_identifier, "hash")
        try draft.add(NID_authority_key_identifier, "keyid:always")
        let names = ["URI:\(identity.uri)"] + others
        try draft.add(NID_subject_alt_name, names.joined(separator: ","))
        return try draft.sign(by: ownKey)
    }

    /// Letters, digits, hyphens and dots: nothing that has a meaning where names are put together.
    private static func isHostName(_ text: String) -> Bool {
        (1...253).contains(text.utf8.count)
            && text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
                (1...63).contains(label.utf8.count)
                    && label.utf8.allSatisfy { byte in
                        byte == UInt8(ascii: "-") || Base62.value(of: byte) != nil
                    }
            }
    }

    private static func isAddress(_ text: String) -> Bool {
        guard text.utf8.count <= 45, let parsed = unsafe a2i_IPADDRESS(text) else {
            ErrorQueue.clear()
            return false
        }
        unsafe ASN1_OCTET_STRING_free(parsed)
        return true
    }
}

extension ClusterAuthority {
    /// Writes `authority.crt` and `authority.key` to a folder, which is made if there is none, for
    /// its owner only. Blocks.
    ///
    /// - Throws: `file`.
    public func write(to folder: String) throws(LinkCredentialError) {
        try CredentialFile.makeFolder(folder)
        try CredentialFile.write(key, to: folder + "/authority.key")
        try CredentialFile.write(
            SensitiveBytes(copying: certificate), to: folder + "/authority.crt")
    }

    /// Reads what `write` wrote. Blocks.
    ///
    /// - Throws: `file`, `keyExposed`, and what `init` throws.
    public init(folder: String) throws(LinkCredentialError) {
        let key = try CredentialFile.read(folder + "/authority.key", isSecret: true)
        let certificate = try CredentialFile.read(folder + "/authority.crt", isSecret: false)
        try self.init(certificate: certificate.copyOfBytes, key: key)
    }
}

extension Duration {
    fileprivate static func days(_ count: Int64) -> Duration { .seconds(count * 86_400) }
}

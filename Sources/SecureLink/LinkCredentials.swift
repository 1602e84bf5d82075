public import Environment
public import Primitives

/// Why a node's certificate, key and authorities cannot be used. Whoever had others before goes on
/// with those.
public enum LinkCredentialError: Error, Hashable, Sendable {
    /// A file could not be read or written; `operation` is the system call.
    case file(path: String, operation: StaticName, reason: String)
    /// Others than its owner may read the file with the key.
    case keyExposed(path: String)
    /// A file longer than certificates and keys are.
    case fileTooLong(path: String, maximum: Int)
    /// No certificate of a node was found, or something that is none.
    case unreadableCertificate
    /// No key was found, or one that is encrypted or damaged.
    case unreadableKey
    /// No certificate of an authority was found, or something that is none.
    case unreadableAuthorities
    /// The key is not that of the certificate. Also what one sees while files are being replaced.
    case keyDoesNotMatch
    /// The certificate does not name exactly one node.
    case noIdentity
    /// The certificate is over, or has not begun.
    case outsideValidity(notBefore: Timestamp, notAfter: Timestamp)
    /// The certificate does not lead to one of the authorities; `reason` is the library's word.
    case untrusted(reason: String)
    /// The certificate is that of another node than before.
    case otherIdentity(expected: NodeIdentity, found: NodeIdentity)
    /// What was asked of an authority is not its to sign.
    case cannotIssue(what: StaticName)
    /// The library failed; `reason` is its word.
    case library(reason: String)
}

/// Where a node's credentials are kept, in PEM.
public struct LinkCredentialFiles: Hashable, Sendable {
    /// The node's certificate, and behind it those of intermediate authorities, if there are any.
    public let certificate: String
    /// The node's key, not encrypted and for its owner only.
    public let key: String
    /// The authorities that are trusted: the cluster's, and a new one beside it while it changes.
    public let authorities: String

    public init(certificate: String, key: String, authorities: String) {
        self.certificate = certificate
        self.key = key
        self.authorities = authorities
    }

    /// The names that `ClusterAuthority` gives to the files of a node in its folder.
    public init(folder: String) {
        self.init(
            certificate: folder + "/node.crt", key: folder + "/node.key",
            authorities: folder + "/authority.crt")
    }
}

/// A node's certificate, its key and whom it trusts, in PEM.
public struct LinkCredentials: Sendable {
    public let certificate: [UInt8]
    public let key: SensitiveBytes
    public let authorities: [UInt8]

    public init(certificate: [UInt8], key: SensitiveBytes, authorities: [UInt8]) {
        self.certificate = certificate
        self.key = key
        self.authorities = authorities
    }

    /// Reads the three files. Blocks.
    ///
    /// - Throws: `file`, `keyExposed`, `fileTooLong`.
    public init(_ files: LinkCredentialFiles) throws(LinkCredentialError) {
        let certificate = try CredentialFile.read(files.certificate, isSecret: false)
        let authorities = try CredentialFile.read(files.authorities, isSecret: false)
        let key = try CredentialFile.read(files.key, isSecret: true)
        self.init(
            certificate: certificate.copyOfBytes, key: key,
            authorities: authorities.copyOfBytes)
    }
}

extension LinkCredentials {
    /// Replaces the three files, each at once and for its owner only, the certificate last. Blocks.
    ///
    /// - Throws: `file`.
    public func write(to files: LinkCredentialFiles) throws(LinkCredentialError) {
        try CredentialFile.write(SensitiveBytes(copying: authorities), to: files.authorities)
        try CredentialFile.write(key, to: files.key)
        try CredentialFile.write(SensitiveBytes(copying: certificate), to: files.certificate)
    }
}

extension SensitiveBytes {
    /// For what turned out to be no secret.
    var copyOfBytes: [UInt8] { unsafe read { bytes in unsafe Array(bytes) } }
}

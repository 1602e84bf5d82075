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

    /// Where a new key waits for its certificate; see `LinkCredentials.writePair`.
    package var nextKey: String { key + ".next" }

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
        let certificate = try CredentialFile.read(files.certificate, isSecret: false).copyOfBytes
        let authorities = try Self.authorities(files)
        let next = Self.nextKey(of: certificate, files)
        let key: SensitiveBytes
        if let next { key = next } else { key = try CredentialFile.read(files.key, isSecret: true) }
        self.init(certificate: certificate, key: key, authorities: authorities)
    }

    static func authorities(_ files: LinkCredentialFiles) throws(LinkCredentialError) -> [UInt8] {
        try CredentialFile.read(files.authorities, isSecret: false).copyOfBytes
    }
}

// Certificate and key are two files, and are replaced as one:
//
//     1. the new key is written beside the old one, as <key>.next
//     2. the new certificate takes the old one's place by one rename: from here on the pair is new
//     3. <key>.next takes the old key's place
//
// Whoever reads takes <key>.next if it is that of the certificate, and the key otherwise. A process
// that ends between two steps leaves the old pair before 2 and the new one from then on.

extension LinkCredentials {
    /// Replaces the three files, for their owner only, the authorities first. Blocks.
    ///
    /// - Throws: `file`.
    public func write(to files: LinkCredentialFiles) throws(LinkCredentialError) {
        try CredentialFile.write(SensitiveBytes(copying: authorities), to: files.authorities)
        try writePair(to: files)
    }

    /// Replaces certificate and key: after a loss of power both are the old ones or both the new
    /// ones. Blocks.
    ///
    /// - Throws: `file`.
    func writePair(to files: LinkCredentialFiles) throws(LinkCredentialError) {
        // What ended between 2 and 3 is finished first: its key would be overwritten.
        if let old = try? CredentialFile.read(files.certificate, isSecret: false).copyOfBytes,
            Self.nextKey(of: old, files) != nil
        {
            try CredentialFile.rename(files.nextKey, to: files.key)
        }
        try CredentialFile.write(key, to: files.nextKey)
        try CredentialFile.write(SensitiveBytes(copying: certificate), to: files.certificate)
        try CredentialFile.rename(files.nextKey, to: files.key)
    }

    /// The key that was written beside the old one, if it is the certificate's.
    private static func nextKey(
        of certificate: [UInt8], _ files: LinkCredentialFiles
    ) -> SensitiveBytes? {
        guard let pem = try? CredentialFile.read(files.nextKey, isSecret: true),
            let key = PrivateKey(pem: pem),
            let own = Certificate.list(pem: certificate)?.first, own.belongs(to: key)
        else { return nil }
        return pem
    }
}

extension SensitiveBytes {
    /// For what turned out to be no secret.
    var copyOfBytes: [UInt8] { unsafe read { bytes in unsafe Array(bytes) } }
}

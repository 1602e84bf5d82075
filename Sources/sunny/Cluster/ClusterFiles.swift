import Environment
import Node
import Operations
import Primitives
import SecureLink
import Transport
import Vault

/// Makes what the nodes of a cluster share, and what each has for itself.
enum ClusterFiles {
    /// The cluster's authority in `folder`, which is made there if it is not.
    static func authority(
        of cluster: String, in folder: String
    ) throws(CommandFailure) -> ClusterAuthority {
        do throws(LinkCredentialError) {
            if Files.exists(folder + "/authority.key") {
                return try ClusterAuthority(folder: folder)
            }
            let authority = try ClusterAuthority.make(cluster: cluster, now: CivilClock.now)
            try authority.write(to: folder)
            return authority
        } catch {
            throw failure(error, folder)
        }
    }

    /// Puts a new certificate with a new key into a node's folder.
    static func issue(
        to name: String, region: String, by authority: ClusterAuthority, for validity: Duration,
        into folder: String
    ) throws(CommandFailure) {
        let identity = NodeIdentity(cluster: authority.cluster, region: region, name: name)
        guard let identity else { throw failure(.cannotIssue(what: "name"), folder) }
        try Files.makeFolder(folder)
        do throws(LinkCredentialError) {
            try authority.issue(to: identity, validity: validity, now: CivilClock.now)
                .write(to: LinkCredentialFiles(folder: folder))
        } catch {
            throw failure(error, folder)
        }
    }

    /// Makes the key that cards are sealed under, unless it is there.
    static func makeVaultKey(at path: String) throws(CommandFailure) {
        do throws(VaultError) {
            _ = try SoftwareKeyVault(
                environment: .development, keyFile: path, random: SystemRandom())
        } catch {
            throw CommandFailure(
                .badConfiguration, "\(error)", at: path, remedy: "look at the file and its owner")
        }
    }

    /// Lets a member begin with an empty data folder, once.
    static func allowFirstStart(in dataDirectory: String) throws(CommandFailure) {
        try Files.makeFolder(dataDirectory)
        try Files.write("", to: NodeSeat.markPath(in: dataDirectory))
    }

    /// Refuses the text of a new node's file as the node would: nothing of it is written then, so
    /// that it is what was asked for that is wrong.
    static func check(_ text: String, at path: String) throws(CommandFailure) {
        do {
            _ = try NodeFile(path: path, text: text)
        } catch {
            throw CommandFailure(
                .usage, "the node's file would be wrong: \(error.what)", remedy: error.remedy)
        }
    }

    /// A number of a cluster that no other has: 63 random bits, never 0.
    static func newClusterID() -> ClusterID {
        ClusterID(SystemRandom().next() >> 1 | 1)
    }

    private static func failure(_ error: LinkCredentialError, _ folder: String) -> CommandFailure {
        let (what, remedy) = NodeCertificate.explain(error, LinkCredentialFiles(folder: folder))
        return CommandFailure(.badConfiguration, what, at: folder, remedy: remedy)
    }
}

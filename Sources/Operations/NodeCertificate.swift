import Cluster
import Environment
public import Primitives
public import SecureLink
import Topology

/// Reads the certificate that a node's file names, and checks it as its peers will.
public enum NodeCertificate {
    /// From how long before its end on a node warns.
    public static let warningMilliseconds: Int64 = 30 * 86_400_000

    /// The channels of a node; nil for one that is alone. Blocks.
    ///
    /// - Throws: `CommandFailure` of `badConfiguration` when a file is missing, the certificate is
    ///   not valid now, or is another node's.
    public static func channels(
        of file: NodeFile, wallTime: @escaping @Sendable () -> Timestamp
    ) throws(CommandFailure) -> TLSChannels? {
        guard let credentials = file.credentials else { return nil }
        let channels: TLSChannels
        do {
            channels = try TLSChannels(files: credentials.files, wallTime: wallTime)
        } catch {
            throw failure(error, credentials)
        }
        let own = file.plan.own.profile
        let expected = NodeIdentity(cluster: file.clusterName, region: own.region, name: own.name)
        guard channels.identity == expected else {
            throw failure(
                .otherIdentity(expected: expected!, found: channels.identity), credentials)
        }
        return channels
    }

    /// What is wrong, and what to do about it.
    static func failure(
        _ error: LinkCredentialError, _ credentials: NodeFile.Credentials
    ) -> CommandFailure {
        let (what, remedy) = explain(error, credentials.files)
        return CommandFailure(
            .badConfiguration, "cluster.tls: \(what)", at: credentials.place, remedy: remedy)
    }

    /// What happened, in words, and what helps.
    public static func explain(
        _ error: LinkCredentialError, _ files: LinkCredentialFiles
    ) -> (what: String, remedy: String) {
        let issueAnother =
            "issue another: sunny cluster renew does, where sunny cluster init made this one"
        switch error {
        case .file(let path, let operation, let reason):
            return (
                "\(path): \(operation): \(reason)",
                "sunny cluster init makes a cluster's certificates; copy this node's to here"
            )
        case .keyExposed(let path):
            return ("\(path) can be read by others than its owner", "chmod 600 \(path)")
        case .fileTooLong(let path, let maximum):
            return ("\(path) is longer than \(maximum) bytes", "name the right file")
        case .unreadableCertificate:
            return ("\(files.certificate) has no certificate in PEM", "name the right file")
        case .unreadableKey:
            return ("\(files.key) has no unencrypted key in PEM", "name the right file")
        case .unreadableAuthorities:
            return ("\(files.authorities) has no certificate in PEM", "name the right file")
        case .keyDoesNotMatch:
            return ("key and certificate do not belong together", "copy both of them again")
        case .noIdentity:
            return ("the certificate does not name exactly one node", issueAnother)
        case .outsideValidity(let notBefore, let notAfter):
            return (
                "the certificate is valid from \(CivilText.text(notBefore)) until "
                    + "\(CivilText.text(notAfter)), and not now",
                "\(issueAnother); or correct this machine's clock"
            )
        case .untrusted(let reason):
            return (
                "the certificate does not lead to \(files.authorities): \(reason)",
                "use the authority that signed it"
            )
        case .otherIdentity(let expected, let found):
            return ("the certificate is that of \(found), not of \(expected)", "copy the right one")
        case .cannotIssue(let what):
            return ("it is not the authority's to sign: \(what)", "ask for another")
        case .library(let reason):
            return ("OpenSSL: \(reason)", "look at its configuration (openssl version -a)")
        }
    }
}

/// Moments for people.
public enum CivilText {
    /// `2026-11-28 11:40:38 UTC`.
    public static func text(_ moment: Timestamp) -> String {
        let civil = CivilTime(moment)
        func padded(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(civil.year)-\(padded(civil.month))-\(padded(civil.day)) "
            + "\(padded(civil.hour)):\(padded(civil.minute)):\(padded(civil.second)) UTC"
    }
}

import Environment
import Foundation
import Primitives
import SecureLink
import Testing

@Suite("Credentials are replaced while a node runs")
struct CredentialTests {
    @Test("new connections have the new credentials, and those that there are go on")
    func reload() throws {
        try withFolder { folder in
            let authority = try ClusterAuthority.testing()
            let files = LinkCredentialFiles(folder: folder)
            let identity = try node("node-1")
            try authority.issue(to: identity, now: noon).write(to: files)
            for path in [files.certificate, files.key, files.authorities] {
                #expect(try permissions(path) == 0o600)
            }
            let clock = SetClock(noon)
            let reloading = try TLSChannels(files: files) { clock.now }
            let two = try TLSChannels(
                authority.issue(to: try node("node-2"), now: noon)
            ) { clock.now }
            var old = Pair(two, to: "node-1", reloading)
            old.exchange()
            let end = noon.advanced(byMilliseconds: 90 * day)
            #expect(reloading.validUntil == end)

            clock.now = noon.advanced(byMilliseconds: 30 * day)
            try authority.issue(to: identity, now: clock.now).write(to: files)
            try reloading.reload()
            let newEnd = noon.advanced(byMilliseconds: 120 * day)
            #expect(reloading.validUntil == newEnd)
            var new = Pair(two, to: "node-1", reloading)
            new.exchange()
            #expect(
                new.clientEvents
                    == [.established(VerifiedPeer(identity: identity, validUntil: newEnd))])
            #expect(old.client.send([1]))
            old.exchange()
            #expect(old.serverEvents.plaintext == [1])
        }
    }

    @Test("a cluster changes its authority without a moment in which nobody trusts anybody")
    func otherAuthority() throws {
        let old = try ClusterAuthority.testing()
        let new = try ClusterAuthority.testing()
        let one = try old.channels(of: "node-1")
        let two = try old.channels(of: "node-2")
        func talk() -> Bool {
            var pair = Pair(one, to: "node-2", two)
            pair.exchange()
            return pair.clientEvents.peer != nil && pair.serverEvents.peer != nil
        }
        func credentials(
            _ name: String, _ signer: ClusterAuthority, _ trusted: [ClusterAuthority]
        ) throws -> LinkCredentials {
            let own = try signer.issue(to: try node(name), now: noon)
            return LinkCredentials(
                certificate: own.certificate, key: own.key,
                authorities: trusted.reduce([]) { $0 + $1.certificate })
        }
        // First everybody trusts both, then everybody is signed by the new one, then it is alone.
        for (signer, trusted) in [(old, [old, new]), (new, [old, new]), (new, [new])] {
            try one.replaceCredentials(with: credentials("node-1", signer, trusted))
            #expect(talk())
            try two.replaceCredentials(with: credentials("node-2", signer, trusted))
            #expect(talk())
        }
        let late = try old.channels(of: "node-1")
        var pair = Pair(late, to: "node-2", two)
        pair.exchange()
        #expect(pair.clientEvents.failure != nil)
    }

    @Test("a bad set is refused by name, and the old one stays")
    func refusals() throws {
        let authority = try ClusterAuthority.testing()
        let identity = try node("node-1")
        let good = try authority.issue(to: identity, now: noon)
        let other = try authority.issue(to: try node("node-2"), now: noon)
        let stranger = try ClusterAuthority.testing()
        let short = try authority.issue(to: identity, validity: .seconds(1), now: noon)
        let clock = SetClock(noon)
        let channels = try TLSChannels(good) { clock.now }
        let text = Array("no certificate".utf8)
        let damaged = good.certificate.prefix(200) + good.certificate.suffix(100)
        func set(
            _ certificate: [UInt8], _ key: SensitiveBytes, _ authorities: [UInt8]
        ) -> LinkCredentials {
            LinkCredentials(certificate: certificate, key: key, authorities: authorities)
        }
        let root = authority.certificate
        let cases: [(LinkCredentials, LinkCredentialError)] = [
            (set([], good.key, root), .unreadableCertificate),
            (set(text, good.key, root), .unreadableCertificate),
            (set(Array(damaged), good.key, root), .unreadableCertificate),
            (set(good.certificate, SensitiveBytes(copying: text), root), .unreadableKey),
            (set(good.certificate, SensitiveBytes(copying: Self.lockedKey), root), .unreadableKey),
            (set(good.certificate, good.key, []), .unreadableAuthorities),
            (set(good.certificate, good.key, text), .unreadableAuthorities),
            (set(good.certificate, other.key, root), .keyDoesNotMatch),
            (set(root, authority.key, root), .noIdentity),
            (
                set(other.certificate, other.key, root),
                .otherIdentity(expected: identity, found: try node("node-2"))
            ),
            (
                set(good.certificate, good.key, stranger.certificate),
                .untrusted(reason: "unable to get local issuer certificate")
            ),
        ]
        for (bad, error) in cases {
            #expect(throws: error) { try channels.replaceCredentials(with: bad) }
        }
        clock.now = noon.advanced(byMilliseconds: 2000)
        #expect(
            throws: LinkCredentialError.outsideValidity(
                notBefore: noon.advanced(byMilliseconds: -1000),
                notAfter: noon.advanced(byMilliseconds: 1000))
        ) { try channels.replaceCredentials(with: short) }

        var pair = Pair(try authority.channels(of: "node-2"), to: "node-1", channels)
        pair.exchange()
        #expect(pair.clientEvents.peer == identity && pair.serverEvents.peer != nil)
    }

    @Test("files that are missing, too long, or a key that others may read, are refused by name")
    func files() throws {
        try withFolder { folder in
            let files = LinkCredentialFiles(folder: folder)
            let authority = try ClusterAuthority.testing()
            func make() throws(LinkCredentialError) { _ = try TLSChannels(files: files) { noon } }
            #expect(
                throws: LinkCredentialError.file(
                    path: files.certificate, operation: "open",
                    reason: "No such file or directory")
            ) { try make() }
            let good = try authority.issue(to: try node("node-1"), now: noon)
            try good.write(to: files)
            try make()
            for mode in [0o640, 0o604, 0o644] {
                try FileManager.default.setAttributes(
                    [.posixPermissions: mode], ofItemAtPath: files.key)
                #expect(throws: LinkCredentialError.keyExposed(path: files.key)) { try make() }
            }
            try good.write(to: files)
            try make()
            let long = [UInt8](repeating: 0x41, count: 65_537)
            try Data(long).write(to: URL(filePath: files.authorities))
            #expect(
                throws: LinkCredentialError.fileTooLong(path: files.authorities, maximum: 65_536)
            ) { try make() }
            #expect(
                throws: LinkCredentialError.file(
                    path: "/nowhere/node.crt", operation: "open",
                    reason: "No such file or directory")
            ) { try LinkCredentials(LinkCredentialFiles(folder: "/nowhere")) }
        }
    }

    @Test("a set that is half replaced is refused, and taken once it is whole")
    func halfReplaced() throws {
        try withFolder { folder in
            let authority = try ClusterAuthority.testing()
            let files = LinkCredentialFiles(folder: folder)
            try authority.issue(to: try node("node-1"), now: noon).write(to: files)
            let channels = try TLSChannels(files: files) { noon }
            let new = try authority.issue(to: try node("node-1"), now: noon)
            let oldCertificate = try Data(contentsOf: URL(filePath: files.certificate))
            try new.write(to: files)
            try oldCertificate.write(to: URL(filePath: files.certificate))
            #expect(throws: LinkCredentialError.keyDoesNotMatch) { try channels.reload() }
            try new.write(to: files)
            try channels.reload()
        }
    }

    @Test("a key prints as nothing")
    func secret() throws {
        let good = try ClusterAuthority.testing().issue(to: try node("node-1"), now: noon)
        var text = "\(good.key)"
        dump(good.key, to: &text)
        #expect(!text.contains("PRIVATE"))
        #expect(text.contains("***"))
    }

    /// A key that is encrypted with a password.
    private static let lockedKey = Array(
        """
        -----BEGIN ENCRYPTED PRIVATE KEY-----
        MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjQYcbrySxX/AICCAAw
        DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEO+Ct1ixmY2ZOfBCvS92VQsEgZBj
        lsFl3uyq6zM76MVK2EMA3L9NTa1VE1xguj6IB/NrhhYQJhX25Gk8utlrv9mpEXdC
        Vgu0iJlZtPr4hgO19BdGgrYQQ5G9W9ebQwWKiY6JWgJpxr/y6b/Wc20hwmobfOzK
        ZHmndB/0htjBrhdOYNBeA91HoaaVB8vF9Df4W/d28qFd5FIf6QYqLzFcpSn9w6M=
        -----END ENCRYPTED PRIVATE KEY-----

        """.utf8)
}

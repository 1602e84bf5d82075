import Environment
import Foundation
import Primitives
import SecureLink
import Testing

@Suite("The development authority")
struct AuthorityTests {
    @Test("a certificate names its node and its time, and the authority its cluster")
    func facts() throws {
        let authority = try ClusterAuthority.testing()
        let identity = try node("node-1")
        let issued = try authority.issue(
            to: identity, hostNames: ["node-1.example.com"], addresses: ["127.0.0.1", "::1"],
            now: noon)
        let facts = try CertificateFacts(pem: issued.certificate)
        #expect(facts.identity == identity)
        #expect(!facts.isAuthority)
        #expect(facts.notBefore == noon.advanced(byMilliseconds: -3_600_000))
        #expect(facts.notAfter == noon.advanced(byMilliseconds: 90 * day))
        let root = try CertificateFacts(pem: authority.certificate)
        #expect(root.isAuthority && root.identity == nil)
        #expect(root.notAfter == noon.advanced(byMilliseconds: 3652 * day))
        #expect(issued.authorities == authority.certificate)
    }

    @Test("no node's certificate outlasts its authority")
    func authorityEnds() throws {
        let authority = try ClusterAuthority.testing()
        let end = noon.advanced(byMilliseconds: 3652 * day)
        let late = end.advanced(byMilliseconds: -day)
        let issued = try authority.issue(to: try node("node-1"), now: late)
        #expect(try CertificateFacts(pem: issued.certificate).notAfter == end)
        #expect(throws: LinkCredentialError.cannotIssue(what: "validity")) {
            try authority.issue(to: try node("node-1"), now: end.advanced(byMilliseconds: 2 * day))
        }
    }

    @Test("keys and serial numbers never come twice")
    func unique() throws {
        let authority = try ClusterAuthority.testing()
        let issued = try (0..<20).map { _ in
            try authority.issue(to: try node("node-1"), now: noon)
        }
        #expect(Set(issued.map(\.certificate)).count == 20)
        #expect(Set(issued.map { $0.key.read { Array($0) } }).count == 20)
    }

    @Test("an authority signs for its own cluster, and no text that is not a name")
    func refusals() throws {
        let authority = try ClusterAuthority.testing()
        let own = try node("node-1")
        #expect(throws: LinkCredentialError.cannotIssue(what: "other cluster")) {
            try authority.issue(to: try node("node-1", cluster: "other"), now: noon)
        }
        for name in ["a,URI:spiffe://test/region/eu/node/b", "*.a", "", "a..b", "a b", "ä"] {
            #expect(throws: LinkCredentialError.cannotIssue(what: "host name")) {
                try authority.issue(to: own, hostNames: [name], now: noon)
            }
        }
        for address in ["1.2.3", "1.2.3.4,DNS:a", "", "node", "1.2.3.4/8", ":::"] {
            #expect(throws: LinkCredentialError.cannotIssue(what: "address")) {
                try authority.issue(to: own, addresses: [address], now: noon)
            }
        }
        #expect(throws: LinkCredentialError.cannotIssue(what: "cluster name")) {
            try ClusterAuthority.make(cluster: "Not A Name", now: noon)
        }
        // A node's certificate makes nobody an authority.
        let issued = try authority.issue(to: own, now: noon)
        #expect(throws: LinkCredentialError.cannotIssue(what: "certificate of no authority")) {
            try ClusterAuthority(certificate: issued.certificate, key: issued.key)
        }
        let other = try ClusterAuthority.testing()
        #expect(throws: LinkCredentialError.keyDoesNotMatch) {
            try ClusterAuthority(certificate: authority.certificate, key: other.key)
        }
    }

    @Test("an authority that was written signs as before, and only its owner reads its files")
    func files() throws {
        try withFolder { folder in
            let made = try ClusterAuthority.testing()
            try made.write(to: folder + "/authority")
            let read = try ClusterAuthority(folder: folder + "/authority")
            #expect(read.cluster == "test" && read.certificate == made.certificate)
            let one = try made.channels(of: "node-1")
            var pair = Pair(one, to: "node-2", try read.channels(of: "node-2"))
            pair.exchange()
            #expect(pair.serverEvents.peer == one.identity)
            for name in ["authority.crt", "authority.key"] {
                #expect(try permissions(folder + "/authority/" + name) == 0o600)
            }
            #expect(try permissions(folder + "/authority") == 0o700)
            // No drafts are left.
            let names = try FileManager.default.contentsOfDirectory(atPath: folder + "/authority")
            #expect(names.sorted() == ["authority.crt", "authority.key"])
        }
    }

    @Test("names of nodes are read as they are written, and nothing else is read")
    func identities() throws {
        let identity = try node("node-1.a_B", cluster: "c0ffee", region: "eu-Central")
        #expect(identity.uri == "spiffe://c0ffee/region/eu-Central/node/node-1.a_B")
        #expect(NodeIdentity(uri: identity.uri) == identity)
        let part = String(repeating: "a", count: 63)
        #expect(NodeIdentity(uri: "spiffe://\(part)/region/\(part)/node/\(part)") != nil)
        for uri in [
            "", "spiffe://", "spiffe://c", "spiffe://c/region/r/node", "spiffe://c/region/r/node/",
            "spiffe://c/region/r/node/n/", "spiffe://c/region/r/node/n/x",
            "spiffe://c/region//node/n", "spiffe:///region/r/node/n", "SPIFFE://c/region/r/node/n",
            "spiffe://C/region/r/node/n", "spiffe://c/Region/r/node/n",
            "spiffe://c/node/n/region/r", "spiffe://c/region/../node/n",
            "spiffe://c/region/r/node/.", "spiffe://c/region/r/node/n%20",
            "https://c/region/r/node/n",
            "spiffe://c/region/r/node/n?x", "spiffe://c/region/r/node/n#x",
            "spiffe://u@c/region/r/node/n", "spiffe://c:1/region/r/node/n",
            "spiffe://c/region/r/node/n\u{0}", "spiffe://c/region/r/node/n\n",
            "spiffe://c/region/r/node/\(part)a", " spiffe://c/region/r/node/n",
        ] {
            #expect(NodeIdentity(uri: uri) == nil, "\(uri)")
        }
    }
}

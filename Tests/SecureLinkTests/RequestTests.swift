import Environment
import Foundation
import Primitives
import Renewal
import SecureLink
import Testing

/// `openssl` makes the requests, and looks at the certificates.
@Suite("Requests for certificates")
struct RequestTests {
    /// A request that `openssl req` made with these arguments, for a key that `genpkey` made.
    private func request(_ key: [String], _ arguments: [String]) async throws -> [UInt8] {
        try await withFolder { folder in
            try await OpenSSLProcess.run(["genpkey", "-out", folder + "/key"] + key)
            let usual = [
                "req", "-new", "-batch", "-config", folder + "/config", "-key", folder + "/key",
                "-outform", "DER", "-out", folder + "/request",
            ]
            try Data("[req]\ndistinguished_name = dn\n[dn]\n".utf8)
                .write(to: URL(filePath: folder + "/config"))
            try await OpenSSLProcess.run(usual + arguments)
            return [UInt8](try Data(contentsOf: URL(filePath: folder + "/request")))
        }
    }

    private static let p256 = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]

    @Test("ours is for a new key, which it proves, and asks for no name")
    func ours() throws {
        let (one, two) = (try PreparedRequest(), try PreparedRequest())
        let read = try #require(CertificateSigner.read(one.request))
        #expect(read.isProven && !read.asksForMore && read.commonNames + read.uris == [])
        guard case .usual(let key) = read.key else { return #expect(Bool(false)) }
        #expect(key.count == 64)
        #expect(CertificateSigner.read(two.request)?.key != read.key)
        #expect(one.request.count < 256)
    }

    @Test("what openssl asks for is read: names, and whatever is more than a name")
    func names() async throws {
        let uri = "spiffe://test/region/eu/node/node-1"
        let cases: [(arguments: [String], names: [String], uris: [String], more: Bool)] = [
            (["-subj", "/"], [], [], false),
            (["-subj", "/CN=node-1"], ["node-1"], [], false),
            (["-subj", "/CN=node-1/CN=node-2"], ["node-1", "node-2"], [], false),
            (
                ["-subj", "/CN=node-1", "-addext", "subjectAltName=URI:\(uri)"], ["node-1"],
                [uri], false
            ),
            (["-subj", "/O=Sunny/CN=node-1"], ["node-1"], [], true),
            (
                ["-subj", "/", "-addext", "subjectAltName=URI:\(uri),DNS:example.com"], [], [uri],
                true
            ),
            (["-subj", "/", "-addext", "basicConstraints=critical,CA:TRUE"], [], [], true),
            (["-subj", "/", "-addext", "keyUsage=keyCertSign"], [], [], true),
        ]
        for one in cases {
            let bytes = try await request(Self.p256, one.arguments)
            let read = try #require(CertificateSigner.read(bytes), "\(one.arguments)")
            #expect(read.isProven, "\(one.arguments)")
            #expect(read.commonNames == one.names && read.uris == one.uris, "\(one.arguments)")
            #expect(read.asksForMore == one.more, "\(one.arguments)")
        }
    }

    @Test("keys of other kinds and curves are told apart, and so are other digests")
    func keys() async throws {
        let kinds: [([String], [String])] = [
            (["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], []),
            (["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"], []),
            (["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"], []),
            (["-algorithm", "ED25519"], []),
            // The curve by its numbers rather than by name.
            (Self.p256 + ["-pkeyopt", "ec_param_enc:explicit"], []), (Self.p256, ["-sha512"]),
        ]
        for (kind, digest) in kinds {
            let bytes = try await request(kind, ["-subj", "/"] + digest)
            let read = CertificateSigner.read(bytes)
            #expect(read == nil || read?.key == .other, "\(kind) \(digest)")
        }
    }

    @Test("nothing that was changed proves a key, and nothing of it ends the process")
    func mutations() throws {
        let whole = try PreparedRequest().request
        let read = try #require(CertificateSigner.read(whole))
        for count in 0..<whole.count {
            #expect(CertificateSigner.read(Array(whole[..<count])) == nil)
        }
        #expect(CertificateSigner.read(whole + [0]) == nil)
        #expect(CertificateSigner.read([UInt8](repeating: 0x30, count: 100_000)) == nil)
        for index in whole.indices {
            for bit in 0..<8 {
                var changed = whole
                changed[index] ^= 1 << bit
                guard let found = CertificateSigner.read(changed) else { continue }
                // Some bytes have two ways to be written.
                #expect(!found.isProven || found == read, "byte \(index), bit \(bit)")
            }
        }
    }

    @Test("openssl finds the certificate good, for the name of the channel and no other")
    func certificate() async throws {
        let now = Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000))
        let authority = try ClusterAuthority.make(cluster: "test", now: now)
        let peer = VerifiedPeer(
            identity: try node("node-1"), validUntil: now.advanced(byMilliseconds: day))
        let signer = CertificateSigner(authority: authority, validity: .seconds(86_400))
        // The rules would refuse the name; it is not read here either.
        let request = try await request(Self.p256, ["-subj", "/CN=node-2"])
        guard case .issued(let issued) = signer.sign(request, of: peer, now: now) else {
            return #expect(Bool(false))
        }
        try await withFolder { folder in
            try authority.write(to: folder)
            try Data(issued.certificate).write(to: URL(filePath: folder + "/node.crt"))
            for purpose in ["sslclient", "sslserver"] {
                try await OpenSSLProcess.run([
                    "verify", "-x509_strict", "-purpose", purpose, "-CAfile",
                    folder + "/authority.crt", folder + "/node.crt",
                ])
            }
            let process = try OpenSSLProcess([
                "x509", "-in", folder + "/node.crt", "-noout", "-serial", "-subject", "-ext",
                "subjectAltName,basicConstraints",
            ])
            let text = await process.untilEnd().text
            #expect(text.contains("serial=\(issued.serial.uppercased())"))
            #expect(text.contains("URI:spiffe://test/region/eu/node/node-1"))
            #expect(text.contains("CN = node-1") && !text.contains("node-2"))
            #expect(text.contains("CA:FALSE"))
        }
    }

    @Test("the signer's own names, and names of other clusters, are not the authority's to give")
    func foreign() throws {
        let authority = try ClusterAuthority.testing()
        let signer = CertificateSigner(authority: authority, validity: .seconds(86_400))
        let stranger = VerifiedPeer(
            identity: try node("node-1", cluster: "other"),
            validUntil: noon.advanced(byMilliseconds: day))
        #expect(
            signer.sign(try PreparedRequest().request, of: stranger, now: noon)
                == .failed(.cannotIssue(what: "other cluster")))
        let end = noon.advanced(byMilliseconds: 3652 * day)
        let peer = VerifiedPeer(identity: try node("node-1"), validUntil: end)
        let late = end.advanced(byMilliseconds: -day / 2)
        guard
            case .issued(let last) = signer.sign(
                try PreparedRequest().request, of: peer, now: late)
        else { return #expect(Bool(false)) }
        #expect(last.validUntil == end)
    }
}

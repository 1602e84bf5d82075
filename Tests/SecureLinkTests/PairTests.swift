import Environment
import Foundation
import Primitives
import Renewal
import SecureLink
import Testing

@Suite("A renewed certificate and its key are replaced as one")
struct PairTests {
    private static let identity = NodeIdentity(cluster: "test", region: "eu", name: "node-1")!

    /// A node's files, and a new certificate with its key.
    private struct Scene {
        let files: LinkCredentialFiles
        let authority: ClusterAuthority
        let old: LinkCredentials
        let certificate: [UInt8]
        let key: SensitiveBytes

        init(_ folder: String) throws {
            files = LinkCredentialFiles(folder: folder)
            authority = try .testing()
            old = try authority.issue(to: PairTests.identity, now: noon)
            try old.write(to: files)
            (certificate, key) = try Self.renewed(by: authority)
        }

        static func renewed(
            by authority: ClusterAuthority, identity: NodeIdentity = PairTests.identity,
            at now: Timestamp = noon
        ) throws -> ([UInt8], SensitiveBytes) {
            let request = try PreparedRequest()
            let signer = CertificateSigner(authority: authority, validity: .seconds(86_400))
            let peer = VerifiedPeer(
                identity: identity, validUntil: now.advanced(byMilliseconds: day))
            guard case .issued(let issued) = signer.sign(request.request, of: peer, now: now)
            else { throw SignerRefusal.failed }
            return (issued.certificate, request.key)
        }

        func serial(of pem: [UInt8]) throws -> String { try CertificateFacts(pem: pem).serial }

        /// What a process that starts now would show to its peers.
        func started() throws -> String { try TLSChannels(files: files) { noon }.life.serial }
    }

    private func bytes(_ path: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: URL(filePath: path)))
    }

    private func write(_ bytes: [UInt8], _ path: String) throws {
        try Data(bytes).write(to: URL(filePath: path))
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
    }

    @Test("new handshakes show the new one, links that there are go on, and the files are whole")
    func install() throws {
        try withFolder { folder in
            let scene = try Scene(folder)
            let channels = try TLSChannels(files: scene.files) { noon }
            let peer = try scene.authority.channels(of: "node-2")
            var before = Pair(peer, to: "node-1", channels)
            before.exchange()
            try channels.install(scene.certificate, key: scene.key)
            let serial = try scene.serial(of: scene.certificate)
            #expect(channels.life.serial == serial)
            #expect(try serial != scene.serial(of: scene.old.certificate))
            #expect(channels.life.end == noon.advanced(byMilliseconds: day))
            var after = Pair(peer, to: "node-1", channels)
            after.exchange()
            #expect(
                after.clientEvents == [
                    .established(
                        VerifiedPeer(identity: Self.identity, validUntil: channels.life.end))
                ])
            #expect(before.client.send([7]))
            before.exchange()
            #expect(before.serverEvents.plaintext == [7])
            #expect(try scene.started() == serial)
            #expect(try bytes(scene.files.key) == scene.key.read { Array($0) })
            let names = try FileManager.default.contentsOfDirectory(atPath: folder)
            #expect(names.sorted() == ["authority.crt", "node.crt", "node.key"])
            #expect(try permissions(scene.files.key) == 0o600)
        }
    }

    @Test("a process that ends between two steps leaves a pair that works, and the next is taken")
    func crashes() throws {
        let steps: [(name: String, leave: (PairTests, Scene) throws -> Void, isNew: Bool)] = [
            ("a part of the key", { try $0.write($0.half($1), $1.files.nextKey) }, false),
            ("the new key", { try $0.write($0.whole($1), $1.files.nextKey) }, false),
            (
                "the new certificate",
                {
                    try $0.write($0.whole($1), $1.files.nextKey)
                    try $0.write($1.certificate, $1.files.certificate)
                }, true
            ),
        ]
        for step in steps {
            try withFolder { folder in
                let scene = try Scene(folder)
                try step.leave(self, scene)
                let left = step.isNew ? scene.certificate : scene.old.certificate
                #expect(try scene.started() == scene.serial(of: left), "\(step.name)")
                let channels = try TLSChannels(files: scene.files) { noon }
                let (certificate, key) = try Scene.renewed(by: scene.authority)
                try channels.install(certificate, key: key)
                #expect(try scene.started() == scene.serial(of: certificate), "\(step.name)")
                #expect(!FileManager.default.fileExists(atPath: scene.files.nextKey))
            }
        }
    }

    private func whole(_ scene: Scene) -> [UInt8] { scene.key.read { Array($0) } }
    private func half(_ scene: Scene) -> [UInt8] { Array(whole(scene).prefix(100)) }

    @Test("what the operator copies in place counts, whatever a renewal has left")
    func operatorWins() throws {
        try withFolder { folder in
            let scene = try Scene(folder)
            try write(whole(scene), scene.files.nextKey)
            let brought = try scene.authority.issue(to: Self.identity, now: noon)
            try write(brought.certificate, scene.files.certificate)
            try write(brought.key.read { Array($0) }, scene.files.key)
            #expect(try scene.started() == scene.serial(of: brought.certificate))
        }
    }

    @Test("a certificate that is of no use changes nothing")
    func useless() throws {
        try withFolder { folder in
            let scene = try Scene(folder)
            let channels = try TLSChannels(files: scene.files) { noon }
            let stranger = try Scene.renewed(by: try .testing())
            let other = try Scene.renewed(by: scene.authority, identity: try node("node-2"))
            let moved = try Scene.renewed(
                by: scene.authority, identity: try node("node-1", region: "us"))
            let over = try Scene.renewed(
                by: scene.authority, at: noon.advanced(byMilliseconds: 2 * day))
            let cases: [(String, [UInt8], SensitiveBytes)] = [
                ("another key", scene.certificate, stranger.1),
                ("another cluster", stranger.0, stranger.1),
                ("another node", other.0, other.1), ("another region", moved.0, moved.1),
                ("not valid yet", over.0, over.1), ("garbage", [1, 2, 3], scene.key),
                ("an authority", scene.authority.certificate, scene.authority.key),
            ]
            for (name, certificate, key) in cases {
                #expect(throws: LinkCredentialError.self, "\(name)") {
                    try channels.install(certificate, key: key)
                }
            }
            #expect(try bytes(scene.files.certificate) == scene.old.certificate)
            #expect(try scene.started() == scene.serial(of: scene.old.certificate))
            #expect(try channels.life.serial == scene.serial(of: scene.old.certificate))
        }
    }
}

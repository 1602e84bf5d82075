import Environment
import Foundation
import Primitives
import SecureLink
import Testing
import Transport

/// The `openssl` command is a peer that we have not written, over TCP of the loop. It looks at the
/// machine's own clock.
@Suite("OpenSSL's own client and server")
struct OpenSSLTests {
    private let now = Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000))
    /// What node-1 takes for now: the command has no allowance for certificates that begin now, and
    /// a busy machine makes them minutes after the test began.
    private var later: Timestamp { now.advanced(byMilliseconds: 12 * 3_600_000) }

    /// What a test has: an authority and the channels of node-1 in memory, and in the folder the
    /// files of the authority and of node-2.
    private struct Scene {
        let loop: UVLoop
        let folder: String
        let authority: ClusterAuthority
        let channels: TLSChannels

        var authorityFile: String { folder + "/authority.crt" }
        var node2: [String] { ["-cert", folder + "/node.crt", "-key", folder + "/node.key"] }
    }

    private func withScene(_ body: (Scene) async throws -> Void) async throws {
        try await withFolder { folder in
            try await withLoop { loop in
                let authority = try ClusterAuthority.make(cluster: "test", now: now)
                try authority.write(to: folder)
                try authority.issue(to: try node("node-2"), now: now)
                    .write(to: LinkCredentialFiles(folder: folder))
                let later = later
                let channels = try TLSChannels(
                    authority.issue(to: try node("node-1"), now: now)
                ) { later }
                try await body(
                    Scene(loop: loop, folder: folder, authority: authority, channels: channels))
            }
        }
    }

    // MARK: We listen

    /// Runs `openssl s_client` against a listener of node-1, up to the end of either.
    private func client(
        of scene: Scene, _ arguments: [String], answer: String? = nil,
        type: (OpenSSLProcess) async throws -> Void = { _ in }
    ) async throws -> (events: [SecureChannelEvent], text: String) {
        let (accepted, sink) = AsyncStream<Endpoint>.makeStream()
        let (loop, channels) = (scene.loop, scene.channels)
        let listener = try await loop.run {
            try UVNetwork(loop: loop).listen(on: SocketAddress(host: "127.0.0.1", port: 0)) {
                sink.yield(Endpoint($0, channels.server(), on: loop))
            }
        }
        let process = try OpenSSLProcess(
            ["s_client", "-connect", "\(listener.address)", "-CAfile", scene.authorityFile]
                + ["-verify_return_error"] + arguments)
        var iterator = accepted.makeAsyncIterator()
        let endpoint = try #require(await iterator.next())
        await endpoint.start()
        try await type(process)
        var events: [SecureChannelEvent]
        if let answer {
            events = await endpoint.events { $0.plaintext.last == UInt8(ascii: "\n") }
            #expect(await endpoint.send(answer))
            await endpoint.close()
            events += await endpoint.events()
        } else {
            events = await endpoint.events()
        }
        process.closeInput()
        let text = await process.untilEnd().text
        try await loop.run { listener.close() }
        return (events, text)
    }

    @Test("s_client with a node's certificate is that node, and is understood")
    func goodClient() async throws {
        try await withScene { scene in
            let (events, text) = try await client(
                of: scene, scene.node2 + ["-ign_eof"], answer: "understood\n"
            ) { process in process.write("hello\n") }
            #expect(events.peer == (try node("node-2")))
            #expect(events.plaintext == Array("hello\n".utf8))
            #expect(text.contains("understood"), "\(text)")
            #expect(text.contains("TLSv1.3, Cipher is TLS_AES_256_GCM_SHA384"), "\(text)")
            #expect(text.contains("Server Temp Key: X25519"), "\(text)")
            #expect(text.contains("Verify return code: 0 (ok)"), "\(text)")
            #expect(!text.contains("New Session Ticket"), "\(text)")
        }
    }

    @Test("new keys in the middle of a connection are followed")
    func keyUpdate() async throws {
        try await withScene { scene in
            let (events, text) = try await client(
                of: scene, scene.node2, answer: "understood\n"
            ) { process in
                process.write("K\n")
                _ = await process.untilPrinted { $0.contains("KEYUPDATE") ? true : nil }
                process.write("hello\n")
            }
            #expect(text.contains("KEYUPDATE"), "\(text)")
            #expect(events.plaintext == Array("hello\n".utf8))
            #expect(text.contains("understood"), "\(text)")
        }
    }

    @Test("a client without a certificate is refused")
    func noCertificate() async throws {
        try await withScene { scene in
            let (events, text) = try await client(of: scene, [])
            #expect(events == [.failed(.noCertificate)])
            #expect(text.contains("alert number 116"), "\(text)")
        }
    }

    @Test(
        "older versions, smaller ciphers and other groups are refused",
        arguments: [
            ["-tls1_2"], ["-ciphersuites", "TLS_AES_128_GCM_SHA256"], ["-groups", "P-521"],
        ])
    func weak(arguments: [String]) async throws {
        try await withScene { scene in
            let (events, _) = try await client(of: scene, scene.node2 + arguments)
            #expect(events.count == 1)
            guard case .malformed = events.failure else {
                Issue.record("\(events)")
                return
            }
        }
    }

    /// Certificates of our own authority, which it would not have made.
    @Test(
        "certificates of the authority that are not those of one node are refused",
        arguments: [
            ("", .noIdentity), ("subjectAltName=DNS:node-2", .noIdentity),
            ("subjectAltName=URI:spiffe://test/node-2", .noIdentity),
            ("subjectAltName=DNS:spiffe://test/region/eu/node/node-2", .noIdentity),
            (
                "subjectAltName=URI:spiffe://test/region/eu/node/node-2,"
                    + "URI:spiffe://test/region/eu/node/node-3", .noIdentity
            ),
            (
                "subjectAltName=URI:spiffe://other/region/eu/node/node-2",
                .otherCluster(NodeIdentity(cluster: "other", region: "eu", name: "node-2")!)
            ),
            (
                "subjectAltName=URI:spiffe://test/region/eu/node/node-2\n"
                    + "extendedKeyUsage=serverAuth",
                .untrusted(reason: "unsuitable certificate purpose")
            ),
        ] as [(String, SecureChannelError)])
    func strangeCertificates(extensions: String, error: SecureChannelError) async throws {
        try await withScene { scene in
            let folder = scene.folder
            let text =
                "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
                + "basicConstraints=critical,CA:FALSE\n" + extensions + "\n"
            try Data(text.utf8).write(to: URL(filePath: folder + "/extensions"))
            try await OpenSSLProcess.run(
                "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-subj", "/CN=strange", "-keyout", folder + "/strange.key", "-out",
                folder + "/strange.csr")
            try await OpenSSLProcess.run(
                "x509", "-req", "-in", folder + "/strange.csr", "-days", "2", "-CA",
                scene.authorityFile, "-CAkey", folder + "/authority.key", "-extfile",
                folder + "/extensions", "-out", folder + "/strange.crt")
            let (events, _) = try await client(
                of: scene,
                ["-cert", folder + "/strange.crt", "-key", folder + "/strange.key"])
            #expect(events == [.failed(error)])
        }
    }

    @Test("openssl verifies what the authority signs, strictly and for both uses")
    func verified() async throws {
        try await withScene { scene in
            for purpose in ["sslclient", "sslserver"] {
                try await OpenSSLProcess.run(
                    "verify", "-x509_strict", "-purpose", purpose, "-CAfile", scene.authorityFile,
                    scene.folder + "/node.crt")
            }
        }
    }

    // MARK: We dial

    /// Dials `openssl s_server` as node-1, says a line and gives what comes back.
    private func server(
        of scene: Scene, _ arguments: [String], dialling name: String = "node-2"
    ) async throws -> [SecureChannelEvent] {
        let process = try OpenSSLProcess(
            ["s_server", "-accept", "127.0.0.1:0", "-naccept", "1", "-rev"]
                + ["-CAfile", scene.authorityFile, "-Verify", "2", "-verify_return_error"]
                + arguments)
        let port = await process.untilPrinted { text in
            text.firstMatch(of: /ACCEPT 127\.0\.0\.1:(\d+)\n/).flatMap { UInt16($0.1) }
        }
        let address = SocketAddress(host: "127.0.0.1", port: try #require(port))
        let (loop, channels) = (scene.loop, scene.channels)
        let stream = try await withCheckedThrowingContinuation { continuation in
            loop.post {
                UVNetwork(loop: loop).connect(to: address, timeout: .seconds(20)) {
                    continuation.resume(with: $0)
                }
            }
        }
        let endpoint = Endpoint(stream, channels.client(to: name), on: loop)
        await endpoint.start()
        var events = await endpoint.events { $0.peer != nil }
        if events.peer != nil, await endpoint.send("hello\n") {
            events += await endpoint.events { $0.plaintext.last == UInt8(ascii: "\n") }
            await endpoint.close()
        }
        process.closeInput()
        _ = await process.untilEnd()
        return events
    }

    @Test("s_server with a node's certificate is that node, and understands")
    func goodServer() async throws {
        try await withScene { scene in
            let events = try await server(of: scene, scene.node2)
            #expect(events.peer == (try node("node-2")))
            #expect(events.plaintext == Array("olleh\n".utf8))
        }
    }

    @Test("s_server that is another node, of another authority or of another version is refused")
    func badServers() async throws {
        try await withScene { scene in
            let found = try node("node-2")
            var events = try await server(of: scene, scene.node2, dialling: "node-3")
            #expect(events == [.failed(.otherNode(dialled: "node-3", found: found))])
            events = try await server(of: scene, scene.node2 + ["-tls1_2"])
            #expect(events == [.failed(.refusedByPeer(alert: 70))])
            let stranger = try ClusterAuthority.make(cluster: "test", now: now)
            try stranger.issue(to: found, now: now)
                .write(to: LinkCredentialFiles(folder: scene.folder))
            events = try await server(of: scene, scene.node2)
            guard case .untrusted = events.failure else {
                Issue.record("\(events)")
                return
            }
        }
    }
}

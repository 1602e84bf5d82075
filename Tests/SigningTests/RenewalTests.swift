import Environment
import Foundation
import Primitives
import Renewal
import SecureLink
import Signing
import Testing
import Transport

@Suite("A node and the signer")
struct RenewalTests {
    @Test("a certificate is renewed when it is due, for a day, and again when that is due")
    func renewal() async throws {
        try await Scene.with { scene in
            let channels = try scene.channels()
            let renewer = scene.renewer(channels)
            var serials = [channels.life.serial]
            #expect(await renewer.step() == .seconds(60))
            #expect(scene.nodeNews.take().isEmpty && scene.signerNews.take().isEmpty)
            for _ in 0..<3 {
                scene.clock.now = channels.life.due
                _ = await renewer.step()
                #expect(scene.nodeNews.take().map(\.text) == ["renewed"])
                #expect(scene.signerNews.take().map(\.text) == ["issued to eu/node-1"])
                #expect(channels.life.end == scene.clock.now.advanced(byMilliseconds: day))
                serials.append(channels.life.serial)
                // As a process that starts now reads them.
                let now = scene.clock.now
                let read = try TLSChannels(files: scene.files) { now }
                #expect(read.life == channels.life)
                #expect(read.identity == Scene.identity)
            }
            #expect(Set(serials).count == 4)
        }
    }

    @Test("one that is over is renewed by the operator only, whose certificate is taken")
    func over() async throws {
        try await Scene.with { scene in
            let channels = try scene.channels()
            let renewer = scene.renewer(channels)
            scene.clock.now = channels.life.end
            for _ in 0..<3 { #expect(await renewer.step() == .seconds(60)) }
            #expect(scene.nodeNews.take().map(\.text) == ["over"])
            #expect(scene.signerNews.take().isEmpty)
            try scene.authority.issue(
                to: Scene.identity, validity: .seconds(86_400), now: scene.clock.now
            ).write(to: scene.files)
            try channels.reload()
            scene.clock.now = channels.life.due
            _ = await renewer.step()
            #expect(scene.nodeNews.take().map(\.text) == ["renewed"])
        }
    }

    @Test("names in the file excluded get none, from the moment on in which they stand there")
    func excluded() async throws {
        try await Scene.with { scene in
            let channels = try scene.channels()
            let renewer = scene.renewer(channels)
            let serial = channels.life.serial
            let list = URL(filePath: scene.folder + "/excluded")
            try Data("# stolen\nnode-0\r\n  node-1 # its key\n".utf8).write(to: list)
            scene.clock.now = channels.life.due
            _ = await renewer.step()
            #expect(scene.nodeNews.take().map(\.text) == ["failed: excluded"])
            #expect(scene.signerNews.take().map(\.text) == ["refused node-1: excluded"])
            #expect(channels.life.serial == serial)
            try FileManager.default.removeItem(at: list)
            scene.clock.now = scene.clock.now.advanced(byMilliseconds: 1000)
            _ = await renewer.step()
            #expect(scene.nodeNews.take().map(\.text) == ["renewed"])
            // A list that cannot be read excludes everybody.
            try FileManager.default.createDirectory(at: list, withIntermediateDirectories: false)
            scene.clock.now = channels.life.due
            _ = await renewer.step()
            #expect(scene.nodeNews.take().map(\.text) == ["failed: failed"])
            #expect(scene.signerNews.take().last?.text == "failed node-1")
        }
    }

    @Test("a node that asks all the time is refused, and then given one again")
    func tooOften() async throws {
        try await Scene.with { scene in
            let channels = try scene.channels()
            // A renewer that was started anew does not remember when it asked.
            scene.clock.now = channels.life.due
            for _ in 0...SigningRules.countInAMinute {
                _ = await scene.renewer(channels).step()
                scene.clock.now = channels.life.due
            }
            let told = scene.nodeNews.take().map(\.text)
            #expect(told.count { $0 == "renewed" } == SigningRules.countInAMinute)
            #expect(told.last == "failed: too_often")
        }
    }

    @Test("a node of another cluster's authority is not heard, and does not hear the signer")
    func strangers() async throws {
        try await Scene.with { scene in
            let stranger = try ClusterAuthority.make(cluster: "test", now: noon)
            let channels = try scene.channels(by: stranger)
            scene.clock.now = channels.life.due
            _ = await scene.renewer(channels).step()
            #expect(scene.nodeNews.take().map(\.text) == ["failed: untrusted"])
            let other = try ClusterAuthority.make(cluster: "other", now: noon)
            let foreign = try scene.channels(
                try #require(NodeIdentity(cluster: "other", region: "eu", name: "node-1")),
                by: other)
            _ = await scene.renewer(foreign).step()
            #expect(scene.nodeNews.take().map(\.text) == ["failed: untrusted"])
            #expect(scene.signerNews.take().allSatisfy { $0.text.hasPrefix("unheard: ") })
        }
    }

    @Test("a node that is called as the signer is, and holds a good certificate, is not the signer")
    func impostor() async throws {
        try await Scene.with { scene in
            let name = try #require(
                NodeIdentity(cluster: "test", region: "eu", name: CertificateSigner.name))
            let own = try scene.authority.issue(to: name, now: noon)
            let clock = scene.clock
            let impostor = try TLSChannels(own) { clock.now }
            let loop = scene.loop
            let listener = try await loop.run {
                try UVNetwork(loop: loop).listen(on: SocketAddress(host: "127.0.0.1", port: 0)) {
                    Accepting($0, impostor.server(), loop).start()
                }
            }
            let channels = try scene.channels()
            clock.now = channels.life.due
            _ = await scene.renewer(channels, of: listener.address).step()
            #expect(scene.nodeNews.take().map(\.text) == ["failed: other_node"])
            try await loop.run { listener.close() }
            _ = await scene.renewer(channels, of: listener.address).step()
            #expect(scene.nodeNews.take().map(\.text) == ["failed: network"])
        }
    }

    @Test("the authority's own names get no certificates")
    func reserved() async throws {
        try await Scene.with { scene in
            let channels = try scene.channels(
                try #require(CertificateSigner.identity(ofCluster: "test")))
            scene.clock.now = channels.life.due
            _ = await scene.renewer(channels).step()
            #expect(scene.nodeNews.take().map(\.text) == ["failed: reserved"])
        }
    }
}

/// Shakes hands with whoever comes, and says nothing.
private actor Accepting: ByteStreamHandler {
    private nonisolated let loop: UVLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
    private let stream: any ByteStream
    private let channel: any SecureChannel

    init(_ stream: any ByteStream, _ channel: sending any SecureChannel, _ loop: UVLoop) {
        self.loop = loop
        self.stream = stream
        self.channel = channel
    }

    nonisolated func start() { assumeIsolated { $0.stream.start(self) } }

    nonisolated func streamReceived(_ bytes: [UInt8]) {
        assumeIsolated { accepting in
            _ = accepting.channel.receive(bytes)
            accepting.stream.write(accepting.channel.takeOutgoing())
        }
    }

    nonisolated func streamDrained() {}
    nonisolated func streamEnded(_ end: StreamEnd) {}
}

import Environment
import Foundation
import Primitives
import Renewal
import SecureLink
import Signing
import Synchronization
import Transport

/// Noon on 1 June 2026.
let noon = Timestamp(milliseconds: 1_780_315_200_000)
let day: Int64 = 86_400_000

/// A clock that a test sets.
final class SetClock: Sendable {
    private let milliseconds = Mutex(noon.milliseconds)

    var now: Timestamp {
        get { Timestamp(milliseconds: milliseconds.withLock { $0 }) }
        set { milliseconds.withLock { $0 = newValue.milliseconds } }
    }
}

/// The least chance there is, always.
struct NoChance: RandomSource {
    func next() -> UInt64 { 0 }
}

/// What was told, in order.
final class Heard<News: Sendable>: Sendable {
    private let list = Mutex<[News]>([])

    func hear(_ news: News) { list.withLock { $0.append(news) } }

    func take() -> [News] {
        list.withLock { list in
            defer { list = [] }
            return list
        }
    }
}

/// A signer and a node's renewer on one loop, over TCP, with one clock and a folder.
struct Scene: Sendable {
    let loop: UVLoop
    let worker: WorkerThread
    let folder: String
    let authority: ClusterAuthority
    let clock = SetClock()
    let signerNews = Heard<SignerService.News>()
    let nodeNews = Heard<CertificateRenewer.News>()
    let service: SignerService
    let address: SocketAddress

    static let identity = NodeIdentity(cluster: "test", region: "eu", name: "node-1")!

    var files: LinkCredentialFiles { LinkCredentialFiles(folder: folder) }

    /// Runs `body`, and removes everything afterwards.
    static func with(_ body: (Scene) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let loop = try UVLoop(name: "test loop")
        try loop.start()
        defer { loop.stop() }
        let worker = try WorkerThread(name: "test worker", loop: loop)
        defer { worker.stop() }
        let scene = try await Scene(loop, worker, folder.path)
        try await body(scene)
        await scene.service.stop()
    }

    private init(_ loop: UVLoop, _ worker: WorkerThread, _ folder: String) async throws {
        self.loop = loop
        self.worker = worker
        self.folder = folder
        authority = try ClusterAuthority.make(cluster: "test", now: noon)
        let (clock, signerNews) = (clock, signerNews)
        let service = try SignerService(
            signer: CertificateSigner(authority: authority, validity: .seconds(86_400)),
            loop: loop, network: UVNetwork(loop: loop), worker: worker,
            wallTime: { clock.now },
            // The minute does not pass, however long a test takes.
            elapsedTime: { MonotonicInstant(nanoseconds: 0) },
            excluded: { () throws(LinkCredentialError) in try ExcludedNodes.read(in: folder) },
            onNews: { signerNews.hear($0) })
        self.service = service
        address = try await loop.run {
            try service.listen(on: SocketAddress(host: "127.0.0.1", port: 0))
        }
    }

    /// The channels of a node's files, with a certificate for 30 days that is written there.
    func channels(
        _ identity: NodeIdentity = identity, by other: ClusterAuthority? = nil
    ) throws -> TLSChannels {
        try (other ?? authority).issue(to: identity, validity: .seconds(30 * 86_400), now: noon)
            .write(to: files)
        let clock = clock
        return try TLSChannels(files: files) { clock.now }
    }

    func renewer(
        _ channels: TLSChannels, of signer: SocketAddress? = nil
    ) -> CertificateRenewer {
        let nodeNews = nodeNews
        return CertificateRenewer(
            channels: channels, signer: signer ?? address, loop: loop,
            network: UVNetwork(loop: loop), worker: worker, random: NoChance(),
            onNews: { nodeNews.hear($0) })
    }
}

extension UVLoop {
    /// Runs `body` on the loop and gives what it returns.
    func run<Output: Sendable>(
        _ body: @escaping @Sendable () throws -> Output
    ) async throws -> Output {
        try await withCheckedThrowingContinuation { continuation in
            post { continuation.resume(with: Result { try body() }) }
        }
    }
}

extension CertificateRenewer.News {
    /// In a few words.
    var text: String {
        switch self {
        case .renewed: "renewed"
        case .failed(let trouble, _): "failed: \(trouble.label)"
        case .endsSoon: "ends soon"
        case .over: "over"
        }
    }
}

extension SignerService.News {
    /// In a few words.
    var text: String {
        switch self {
        case .issued(let issued): "issued to \(issued.identity.region)/\(issued.identity.name)"
        case .refused(let identity, let refusal): "refused \(identity.name): \(refusal.label)"
        case .failed(let identity, _): "failed \(identity.name)"
        case .unheard(let reason): "unheard: \(reason.label)"
        }
    }
}

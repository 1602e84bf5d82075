import Cluster
import Environment
import Journal
import Logging
import Node
import Operations
import SecureLink
import StateStore
import Telemetry
import Transport
import Vault

/// A node on this machine: its loop, its threads, its files, and the lock on its folder.
struct NodeProcess: Sendable {
    let file: NodeFile
    let loop: UVLoop
    let node: Node
    let metrics: MetricRegistry
    let logger: Logger
    /// Nil for a node that is alone, as `links`.
    let channels: TLSChannels?
    let links: PeerLinks?
    /// For keys and certificates; nil where nobody renews them.
    let certificateWorker: WorkerThread?
    private let workers: [WorkerThread]
    private let store: StateStore
    private let lock: FileLock

    /// Opens everything and recovers what the node knew. Takes as long as the journal is to be
    /// read, and for a node that joins a cluster until that answers.
    ///
    /// - Parameter signals: looked at while the cluster does not answer.
    init(_ file: NodeFile, signals: Signals, logger: Logger) throws(CommandFailure) {
        self.file = file
        self.logger = logger
        channels = try NodeCertificate.channels(of: file) { CivilClock.now }
        let folder = file.configuration.dataDirectory
        try Files.makeFolder(folder)
        guard let lock = try FileLock(folder + "/lock") else {
            throw CommandFailure(
                .tryAgain, "another process works in this folder", at: folder,
                remedy: "end it first, or give this node a folder of its own")
        }
        self.lock = lock
        let (vault, sealer) = try Self.openVault(file)
        store = try Self.openStore(folder)
        metrics = MetricRegistry()
        do {
            let loop = try UVLoop(name: "node")
            try loop.start()
            self.loop = loop
            // The journal has what the state's writer writes: commits do not wait for it, and a
            // snapshot that is installed, or the end, can.
            workers = try ["journal", "state writer", "state reader"].map {
                try WorkerThread(name: $0, loop: loop, yields: $0 == "state writer")
            }
            certificateWorker =
                file.credentials?.signer == nil
                ? nil : try WorkerThread(name: "certificates", loop: loop)
        } catch {
            throw CommandFailure(
                .unavailable, "the system gives no thread: \(error)",
                remedy: "look at the limits of this process (ulimit -a)")
        }
        let network = UVNetwork(loop: loop)
        let seat = try NodeJoining(
            file: file, loop: loop, network: network, channels: channels, logger: logger
        ).seat(signals)
        links = Self.makeLinks(
            seat, channels, loop: loop, network: network, random: SystemRandom(), logger: logger)
        let news = NewsLog(logger, loop: loop)
        let environment = NodeEnvironment(
            loop: loop, network: network, links: links, fileSystem: PosixFileSystem(),
            journalWorker: workers[0], writeWorker: workers[1], readWorker: workers[2],
            random: SystemRandom(), vault: vault, sealer: sealer, store: store,
            halt: ProcessHalt(),
            onNews: { news.tell($0) })
        do throws(NodeStartError) {
            node = try Node(file.configuration, seat, in: environment, metrics: metrics)
        } catch {
            throw CommandFailure(
                .badConfiguration, "\(error)", at: folder,
                remedy: "the folder is left as it was; keep a copy of it before anything else")
        }
    }

    private static func openVault(
        _ file: NodeFile
    ) throws(CommandFailure) -> (SoftwareKeyVault, ShardSealer) {
        do throws(VaultError) {
            let vault = try SoftwareKeyVault(
                environment: file.environment, keyFile: file.vaultKeyFile,
                random: SystemRandom())
            return (vault, try ShardSealer(vault: vault))
        } catch {
            throw CommandFailure(
                .badConfiguration, "\(error)",
                remedy: "the cards and the logs of this node open with this key and no other")
        }
    }

    private static func openStore(_ folder: String) throws(CommandFailure) -> StateStore {
        do throws(StateStoreError) {
            return try StateStore.open(path: folder + "/state.sqlite")
        } catch {
            throw CommandFailure(
                .badConfiguration, "\(error)", at: folder,
                remedy: "the folder is left as it was; keep a copy of it before anything else")
        }
    }

    /// Writes back what is in memory and ends the threads.
    func stop() async {
        await node.stop()
        // The loop ends last: it carries the completions of the others.
        for worker in workers { worker.stop() }
        certificateWorker?.stop()
        loop.stop()
        try? store.close()
    }
}

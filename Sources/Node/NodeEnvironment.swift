public import Cluster
public import Environment
public import Primitives
public import StateStore
public import Vault

/// Everything outside that a node takes from whoever starts it: the real parts in a process of its
/// own, the simulated ones in a world.
public struct NodeEnvironment: Sendable {
    public let loop: any NodeLoop
    public let network: any Network
    /// The links to the peers, which listen already; nil for a node that is alone.
    public let links: PeerLinks?
    public let fileSystem: any FileSystem
    /// The thread of the journal's writes and syncs.
    public let journalWorker: any BlockingWorker
    /// The thread of the state's writes and checkpoints.
    public let writeWorker: any BlockingWorker
    /// The thread of the state's reads.
    public let readWorker: any BlockingWorker
    public let random: any RandomSource
    public let vault: any KeyVault
    public let store: StateStore
    public let halt: any NodeHalt
    /// Told on the loop when the node begins to own a region's links, with the term of that, and
    /// when it ends.
    public let onLinksOwned: @Sendable (_ region: String, _ term: Term?) -> Void

    public init(
        loop: any NodeLoop, network: any Network, links: PeerLinks?, fileSystem: any FileSystem,
        journalWorker: any BlockingWorker, writeWorker: any BlockingWorker,
        readWorker: any BlockingWorker, random: any RandomSource, vault: any KeyVault,
        store: StateStore, halt: any NodeHalt,
        onLinksOwned: @escaping @Sendable (_ region: String, _ term: Term?) -> Void = { _, _ in }
    ) {
        self.loop = loop
        self.network = network
        self.links = links
        self.fileSystem = fileSystem
        self.journalWorker = journalWorker
        self.writeWorker = writeWorker
        self.readWorker = readWorker
        self.random = random
        self.vault = vault
        self.store = store
        self.halt = halt
        self.onLinksOwned = onLinksOwned
    }
}

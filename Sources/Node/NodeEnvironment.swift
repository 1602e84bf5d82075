public import Cluster
public import Environment
public import Journal
public import Primitives
public import StateStore
public import Vault

/// What happens to a node.
public enum NodeNews: Sendable {
    /// The node begins to own a region's links, in this term; nil when that ends.
    case linksOwned(region: String, term: Term?)
    /// The disk of the journal is stuck or full, or is so no more.
    case journal(Journal.Event)
    /// The state store finds no room on its disk, or does again.
    case storeHasRoom(Bool)
}

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
    /// Over the same vault.
    public let sealer: any Sealer
    public let store: StateStore
    public let halt: any NodeHalt
    /// Told on the loop what whoever looks after the node should know.
    public let onNews: @Sendable (NodeNews) -> Void

    public init(
        loop: any NodeLoop, network: any Network, links: PeerLinks?, fileSystem: any FileSystem,
        journalWorker: any BlockingWorker, writeWorker: any BlockingWorker,
        readWorker: any BlockingWorker, random: any RandomSource, vault: any KeyVault,
        sealer: any Sealer, store: StateStore, halt: any NodeHalt,
        onNews: @escaping @Sendable (NodeNews) -> Void = { _ in }
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
        self.sealer = sealer
        self.store = store
        self.halt = halt
        self.onNews = onNews
    }
}

import Acquirer
import Cluster
import Environment
import Gateway
import MerchantAPI
import Node
import Payments
import Primitives
import StateStore
import Topology
import Vault

/// Some nodes and one acquirer in a world, with what of them outlives a crash.
///
/// The nodes, their journals, codecs and actors are those of production; the disk, the network, the
/// clock and the channels between nodes are the world's.
final class GatewayWorld {
    let world: World
    let nodes: [SimulatedNode]
    let acquirer: SimulatedProcess
    let merchant: MerchantID
    /// Whether the host forgets reversals of what it does not know, as some do. The link to such a
    /// host has to be quiet for longer than bytes can be under way; tombstones make do with less.
    let hostForgets: Bool
    /// How long a hold lasts, in seconds.
    let holdSeconds: UInt32
    /// How far refunds may take the merchant below zero.
    var balanceLimit: BalanceLimit?
    let secretKey = "sk_test_simulated0000000000000000"

    /// How many of the nodes the cluster begins with; the others join it.
    private let founderCount: Int
    /// Who writes to the acquirer.
    let links: LinkWatch
    private let acquirerJournal: AcquirerJournal
    private(set) var host: AcquirerHost?

    /// How many of the first nodes clients ask; nil for all.
    var askedNodeCount: Int?

    let shardCount: Int
    var groups: [GroupID] { (0..<shardCount).map { GroupID(UInt32($0)) } }
    /// The merchant's shard.
    var askedGroup: GroupID { GroupID(UInt32(merchant.stem.slot.shard(of: shardCount))) }

    static let acquirerAddress = SocketAddress(host: "acquirer", port: 8583)

    /// - Parameters:
    ///   - grows: whether, by chance, some of the nodes join later.
    ///   - founderCount: how many there are at the beginning; nil for what chance says.
    ///   - jurisdictions: each has as many of the nodes, and as many of the shards.
    init(
        _ world: World, nodeCount: Int, shardCount: Int = 2, grows: Bool = true,
        founderCount wanted: Int? = nil, jurisdictions: [String] = ["eu"]
    ) throws {
        self.world = world
        self.shardCount = shardCount
        links = LinkWatch(world)
        hostForgets = world.random.chance(1, in: 3)
        holdSeconds = UInt32.random(in: 5...40, using: &world.random)
        acquirer = world.addProcess("acquirer")
        merchant = MerchantID(
            stem: IdentifierStem(slot: Slot(4711)!, random: WorldRandom(seed: world.seed)))
        acquirerJournal = try AcquirerJournal(path: nil)
        var chance = SeededRandom(seed: derivedSeed(world.seed, "founders"))
        founderCount = wanted ?? Self.founderCount(of: nodeCount, grows: grows, &chance)
        let founderCount = founderCount
        let planned = (1...nodeCount).map { number in
            ClusterPlan.Node(
                id: number <= founderCount ? MemberID(UInt64(number)) : nil, name: "node\(number)",
                region: "region\(number)",
                jurisdiction: jurisdictions[(number - 1) * jurisdictions.count / nodeCount],
                address: SocketAddress(host: "node\(number)", port: 7000))
        }
        let cluster = ClusterID(world.random.next() | 1)
        nodes = try planned.map { node in
            try SimulatedNode(
                world,
                ClusterPlan(
                    cluster: cluster, ownName: node.profile.name, nodes: planned,
                    shardSets: Self.shardSets(of: jurisdictions, shardCount: shardCount)),
                shardCount: shardCount)
        }
        if nodeCount > 1, world.random.chance(1, in: 3) { spreadOut() }
    }

    private static func shardSets(of jurisdictions: [String], shardCount: Int) -> [ShardSet] {
        guard jurisdictions.count > 1 else { return [] }
        return jurisdictions.map {
            ShardSet(
                shardCount: shardCount / jurisdictions.count,
                rule: PlacementRule(jurisdiction: $0))
        }
    }

    /// Puts the nodes as far from each other as continents are.
    private func spreadOut() {
        for (place, first) in nodes.enumerated() {
            for second in nodes[(place + 1)...] {
                let way = Int64.random(in: 10_000...80_000, using: &world.random)
                world.fabric.setLatency(
                    first.process, second.process,
                    LatencyModel(microseconds: way...(way + way / 10)))
            }
        }
    }

    func start() {
        acquirer.start { [unowned self] incarnation in
            let host = AcquirerHost(
                options: AcquirerHost.Options(
                    id: "acquirer", address: Self.acquirerAddress, controlAddress: nil,
                    forgetsUnknownReversals: hostForgets, takesOneSession: true),
                journal: acquirerJournal, loop: incarnation.loop, network: incarnation.network,
                worker: incarnation.makeWorker(), halt: incarnation.halt)
            self.host = host
            incarnation.loop.start(host) { host in
                do throws(AcquirerHostError) {
                    try await host.start()
                } catch {
                    incarnation.halt.halt("\(error)")
                }
            }
        }
        let settings = SimulatedNode.Settings(
            link: link(), merchant: merchant, secretKey: secretKey, holdSeconds: holdSeconds,
            balanceLimit: balanceLimit, links: links)
        for node in nodes[..<founderCount] { node.start(settings) }
        var chance = SeededRandom(seed: derivedSeed(world.seed, "joins"))
        for node in nodes[founderCount...] {
            let delay = Int64.random(in: 500...30_000, using: &chance)
            world.schedule(after: .milliseconds(delay)) { node.start(settings) }
        }
    }

    private static func founderCount(
        of nodeCount: Int, grows: Bool, _ chance: inout SeededRandom
    ) -> Int {
        guard grows, nodeCount > 1, chance.chance(1, in: 3) else { return nodeCount }
        return nodeCount == 3 || chance.chance(1, in: 2) ? 1 : 3
    }

    private func link() -> LinkOptions {
        var link = LinkOptions(
            name: "acquirer", address: Self.acquirerAddress, isLive: false)
        link.quietPeriod =
            hostForgets
            ? world.parameters.retransmissionLimit + .seconds(2) : .seconds(2)
        return link
    }

    /// How often nodes were started.
    var nodeStartCount: Int { nodes.reduce(0) { $0 + $1.startCount } }

    /// Which nodes have a replica of each shard, as the first node knows it.
    func placements() throws -> [GroupID: [SimulatedNode]] {
        guard let first = nodes.first, let running = first.running,
            let loop = first.process.incarnation?.loop
        else { return [:] }
        let answer = PlacementAnswer()
        loop.start(running) { answer.status = await $0.clusterStatus() }
        _ = try world.run(limit: world.elapsed + .seconds(1)) { answer.status != nil }
        guard let status = answer.status else { return [:] }
        var found: [GroupID: [SimulatedNode]] = [:]
        for (number, shard) in status.topology.shards.enumerated() {
            let names = shard.replicas.compactMap { status.topology[$0]?.name }
            found[GroupID(UInt32(number))] = nodes.filter { names.contains($0.process.name) }
        }
        return found
    }

    /// Clients that ask by way of every node, and with whose payments nobody else does anything.
    func makeClients(
        _ count: Int, paymentCount: Int, _ recorder: ClientRecorder
    ) -> [SimulatedClient] {
        (0..<count).map { number in
            let sender = RequestSender(
                name: "c\(number)", number: number, gateway: self, recorder: recorder,
                seed: world.random.next(), flaw: nil)
            return SimulatedClient(
                sender, world: world, paymentCount: paymentCount, contends: false,
                contentionSeed: 0)
        }
    }

    func crashAcquirer(_ kind: CrashKind) {
        guard host != nil else { return }
        host = nil
        acquirer.crash(kind)
    }

    func restartAcquirer() {
        guard host == nil else { return }
        acquirer.restart()
    }
}

// Proof: a world and all its loops run on one thread.
private final class PlacementAnswer: @unchecked Sendable {
    var status: ClusterStatus?
}

/// Chance for what a scenario makes before its processes run.
struct WorldRandom: RandomSource {
    let seed: UInt64

    func next() -> UInt64 {
        var generator = SeededRandom(seed: seed ^ 0x5EED)
        return generator.next()
    }
}

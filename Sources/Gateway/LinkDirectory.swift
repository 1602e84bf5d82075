package import Cluster
package import Environment
import Primitives
package import Resilience

/// The links of all regions, as one node reaches them. A region's come with its link shard.
package actor LinkDirectory: LoopActor {
    package nonisolated let loop: any NodeLoop
    package nonisolated var unownedExecutor: UnownedSerialExecutor {
        loop.asUnownedSerialExecutor()
    }

    private let ownRegion: String
    /// Where a shard is at home.
    private let home: @Sendable (GroupID) -> String?
    private var regions: [RegionLinks] = []
    private nonisolated let makeParts: PartsMaker
    private var isStopped = false

    /// How long operators wait for a region: an election and a round trip to it.
    private static let patience = Duration.seconds(10)
    /// The same where they only look.
    private static let lookPatience = Duration.seconds(3)

    typealias PartsMaker = @Sendable () -> LinkParts

    init(
        loop: any NodeLoop, ownRegion: String, home: @escaping @Sendable (GroupID) -> String?,
        makeParts: @escaping PartsMaker
    ) {
        self.loop = loop
        self.ownRegion = ownRegion
        self.home = home
        self.makeParts = makeParts
    }

    /// Takes up a region's links; once for each.
    package func add(
        region: String, replica: Replica<LinkMachine>, node: ClusterNode
    ) async {
        precondition(!regions.contains { $0.region == region }, "\(region) is there already")
        let links = RegionLinks(
            region: region, replica: replica, node: node, parts: makeParts())
        regions.append(links)
        await links.start()
    }

    func stop() async {
        isStopped = true
        for links in regions { await links.stop() }
    }

    /// The links that a shard's payments take: those of its home region, or of this node's where it
    /// has none. Nil before they are there. Loop only.
    nonisolated func links(of shard: GroupID) -> RegionLinks? {
        onLoop { directory in
            let home = directory.home(shard)
            return directory.regions.first { $0.region == home }
                ?? directory.regions.first { $0.region == directory.ownRegion }
        }
    }

    /// Whether a link of this node's region is up.
    nonisolated var isUp: Bool {
        onLoop { directory in
            directory.regions.first { $0.region == directory.ownRegion }?.statuses?
                .contains { $0.session == .up } ?? false
        }
    }

    // MARK: Operators

    /// How all links are, by the regions' names.
    package func statuses() async -> [RegionLinkStatus] {
        var found: [RegionLinkStatus] = []
        let deadline = loop.now + Self.lookPatience
        for links in regions.sorted(by: { $0.region < $1.region }) {
            found.append(await links.status(deadline: deadline))
        }
        return found
    }

    /// Changes what stands of a region's link.
    package func change(_ command: LinkCommand, of region: String) async -> LinkChangeOutcome {
        guard let links = regions.first(where: { $0.region == region }) else {
            return .noSuchRegion
        }
        return await links.change(command, deadline: loop.now + Self.patience)
    }

    /// The regions that have links, by name.
    package var regionNames: [String] { regions.map(\.region).sorted() }
}

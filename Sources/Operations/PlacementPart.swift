import Cluster
import Primitives
import Topology

// `cluster.regions` and `cluster.placements`: whose law holds in which region, and which shards are
// where.
//
//   neither        all regions are in node.jurisdiction, and all shards in all of them
//   regions        each region in its own; with several jurisdictions, placements have to say which
//                  shards are in which
//   placements     so many shards each, by rising number: a jurisdiction, a home, what to survive

/// The jurisdictions of a cluster's regions, as the file has them.
struct JurisdictionPart {
    /// Nil where the file has no list of regions.
    private let regions: [String: String]?
    /// `node.jurisdiction`; nil where it is left out.
    private let own: String?

    init(_ section: ConfigurationSection, _ node: ConfigurationSection) throws(CommandFailure) {
        own =
            node.has("jurisdiction") || !section.has("regions")
            ? try node.name("jurisdiction") : nil
        guard section.has("regions") else {
            regions = nil
            return
        }
        var found: [String: String] = [:]
        for item in try section.sections("regions", keys: ["name", "jurisdiction"]) {
            let name = try item.name("name")
            guard found[name] == nil else {
                throw item.failure(
                    "name", "two regions are called \(name)", remedy: "leave one of them out")
            }
            found[name] = try item.name("jurisdiction")
        }
        regions = found
    }

    /// The jurisdiction of the region that a node of the list is in.
    func jurisdiction(
        of region: String, _ item: ConfigurationSection
    ) throws(CommandFailure) -> String {
        guard let regions else { return own ?? "" }
        if let found = regions[region] { return found }
        throw item.failure(
            "region", "cluster.regions has no \(region)",
            remedy: Spelling.nearest(to: region, among: regions.keys.sorted())
                .map { "did you mean \($0)?" } ?? "add it there, with its jurisdiction")
    }

    /// Refuses a jurisdiction that this node says it is in, and its region is not.
    func check(_ found: String, _ node: ConfigurationSection) throws(CommandFailure) {
        guard let own, own != found else { return }
        throw node.failure(
            "jurisdiction", "cluster.regions says that its region is in \(found)",
            remedy: "make them agree, or leave node.jurisdiction out")
    }
}

/// Which shards are where.
enum PlacementPart {
    private enum Goal: String, CaseIterable {
        case zone, region

        var survival: SurvivalGoal {
            switch self {
            case .zone: .zone
            case .region: .region
            }
        }
    }

    /// - Parameters:
    ///   - nodes: those of the list; shards begin on the ones that have an id.
    ///   - wanted: how many replicas a shard shall have.
    static func read(
        _ section: ConfigurationSection, _ nodes: [ClusterPlan.Node], wanted: Int
    ) throws(CommandFailure) -> [ShardSet] {
        let jurisdictions = Set(nodes.map(\.profile.jurisdiction)).sorted()
        guard section.has("placements") else {
            guard jurisdictions.count == 1 else {
                throw section.failure(
                    "regions",
                    "there are \(jurisdictions.count) jurisdictions, and nothing says which shards "
                        + "are in which",
                    remedy: "add cluster.placements; ClusterConfigs/three-regions.yaml explains it")
            }
            return []
        }
        var sets: [ShardSet] = []
        let items = try section.sections(
            "placements", keys: ["shards", "jurisdiction", "home", "survive"])
        for item in items {
            let set = try read(item, jurisdictions)
            try check(set.rule, nodes, wanted, item)
            sets.append(set)
        }
        let count = sets.reduce(0) { $0 + $1.shardCount }
        guard (1...Topology.shardCountMax).contains(count) else {
            throw section.failure(
                "placements", count == 0 ? "there are none" : "they have \(count) shards",
                remedy: "let them have 1 to \(Topology.shardCountMax) in all")
        }
        return sets
    }

    private static func read(
        _ item: ConfigurationSection, _ jurisdictions: [String]
    ) throws(CommandFailure) -> ShardSet {
        let only = jurisdictions.count == 1 ? jurisdictions.first : nil
        let jurisdiction = try item.name("jurisdiction", else: only)
        let survival =
            item.has("survive") ? (try item.choice("survive") as Goal).survival : nil
        return ShardSet(
            shardCount: try item.integer("shards", in: 1...Topology.shardCountMax),
            rule: PlacementRule(
                jurisdiction: jurisdiction, home: item.has("home") ? try item.name("home") : nil,
                survival: survival))
    }

    /// Refuses a rule that the cluster's first nodes cannot keep.
    private static func check(
        _ rule: PlacementRule, _ nodes: [ClusterPlan.Node], _ wanted: Int,
        _ item: ConfigurationSection
    ) throws(CommandFailure) {
        let founders = nodes.compactMap { node in
            node.id.map { NodeRecord(id: $0, profile: node.profile) }
        }
        // A node that joins need not know all of those that began.
        guard !founders.isEmpty, nodes.allSatisfy({ $0.id != nil }) else { return }
        let jurisdiction = rule.jurisdiction ?? ""
        switch rule.problem(among: founders, wanted: wanted) {
        case nil: return
        case .noNodes?:
            let known = Set(founders.map(\.jurisdiction)).sorted()
            throw item.failure(
                "jurisdiction", "no node is in \(jurisdiction)",
                remedy: Spelling.nearest(to: jurisdiction, among: known)
                    .map { "did you mean \($0)?" }
                    ?? "the nodes are in \(known.joined(separator: ", "))")
        case .homeIsElsewhere?:
            throw item.failure(
                "home", "no node of \(jurisdiction) is in \(rule.home ?? "")",
                remedy: "name one of its regions, or leave home out")
        case .cannotSurvive(let goal, let found)?:
            let remedy =
                switch goal {
                case .region:
                    "three regions of \(jurisdiction) need nodes, and a shard three replicas; or "
                        + "let it survive a zone"
                case .zone:
                    "three zones of \(jurisdiction) need nodes, and a shard three replicas; or "
                        + "leave survive out"
                }
            throw item.failure(
                "survive",
                "the nodes of \(jurisdiction) are in \(found) \(goal)\(found == 1 ? "" : "s"), "
                    + "and a shard of \(wanted) replicas could not lose one",
                remedy: remedy)
        }
    }
}

extension ConfigurationSection {
    /// Where merchants reach a node: the beginning of a URL, without a slash at its end.
    func url(_ key: String) throws(CommandFailure) -> String {
        try value(key, expecting: "the beginning of a URL, such as https://eu-1.example.com") {
            (text) -> String? in
            let scheme = ["https://", "http://"].first { text.hasPrefix($0) }
            guard let host = scheme.map({ text.dropFirst($0.count) }), !host.isEmpty,
                !host.hasPrefix("/"), !text.hasSuffix("/")
            else { return nil }
            let isPlain = text.utf8.allSatisfy { byte in
                (0x21...0x7E).contains(byte) && byte != UInt8(ascii: "\"")
                    && byte != UInt8(ascii: "\\")
            }
            return isPlain && text.utf8.count <= NodeProfile.urlByteCountMax ? text : nil
        }
    }
}

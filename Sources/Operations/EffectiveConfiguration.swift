public import Cluster
public import Environment
import Gateway
import MerchantAPI
import Node
import Payments
import Primitives
import SecureLink
import Topology
import Vault

/// A configuration as YAML and JSON write it.
public indirect enum ConfigurationTree: Hashable, Sendable, Encodable {
    case text(String)
    case number(Int)
    case flag(Bool)
    case list([ConfigurationTree])
    /// In the order in which a reader looks for them.
    case mapping([Pair])

    public struct Pair: Hashable, Sendable {
        public let key: String
        public let value: ConfigurationTree
    }

    /// Lines of YAML, which the reader of configuration files takes.
    public var yaml: String { lines(0).joined(separator: "\n") }

    private func lines(_ depth: Int) -> [String] {
        let indent = String(repeating: " ", count: depth)
        switch self {
        case .text, .number, .flag: return [indent + scalar]
        case .list(let items):
            return items.flatMap { item -> [String] in
                var lines = item.lines(depth + 2)
                // The dash stands where the first line's indentation was.
                lines[0] = indent + "- " + lines[0].dropFirst(depth + 2)
                return lines
            }
        case .mapping(let pairs):
            return pairs.flatMap { pair -> [String] in
                switch pair.value {
                case .text, .number, .flag: ["\(indent)\(pair.key): \(pair.value.scalar)"]
                case .list([]): ["\(indent)\(pair.key): []"]
                case .list, .mapping: ["\(indent)\(pair.key):"] + pair.value.lines(depth + 2)
                }
            }
        }
    }

    private var scalar: String {
        switch self {
        case .text(let text): Self.quoted(text)
        case .number(let number): "\(number)"
        case .flag(let flag): "\(flag)"
        case .list, .mapping: ""
        }
    }

    /// Quoted where YAML would see something else in it.
    private static func quoted(_ text: String) -> String {
        let isPlain =
            text.first?.isLetter == true || text.first?.isNumber == true || text.first == "/"
        let isWord = isPlain && !text.contains(": ") && !text.contains(" #") && !text.hasSuffix(":")
        guard !isWord || text.contains(where: { $0 == "\"" || $0 == "\\" || $0.isNewline }) else {
            return text
        }
        let escaped = text.map { character -> String in
            switch character {
            case "\"": "\\\""
            case "\\": "\\\\"
            case _ where character.isNewline: "\\n"
            default: String(character)
            }
        }
        return "\"\(escaped.joined())\""
    }

    private struct AnyKey: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    public func encode(to encoder: any Encoder) throws {
        switch self {
        case .text(let text):
            var container = encoder.singleValueContainer()
            try container.encode(text)
        case .number(let number):
            var container = encoder.singleValueContainer()
            try container.encode(number)
        case .flag(let flag):
            var container = encoder.singleValueContainer()
            try container.encode(flag)
        case .list(let items):
            var container = encoder.unkeyedContainer()
            for item in items { try container.encode(item) }
        case .mapping(let pairs):
            var container = encoder.container(keyedBy: AnyKey.self)
            for pair in pairs {
                try container.encode(pair.value, forKey: AnyKey(stringValue: pair.key))
            }
        }
    }
}

extension ConfigurationTree: ExpressibleByDictionaryLiteral, ExpressibleByStringInterpolation {
    public init(dictionaryLiteral elements: (String, ConfigurationTree)...) {
        self = .mapping(elements.map { Pair(key: $0.0, value: $0.1) })
    }

    public init(stringLiteral text: String) { self = .text(text) }
}

extension NodeFile {
    /// What the node goes by: everything that the file says, and the defaults of what it does not.
    /// Paths are as the node opens them; digests of keys are not shown.
    public var effective: ConfigurationTree {
        let node = configuration
        var pairs = effectiveKeys(node)
        let period = Duration.seconds(Int64(node.gateway.testHoldSeconds))
        // The rule of the live world is longer than what can be written.
        if period <= ConfigurationSection.durationMax {
            let mode: ConfigurationTree = ["hold_period": .text(Self.text(period))]
            pairs.append(ConfigurationTree.Pair(key: "test_mode", value: mode))
        }
        return .mapping(pairs)
    }

    /// The file of a node that joins the cluster of this file's node: what all nodes have alike,
    /// with the digests of the keys, and what is the new one's own. Paths are those of a folder
    /// that `sunny cluster init` makes.
    ///
    /// - Parameter known: the nodes that it can ask, without itself.
    public func joined(
        by node: ClusterPlan.Node, asking known: [ClusterPlan.Node], http: SocketAddress,
        admin: SocketAddress
    ) -> ConfigurationTree {
        let nodes = known + [node]
        let tls = Self.effective(["folder": "tls"], credentials?.signer)
        var cluster: [ConfigurationTree.Pair] = []
        if case .mapping(let pairs) = effectiveCluster {
            cluster = pairs.filter { $0.key != "nodes" && $0.key != "tls" }
        }
        cluster.append(
            ConfigurationTree.Pair(key: "nodes", value: .list(nodes.map(Self.effective))))
        cluster.append(ConfigurationTree.Pair(key: "tls", value: tls))
        let own: [String: ConfigurationTree] = [
            "cluster": .mapping(cluster),
            "node": [
                "name": .text(node.profile.name), "region": .text(node.profile.region),
                "jurisdiction": .text(jurisdiction(of: node.profile.region)),
                "data_directory": "data",
                "shards": .number(configuration.shardCount),
            ],
            "listen": ["http": "\(http)", "admin": "\(admin)"],
            "vault": ["software": ["key_file": "vault.key"]],
            "merchants": .list(merchants.map(withDigests)),
        ]
        guard case .mapping(let pairs) = effective else { return effective }
        return .mapping(
            pairs.map { ConfigurationTree.Pair(key: $0.key, value: own[$0.key] ?? $0.value) })
    }

    /// Whose law holds in a region, as far as the file knows it; otherwise this node's.
    public func jurisdiction(of region: String) -> String {
        plan.nodes.first { $0.profile.region == region }?.profile.jurisdiction
            ?? configuration.jurisdiction
    }

    private func withDigests(_ merchant: Merchant) -> ConfigurationTree {
        let digests = configuration.merchants
            .filter { "\($0.merchant)" == merchant.id && $0.isLive == (merchant.mode == "live") }
            .map { ConfigurationTree.text(Hexadecimal.text($0.keyDigest)) }
        guard case .mapping(let pairs) = Self.effective(merchant) else { return "" }
        return .mapping(
            pairs.map { pair in
                pair.key == "secret_key_digests"
                    ? ConfigurationTree.Pair(key: pair.key, value: .list(digests)) : pair
            })
    }

    private func effectiveKeys(_ node: NodeConfiguration) -> [ConfigurationTree.Pair] {
        let tree: ConfigurationTree = [
            "cluster": effectiveCluster,
            "environment": .text(environment.rawValue),
            "node": [
                "name": .text(node.name), "region": .text(node.region),
                "jurisdiction": .text(node.jurisdiction),
                "data_directory": .text(node.dataDirectory), "shards": .number(node.shardCount),
            ],
            "listen": ["http": "\(httpAddress)", "admin": "\(adminAddress)"],
            "insecure_listen": .flag(allowsInsecure),
            "vault": ["software": ["key_file": .text(vaultKeyFile)]],
            "links": .list(node.links.map(Self.effective)),
            "merchants": .list(merchants.map(Self.effective)),
            "fees": [
                "basis_points": .number(Int(node.gateway.fees.basisPoints)),
                "fixed_minor_units": .number(Int(node.gateway.fees.fixedMinorUnits)),
            ],
        ]
        guard case .mapping(let pairs) = tree else { return [] }
        return pairs
    }

    private var effectiveCluster: ConfigurationTree {
        var pairs = [ConfigurationTree.Pair(key: "name", value: .text(clusterName))]
        if !plan.isUnnamed {
            let id = String(plan.cluster.rawValue, radix: 16)
            pairs.append(ConfigurationTree.Pair(key: "id", value: .text(id)))
            if Set(plan.nodes.map(\.profile.jurisdiction)).count > 1 {
                pairs.append(ConfigurationTree.Pair(key: "regions", value: effectiveRegions))
            }
            pairs.append(
                ConfigurationTree.Pair(
                    key: "nodes", value: .list(plan.nodes.map(Self.effective))))
            if plan.hasPlacements {
                let sets = plan.shardSets(shardCount: configuration.shardCount)
                pairs.append(
                    ConfigurationTree.Pair(
                        key: "placements", value: .list(sets.map(Self.effective))))
            }
            pairs.append(
                ConfigurationTree.Pair(key: "replicas", value: .number(plan.replicaCount)))
        }
        if let files = credentials?.files {
            let tls: ConfigurationTree = [
                "certificate": .text(files.certificate), "key": .text(files.key),
                "authorities": .text(files.authorities),
            ]
            pairs.append(
                ConfigurationTree.Pair(
                    key: "tls", value: Self.effective(tls, credentials?.signer)))
        }
        return .mapping(pairs)
    }

    private static func effective(
        _ tls: ConfigurationTree, _ signer: SocketAddress?
    ) -> ConfigurationTree {
        guard let signer, case .mapping(let pairs) = tls else { return tls }
        return .mapping(pairs + [ConfigurationTree.Pair(key: "signer", value: "\(signer)")])
    }

    /// In the order of their nodes.
    private var effectiveRegions: ConfigurationTree {
        var names: [String] = []
        for node in plan.nodes where !names.contains(node.profile.region) {
            names.append(node.profile.region)
        }
        return .list(
            names.map { ["name": .text($0), "jurisdiction": .text(jurisdiction(of: $0))] })
    }

    private static func effective(_ set: ShardSet) -> ConfigurationTree {
        var pairs = [
            ConfigurationTree.Pair(key: "shards", value: .number(set.shardCount)),
            ConfigurationTree.Pair(
                key: "jurisdiction", value: .text(set.rule.jurisdiction ?? "")),
        ]
        if let home = set.rule.home {
            pairs.append(ConfigurationTree.Pair(key: "home", value: .text(home)))
        }
        if let goal = set.rule.survival {
            pairs.append(ConfigurationTree.Pair(key: "survive", value: .text("\(goal)")))
        }
        return .mapping(pairs)
    }

    static func effective(_ node: ClusterPlan.Node) -> ConfigurationTree {
        let profile = node.profile
        var pairs = [ConfigurationTree.Pair(key: "name", value: .text(profile.name))]
        if let id = node.id {
            pairs.append(ConfigurationTree.Pair(key: "id", value: .number(Int(id.rawValue))))
        }
        pairs.append(ConfigurationTree.Pair(key: "region", value: .text(profile.region)))
        if !profile.zone.isEmpty {
            pairs.append(ConfigurationTree.Pair(key: "zone", value: .text(profile.zone)))
        }
        pairs.append(ConfigurationTree.Pair(key: "address", value: .text(profile.address)))
        if !profile.url.isEmpty {
            pairs.append(ConfigurationTree.Pair(key: "url", value: .text(profile.url)))
        }
        return .mapping(pairs)
    }

    private static func effective(_ link: LinkOptions) -> ConfigurationTree {
        [
            "name": .text(link.name), "address": "\(link.address)",
            "mode": .text(link.isLive ? "live" : "test"),
            "answer_timeout": .text(text(link.answerTimeout)),
            "quiet_period": .text(text(link.quietPeriod)),
            "connect_timeout": .text(text(link.connectTimeout)),
            "echo_interval": .text(text(link.echoInterval)),
        ]
    }

    private static func effective(_ merchant: Merchant) -> ConfigurationTree {
        let tree: ConfigurationTree = [
            "id": .text(merchant.id), "name": .text(merchant.name), "mode": .text(merchant.mode),
            "jurisdiction": .text(merchant.jurisdiction),
            "secret_key_digests": .list(Array(repeating: "***", count: merchant.keyCount)),
            "publishable_key": .text(merchant.publishableKey),
        ]
        guard let limit = merchant.balanceLimit, case .mapping(let pairs) = tree else {
            return tree
        }
        return .mapping(
            pairs + [ConfigurationTree.Pair(key: balanceLimitKey, value: effective(limit))])
    }

    /// As the file writes times.
    private static func text(_ duration: Duration) -> String {
        let parts = duration.components
        let milliseconds = parts.seconds * 1000 + parts.attoseconds / 1_000_000_000_000_000
        if milliseconds % 60_000 == 0 { return "\(milliseconds / 60_000)min" }
        if milliseconds % 1000 == 0 { return "\(milliseconds / 1000)s" }
        return "\(milliseconds)ms"
    }
}

public import Cluster
public import Environment
public import Gateway
import MerchantAPI
public import Node
import Payments
public import SecureLink
import Topology
public import Vault

/// The configuration file of a node, read and checked. `ClusterConfigs/single.yaml` explains it,
/// `ClusterConfigs/demo.yaml` what a node among several has besides.
public struct NodeFile: Sendable {
    /// A merchant as the file describes it; its keys are in `configuration`.
    public struct Merchant: Hashable, Sendable {
        public let id: String
        public let name: String
        public let mode: String
        /// Where its cards stay: that of the account's shard.
        public let jurisdiction: String
        public let keyCount: Int
        public let publishableKey: String
        /// How far refunds may take the balance below zero; nil for no limit.
        public let balanceLimit: BalanceLimit?
    }

    /// Where a node's certificate is, and where the file says so.
    public struct Credentials: Hashable, Sendable {
        public let files: LinkCredentialFiles
        /// File and line.
        public let place: String
        /// Who renews the certificate; nil when only the operator does.
        public let signer: SocketAddress?
    }

    /// What the cluster is called; in the certificates of its nodes.
    public let clusterName: String
    /// The node's certificate; nil for a node that is alone.
    public let credentials: Credentials?
    public let environment: DeploymentEnvironment
    /// Where merchants connect.
    public let httpAddress: SocketAddress
    /// Where operators connect.
    public let adminAddress: SocketAddress
    /// Whether the HTTP address may be other than the loopback although there is no TLS.
    public let allowsInsecure: Bool
    /// The file of the software vault's master key.
    public let vaultKeyFile: String
    public let configuration: NodeConfiguration
    /// In the order of the file.
    public let merchants: [Merchant]

    /// The cluster as the file has it, and this node in it.
    public var plan: ClusterPlan { configuration.plan }

    private enum Mode: String, CaseIterable {
        case test, live
    }

    /// Reads the text of the file at `path`. Relative paths in it count from its folder.
    ///
    /// - Throws: `CommandFailure` of `badConfiguration`, which names the line.
    public init(path: String, text: String) throws(CommandFailure) {
        let root = try ConfigurationSection(
            file: path, text: text,
            keys: [
                "cluster", "environment", "node", "listen", "insecure_listen", "vault", "links",
                "merchants", "fees", "test_mode",
            ])
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        let node = try root.section(
            "node", keys: ["name", "region", "jurisdiction", "data_directory", "shards"])
        let cluster = try ClusterPart(root, node, folder: folder)
        clusterName = cluster.name
        credentials = cluster.credentials
        environment = try root.value("environment", expecting: "development or production") {
            DeploymentEnvironment(rawValue: $0)
        }
        allowsInsecure = try root.flag("insecure_listen", else: false)
        let listen = try root.section("listen", keys: ["http", "admin"])
        httpAddress = try listen.address("http")
        adminAddress = try listen.address("admin")
        try Self.check(listen, httpAddress, adminAddress, allowsInsecure)
        guard !httpAddress.collides(with: adminAddress) else {
            throw listen.failure(
                "admin", "\(adminAddress) is also where merchants connect",
                remedy: "give one of them another port")
        }
        try cluster.refuse(httpAddress, "http", of: listen)
        try cluster.refuse(adminAddress, "admin", of: listen)
        vaultKeyFile = try Self.readVault(root, environment, folder)
        let shardCount = try Self.readShardCount(node, cluster.plan)
        let merchants = try Self.readMerchants(
            root, MerchantPlaces(plan: cluster.plan, shardCount: shardCount))
        self.merchants = merchants.list
        var configuration = try Self.readNode(
            root, node, cluster.plan, merchants.entries, folder)
        configuration.gateway.balanceLimits = merchants.limits
        self.configuration = configuration
    }

    private static func check(
        _ listen: ConfigurationSection, _ http: SocketAddress, _ admin: SocketAddress,
        _ allowsInsecure: Bool
    ) throws(CommandFailure) {
        guard http.isLoopback || allowsInsecure else {
            throw listen.failure(
                "http", "\(http) is not a loopback address, and there is no TLS yet",
                remedy: "listen on 127.0.0.1, or set insecure_listen: true where the network in "
                    + "front of it is trusted")
        }
        guard admin.isLoopback else {
            throw listen.failure(
                "admin",
                "\(admin) is not a loopback address, and this port asks nobody who they are",
                remedy: "listen on 127.0.0.1")
        }
    }

    private static func readVault(
        _ root: ConfigurationSection, _ environment: DeploymentEnvironment, _ folder: String
    ) throws(CommandFailure) -> String {
        let vault = try root.section("vault", keys: ["software"])
        let software = try vault.section("software", keys: ["key_file"])
        switch environment {
        case .development: break
        case .production:
            throw vault.failure(
                "software", "\(VaultError.softwareVaultRefusedOutsideDevelopment)",
                remedy: "set environment: development; hardware modules are not supported yet")
        }
        return try software.path("key_file", from: folder)
    }

    private static let shardCountDefault = 4

    private static func readNode(
        _ root: ConfigurationSection, _ node: ConfigurationSection, _ plan: ClusterPlan,
        _ merchants: [MerchantDirectory.Entry], _ folder: String
    ) throws(CommandFailure) -> NodeConfiguration {
        var configuration = NodeConfiguration(
            plan: plan, dataDirectory: try node.path("data_directory", from: folder),
            shardCount: try readShardCount(node, plan),
            links: try readLinks(root), merchants: merchants)
        if root.has("fees") {
            let fees = try root.section("fees", keys: ["basis_points", "fixed_minor_units"])
            configuration.gateway.fees = FeeSchedule(
                basisPoints: Int64(try fees.integer("basis_points", in: 0...10_000)),
                fixedMinorUnits: Int64(try fees.integer("fixed_minor_units", in: 0...100_000)))
        }
        if root.has("test_mode") {
            configuration.gateway.testHoldSeconds = try readHoldPeriod(
                root.section("test_mode", keys: ["hold_period"]))
        }
        return configuration
    }

    private static func readShardCount(
        _ node: ConfigurationSection, _ plan: ClusterPlan
    ) throws(CommandFailure) -> Int {
        let sets = plan.hasPlacements ? plan.shardSets(shardCount: 0) : []
        let sum = sets.isEmpty ? nil : sets.reduce(0) { $0 + $1.shardCount }
        let count = try node.integer(
            "shards", in: 1...NodeConfiguration.shardCountMax, else: sum ?? shardCountDefault)
        if let sum, sum != count {
            throw node.failure(
                "shards", "cluster.placements have \(sum)",
                remedy: "make them agree, or leave node.shards out")
        }
        return count
    }

    private static func readHoldPeriod(
        _ section: ConfigurationSection
    ) throws(CommandFailure) -> UInt32 {
        let rule = Duration.seconds(Int64(Hold.lifetimeSeconds))
        let period = try section.duration("hold_period", else: rule)
        guard period >= .seconds(1) else {
            throw section.failure(
                "hold_period", "a hold lasts for a second at least",
                remedy: "write 1s to 60min, or leave it out for seven days")
        }
        return UInt32(period.components.seconds)
    }

    private static func readLinks(
        _ root: ConfigurationSection
    ) throws(CommandFailure) -> [LinkOptions] {
        var links: [LinkOptions] = []
        let sections = try root.sections(
            "links",
            keys: [
                "name", "address", "mode", "answer_timeout", "quiet_period", "connect_timeout",
                "echo_interval",
            ])
        for section in sections {
            var link = LinkOptions(
                name: try section.name("name"), address: try section.address("address"),
                isLive: try section.choice("mode") == Mode.live)
            guard !links.contains(where: { $0.name == link.name }) else {
                throw section.failure(
                    "name", "two links are called \(link.name)", remedy: "name one differently")
            }
            link.answerTimeout = try section.duration("answer_timeout", else: link.answerTimeout)
            link.quietPeriod = try section.duration("quiet_period", else: link.quietPeriod)
            link.connectTimeout = try section.duration(
                "connect_timeout", else: link.connectTimeout)
            link.echoInterval = try section.duration("echo_interval", else: link.echoInterval)
            links.append(link)
        }
        guard !links.isEmpty else {
            throw root.failure(
                "links", "a node without a link takes no payment",
                remedy: "add an acquirer's name, address and mode")
        }
        return links
    }

    private typealias MerchantPart = (
        list: [Merchant], entries: [MerchantDirectory.Entry], limits: BalanceLimits
    )

    private static func readMerchants(
        _ root: ConfigurationSection, _ places: MerchantPlaces
    ) throws(CommandFailure) -> MerchantPart {
        var list: [Merchant] = []
        var entries: [MerchantDirectory.Entry] = []
        var limits = BalanceLimits()
        let sections = try root.sections(
            "merchants",
            keys: [
                "id", "name", "mode", "jurisdiction", "secret_key_digests", "publishable_key",
                balanceLimitKey,
            ])
        for section in sections {
            let id = try section.value("id", expecting: "an account, acct_ and 17 characters") {
                MerchantID($0)
            }
            let mode = try section.choice("mode") as Mode
            let jurisdiction = try places.jurisdiction(of: id, section)
            let name = try section.value("name", expecting: "1 to 100 characters", else: "") {
                (1...100).contains($0.count) ? $0 : nil
            }
            // Nothing asks for these yet; they are checked so that what is in the file is right.
            let prefix = "pk_\(mode.rawValue)_"
            let publishable = try section.value(
                "publishable_key", expecting: "\(prefix)…", else: ""
            ) {
                $0.hasPrefix(prefix) ? $0 : nil
            }
            let digests = try section.list(
                "secret_key_digests", expecting: "the SHA-256 of a key: 64 hexadecimal digits",
                Hexadecimal.digest)
            for digest in digests {
                guard !entries.contains(where: { $0.keyDigest == digest }) else {
                    throw section.failure(
                        "secret_key_digests", "a key belongs to two merchants or modes",
                        remedy: "make a new key for one of them")
                }
                entries.append(
                    MerchantDirectory.Entry(
                        keyDigest: digest, merchant: id, isLive: mode == .live,
                        jurisdiction: jurisdiction))
            }
            let limit = try readBalanceLimit(section)
            let isTwin = list.contains { $0.id == "\(id)" && $0.mode == mode.rawValue }
            guard !isTwin || limits[id, isLive: mode == .live] == limit else {
                throw section.failure(
                    balanceLimitKey, "another entry of this merchant and mode says otherwise",
                    remedy: "say the same in both, or make one of them")
            }
            limits[id, isLive: mode == .live] = limit
            list.append(
                Merchant(
                    id: "\(id)", name: name, mode: mode.rawValue, jurisdiction: jurisdiction,
                    keyCount: digests.count,
                    publishableKey: publishable, balanceLimit: limit))
        }
        return (list, entries, limits)
    }
}

/// Bytes as pairs of digits.
public enum Hexadecimal {
    /// 32 bytes; nil unless there are 64 digits.
    static func digest(_ text: String) -> [UInt8]? {
        let digits = text.utf8.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
        guard text.utf8.count == 64, digits.count == 64 else { return nil }
        return stride(from: 0, to: 64, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }

    /// Two lower-case digits a byte.
    public static func text(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(
            decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}

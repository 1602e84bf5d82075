public import Cluster
public import Environment
import Primitives

/// Writes the file of a node, with an explanation of every key: what `sunny cluster init` and the
/// demo give to their nodes.
public struct NodeFileTemplate: Sendable {
    public struct Link: Sendable {
        public let name: String
        public let address: SocketAddress

        public init(name: String, address: SocketAddress) {
            self.name = name
            self.address = address
        }
    }

    public struct Merchant: Sendable {
        public let id: String
        public let name: String
        /// In hexadecimal.
        public let keyDigest: String
        public let publishableKey: String

        public init(id: String, name: String, keyDigest: String, publishableKey: String) {
            self.id = id
            self.name = name
            self.keyDigest = keyDigest
            self.publishableKey = publishableKey
        }
    }

    /// What the file begins with, in one or more comment lines.
    public var heading: String
    public var clusterName: String
    /// `own` is the node whose file it is; a cluster of one node is written without its list.
    public var members: ClusterMembers
    public var jurisdiction: String
    public var dataDirectory: String
    public var shardCount: Int
    public var httpAddress: SocketAddress
    public var adminAddress: SocketAddress
    public var vaultKeyFile: String
    public var credentialFolder: String
    public var links: [Link]
    public var merchant: Merchant

    public init(
        heading: String, clusterName: String, members: ClusterMembers, jurisdiction: String,
        dataDirectory: String, shardCount: Int = 4, httpAddress: SocketAddress,
        adminAddress: SocketAddress, vaultKeyFile: String, credentialFolder: String,
        links: [Link], merchant: Merchant
    ) {
        self.heading = heading
        self.clusterName = clusterName
        self.members = members
        self.jurisdiction = jurisdiction
        self.dataDirectory = dataDirectory
        self.shardCount = shardCount
        self.httpAddress = httpAddress
        self.adminAddress = adminAddress
        self.vaultKeyFile = vaultKeyFile
        self.credentialFolder = credentialFolder
        self.links = links
        self.merchant = merchant
    }

    public var text: String {
        [heading, cluster, node, listeners, business].joined(separator: "\n\n") + "\n"
    }

    private var cluster: String {
        guard members.all.count > 1 else {
            return """
                cluster:
                  name: \(clusterName)
                """
        }
        let nodes = members.all.map { member in
            """
                - name: \(member.name)
                  id: \(member.id.rawValue)
                  region: \(member.region)
                  address: \(yaml(member.address))
            """
        }.joined(separator: "\n")
        return """
            # The same on every node, but for tls.
            cluster:
              # In the certificates of all nodes.
              name: \(clusterName)
              # Made once, so that no node ever takes another cluster's messages for its own.
              id: \(String(members.cluster.rawValue, radix: 16))
              # 1, 3, 5 or 7 nodes. Each holds all data; a majority goes on without the rest.
              # The numbers stay with their nodes, and are never given to others.
              nodes:
            \(nodes)
              # Links between nodes are TLS 1.3; both sides show a certificate of the cluster's
              # authority. This node's is node.crt, its key node.key, and whom it trusts
              # authority.crt. SIGHUP reads them again.
              tls:
                folder: \(credentialFolder)
            """
    }

    private var node: String {
        let own = members[members.own]!
        return """
            environment: development

            node:
              name: \(own.name)
              region: \(own.region)
              # Where card data has to stay: sealed in one jurisdiction, a card opens in no other.
              jurisdiction: \(jurisdiction)
              # Journal and state. One process at a time.
              data_directory: \(dataDirectory)
              # How many parts the data has; fixed once there is data, and the same on every node.
              shards: \(shardCount)
            """
    }

    private var listeners: String {
        """
        listen:
          # Where merchants connect. There is no TLS yet, so it is the loopback.
          http: \(yaml(httpAddress))
          # /readyz, /metrics, /admin/cluster. It asks nobody who they are.
          admin: \(yaml(adminAddress))

        vault:
          software:
            # Cards are sealed under the key in this file. It is the same on all nodes of a
            # jurisdiction: a card that came in at one of them is opened at another.
            key_file: \(vaultKeyFile)
        """
    }

    private var business: String {
        let links = links.map { link in
            """
              - name: \(link.name)
                address: \(yaml(link.address))
                mode: test
            """
        }.joined(separator: "\n")
        return """
            # Acquirers, in the order in which they are preferred; the same on every node.
            links:
            \(links)

            # Merchants and the SHA-256 of their secret keys; the same on every node.
            merchants:
              - id: \(merchant.id)
                name: \(merchant.name)
                mode: test
                secret_key_digests:
                  - \(merchant.keyDigest)
                publishable_key: \(merchant.publishableKey)

            # Hundredths of a per cent, and a fixed sum in the charge's smallest unit.
            fees:
              basis_points: 290
              fixed_minor_units: 30
            """
    }

    /// An IPv6 address begins with what YAML takes for a list.
    private func yaml(_ address: SocketAddress) -> String {
        address.host.contains(":") ? "\"\(address)\"" : "\(address)"
    }
}

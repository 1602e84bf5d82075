public import Cluster
public import Environment
import Primitives
import Topology

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
    /// The nodes, and whose file it is; a node without a cluster is written without its list.
    public var plan: ClusterPlan
    public var jurisdiction: String
    public var dataDirectory: String
    public var shardCount: Int
    public var httpAddress: SocketAddress
    public var adminAddress: SocketAddress
    public var vaultKeyFile: String
    public var credentialFolder: String
    /// Where the certificate is renewed; nil when only the operator does that.
    public var signer: SocketAddress?
    public var links: [Link]
    public var merchant: Merchant

    public init(
        heading: String, clusterName: String, plan: ClusterPlan, jurisdiction: String,
        dataDirectory: String, shardCount: Int = 4, httpAddress: SocketAddress,
        adminAddress: SocketAddress, vaultKeyFile: String, credentialFolder: String,
        signer: SocketAddress? = nil, links: [Link], merchant: Merchant
    ) {
        self.heading = heading
        self.clusterName = clusterName
        self.plan = plan
        self.jurisdiction = jurisdiction
        self.dataDirectory = dataDirectory
        self.shardCount = shardCount
        self.httpAddress = httpAddress
        self.adminAddress = adminAddress
        self.vaultKeyFile = vaultKeyFile
        self.credentialFolder = credentialFolder
        self.signer = signer
        self.links = links
        self.merchant = merchant
    }

    public var text: String {
        [heading, cluster, node, listeners, business].joined(separator: "\n\n") + "\n"
    }

    private var cluster: String {
        guard !plan.isUnnamed else {
            return """
                cluster:
                  name: \(clusterName)
                """
        }
        let nodes = plan.nodes.map(text(of:)).joined(separator: "\n")
        return """
            # The same on every node, but for tls.
            cluster:
              # In the certificates of all nodes.
              name: \(clusterName)
              # Made once, so that no node ever takes another cluster's messages for its own.
              id: \(String(plan.cluster.rawValue, radix: 16))
              # Those with an id begin the cluster; one without joins it, and gets its id there.
              # Later it is the cluster that knows its nodes: this list says whom to ask first.
              nodes:
            \(nodes)
              # How many nodes hold each shard, as far as there are so many: 1, 3, 5 or 7. A
              # majority of them goes on without the rest.
              replicas: \(plan.replicaCount)
              # Links between nodes are TLS 1.3; both sides show a certificate of the cluster's
              # authority. This node's is node.crt, its key node.key, and whom it trusts
              # authority.crt. SIGHUP reads them again.
              #
              # signer is where sunny cluster signer listens, which renews the certificate while it
              # is valid. One that is over is made anew by sunny cluster renew.
              tls:
                folder: \(credentialFolder)
                \(signerLine)
            """
    }

    private var signerLine: String {
        signer.map { "signer: \(yaml($0))" } ?? "# signer: 10.0.8.1:7100"
    }

    private func text(of node: ClusterPlan.Node) -> String {
        let profile = node.profile
        var lines = ["- name: \(profile.name)"]
        if let id = node.id { lines.append("  id: \(id.rawValue)") }
        lines.append("  region: \(profile.region)")
        if !profile.zone.isEmpty { lines.append("  zone: \(profile.zone)") }
        lines.append("  address: \(yaml(node.address))")
        if !profile.url.isEmpty { lines.append("  url: \(profile.url)") }
        return lines.map { "    " + $0 }.joined(separator: "\n")
    }

    private var node: String {
        let own = plan.own.profile
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
            # Cards, and what shards write, are sealed under the key in this file. It is the same on
            # all nodes of a jurisdiction: what one of them has sealed is opened at another.
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

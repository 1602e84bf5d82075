import Environment
import Glibc
import Operations
import Primitives
import SecureLink

/// `demo.json`: what runs, for people and scripts. It is there while the demo runs, and written
/// when everything is ready.
struct DemoFile: Codable, Sendable {
    struct Node: Codable, Sendable {
        var id: String
        var region: String
        /// `http://127.0.0.1:PORT`, as `admin`.
        var http: String
        var admin: String
        var pid: pid_t

        /// Where the admin port is; nil when somebody has edited the file.
        var adminAddress: SocketAddress? {
            admin.hasPrefix("http://") ? SocketAddress(String(admin.dropFirst(7))) : nil
        }
    }

    struct Acquirer: Codable, Sendable {
        var id: String
        /// `127.0.0.1:PORT`, as `control`.
        var address: String
        var control: String
        /// The path of its SQLite file.
        var journal: String
        var pid: pid_t
    }

    /// Who renews the nodes' certificates.
    struct Signer: Codable, Sendable {
        var id: String
        /// `127.0.0.1:PORT`.
        var address: String
        /// `http://127.0.0.1:PORT`.
        var admin: String
        var pid: pid_t
    }

    var apiKey: String
    var publishableKey: String
    var nodes: [Node]
    var acquirers: [Acquirer]
    /// Nil for a node that is alone, which has no certificate.
    var signer: Signer?

    /// The ids of everything that runs.
    var ids: [String] { nodes.map(\.id) + acquirers.map(\.id) + (signer.map { [$0.id] } ?? []) }

    mutating func setPID(_ pid: pid_t, of id: String) {
        for index in nodes.indices where nodes[index].id == id { nodes[index].pid = pid }
        for index in acquirers.indices where acquirers[index].id == id {
            acquirers[index].pid = pid
        }
        if signer?.id == id { signer?.pid = pid }
    }
}

/// What a demo keeps from one start to the next: keys, ports, how many.
struct DemoSettings: Codable, Sendable {
    struct Acquirer: Codable, Sendable {
        var id: String
        /// 0 until the first start.
        var port: UInt16 = 0
        var controlPort: UInt16 = 0
    }

    struct Node: Codable, Sendable {
        var id: String
        /// Its member's number.
        var number: UInt64
        var region: String
        var httpPort: UInt16 = 0
        var adminPort: UInt16 = 0
        /// Known before the first start, as every node has to know everybody's.
        var peerPort: UInt16
    }

    struct Signer: Codable, Sendable {
        var id = CertificateSigner.name
        /// Known before the first start, as every node has to know it.
        var port: UInt16
        /// 0 until the first start.
        var adminPort: UInt16 = 0
    }

    /// In hexadecimal.
    var cluster: String
    var keys: MerchantKeys
    var nodes: [Node]
    var acquirers: [Acquirer]
    /// Nil for a node that is alone, and in a folder of a demo that had none.
    var signer: Signer?
    /// Whether the folder was made for this run only.
    var isTemporary: Bool

    static let nodeCounts = [1, 3, 5]
    /// The regions of the world in which a demo has nodes, in the order in which they get them.
    static let regions = ["eu", "us", "ap", "sa", "af"]

    /// A new demo. The nodes go to the regions in turn: `eu-1`, `us-1`, `ap-1`, `eu-2`, `us-2`.
    static func make(
        nodeCount: Int, regionCount: Int, acquirerCount: Int, isTemporary: Bool
    ) throws(CommandFailure) -> DemoSettings {
        guard var ports = LocalSocket.freePorts(nodeCount + 1) else {
            throw CommandFailure(
                .unavailable, "there are no free ports", at: "127.0.0.1",
                remedy: "end some of what listens on this machine")
        }
        let signerPort = ports.removeLast()
        return DemoSettings(
            cluster: String(ClusterFiles.newClusterID().rawValue, radix: 16),
            keys: MerchantKeys.make(),
            nodes: ports.enumerated().map { index, port in
                let region = regions[index % regionCount]
                return Node(
                    id: "\(region)-\(index / regionCount + 1)", number: UInt64(index + 1),
                    region: region, peerPort: port)
            },
            acquirers: (1...acquirerCount).map { Acquirer(id: "acquirer-\($0)") },
            signer: nodeCount > 1 ? Signer(port: signerPort) : nil,
            isTemporary: isTemporary)
    }
}

import Environment
import Glibc
import Operations

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

    var apiKey: String
    var publishableKey: String
    var nodes: [Node]
    var acquirers: [Acquirer]

    /// The ids of everything that runs.
    var ids: [String] { nodes.map(\.id) + acquirers.map(\.id) }

    mutating func setPID(_ pid: pid_t, of id: String) {
        for index in nodes.indices where nodes[index].id == id { nodes[index].pid = pid }
        for index in acquirers.indices where acquirers[index].id == id {
            acquirers[index].pid = pid
        }
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
        var httpPort: UInt16 = 0
        var adminPort: UInt16 = 0
    }

    var merchant: String
    var apiKey: String
    var publishableKey: String
    var region: String
    var nodes: [Node]
    var acquirers: [Acquirer]
    /// Whether the folder was made for this run only.
    var isTemporary: Bool
}

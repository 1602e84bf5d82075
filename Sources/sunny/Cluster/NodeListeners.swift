import Environment
import Operations

/// Where a node serves merchants and operators.
struct NodeListeners {
    let http: SocketAddress
    let admin: SocketAddress
}

/// The option that a listener's port comes from.
enum PortOption: String {
    case http = "--http-port"
    case admin = "--admin-port"

    /// A node's own and the next node's are so far apart: each has two.
    static let step = 2

    /// Where the first node of a machine listens.
    var usual: UInt16 {
        switch self {
        case .http: 8080
        case .admin: 8081
        }
    }

    var what: String {
        switch self {
        case .http: "where merchants reach"
        case .admin: "the admin port of"
        }
    }

    /// The port of a node, so many nodes of its machine after the one that has `first`; 0 lets the
    /// system choose for each.
    func address(
        _ first: UInt16, steps: Int, of node: NodeArgument
    ) throws(CommandFailure) -> SocketAddress {
        guard first > 0 else { return SocketAddress(host: "127.0.0.1", port: 0) }
        guard let port = UInt16(exactly: Int(first) + Self.step * steps) else {
            throw CommandFailure(
                .usage,
                "with \(rawValue) \(first), \(node.name), node \(steps + 1) of \(node.machine), "
                    + "would get a port above \(UInt16.max)",
                remedy: "name a lower \(rawValue)")
        }
        return SocketAddress(host: "127.0.0.1", port: port)
    }
}

/// What the nodes of a folder listen on, so that two of one machine do not want the same.
struct TakenAddresses {
    private var taken: [(machine: String, address: SocketAddress, what: String)] = []

    mutating func add(_ address: SocketAddress, on machine: String, _ what: String) {
        taken.append((machine, address, what))
    }

    /// What has the address on a machine; nil when it is free.
    func holder(of address: SocketAddress, on machine: String) -> String? {
        taken.first { $0.machine == machine && $0.address.collides(with: address) }?.what
    }

    /// Takes what a new node listens on, if nobody has it.
    mutating func take(
        _ listeners: NodeListeners, of node: NodeArgument
    ) throws(CommandFailure) {
        for (address, option) in [
            (listeners.http, PortOption.http), (listeners.admin, PortOption.admin),
        ] {
            if let holder = holder(of: address, on: node.machine) {
                throw CommandFailure(
                    .usage, "\(node.name) would listen on \(address), which is \(holder)",
                    remedy: "name other ports: \(PortOption.http.rawValue), "
                        + PortOption.admin.rawValue)
            }
            add(address, on: node.machine, "\(option.what) \(node.name)")
        }
    }

    /// The first port of a kind, from `first` on, that nobody has on a machine; nil when there is
    /// none.
    func free(from first: UInt16, _ option: PortOption, on machine: String) -> SocketAddress? {
        for port in stride(from: Int(first), through: Int(UInt16.max), by: PortOption.step) {
            let address = SocketAddress(host: "127.0.0.1", port: UInt16(port))
            if holder(of: address, on: machine) == nil { return address }
        }
        return nil
    }
}

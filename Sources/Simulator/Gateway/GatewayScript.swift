import Acquirer
import ISO8583

/// A run's size and its faults, as text:
///
///     # what somebody says of it
///     nodes 3
///     clients 4
///     payments 20
///     faults-end 60000
///     1234 kill node1 300
///     2345 power-loss node2 1200
///     3456 stop node1 4000
///     4567 kill acquirer 900
///     5678 partition node1 node2 1500
///     6789 cut node1 acquirer 1500
///     7890 reset node1 acquirer
///     8901 stall node1 3000
///     9012 pause node3 4000
///     9123 clock node1 -1080000
///     9134 lose-disk node2 4000
///     9145 remove node3
///     9234 host late advice 9000 count 2
///     9345 quiet
///
/// A fault's line begins with the milliseconds since the run began and ends, where it lasts, with
/// how many milliseconds it does. What follows `host` is what the acquirer's control port takes.
public struct GatewayScript: Hashable, Sendable {
    public var nodeCount: Int
    public var clientCount: Int
    public var paymentCount: Int
    /// When everything is mended, in milliseconds since the run began.
    public var faultsEnd: Int64
    public var faults: [GatewayFault]

    public init(
        nodeCount: Int, clientCount: Int, paymentCount: Int, faultsEnd: Int64,
        faults: [GatewayFault]
    ) {
        self.nodeCount = nodeCount
        self.clientCount = clientCount
        self.paymentCount = paymentCount
        self.faultsEnd = faultsEnd
        self.faults = faults
    }

    /// The lines, without a comment.
    public var text: String {
        var lines = [
            "nodes \(nodeCount)", "clients \(clientCount)", "payments \(paymentCount)",
            "faults-end \(faultsEnd)",
        ]
        lines += faults.map { "\($0)" }
        return lines.map { $0 + "\n" }.joined()
    }
}

/// Why text is no script, and in which line; the first line is 1.
public struct GatewayScriptError: Error, Hashable, Sendable, CustomStringConvertible {
    public let line: Int
    public let reason: String

    public var description: String { "line \(line): \(reason)" }
}

extension GatewayScript {
    /// More than a run has payments, clients or milliseconds.
    private static let numberMax: Int64 = 100_000_000

    /// Reads what `text` wrote; the four sizes come before the faults.
    public init(_ text: String) throws(GatewayScriptError) {
        self.init(nodeCount: 1, clientCount: 4, paymentCount: 20, faultsEnd: 60_000, faults: [])
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        for (place, line) in lines.enumerated() {
            let words = line.split(separator: " ").map(String.init)
            guard let first = words.first, !first.hasPrefix("#") else { continue }
            do throws(Unreadable) {
                try read(first, words)
            } catch {
                throw GatewayScriptError(line: place + 1, reason: error.reason)
            }
        }
    }

    private struct Unreadable: Error {
        let reason: String
    }

    private mutating func read(_ first: String, _ words: [String]) throws(Unreadable) {
        if let at = Int64(first), (0...Self.numberMax).contains(at) {
            guard let kind = kind(Array(words.dropFirst())) else {
                throw Unreadable(reason: "no fault that is known, of nodes that there are")
            }
            faults.append(GatewayFault(at: at, kind))
            return
        }
        guard words.count == 2, let number = Int64(words[1]),
            (1...Self.numberMax).contains(number)
        else { throw Unreadable(reason: "neither a size nor a fault") }
        switch first {
        case "nodes" where [1, 3, 5, 7, 9].contains(number): nodeCount = Int(number)
        case "clients" where number <= 100: clientCount = Int(number)
        case "payments" where number <= 1000: paymentCount = Int(number)
        case "faults-end" where number >= 500: faultsEnd = number
        default: throw Unreadable(reason: "neither a size within its bounds nor a fault")
        }
    }

    private func kind(_ words: [String]) -> GatewayFault.Kind? {
        switch words.first {
        case "host":
            let line = words.dropFirst().joined(separator: " ")
            guard case .set(let fault)? = try? ControlCommand(line) else { return nil }
            return .acquirer(fault)
        case "quiet": return words.count == 1 ? .quiet : nil
        case "partition", "cut", "reset": return link(words)
        case "remove":
            guard words.count == 2, case .node(let node)? = place(words[1]) else { return nil }
            return .remove(node: node)
        default: return machine(words)
        }
    }

    private func link(_ words: [String]) -> GatewayFault.Kind? {
        guard words.count >= 3, let first = place(words[1]), let second = place(words[2]),
            first != second
        else { return nil }
        if words[0] == "reset" { return words.count == 3 ? .reset(first, second) : nil }
        guard words.count == 4, let milliseconds = milliseconds(words[3]) else { return nil }
        return .partition(
            first, second, isOneWay: words[0] == "cut", milliseconds: milliseconds)
    }

    private func machine(_ words: [String]) -> GatewayFault.Kind? {
        guard words.count == 3, let place = place(words[1]),
            let milliseconds = milliseconds(words[2], mayBeNegative: words[0] == "clock")
        else { return nil }
        guard case .node(let node) = place else {
            return words[0] == "kill" ? .killAcquirer(milliseconds: milliseconds) : nil
        }
        switch words[0] {
        case "kill": return .crash(node: node, .kill, milliseconds: milliseconds)
        case "power-loss": return .crash(node: node, .powerLoss, milliseconds: milliseconds)
        case "stop": return .stop(node: node, milliseconds: milliseconds)
        case "stall": return .stall(node: node, milliseconds: milliseconds)
        case "pause": return .pause(node: node, milliseconds: milliseconds)
        case "lose-disk": return .loseDisk(node: node, milliseconds: milliseconds)
        case "clock": return .jumpWallClock(node: node, milliseconds: milliseconds)
        default: return nil
        }
    }

    private func place(_ word: String) -> GatewayFault.Place? {
        if word == "acquirer" { return .acquirer }
        guard word.hasPrefix("node"), let number = Int(word.dropFirst(4)),
            (1...nodeCount).contains(number)
        else { return nil }
        return .node(number - 1)
    }

    private func milliseconds(_ word: String, mayBeNegative: Bool = false) -> Int64? {
        guard let number = Int64(word), number.magnitude <= Self.numberMax,
            mayBeNegative || number >= 0
        else { return nil }
        return number
    }
}

extension GatewayFault.Place: CustomStringConvertible {
    public var description: String {
        switch self {
        case .node(let number): "node\(number + 1)"
        case .acquirer: "acquirer"
        }
    }
}

extension GatewayFault: CustomStringConvertible {
    /// Its line in a script.
    public var description: String {
        let words =
            switch kind {
            case .crash(let node, .kill, let milliseconds):
                "kill \(Place.node(node)) \(milliseconds)"
            case .crash(let node, .powerLoss, let milliseconds):
                "power-loss \(Place.node(node)) \(milliseconds)"
            case .stop(let node, let milliseconds): "stop \(Place.node(node)) \(milliseconds)"
            case .killAcquirer(let milliseconds): "kill acquirer \(milliseconds)"
            case .partition(let first, let second, let isOneWay, let milliseconds):
                "\(isOneWay ? "cut" : "partition") \(first) \(second) \(milliseconds)"
            case .reset(let first, let second): "reset \(first) \(second)"
            case .stall(let node, let milliseconds): "stall \(Place.node(node)) \(milliseconds)"
            case .pause(let node, let milliseconds): "pause \(Place.node(node)) \(milliseconds)"
            case .jumpWallClock(let node, let milliseconds):
                "clock \(Place.node(node)) \(milliseconds)"
            case .loseDisk(let node, let milliseconds):
                "lose-disk \(Place.node(node)) \(milliseconds)"
            case .remove(let node): "remove \(Place.node(node))"
            case .acquirer(let fault): "host \(fault.command)"
            case .quiet: "quiet"
            }
        return "\(at) \(words)"
    }
}

extension Fault {
    /// The line for the control port that sets it.
    fileprivate var command: String {
        // A decline is always of requests for money, and names no group.
        guard case .decline(let code) = effect else { return description }
        return "decline \(code)" + (remainingCount.map { " count \($0)" } ?? "")
    }
}

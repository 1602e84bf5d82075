import Environment
import Primitives
import SecureLink
import Synchronization
import Testing

/// Noon on 1 June 2026, when everything in these tests is valid unless they say otherwise.
let noon = Timestamp(milliseconds: 1_780_315_200_000)

func node(_ name: String, cluster: String = "test", region: String = "eu") throws -> NodeIdentity {
    try #require(NodeIdentity(cluster: cluster, region: region, name: name))
}

extension ClusterAuthority {
    static func testing(_ cluster: String = "test") throws -> ClusterAuthority {
        try make(cluster: cluster, now: noon)
    }

    /// The channels of a node that this authority has signed, which trusts others besides.
    func channels(
        of name: String, trusting others: [ClusterAuthority] = [], at now: Timestamp = noon
    ) throws -> TLSChannels {
        let own = try issue(to: try node(name, cluster: cluster), now: now)
        let credentials = LinkCredentials(
            certificate: own.certificate, key: own.key,
            authorities: others.reduce(own.authorities) { $0 + $1.certificate })
        return try TLSChannels(credentials) { now }
    }
}

/// A clock that a test sets.
final class SetClock: Sendable {
    private let milliseconds: Mutex<Int64>

    init(_ now: Timestamp) { milliseconds = Mutex(now.milliseconds) }

    var now: Timestamp {
        get { Timestamp(milliseconds: milliseconds.withLock { $0 }) }
        set { milliseconds.withLock { $0 = newValue.milliseconds } }
    }
}

let day: Int64 = 86_400_000

/// Two ends and what each has told, with the bytes between them in the test's hands.
struct Pair {
    let client: any SecureChannel
    let server: any SecureChannel
    private(set) var clientEvents: [SecureChannelEvent] = []
    private(set) var serverEvents: [SecureChannelEvent] = []

    init(client: any SecureChannel, server: any SecureChannel) {
        self.client = client
        self.server = server
    }

    init(_ client: some SecureChannels, to name: String, _ server: some SecureChannels) {
        self.init(client: client.client(to: name), server: server.server())
    }

    /// Carries bytes both ways until there are none, in portions of at most `portion`.
    mutating func exchange(portion: Int = .max) {
        while true {
            let toServer = client.takeOutgoing()
            for part in portions(of: toServer, portion) { serverEvents += server.receive(part) }
            let toClient = server.takeOutgoing()
            for part in portions(of: toClient, portion) { clientEvents += client.receive(part) }
            if toServer.isEmpty, toClient.isEmpty { return }
        }
    }

    mutating func takeEvents() -> (client: [SecureChannelEvent], server: [SecureChannelEvent]) {
        defer { (clientEvents, serverEvents) = ([], []) }
        return (clientEvents, serverEvents)
    }
}

private func portions(of bytes: [UInt8], _ count: Int) -> [[UInt8]] {
    guard bytes.count > count else { return bytes.isEmpty ? [] : [bytes] }
    return stride(from: 0, to: bytes.count, by: count).map {
        Array(bytes[$0..<min($0 + count, bytes.count)])
    }
}

extension [SecureChannelEvent] {
    /// All plaintext in them.
    var plaintext: [UInt8] {
        flatMap { event -> [UInt8] in
            guard case .received(let bytes) = event else { return [] }
            return bytes
        }
    }

    /// The peer that was established, if any.
    var peer: NodeIdentity? {
        for case .established(let peer) in self { return peer.identity }
        return nil
    }

    /// Why the channel failed, if it did.
    var failure: SecureChannelError? {
        for case .failed(let error) in self { return error }
        return nil
    }
}

/// Bytes that show a gap, a repetition or a swap.
func pattern(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8 ^ $0 >> 16) }
}

public import Environment
import Primitives

// A secure channel without secrets, for simulated nodes: TLS cannot run bit for bit. It lives here,
// so that no configuration of a real node can ask for it.
//
// It has the flights and the ends of TLS 1.3: the listener shows its identity first, the dialler
// checks it and shows its own, and is open before the listener has checked that. A record is its
// kind (1 byte), the length of its body (4 bytes, little-endian) and the body.

/// The plain channels of one simulated node.
public struct PlainChannels: SecureChannels {
    public let identity: NodeIdentity

    public init(identity: NodeIdentity) {
        self.identity = identity
    }

    public func client(to name: String) -> sending any SecureChannel {
        PlainChannel(identity, dialled: name)
    }

    public func server() -> sending any SecureChannel {
        PlainChannel(identity, dialled: nil)
    }
}

/// One end: `handshaking` until the peer's identity was checked, and then as the role says.
final class PlainChannel: SecureChannel {
    private enum Record: UInt8 {
        /// Version.
        case dial = 1
        /// Version and identity of the listener.
        case answer = 2
        /// Identity of the dialler.
        case identity = 3
        case data = 4
        case close = 5
        /// Why the peer is refused: an alert of TLS.
        case refusal = 6
    }

    private enum Expected {
        case dial
        case answer
        case identity
        case data
    }

    private static let version: UInt8 = 1
    private static let headerByteCount = 5
    /// As in TLS, so that data arrives in the same portions.
    private static let bodyByteCountMax = 16_384
    /// Alerts of RFC 8446, 6.2.
    private static let unexpectedMessage: UInt8 = 10
    private static let badCertificate: UInt8 = 42
    private static let protocolVersion: UInt8 = 70

    private let own: NodeIdentity
    private let dialled: String?
    private var expected: Expected
    private(set) var state = SecureChannelState.handshaking
    /// Bytes that arrived: at most one incomplete record once they were looked at.
    private var incoming: [UInt8] = []
    private var outgoing: [UInt8] = []

    init(_ own: NodeIdentity, dialled: String?) {
        self.own = own
        self.dialled = dialled
        expected = dialled == nil ? .dial : .answer
        if dialled != nil { put(.dial, [Self.version]) }
    }

    // MARK: Receiving

    func receive(_ ciphertext: [UInt8]) -> [SecureChannelEvent] {
        guard isAlive else { return [] }
        incoming += ciphertext
        var events: [SecureChannelEvent] = []
        var place = 0
        while isAlive, let record = record(at: place) {
            place += Self.headerByteCount + record.body.count
            if let event = take(record.kind, record.body) { append(event, to: &events) }
        }
        if isAlive, isMalformed(at: place) {
            events.append(refuse(.malformed(reason: "record"), alert: Self.unexpectedMessage))
        }
        incoming.removeFirst(isAlive ? place : incoming.count)
        return events
    }

    func receiveEnd() -> [SecureChannelEvent] {
        guard isAlive else { return [] }
        state = .failed(.truncated)
        return [.failed(.truncated)]
    }

    private var isAlive: Bool {
        switch state {
        case .handshaking, .open: true
        case .closed, .failed: false
        }
    }

    private func bodyByteCount(at place: Int) -> Int? {
        guard incoming.count - place >= Self.headerByteCount else { return nil }
        return incoming[(place + 1)..<(place + Self.headerByteCount)].reversed()
            .reduce(0) { $0 << 8 | Int($1) }
    }

    private func isMalformed(at place: Int) -> Bool {
        if place < incoming.count, Record(rawValue: incoming[place]) == nil { return true }
        return bodyByteCount(at: place).map { $0 > Self.bodyByteCountMax } ?? false
    }

    private func record(at place: Int) -> (kind: Record, body: ArraySlice<UInt8>)? {
        guard !isMalformed(at: place), let count = bodyByteCount(at: place),
            let kind = Record(rawValue: incoming[place]),
            case let start = place + Self.headerByteCount, incoming.count - start >= count
        else { return nil }
        return (kind, incoming[start..<(start + count)])
    }

    private func take(_ kind: Record, _ body: ArraySlice<UInt8>) -> SecureChannelEvent? {
        switch (kind, expected) {
        case (.dial, .dial):
            guard Array(body) == [Self.version] else { return refuseVersion() }
            put(.answer, [Self.version] + Array(own.uri.utf8))
            expected = .identity
            return nil
        case (.answer, .answer):
            guard body.first == Self.version else { return refuseVersion() }
            return verify(body.dropFirst())
        case (.identity, .identity): return verify(body)
        case (.data, .data): return body.isEmpty ? nil : .received(Array(body))
        case (.close, .data):
            close()
            return .closed
        case (.refusal, _):
            let error = SecureChannelError.refusedByPeer(alert: body.first ?? 0)
            state = .failed(error)
            return .failed(error)
        case (.dial, _), (.answer, _), (.identity, _), (.data, _), (.close, _):
            return refuse(
                .malformed(reason: "unexpected record"), alert: Self.unexpectedMessage)
        }
    }

    private func verify(_ uri: ArraySlice<UInt8>) -> SecureChannelEvent {
        guard let text = String(validating: uri, as: UTF8.self),
            let found = NodeIdentity(uri: text)
        else { return refuse(.noIdentity, alert: Self.badCertificate) }
        guard found.cluster == own.cluster else {
            return refuse(.otherCluster(found), alert: Self.badCertificate)
        }
        if let dialled {
            guard found.name == dialled else {
                return refuse(
                    .otherNode(dialled: dialled, found: found), alert: Self.badCertificate)
            }
            put(.identity, Array(own.uri.utf8))
        }
        let peer = VerifiedPeer(identity: found, validUntil: Timestamp(milliseconds: .max))
        expected = .data
        state = .open(peer)
        return .established(peer)
    }

    private func refuseVersion() -> SecureChannelEvent {
        refuse(.malformed(reason: "version"), alert: Self.protocolVersion)
    }

    private func refuse(_ error: SecureChannelError, alert: UInt8) -> SecureChannelEvent {
        put(.refusal, [alert])
        state = .failed(error)
        return .failed(error)
    }

    /// Plaintext that arrives together is told together.
    private func append(_ event: SecureChannelEvent, to events: inout [SecureChannelEvent]) {
        if case .received(let bytes) = event, case .received(var joined)? = events.last {
            events.removeLast()
            joined += bytes
            events.append(.received(joined))
        } else {
            events.append(event)
        }
    }

    // MARK: Sending

    func send(_ plaintext: [UInt8]) -> Bool {
        guard case .open = state else { return false }
        let recordCount = plaintext.count / Self.bodyByteCountMax + 1
        let added = plaintext.count + recordCount * Self.headerByteCount
        guard outgoing.count + added <= SecureChannelLimits.outgoingByteCountMax else {
            return false
        }
        var rest = plaintext[...]
        while !rest.isEmpty {
            put(.data, rest.prefix(Self.bodyByteCountMax))
            rest = rest.dropFirst(Self.bodyByteCountMax)
        }
        return true
    }

    func takeOutgoing() -> [UInt8] {
        let taken = outgoing
        outgoing = []
        return taken
    }

    func close() {
        switch state {
        case .open: put(.close, [])
        case .handshaking: break
        case .closed, .failed: return
        }
        state = .closed
    }

    private func put(_ kind: Record, _ body: some Collection<UInt8>) {
        outgoing.append(kind.rawValue)
        for shift in [0, 8, 16, 24] { outgoing.append(UInt8(body.count >> shift & 0xFF)) }
        outgoing += body
    }
}

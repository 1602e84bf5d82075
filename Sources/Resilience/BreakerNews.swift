public import Primitives

// What nodes tell each other about their breakers. It is advice: no breaker opens or closes by
// hearsay, because a peer may see a link over a path that is broken on its side only.

/// How a node's breakers stand, in eight bytes for its gossip: whoever sees the fingerprint change
/// and wants to know more asks the node for its notices.
public struct BreakerSummary: Hashable, Sendable {
    /// Open or held open.
    public let openCount: UInt16
    public let halfOpenCount: UInt16
    /// A CRC-32C over all breakers and their states; the same on every node for the same states.
    public let fingerprint: UInt32

    public init(_ breakers: [(key: LinkKey, state: CircuitBreaker.StateName)]) {
        var writer = ByteWriter(capacity: breakers.count * 32)
        for breaker in breakers.sorted(by: { $0.key < $1.key }) {
            writer.write(breaker.key.description)
            writer.write(breaker.state.code)
        }
        let open = breakers.count { $0.state == .open || $0.state == .forcedOpen }
        openCount = UInt16(clamping: open)
        halfOpenCount = UInt16(clamping: breakers.count { $0.state == .halfOpen })
        fingerprint = CRC32C.checksum(writer.bytes)
    }
}

/// One breaker in eight bytes: key fingerprint (4), state (1), version (1), the time until it tries
/// again in hundredths of a second (2), little-endian.
public struct BreakerNotice: Hashable, Sendable {
    /// CRC-32C of the key's text. Two keys that share one give each other's advice, and no more.
    public let key: UInt32
    public let state: CircuitBreaker.StateName
    /// At most 655 s; longer ones are told again.
    public let retryAfter: Duration

    public static let byteCount = 8
    private static let version: UInt8 = 1

    public init(_ key: LinkKey, _ breaker: CircuitBreaker, at now: MonotonicInstant) {
        self.key = Self.fingerprint(of: key)
        state = breaker.stateName
        let rest = breaker.nextInstant.map { max(0, ($0 - now).wholeMilliseconds) } ?? 0
        retryAfter = .milliseconds(Int64(UInt16(clamping: rest / 10)) * 10)
    }

    public static func fingerprint(of key: LinkKey) -> UInt32 {
        CRC32C.checksum(key.description.utf8)
    }

    public var bytes: [UInt8] {
        var writer = ByteWriter(capacity: Self.byteCount)
        writer.writeFixed(key)
        writer.write(state.code)
        writer.write(Self.version)
        writer.writeFixed(UInt16(clamping: retryAfter.wholeMilliseconds / 10))
        return writer.bytes
    }

    /// Reads one notice.
    ///
    /// - Throws: `DecodingError` for fewer or more bytes, another version, or no state.
    public init(_ bytes: [UInt8]) throws(DecodingError) {
        var reader = ByteReader(bytes)
        key = try reader.readFixed(UInt32.self)
        let code = try reader.readByte()
        guard let state = CircuitBreaker.StateName.allCases.first(where: { $0.code == code })
        else { throw .invalid(what: "breaker state", offset: 4) }
        self.state = state
        let version = try reader.readByte()
        guard version == Self.version else {
            throw .unsupportedVersion(found: UInt64(version), offset: 5)
        }
        retryAfter = .milliseconds(Int64(try reader.readFixed(UInt16.self)) * 10)
        guard reader.remainingCount == 0 else { throw .trailing(offset: reader.offset) }
    }
}

extension CircuitBreaker.StateName {
    /// On the wire; numbers are never given to another state.
    fileprivate var code: UInt8 {
        switch self {
        case .closed: 0
        case .open: 1
        case .halfOpen: 2
        case .forcedOpen: 3
        case .forcedClosed: 4
        case .metricsOnly: 5
        case .disabled: 6
        }
    }
}

/// What peers say about one link: whether another link is to be preferred to it. It never rejects,
/// and what this node has seen itself stands above it.
public struct PeerAdvice: Sendable {
    private struct Row: Sendable {
        let peer: MemberID
        let heardAt: MonotonicInstant
        let until: MonotonicInstant
    }

    /// How many peers have to agree, 1 to 64.
    public let peerCountMin: Int
    /// After which time a word is forgotten, 1 ms to one day.
    public let lifetime: Duration
    /// Those who say that the link is open, one row a peer.
    private var rows: [Row] = []
    private var lastSuccess: MonotonicInstant?

    /// More peers than a cluster has nodes near one link; the word of others is not kept.
    public static let peerCountMax = 64

    public init?(peerCountMin: Int = 2, lifetime: Duration = .seconds(30)) {
        guard (1...Self.peerCountMax).contains(peerCountMin), lifetime >= .milliseconds(1),
            lifetime <= BreakerPolicy.durationMax
        else { return nil }
        self.peerCountMin = peerCountMin
        self.lifetime = lifetime
    }

    /// A peer's notice of the link. Its last word replaces those before.
    public mutating func hear(
        _ notice: BreakerNotice, from peer: MemberID, at now: MonotonicInstant
    ) {
        rows.removeAll { $0.peer == peer || $0.until <= now }
        switch notice.state {
        case .open, .forcedOpen:
            guard rows.count < Self.peerCountMax else { return }
            rows.append(Row(peer: peer, heardAt: now, until: now + lifetime))
        case .closed, .halfOpen, .forcedClosed, .metricsOnly, .disabled:
            break
        }
    }

    /// A call of this node succeeded: what peers said before it is outdone.
    public mutating func sawSuccess(at now: MonotonicInstant) {
        lastSuccess = max(lastSuccess ?? now, now)
    }

    /// True when another link is to be preferred: enough peers say that this one is open, none of
    /// this node's calls has succeeded since, and nobody has ordered its breaker to admit.
    public func advisesAgainst(_ local: CircuitBreaker.StateName, at now: MonotonicInstant) -> Bool
    {
        switch local {
        case .forcedClosed, .metricsOnly, .disabled:
            return false
        case .closed, .open, .halfOpen, .forcedOpen:
            let fresh = rows.count { row in
                row.until > now && (lastSuccess.map { row.heardAt > $0 } ?? true)
            }
            return fresh >= peerCountMin
        }
    }
}

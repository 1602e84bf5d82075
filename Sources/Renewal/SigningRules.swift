public import Primitives

/// Why the signer gives no certificate; the values stand on the wire.
public enum SignerRefusal: UInt8, Error, Hashable, Sendable, CaseIterable {
    /// It is no request in DER.
    case malformed = 1
    /// It is longer than a request may be.
    case tooLong = 2
    /// A key that is not of P-256, or a signature that is not ECDSA with SHA-256.
    case unusualKey = 3
    /// The request is not signed with the key that it is for.
    case unproven = 4
    /// It asks for a name that is not the node's, or for something besides a name.
    case otherName = 5
    /// The signer has given a certificate for this key before.
    case usedKey = 6
    /// More requests in a minute than a node needs.
    case tooOften = 7
    /// The operator wants no certificates for this node any more.
    case excluded = 8
    /// The certificate of the channel is over.
    case expired = 9
    /// The name is one of the authority's own.
    case reserved = 10
    /// The signer itself has failed, and says why in its log.
    case failed = 11
}

extension SignerRefusal: CustomStringConvertible {
    public var description: String {
        switch self {
        case .malformed: "the request cannot be read"
        case .tooLong: "the request is too long"
        case .unusualKey: "the key or the signature is of another kind than the cluster's"
        case .unproven: "the request is not signed with its key"
        case .otherName: "the request asks for more than the name of the node that sends it"
        case .usedKey: "there is a certificate for this key already"
        case .tooOften: "too many requests within a minute"
        case .excluded: "the signer's file excluded lists this node"
        case .expired: "the certificate that the node showed is over"
        case .reserved: "the name is the authority's own"
        case .failed: "the signer has failed; its log says why"
        }
    }

    /// One word for metrics.
    public var label: String {
        switch self {
        case .malformed: "malformed"
        case .tooLong: "too_long"
        case .unusualKey: "unusual_key"
        case .unproven: "unproven"
        case .otherName: "other_name"
        case .usedKey: "used_key"
        case .tooOften: "too_often"
        case .excluded: "excluded"
        case .expired: "expired"
        case .reserved: "reserved"
        case .failed: "failed"
        }
    }
}

/// What a request says, as far as the rules look at it. The cryptography was done before.
public struct SigningRequest: Hashable, Sendable {
    public enum Key: Hashable, Sendable {
        /// Of P-256, with a signature of ECDSA with SHA-256: the point's coordinates.
        case usual([UInt8])
        case other
    }

    public let key: Key
    /// Whether it is signed with the key that it is for.
    public let isProven: Bool
    /// The subject's common names.
    public let commonNames: [String]
    /// The alternative names that are URIs.
    public let uris: [String]
    /// Whether it asks for anything else: other fields, names, extensions, attributes.
    public let asksForMore: Bool

    public init(
        key: Key, isProven: Bool, commonNames: [String] = [], uris: [String] = [],
        asksForMore: Bool = false
    ) {
        self.key = key
        self.isProven = isProven
        self.commonNames = commonNames
        self.uris = uris
        self.asksForMore = asksForMore
    }
}

/// Who asks, by the certificate under which the channel was verified.
public struct SigningPeer: Hashable, Sendable {
    /// The whole of the identity.
    public let uri: String
    public let region: String
    public let name: String
    public let validUntil: Timestamp

    public init(uri: String, region: String, name: String, validUntil: Timestamp) {
        self.uri = uri
        self.region = region
        self.name = name
        self.validUntil = validUntil
    }
}

// What may be asked of the signer:
//
//     admit   before the request is read: not too often
//     judge   once it is read: by a node, with its own name or none, for a new key that is usual
//
// Whom the certificate is for is never asked: it is for whom the channel was verified. How long it
// is valid is the signer's business alone.

/// What the signer gives, and to whom.
public struct SigningRules: Sendable {
    /// The region of the authority's own names, which no node has.
    public static let reservedRegion = "authority"
    /// A request in DER. One of ours has 190 bytes; with names it has 400.
    public static let requestByteCountMax = 2048
    /// A node needs one request in hours, and a few more when its disk is full. Twice as many fit
    /// into a minute that lies across two of these.
    public static let countInAMinute = 10
    /// More than a cluster has nodes, with names of nodes that are gone: the table's bound.
    static let peerCountMax = 1024
    /// Keys that are remembered, the oldest of which is forgotten: four of each of 1024 nodes,
    /// under 1 MiB.
    static let keyCountMax = 4096

    private var minute: MonotonicInstant?
    private var counts: [String: Int] = [:]
    private var usedKeys: Set<[UInt8]> = []
    /// The same keys in a ring, the oldest at `oldestKey` once it is full.
    private var keyRing: [[UInt8]] = []
    private var oldestKey = 0

    public init() {}

    /// Counts a request, before anything of it is read; nil when it may be.
    public mutating func admit(_ peer: SigningPeer, at now: MonotonicInstant) -> SignerRefusal? {
        if minute.map({ now - $0 >= .seconds(60) }) ?? true {
            minute = now
            counts = [:]
        }
        let count = counts[peer.uri] ?? 0
        guard count < Self.countInAMinute, count > 0 || counts.count < Self.peerCountMax else {
            return .tooOften
        }
        counts[peer.uri] = count + 1
        return nil
    }

    /// Whether the request is signed: nil when it is, and its key is used from then on.
    ///
    /// - Parameters:
    ///   - request: nil when it cannot be read.
    ///   - excluded: names of nodes that get none.
    ///   - now: civil time.
    public mutating func judge(
        _ request: SigningRequest?, of peer: SigningPeer, excluded: Set<String>, at now: Timestamp
    ) -> SignerRefusal? {
        guard peer.region != Self.reservedRegion else { return .reserved }
        guard !excluded.contains(peer.name) else { return .excluded }
        // The channel was verified a moment ago; the moment counts.
        guard now < peer.validUntil else { return .expired }
        guard let request else { return .malformed }
        guard case .usual(let key) = request.key else { return .unusualKey }
        guard request.isProven else { return .unproven }
        guard !request.asksForMore, request.commonNames.allSatisfy({ $0 == peer.name }),
            request.uris.allSatisfy({ $0 == peer.uri })
        else { return .otherName }
        return use(key) ? nil : .usedKey
    }

    private mutating func use(_ key: [UInt8]) -> Bool {
        guard usedKeys.insert(key).inserted else { return false }
        if keyRing.count < Self.keyCountMax {
            keyRing.append(key)
        } else {
            usedKeys.remove(keyRing[oldestKey])
            keyRing[oldestKey] = key
            oldestKey = (oldestKey + 1) % Self.keyCountMax
        }
        return true
    }
}

public import Primitives

/// Counts what a member has said of its own being alive: the first of a boot is above all of the
/// boots before it, and each refutation is one above the accusation (SWIM §4.2).
public typealias Incarnation = UInt64

/// How the breakers of a node stand, in eight bytes: whoever sees the fingerprint change and
/// wants to know more asks the node.
public struct BreakerDigest: Hashable, Sendable {
    public let openCount: UInt16
    public let halfOpenCount: UInt16
    /// A checksum over all breakers and their states.
    public let fingerprint: UInt32

    public init(openCount: UInt16 = 0, halfOpenCount: UInt16 = 0, fingerprint: UInt32 = 0) {
        self.openCount = openCount
        self.halfOpenCount = halfOpenCount
        self.fingerprint = fingerprint
    }
}

/// What a node says about itself besides being alive.
public struct Metadata: Hashable, Sendable {
    public let region: String
    public let zone: String
    /// The highest version of the node's own protocols; the lowest of all is what is spoken.
    public let protocolVersion: UInt16
    public let buildVersion: String
    /// 0 idle, 255 full.
    public let load: UInt8
    public let breakers: BreakerDigest

    /// Bytes of UTF-8 in each of the texts: names, not sentences.
    public static let textByteCountMax = 32

    public init(
        region: String, zone: String = "-", protocolVersion: UInt16 = 1,
        buildVersion: String = "-", load: UInt8 = 0, breakers: BreakerDigest = BreakerDigest()
    ) {
        self.region = region
        self.zone = zone
        self.protocolVersion = protocolVersion
        self.buildVersion = buildVersion
        self.load = load
        self.breakers = breakers
    }

    /// True when every text is one to `textByteCountMax` visible ASCII characters.
    public var isValid: Bool {
        [region, zone, buildVersion].allSatisfy { text in
            Profile.isVisible(text, byteCountMax: Self.textByteCountMax)
        }
    }
}

/// Who a member is: written by itself alone, the highest version wins.
///
/// The version is not the incarnation. Load and breakers change every few seconds, and if each
/// change raised the incarnation it would void every suspicion of the member, so that one that
/// still speaks and no longer answers would never be found dead. So a member has two registers,
/// its standing under its incarnation and its profile under its version, which are merged apart.
/// A boot begins both at the same number.
public struct Profile: Hashable, Sendable {
    private struct Fields: Hashable {
        let version: UInt64
        let name: String
        let address: String
        let metadata: Metadata
        let byteCount: Int
    }

    /// What is the same wherever the profile is kept, as every message and table would have its
    /// six texts otherwise.
    private final class Shared: Sendable {
        let fields: Fields

        init(_ fields: Fields) {
            self.fields = fields
        }
    }

    private let shared: Shared

    public var version: UInt64 { shared.fields.version }
    /// The node's name in the configuration and in its certificate.
    public var name: String { shared.fields.name }
    /// Where its links are opened to.
    public var address: String { shared.fields.address }
    public var metadata: Metadata { shared.fields.metadata }
    /// Bytes on the wire, counted once.
    var byteCount: Int { shared.fields.byteCount }

    /// A name of the DNS has at most 63 bytes in a label.
    public static let nameByteCountMax = 64
    /// Room for a host name, or an IPv6 address, and a port.
    public static let addressByteCountMax = 128

    public init(version: UInt64, name: String, address: String, metadata: Metadata) {
        let texts = [name, address, metadata.region, metadata.zone, metadata.buildVersion]
        let byteCount =
            WireSize.varint(version) + WireSize.varint(UInt64(metadata.protocolVersion))
            + texts.reduce(0) { $0 + WireSize.text($1) } + 9
        shared = Shared(
            Fields(
                version: version, name: name, address: address, metadata: metadata,
                byteCount: byteCount))
    }

    public static func == (left: Profile, right: Profile) -> Bool {
        left.shared === right.shared || left.shared.fields == right.shared.fields
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(shared.fields)
    }

    /// True when every text and the version are within their bounds.
    public var isValid: Bool {
        version <= GossipLimits.incarnationMax
            && Profile.isVisible(name, byteCountMax: Profile.nameByteCountMax)
            && Profile.isVisible(address, byteCountMax: Profile.addressByteCountMax)
            && metadata.isValid
    }

    /// Visible ASCII only, so that nothing can be smuggled into a log line.
    static func isVisible(_ text: String, byteCountMax: Int) -> Bool {
        (1...byteCountMax).contains(text.utf8.count)
            && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
    }

    func with(version: UInt64, metadata: Metadata) -> Profile {
        Profile(version: version, name: name, address: address, metadata: metadata)
    }
}

/// What is said of a member. Under one incarnation a later case overrides an earlier one, and a
/// higher incarnation overrides all of a lower one (SWIM §4.2): however claims are delayed,
/// repeated or reordered, all members end with the same.
public enum Standing: Hashable, Sendable {
    case alive
    case suspect(by: MemberID)
    case dead
    /// It said so itself: nobody has to look for it.
    case left

    var rank: Int {
        switch self {
        case .alive: 0
        case .suspect: 1
        case .dead: 2
        case .left: 3
        }
    }
}

/// A member as one node knows it.
public struct Member: Hashable, Sendable {
    public enum State: Hashable, Sendable {
        case alive
        /// Few are suspected at a time: the others need no room for it.
        indirect case suspect(Suspicion)
        case dead(since: MonotonicInstant)
        case left(since: MonotonicInstant)

        /// `Standing.rank` of it.
        var rank: Int {
            switch self {
            case .alive: 0
            case .suspect: 1
            case .dead: 2
            case .left: 3
            }
        }
    }

    public let id: MemberID
    public internal(set) var incarnation: Incarnation
    public private(set) var state: State
    /// True when another accuser would shorten the suspicion.
    private(set) var isConfirmable = false
    public internal(set) var profile: Profile
    /// Of a suspect the newest accuser, whom others may not know. This and the one above are kept
    /// here so that reading a claim, and hearing one again, does not look at the suspicion.
    private var newestAccuser: MemberID

    init(id: MemberID, incarnation: Incarnation, state: State, profile: Profile) {
        self.id = id
        self.incarnation = incarnation
        self.state = state
        self.profile = profile
        newestAccuser = id
        become(state)
    }

    /// The one way to another state.
    mutating func become(_ state: State) {
        self.state = state
        guard case .suspect(let suspicion) = state else {
            isConfirmable = false
            return
        }
        isConfirmable = suspicion.isConfirmable
        newestAccuser = suspicion.accusers.last ?? id
    }

    /// Alive or only suspected: it is probed, asked for help and gossiped to.
    public var isUp: Bool {
        switch state {
        case .alive, .suspect: true
        case .dead, .left: false
        }
    }

    /// What this node passes on about it.
    var standing: Standing {
        switch state {
        case .alive: .alive
        case .suspect: .suspect(by: newestAccuser)
        case .dead: .dead
        case .left: .left
        }
    }

    var claim: Claim { Claim(subject: id, incarnation: incarnation, standing: standing) }
    var destination: Destination { Destination(member: id, address: profile.address) }
}

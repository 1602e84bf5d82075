public import Primitives

/// What became of a message.
public enum Reception: Hashable, Sendable {
    case taken
    case ignored(Disregard)
    case refused(Refusal)
}

/// Why a well-formed message has no effect: in a healthy cluster this happens.
public enum Disregard: Int, CaseIterable, Hashable, Sendable {
    /// Nobody has said who the sender is, and it did not say so itself.
    case unknownSender
    /// The meta group has removed the sender.
    case forgottenSender
    /// Meant for whoever had this address before.
    case notForMe
    /// An answer that nobody waits for, or not from this member: late, or repeated.
    case unexpectedAnswer
    /// More helpers' pings are under way than the bound allows.
    case tooManyRelays
    /// More exchanges were begun within a second than the bound allows.
    case tooManyExchanges
    /// This member has left.
    case gone
}

/// Why a message is wrong: somebody is broken, or is no friend.
public enum Refusal: Error, Hashable, Sendable {
    case malformed(DecodingError)
    /// More bytes than its kind may have, or a longer list.
    case oversized
    case otherVersion
    case otherCluster
    /// The link belongs to another member than the one that the message names.
    case forgedSender
    /// It has this member's own id.
    case ownIdentity
    /// Two updates of one member.
    case duplicateSubject
    /// A list that has to rise does not.
    case listOutOfOrder
    /// An incarnation or a version beyond its bound.
    case incarnationOutOfRange
    /// A text of a profile that is empty, too long or not visible ASCII.
    case profileOutOfRange

    /// The kinds of refusal, in the order of their counts.
    static let kindCount = 10

    var kind: Int {
        switch self {
        case .malformed: 0
        case .oversized: 1
        case .otherVersion: 2
        case .otherCluster: 3
        case .forgedSender: 4
        case .ownIdentity: 5
        case .duplicateSubject: 6
        case .listOutOfOrder: 7
        case .incarnationOutOfRange: 8
        case .profileOutOfRange: 9
        }
    }
}

/// Why a single claim within a taken message has no effect, other than being old news.
public enum ClaimDisregard: Int, CaseIterable, Hashable, Sendable {
    /// Nobody has said who that is; an exchange will.
    case unknownSubject
    /// The meta group has removed it.
    case forgottenSubject
    /// The table is full.
    case tableFull
    /// It accuses this member under an incarnation that leaves no room above it to refute.
    case incarnationExhausted
}

/// Counts of what was received, for metrics.
public struct ReceptionCounts: Hashable, Sendable {
    public private(set) var taken = 0
    private var ignored = [Int](repeating: 0, count: Disregard.allCases.count)
    private var refused = [Int](repeating: 0, count: Refusal.kindCount)
    private var claims = [Int](repeating: 0, count: ClaimDisregard.allCases.count)

    public subscript(reason: Disregard) -> Int { ignored[reason.rawValue] }
    /// Of the refusals of the same kind, whatever its detail.
    public subscript(reason: Refusal) -> Int { refused[reason.kind] }
    public subscript(reason: ClaimDisregard) -> Int { claims[reason.rawValue] }

    mutating func add(_ reception: Reception) {
        switch reception {
        case .taken: taken += 1
        case .ignored(let reason): ignored[reason.rawValue] += 1
        case .refused(let reason): refused[reason.kind] += 1
        }
    }

    mutating func add(_ reason: ClaimDisregard) {
        claims[reason.rawValue] += 1
    }
}

public import Primitives

/// Somebody's word on a member.
public struct Claim: Hashable, Sendable {
    public let subject: MemberID
    public let incarnation: Incarnation
    public let standing: Standing

    public init(subject: MemberID, incarnation: Incarnation, standing: Standing) {
        self.subject = subject
        self.incarnation = incarnation
        self.standing = standing
    }
}

/// A piece of news: a claim, and the subject's profile where the reader may lack it.
public struct Update: Hashable, Sendable {
    public let claim: Claim
    public let profile: Profile?

    public init(claim: Claim, profile: Profile? = nil) {
        self.claim = claim
        self.profile = profile
    }

    /// Bytes on the wire.
    var byteCount: Int { claim.byteCount + (profile?.byteCount ?? 0) }
}

/// One member in a digest: enough to see who of two knows more of it.
public struct DigestEntry: Hashable, Sendable {
    public let member: MemberID
    public let incarnation: Incarnation
    /// `Standing.rank`: without the accuser, for a digest is hearsay.
    public let rank: UInt8
    public let profileVersion: UInt64

    public init(
        member: MemberID, incarnation: Incarnation, rank: UInt8, profileVersion: UInt64
    ) {
        self.member = member
        self.incarnation = incarnation
        self.rank = rank
        self.profileVersion = profileVersion
    }
}

/// All that a member knows of the ids from `lower` through `upper`. Each page is read on its own:
/// nothing is put together, and a lost page costs only itself.
public struct DigestPage: Hashable, Sendable {
    public let lower: MemberID
    public let upper: MemberID
    /// By rising id, none twice.
    public let entries: [DigestEntry]

    public init(lower: MemberID, upper: MemberID, entries: [DigestEntry]) {
        self.lower = lower
        self.upper = upper
        self.entries = entries
    }
}

/// What members say to each other.
public struct Message: Hashable, Sendable {
    public enum Body: Hashable, Sendable {
        /// Are you there?
        case ping(sequence: UInt64)
        /// Yes; or, from a helper: it is.
        case acknowledgement(sequence: UInt64)
        /// Please ping `target` in my place.
        case pingRequest(sequence: UInt64, target: MemberID)
        /// I did, and heard nothing so far.
        case negativeAcknowledgement(sequence: UInt64)
        /// Nothing but news.
        case gossip
        /// The beginning of an exchange: what I have.
        case digest(DigestPage)
        /// The answer, or the answer to the wishes in it: what you lack, in the updates, and what
        /// I lack.
        case records(wanted: [MemberID])
    }

    public let cluster: ClusterID
    public let sender: MemberID
    /// Nil when only an address is known. Otherwise nobody else takes it: addresses are reused.
    public let recipient: MemberID?
    public let body: Body
    /// No member twice.
    public let updates: [Update]

    public init(
        cluster: ClusterID, sender: MemberID, recipient: MemberID?, body: Body,
        updates: [Update] = []
    ) {
        self.cluster = cluster
        self.sender = sender
        self.recipient = recipient
        self.body = body
        self.updates = updates
    }
}

/// Where a message goes.
public struct Destination: Hashable, Sendable {
    /// Nil for a seed, of which only the address is known.
    public let member: MemberID?
    public let address: String

    public init(member: MemberID?, address: String) {
        self.member = member
        self.address = address
    }
}

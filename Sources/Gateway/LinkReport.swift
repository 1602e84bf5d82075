public import Primitives
public import Resilience

/// A link as its owner sees it at this moment.
public struct LinkStatus: Hashable, Sendable {
    /// Whether messages can be written.
    public enum Session: UInt8, Hashable, Sendable, CaseIterable {
        /// The owner is new and has not signed on yet.
        case opening = 0
        case up
        /// It is tried again.
        case down
    }

    public let name: String
    public let isLive: Bool
    public let session: Session
    public let breaker: CircuitBreaker.StateName
    /// Whether the breaker would let an attempt through.
    public let mayAdmit: Bool
    public let standing: LinkStanding
    /// Counts the changes of the standing.
    public let epoch: UInt64
    /// Messages without an answer.
    public let inFlightCount: Int

    package init(
        name: String, isLive: Bool, session: Session, breaker: CircuitBreaker.StateName,
        mayAdmit: Bool, standing: LinkStanding, epoch: UInt64, inFlightCount: Int
    ) {
        self.name = name
        self.isLive = isLive
        self.session = session
        self.breaker = breaker
        self.mayAdmit = mayAdmit
        self.standing = standing
        self.epoch = epoch
        self.inFlightCount = inFlightCount
    }
}

/// What the owner of a region's links says of itself and of them.
package struct LinkReport: Hashable, Sendable {
    /// The owner's term.
    let term: Term
    /// The owner's clock when it said this.
    let clock: MonotonicInstant
    /// What verification codes are sealed to (`OwnerSealing`).
    let publicKey: [UInt8]
    /// In the order in which they are preferred.
    let links: [LinkStatus]

    package init(term: Term, clock: MonotonicInstant, publicKey: [UInt8], links: [LinkStatus]) {
        self.term = term
        self.clock = clock
        self.publicKey = publicKey
        self.links = links
    }
}

/// Which link a new attempt may take.
package enum LinkChoice: Hashable, Sendable {
    case link(String)
    /// The owner says that none can.
    case none
    /// Nobody is known to own the links, or nothing was heard from the owner lately.
    case unknown

    package init(_ links: [LinkStatus], isLive: Bool) {
        for link in links where link.isLive == isLive && link.mayAdmit && link.standing == .open {
            switch link.session {
            case .up:
                self = .link(link.name)
                return
            case .opening:
                // Its owner is new: it is not passed over for that.
                self = .unknown
                return
            case .down:
                continue
            }
        }
        self = .none
    }
}

/// A region's links, for operators.
public struct RegionLinkStatus: Hashable, Sendable {
    public let region: String
    /// Nil while nobody is known to own them.
    public let owner: MemberID?
    /// Nil when the owner did not answer.
    public let links: [LinkStatus]?
}

/// What came of a change that an operator asked for.
public enum LinkChangeOutcome: Hashable, Sendable {
    /// It is so now, or was already.
    case done
    case refused(LinkRefusal)
    /// There is no such region, or it has no links yet.
    case noSuchRegion
    /// Nobody has decided it in time.
    case unavailable
}

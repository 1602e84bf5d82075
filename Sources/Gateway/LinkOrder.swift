package import ISO8583
public import Payments
public import Primitives

// What a merchants' shard asks of the owner of a link, and what comes of it. Owner and shard may be
// on one node or on two; `LinkWire.swift` has the form in which both travel.
//
//   reply        what is certain
//   -----------  ------------------------------------------------------------------------------
//   answered     the host has answered, in this session
//   notSent      no byte of it was written, and none will be
//   unanswered   it was written in this session, or it may have been written, up to its `sendBy`

/// One stream of a link, in one term of its owner: within it messages arrive in their order.
package struct LinkSession: Hashable, Sendable {
    /// The owner's group.
    package let group: GroupID
    /// The owner's term.
    package let term: Term
    /// Counts the streams of the term from 1 on.
    package let stream: UInt64

    package init(group: GroupID, term: Term, stream: UInt64) {
        self.group = group
        self.term = term
        self.stream = stream
    }
}

/// What came of a message.
package enum LinkReply: Hashable, Sendable {
    case answered(Message, session: LinkSession)
    case notSent(NotSent)
    /// Without a session: nobody knows whether it was written.
    case unanswered(UnknownReason, session: LinkSession?)
}

/// Why nothing was written.
package enum NotSent: Hashable, Sendable {
    /// The link is down, closed by its breaker or drained, or has too much in flight; or the card
    /// cannot be opened, or it is too late.
    case refused
    /// Whoever was asked owns the links no more, or is about to give them away.
    case elsewhere
    /// What it undoes may still arrive behind it: not before this time has passed.
    case tooEarly(Duration)
}

/// Whose answer a message waits for, so that a late one finds its payment.
package struct LinkSubject: Hashable, Sendable {
    let payment: PaymentID
    let request: ProcessorRequest

    package init(payment: PaymentID, request: ProcessorRequest) {
        self.payment = payment
        self.request = request
    }
}

/// For which shard, and in which of its terms, something is sent: an older term's is refused.
package struct LinkFence: Hashable, Sendable {
    let group: GroupID
    let term: Term

    package init(group: GroupID, term: Term) {
        self.group = group
        self.term = term
    }
}

/// A card as the vault has sealed it, with what it is opened by.
public struct SealedCard: Hashable, Sendable {
    public let method: PaymentMethodID
    public let merchant: MerchantID
    public let bytes: [UInt8]

    init(_ method: PaymentMethod) {
        self.init(method: method.id, merchant: method.merchant, bytes: method.sealedCard)
    }

    package init(method: PaymentMethodID, merchant: MerchantID, bytes: [UInt8]) {
        self.method = method
        self.merchant = merchant
        self.bytes = bytes
    }
}

/// Opens sealed cards. Only the link's owner calls it, right before it writes.
public protocol CardOpener: Sendable {
    /// The digits of the card's number; nil when the seal cannot be opened.
    func open(_ card: SealedCard) -> Secret<[UInt8]>?
}

/// A message that a link's owner is asked to write, once.
package struct LinkOrder: Sendable {
    /// A question for money. Its card number and verification code are put into the message by the
    /// owner, right before it writes.
    struct Request: Sendable {
        let subject: LinkSubject
        let card: SealedCard
        /// The sender's to wipe, once the reply has come.
        let code: Secret<[UInt8]>?
        /// It raises a hold that the acquirer gave: a link that is drained takes it.
        let followsAuthorization: Bool
    }

    enum Kind: Sendable {
        case request(Request)
        /// What follows an authorization: captures, refunds, reversals.
        case advice(undoes: Undone?)
    }

    /// What a reversal undoes: it must not arrive before that.
    package struct Undone: Hashable, Sendable {
        /// In which session it was written, if that is known.
        let session: LinkSession?
        /// It can be written no more since so long ago that it has arrived, or never will.
        let isQuiet: Bool

        package init(session: LinkSession?, isQuiet: Bool) {
            self.session = session
            self.isQuiet = isQuiet
        }
    }

    let link: String
    let message: Message
    let fence: LinkFence
    let kind: Kind
}

public import Primitives

// Money on its way to a merchant's bank.
//
//  from       input         to         postings
//  ---------  ------------  ---------  ------------------------------
//  (none)     create        pending    available  → in transit
//  pending    send          inTransit  none
//  pending    cancel        canceled   in transit → available
//  inTransit  arrive        paid       in transit → bank
//  inTransit  return        failed     in transit → available
//  paid       return        failed     bank       → available
//
// Every other pair is a refusal, or has no event. A payout never exceeds what is available.

/// Which way a payout's money went.
public enum PayoutStep: UInt8, Hashable, Sendable {
    case left = 0
    case arrived
    case returned
}

/// A payout: `po_<stem>`.
public struct PayoutID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let stem: IdentifierStem

    public init(stem: IdentifierStem) {
        self.stem = stem
    }

    /// Reads `po_…`; nil when it is not the id of a payout.
    public init?(_ text: some StringProtocol) {
        guard let stem = IdentifierStem(prefix: "po_", text) else { return nil }
        self.stem = stem
    }

    public static func < (left: PayoutID, right: PayoutID) -> Bool { left.stem < right.stem }
    public var description: String { "po_\(stem.text)" }
}

public struct PayoutCreated: Hashable, Sendable {
    public let id: PayoutID
    public let merchant: MerchantID
    public let isLive: Bool
    public let amount: Money
    public let at: Timestamp

    public init(
        id: PayoutID, merchant: MerchantID, isLive: Bool, amount: Money, at: Timestamp
    ) {
        self.id = id
        self.merchant = merchant
        self.isLive = isLive
        self.amount = amount
        self.at = at
    }
}

public enum PayoutCommand: UInt8, Hashable, Sendable, CaseIterable {
    /// The bank rail took the order.
    case send = 0
    case cancel
    case arrive
    /// The bank sent the money back.
    case `return`
}

public enum PayoutEvent: Hashable, Sendable {
    case created(PayoutCreated)
    case sent(at: Timestamp)
    case canceled(at: Timestamp)
    case arrived(at: Timestamp)
    case returned(at: Timestamp)
}

/// One payout with its ledger entries.
public struct Payout: Hashable, Sendable {
    public enum Status: UInt8, Hashable, Sendable, CaseIterable {
        case pending = 0
        case inTransit, paid, failed, canceled

        public var name: String {
            switch self {
            case .pending: "pending"
            case .inTransit: "in_transit"
            case .paid: "paid"
            case .failed: "failed"
            case .canceled: "canceled"
            }
        }
    }

    public let facts: PayoutCreated
    public private(set) var version: UInt64
    public private(set) var status: Status
    public private(set) var ledger: [LedgerEntry]

    public init(_ facts: PayoutCreated) {
        self.facts = facts
        version = 1
        status = .pending
        ledger = [
            .payout(
                .left, amount: facts.amount.minorUnits, from: .merchantAvailable,
                to: .payoutInTransit, at: facts.at)
        ]
    }

    /// The first event of a payout, or why not. `available` is what the merchant may be paid in
    /// this currency, in minor units.
    public static func decideCreate(
        _ facts: PayoutCreated, available: Int64
    ) -> Result<PayoutEvent, Refusal> {
        let amount = facts.amount.minorUnits
        guard amount > 0 else { return .failure(.amountNotPositive) }
        guard amount <= available else {
            return .failure(.insufficientBalance(requested: amount, available: available))
        }
        return .success(.created(facts))
    }

    /// What happens when `command` meets this state. The bank's word that does not fit has no
    /// event: banks repeat themselves. Total over all states and commands.
    public func decide(
        _ command: PayoutCommand, at now: Timestamp
    ) -> Result<[PayoutEvent], Refusal> {
        switch (command, status) {
        case (.send, .pending): .success([.sent(at: now)])
        case (.cancel, .pending): .success([.canceled(at: now)])
        case (.cancel, .inTransit), (.cancel, .paid), (.cancel, .failed), (.cancel, .canceled):
            .failure(.unexpectedPayoutStatus(status))
        case (.arrive, .inTransit): .success([.arrived(at: now)])
        case (.return, .inTransit), (.return, .paid): .success([.returned(at: now)])
        case (.send, _), (.arrive, _), (.return, _): .success([])
        }
    }

    /// The state after one more event; one that does not fit changes nothing.
    public mutating func evolve(_ event: PayoutEvent) throws(Misfit) {
        switch (event, status) {
        case (.created, _):
            throw .alreadyCreated
        case (.sent, .pending):
            status = .inTransit
        case (.canceled(let at), .pending):
            status = .canceled
            move(.returned, from: .payoutInTransit, to: .merchantAvailable, at)
        case (.arrived(let at), .inTransit):
            status = .paid
            move(.arrived, from: .payoutInTransit, to: .bank, at)
        case (.returned(let at), .inTransit):
            status = .failed
            move(.returned, from: .payoutInTransit, to: .merchantAvailable, at)
        case (.returned(let at), .paid):
            status = .failed
            move(.returned, from: .bank, to: .merchantAvailable, at)
        case (.sent, _), (.canceled, _), (.arrived, _), (.returned, _):
            throw .unexpectedState
        }
        version += 1
    }

    private mutating func move(
        _ step: PayoutStep, from: LedgerAccount, to: LedgerAccount, _ at: Timestamp
    ) {
        ledger.append(
            .payout(step, amount: facts.amount.minorUnits, from: from, to: to, at: at))
    }
}

extension PayoutCreated: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.write(id.stem)
        writer.write(merchant)
        writer.write(isLive)
        writer.write(amount)
        writer.write(at)
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        id = PayoutID(stem: try reader.read())
        merchant = try reader.read()
        isLive = try reader.readBool()
        amount = try reader.read()
        at = try reader.read()
    }
}

extension PayoutEvent: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        switch self {
        case .created(let facts):
            writer.write(UInt8(0))
            writer.write(facts)
        case .sent(let at): writer.write(1, at)
        case .canceled(let at): writer.write(2, at)
        case .arrived(let at): writer.write(3, at)
        case .returned(let at): writer.write(4, at)
        }
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.offset
        switch try reader.readByte() {
        case 0: self = .created(try reader.read())
        case 1: self = .sent(at: try reader.read())
        case 2: self = .canceled(at: try reader.read())
        case 3: self = .arrived(at: try reader.read())
        case 4: self = .returned(at: try reader.read())
        default: throw .invalid(what: "payout event", offset: start)
        }
    }
}

extension ByteWriter {
    fileprivate mutating func write(_ tag: UInt8, _ at: Timestamp) {
        write(tag)
        write(at)
    }
}

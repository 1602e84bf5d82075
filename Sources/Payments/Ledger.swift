public import Primitives

/// Where money stands. Each account exists per currency and mode; the merchant's per merchant, the
/// others per shard, so that an entry always lies in one shard.
public enum LedgerAccount: UInt8, Hashable, Sendable, CaseIterable {
    /// What acquirers owe us for captured payments.
    case acquirerReceivable = 0
    /// What we owe the merchant and have not received yet.
    case merchantPending = 1
    /// What the merchant may be paid.
    case merchantAvailable = 2
    /// What merchants paid us.
    case fees = 3
    /// What we lost.
    case losses = 4
    /// What a dispute took from the merchant, until it is decided.
    case disputeHold = 5
    /// What is on its way to the merchant's bank.
    case payoutInTransit = 6
    /// What lies in our own bank account.
    case bank = 7

    static let count = 8
}

/// One side of an entry: positive is a debit, negative a credit, in minor units.
public struct LedgerPosting: Hashable, Sendable {
    public let account: LedgerAccount
    public let debit: Int64

    public init(_ account: LedgerAccount, debit: Int64) {
        self.account = account
        self.debit = debit
    }
}

/// A balanced movement with its cause. Never changed; a correction is another entry.
///
/// What is committed here and not yet acknowledged outside is a pending entry. A second entry
/// resolves it, with the same postings: it posts the movement, or voids it.
public struct LedgerEntry: Hashable, Sendable {
    public enum Cause: Hashable, Sendable {
        case charge(attempt: Int, capture: Int)
        case refund(number: Int)
        /// The bank sent a refund back.
        case refundReturned(number: Int)
        /// Money withdrawn for a dispute, given back, or gone.
        case dispute(number: Int)
        case disputeWon(number: Int)
        case disputeLost(number: Int)
        /// The acquirer paid.
        case settlement(SettlementItem)
        /// A payout left for the bank, arrived, or came back.
        case payout(PayoutStep)
    }

    public enum Phase: UInt8, Hashable, Sendable {
        /// Counts among the posted at once.
        case direct = 0
        /// Counts among the pending until it is resolved.
        case pending
        /// Takes a pending entry's postings from the pending to the posted.
        case posting
        /// Takes a pending entry's postings from the pending.
        case voiding
    }

    public let cause: Cause
    public let phase: Phase
    public let at: Timestamp
    /// Two to four, each of another account.
    public let postings: LedgerPostings

    /// Debits and credits must be equal: anything else ends the process.
    package init(
        _ cause: Cause, _ phase: Phase, at: Timestamp, _ postings: LedgerPostings
    ) {
        precondition(
            postings.sum == 0, "an entry is out of balance by \(postings.sum)")
        self.cause = cause
        self.phase = phase
        self.at = at
        self.postings = postings
    }

    /// A captured charge: the acquirer owes the amount; the merchant gets it less the fee.
    static func charge(
        attempt: Int, _ capture: Capture, _ phase: Phase, at: Timestamp
    ) -> LedgerEntry {
        var postings = LedgerPostings()
        postings.append(.acquirerReceivable, debit: capture.amount)
        postings.append(.merchantPending, debit: capture.fee - capture.amount)
        if capture.fee > 0 { postings.append(.fees, debit: -capture.fee) }
        return LedgerEntry(
            .charge(attempt: attempt, capture: capture.number), phase, at: at, postings)
    }

    /// A refund: the acquirer owes less, and so do we. The fee is kept.
    static func refund(
        _ number: Int, amount: Int64, _ phase: Phase, at: Timestamp
    ) -> LedgerEntry {
        var postings = LedgerPostings()
        postings.append(.acquirerReceivable, debit: -amount)
        postings.append(.merchantPending, debit: amount)
        return LedgerEntry(.refund(number: number), phase, at: at, postings)
    }

    /// A refund that came back: the opposite of it.
    static func refundReturned(_ number: Int, amount: Int64, at: Timestamp) -> LedgerEntry {
        var postings = LedgerPostings()
        postings.append(.acquirerReceivable, debit: amount)
        postings.append(.merchantPending, debit: -amount)
        return LedgerEntry(.refundReturned(number: number), .direct, at: at, postings)
    }

    /// A dispute takes what it can from the merchant, with a fee; the rest is our loss.
    static func dispute(_ dispute: Dispute, fee: Int64, at: Timestamp) -> LedgerEntry {
        let loss = dispute.amount - dispute.covered
        var postings = LedgerPostings()
        postings.append(.disputeHold, debit: -dispute.amount)
        if dispute.covered + fee > 0 {
            postings.append(.merchantAvailable, debit: dispute.covered + fee)
        }
        if loss > 0 { postings.append(.losses, debit: loss) }
        if fee > 0 { postings.append(.fees, debit: -fee) }
        return LedgerEntry(.dispute(number: dispute.number), .direct, at: at, postings)
    }

    /// What a dispute took is given back. The fee is kept.
    static func disputeWon(_ dispute: Dispute, at: Timestamp) -> LedgerEntry {
        let loss = dispute.amount - dispute.covered
        var postings = LedgerPostings()
        postings.append(.disputeHold, debit: dispute.amount)
        if dispute.covered > 0 {
            postings.append(.merchantAvailable, debit: -dispute.covered)
        }
        if loss > 0 { postings.append(.losses, debit: -loss) }
        return LedgerEntry(.disputeWon(number: dispute.number), .direct, at: at, postings)
    }

    /// What a dispute took goes to the acquirer.
    static func disputeLost(_ dispute: Dispute, at: Timestamp) -> LedgerEntry {
        var postings = LedgerPostings()
        postings.append(.disputeHold, debit: dispute.amount)
        postings.append(.acquirerReceivable, debit: -dispute.amount)
        return LedgerEntry(.disputeLost(number: dispute.number), .direct, at: at, postings)
    }

    /// The acquirer pays what it owes, or takes what it is owed when `amount` is negative; the
    /// merchant's share of it becomes available.
    static func settlement(
        _ item: SettlementItem, amount: Int64, merchantShare: Int64, at: Timestamp
    ) -> LedgerEntry {
        var postings = LedgerPostings()
        postings.append(.bank, debit: amount)
        postings.append(.acquirerReceivable, debit: -amount)
        if merchantShare != 0 {
            postings.append(.merchantPending, debit: merchantShare)
            postings.append(.merchantAvailable, debit: -merchantShare)
        }
        return LedgerEntry(.settlement(item), .direct, at: at, postings)
    }

    /// A step of a payout between three accounts.
    static func payout(
        _ step: PayoutStep, amount: Int64, from: LedgerAccount, to: LedgerAccount, at: Timestamp
    ) -> LedgerEntry {
        var postings = LedgerPostings()
        postings.append(from, debit: amount)
        postings.append(to, debit: -amount)
        return LedgerEntry(.payout(step), .direct, at: at, postings)
    }

    /// True for an entry that counts among the posted.
    public var isPosted: Bool {
        switch phase {
        case .direct, .posting: true
        case .pending, .voiding: false
        }
    }

    /// What the merchant's balance gained, in minor units; negative for a refund.
    public var merchantNet: Int64 {
        -sum(of: .merchantPending) - sum(of: .merchantAvailable)
    }

    /// What the merchant's balance gained when it is counted before it is acknowledged, in minor
    /// units: with the pending entry, and back with the one that voids it.
    public var merchantGain: Int64 {
        switch phase {
        case .direct, .pending: merchantNet
        case .posting: 0
        case .voiding: -merchantNet
        }
    }

    /// What we earned by it, in minor units.
    public var fee: Int64 { -sum(of: .fees) }

    private func sum(of account: LedgerAccount) -> Int64 {
        postings.reduce(0) { $1.account == account ? $0 + $1.debit : $0 }
    }
}

/// Something that an acquirer pays for, or takes back, in its settlement file.
public enum SettlementItem: Hashable, Sendable {
    case capture(attempt: Int, number: Int)
    case refund(number: Int)
    case dispute(number: Int)
}

/// Sums of postings per account in one currency; debits positive.
public struct LedgerBalances: Hashable, Sendable {
    private var posted = [Int64](repeating: 0, count: LedgerAccount.count)
    private var pending = [Int64](repeating: 0, count: LedgerAccount.count)

    public init() {}

    /// Debits minus credits of an account among the posted, in minor units.
    public subscript(account: LedgerAccount) -> Int64 { posted[Int(account.rawValue)] }

    /// Debits minus credits of an account among the pending, in minor units.
    public func pending(_ account: LedgerAccount) -> Int64 { pending[Int(account.rawValue)] }

    /// Adds an entry. A sum beyond Int64 ends the process: it would be a lie to go on.
    public mutating func post(_ entry: LedgerEntry, to accounts: (LedgerAccount) -> Bool) {
        for posting in entry.postings where accounts(posting.account) {
            let index = Int(posting.account.rawValue)
            switch entry.phase {
            case .direct:
                posted[index] += posting.debit
            case .pending:
                pending[index] += posting.debit
            case .posting:
                pending[index] -= posting.debit
                posted[index] += posting.debit
            case .voiding:
                pending[index] -= posting.debit
            }
        }
    }

    /// What the merchant has, in minor units: pending and available, with what is not acknowledged
    /// yet; negative for what is owed. Books that a sum does not fit say the least there is.
    public var merchantBalance: Int64 {
        var debits: Int64 = 0
        for account in [LedgerAccount.merchantPending, .merchantAvailable] {
            for sum in [self[account], pending(account)] {
                let (next, overflow) = debits.addingReportingOverflow(sum)
                guard !overflow else { return .min }
                debits = next
            }
        }
        return debits == .min ? .min : -debits
    }

    /// Debits minus credits over all accounts, posted and pending: both zero over all books of a
    /// shard at every log index.
    public var total: Int64 { posted.reduce(0, +) }
    public var pendingTotal: Int64 { pending.reduce(0, +) }
}

extension LedgerAccount {
    /// True for the accounts that each merchant has; the others belong to the shard.
    public var belongsToMerchant: Bool {
        switch self {
        case .merchantPending, .merchantAvailable, .disputeHold, .payoutInTransit: true
        case .acquirerReceivable, .fees, .losses, .bank: false
        }
    }
}

extension LedgerBalances: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.writeVarint(UInt64(LedgerAccount.count))
        for sum in posted { writer.writeSigned(sum) }
        for sum in pending { writer.writeSigned(sum) }
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        self.init()
        let start = reader.offset
        guard try reader.readInteger(Int.self) == LedgerAccount.count else {
            throw .invalid(what: "ledger accounts", offset: start)
        }
        for index in posted.indices { posted[index] = try reader.readSigned() }
        for index in pending.indices { pending[index] = try reader.readSigned() }
    }
}

extension SettlementItem: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        switch self {
        case .capture(let attempt, let number):
            writer.write(UInt8(0))
            writer.writeVarint(UInt64(attempt))
            writer.writeVarint(UInt64(number))
        case .refund(let number):
            writer.write(UInt8(1))
            writer.writeVarint(UInt64(number))
        case .dispute(let number):
            writer.write(UInt8(2))
            writer.writeVarint(UInt64(number))
        }
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.offset
        switch try reader.readByte() {
        case 0: self = .capture(attempt: try reader.readIndex(), number: try reader.readIndex())
        case 1: self = .refund(number: try reader.readIndex())
        case 2: self = .dispute(number: try reader.readIndex())
        default: throw .invalid(what: "settlement item", offset: start)
        }
    }
}

extension LedgerEntry.Cause {
    /// The most that one posting of such an entry can be, in minor units.
    fileprivate var debitMaximum: Int64 {
        switch self {
        case .charge, .refund, .refundReturned, .dispute, .disputeWon, .disputeLost, .settlement:
            Money.movementMaximum
        // A payout is of what many payments left: the most of which four can be added up.
        case .payout: .max / 4
        }
    }
}

extension LedgerEntry.Cause: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        switch self {
        case .charge(let attempt, let capture):
            writer.write(UInt8(0), attempt)
            writer.writeVarint(UInt64(capture))
        case .refund(let number): writer.write(UInt8(1), number)
        case .refundReturned(let number): writer.write(UInt8(2), number)
        case .dispute(let number): writer.write(UInt8(3), number)
        case .disputeWon(let number): writer.write(UInt8(4), number)
        case .disputeLost(let number): writer.write(UInt8(5), number)
        case .settlement(let item):
            writer.write(UInt8(6))
            writer.write(item)
        case .payout(let step): writer.write(UInt8(7), Int(step.rawValue))
        }
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.offset
        switch try reader.readByte() {
        case 0: self = .charge(attempt: try reader.readIndex(), capture: try reader.readIndex())
        case 1: self = .refund(number: try reader.readIndex())
        case 2: self = .refundReturned(number: try reader.readIndex())
        case 3: self = .dispute(number: try reader.readIndex())
        case 4: self = .disputeWon(number: try reader.readIndex())
        case 5: self = .disputeLost(number: try reader.readIndex())
        case 6: self = .settlement(try reader.read())
        case 7: self = .payout(try reader.readEnum())
        default: throw .invalid(what: "ledger cause", offset: start)
        }
    }
}

extension LedgerEntry: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.write(cause)
        writer.write(phase.rawValue)
        writer.write(at)
        writer.writeVarint(UInt64(postings.count))
        for posting in postings {
            writer.write(posting.account.rawValue)
            writer.writeSigned(posting.debit)
        }
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.offset
        cause = try reader.read()
        phase = try reader.readEnum()
        at = try reader.read()
        postings = try Self.readPostings(from: &reader, debitMaximum: cause.debitMaximum)
        guard postings.sum == 0 else { throw .invalid(what: "ledger balance", offset: start) }
    }

    /// Two to four, each of another account and none above `debitMaximum`: their sum cannot wrap
    /// around to zero.
    private static func readPostings(
        from reader: inout ByteReader, debitMaximum: Int64
    ) throws(DecodingError) -> LedgerPostings {
        let countStart = reader.offset
        let count = try reader.readInteger(Int.self)
        guard (2...LedgerPostings.countMax).contains(count) else {
            throw .invalid(what: "count of postings", offset: countStart)
        }
        var postings = LedgerPostings()
        for _ in 0..<count {
            let start = reader.offset
            let account = try reader.readEnum(LedgerAccount.self)
            guard !postings.contains(where: { $0.account == account }) else {
                throw .invalid(what: "account of a posting", offset: start)
            }
            let debit = try reader.readSigned()
            guard debit.magnitude <= debitMaximum.magnitude else {
                throw .invalid(what: "amount of a posting", offset: start)
            }
            postings.append(account, debit: debit)
        }
        return postings
    }
}

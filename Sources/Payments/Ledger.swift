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
public struct LedgerEntry: Hashable, Sendable {
    public enum Cause: Hashable, Sendable {
        case charge(attempt: Int)
        case refund(number: Int)
    }

    public let cause: Cause
    public let at: Timestamp
    public let postings: [LedgerPosting]

    /// Debits and credits must be equal: anything else ends the process.
    public init(cause: Cause, at: Timestamp, postings: [LedgerPosting]) {
        let sum = postings.reduce(Int64(0)) { $0 + $1.debit }
        precondition(sum == 0, "an entry for \(cause) is out of balance by \(sum)")
        self.cause = cause
        self.at = at
        self.postings = postings
    }

    /// A captured charge: the acquirer owes the amount; the merchant gets it less the fee.
    static func charge(attempt: Int, amount: Int64, fee: Int64, at: Timestamp) -> LedgerEntry {
        var postings = [
            LedgerPosting(.acquirerReceivable, debit: amount),
            LedgerPosting(.merchantPending, debit: fee - amount),
        ]
        if fee > 0 { postings.append(LedgerPosting(.fees, debit: -fee)) }
        return LedgerEntry(cause: .charge(attempt: attempt), at: at, postings: postings)
    }

    /// A refund: the acquirer owes less, and so do we. The fee is kept.
    static func refund(number: Int, amount: Int64, at: Timestamp) -> LedgerEntry {
        LedgerEntry(
            cause: .refund(number: number), at: at,
            postings: [
                LedgerPosting(.acquirerReceivable, debit: -amount),
                LedgerPosting(.merchantPending, debit: amount),
            ])
    }

    /// What the merchant's balance gained, in minor units; negative for a refund.
    public var merchantNet: Int64 {
        -sum(of: .merchantPending) - sum(of: .merchantAvailable)
    }

    /// What we earned by it, in minor units.
    public var fee: Int64 { -sum(of: .fees) }

    private func sum(of account: LedgerAccount) -> Int64 {
        postings.reduce(0) { $1.account == account ? $0 + $1.debit : $0 }
    }
}

/// Sums of postings per account in one currency; debits positive.
public struct LedgerBalances: Hashable, Sendable {
    private var sums: [Int64]

    public init() {
        sums = [Int64](repeating: 0, count: LedgerAccount.allCases.count)
    }

    /// Debits minus credits of an account, in minor units.
    public subscript(account: LedgerAccount) -> Int64 { sums[Int(account.rawValue)] }

    /// Adds an entry. A sum beyond Int64 ends the process: it would be a lie to go on.
    public mutating func post(_ entry: LedgerEntry, to accounts: (LedgerAccount) -> Bool) {
        for posting in entry.postings where accounts(posting.account) {
            sums[Int(posting.account.rawValue)] += posting.debit
        }
    }

    /// Debits minus credits over all accounts: zero over all books of a shard at every log index.
    public var total: Int64 { sums.reduce(0, +) }
}

extension LedgerAccount {
    /// True for the accounts that each merchant has; the others belong to the shard.
    public var belongsToMerchant: Bool {
        switch self {
        case .merchantPending, .merchantAvailable: true
        case .acquirerReceivable, .fees, .losses: false
        }
    }
}

extension LedgerBalances: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.writeVarint(UInt64(sums.count))
        for sum in sums { writer.writeSigned(sum) }
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        self.init()
        let start = reader.offset
        guard try reader.readInteger(Int.self) == sums.count else {
            throw .invalid(what: "ledger accounts", offset: start)
        }
        for index in sums.indices { sums[index] = try reader.readSigned() }
    }
}

extension LedgerEntry: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        switch cause {
        case .charge(let attempt):
            writer.write(UInt8(0))
            writer.writeVarint(UInt64(attempt))
        case .refund(let number):
            writer.write(UInt8(1))
            writer.writeVarint(UInt64(number))
        }
        writer.write(at)
        writer.writeVarint(UInt64(postings.count))
        for posting in postings {
            writer.write(posting.account.rawValue)
            writer.writeSigned(posting.debit)
        }
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.offset
        switch try reader.readByte() {
        case 0: cause = .charge(attempt: try reader.readInteger(Int.self))
        case 1: cause = .refund(number: try reader.readInteger(Int.self))
        default: throw .invalid(what: "ledger cause", offset: start)
        }
        at = try reader.read()
        postings = try reader.readArray {
            (reader: inout ByteReader) throws(DecodingError) -> LedgerPosting in
            LedgerPosting(try reader.readEnum(), debit: try reader.readSigned())
        }
        // A sum that overflows is out of balance too, though it may wrap around to zero.
        var sum: Int64 = 0
        for posting in postings {
            let (next, overflow) = sum.addingReportingOverflow(posting.debit)
            guard !overflow else { throw .invalid(what: "ledger balance", offset: start) }
            sum = next
        }
        guard sum == 0 else { throw .invalid(what: "ledger balance", offset: start) }
    }
}

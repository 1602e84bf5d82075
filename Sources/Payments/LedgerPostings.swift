/// The postings of one entry, up to four. Four numbers and four accounts and nothing behind a
/// pointer, so that payments with their entries are copied without a look at each.
public struct LedgerPostings: Hashable, Sendable {
    private var debits = InlineArray<4, Int64>(repeating: 0)
    private var accounts = InlineArray<4, LedgerAccount>(repeating: .acquirerReceivable)
    private var filled: UInt8 = 0

    public static let countMax = 4

    public init() {}

    mutating func append(_ account: LedgerAccount, debit: Int64) {
        precondition(count < Self.countMax, "an entry of more than \(Self.countMax) postings")
        debits[count] = debit
        accounts[count] = account
        filled += 1
    }

    /// Debits less credits: zero in an entry.
    var sum: Int64 { debits[0] + debits[1] + debits[2] + debits[3] }

    public static func == (left: LedgerPostings, right: LedgerPostings) -> Bool {
        left.elementsEqual(right)
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(count)
        for posting in self { hasher.combine(posting) }
    }
}

extension LedgerPostings: RandomAccessCollection {
    public var startIndex: Int { 0 }
    public var endIndex: Int { Int(filled) }

    public subscript(position: Int) -> LedgerPosting {
        precondition(position >= 0 && position < count, "no posting \(position) of \(count)")
        return LedgerPosting(accounts[position], debit: debits[position])
    }
}

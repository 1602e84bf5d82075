public import Primitives

// A member's checksums held against those of the others.
//
//   told of a window ── equal ──▶ counted
//         │ different
//         ▼
//      disputed: every member is asked for it ──┬─ a majority against this one ──▶ it halts
//                                               ├─ a majority with this one ─────▶ noted
//                                               └─ all have answered, no majority ▶ noted
//
// Each member judges itself alone, by what the others have told it directly. A majority is one of
// all voters and not of those that answered, so that no set of faults halts more than a minority,
// and whoever leads cannot talk the others into halting.

/// Two members of a group differ in what became of the same entries.
public struct StateDifference: Hashable, Sendable {
    public enum Judgement: Hashable, Sendable {
        /// As many voters agree on a checksum that is not this member's.
        case against(count: Int)
        /// A majority has this member's checksum.
        case withMajority
        /// All were asked, and no majority agrees.
        case undecided
    }

    public let group: GroupID
    /// The window of the log, and what each member that has a checksum of it says.
    public let window: ClosedRange<LogIndex>
    public let checksums: [MemberID: UInt32]
    public let own: MemberID
    public let judgement: Judgement
}

extension StateDifference: CustomStringConvertible {
    public var description: String {
        let list = checksums.keys.sorted().map { member in
            let digits = String(checksums[member]!, radix: 16)
            let padded = String(repeating: "0", count: 8 - digits.count) + digits
            return member == own ? "\(member) (this node) \(padded)" : "\(member) \(padded)"
        }
        return "\(group): after entries \(window.lowerBound) to \(window.upperBound) the state of "
            + "the replicas differs: \(list.joined(separator: ", "))"
    }
}

/// What the members of one group have said of their checksums. A value.
package struct ChecksumComparison: Sendable {
    private let group: GroupID
    /// This member's checksums.
    package var own: StateChecksums
    package private(set) var comparedCount = 0
    /// Windows in which this member and another differ.
    package private(set) var differenceCount = 0
    package private(set) var askCount = 0
    package private(set) var lastDifference: StateDifference?

    /// Through which index a member has answered, or said that it has nothing to say.
    private var comparedThrough: [MemberID: LogIndex] = [:]
    /// What was heard of windows that are disputed.
    private var votes: [LogIndex: [MemberID: Vote]] = [:]
    private var settled: Set<LogIndex> = []

    /// How many windows are disputed at a time: the newest, as one that differs goes on to differ
    /// and older ones are forgotten first.
    private static let disputeCountMax = 4

    private enum Vote: Hashable {
        case checksum(UInt32)
        /// It has not applied the whole window, or compares nothing.
        case none
    }

    package init(_ group: GroupID, startingAfter index: LogIndex) {
        self.group = group
        own = StateChecksums(startingAfter: index)
    }

    /// A snapshot has replaced the state; what was told of the old one counts no more.
    package mutating func restart(after index: LogIndex) {
        own = StateChecksums(startingAfter: index)
        comparedThrough = [:]
        votes = [:]
        settled = []
    }

    package mutating func noteAsk() { askCount += 1 }

    /// Windows that a member was not asked about.
    package func newWindows(for member: MemberID) -> [WindowChecksum] {
        let through = comparedThrough[member] ?? 0
        return own.recent.filter { $0.end > through }
    }

    /// Windows that everybody has to be asked about.
    package var disputed: [WindowChecksum] { own.recent.filter { votes[$0.end] != nil } }

    /// The member's windows, of those that another has named.
    package func windows(like others: [WindowChecksum]) -> [WindowChecksum] {
        others.compactMap { other in
            own[other.end].map { WindowChecksum(end: other.end, checksum: $0) }
        }
    }

    // MARK: What others say

    /// Takes what a member says by itself. True when a window is disputed by it.
    package mutating func hear(_ windows: [WindowChecksum], from member: MemberID) -> Bool {
        var isNew = false
        for window in windows {
            guard let mine = own[window.end] else { continue }
            comparedCount += 1
            if mine != window.checksum, votes[window.end] == nil, !settled.contains(window.end) {
                dispute(window.end)
                isNew = true
            }
            votes[window.end]?[member] = .checksum(window.checksum)
        }
        return isNew
    }

    /// Takes the answer to an ask about windows; nil when the member compares nothing.
    package mutating func hear(
        _ answer: ChecksumReport?, to asked: [WindowChecksum], from member: MemberID
    ) -> Bool {
        let appliedIndex = answer?.appliedIndex ?? .max
        let isNew = hear(answer?.windows ?? [], from: member)
        for window in asked where window.end <= appliedIndex {
            comparedThrough[member] = max(comparedThrough[member] ?? 0, window.end)
            if votes[window.end] != nil, votes[window.end]![member] == nil {
                votes[window.end]![member] = Vote.none
            }
        }
        return isNew
    }

    private mutating func dispute(_ end: LogIndex) {
        differenceCount += 1
        votes[end] = [:]
        if votes.count > Self.disputeCountMax, let oldest = votes.keys.min() { settle(oldest) }
    }

    private mutating func settle(_ end: LogIndex) {
        votes[end] = nil
        settled.insert(end)
        // What this member does not remember itself is not disputed again.
        if let first = own.recent.first?.end { settled = settled.filter { $0 >= first } }
    }

    // MARK: Judging

    /// What has been decided of the windows in dispute, by `member` about itself.
    ///
    /// - Parameter voters: those of a group that is not changing them.
    package mutating func judge(voters: [MemberID], member: MemberID) -> [StateDifference] {
        var found: [StateDifference] = []
        for end in votes.keys.sorted() {
            guard let heard = votes[end] else { continue }
            guard let mine = own[end] else {
                // It lies too far back by now.
                settle(end)
                continue
            }
            guard let judgement = Self.judge(mine, heard, voters, member) else { continue }
            settle(end)
            var checksums = [member: mine]
            for case (let other, .checksum(let checksum)) in heard { checksums[other] = checksum }
            let difference = StateDifference(
                group: group, window: end - StateChecksums.windowLength + 1...end,
                checksums: checksums, own: member, judgement: judgement)
            lastDifference = difference
            found.append(difference)
        }
        return found
    }

    private static func judge(
        _ mine: UInt32, _ heard: [MemberID: Vote], _ voters: [MemberID], _ member: MemberID
    ) -> StateDifference.Judgement? {
        var counts: [UInt32: Int] = [:]
        var answerCount = 0
        for voter in voters {
            let vote = voter == member ? .checksum(mine) : heard[voter]
            guard let vote else { continue }
            answerCount += 1
            if case .checksum(let checksum) = vote { counts[checksum, default: 0] += 1 }
        }
        let majority = voters.count / 2 + 1
        if counts[mine, default: 0] >= majority { return .withMajority }
        if let other = counts.values.max(), other >= majority { return .against(count: other) }
        return answerCount == voters.count ? .undecided : nil
    }
}

import Environment
import Primitives

/// The asks of this node that wait for an answer.
///
/// A peer may answer over a new link what a node asked before it was started anew. So the asks of
/// each life have numbers of their own: counted from one in each, the answer to one merchant's
/// refund was once taken for that to another's payment.
package struct AskTable {
    private struct Waiting {
        let member: MemberID
        let timer: any LoopTimer
        let resumption: Resumption<AskOutcome>
    }

    private var waiting: [UInt64: Waiting] = [:]
    private var counts: [MemberID: Int] = [:]
    private var lastID: UInt64

    /// - Parameter seed: chance that differs between the lives of a node.
    package init(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        lastID = random.next()
    }

    /// A number that no ask of this life has, nor, but by a chance of some 2^-50, one of another.
    package mutating func nextID() -> UInt64 {
        lastID &+= 1
        if lastID == 0 { lastID = 1 }
        return lastID
    }

    func count(askedOf member: MemberID) -> Int { counts[member, default: 0] }

    mutating func wait(
        _ id: UInt64, askedOf member: MemberID, _ timer: any LoopTimer,
        _ resumption: Resumption<AskOutcome>
    ) {
        waiting[id] = Waiting(member: member, timer: timer, resumption: resumption)
        counts[member, default: 0] += 1
    }

    /// Who waits for this answer; nobody when the ask is over, or was asked of somebody else.
    mutating func take(_ id: UInt64, from member: MemberID) -> Resumption<AskOutcome>? {
        waiting[id]?.member == member ? take(id) : nil
    }

    /// Whoever waits for this answer does not any more.
    mutating func take(_ id: UInt64) -> Resumption<AskOutcome>? {
        guard let entry = waiting.removeValue(forKey: id) else { return nil }
        counts[entry.member, default: 1] -= 1
        entry.timer.cancel()
        return entry.resumption
    }

    /// All that wait for a member.
    mutating func takeAll(from member: MemberID) -> [Resumption<AskOutcome>] {
        waiting.filter { $0.value.member == member }.keys.sorted().compactMap { take($0) }
    }
}

public import Primitives

/// The time that a suspected member has to refute (SWIM §4.2), which starts long and shrinks with
/// each member that suspects it independently (Lifeguard §IV-B):
///
///     timeout = max(min, max - (max - min) * log(C + 1) / log(K + 1))
///
/// after C of K confirmations. One slow accuser waits long, and is likely refuted; a dead member
/// is confirmed by everybody who probes it, and is found as fast as without.
public struct Suspicion: Hashable, Sendable {
    public private(set) var start: MonotonicInstant
    /// The first accuser, then those who confirmed; at most `confirmationMax + 1`.
    public private(set) var accusers: [MemberID]
    let timeoutMin: Duration
    let timeoutMax: Duration
    let confirmationMax: Int

    /// A suspicion raised by `accuser` in a circle with `upCount` members up.
    init(
        by accuser: MemberID, at start: MonotonicInstant, upCount: Int, options: CircleOptions,
        isShrinking: Bool
    ) {
        self.start = start
        accusers = [accuser]
        timeoutMin = Logarithm.scale(
            options.probeInterval * options.suspicionMultiplier, byDecimalOf: upCount)
        // Neither the suspect nor the accuser confirms: a small circle must not wait for more
        // members than it has.
        confirmationMax = isShrinking ? max(0, min(options.confirmationCount, upCount - 2)) : 0
        timeoutMax =
            confirmationMax == 0 ? timeoutMin : timeoutMin * options.suspicionMaxMultiplier
    }

    public var confirmationCount: Int { accusers.count - 1 }

    /// How long the suspect has from `start`.
    public var timeout: Duration {
        guard confirmationMax > 0 else { return timeoutMin }
        let taken = Logarithm.scale(
            timeoutMax - timeoutMin, by: confirmationCount + 1, over: confirmationMax + 1)
        return max(timeoutMin, timeoutMax - taken)
    }

    /// When the suspect is taken for dead.
    public var deadline: MonotonicInstant { start + timeout }

    /// False when enough have suspected it.
    var isConfirmable: Bool { accusers.count <= confirmationMax }

    /// Another member suspects it too. False when that adds nothing: it has said so before, or
    /// enough have.
    mutating func confirm(by accuser: MemberID) -> Bool {
        guard isConfirmable, !accusers.contains(accuser) else { return false }
        accusers.append(accuser)
        return true
    }

    /// Time that does not count, for this member did not run.
    mutating func postpone(by duration: Duration) {
        start = start + duration
    }
}

/// When a suspicion is looked at. One that was shortened, ended or begun anew since leaves its old
/// entry behind: when that comes up, the suspicion of the time is over or it is not.
struct SuspicionTimer: Comparable, Sendable {
    let deadline: MonotonicInstant
    let member: MemberID

    static func < (left: SuspicionTimer, right: SuspicionTimer) -> Bool {
        (left.deadline, left.member) < (right.deadline, right.member)
    }
}

/// How far a member doubts itself (Lifeguard §IV-A, "local health multiplier").
///
/// Who fails to reach others, or is suspected itself, is more likely slow than surrounded by the
/// dead, and gives everybody more time.
public struct LocalHealth: Hashable, Sendable {
    /// 0 well, `GossipLimits.healthScoreMax` as ill as it gets.
    public private(set) var score = 0
    let isEnabled: Bool

    init(isEnabled: Bool) {
        self.isEnabled = isEnabled
    }

    /// A probe succeeded.
    mutating func improve() {
        score = max(0, score - 1)
    }

    /// So many signs that this member is the one who is slow.
    mutating func worsen(by count: Int) {
        guard isEnabled else { return }
        score = min(GossipLimits.healthScoreMax, score + max(0, count))
    }

    /// An interval or a timeout, stretched.
    func stretch(_ duration: Duration) -> Duration {
        duration * (score + 1)
    }
}

public import Primitives
public struct Backoff { public init(base: Duration, cap: Duration) {}
 public func delay(attempt: Int, random: UInt64) -> Duration { .zero } }
public struct CircuitBreaker: Sendable { public init() {}
 public struct Token: Sendable {}
 public enum Outcome { case success, failure, unknown }
 public enum Admission { case allowed(Token), rejected(retryAfter: Duration) }
 public struct Transition { public let to: Int }
 public func mayAdmit(now: MonotonicInstant) -> Bool { true }
 public mutating func admit(now: MonotonicInstant) -> Admission { .allowed(Token()) }
 public mutating func record(_ t: Token, _ o: Outcome, now: MonotonicInstant, random: UInt64) -> [Transition] { [] }
}

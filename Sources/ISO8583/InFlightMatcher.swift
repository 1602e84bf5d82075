public import Primitives

/// Finds for each response the request that it answers, on one link.
///
///                 register                match
///     (nothing) ───────────▶ in flight ──────────▶ answered ──memory over──▶ (nothing)
///                                │                    ▲  match: .duplicate
///                                │ expire             │
///                                ▼      match: .late  │
///                            timed out ───────────────┘
///                                └──memory over──▶ (nothing): a later answer is .unknown
///
/// The key is what a response echoes: the type that answers the request, terminal (DE 41) and STAN
/// (DE 11). Each token ends in exactly one of `match` → `.matched`, `expire`, or `withdraw`; one
/// that expired may come once more as `.late`. Until `expire` has handed a token out, its answer is
/// in time, whatever the clock says, for nobody has acted on the timeout yet.
public struct InFlightMatcher<Token: Sendable>: Sendable {
    /// What bounds the matcher.
    public struct Limits: Hashable, Sendable {
        /// Requests without an answer yet. What is above is refused, so that a slow host pushes
        /// back on us and not on our memory.
        public var inFlightCountMaximum: Int
        /// Requests in flight and timed out together: what is timed out is never forgotten early,
        /// so that no late approval is missed; registering is refused instead. As many answered
        /// requests are remembered as well, of which the oldest are forgotten first.
        public var rememberedCountMaximum: Int
        /// How long timed out and answered requests are remembered. A late answer after that is
        /// `.unknown`, which its receiver still sees.
        public var memory: Duration

        /// The defaults are about 400 requests a second of 10 s each, and 120 s of memory, which is
        /// what jPOS keeps.
        public init(
            inFlightCountMaximum: Int = 4096, rememberedCountMaximum: Int = 65_536,
            memory: Duration = .seconds(120)
        ) {
            precondition(0 < inFlightCountMaximum, "nothing may be in flight")
            precondition(inFlightCountMaximum <= rememberedCountMaximum, "less memory than flight")
            self.inFlightCountMaximum = inFlightCountMaximum
            self.rememberedCountMaximum = rememberedCountMaximum
            self.memory = memory
        }
    }

    /// What an arriving message is.
    public enum Match: Sendable {
        /// The answer to the request of this token.
        case matched(Token)
        /// The answer to a request that has timed out.
        case late(Token)
        /// An answer to a request that has its answer already.
        case duplicate(Token)
        /// No answer to anything that is remembered, or no answer at all.
        case unknown
    }

    /// Why a request was not registered. It must not be sent.
    public enum Refusal: Error, Hashable, Sendable {
        /// Nothing answers a message of this type.
        case notARequest(MessageType)
        /// DE 11 is missing or not six digits, or DE 41 is longer than eight bytes.
        case noKey
        /// A request with the same key is in flight.
        case keyInFlight
        /// One of the limits is reached.
        case full
    }

    private enum State: Sendable {
        case inFlight
        case timedOut(until: MonotonicInstant)
        case answered(until: MonotonicInstant)
    }

    private struct Entry: Sendable {
        let token: Token
        let sequence: UInt64
        var state: State
    }

    public let limits: Limits
    private let pairing: ResponsePairing
    private var entries: [ExchangeKey: Entry] = [:]
    /// One live item for each entry, and stale ones whose sequence no entry has.
    private var deadlines = DeadlineHeap()
    /// The answered requests in a ring, the oldest at `answeredNext` once it is full.
    private var answered: [DeadlineHeap.Mark] = []
    private var answeredNext = 0
    private var nextSequence: UInt64 = 0
    /// Requests without an answer yet.
    public private(set) var inFlightCount = 0
    /// Requests that timed out and whose answer may still come.
    public private(set) var timedOutCount = 0

    public init(limits: Limits = Limits(), pairing: ResponsePairing = .standard) {
        self.limits = limits
        self.pairing = pairing
    }

    /// When `expire` has something to do next, or earlier; nil when it never has.
    public var nextInstant: MonotonicInstant? { deadlines.first?.instant }

    /// Remembers a request, before it is sent. A key that timed out or was answered may be used
    /// again, as a repeated advice does: from then on an answer is the new token's.
    public mutating func register(
        _ request: Message, token: Token, deadline: MonotonicInstant
    ) throws(Refusal) {
        guard let responseType = pairing.response(to: request.type) else {
            throw .notARequest(request.type)
        }
        guard let key = ExchangeKey(responseType, request) else { throw .noKey }
        let previous = entries[key]?.state
        var timedOutAfter = timedOutCount
        switch previous {
        case .inFlight: throw .keyInFlight
        case .timedOut: timedOutAfter -= 1
        case .answered, nil: break
        }
        guard inFlightCount < limits.inFlightCountMaximum,
            inFlightCount + timedOutAfter < limits.rememberedCountMaximum
        else { throw .full }
        timedOutCount = timedOutAfter
        inFlightCount += 1
        entries[key] = Entry(token: token, sequence: nextSequence, state: .inFlight)
        schedule(key, nextSequence, at: deadline)
        nextSequence += 1
    }

    /// Finds the request that `response` answers.
    public mutating func match(_ response: Message, now: MonotonicInstant) -> Match {
        guard let key = ExchangeKey(response.type, response), let entry = entries[key] else {
            return .unknown
        }
        switch entry.state {
        case .inFlight:
            inFlightCount -= 1
            markAnswered(key, entry, now)
            return .matched(entry.token)
        case .timedOut(let until):
            guard now < until else { return .unknown }
            timedOutCount -= 1
            markAnswered(key, entry, now)
            return .late(entry.token)
        case .answered(let until):
            return now < until ? .duplicate(entry.token) : .unknown
        }
    }

    /// The tokens of requests whose deadline is at or before `now`, by deadline; forgets what was
    /// remembered long enough.
    public mutating func expire(now: MonotonicInstant) -> [Token] {
        var expired: [Token] = []
        while let item = deadlines.pop(through: now) {
            guard let entry = entries[item.mark.key], entry.sequence == item.mark.sequence else {
                continue
            }
            switch entry.state {
            case .inFlight:
                let until = markTimedOut(item.mark.key, now)
                schedule(item.mark.key, item.mark.sequence, at: until)
                expired.append(entry.token)
            case .timedOut(let until):
                if until > now {
                    schedule(item.mark.key, item.mark.sequence, at: until)
                } else {
                    timedOutCount -= 1
                    entries[item.mark.key] = nil
                }
            case .answered(let until):
                if until > now {
                    schedule(item.mark.key, item.mark.sequence, at: until)
                } else {
                    entries[item.mark.key] = nil
                }
            }
        }
        return expired
    }

    /// The tokens of all requests in flight, in the order of their registration, as if their
    /// deadline had come: the link is lost, and whether they arrived is unknown. Their answers may
    /// still come, as `.late`, over the next connection.
    public mutating func expireAll(now: MonotonicInstant) -> [Token] {
        var open: [(key: ExchangeKey, entry: Entry)] = []
        for (key, entry) in entries {
            if case .inFlight = entry.state { open.append((key, entry)) }
        }
        open.sort { $0.entry.sequence < $1.entry.sequence }
        for (key, _) in open { markTimedOut(key, now) }
        return open.map(\.entry.token)
    }

    /// Forgets a request that was registered and of which provably no byte was sent. Nil when it is
    /// not in flight.
    public mutating func withdraw(_ request: Message) -> Token? {
        guard let responseType = pairing.response(to: request.type),
            let key = ExchangeKey(responseType, request), let entry = entries[key],
            case .inFlight = entry.state
        else { return nil }
        inFlightCount -= 1
        entries[key] = nil
        return entry.token
    }

    /// Leaves the entry's item as it is: one that comes early is put back at the right instant.
    @discardableResult
    private mutating func markTimedOut(_ key: ExchangeKey, _ now: MonotonicInstant)
        -> MonotonicInstant
    {
        let until = now + limits.memory
        entries[key]?.state = .timedOut(until: until)
        inFlightCount -= 1
        timedOutCount += 1
        return until
    }

    private mutating func markAnswered(_ key: ExchangeKey, _ entry: Entry, _ now: MonotonicInstant)
    {
        var entry = entry
        entry.state = .answered(until: now + limits.memory)
        entries[key] = entry
        let mark = DeadlineHeap.Mark(key: key, sequence: entry.sequence)
        guard answered.count == limits.rememberedCountMaximum else {
            answered.append(mark)
            return
        }
        let oldest = answered[answeredNext]
        if entries[oldest.key]?.sequence == oldest.sequence { entries[oldest.key] = nil }
        answered[answeredNext] = mark
        answeredNext = (answeredNext + 1) % answered.count
    }

    /// Adds an item, and drops the stale ones when they are most of the heap, so that the heap
    /// stays in proportion to the entries.
    private mutating func schedule(
        _ key: ExchangeKey, _ sequence: UInt64, at instant: MonotonicInstant
    ) {
        let mark = DeadlineHeap.Mark(key: key, sequence: sequence)
        deadlines.push(DeadlineHeap.Item(instant: instant, mark: mark))
        guard deadlines.count > 2 * entries.count + 64 else { return }
        deadlines.keep { entries[$0.mark.key]?.sequence == $0.mark.sequence }
    }
}

import Liveness
import Primitives
import Testing

@Suite("How long support is asked for")
struct DurationTests {
    private static let interval = Sample.options.heartbeatInterval

    /// The next round of `node`, and what it asks for.
    private func nextRound(
        of node: inout Liveness, at now: MonotonicInstant
    ) -> (number: UInt64, duration: Duration)? {
        var directives: [Liveness.Directive] = []
        node.onTick(now: now, &directives)
        for case .persist(let token, _) in directives {
            node.onPersisted(token: token, now: now, &directives)
        }
        for case .send(let message) in directives {
            if case .heartbeat(_, let round, let nanoseconds) = message.body {
                return (round, .nanoseconds(nanoseconds))
            }
        }
        return nil
    }

    private func until(_ node: Liveness) -> MonotonicInstant? {
        node.table.received(from: MemberID(2))?.until
    }

    @Test("another wish counts from the next round on, and an older round's answer as it was asked")
    func changes() throws {
        var node = Sample.supportedNode()
        let first = try #require(until(node))
        node.setSupportDuration(Self.interval)
        #expect(until(node) == first)

        // The answer to a short wish takes nothing of what was promised before.
        let later = Sample.now + Self.interval
        let short = try #require(nextRound(of: &node, at: later))
        #expect(short.duration == Self.interval)
        var directives: [Liveness.Directive] = []
        let reply = LivenessMessage.Body.reply(
            .supported(1), round: short.number, life: 1, time: later)
        _ = node.onMessage(Sample.message(reply), now: later, &directives)
        #expect(until(node) == first)

        // A long wish makes no more of the answer to the short one.
        node.setSupportDuration(Sample.options.supportDuration)
        _ = node.onMessage(Sample.message(reply), now: later, &directives)
        #expect(until(node) == first)
        let last = later + Self.interval
        let long = try #require(nextRound(of: &node, at: last))
        #expect(long.duration == Sample.options.supportDuration)
        let answer = LivenessMessage.Body.reply(
            .supported(1), round: long.number, life: 1, time: last)
        _ = node.onMessage(Sample.message(answer), now: last, &directives)
        #expect(try #require(until(node)) - first == Self.interval * 2)
    }

    @Test("an interval that is named with the wish counts from the next round on")
    func interval() throws {
        var node = Sample.supportedNode()
        node.setSupportDuration(
            Sample.options.supportDuration, askedEvery: Self.interval + Self.interval)
        // The round under way was begun with the interval before.
        let later = Sample.now + Self.interval
        _ = try #require(nextRound(of: &node, at: later))
        #expect(nextRound(of: &node, at: later + Self.interval) == nil)
        #expect(nextRound(of: &node, at: later + Self.interval + Self.interval) != nil)
    }
}

import Liveness
import Primitives
import Testing

/// What no correct peer sends is refused with its reason, and changes nothing.
@Suite struct HostileTests {
    private static let hostile: [(LivenessMessage, Liveness.RefusalReason)] = {
        let epochMax = Liveness.epochMax
        let heartbeats: [(SupportEpoch, Int64, Liveness.RefusalReason)] = [
            (0, 1, .epochOutOfRange), (epochMax, 1, .epochOutOfRange),
            (.max, 1, .epochOutOfRange), (1, 0, .durationOutOfRange),
            (1, -1, .durationOutOfRange), (1, .min, .durationOutOfRange),
            (1, .max, .durationOutOfRange), (1, 60_000_000_001, .durationOutOfRange),
        ]
        let replies: [(LivenessMessage.Answer, UInt64, SupportEpoch, Liveness.RefusalReason)] = [
            (.supported(0), 1, 1, .epochOutOfRange),
            (.supported(2), 1, 1, .epochNeverAsked),
            (.supported(.max), 1, 1, .epochNeverAsked),
            (.supported(1), 0, 1, .roundNeverSent),
            (.supported(1), 1000, 1, .roundNeverSent),
            (.supported(1), .max, 1, .roundNeverSent),
            (.supported(1), Sample.round, 0, .epochOutOfRange),
            (.supported(1), Sample.round, .max, .epochOutOfRange),
            (.outdated(0), Sample.round, 1, .epochOutOfRange),
            (.outdated(epochMax), Sample.round, 1, .epochOutOfRange),
            (.outdated(.max), Sample.round, 1, .epochOutOfRange),
            // Too far at once for any number of restarts.
            (.outdated(1 << 40), Sample.round, 1, .epochOutOfRange),
            (.outdated(3), 0, 1, .roundNeverSent),
            (.outdated(3), Sample.round, 0, .epochOutOfRange),
        ]
        let good = LivenessMessage.Body.heartbeat(epoch: 1, round: 9, durationNanoseconds: 1)
        return [
            (Sample.message(good, cluster: ClusterID(8)), .otherCluster),
            (Sample.message(good, to: 3), .otherRecipient),
            (Sample.message(good, from: 1), .ownSender),
            (Sample.message(good, from: 9), .unknownSender),
            (Sample.message(good, from: .max), .unknownSender),
        ]
            + heartbeats.map { epoch, duration, reason in
                let body = LivenessMessage.Body.heartbeat(
                    epoch: epoch, round: 9, durationNanoseconds: duration)
                return (Sample.message(body), reason)
            }
            + replies.map { answer, round, life, reason in
                let body = LivenessMessage.Body.reply(
                    answer, round: round, life: life, time: Sample.now)
                return (Sample.message(body), reason)
            }
    }()

    @Test("A hostile message is refused with its reason, and changes nothing")
    func refused() {
        let node = Sample.supportedNode()
        for (message, reason) in Self.hostile {
            var touched = node
            var directives: [Liveness.Directive] = []
            let reception = touched.onMessage(message, now: Sample.now, &directives)
            #expect(reception == .refused(reason), "\(message)")
            #expect(touched == node, "\(message)")
            #expect(directives == [], "\(message)")
            #expect(touched.receptionCounts[.refused(reason)] == 1)
        }
        let reasons = Set(Self.hostile.map(\.1))
        #expect(reasons == Set(Liveness.RefusalReason.allCases), "each reason is met")
    }

    @Test("What a network delays or duplicates is ignored with its reason, and changes nothing")
    func ignored() {
        let node = Sample.supportedNode()
        let held = LivenessMessage.Body.reply(
            .supported(1), round: Sample.round, life: 1, time: Sample.now)
        let restarted = Sample.restarted(node)
        let cases: [(Liveness, LivenessMessage.Body, Liveness.IgnoreReason)] = [
            (node, held, .nothingNew),
            (Sample.unstarted(), held, .notStarted),
            // Of an earlier life, whose rounds this one has not reached.
            (restarted, held, .staleEpoch),
            (
                restarted,
                .reply(.outdated(2), round: 1000, life: 1, time: Sample.now), .staleEpoch
            ),
            // Of an earlier life that knew less than its peer.
            (
                restarted,
                .reply(.outdated(7), round: 1000, life: 1, time: Sample.now), .roundTooOld
            ),
            // Of an earlier life, to a round whose number this one has used again.
            (
                restarted,
                .reply(.outdated(2), round: 1, life: 1, time: Sample.now), .staleEpoch
            ),
        ]
        for (node, body, reason) in cases {
            var touched = node
            var directives: [Liveness.Directive] = []
            let reception = touched.onMessage(Sample.message(body), now: Sample.now, &directives)
            #expect(reception == .ignored(reason), "\(body)")
            #expect(touched == node, "\(body)")
            #expect(directives == [], "\(body)")
        }
    }

    @Test("A refused answer measures no clock")
    func clock() {
        var node = Sample.supportedNode()
        var directives: [Liveness.Directive] = []
        // Late enough for a second answer to settle the rate.
        let now = Sample.now + .seconds(11)
        node.onTick(now: now, &directives)
        node.onPersisted(token: 3, now: now, &directives)
        directives = []
        let reply = LivenessMessage.Body.reply(.outdated(1 << 40), round: 2, life: 1, time: now)
        var touched = node
        let reception = touched.onMessage(Sample.message(reply), now: now, &directives)
        #expect(reception == .refused(.epochOutOfRange))
        #expect(touched == node)
        #expect(directives == [])
    }

    @Test("An answer to an earlier life measures no clock")
    func earlierLife() {
        var node = Sample.restarted(Sample.supportedNode())
        let before = node
        var directives: [Liveness.Directive] = []
        // Epoch 2 is this life's own: what speaks of it as the next one is from before.
        let reply = LivenessMessage.Body.reply(.outdated(2), round: 1, life: 1, time: Sample.now)
        let reception = node.onMessage(Sample.message(reply), now: Sample.now, &directives)
        #expect(reception == .ignored(.staleEpoch))
        #expect(node == before)
    }

    @Test("A crowd of peers is refused, and changes nothing")
    func crowd() {
        var node = Sample.supportedNode()
        let before = node
        var directives: [Liveness.Directive] = []
        let members = (UInt64(2)...300).map { MemberID($0) }
        #expect(throws: Liveness.PeersRefusal.tooManyPeers) {
            try node.setPeers(members, now: Sample.now, &directives)
        }
        #expect(node == before)
        #expect(directives == [])
    }
}

import Gossip
import Primitives
import Testing

/// Single instances, by transcript.
@Suite struct InstanceTests {
    @Test("a suspicion starts at its longest and shrinks with the logarithm of confirmations")
    func suspicionTiming() throws {
        var instance = Sample.acquainted(100)
        var timeouts: [Int64] = []
        for accuser in UInt64(3)...8 {
            let claim = Sample.claim(2, .suspect(by: MemberID(accuser)))
            _ = instance.take(from: accuser, [Update(claim: claim)])
            guard case .suspect(let suspicion) = instance.state(2) else {
                Issue.record("not suspect")
                return
            }
            timeouts.append(suspicion.timeout.wholeMilliseconds)
        }
        // 4 · log10(100) · 1 s = 8 s at the least, six times that at the most, and log4 between.
        #expect(timeouts.map { ($0 + 50) / 100 } == [480, 280, 163, 80, 80, 80])
    }

    @Test("the same accuser twice confirms nothing, and neither does a table")
    func independence() {
        var instance = Sample.acquainted(10)
        let claim = Update(claim: Sample.claim(2, .suspect(by: MemberID(3))))
        for _ in 0..<4 { _ = instance.take(from: 3, [claim]) }
        let entry = DigestEntry(
            member: MemberID(2), incarnation: 10, rank: 2, profileVersion: 10)
        let page = DigestPage(lower: MemberID(2), upper: MemberID(2), entries: [entry])
        _ = instance.take(.digest(page), from: 4, [Sample.update(4)])
        guard case .suspect(let suspicion) = instance.state(2) else {
            Issue.record("not suspect")
            return
        }
        #expect(suspicion.accusers == [MemberID(3)])
    }

    @Test("two members cannot wait for a third to confirm")
    func smallCircle() {
        var instance = Sample.acquainted(2)
        _ = instance.take(from: 2, [])
        let directives = instance.run(to: .at(.seconds(8)))
        #expect(directives.contains(.event(.memberSuspect(MemberID(2), by: MemberID(1)))))
        #expect(directives.contains(.event(.memberDead(MemberID(2)))))
    }

    @Test("health worsens with failed probes, improves with answers, and stretches time")
    func localHealth() {
        var options = GossipOptions()
        // Only the pings of probes are to be seen.
        options.reconnectInterval = .seconds(3_600)
        var instance = Sample.acquainted(5, options: options)
        _ = instance.run(to: .at(.seconds(40)))
        #expect(instance.health.score == GossipLimits.healthScoreMax)
        let alive = (2...5).map { Sample.update($0, incarnation: 11) }
        _ = instance.take(from: 2, alive, at: .at(.seconds(40)))
        var last: (at: MonotonicInstant, score: Int)?
        while instance.health.score > 0, let now = instance.nextDeadline {
            var directives: [GossipInstance.Directive] = []
            instance.onTick(now: now, &directives)
            for case .send(let message, let destination) in directives {
                guard case .ping(let sequence) = message.body, let peer = destination.member
                else { continue }
                if let last { #expect(now - last.at == .seconds(last.score + 1)) }
                last = (now, instance.health.score)
                _ = instance.take(
                    .acknowledgement(sequence: sequence), from: peer.rawValue, at: now)
            }
        }
        #expect(last?.score == 1)
    }

    @Test("a late tick does not judge, and says so to itself")
    func lag() {
        var instance = Sample.acquainted(10)
        var directives: [GossipInstance.Directive] = []
        // One ping is out, then the loop stands still for a minute.
        while !directives.contains(where: { if case .send = $0 { true } else { false } }) {
            instance.onTick(now: instance.nextDeadline!, &directives)
        }
        directives = []
        instance.onTick(now: .at(.seconds(60)), &directives)
        #expect(!directives.contains { if case .event = $0 { true } else { false } })
        #expect(instance.health.score == GossipLimits.healthScoreMax)
    }

    @Test("a suspicion that is confirmed late is over at once, which is no delay of the loop")
    func lateConfirmation() {
        var instance = Sample.acquainted(100)
        var directives = instance.take(
            from: 3, [Update(claim: Sample.claim(2, .suspect(by: MemberID(3))))])
        // Its pings are answered, so that only the suspicion is of interest.
        func run(until end: MonotonicInstant) {
            while let due = instance.nextDeadline, due <= end {
                directives = []
                instance.onTick(now: due, &directives)
                for case .send(let message, let destination) in directives {
                    guard case .ping(let sequence) = message.body, let peer = destination.member
                    else { continue }
                    _ = instance.take(
                        .acknowledgement(sequence: sequence), from: peer.rawValue, at: due)
                }
            }
        }
        run(until: .at(.seconds(20)))
        // Of 48 s at the most three confirmations leave 8 s, which were over 12 s ago.
        for accuser in UInt64(4)...6 {
            let claim = Sample.claim(2, .suspect(by: MemberID(accuser)))
            _ = instance.take(from: accuser, [Update(claim: claim)], at: .at(.seconds(20)))
        }
        #expect(instance.nextDeadline == .at(.seconds(20)))
        instance.onTick(now: .at(.seconds(20)), &directives)
        #expect(instance.state(2) == .dead(since: .at(.seconds(20))))
        #expect(instance.health.score == 0)
    }

    @Test("a refutation is one above the accusation, and above an earlier boot")
    func refutation() {
        var instance = Sample.acquainted(4)
        _ = instance.take(from: 2, [Update(claim: Sample.claim(1, .suspect(by: MemberID(2))))])
        #expect(instance.incarnation == 11)
        // What is already refuted is not refuted again.
        _ = instance.take(from: 3, [Update(claim: Sample.claim(1, .dead, incarnation: 10))])
        #expect(instance.incarnation == 11)
        _ = instance.take(from: 3, [Update(claim: Sample.claim(1, .left, incarnation: 500))])
        #expect(instance.incarnation == 501)
        _ = instance.take(from: 3, [Update(claim: Sample.claim(1, .alive, incarnation: 600))])
        #expect(instance.incarnation == 601)
        #expect(instance.state(1) == .alive)
    }

    @Test("an accusation at the bound of incarnations is counted, not refuted past it")
    func exhaustion() {
        var instance = Sample.acquainted(4)
        let limit = GossipLimits.incarnationMax
        _ = instance.take(from: 2, [Update(claim: Sample.claim(1, .dead, incarnation: limit))])
        #expect(instance.incarnation == 10)
        #expect(instance.receptions[ClaimDisregard.incarnationExhausted] == 1)
        _ = instance.take(from: 2, [Update(claim: Sample.claim(1, .dead, incarnation: limit - 1))])
        #expect(instance.incarnation == limit)
    }

    @Test("an answer to an accusation carries the refutation, however old the accusation")
    func answerToAccuser() {
        var instance = Sample.acquainted(4)
        _ = instance.take(from: 3, [Update(claim: Sample.claim(1, .dead, incarnation: 30))])
        _ = instance.run(to: .at(.seconds(20)))
        let directives = instance.take(
            .ping(sequence: 1), from: 2, [Update(claim: Sample.claim(1, .dead))],
            at: .at(.seconds(20)))
        guard case .send(let answer, _)? = directives.first else {
            Issue.record("no answer")
            return
        }
        #expect(answer.updates.first?.claim == Sample.claim(1, .alive, incarnation: 31))
    }

    @Test("a forgotten member does not come back by old news, until its tombstone is gone")
    func tombstones() {
        var instance = Sample.acquainted(4)
        instance.forget(MemberID(2), now: Sample.start)
        #expect(instance.member(MemberID(2)) == nil)
        _ = instance.take(from: 3, [Sample.update(2, incarnation: 99)])
        #expect(instance.member(MemberID(2)) == nil)
        #expect(instance.receptions[ClaimDisregard.forgottenSubject] == 1)
        #expect(instance.take(Sample.message(from: 2)) == .ignored(.forgottenSender))
        let later = MonotonicInstant.at(.seconds(4 * 3600 + 1))
        _ = instance.take(from: 3, [Sample.update(2, incarnation: 99)], at: later)
        #expect(instance.member(MemberID(2)) != nil)
    }

    @Test("no more than so many tombstones and members are kept")
    func limits() {
        var instance = Sample.acquainted(4)
        var directives: [GossipInstance.Directive] = []
        let crowd = (2...UInt64(GossipLimits.memberCountMax + 10)).map { Sample.update($0) }
        instance.introduce(crowd, now: Sample.start, &directives)
        #expect(instance.memberCount == GossipLimits.memberCountMax)
        #expect(instance.receptions[ClaimDisregard.tableFull] == 10)
        for id in 2...UInt64(GossipLimits.tombstoneCountMax + 2) {
            instance.forget(MemberID(id), now: Sample.start)
        }
        #expect(instance.memberCount == GossipLimits.memberCountMax - 1_025)
        // The oldest tombstone made way.
        #expect(instance.take(Sample.message(from: 2)) == .ignored(.unknownSender))
        #expect(instance.take(Sample.message(from: 3)) == .ignored(.forgottenSender))
    }

    @Test("a member in whose place somebody is asked is helped up to a bound")
    func relayLimit() {
        var instance = Sample.acquainted(4)
        let request = Sample.message(from: 2, .pingRequest(sequence: 1, target: MemberID(3)))
        for _ in 0..<GossipLimits.relayCountMax { #expect(instance.take(request) == .taken) }
        #expect(instance.take(request) == .ignored(.tooManyRelays))
        _ = instance.run(to: .at(.seconds(3)))
        #expect(instance.take(request, at: .at(.seconds(3))) == .taken)
    }

    @Test("exchanges are answered up to a bound, and again a second later")
    func exchangeLimit() {
        var instance = Sample.acquainted(4)
        let page = DigestPage(lower: MemberID(0), upper: MemberID(.max), entries: [])
        let digest = Sample.message(from: 2, .digest(page), [Sample.update(2)])
        for _ in 0..<GossipLimits.exchangeAnswerCountMax {
            #expect(instance.take(digest) == .taken)
        }
        #expect(instance.take(digest) == .ignored(.tooManyExchanges))
        #expect(instance.take(digest, at: .at(.seconds(1))) == .taken)
    }

    @Test("who may not speak is not heard")
    func senders() {
        var instance = Sample.acquainted(4)
        var directives: [GossipInstance.Directive] = []
        let forged = instance.onMessage(
            Sample.message(from: 2), from: MemberID(3), now: Sample.start, &directives)
        #expect(forged == .refused(.forgedSender))
        #expect(instance.take(Sample.message(from: 1)) == .refused(.ownIdentity))
        #expect(instance.take(Sample.message(from: 9)) == .ignored(.unknownSender))
        #expect(instance.take(Sample.message(from: 2, to: 7)) == .ignored(.notForMe))
        #expect(
            instance.take(Sample.message(from: 2, .acknowledgement(sequence: 5)))
                == .ignored(.unexpectedAnswer))
        // Who introduces itself is heard.
        #expect(instance.take(Sample.message(from: 9, .gossip, [Sample.update(9)])) == .taken)
        #expect(directives.isEmpty)
        #expect(instance.receptions[Disregard.unknownSender] == 1)
        #expect(instance.receptions[Refusal.forgedSender] == 1)
    }

    @Test("of a member's profile the newest version wins, whatever its standing")
    func profiles() {
        var instance = Sample.acquainted(4)
        _ = instance.take(from: 3, [Update(claim: Sample.claim(2, .suspect(by: MemberID(3))))])
        let newer = Update(
            claim: Sample.claim(2, .alive), profile: Sample.profile("n2", version: 11, load: 9))
        let directives = instance.take(from: 4, [newer])
        #expect(directives == [.event(.memberUpdated(MemberID(2)))])
        #expect(instance.member(MemberID(2))?.profile.metadata.load == 9)
        guard case .suspect = instance.state(2) else {
            Issue.record("new metadata cleared a suspicion")
            return
        }
        let older = Update(
            claim: Sample.claim(2, .alive), profile: Sample.profile("n2", version: 10, load: 5))
        #expect(instance.take(from: 4, [older]).isEmpty)
    }

    @Test("claims in any order end the same")
    func order() {
        let claims = [
            Sample.claim(2, .alive, incarnation: 12), Sample.claim(2, .dead, incarnation: 11),
            Sample.claim(2, .suspect(by: MemberID(3)), incarnation: 12),
            Sample.claim(2, .left, incarnation: 10), Sample.claim(2, .dead, incarnation: 12),
        ]
        var random = SeededRandom(seed: 5)
        for _ in 0..<60 {
            var instance = Sample.acquainted(4)
            for claim in claims.shuffled(using: &random) {
                _ = instance.take(from: 3, [Update(claim: claim)])
            }
            #expect(instance.member(MemberID(2))?.incarnation == 12)
            #expect(instance.state(2) == .dead(since: Sample.start))
        }
    }

    @Test("a cluster speaks the version that all members that are up can speak")
    func protocolVersion() {
        var instance = Sample.acquainted(3)
        #expect(instance.commonProtocolVersion == 1)
        var directives: [GossipInstance.Directive] = []
        instance.onMetadata(
            Metadata(region: "north", zone: "z1", protocolVersion: 4), now: Sample.start)
        instance.leave(now: Sample.start, &directives)
        instance.forget(MemberID(2), now: Sample.start)
        instance.forget(MemberID(3), now: Sample.start)
        #expect(instance.commonProtocolVersion == 4)
    }

    @Test("news is sent a limited number of times, the freshest first, and then no more")
    func retransmissions() {
        var instance = Sample.acquainted(9)
        _ = instance.take(from: 2, [Update(claim: Sample.claim(3, .dead))])
        #expect(instance.newsCount(.region) == 1)
        var count = 0
        var rounds = 0
        while instance.newsCount(.region) > 0, let due = instance.nextDeadline {
            var directives: [GossipInstance.Directive] = []
            instance.onTick(now: due, &directives)
            for case .send(let message, let to) in directives where to.member != MemberID(3) {
                count += message.updates.count { $0.claim.subject == MemberID(3) }
            }
            rounds += 1
            guard rounds < 100 else { break }
        }
        // λ · log10(8 up + 1), rounded up.
        #expect(count == 4)
        #expect(instance.newsCount(.region) == 0)
    }

    @Test("whoever takes a forgotten member's place in the table keeps its news")
    func movedNews() {
        var instance = Sample.acquainted(9)
        _ = instance.take(
            from: 3,
            [
                Update(claim: Sample.claim(9, .suspect(by: MemberID(3)))),
                Update(claim: Sample.claim(2, .suspect(by: MemberID(3)))),
            ])
        #expect(instance.newsCount(.region) == 2)
        instance.forget(MemberID(2), now: Sample.start)
        #expect(instance.newsCount(.region) == 1)
        var subjects: Set<MemberID> = []
        for case .send(let message, _) in instance.run(to: .at(.milliseconds(900))) {
            for update in message.updates { subjects.insert(update.claim.subject) }
        }
        #expect(subjects.contains(MemberID(9)))
        #expect(!subjects.contains(MemberID(2)))
    }

    @Test("members are found whatever their ids, and those that were forgotten are not")
    func lookups() {
        // In a row, far apart, and the same in all but the highest bits.
        let ids =
            (2..<400).map { UInt64($0) } + (1..<400).map { UInt64($0) << 32 | 7 }
            + (1..<400).map { UInt64($0) << 54 }
        var instance = Sample.instance()
        var directives: [GossipInstance.Directive] = []
        instance.introduce(ids.map { Sample.update($0) }, now: Sample.start, &directives)
        #expect(instance.memberCount == ids.count + 1)
        for id in ids where id % 3 == 0 { instance.forget(MemberID(id), now: Sample.start) }
        for id in ids {
            #expect(instance.member(MemberID(id))?.id == (id % 3 == 0 ? nil : MemberID(id)))
        }
        #expect(instance.member(MemberID(500_000)) == nil)
        #expect(instance.myself.id == MemberID(1))
    }
}

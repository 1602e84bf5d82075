import Primitives

// The failure detector (SWIM §3, §4.3): each member, in turn, is pinged; directly, then through
// helpers and over a new connection; who stays silent is suspected.

extension GossipInstance {
    mutating func onProbeDue(
        _ scope: Scope, now: MonotonicInstant, _ directives: inout [Directive]
    ) {
        switch circles[scope.rawValue].probe {
        case .idle: break
        case .direct(let target) where target.until <= now,
            .indirect(let target, _, _) where target.until <= now:
            failProbe(scope, now: now, &directives)
        case .direct(let target) where target.directUntil <= now:
            askHelpers(scope, target, now: now, &directives)
        case .direct, .indirect: break
        }
        guard circles[scope.rawValue].probeAt <= now else { return }
        if case .leaving = phase {
            circles[scope.rawValue].probeAt = now + options.circle(scope).probeInterval
            return
        }
        beginProbe(scope, now: now, &directives)
    }

    private mutating func beginProbe(
        _ scope: Scope, now: MonotonicInstant, _ directives: inout [Directive]
    ) {
        let timing = options.circle(scope)
        let until = now + health.stretch(timing.probeInterval)
        circles[scope.rawValue].probeAt = until
        guard let member = nextToProbe(scope) else { return }
        let target = Circle.ProbeTarget(
            member: member, sequence: sequence(),
            directUntil: now + health.stretch(timing.probeTimeout), until: until)
        circles[scope.rawValue].probe = .direct(target)
        // A ping introduces its sender, so that nobody is suspected for being unknown.
        let isDoubted = !isAlive(member)
        let first = isDoubted && options.lifeguard.hasBuddyNotice ? [id, member] : [id]
        send(.ping(sequence: target.sequence), to: member, first: first, now: now, &directives)
    }

    /// The next member that is up: in the rest of this round, or else in the whole of the next.
    private mutating func nextToProbe(_ scope: Scope) -> MemberID? {
        let index = scope.rawValue
        for _ in 0...(2 * circles[index].order.count) {
            guard let candidate = circles[index].next() else {
                circles[index].beginRound(using: &random)
                continue
            }
            if let place = place(of: candidate), members[place].isUp { return candidate }
        }
        return nil
    }

    private mutating func askHelpers(
        _ scope: Scope, _ target: Circle.ProbeTarget, now: MonotonicInstant,
        _ directives: inout [Directive]
    ) {
        let helpers = chooseMembers(scope, options.circle(scope).helperCount) {
            $0.isUp && $0.id != target.member
        }
        circles[scope.rawValue].probe = .indirect(target, helpers: helpers, negativeCount: 0)
        for helper in helpers {
            send(
                .pingRequest(sequence: target.sequence, target: target.member), to: helper,
                first: [id], now: now, &directives)
        }
        guard let destination = member(target.member)?.destination else { return }
        directives.append(
            .openTransportProbe(
                TransportProbe(member: target.member, sequence: target.sequence),
                to: destination))
    }

    /// Nobody reached it. If the helpers all answered, it is the target that is silent; if they did
    /// not, this member may be the one that is cut off (Lifeguard §IV-A).
    private mutating func failProbe(
        _ scope: Scope, now: MonotonicInstant, _ directives: inout [Directive]
    ) {
        let probe = circles[scope.rawValue].probe
        circles[scope.rawValue].probe = .idle
        let member: MemberID
        switch probe {
        case .idle: return
        case .direct(let target):
            member = target.member
            health.worsen(by: 1)
        case .indirect(let target, let helpers, let negativeCount):
            member = target.member
            let hasWitnesses = options.lifeguard.hasNegativeAnswers && !helpers.isEmpty
            health.worsen(by: hasWitnesses ? helpers.count - negativeCount : 1)
        }
        accuse(member, now: now, &directives)
    }

    mutating func onAcknowledgement(
        _ sequence: UInt64, from peer: MemberID, now: MonotonicInstant,
        _ directives: inout [Directive]
    ) -> Reception {
        for index in circles.indices {
            switch circles[index].probe {
            case .direct(let target)
            where target.sequence == sequence && target.member == peer:
                break
            case .indirect(let target, let helpers, _)
            where target.sequence == sequence
                && (target.member == peer || helpers.contains(peer)):
                break
            case .idle, .direct, .indirect: continue
            }
            circles[index].probe = .idle
            health.improve()
            return .taken
        }
        if let scope = reconnectSequences.firstIndex(of: sequence) {
            reconnectSequences[scope] = nil
            return .taken
        }
        guard let index = relays.firstIndex(where: { $0.sequence == sequence && $0.target == peer })
        else { return .ignored(.unexpectedAnswer) }
        let relay = relays.remove(at: index)
        send(
            .acknowledgement(sequence: relay.requestSequence), to: relay.requester, now: now,
            &directives)
        return .taken
    }

    /// What the shell's own connection found. Reaching it ends the probe without a suspicion, and
    /// without praise: something between the two does not work.
    public mutating func onTransportProbe(_ probe: TransportProbe, isReachable: Bool) {
        guard isReachable else { return }
        for index in circles.indices {
            if case .indirect(let target, _, _) = circles[index].probe,
                target.sequence == probe.sequence, target.member == probe.member
            {
                circles[index].probe = .idle
            }
        }
    }
}

// Helping others.

extension GossipInstance {
    mutating func onPingRequest(
        _ sequence: UInt64, _ target: MemberID, from peer: MemberID, now: MonotonicInstant,
        _ directives: inout [Directive]
    ) -> Reception {
        if target == id {
            // Asked about itself: it is there.
            send(.acknowledgement(sequence: sequence), to: peer, now: now, &directives)
            return .taken
        }
        guard place(of: target) != nil else {
            // It is this member that knows too little, and the asker is well connected.
            if options.lifeguard.hasNegativeAnswers {
                send(.negativeAcknowledgement(sequence: sequence), to: peer, now: now, &directives)
            }
            return .taken
        }
        guard relays.count < GossipLimits.relayCountMax else { return .ignored(.tooManyRelays) }
        let isOfRegion = member(peer)?.profile.metadata.region == myself.profile.metadata.region
        let timing = options.circle(isOfRegion ? .region : .bridges)
        let relay = Relay(
            sequence: self.sequence(), target: target, requester: peer, requestSequence: sequence,
            // Four fifths of the timeout: in time to be heard (Lifeguard §IV-A).
            state: .waiting(negativeAt: now + timing.probeTimeout * 4 / 5),
            // A doubtful asker waits longer than the interval.
            expires: now + timing.probeInterval * 2)
        relays.append(relay)
        send(.ping(sequence: relay.sequence), to: target, first: [id], now: now, &directives)
        return .taken
    }

    mutating func onRelaysDue(now: MonotonicInstant, _ directives: inout [Directive]) {
        guard !relays.isEmpty else { return }
        for index in relays.indices {
            switch relays[index].state {
            case .waiting(let negativeAt) where negativeAt <= now:
                relays[index].state = .negative
                guard options.lifeguard.hasNegativeAnswers else { break }
                send(
                    .negativeAcknowledgement(sequence: relays[index].requestSequence),
                    to: relays[index].requester, now: now, &directives)
            case .waiting, .negative: break
            }
        }
        relays.removeAll { $0.expires <= now }
    }

    mutating func onNegativeAcknowledgement(
        _ sequence: UInt64, from peer: MemberID
    ) -> Reception {
        for index in circles.indices {
            guard case .indirect(let target, var helpers, let count) = circles[index].probe,
                target.sequence == sequence,
                let place = helpers.firstIndex(of: peer), place >= count
            else { continue }
            // Those who answered stand in front, so that nobody is counted twice.
            helpers.swapAt(place, count)
            circles[index].probe = .indirect(target, helpers: helpers, negativeCount: count + 1)
            return .taken
        }
        return .ignored(.unexpectedAnswer)
    }
}

import Primitives

// How a node asks, and what it holds of a peer P's support.
//
//   asking   event                                      to       function
//   -------  -----------------------------------------  -------  ----------
//   stopped  start: the epoch of the last life + 1      writing  beginRound
//   writing  stored: heartbeats to all present peers    resting  sendRound
//   resting  interval over                              writing  beginRound
//   writing  the write is late: no heartbeat, no lease  writing
//   any      own clock ran backwards: next round now    same     observe
//
// A reply that knows of a later epoch does not begin a round: the next one takes that epoch, so
// that no peer can make this node talk more than once an interval.
//
//          reply, promise not over                 own clock passes `until`
//   none ──────────────────────────▶ held ◀───────────────────────────────▶ lapsed
//     ▲                                │          reply, promise not over       │
//     └────────────────────────────────┴────────────────────────────────────────┘
//                  a round under a new epoch, own clock ran backwards
//
//   from    event                                         to      function
//   ------  --------------------------------------------  ------  ------------
//   none    supported(own epoch), round sent lately       held    hold
//   held    supported(own epoch), a newer round           held    hold
//   held    supported(own epoch), an older round or same  held    hold (ignored)
//   lapsed  supported(own epoch), a newer round           held    hold
//   held    own clock passes `until`                      lapsed  lapseIfDue
//   any     a round under a new epoch                     none    dropReceived
//   any     own clock ran backwards                       none    dropReceived
//   any     outdated(later epoch)                         same    raise

extension Liveness {
    /// A round counts only once a write that began with it is done, so that a node whose disk
    /// stalls loses its leases.
    mutating func beginRound() {
        let token = nextWrite()
        asking = .writing(token: token, epoch: nextEpoch, began: lastSeen)
    }

    /// The round's write is done: asks every peer.
    mutating func sendRound(
        _ epoch: SupportEpoch, began: MonotonicInstant, _ directives: inout [Directive]
    ) {
        if epoch != self.epoch {
            // Peers leave the old epoch for the new one as soon as they hear of it.
            rounds = []
            dropReceived(&directives)
            self.epoch = epoch
            if life == nil { life = epoch }
        }
        roundNumber += 1
        let now = lastSeen
        rounds.removeAll { $0.leaseEnd <= now }
        if rounds.count == Self.roundCountMax { rounds.removeFirst() }
        let lease = options.leaseNanoseconds(ofPromise: supportDurationNanoseconds)
        rounds.append(
            Round(
                number: roundNumber, sentAt: now, leaseEnd: now.advanced(byNanoseconds: lease)))
        asking = .resting(until: began.advanced(byNanoseconds: heartbeatIntervalNanoseconds))
        let body = LivenessMessage.Body.heartbeat(
            epoch: epoch, round: roundNumber,
            durationNanoseconds: supportDurationNanoseconds)
        for peer in peers where peer.standing == .present {
            directives.append(message(to: peer.member, body))
        }
    }

    mutating func receiveReply(
        _ index: Int, _ answer: LivenessMessage.Answer, _ number: UInt64, life: SupportEpoch,
        _ time: MonotonicInstant, _ directives: inout [Directive]
    ) -> Reception {
        guard life > 0, life <= Self.epochMax else { return .refused(.epochOutOfRange) }
        if let unfit = unfitness(of: answer, to: number) { return unfit }
        guard let round = rounds.last(where: { $0.number == number }) else {
            return .ignored(.roundTooOld)
        }
        let exchange = ClockExchange(
            sentAt: round.sentAt, receivedAt: lastSeen, peerTime: time)
        let wasTrusted = peers[index].clock.isTrusted
        peers[index].clock.take(exchange, life: life, options)
        let isTrusted = peers[index].clock.isTrusted
        if wasTrusted != isTrusted { publish(index) }
        switch answer {
        case .supported:
            return hold(index, round, becameTrusted: !wasTrusted && isTrusted, &directives)
        case .outdated(let epoch):
            return raise(to: epoch)
        }
    }

    /// Why an answer is of no use, before anything is taken of it; nil when it may be.
    ///
    /// An epoch is spoken under in one life only, but each life counts its rounds anew: an answer
    /// to an earlier life may have the number of a round of this one, or of none so far. As it came
    /// of no such round, it must not measure a clock.
    private func unfitness(of answer: LivenessMessage.Answer, to number: UInt64) -> Reception? {
        guard number > 0 else { return .refused(.roundNeverSent) }
        switch answer {
        case .supported(let epoch):
            guard epoch > 0 else { return .refused(.epochOutOfRange) }
            guard epoch <= self.epoch else { return .refused(.epochNeverAsked) }
            guard epoch == self.epoch else { return .ignored(.staleEpoch) }
            guard number <= roundNumber else { return .refused(.roundNeverSent) }
        case .outdated(let epoch):
            guard epoch > 0, epoch < Self.epochMax else { return .refused(.epochOutOfRange) }
            guard epoch > self.epoch else { return .ignored(.staleEpoch) }
            guard epoch <= nextEpoch || epoch - nextEpoch <= Self.epochLeapMax else {
                return .refused(.epochOutOfRange)
            }
            guard number <= roundNumber else { return .ignored(.roundTooOld) }
        }
        return nil
    }

    /// False when no reply to the round can be of use any more.
    package func awaitsReplies(to number: UInt64) -> Bool {
        rounds.contains { $0.number == number }
    }

    /// The peer's promise counts from when the round was sent, whenever the reply came: one that
    /// was delayed or repeated gives no more than it ever did.
    private mutating func hold(
        _ index: Int, _ round: Round, becameTrusted: Bool, _ directives: inout [Directive]
    ) -> Reception {
        let until = round.leaseEnd
        let member = peers[index].member
        var isGained = becameTrusted && peers[index].isHeld
        defer { if isGained { directives.append(.supportGained(member)) } }
        guard until > lastSeen else { return .ignored(.roundTooOld) }
        switch peers[index].support {
        case .none: isGained = true
        case .held(_, let known):
            guard until > known else { return .ignored(.nothingNew) }
        case .lapsed: isGained = true
        }
        peers[index].support = .held(epoch: epoch, until: until)
        publish(index)
        return .taken
    }

    /// The peer has withdrawn its support of the present epoch, or knows of a later one.
    private mutating func raise(to epoch: SupportEpoch) -> Reception {
        guard epoch > nextEpoch else { return .ignored(.staleEpoch) }
        nextEpoch = epoch
        return .taken
    }

    mutating func lapseIfDue(_ index: Int, _ directives: inout [Directive]) {
        let wasTrusted = peers[index].clock.isTrusted
        peers[index].clock.age(at: lastSeen)
        if wasTrusted != peers[index].clock.isTrusted { publish(index) }
        switch peers[index].support {
        case .none, .lapsed: return
        case .held(let epoch, let until):
            guard lastSeen >= until else { return }
            peers[index].support = .lapsed(epoch: epoch, until: until)
            publish(index)
            directives.append(.supportLost(peers[index].member))
        }
    }
}

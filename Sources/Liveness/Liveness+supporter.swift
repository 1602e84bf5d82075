import Primitives

// What is promised to a peer P, and under which of its epochs.
//
//                 heartbeat            stored               promise clock passes `until`
//   withdrawn ─────────────▶ recording ──────▶ supporting ────────────────────────▶ withdrawing
//       ▲                        ▲               │    ▲ │                                │
//       │                        └── later epoch ┘    └─┘ heartbeat, same epoch         │
//       └────────────────────────────────────── stored ──────────────────────────────────┘
//
//   from         event                                   to           function
//   -----------  --------------------------------------  -----------  ----------------
//   withdrawn    heartbeat below `next`: say outdated    withdrawn    receiveHeartbeat
//   withdrawn    heartbeat at `next` or above            recording    record
//   recording    heartbeat, same epoch, not longer       recording    receiveHeartbeat
//   recording    any other heartbeat: ignored            recording    receiveHeartbeat
//   recording    stored: say supported                   supporting   promiseStored
//   supporting   heartbeat, same epoch: say supported    supporting   prolong
//   supporting   heartbeat, same epoch, longer duration  recording    record
//   supporting   heartbeat, later epoch                  recording    record
//   supporting   heartbeat, older epoch: say outdated    supporting   receiveHeartbeat
//   supporting   promise run out                         withdrawing  withdrawIfDue
//   withdrawing  any heartbeat: ignored                  withdrawing  receiveHeartbeat
//   withdrawing  stored: the readers are told            withdrawn    promiseStored
//   supporting   this node restarts                      supporting   init
//
// What binds the readers (`given`) is what is on disk, or may be: it begins with the end of the
// write that records it, and ends with the end of the write that withdraws it. After a crash in
// between, the node is bound to no more than the readers were told, and to no less.

extension Liveness {
    mutating func receiveHeartbeat(
        _ index: Int, _ epoch: SupportEpoch, _ round: UInt64, _ durationNanoseconds: Int64,
        life: SupportEpoch, _ directives: inout [Directive]
    ) -> Reception {
        guard epoch > 0, epoch < Self.epochMax else { return .refused(.epochOutOfRange) }
        guard durationNanoseconds > 0,
            durationNanoseconds <= options.supportDurationMaxNanoseconds
        else { return .refused(.durationOutOfRange) }
        switch peers[index].promise {
        case .withdrawn(let next):
            guard epoch >= next else {
                reply(index, .outdated(next), round, life: life, &directives)
                return .taken
            }
            record(index, epoch, round, durationNanoseconds)
            return .taken
        case .recording(var recording):
            guard epoch == recording.epoch, durationNanoseconds <= recording.durationNanoseconds
            else { return .ignored(.writing) }
            recording.round = max(recording.round, round)
            peers[index].promise = .recording(recording)
            return .taken
        case .supporting(let supported, let longest, let until):
            guard epoch >= supported else {
                reply(index, .outdated(supported), round, life: life, &directives)
                return .taken
            }
            guard epoch == supported, durationNanoseconds <= longest else {
                record(index, epoch, round, durationNanoseconds)
                return .taken
            }
            // What was promised stands: a shorter wish, or an old heartbeat, takes nothing back.
            peers[index].promise = .supporting(
                epoch: supported, durationNanoseconds: longest,
                until: max(until, promiseEnd(durationNanoseconds)))
            reply(index, .supported(supported), round, life: life, &directives)
            return .taken
        case .withdrawing:
            return .ignored(.writing)
        }
    }

    /// A promise is on disk before it is given.
    private mutating func record(
        _ index: Int, _ epoch: SupportEpoch, _ round: UInt64, _ durationNanoseconds: Int64
    ) {
        let recording = Promise.Recording(
            epoch: epoch, durationNanoseconds: durationNanoseconds, round: round,
            token: nextWrite(), given: peers[index].promise.given)
        peers[index].promise = .recording(recording)
    }

    /// Only what has run out on the promise clock is withdrawn.
    mutating func withdrawIfDue(_ index: Int) {
        switch peers[index].promise {
        case .withdrawn, .recording, .withdrawing: return
        case .supporting(let epoch, _, let until):
            guard clock.now >= until else { return }
            peers[index].promise = .withdrawing(epoch: epoch, token: nextWrite())
        }
    }

    mutating func promiseStored(
        _ index: Int, token: UInt64, _ directives: inout [Directive]
    ) {
        let peer = peers[index]
        switch peer.promise {
        case .withdrawn, .supporting: return
        case .recording(let recording):
            guard recording.token == token else { return }
            // Counted from here, later than any heartbeat that this answers was received.
            peers[index].promise = .supporting(
                epoch: recording.epoch, durationNanoseconds: recording.durationNanoseconds,
                until: promiseEnd(recording.durationNanoseconds))
            publish(index)
            if let given = recording.given, given != recording.epoch {
                directives.append(.supportWithdrawn(peer.member))
            }
            if peer.standing == .present, let life {
                let answer = LivenessMessage.Answer.supported(recording.epoch)
                reply(index, answer, recording.round, life: life, &directives)
            }
        case .withdrawing(let epoch, let awaited):
            guard awaited == token else { return }
            peers[index].promise = .withdrawn(next: epoch + 1)
            publish(index)
            directives.append(.supportWithdrawn(peer.member))
        }
    }

    /// A longest step beyond what was asked for makes up for a jump that looks like a step.
    private func promiseEnd(_ durationNanoseconds: Int64) -> PromiseClock.Instant {
        clock.now.advanced(byNanoseconds: durationNanoseconds)
            .advanced(byNanoseconds: options.stepMaxNanoseconds)
    }

    private func reply(
        _ index: Int, _ answer: LivenessMessage.Answer, _ round: UInt64, life: SupportEpoch,
        _ directives: inout [Directive]
    ) {
        directives.append(
            message(
                to: peers[index].member,
                .reply(answer, round: round, life: life, time: lastSeen)))
    }
}

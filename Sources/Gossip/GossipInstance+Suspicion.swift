import HeapModule
import Primitives

// From suspicion to death, or back (SWIM §4.2, Lifeguard §IV-B).

extension GossipInstance {
    /// This member's own probe of `member` failed.
    mutating func accuse(
        _ member: MemberID, now: MonotonicInstant, _ directives: inout [Directive]
    ) {
        guard let known = self.member(member), known.isUp else { return }
        let claim = Claim(
            subject: member, incarnation: known.incarnation, standing: .suspect(by: id))
        merge(Update(claim: claim), .own, now: now, &directives)
    }

    mutating func suspect(
        at place: Int, _ incarnation: Incarnation, by accuser: MemberID, _ source: NewsSource,
        now: MonotonicInstant, _ directives: inout [Directive]
    ) {
        if case .suspect = members[place].state, members[place].incarnation == incarnation {
            confirm(at: place, by: accuser, source, now: now)
            return
        }
        let isOfRegion = isOfRegion(members[place].profile)
        let scope = isOfRegion ? Scope.region : .bridges
        let bridgeCount = circles[Scope.bridges.rawValue].order.count
        let suspicion = Suspicion(
            by: accuser, at: now, upCount: isOfRegion ? regionUpCount : 1 + bridgeCount,
            options: options.circle(scope),
            isShrinking: options.lifeguard.hasShrinkingSuspicion)
        set(.suspect(suspicion), at: place, incarnation, source, now: now)
        setTimer(suspicion, of: members[place].id, now: now)
        directives.append(.event(.memberSuspect(members[place].id, by: accuser)))
    }

    /// Another accuser, who is passed on too, so that all suspicions of a dead member shrink.
    private mutating func confirm(
        at place: Int, by accuser: MemberID, _ source: NewsSource, now: MonotonicInstant
    ) {
        // What stands in a table is no observation of its own.
        if case .exchange = source { return }
        guard members[place].isConfirmable,
            case .suspect(var suspicion) = members[place].state, suspicion.confirm(by: accuser)
        else { return }
        members[place].become(.suspect(suspicion))
        setTimer(suspicion, of: members[place].id, now: now)
        spread(place, hasProfile: false, now: now)
    }

    private mutating func setTimer(
        _ suspicion: Suspicion, of member: MemberID, now: MonotonicInstant
    ) {
        // A late confirmation ends a suspicion in the past. It is due now and not since then, or
        // the next tick would look like that of a loop that was held up.
        let deadline = max(suspicion.deadline, now)
        suspicionTimers.insert(SuspicionTimer(deadline: deadline, member: member))
        // Of refuted suspicions timers are left: they come up within minutes, and until then at
        // most as many are kept as members can have accusers.
        let countMax = members.count * (options.region.confirmationCount + 2)
        if suspicionTimers.count > countMax { rebuildTimers(now: now) }
    }

    mutating func onSuspicionsDue(now: MonotonicInstant, _ directives: inout [Directive]) {
        while let timer = suspicionTimers.min, timer.deadline <= now {
            suspicionTimers.removeMin()
            guard let place = place(of: timer.member),
                case .suspect(let suspicion) = members[place].state,
                suspicion.deadline <= timer.deadline
            else { continue }
            set(
                .dead(since: now), at: place, members[place].incarnation, .own, now: now)
            directives.append(.event(.memberDead(timer.member)))
        }
    }

    mutating func postponeSuspicions(by duration: Duration, now: MonotonicInstant) {
        for place in members.indices {
            guard case .suspect(var suspicion) = members[place].state else { continue }
            suspicion.postpone(by: duration)
            members[place].become(.suspect(suspicion))
        }
        rebuildTimers(now: now)
    }

    private mutating func rebuildTimers(now: MonotonicInstant) {
        suspicionTimers = Heap(
            members.compactMap { member in
                guard case .suspect(let suspicion) = member.state else { return nil }
                return SuspicionTimer(
                    deadline: max(suspicion.deadline, now), member: member.id)
            })
    }
}

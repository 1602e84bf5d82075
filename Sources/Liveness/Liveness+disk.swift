import Primitives

// What both sides share: the clock, the write on its way, the table, the door for messages.

extension Liveness {
    /// Every call begins here. A clock that ran backwards voids what was received: how long it
    /// still holds cannot be told any more.
    mutating func observe(_ now: MonotonicInstant, _ directives: inout [Directive]) {
        switch clock.step(to: now, stepMaxNanoseconds: options.stepMaxNanoseconds) {
        case .counted, .skipped: return
        case .backward: break
        }
        rounds = []
        forgetClocks()
        dropReceived(&directives)
        switch asking {
        case .stopped: break
        case .writing(let token, let epoch, _):
            asking = .writing(token: token, epoch: epoch, began: now)
        case .resting: asking = .resting(until: now)
        }
    }

    /// Begins to measure the peers' clocks anew.
    package mutating func forgetClocks() {
        for index in peers.indices where peers[index].clock != .unmeasured {
            peers[index].clock = .unmeasured
            publish(index)
        }
    }

    /// Nobody's support counts any more, until a round sent later is answered.
    mutating func dropReceived(_ directives: inout [Directive]) {
        for index in peers.indices where peers[index].support != .none {
            if peers[index].isHeld { directives.append(.supportLost(peers[index].member)) }
            peers[index].support = .none
            publish(index)
        }
    }

    /// The token of the write that will hold what is about to change.
    mutating func nextWrite() -> UInt64 {
        switch disk {
        case .idle: disk = .wanted
        case .wanted: break
        case .writing: disk = .writing(isMoreWanted: true)
        }
        return token + 1
    }

    /// Begins the write that is wanted, unless one is on its way.
    mutating func flush(_ directives: inout [Directive]) {
        switch disk {
        case .idle, .writing: return
        case .wanted: break
        }
        token += 1
        disk = .writing(isMoreWanted: false)
        directives.append(.persist(token: token, durable))
    }

    /// All that is to be on disk at this moment.
    private var durable: DurableLiveness {
        let ownEpoch: SupportEpoch =
            switch asking {
            case .stopped, .resting: epoch
            case .writing(_, let epoch, _): epoch
            }
        let rows = peers.compactMap { peer in
            peer.promise.durable(above: floor).map { epoch, promise in
                DurableLiveness.Row(member: peer.member, epoch: epoch, promise: promise)
            }
        }
        return DurableLiveness(epoch: ownEpoch, floor: floor, rows: rows)
    }

    /// Shows the readers what has become of a peer.
    mutating func publish(_ index: Int) {
        let peer = peers[index]
        table.setGiven(peer.promise.given, to: peer.member)
        table.setReceived(peer.received, from: peer.member)
    }

    /// Forgets those who went away and are promised nothing; the floor keeps what they must not
    /// come back to.
    mutating func dropDeparted() {
        let countBefore = peers.count
        peers.removeAll { peer in
            guard peer.standing == .departing, case .withdrawn(let next) = peer.promise else {
                return false
            }
            floor = max(floor, next)
            return true
        }
        guard peers.count < countBefore else { return }
        table = SupportTable()
        for index in peers.indices { publish(index) }
    }

    mutating func receive(
        _ message: LivenessMessage, _ directives: inout [Directive]
    ) -> Reception {
        guard message.cluster == cluster else { return .refused(.otherCluster) }
        guard message.to == member else { return .refused(.otherRecipient) }
        guard message.from != member else { return .refused(.ownSender) }
        guard let index = peers.firstIndex(where: { $0.member == message.from }),
            peers[index].standing == .present
        else { return .refused(.unknownSender) }
        guard let life else { return .ignored(.notStarted) }
        switch message.body {
        case .heartbeat(let epoch, let round, let durationNanoseconds):
            return receiveHeartbeat(
                index, epoch, round, durationNanoseconds, life: life, &directives)
        case .reply(let answer, let round, let life, let time):
            return receiveReply(index, answer, round, life: life, time, &directives)
        }
    }

    func message(to peer: MemberID, _ body: LivenessMessage.Body) -> Directive {
        .send(LivenessMessage(cluster: cluster, from: member, to: peer, body: body))
    }
}

extension Peer {
    var isHeld: Bool {
        switch support {
        case .none, .lapsed: false
        case .held: true
        }
    }

    var present: Peer {
        var peer = self
        peer.standing = .present
        return peer
    }

    /// It answers no more, so that nothing is received from it.
    var departed: Peer {
        var peer = self
        peer.standing = .departing
        peer.support = .none
        peer.clock = .unmeasured
        return peer
    }
}

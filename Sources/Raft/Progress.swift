package import Primitives

// What a leader knows of one member.
//
//             stored answer                      window is full: waits
//   probe ───────────────────▶ replicate ──────────────────────────────▶ replicate
//    ▲  ▲                       │  │  ▲
//    │  └── mismatch ───────────┘  │  └──────────── stored through it ───────────────┐
//    │                             ▼ log compacted before `next`                     │
//    └── refused, given up ───── snapshot (awaited ─▶ offered ─▶ reading ─▶ sent ─▶ …)
//
//   from       event                              to
//   ---------  ---------------------------------  ---------
//   probe      one append is sent                 probe, waiting
//   probe      stored                             replicate
//   probe      mismatch                           probe, further back
//   replicate  stored                             replicate
//   replicate  mismatch (a message was lost)      probe
//   replicate  its disk has lost what it stored   probe, from there
//   any        the log does not reach back        snapshot
//   snapshot   stored at or behind it             replicate
//   snapshot   it was refused or given up         probe

/// How far a member is, and what is on its way to it.
package struct Progress: Hashable, Sendable {
    package enum State: Hashable, Sendable {
        /// Looks for where the logs agree, one append at a time.
        case probe(isWaiting: Bool)
        /// Sends ahead of the answers.
        case replicate
        case snapshot(SnapshotTransfer)
    }

    /// A snapshot on its way, one chunk at a time.
    package enum SnapshotTransfer: Hashable, Sendable {
        /// The shell makes or looks for one.
        case awaited
        /// The member was asked how much of it it has.
        case offered(SnapshotDescriptor)
        /// The shell reads the chunk at `offset`.
        case reading(SnapshotDescriptor, offset: UInt64)
        /// A chunk is on its way; `storedByteCount` is what the member has.
        case sent(SnapshotDescriptor, storedByteCount: UInt64)

        var descriptor: SnapshotDescriptor? {
            switch self {
            case .awaited: nil
            case .offered(let descriptor), .reading(let descriptor, _), .sent(let descriptor, _):
                descriptor
            }
        }
    }

    package let member: MemberID
    package internal(set) var state: State = .probe(isWaiting: false)
    /// The member's disk holds the leader's log through here.
    package internal(set) var match: LogIndex = 0
    /// What is to be sent next.
    package internal(set) var next: LogIndex
    package internal(set) var inflight = Inflight()
    /// What the member was last told and what it last said that it knows, of the commit index.
    package internal(set) var toldCommit: LogIndex = 0
    package internal(set) var knownCommit: LogIndex = 0
    /// The epoch of our own node under which the member has promised to let this leader alone.
    package internal(set) var promise: SupportEpoch?
    /// The newest round of heartbeats that it has answered.
    package internal(set) var round: UInt64 = 0
    package internal(set) var heardAt: MonotonicInstant?
    /// It was behind when the last heartbeat went out: if it still is when it answers, something
    /// was lost.
    package internal(set) var isOverdue = false

    init(member: MemberID, next: LogIndex) {
        self.member = member
        self.next = next
    }

    /// The member holds the log through `index`; true when that is news.
    mutating func advance(to index: LogIndex) -> Bool {
        next = max(next, index + 1)
        inflight.free(through: index)
        guard index > match else { return false }
        match = index
        return true
    }

    /// The member's answer has come: its disk holds the log through `index`. True when that is
    /// news.
    mutating func takeStored(through index: LogIndex, logBase: LogIndex) -> Bool {
        let isNews = advance(to: index)
        switch state {
        case .probe:
            probe(from: index + 1)
            state = .replicate
        case .snapshot(let transfer):
            let goal = transfer.descriptor?.position.index ?? logBase
            guard index >= goal else { break }
            probe(from: index + 1)
            state = .replicate
        case .replicate:
            break
        }
        return isNews
    }

    /// An append is on its way to it.
    mutating func noteSent(_ entries: [LogEntry], toldCommit: LogIndex) {
        self.toldCommit = toldCommit
        switch state {
        case .probe:
            state = .probe(isWaiting: true)
        case .replicate:
            guard let last = entries.last else { return }
            next = last.index + 1
            inflight.add(
                through: last.index, byteCount: entries.reduce(0) { $0 + $1.payload.count })
        case .snapshot:
            break
        }
    }

    mutating func heard(at now: MonotonicInstant, knownCommit: LogIndex) {
        heardAt = now
        self.knownCommit = knownCommit
    }

    /// The member's disk has lost what it had acknowledged behind `index`; true when that is news.
    mutating func lose(behind index: LogIndex) -> Bool {
        guard index < match else { return false }
        match = index
        switch state {
        case .probe, .replicate: probe(from: index + 1)
        // It ends with an answer that says how far the member is then.
        case .snapshot: break
        }
        return true
    }

    mutating func probe(from index: LogIndex) {
        state = .probe(isWaiting: false)
        next = max(match + 1, index)
        inflight = Inflight()
    }
}

/// Appends that are sent and not answered, oldest first.
package struct Inflight: Hashable, Sendable {
    private struct Sent: Hashable {
        let lastIndex: LogIndex
        let byteCount: Int
    }

    private var sent: [Sent] = []
    /// Answered ones at the start of `sent`, moved over once they are half of it.
    private var head = 0
    private(set) var byteCount = 0

    var count: Int { sent.count - head }

    func isFull(_ options: Options) -> Bool {
        count >= options.inflightCountMax || byteCount >= options.inflightByteCountMax
    }

    mutating func add(through lastIndex: LogIndex, byteCount: Int) {
        sent.append(Sent(lastIndex: lastIndex, byteCount: byteCount))
        self.byteCount += byteCount
    }

    mutating func free(through index: LogIndex) {
        while head < sent.count, sent[head].lastIndex <= index {
            byteCount -= sent[head].byteCount
            head += 1
        }
        if head == sent.count {
            sent.removeAll(keepingCapacity: true)
            head = 0
        } else if head > 64, head > sent.count / 2 {
            sent.removeSubrange(..<head)
            head = 0
        }
    }
}

import Environment
import Primitives

/// What the journal looks after between writes.
struct JournalWatch {
    /// Whether a look is scheduled.
    var isScheduled = false
    /// Whether the last batch has none behind it that proves it.
    var isUnproven = false
    var lastWrite = MonotonicInstant(nanoseconds: 0)
    var isStalled = false
    var refusal: JournalRefusal?
    var isRestoringReserve = false
    /// Whether a piece of old segments is to go after a pause.
    var isDiscarding = false
}

extension Journal {
    /// A journal that has written nothing for so long proves its last batch. One more sync a second
    /// at most costs nothing, and a disk does not rot faster.
    static let quietBound = Duration.seconds(1)

    func gather(_ records: [JournalRecord], _ completion: (@Sendable () -> Void)?) {
        if case .ended = phase { return }
        let byteCount = records.reduce(0) { $0 + $1.byteCount }
        precondition(
            byteCount <= JournalFormat.gatheringByteCountMax - Self.gatheringByteCountMax,
            "\(byteCount) bytes in one append")
        if waiting.last.map({ $0.recordsByteCount >= Self.gatheringByteCountMax }) ?? true {
            waiting.append(Gathering())
        }
        let last = waiting.count - 1
        waiting[last].records.append(contentsOf: records)
        waiting[last].recordsByteCount += byteCount
        if let completion { waiting[last].completions.append(completion) }
    }

    func awaitEndOfTurn() {
        guard case .idle = phase, !isEndOfTurnAwaited else { return }
        isEndOfTurnAwaited = true
        // What others gather until then is appended at the end of the turn as well.
        loop.atEndOfTurn {
            self.loop.atEndOfTurn { self.onLoop { $0.writeNext() } }
        }
    }

    private func writeNext() {
        isEndOfTurnAwaited = false
        guard case .idle = phase else { return }
        guard !waiting.isEmpty else { return finishClosing() }
        let gathering = waiting.removeFirst()
        guard !gathering.records.isEmpty else { return complete(gathering) }
        watch.isUnproven = true
        write(gathering)
    }

    /// Writes a batch; one without records proves the one before.
    private func write(_ gathering: Gathering) {
        phase = .writing(gathering, loop.now)
        worker.submit { [store] in
            store.write(gathering.records)
        } then: { outcome in
            self.onLoop { $0.wrote(outcome) }
        }
        watchOn()
    }

    private func wrote(_ outcome: SegmentStore.Outcome) {
        guard case .writing(let gathering, let begun) = phase else { return }
        watch.lastWrite = loop.now
        if watch.isStalled {
            watch.isStalled = false
            observer?(.resumed(after: loop.now - begun))
        }
        switch outcome {
        case .failed(let error):
            fail(error)
        case .noRoom:
            phase = .waitingForRoom(gathering)
            refuse()
            begin()
        case .durable(let report):
            phase = .idle
            count(report, gathering)
            if report.isReserveHeld {
                accept()
            } else {
                refuse()
            }
            complete(gathering)
        }
        watchOn()
    }

    private func count(_ report: SegmentStore.Report, _ gathering: Gathering) {
        written.batches += 1
        written.syncs += report.synchronizations
        written.bytes += report.byteCount
        written.entries += gathering.records.count {
            if case .entry = $0 { true } else { false }
        }
        written.segmentsBegun += report.segmentsBegun
        written.segmentsRecycled += report.segmentsRecycled
        written.closedSegments = report.closedSegmentCount
        if let groups = report.pinningGroups { pinning = groups }
        if !report.removable.isEmpty { remove(report.removable) }
        if report.segmentsBegun > 0, report.closedSegmentCount > options.closedSegmentCountMax {
            observer?(.pinned(segmentCount: report.closedSegmentCount, groups: pinning))
        }
    }

    /// What the completions append joins what was gathered meanwhile.
    private func complete(_ gathering: Gathering) {
        for completion in gathering.completions { completion() }
        begin()
        let isMoreDue = waiting.contains { !$0.completions.isEmpty }
        if isMoreDue || !closing.isEmpty { awaitEndOfTurn() }
    }

    private func begin() {
        let actions = beginners
        beginners = []
        for action in actions { action() }
    }

    private func finishClosing() {
        guard !closing.isEmpty else { return }
        if watch.isUnproven { return prove() }
        phase = .ended
        for completion in closing { completion() }
        closing = []
    }

    /// Writes a batch that says no more than that those before it are durable.
    private func prove() {
        watch.isUnproven = false
        write(Gathering())
    }

    private func remove(_ segments: [UInt64]) {
        discard(of: segments.count) { [store] () throws(FileError) in
            try store.remove(segments)
        }
    }

    /// Between two pieces of old segments: the disk is a batch's most of the time, and still they
    /// go faster than a journal fills.
    private static let discardPause = Duration.milliseconds(10)

    /// - Parameters:
    ///   - segmentCount: how many have lost their names with it.
    ///   - piece: true when more is left, which goes after a pause.
    private func discard(
        of segmentCount: Int = 0, _ piece: @escaping @Sendable () throws(FileError) -> Bool
    ) {
        worker.submit { () -> Result<Bool, FileError> in
            do throws(FileError) {
                return .success(try piece())
            } catch {
                return .failure(error)
            }
        } then: { result in
            self.onLoop { journal in
                switch result {
                case .failure(let error): journal.fail(error)
                case .success(let isMoreLeft):
                    journal.written.segmentsRemoved += segmentCount
                    if isMoreLeft { journal.discardOn() }
                }
            }
        }
    }

    private func discardOn() {
        guard !watch.isDiscarding else { return }
        watch.isDiscarding = true
        loop.schedule(after: Self.discardPause) {
            self.onLoop { journal in
                journal.watch.isDiscarding = false
                if case .ended = journal.phase { return }
                journal.discard { [store = journal.store] () throws(FileError) in
                    try store.discardPiece()
                }
            }
        }
    }

    private func fail(_ error: FileError) {
        if case .ended = phase { return }
        phase = .ended
        waiting = []
        halt.halt("journal: \(error)")
    }
}

// MARK: - Watching

extension Journal {
    private func refuse() {
        guard watch.refusal == nil else { return }
        watch.refusal = .diskFull
        observer?(.refusing(.diskFull))
    }

    private func accept() {
        guard watch.refusal != nil else { return }
        watch.refusal = nil
        observer?(.accepting)
    }

    /// Looks after the disk twice in each bound, while there is anything to look after.
    private func watchOn() {
        let isNeeded =
            switch phase {
            case .ended: false
            case .writing, .waitingForRoom: true
            case .idle: watch.isUnproven || watch.refusal != nil
            }
        guard isNeeded, !watch.isScheduled else { return }
        watch.isScheduled = true
        loop.schedule(after: options.stallBound / 2) {
            self.onLoop { $0.look() }
        }
    }

    private func look() {
        watch.isScheduled = false
        switch phase {
        case .ended:
            break
        case .writing(_, let begun):
            let duration = loop.now - begun
            if duration >= options.stallBound {
                if !watch.isStalled { written.stalls += 1 }
                watch.isStalled = true
                observer?(.stalled(for: duration))
            }
        case .waitingForRoom(let gathering):
            phase = .writing(gathering, loop.now)
            worker.submit { [store] in
                store.retry()
            } then: { outcome in
                self.onLoop { $0.wrote(outcome) }
            }
        case .idle:
            if watch.refusal != nil { restoreReserve() }
            if watch.isUnproven, loop.now - watch.lastWrite >= Self.quietBound {
                // A mark that waits for another batch has waited long enough.
                if waiting.isEmpty { prove() } else { writeNext() }
            }
        }
        watchOn()
    }

    private func restoreReserve() {
        guard !watch.isRestoringReserve else { return }
        watch.isRestoringReserve = true
        worker.submit { [store] () -> Result<Bool, FileError> in
            do throws(FileError) {
                return .success(try store.restoreReserve())
            } catch {
                return .failure(error)
            }
        } then: { result in
            self.onLoop { journal in
                journal.watch.isRestoringReserve = false
                switch result {
                case .failure(let error): journal.fail(error)
                case .success(true): journal.accept()
                case .success(false): break
                }
            }
        }
    }
}

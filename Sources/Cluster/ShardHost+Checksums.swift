import Environment
package import Primitives
import Raft

// A replica's part in the comparison of states (`ChecksumComparison`).
//
//   leader ── windows that ended ──▶ each member, which compares and answers with its own
//   whoever sees a difference ── the window ──▶ each member ── judges itself ──▶ goes on, or halts

extension ShardHost {
    package nonisolated func compareStates() {
        onLoop { $0.compare() }
    }

    package nonisolated func answer(
        _ report: ChecksumReport, from asker: MemberID
    ) -> ChecksumReport? {
        onLoop { $0.take(report, from: asker) }
    }

    private func compare() {
        if raft.isLeader {
            for peer in peersInGroup {
                let windows = comparison.newWindows(for: peer)
                if !windows.isEmpty { ask(peer, windows) }
            }
        }
        // Somebody did not answer, or has not come so far, or the members were being changed.
        inquire()
        judge()
    }

    private var peersInGroup: [MemberID] {
        raft.configuration.members.filter { $0 != node.seat.member }
    }

    /// Asks everybody about the windows in dispute, whoever leads.
    private func inquire() {
        let disputed = comparison.disputed
        guard !disputed.isEmpty else { return }
        for peer in peersInGroup { ask(peer, disputed) }
    }

    private func ask(_ peer: MemberID, _ windows: [WindowChecksum]) {
        let ask = report(windows)
        comparison.noteAsk()
        let generation = snapshots.generation
        Task {
            let outcome = await node.ask(
                peer, of: ClusterNode.checksumGroup, ask.encoded, deadline: loop.now + Self.askMax)
            // The state that it was asked about may have been replaced meanwhile.
            guard generation == snapshots.generation else { return }
            switch outcome {
            case .answer(let bytes):
                hear(try? ChecksumReport(encoded: bytes), to: windows, from: peer)
            case .moved:
                hear(nil, to: windows, from: peer)
            case .overloaded, .lost, .unreachable:
                break
            }
        }
    }

    /// A round trip to another region, with room to spare; the next look asks again.
    private static let askMax = Duration.seconds(5)

    private func hear(
        _ answer: ChecksumReport?, to asked: [WindowChecksum], from peer: MemberID
    ) {
        let isComparable = answer?.group == group && answer?.rowFormat == table.rowFormat
        if comparison.hear(isComparable ? answer : nil, to: asked, from: peer) { inquire() }
        judge()
    }

    private func take(_ report: ChecksumReport, from asker: MemberID) -> ChecksumReport? {
        guard raft.configuration.contains(asker), report.rowFormat == table.rowFormat,
            !snapshots.isInstalling
        else { return nil }
        if comparison.hear(report.windows, from: asker) { inquire() }
        judge()
        return self.report(comparison.windows(like: report.windows))
    }

    private func report(_ windows: [WindowChecksum]) -> ChecksumReport {
        ChecksumReport(
            group: group, rowFormat: table.rowFormat, appliedIndex: appliedIndex,
            windows: windows)
    }

    // MARK: Judging

    private func judge() {
        let configuration = raft.configuration
        guard !configuration.isJoint else { return }
        let decided = comparison.judge(
            voters: configuration.voters, member: node.seat.member)
        for difference in decided {
            switch difference.judgement {
            case .against(let count): end(difference, count)
            case .withMajority, .undecided: break
            }
        }
    }

    private func end(_ difference: StateDifference, _ count: Int) {
        let reason =
            "\(difference); \(count) of the \(raft.configuration.voters.count) voters agree and "
            + "this node is not among them: its state is wrong and must not be served"
        let (storage, halt) = (snapshotStorage, halt)
        Task {
            // Where it cannot be written the node ends all the same.
            await storage.writer.run(on: loop) {
                try? StateMark.write(reason, in: storage.dataDirectory, storage.fileSystem)
            }
            halt.halt(reason + "; " + StateMark.remedy)
        }
    }
}

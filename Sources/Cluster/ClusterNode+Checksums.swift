import Environment
public import Primitives
import Topology

// Replicas compare what has become of the same entries. An older version knows no such ask and says
// that it does not serve the group, which counts as having nothing to compare.

extension ClusterNode {
    /// From one look at the groups to the next. A difference serves wrong data for no longer than
    /// this and two round trips; a look sends nothing where no window has ended.
    private static let comparisonInterval = Duration.seconds(10)

    func scheduleComparison() {
        loop.schedule(after: Self.comparisonInterval) { [self] in
            onLoop { node in
                guard !node.isStopped else { return }
                if node.confirmedTopology.isOn(.stateChecksums) {
                    for group in node.groups.keys.sorted() { node.groups[group]?.compareStates() }
                }
                node.scheduleComparison()
            }
        }
    }
}

extension ClusterNode: AskHandler {
    public func answer(
        _ payload: [UInt8], from asker: MemberID, deadline: MonotonicInstant
    ) async -> AskAnswer {
        guard let report = try? ChecksumReport(encoded: payload) else {
            noteRefusal()
            return .moved(to: nil)
        }
        guard let answer = groups[report.group]?.answer(report, from: asker) else {
            return .moved(to: nil)
        }
        return .answer(answer.encoded)
    }
}

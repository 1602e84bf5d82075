import Foundation
import Primitives

/// Three processes of this program on this machine, each with the parts of a node in production
/// (journal, links with mutual TLS, consensus, state store), beside what the machine itself gives.
///
/// The three share the cores, the disk and, with the leader, the load generator: the figures are
/// those of one machine that does the work of three.
struct ClusterBench {
    let directory: String
    let cleanup: BenchCleanup
    let tell: (String) -> Void

    /// Entries under way at saturation: some ten times what is committed within a sync.
    static let inFlight = 4096
    private static let seconds = 4.0
    private static let killCount = 5
    /// From the start of a member to the end of the next leader.
    private static let restMicroseconds: UInt32 = 2_000_000

    private var probe: MachineProbe { MachineProbe(directory: directory + "/probe") }

    func run() throws {
        tell(
            "cluster: \(BenchCluster.memberCount) processes, mutual TLS, one group, entries of "
                + "\(BenchEntry.byteCount) bytes")
        tell("  raw: in clear, and what is committed changes nothing; sealed: the leader seals it")
        tell("  and the others open it; applied: sealed, and decoded, and one of")
        tell("  \(BenchEntry.aggregateCount) aggregates evolves, and its row goes to SQLite")
        for machine in BenchMachineKind.allCases {
            let cluster = try BenchCluster(
                folder: directory + "/" + machine.rawValue, machine: machine, cleanup: cleanup)
            defer { cluster.stop() }
            let peak = try saturate(cluster, machine)
            try pace(cluster, machine, perSecond: peak / 2)
            // The same load on every machine, as far as it carries that.
            if peak > machine.goal { try pace(cluster, machine, perSecond: machine.goal / 2) }
            if machine == .applied {
                try read(cluster)
                try kill(cluster)
            }
        }
    }

    // MARK: Loads

    /// What the members did for a load, and the load.
    private struct Work {
        let report: BenchLoadReport
        /// Entries that were committed, those of the warm-up among them.
        let entries: Double
        let before: [BenchLook]
        let after: [BenchLook]
        let leader: Int

        /// A count of all members, for each entry.
        func each(_ count: (BenchLook) -> Int64) -> Double {
            Double(zip(before, after).reduce(0) { $0 + count($1.1) - count($1.0) }) / entries
        }

        private func ofLeader(_ count: (BenchLook) -> Int) -> Double {
            Double(count(after[leader]) - count(before[leader]))
        }

        var entriesOfSync: Double { ofLeader(\.journalEntries) / max(1, ofLeader(\.syncs)) }
        var bytesOfSync: Int { Int(ofLeader(\.journalBytes) / max(1, ofLeader(\.syncs))) }
    }

    /// Where much else goes on, the leadership may move, and the load does not: a load that lost
    /// anything is made again, twice at most.
    private func work(_ cluster: BenchCluster, _ order: BenchOrder) throws -> Work {
        var work = try attempt(cluster, order)
        for _ in 0..<2 where work.report.failureCount > 0 {
            tell("  (\(work.report.failureCount) entries were refused or lost; once more)")
            work = try attempt(cluster, order)
        }
        return work
    }

    private func attempt(_ cluster: BenchCluster, _ order: BenchOrder) throws -> Work {
        let leader = try cluster.leader()
        let before = try cluster.looks()
        let report = try cluster.load(leader, order)
        // What is committed last is applied by followers with the next message.
        usleep(100_000)
        let after = try cluster.looks()
        return Work(
            report: report,
            entries: max(1, Double(after[leader].appliedIndex - before[leader].appliedIndex)),
            before: before, after: after, leader: leader)
    }

    private func saturate(_ cluster: BenchCluster, _ machine: BenchMachineKind) throws -> Double {
        let work = try work(
            cluster, .saturate(inFlight: Self.inFlight, seconds: Self.seconds))
        let disk = try probe.sync(
            byteCount: work.bytesOfSync, writers: BenchCluster.memberCount)
        let ceiling = disk.perSecond * work.entriesOfSync
        tell(
            BenchText.row(
                "\(machine.rawValue), \(Self.inFlight) under way",
                "\(BenchText.format(work.report.perSecond)) entries/s, \(times(work.report)), "
                    + "\(work.report.failureCount) failed"))
        tell(
            BenchText.row(
                "  three files with such syncs (\(work.bytesOfSync) bytes)",
                "\(BenchText.format(disk.perSecond)) syncs/s each: "
                    + "\(BenchText.format(ceiling)) entries/s; reached: "
                    + "\(BenchText.format(work.report.perSecond / ceiling * 100)) %"))
        tell(BenchText.row("  all members, for each entry", perEntry(work)))
        return work.report.perSecond
    }

    private func perEntry(_ work: Work) -> String {
        "\(BenchText.format(work.each { Int64($0.syncs) }, 4)) fsyncs, "
            + "\(BenchText.format(work.each { Int64($0.frames) }, 4)) frames, "
            + "\(BenchText.format(work.each { Int64($0.frameBytes) })) bytes sent, "
            + "\(BenchText.format(work.each { Int64($0.journalBytes) })) bytes of journal, "
            + "\(BenchText.format(work.each(\.processorMicroseconds), 1)) µs of processor"
    }

    private func times(_ report: BenchLoadReport) -> String {
        "p50 \(BenchText.format(report.p50Microseconds)) µs, "
            + "p99 \(BenchText.format(report.p99Microseconds)) µs"
    }

    private func pace(
        _ cluster: BenchCluster, _ machine: BenchMachineKind, perSecond: Double
    ) throws {
        let work = try work(cluster, .pace(perSecond: perSecond, seconds: Self.seconds))
        let report = work.report
        tell(
            BenchText.row(
                "\(machine.rawValue), open loop at \(Int(perSecond)) a second",
                "\(BenchText.format(report.perSecond)) entries/s, \(times(report)), "
                    + "\(report.failureCount) failed"))
        let trip = try probe.roundTrip(byteCount: work.bytesOfSync)
        for writers in [1, BenchCluster.memberCount] {
            let disk = try probe.sync(byteCount: work.bytesOfSync, writers: writers)
            let p50 = trip.p50Microseconds + disk.p50Microseconds
            let p99 = trip.p99Microseconds + disk.p99Microseconds
            tell(
                BenchText.row(
                    "  round trip + sync (\(work.bytesOfSync) bytes, \(writers) at a time)",
                    "p50 \(BenchText.format(trip.p50Microseconds)) + "
                        + "\(BenchText.format(disk.p50Microseconds)) µs, p99 "
                        + "\(BenchText.format(trip.p99Microseconds)) + "
                        + "\(BenchText.format(disk.p99Microseconds)) µs: "
                        + "\(BenchText.format(report.p50Microseconds / p50, 1)) and "
                        + "\(BenchText.format(report.p99Microseconds / p99, 1)) times that"))
        }
        tell(BenchText.row("  all members, for each entry", perEntry(work)))
    }

    // MARK: Reads and a lost leader

    private func read(_ cluster: BenchCluster) throws {
        let report = try cluster.load(try cluster.leader(), .read(seconds: 1))
        tell(
            BenchText.row(
                "reads under the lease, one at a time",
                "\(BenchText.format(report.perSecond)) reads/s, \(report.failureCount) failed"))
    }

    private func kill(_ cluster: BenchCluster) throws {
        var milliseconds: [Double] = []
        for _ in 0..<Self.killCount {
            // One that has just started has promised nothing yet, and waits a whole election
            // timeout: a cluster that has lost nobody lately is meant.
            usleep(Self.restMicroseconds)
            let leader = try cluster.leader()
            let others = (0..<BenchCluster.memberCount).filter { $0 != leader }
            for number in others { _ = try cluster.order(number, .watch) }
            let killed = cluster.kill(leader)
            let committed = try cluster.wait(for: "nobody commits after the leader's end") {
                try others.compactMap { try cluster.look($0).firstCommitNanoseconds }.min()
            }
            milliseconds.append(Double(committed - killed.nanoseconds) / 1e6)
            try cluster.restart(leader)
        }
        milliseconds.sort()
        tell(
            BenchText.row(
                "kill -9 of the leader to the next commit",
                "median \(BenchText.format(milliseconds[milliseconds.count / 2])) ms, "
                    + "longest \(BenchText.format(milliseconds[milliseconds.count - 1])) ms "
                    + "of \(milliseconds.count)"))
    }
}

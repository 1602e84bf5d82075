import ArgumentParser
import Foundation
import Glibc
import Synchronization

/// `sunny bench`: figures of this machine, each beside the limit that it is held against.
struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract:
            "Measure engine, codec, consensus, links, journal, a cluster and payments here.",
        discussion: """
            EXAMPLE:
              sunny bench
              sunny bench --payments 5000 --dir /mnt/disk/bench
              sunny bench --cluster-only

            The journal and the cluster are measured beside a bare write and fdatasync in the same \
            run: the ratio says more than the figure. Payments run against a demo of their own in \
            DIR. Where etcd is on PATH, it gets a load of the same shape.
            """,
        subcommands: [BenchMemberCommand.self])

    @Option(help: "Where journal, cluster and demo write; by default a temporary folder.")
    var dir: String?

    @Option(help: "Payments of each load.")
    var payments = 2000

    @Flag(help: "Engine, codec, consensus and links only: nothing is written.")
    var memoryOnly = false

    @Flag(help: "The codec only, each row with the message that it encodes, for a comparison.")
    var codecOnly = false

    @Flag(help: "The cluster of three processes only, and etcd.")
    var clusterOnly = false

    func validate() throws {
        guard (100...1_000_000).contains(payments) else {
            throw ValidationError("--payments takes 100 to 1000000")
        }
    }

    func run() throws {
        if codecOnly { return try measureCodec() }
        let signals = Signals(SIGINT, SIGTERM)
        // A process that was killed takes no more orders; the call's error says so.
        signal(SIGPIPE, SIG_IGN)
        let cleanup = BenchCleanup()
        // What is measured runs on threads of its own; this one waits for the end or a signal.
        let result = Mutex<Result<Void, any Error>?>(nil)
        Task {
            do {
                try await measure(cleanup)
                result.withLock { $0 = .success(()) }
            } catch {
                result.withLock { $0 = .failure(error) }
            }
        }
        while true {
            let number = signals.next(within: 50)
            let ended = result.withLock { $0 }
            guard number != nil || ended != nil else { continue }
            cleanup.run()
            if let number { endProcess(Signals.status(of: number)) }
            return try ended?.get() ?? ()
        }
    }

    private func measure(_ cleanup: BenchCleanup) async throws {
        let folder =
            dir ?? NSTemporaryDirectory()
            + "sunny-bench-\(ProcessInfo.processInfo.processIdentifier)"
        if dir == nil { cleanup.add { Files.remove(folder) } }
        if clusterOnly { return try await measureCluster(folder, cleanup) }
        try measureMemory()
        if memoryOnly { return }
        try await measureJournal(folder)
        try await measureCluster(folder, cleanup)
        try await measurePayments(folder, cleanup)
    }

    private func measureMemory() throws {
        print("engine (one thread, no I/O)")
        for row in EngineBench().run() {
            print("  \(pad(row.name, 28)) \(format(row.nanoseconds, 0)) ns")
        }
        try measureCodec()
        print("consensus (one thread, in memory)")
        for row in ConsensusBench().run() {
            print("  \(pad(row.name, 44)) \(format(row.perSecond, 0)) \(row.unit)/s")
        }
        print("links between nodes (one thread, in memory)")
        for row in try LinkBench().run() {
            print("  \(pad(row.name, 44)) \(format(row.value, 0))\(row.unit)")
        }
    }

    private func measureJournal(_ folder: String) async throws {
        print("journal (\(JournalBench.commitCount) commits each)")
        for row in try await JournalBench(directory: folder + "/journal").run() {
            print(
                "  \(pad(row.name, 44)) \(format(row.commitsPerSecond, 0)) commits/s, "
                    + "\(format(row.entriesPerSecond, 0)) entries/s, "
                    + "p50 \(format(row.p50Microseconds, 0)) µs, "
                    + "p99 \(format(row.p99Microseconds, 0)) µs")
        }
    }

    private func measureCluster(_ folder: String, _ cleanup: BenchCleanup) async throws {
        // The next figure takes seconds, and whoever reads this may be a pipe.
        let tell = { (line: String) in Console.print(line) }
        fflush(nil)
        let path = folder + "/cluster"
        try ClusterBench(directory: path, cleanup: cleanup, tell: tell).run()
        try await EtcdBench(directory: folder + "/etcd", cleanup: cleanup, tell: tell).run()
        Files.remove(path)
        Files.remove(folder + "/etcd")
    }

    private func measurePayments(_ folder: String, _ cleanup: BenchCleanup) async throws {
        print("payments over HTTP: create and confirm, one node, one acquirer")
        let (rows, work) = try await GatewayBench(
            directory: folder + "/demo", paymentCount: payments
        ).run(cleanup)
        for row in rows {
            print(
                "  \(pad(row.name, 44)) \(format(row.perSecond, 0)) payments/s, "
                    + "p50 \(row.p50Microseconds) µs, p99 \(row.p99Microseconds) µs, "
                    + "\(row.failures) failed")
        }
        print(
            "work per payment: \(format(work.fsyncs, 3)) fsyncs, "
                + "\(format(work.statements, 2)) SQL statements, "
                + "\(format(work.journalBytes, 0)) bytes of journal")
    }

    private func measureCodec() throws {
        print("ISO 8583 (one thread, no I/O)")
        for row in try CodecBench().run() {
            let bytes = codecOnly ? row.bytes.map { " " + hexadecimal($0) } ?? "" : ""
            print("  \(pad(row.name, 28)) \(format(row.nanoseconds, 0)) ns\(bytes)")
        }
    }

    private func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.map { String(format: "%02x", $0) }.joined()
    }

    private func pad(_ text: String, _ width: Int) -> String { BenchText.pad(text, width) }

    private func format(_ value: Double, _ digits: Int) -> String {
        BenchText.format(value, digits)
    }
}

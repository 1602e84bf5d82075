import ArgumentParser
import Dispatch
import Foundation
import Synchronization

/// `sunny bench`: figures of this machine, each beside the limit that it is held against.
struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract:
            "Measure engine, codec, consensus, links, journal and payments on this machine.",
        discussion: """
            EXAMPLE:
              sunny bench
              sunny bench --payments 5000 --dir /mnt/disk/bench

            The journal is measured beside a bare write and fdatasync in the same run: the ratio \
            says more than the figure. Payments run against a demo of their own in DIR.
            """)

    @Option(help: "Where the journal and the demo write; by default a temporary folder.")
    var dir: String?

    @Option(help: "Payments of each load.")
    var payments = 2000

    @Flag(help: "Engine, codec, consensus and links only: nothing is written.")
    var memoryOnly = false

    @Flag(help: "The codec only, each row with the message that it encodes, for a comparison.")
    var codecOnly = false

    func validate() throws {
        guard (100...1_000_000).contains(payments) else {
            throw ValidationError("--payments takes 100 to 1000000")
        }
    }

    func run() throws {
        if codecOnly { return try measureCodec() }
        // What is measured runs on threads of its own; this one waits.
        let done = DispatchSemaphore(value: 0)
        let failure = Mutex<(any Error)?>(nil)
        Task {
            do { try await measure() } catch { failure.withLock { $0 = error } }
            done.signal()
        }
        done.wait()
        if let error = failure.withLock({ $0 }) { throw error }
    }

    private func measure() async throws {
        let folder =
            dir ?? NSTemporaryDirectory()
            + "sunny-bench-\(ProcessInfo.processInfo.processIdentifier)"
        defer { if dir == nil { try? FileManager.default.removeItem(atPath: folder) } }
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
        if memoryOnly { return }
        print("journal (\(JournalBench.commitCount) commits each)")
        for row in try await JournalBench(directory: folder + "/journal").run() {
            print(
                "  \(pad(row.name, 44)) \(format(row.commitsPerSecond, 0)) commits/s, "
                    + "\(format(row.entriesPerSecond, 0)) entries/s, "
                    + "p50 \(format(row.p50Microseconds, 0)) µs, "
                    + "p99 \(format(row.p99Microseconds, 0)) µs")
        }
        print("payments over HTTP: create and confirm, one node, one acquirer")
        let (rows, work) = try await GatewayBench(
            directory: folder + "/demo", paymentCount: payments
        ).run()
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

    private func pad(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    private func format(_ value: Double, _ digits: Int) -> String {
        String(format: "%.\(digits)f", value)
    }
}

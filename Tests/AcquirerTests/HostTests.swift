import Acquirer
import Environment
import ISO8583
import Primitives
import Testing

/// A host on doubles, started.
final class Bench {
    let loop = ManualLoop()
    let worker: ManualWorker
    let network: TestNetwork
    let halt = HaltRecorder()
    let journal: AcquirerJournal
    let host: AcquirerHost

    static let port: UInt16 = 1
    static let controlPort: UInt16 = 2

    init(
        journal: AcquirerJournal? = nil,
        _ change: (inout AcquirerHost.Options) -> Void = { _ in }
    ) throws {
        worker = ManualWorker(loop: loop)
        network = TestNetwork(loop: loop)
        self.journal = try journal ?? AcquirerJournal(path: nil)
        var options = AcquirerHost.Options(
            id: "alpha", address: SocketAddress(host: "test", port: Self.port),
            controlAddress: SocketAddress(host: "test", port: Self.controlPort))
        change(&options)
        host = AcquirerHost(
            options: options, journal: self.journal, loop: loop, network: network,
            worker: worker, halt: halt)
        loop.turn { [host] in
            host.assumeIsolated { host in
                host.start { result in
                    if case .failure(let error) = result { Issue.record(error) }
                }
            }
        }
        worker.workAll()
    }

    func connect() throws -> TestStream { try #require(network.connect(port: Self.port)) }

    var transactions: [AcquirerTransaction] {
        let box = Box<[AcquirerTransaction]>([])
        loop.turn { [host] in box.value = host.assumeIsolated { $0.snapshot() } }
        return box.value
    }

    func control(_ line: String) throws -> String {
        let stream = try #require(network.connect(port: Self.controlPort))
        stream.send(Array((line + "\n").utf8))
        stream.end(.closedByPeer)
        loop.turn()
        return String(decoding: stream.takeWritten(), as: UTF8.self)
    }
}

extension TestStream {
    /// Sends messages in one turn.
    func send(_ messages: Message...) throws {
        var bytes: [UInt8] = []
        for message in messages {
            let encoded = try Codec.encode(message, specification: .sunny1987)
            bytes += try Frame.message(encoded[...]).encode(.link)
        }
        send(bytes)
    }

    /// Type, trace and response code of each answer since the last look.
    func answers() throws -> [String] {
        var decoder = FrameDecoder(.link)
        decoder.feed(takeWritten())
        var lines: [String] = []
        while let frame = try decoder.next() {
            guard case .message(let bytes) = frame else {
                lines.append("keep-alive")
                continue
            }
            let message = try Codec.decode(bytes, specification: .sunny1987)
            let trace = message.trace.map(\.description) ?? "-"
            lines.append("\(message.type) \(trace) \(message.responseCode?.description ?? "-")")
        }
        return lines
    }
}

struct HostTests {
    private static func request(_ trace: UInt32, card: String = Messages.visa) -> Message {
        Messages.request(card: card, trace: trace, reference: "\(100_000_000_000 + Int(trace))")
    }

    @Test("An answer leaves after its commit, and messages of one turn share a commit")
    func persistThenSpeak() throws {
        let bench = try Bench()
        let (first, second) = (try bench.connect(), try bench.connect())
        try first.send(Self.request(1), Self.request(2, card: Messages.declined))
        #expect(bench.worker.pendingCount == 1)
        #expect(try first.answers().isEmpty)
        // What comes during a commit shares the next one, whatever the connection.
        try first.send(Self.request(3))
        try second.send(Self.request(4))
        #expect(bench.worker.pendingCount == 1)
        bench.worker.workOnce()
        #expect(try first.answers() == ["0110 000001 00", "0110 000002 05"])
        #expect(try second.answers().isEmpty)
        #expect(try bench.journal.records().transactions.count == 2)
        bench.worker.workOnce()
        #expect(try first.answers() == ["0110 000003 00"])
        #expect(try second.answers() == ["0110 000004 00"])
        #expect(try bench.journal.records().transactions == bench.transactions)
        #expect(bench.worker.pendingCount == 0)
    }

    @Test("A host that starts again on its journal goes on where it was")
    func restart() throws {
        let journal = try AcquirerJournal(path: nil)
        let original = Self.request(1)
        do {
            let bench = try Bench(journal: journal)
            let stream = try bench.connect()
            try stream.send(original)
            bench.worker.workAll()
            try stream.send(Self.request(2))
            // The second is never committed, and never answered.
            #expect(try stream.answers() == ["0110 000001 00"])
        }
        let bench = try Bench(journal: journal)
        #expect(bench.transactions.count == 1)
        let stream = try bench.connect()
        try stream.send(original, Messages.reversal(of: original, trace: 3))
        bench.worker.workAll()
        #expect(try stream.answers() == ["0110 000001 00", "0430 000003 00"])
        #expect(bench.transactions.map(\.state) == [.reversed])
    }

    @Test("A failed commit halts the host, which answers nothing more")
    func failedCommit() throws {
        let bench = try Bench()
        let stream = try bench.connect()
        try bench.journal.close()
        try stream.send(Self.request(1))
        bench.worker.workAll()
        #expect(bench.halt.reasons.count == 1)
        #expect(bench.halt.reasons.first?.hasPrefix("acquirer alpha: commit") == true)
        #expect(stream.takeWritten().isEmpty)
        #expect(!stream.isOpen)
        #expect(bench.network.connect(port: Bench.port) == nil)
    }

    @Test("A delayed answer holds up what follows; a late one is overtaken")
    func delayAndLate() throws {
        let bench = try Bench()
        let stream = try bench.connect()
        #expect(try bench.control("delay authorization 500 count 1").hasPrefix("ok delay"))
        try stream.send(Self.request(1), Messages.networkManagement(.echoTest, trace: 2))
        bench.worker.workAll()
        bench.loop.pass(milliseconds: 499)
        #expect(try stream.answers().isEmpty)
        bench.loop.pass(milliseconds: 1)
        #expect(try stream.answers() == ["0110 000001 00", "0810 000002 00"])

        _ = try bench.control("late authorization 12000 count 1")
        let late = Self.request(3)
        try stream.send(late, Messages.networkManagement(.echoTest, trace: 4))
        bench.worker.workAll()
        try stream.send(Messages.reversal(of: late, trace: 5))
        bench.worker.workAll()
        #expect(try stream.answers() == ["0810 000004 00", "0430 000005 00"])
        bench.loop.pass(milliseconds: 11_999)
        #expect(try stream.answers().isEmpty)
        bench.loop.pass(milliseconds: 1)
        #expect(try stream.answers() == ["0110 000003 00"])
        #expect(bench.transactions.map(\.state) == [.approved, .reversed])
    }

    @Test("Silence, duplicates and lost connections do what they say")
    func otherFaults() throws {
        let bench = try Bench()
        var stream = try bench.connect()
        _ = try bench.control("silence all count 1")
        try stream.send(Self.request(1), Self.request(2))
        bench.worker.workAll()
        #expect(try stream.answers() == ["0110 000002 00"])
        _ = try bench.control("duplicate all count 1")
        try stream.send(Self.request(3))
        bench.worker.workAll()
        #expect(try stream.answers() == ["0110 000003 00", "0110 000003 00"])
        // What was answered before is sent; what follows is not read.
        _ = try bench.control("disconnect after reversal count 1")
        try stream.send(
            Self.request(4), Messages.reversal(of: Self.request(3), trace: 5), Self.request(6))
        bench.worker.workAll()
        #expect(try stream.answers() == ["0110 000004 00"])
        #expect(!stream.isOpen)
        #expect(bench.transactions.map(\.state) == [.approved, .approved, .reversed, .approved])
        stream = try bench.connect()
        _ = try bench.control("disconnect before all count 1")
        try stream.send(Self.request(7))
        bench.worker.workAll()
        #expect(!stream.isOpen)
        #expect(bench.transactions.count == 4)
        stream = try bench.connect()
        #expect(try bench.control("disconnect") == "ok disconnect\n")
        #expect(!stream.isOpen)
    }

    @Test("A malformed message is refused if it says who it is, else the connection ends")
    func malformed() throws {
        let bench = try Bench()
        let stream = try bench.connect()
        var bytes = try Codec.encode(Self.request(1), specification: .sunny1987)
        // The currency, which is the last element, loses its last character.
        bytes.removeLast()
        stream.send(try Frame.message(bytes[...]).encode(.link))
        bytes += Array("78surplus".utf8)
        stream.send(try Frame.message(bytes[...]).encode(.link))
        bench.worker.workAll()
        #expect(try stream.answers() == ["0110 000001 30", "0110 000001 30"])
        #expect(bench.transactions.isEmpty)
        try stream.send(Self.request(2))
        bytes[5] = UInt8(ascii: "?")
        stream.send(try Frame.message(bytes[...]).encode(.link))
        bench.worker.workAll()
        #expect(try stream.answers() == ["0110 000002 00"], "sent before the end")
        #expect(!stream.isOpen)
        let other = try bench.connect()
        other.send([0xFF, 0xFF])
        #expect(!other.isOpen, "a frame of 65,535 bytes")
    }

    @Test("A keep-alive is answered with the same")
    func keepAlive() throws {
        let bench = try Bench()
        let stream = try bench.connect()
        stream.send([0, 0])
        #expect(try stream.answers() == ["keep-alive"])
    }

    @Test("Connections are bounded, and a peer that is not answered is not read")
    func bounds() throws {
        let size = try Codec.encode(Self.request(1), specification: .sunny1987).count
        let bench = try Bench {
            $0.sessionCountMaximum = 2
            $0.heldByteCountMaximum = 2 * size
        }
        let (first, second) = (try bench.connect(), try bench.connect())
        #expect(try !bench.connect().isOpen)
        try first.send(Self.request(1), Self.request(2), Self.request(3))
        #expect(!first.isReading)
        #expect(bench.transactions.count == 2)
        #expect(second.isReading)
        bench.worker.workAll()
        #expect(first.isReading)
        #expect(try first.answers() == ["0110 000001 00", "0110 000002 00", "0110 000003 00"])
        first.setUnsent(2 * size)
        try first.send(Self.request(4))
        #expect(!first.isReading)
        #expect(bench.transactions.count == 3)
        first.setUnsent(0)
        bench.worker.workAll()
        #expect(try first.answers() == ["0110 000004 00"])
        second.end(.closedByPeer)
        bench.loop.turn()
        #expect(try bench.connect().isOpen)
    }

    @Test("The control port answers line by line and ends a line that is too long")
    func controlPort() throws {
        let bench = try Bench()
        let stream = try #require(bench.network.connect(port: Bench.controlPort))
        stream.send(Array("silence all cou".utf8))
        #expect(stream.takeWritten().isEmpty)
        stream.send(Array("nt 1\r\n\r\nnonsense\nstatus\n".utf8))
        #expect(
            String(decoding: stream.takeWritten(), as: UTF8.self) == """
                ok silence all count 1
                error unknown command, try help
                ok status
                tombstones on
                fault silence all count 1
                advices 0


                """)
        stream.send([0xFF, 0x0A])
        #expect(
            String(decoding: stream.takeWritten(), as: UTF8.self)
                == "error line is not text of up to 256 bytes\n")
        #expect(stream.isOpen)
        stream.send([UInt8](repeating: UInt8(ascii: "x"), count: 10_000))
        #expect(
            String(decoding: stream.takeWritten(), as: UTF8.self)
                == "error line is not text of up to 256 bytes\n")
        #expect(!stream.isOpen)
    }

    @Test("A host that stops closes its connections and finishes its journal")
    func stopping() throws {
        let bench = try Bench()
        let stream = try bench.connect()
        try stream.send(Self.request(1))
        let host = bench.host
        let isStopped = Box(false)
        bench.loop.turn {
            host.assumeIsolated { $0.stop { isStopped.value = true } }
        }
        #expect(!isStopped.value)
        #expect(!stream.isOpen)
        #expect(bench.network.connect(port: Bench.port) == nil)
        #expect(bench.network.connect(port: Bench.controlPort) == nil)
        bench.worker.workAll()
        #expect(isStopped.value)
        #expect(try bench.journal.records().transactions.count == 1)
        #expect(stream.takeWritten().isEmpty)
    }
}

import Environment

/// The control port: lines of text in, lines of text out. Belongs to the host's actor.
final class ControlPort {
    /// People and tests: a handful.
    static let connectionCountMaximum = 8
    /// A reply takes under 4 KiB; a peer that does not read more than that is let go.
    static let unsentByteCountMaximum = 1 << 16

    private let listener: any StreamListener
    private var connections: [(id: UInt64, stream: any ByteStream, lines: LineReader)] = []
    private var connectionCount: UInt64 = 0
    private var isClosed = false

    var address: SocketAddress { listener.address }

    init(host: isolated AcquirerHost, on address: SocketAddress) throws(NetworkError) {
        listener = try host.network.listen(on: address) { [host] stream in
            host.onLoop { $0.controlPort?.accepted(stream, $0) }
        }
    }

    /// Stops listening and ends the connections.
    func close() {
        isClosed = true
        listener.close()
        for connection in connections { connection.stream.abort() }
    }

    func accepted(_ stream: any ByteStream, _ host: isolated AcquirerHost) {
        guard !isClosed, connections.count < Self.connectionCountMaximum else {
            return stream.abort()
        }
        connectionCount += 1
        connections.append((connectionCount, stream, LineReader()))
        stream.start(ControlHandler(host: host, id: connectionCount))
    }

    func received(_ bytes: [UInt8], on id: UInt64, _ host: isolated AcquirerHost) {
        guard let index = connections.firstIndex(where: { $0.id == id }) else { return }
        let stream = connections[index].stream
        for line in connections[index].lines.read(bytes) {
            let reply: ControlReply
            do throws(ControlCommandError) {
                reply = host.perform(try ControlCommand(line.get()))
            } catch {
                reply = ControlReply(error)
            }
            stream.write(Array(reply.text.utf8))
            guard stream.unsentByteCount < Self.unsentByteCountMaximum else {
                return stream.abort()
            }
        }
        // Where the next line begins is not known.
        if connections.first(where: { $0.id == id })?.lines.isBroken == true { stream.close() }
    }

    func ended(_ id: UInt64) {
        connections.removeAll { $0.id == id }
    }
}

/// Hands the events of one control connection to the port.
private final class ControlHandler: ByteStreamHandler {
    private let host: AcquirerHost
    private let id: UInt64

    init(host: AcquirerHost, id: UInt64) {
        self.host = host
        self.id = id
    }

    func streamReceived(_ bytes: [UInt8]) {
        host.onLoop { $0.controlPort?.received(bytes, on: id, $0) }
    }

    func streamDrained() {}

    func streamEnded(_ end: StreamEnd) {
        host.onLoop { $0.controlPort?.ended(id) }
    }
}

/// Cuts a stream into lines, each ended by a line feed with or without a carriage return. Empty
/// lines are skipped.
struct LineReader {
    private var pending: [UInt8] = []
    /// Whether a line was too long: nothing more is read.
    private(set) var isBroken = false

    /// The lines that `bytes` complete.
    mutating func read(_ bytes: [UInt8]) -> [Result<String, ControlCommandError>] {
        var lines: [Result<String, ControlCommandError>] = []
        for byte in bytes where !isBroken {
            if byte == UInt8(ascii: "\n") {
                if pending.last == UInt8(ascii: "\r") { pending.removeLast() }
                if !pending.isEmpty {
                    let text = String(validating: pending, as: UTF8.self)
                    lines.append(text.map { .success($0) } ?? .failure(.unreadableLine))
                }
                pending.removeAll(keepingCapacity: true)
            } else if pending.count > ControlCommand.lineByteCountMaximum {
                isBroken = true
                pending = []
                lines.append(.failure(.unreadableLine))
            } else {
                pending.append(byte)
            }
        }
        return lines
    }
}

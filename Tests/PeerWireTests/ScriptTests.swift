import PeerWire
import Primitives
import ScriptKit
import Testing

/// Frames between nodes as text, in `Tests/Scripts/peerwire`. A script is one connection.
///
///     write     kind=, request=, group=, budget= (µs); the input is the payload in hexadecimal,
///               one message a line; prints the frame's bytes
///     feed      the input is bytes in hexadecimal; `zeros=N` feeds so many zeros after them
///     connect   begins a new connection
///
/// In `feed`, a word in brackets is computed: `[crc]` is the CRC-32C of the input's bytes before
/// it, so that a header can be wrong in one way only.
@Suite struct ScriptTests {
    @Test("frames by script", arguments: Script.names(in: "peerwire"))
    func script(name: String) {
        Script.verify(folder: "peerwire", name: name) {
            var decoder = PeerFrameDecoder()
            return { command in
                switch command.name {
                case "write":
                    try command.allow(keys: ["kind", "request", "group", "budget"])
                    return try write(command)
                case "feed":
                    try command.allow(keys: ["zeros"])
                    decoder.feed(try input(command))
                    return take(&decoder)
                case "connect":
                    try command.allow()
                    decoder = PeerFrameDecoder()
                    return ""
                default: throw command.unknown
                }
            }
        }
    }

    private func input(_ command: ScriptCommand) throws -> [UInt8] {
        var all: [UInt8] = []
        for word in command.input.flatMap({ $0.split(separator: " ") }) {
            if word == "[crc]" {
                var writer = ByteWriter()
                writer.writeFixed(CRC32C.checksum(all))
                all += writer.bytes
            } else {
                all += try #require(bytes(hexadecimal: word), "\(word) is not hexadecimal")
            }
        }
        return all + [UInt8](repeating: 0, count: try command.integer("zeros", default: 0))
    }

    private func write(_ command: ScriptCommand) throws -> String {
        let budget = try command.integer("budget", default: Int64.min)
        let header = PeerFrameHeader(
            kind: PeerFrameHeader.Kind(rawValue: try command.integer("kind")),
            requestID: try command.integer("request", default: 0),
            group: GroupID(try command.integer("group", default: 0)),
            budget: budget == .min ? nil : .microseconds(budget))
        var writer = PeerFrameWriter()
        for line in command.input {
            writer.payload.writeRaw(try #require(bytes(hexadecimal: line)))
        }
        let frame = try writer.finish(header)
        var decoder = PeerFrameDecoder()
        decoder.feed(frame)
        let parts = [
            frame[..<16], frame[16..<PeerFrame.headerByteCount],
            frame[PeerFrame.headerByteCount...],
        ]
        let lines = parts.filter { !$0.isEmpty }.map { hexadecimal($0) }
        return (lines + [take(&decoder)]).joined(separator: "\n")
    }

    private func take(_ decoder: inout PeerFrameDecoder) -> String {
        var lines: [String] = []
        do throws(PeerFrameError) {
            while let frame = try decoder.next() { lines.append(describe(frame)) }
            if decoder.pendingByteCount > 0 { lines.append("\(decoder.pendingByteCount) wait") }
        } catch {
            lines.append("refused: \(error)")
        }
        return lines.joined(separator: "\n")
    }
}

import ISO8583
import ScriptKit
import Testing

/// Messages, frames and chip data as text, in `Tests/Scripts/iso8583`.
///
///     decode ascii        the input is the message's text, its lines put together
///     decode hex|packed   the input is hexadecimal: of an ASCII message, or of a packed one;
///                         text= are elements that are text in this message
///     objects             the input is chip data in hexadecimal; depth=, count= are limits
///     frames STYLE        the input is a stream in hexadecimal; header=, maximum= of the format
///
/// What is read is written again and has to be the same, unless the output says `written`.
@Suite struct ScriptTests {
    @Test("ISO 8583 by script", arguments: Script.names(in: "iso8583"))
    func script(name: String) {
        Script.verify(folder: "iso8583", name: name) {
            { command in
                switch command.name {
                case "decode":
                    try command.allow(positionals: 1...1, keys: ["text"])
                    return try decode(command)
                case "objects":
                    try command.allow(positionals: 0...0, keys: ["depth", "count"])
                    return try objects(command)
                case "frames":
                    try command.allow(positionals: 1...1, keys: ["header", "maximum"])
                    return try frames(command)
                default: throw command.unknown
                }
            }
        }
    }

    private func decode(_ command: ScriptCommand) throws -> String {
        let form = try command.positional(0)
        let text = command.input.joined()
        let input = form == "ascii" ? Array(text.utf8) : try bytes(hexadecimal: text)
        var specification: MessageSpecification = form == "packed" ? .packed1987 : .sunny1987
        for number in try command.integers("text", default: [UInt8]()) {
            let number = try #require(FieldNumber(rawValue: number))
            specification.fields[number] = FieldDefinition(.text, .lllvar(.ascii), 999)
        }
        let message: Message
        do throws(MessageError) {
            message = try Codec.decode(input, specification: specification)
        } catch { return "refused: \(error)" }
        var lines = ["\(message.type)"]
        for number in message.fieldNumbers {
            let isBinary = specification.fields[number]?.content == .binary
            let value = message[number] ?? []
            lines.append(
                "DE \(number): "
                    + (isBinary
                        ? "x\(hexadecimal(value))"
                        : "\"\(String(decoding: value, as: UTF8.self))\""))
        }
        let written = try Codec.encode(message, specification: specification)
        if written != input { lines.append("written: \(hexadecimal(written))") }
        return lines.joined(separator: "\n")
    }

    private func objects(_ command: ScriptCommand) throws -> String {
        let input = try bytes(hexadecimal: command.input.joined())
        let limits = DataObjects.Limits(
            depthMaximum: try command.integer("depth", default: 4),
            countMaximum: try command.integer("count", default: 128))
        let objects: DataObjects
        do throws(DataObjectError) {
            objects = try DataObjects(input[...], limits: limits)
        } catch { return "refused: \(error)" }
        return objects.objects.map { object in
            String(repeating: "  ", count: object.depth)
                + String(object.tag, radix: 16, uppercase: true)
                + (object.isTemplate ? ":" : " \(hexadecimal(objects.value(of: object)))")
        }.joined(separator: "\n")
    }

    private func frames(_ command: ScriptCommand) throws -> String {
        let styles: [String: FrameFormat.LengthStyle] = [
            "binary2": .binary2, "binary3": .binary3, "binary2AndZeros": .binary2AndZeros,
            "ascii2": .ascii(digitCount: 2), "ascii4": .ascii4, "bcd2": .bcd2,
        ]
        let style = try #require(styles[try command.positional(0)])
        let format = FrameFormat(
            style, headerByteCount: try command.integer("header", default: 0),
            maximumByteCount: try command.integer("maximum", default: 8192))
        let input = try bytes(hexadecimal: command.input.joined())
        var decoder = FrameDecoder(format)
        decoder.feed(input)
        var lines: [String] = []
        var written: [UInt8] = []
        do throws(FrameError) {
            while let frame = try decoder.next() {
                switch frame {
                case .keepAlive:
                    lines.append("keep-alive")
                    written += try frame.encode(format)
                case .message(let bytes):
                    let header = decoder.header.isEmpty ? "" : "\(hexadecimal(decoder.header)) "
                    lines.append("message \(header)\(hexadecimal(bytes))")
                    written += try Frame.encode(bytes, format, header: decoder.header)
                }
            }
        } catch {
            lines.append("refused: \(error)")
        }
        if !input.starts(with: written) { lines.append("written: \(hexadecimal(written))") }
        if decoder.pendingByteCount > 0 { lines.append("\(decoder.pendingByteCount) bytes wait") }
        return lines.joined(separator: "\n")
    }
}

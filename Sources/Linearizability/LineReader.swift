import Primitives

/// Reads one line of a history. It knows this one shape and nothing else of JSON, so that nothing
/// nests and a line costs no more than its own size.
struct LineReader {
    struct Refusal: Error {
        let reason: StaticName
    }

    private var rest: ArraySlice<UInt8>

    init(_ line: ArraySlice<UInt8>) {
        rest = line
    }

    mutating func readOperation() throws(Refusal) -> History<RegisterModel>.Operation {
        try read("{", #""client""#, ":")
        guard let client = Int(exactly: try readInteger()) else {
            throw Refusal(reason: "a client that is no integer")
        }
        try read(",", #""op""#, ":")
        let name = try readString()
        try read(",", #""in""#, ":", "{", #""key""#, ":")
        let key = try readString()
        let input = try readInput(of: name)
        try read("}", ",", #""out""#, ":")
        let output = try readOutput(of: input)
        try read(",", #""call_ns""#, ":")
        let called = MonotonicInstant(nanoseconds: try readInteger())
        try read(",", #""return_ns""#, ":")
        let returned = try readOptionalInteger().map { MonotonicInstant(nanoseconds: $0) }
        try read("}")
        skipBlanks()
        guard rest.isEmpty else { throw Refusal(reason: "more after the operation") }
        if let returned {
            guard returned >= called else { throw Refusal(reason: "a return before its call") }
        } else {
            guard output == nil else { throw Refusal(reason: "an output without a return") }
        }
        return History.Operation(
            client: client, key: key, input: input, output: output, called: called,
            returned: returned)
    }

    private mutating func readInput(
        of name: String
    ) throws(Refusal) -> RegisterModel.Input {
        switch name {
        case "read": return .read
        case "write":
            try read(",", #""value""#, ":")
            return .write(try readInteger())
        case "cas":
            try read(",", #""expected""#, ":")
            let expected = try readOptionalInteger()
            try read(",", #""new""#, ":")
            return .compareAndSet(expected: expected, new: try readInteger())
        default: throw Refusal(reason: "an unknown operation")
        }
    }

    private mutating func readOutput(
        of input: RegisterModel.Input
    ) throws(Refusal) -> RegisterModel.Output? {
        if take("null") { return nil }
        try read("{")
        let output: RegisterModel.Output
        switch input {
        case .read:
            try read(#""value""#, ":")
            output = .value(try readOptionalInteger())
        case .write:
            try read(#""written""#, ":", "true")
            output = .written
        case .compareAndSet:
            try read(#""swapped""#, ":")
            let isSwapped = take("true")
            if !isSwapped { try read("false") }
            output = .swapped(isSwapped)
        }
        try read("}")
        return output
    }

    private mutating func skipBlanks() {
        rest = rest.drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
    }

    /// Consumes the token when it comes next, blanks before it not counted.
    private mutating func take(_ token: String) -> Bool {
        skipBlanks()
        guard rest.starts(with: token.utf8) else { return false }
        rest = rest.dropFirst(token.utf8.count)
        return true
    }

    private mutating func read(_ tokens: String...) throws(Refusal) {
        for token in tokens where !take(token) {
            throw Refusal(reason: "not the fields of an operation in their order")
        }
    }

    private mutating func readOptionalInteger() throws(Refusal) -> Int64? {
        take("null") ? nil : try readInteger()
    }

    private mutating func readInteger() throws(Refusal) -> Int64 {
        skipBlanks()
        let minus = UInt8(ascii: "-")
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        let text = rest.prefix { $0 == minus || digits.contains($0) }
        rest = rest.dropFirst(text.count)
        // JSON has one spelling of an integer, and so has the writer.
        let spelling = String(decoding: text, as: UTF8.self)
        guard let value = Int64(spelling), value.description == spelling else {
            throw Refusal(reason: "no integer of 64 bits")
        }
        return value
    }

    private mutating func readString() throws(Refusal) -> String {
        guard take("\"") else { throw Refusal(reason: "no string") }
        var bytes: [UInt8] = []
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: bytes, as: UTF8.self) else {
                    throw Refusal(reason: "a string that is not UTF-8")
                }
                return text
            case UInt8(ascii: "\\"): bytes.append(contentsOf: try readEscape())
            case 0..<0x20: throw Refusal(reason: "a control character in a string")
            default: bytes.append(byte)
            }
        }
        throw Refusal(reason: "a string without an end")
    }

    private mutating func readEscape() throws(Refusal) -> [UInt8] {
        switch rest.popFirst() {
        case UInt8(ascii: "\""): return [UInt8(ascii: "\"")]
        case UInt8(ascii: "\\"): return [UInt8(ascii: "\\")]
        case UInt8(ascii: "/"): return [UInt8(ascii: "/")]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0C]
        case UInt8(ascii: "n"): return [0x0A]
        case UInt8(ascii: "r"): return [0x0D]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "u"): return Array(String(try readScalar()).utf8)
        default: throw Refusal(reason: "an unknown escape")
        }
    }

    /// The scalar of `\uXXXX`, or of two of them that are a surrogate pair.
    private mutating func readScalar() throws(Refusal) -> Character {
        var value = UInt32(try readHex())
        if (0xD800..<0xDC00).contains(value) {
            guard rest.starts(with: "\\u".utf8) else {
                throw Refusal(reason: "half a surrogate pair")
            }
            rest = rest.dropFirst(2)
            let low = UInt32(try readHex())
            guard (0xDC00..<0xE000).contains(low) else {
                throw Refusal(reason: "half a surrogate pair")
            }
            value = 0x10000 + (value - 0xD800) << 10 + (low - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(value) else {
            throw Refusal(reason: "half a surrogate pair")
        }
        return Character(scalar)
    }

    private mutating func readHex() throws(Refusal) -> UInt16 {
        var value: UInt16 = 0
        for _ in 0..<4 {
            guard let byte = rest.popFirst(),
                let digit = Character(Unicode.Scalar(byte)).hexDigitValue
            else { throw Refusal(reason: "no four hexadecimal digits after \\u") }
            value = value << 4 | UInt16(digit)
        }
        return value
    }
}

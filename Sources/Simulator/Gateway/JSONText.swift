/// A JSON text as values: what a simulated client reads of an answer. Reads well-formed texts of
/// the gateway's own making; nil for anything else.
///
/// Members stay in their order and are looked for one by one: to hash them was a good part of a
/// world's instructions.
enum JSONText: Hashable {
    case null
    case bool(Bool)
    case number(Int64)
    case string(String)
    case array([JSONText])
    case object([Member])

    struct Member: Hashable {
        let name: String
        let value: JSONText
    }

    init?(_ bytes: [UInt8]) {
        var reader = Reader(bytes: bytes)
        guard let value = reader.value(depth: 0) else { return nil }
        reader.skipBlanks()
        guard reader.isAtEnd else { return nil }
        self = value
    }

    subscript(name: String) -> JSONText? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }

    var text: String? { if case .string(let text) = self { text } else { nil } }
    var integer: Int64? { if case .number(let number) = self { number } else { nil } }

    private struct Reader {
        let bytes: [UInt8]
        var position = 0

        var isAtEnd: Bool { position == bytes.count }
        private var next: UInt8? { isAtEnd ? nil : bytes[position] }

        mutating func skipBlanks() {
            while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
                position += 1
            }
        }

        private mutating func take(_ expected: Unicode.Scalar) -> Bool {
            guard next == UInt8(ascii: expected) else { return false }
            position += 1
            return true
        }

        private mutating func takeWord(_ expected: StaticString) -> Bool {
            let end = position + expected.utf8CodeUnitCount
            guard end <= bytes.count else { return false }
            for offset in 0..<expected.utf8CodeUnitCount
            where bytes[position + offset] != expected.utf8Start[offset] { return false }
            position = end
            return true
        }

        mutating func value(depth: Int) -> JSONText? {
            guard depth < 32 else { return nil }
            skipBlanks()
            switch next {
            case UInt8(ascii: "{"): return object(depth)
            case UInt8(ascii: "["): return array(depth)
            case UInt8(ascii: "\""): return string().map { .string($0) }
            case UInt8(ascii: "t"): return takeWord("true") ? .bool(true) : nil
            case UInt8(ascii: "f"): return takeWord("false") ? .bool(false) : nil
            case UInt8(ascii: "n"): return takeWord("null") ? .null : nil
            default: return number()
            }
        }

        private mutating func object(_ depth: Int) -> JSONText? {
            position += 1
            var members: [Member] = []
            skipBlanks()
            if take("}") { return .object(members) }
            while true {
                skipBlanks()
                guard let name = string() else { return nil }
                skipBlanks()
                guard take(":"), let value = value(depth: depth + 1) else { return nil }
                members.append(Member(name: name, value: value))
                skipBlanks()
                if take("}") { return .object(members) }
                guard take(",") else { return nil }
            }
        }

        private mutating func array(_ depth: Int) -> JSONText? {
            position += 1
            var elements: [JSONText] = []
            skipBlanks()
            if take("]") { return .array(elements) }
            while true {
                guard let element = value(depth: depth + 1) else { return nil }
                elements.append(element)
                skipBlanks()
                if take("]") { return .array(elements) }
                guard take(",") else { return nil }
            }
        }

        private mutating func string() -> String? {
            guard take("\"") else { return nil }
            let start = position
            while let byte = next {
                position += 1
                switch byte {
                case UInt8(ascii: "\""):
                    return String(decoding: bytes[start..<position - 1], as: UTF8.self)
                case UInt8(ascii: "\\"):
                    // Escapes are kept as they are: no check looks at text that has them.
                    if !isAtEnd { position += 1 }
                default: break
                }
            }
            return nil
        }

        private mutating func number() -> JSONText? {
            let start = position
            while let byte = next,
                byte == UInt8(ascii: "-")
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            {
                position += 1
            }
            return Int64(String(decoding: bytes[start..<position], as: UTF8.self)).map {
                .number($0)
            }
        }
    }
}

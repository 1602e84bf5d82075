/// Writes one JSON text (RFC 8259) member by member, in the order of the calls, two blanks to a
/// level. The same calls give the same bytes everywhere.
package struct JSONWriter {
    package private(set) var bytes: [UInt8] = []
    private var depth = 0
    /// Whether something was already written at this level, so that a comma has to come next.
    private var isFollower = false

    package init() {
        // A payment with its charge takes about four KiB.
        bytes.reserveCapacity(4096)
    }

    /// The root object.
    package static func object(_ body: (inout JSONWriter) -> Void) -> [UInt8] {
        var writer = JSONWriter()
        writer.object(body)
        writer.bytes.append(UInt8(ascii: "\n"))
        return writer.bytes
    }

    /// An object as a value: the root, or an element of an array.
    package mutating func object(_ body: (inout JSONWriter) -> Void) {
        startElement()
        container("{", "}", body)
    }

    package mutating func object(_ name: String, _ body: (inout JSONWriter) -> Void) {
        startMember(name)
        container("{", "}", body)
    }

    package mutating func array(_ name: String, _ body: (inout JSONWriter) -> Void) {
        startMember(name)
        container("[", "]", body)
    }

    /// A string as an element of an array.
    package mutating func element(_ text: String) {
        startElement()
        quoted(text)
    }

    package mutating func null(_ name: String) {
        startMember(name)
        raw("null")
    }

    /// Absent values are written as null.
    package mutating func member(_ name: String, _ text: String?) {
        startMember(name)
        if let text { quoted(text) } else { raw("null") }
    }

    package mutating func member(_ name: String, _ integer: Int64?) {
        startMember(name)
        raw(integer.map(String.init) ?? "null")
    }

    package mutating func member(_ name: String, _ flag: Bool) {
        startMember(name)
        raw(flag ? "true" : "false")
    }

    private mutating func startMember(_ name: String) {
        startElement()
        quoted(name)
        raw(": ")
    }

    private mutating func startElement() {
        if isFollower { bytes.append(UInt8(ascii: ",")) }
        if depth > 0 { newLine() }
        isFollower = true
    }

    private mutating func container(
        _ open: Unicode.Scalar, _ close: Unicode.Scalar, _ body: (inout JSONWriter) -> Void
    ) {
        bytes.append(UInt8(ascii: open))
        depth += 1
        isFollower = false
        body(&self)
        depth -= 1
        if isFollower { newLine() }
        bytes.append(UInt8(ascii: close))
        isFollower = true
    }

    private mutating func newLine() {
        bytes.append(UInt8(ascii: "\n"))
        for _ in 0..<depth * 2 { bytes.append(UInt8(ascii: " ")) }
    }

    // A payment has a hundred names and texts: each is looked at and copied as the bytes that it
    // is, and not character by character.

    private mutating func raw(_ text: String) {
        var text = text
        text.withUTF8 { bytes.append(contentsOf: $0) }
    }

    private mutating func quoted(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        var text = text
        let isWritten = text.withUTF8 { utf8 in
            guard utf8.allSatisfy(Self.isPlain) else { return false }
            bytes.append(contentsOf: utf8)
            return true
        }
        if !isWritten { escaped(text) }
        bytes.append(UInt8(ascii: "\""))
    }

    /// Whether a byte stands for itself in a quoted text.
    private static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte != 0x7F && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
    }

    private mutating func escaped(_ text: String) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""): raw(#"\""#)
            case UInt8(ascii: "\\"): raw(#"\\"#)
            case 0x08: raw(#"\b"#)
            case 0x09: raw(#"\t"#)
            case 0x0A: raw(#"\n"#)
            case 0x0C: raw(#"\f"#)
            case 0x0D: raw(#"\r"#)
            case 0x00..<0x20, 0x7F:
                raw(#"\u00"#)
                bytes.append(Self.hexadecimalDigits[Int(byte >> 4)])
                bytes.append(Self.hexadecimalDigits[Int(byte & 0xF)])
            default: bytes.append(byte)
            }
        }
    }

    private static let hexadecimalDigits = Array("0123456789abcdef".utf8)
}

public import Payments
public import Primitives

// What one node asks another to do for a merchant, and what comes back, as bytes for the links
// between nodes. Version 1 of both begins with the version and one tag; the four tags differ, so
// that an answer is never read as a request. The bytes end with the message: a frame carries its
// length, its checksum and what is left of the time.
//
//     ask      01 01 code merchant mode request-id claim command
//              01 02 merchant mode query
//     answer   01 03 reply to a command
//              01 04 reply to a query
//
// A verification code stands in front and not with its card, so that there is one place that holds
// it, and so that the bytes behind it have their room before it is written.

/// What a node asks of the one that serves a merchant's shard.
public enum MerchantAsk: Sendable {
    /// The deadline is not among the bytes: it is an instant of one node's clock, and the frame
    /// says how much time is left instead.
    case command(MerchantRequest)
    case query(MerchantQuery, merchant: MerchantID, isLive: Bool)

    /// The version of the binary form.
    public static let formatVersion: UInt8 = 1

    /// The most bytes of one ask. It says what a form of at most 64 KiB said, besides a sealed card
    /// and a few ids.
    public static let byteCountMax = 128 << 10

    /// Whether the bytes hold a card verification code. Then whoever carries them keeps them in
    /// buffers that it wipes, on both ends: once they are written, and once they are decoded. The
    /// code itself is its owner's to wipe, as before.
    public var isSensitive: Bool {
        switch self {
        case .command(let request): request.command.verificationCode != nil
        case .query: false
        }
    }

    /// The binary form, in a buffer of its own that was never moved, so that a wipe reaches every
    /// byte of a code. A code that was wiped before counts as none.
    public func encoded() -> [UInt8] {
        var body = ByteWriter(capacity: 512)
        switch self {
        case .command(let request):
            request.encode(to: &body)
            return Self.message(body.bytes, with: request.command.verificationCode)
        case .query(let query, let merchant, let isLive):
            body.write(Self.formatVersion)
            body.write(Tag.query)
            body.write(merchant)
            body.write(isLive)
            body.write(query)
            return body.bytes
        }
    }

    private static func message(_ body: [UInt8], with code: SensitiveBytes?) -> [UInt8] {
        // Version, tag and the longest count of a code's digits stand before the two parts.
        var writer = ByteWriter(capacity: 12 + (code?.count ?? 0) + body.count)
        writer.write(formatVersion)
        writer.write(Tag.command)
        writer.writeVarint(UInt64(code?.count ?? 0))
        code?.read { writer.writeRaw($0) }
        writer.writeRaw(body)
        return writer.bytes
    }

    /// Reads what `encoded` wrote. A code gets a buffer of its own; the bytes stay the caller's to
    /// wipe.
    ///
    /// - Parameter deadline: When the caller must have an answer, on this node's clock.
    /// - Throws: `unsupportedVersion` of a version that is not known, `invalid` of a tag that is
    ///   not known, a value that a merchant's shard could not take, or too many bytes.
    public init(
        encoded bytes: ArraySlice<UInt8>, deadline: MonotonicInstant
    ) throws(DecodingError) {
        guard bytes.count <= Self.byteCountMax else {
            throw .invalid(what: "size of an ask", offset: 0)
        }
        var reader = ByteReader(bytes)
        try reader.readVersion(Self.formatVersion)
        let start = reader.offset
        switch try reader.readByte() {
        case Tag.command:
            self = .command(try MerchantRequest(from: &reader, deadline: deadline))
        case Tag.query:
            let merchant = try reader.read(MerchantID.self)
            let isLive = try reader.readBool()
            self = .query(try reader.read(), merchant: merchant, isLive: isLive)
        default: throw .invalid(what: "ask", offset: start)
        }
        try reader.finish()
    }

    public init(encoded bytes: [UInt8], deadline: MonotonicInstant) throws(DecodingError) {
        try self.init(encoded: bytes[...], deadline: deadline)
    }
}

/// What the node that serves a merchant's shard answers.
public enum MerchantAnswer: Sendable {
    case command(CommandReply)
    case query(QueryReply)

    /// The version of the binary form.
    public static let formatVersion: UInt8 = 1

    /// The most bytes of one answer: as many as a frame carries. A page is `cut` to fit. A payment
    /// comes near it only with some sixty refunds and disputes that each brought a full form of
    /// 64 KiB; whoever answers sends a failure instead of one that is larger.
    public static let byteCountMax = 4 << 20

    /// The binary form. It is never sensitive: a card is sealed, and codes are not kept.
    public func encoded() -> [UInt8] {
        var writer = ByteWriter(capacity: 1024)
        writer.write(Self.formatVersion)
        switch self {
        case .command(let reply):
            writer.write(Tag.commandReply)
            writer.write(reply)
        case .query(let reply):
            writer.write(Tag.queryReply)
            writer.write(reply)
        }
        return writer.bytes
    }

    /// Reads what `encoded` wrote. Whoever asked looks whether it `fits` the question.
    ///
    /// - Throws: `unsupportedVersion` of a version that is not known, `invalid` of a tag that is
    ///   not known, an outcome that names what its payment does not have, or too many bytes.
    public init(encoded bytes: ArraySlice<UInt8>) throws(DecodingError) {
        guard bytes.count <= Self.byteCountMax else {
            throw .invalid(what: "size of an answer", offset: 0)
        }
        var reader = ByteReader(bytes)
        try reader.readVersion(Self.formatVersion)
        let start = reader.offset
        switch try reader.readByte() {
        case Tag.commandReply: self = .command(try reader.read())
        case Tag.queryReply: self = .query(try reader.read())
        default: throw .invalid(what: "answer", offset: start)
        }
        try reader.finish()
    }

    public init(encoded bytes: [UInt8]) throws(DecodingError) {
        try self.init(encoded: bytes[...])
    }
}

private enum Tag {
    static let command: UInt8 = 1
    static let query: UInt8 = 2
    static let commandReply: UInt8 = 3
    static let queryReply: UInt8 = 4
}

extension ByteReader {
    mutating func readVersion(_ known: UInt8) throws(DecodingError) {
        let start = offset
        let version = try readByte()
        guard version == known else {
            throw .unsupportedVersion(found: UInt64(version), offset: start)
        }
    }
}

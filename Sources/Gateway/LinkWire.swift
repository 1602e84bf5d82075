import ISO8583
import Payments
public import Primitives
package import Resilience

// What one node asks the owner of a region's links, and what comes back. Version 1 of both begins
// with the version and one tag; the tags are none that merchants' asks have (`MerchantWire.swift`).
//
//     ask      01 08                                       how are the links?
//              01 09 term send-by fence link kind message  write this
//              01 0a command                               drain, undrain
//     answer   01 0b report
//              01 0c term clock reply
//              01 0d outcome
//
// A message travels in the form of the link, without card number and verification code: the number
// is sealed by the vault, the code to the owner's key (`OwnerSealing`), with the message's bytes as
// what it belongs to. So no frame between nodes holds card data in clear.
//
// `send-by` is an instant of the owner's clock. The asker knows what that clock said at a moment
// before now; what it adds is the time since then, less a hundredth. So the instant comes no later
// than the one that the asker means, however long the ask is on its way.

/// What a node asks of the owner of a region's links.
package enum LinkAsk: Hashable, Sendable {
    case status
    case order(LinkOrderFrame)
    case change(LinkCommand)

    private static let formatVersion: UInt8 = 1

    /// A message, a sealed card and ids; the vault seals no more than 64 KiB.
    static let byteCountMax = 96 << 10

    private enum Tag {
        static let status: UInt8 = 8
        static let order: UInt8 = 9
        static let change: UInt8 = 10
    }

    package func encoded() -> [UInt8] {
        var writer = ByteWriter(capacity: 512)
        writer.write(Self.formatVersion)
        switch self {
        case .status:
            writer.write(Tag.status)
        case .order(let frame):
            writer.write(Tag.order)
            writer.write(frame)
        case .change(let command):
            writer.write(Tag.change)
            writer.write(command)
        }
        return writer.bytes
    }

    package init(encoded bytes: [UInt8]) throws(Primitives.DecodingError) {
        guard bytes.count <= Self.byteCountMax else {
            throw .invalid(what: "size of an ask", offset: 0)
        }
        var reader = ByteReader(bytes)
        try reader.readVersion(Self.formatVersion)
        let start = reader.offset
        switch try reader.readByte() {
        case Tag.status: self = .status
        case Tag.order: self = .order(try reader.read())
        case Tag.change: self = .change(try reader.read())
        default: throw .invalid(what: "ask", offset: start)
        }
        try reader.finish()
    }

}

/// An order on its way to the owner.
package struct LinkOrderFrame: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        case request(LinkSubject, SealedCard, sealedCode: [UInt8]?, followsAuthorization: Bool)
        case advice(undoes: LinkOrder.Undone?)
    }

    /// The owner's term.
    let term: Term
    /// On the owner's clock.
    let sendBy: MonotonicInstant
    let fence: LinkFence
    let link: String
    let kind: Kind
    /// In the form of the link.
    let message: [UInt8]

    package init(
        term: Term, sendBy: MonotonicInstant, fence: LinkFence, link: String, kind: Kind,
        message: [UInt8]
    ) {
        self.term = term
        self.sendBy = sendBy
        self.fence = fence
        self.link = link
        self.kind = kind
        self.message = message
    }
}

/// What the owner of a region's links answers.
package enum LinkAnswer: Hashable, Sendable {
    case report(LinkReport)
    /// What came of an order, with the owner's term and what its clock says now.
    case reply(LinkReply, term: Term, clock: MonotonicInstant)
    case changed(LinkRefusal?)

    private static let formatVersion: UInt8 = 1

    private enum Tag {
        static let report: UInt8 = 11
        static let reply: UInt8 = 12
        static let changed: UInt8 = 13
    }

    package func encoded() -> [UInt8] {
        var writer = ByteWriter(capacity: 512)
        writer.write(Self.formatVersion)
        switch self {
        case .report(let report):
            writer.write(Tag.report)
            writer.write(report)
        case .reply(let reply, let term, let clock):
            writer.write(Tag.reply)
            writer.writeVarint(term)
            writer.write(clock)
            writer.write(reply)
        case .changed(let refusal):
            writer.write(Tag.changed)
            writer.writeOptional(refusal) { $0.write($1.tag) }
        }
        return writer.bytes
    }

    package init(encoded bytes: [UInt8]) throws(Primitives.DecodingError) {
        var reader = ByteReader(bytes)
        try reader.readVersion(Self.formatVersion)
        let start = reader.offset
        switch try reader.readByte() {
        case Tag.report:
            self = .report(try reader.read())
        case Tag.reply:
            let term = try reader.readVarint()
            let clock = try reader.readInstant()
            self = .reply(try reader.read(), term: term, clock: clock)
        case Tag.changed:
            self = .changed(
                try reader.readOptional { (reader) throws(Primitives.DecodingError) in
                    try LinkRefusal(from: &reader)
                })
        default: throw .invalid(what: "answer", offset: start)
        }
        try reader.finish()
    }
}

// MARK: - Parts

extension ByteWriter {
    mutating func write(_ instant: MonotonicInstant) {
        writeSigned(instant.nanoseconds)
    }
}

extension ByteReader {
    mutating func readInstant() throws(Primitives.DecodingError) -> MonotonicInstant {
        MonotonicInstant(nanoseconds: try readSigned())
    }
}

extension LinkRefusal {
    fileprivate var tag: UInt8 {
        switch self {
        case .noSuchLink: 0
        case .tooMany: 1
        }
    }

    fileprivate init(from reader: inout ByteReader) throws(Primitives.DecodingError) {
        let start = reader.offset
        switch try reader.readByte() {
        case 0: self = .noSuchLink
        case 1: self = .tooMany
        default: throw .invalid(what: "refusal", offset: start)
        }
    }
}

extension LinkSession: BinaryCodable {
    package func encode(to writer: inout ByteWriter) {
        writer.writeVarint(UInt64(group.rawValue))
        writer.writeVarint(term)
        writer.writeVarint(stream)
    }

    package init(from reader: inout ByteReader) throws(Primitives.DecodingError) {
        group = GroupID(try reader.readInteger(UInt32.self))
        term = try reader.readVarint()
        stream = try reader.readVarint()
    }
}

extension LinkFence: BinaryCodable {
    package func encode(to writer: inout ByteWriter) {
        writer.writeVarint(UInt64(group.rawValue))
        writer.writeVarint(term)
    }

    package init(from reader: inout ByteReader) throws(Primitives.DecodingError) {
        group = GroupID(try reader.readInteger(UInt32.self))
        term = try reader.readVarint()
    }
}

extension LinkSubject: BinaryCodable {
    package func encode(to writer: inout ByteWriter) {
        writer.write(payment)
        writer.write(request)
    }

    package init(from reader: inout ByteReader) throws(Primitives.DecodingError) {
        payment = try reader.read()
        request = try reader.read()
    }
}

extension SealedCard: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.write(method)
        writer.write(merchant)
        writer.write(bytes)
    }

    public init(from reader: inout ByteReader) throws(Primitives.DecodingError) {
        method = try reader.read()
        merchant = try reader.read()
        bytes = try reader.readBytes()
    }
}

extension LinkOrder.Undone: BinaryCodable {
    package func encode(to writer: inout ByteWriter) {
        writer.writeOptional(session)
        writer.write(isQuiet)
    }

    package init(from reader: inout ByteReader) throws(Primitives.DecodingError) {
        session = try reader.readOptional()
        isQuiet = try reader.readBool()
    }
}

extension LinkOrderFrame: BinaryCodable {
    private enum Tag {
        static let request: UInt8 = 0
        static let advice: UInt8 = 1
    }

    package func encode(to writer: inout ByteWriter) {
        writer.writeVarint(term)
        writer.write(sendBy)
        writer.write(fence)
        writer.write(link)
        switch kind {
        case .request(let subject, let card, let sealedCode, let followsAuthorization):
            writer.write(Tag.request)
            writer.write(subject)
            writer.write(card)
            writer.writeOptional(sealedCode) { $0.write($1) }
            writer.write(followsAuthorization)
        case .advice(let undone):
            writer.write(Tag.advice)
            writer.writeOptional(undone)
        }
        writer.write(message)
    }

    package init(from reader: inout ByteReader) throws(Primitives.DecodingError) {
        term = try reader.readVarint()
        sendBy = try reader.readInstant()
        fence = try reader.read()
        link = try reader.readString()
        let start = reader.offset
        switch try reader.readByte() {
        case Tag.request:
            let subject: LinkSubject = try reader.read()
            let card: SealedCard = try reader.read()
            let code = try reader.readOptional { (reader) throws(Primitives.DecodingError) in
                try reader.readBytes()
            }
            kind = .request(
                subject, card, sealedCode: code, followsAuthorization: try reader.readBool())
        case Tag.advice:
            kind = .advice(undoes: try reader.readOptional())
        default: throw .invalid(what: "order", offset: start)
        }
        message = try reader.readBytes()
    }
}

import ISO8583
import Payments
public import Primitives
import Resilience

// The parts of what a links' owner answers.

extension LinkReply: BinaryCodable {
    private enum Tag {
        static let answered: UInt8 = 0
        static let refused: UInt8 = 1
        static let elsewhere: UInt8 = 2
        static let tooEarly: UInt8 = 3
        static let unanswered: UInt8 = 4
    }

    package func encode(to writer: inout ByteWriter) {
        switch self {
        case .answered(let message, let session):
            writer.write(Tag.answered)
            writer.write(session)
            // It was decoded by this specification a moment ago. An answer that does not fit it
            // is one that is not understood, as at the owner.
            writer.write((try? Codec.encode(message, specification: .sunny1987)) ?? [])
        case .notSent(.refused): writer.write(Tag.refused)
        case .notSent(.elsewhere): writer.write(Tag.elsewhere)
        case .notSent(.tooEarly(let rest)):
            writer.write(Tag.tooEarly)
            writer.writeSigned(rest.wholeNanoseconds)
        case .unanswered(let reason, let session):
            writer.write(Tag.unanswered)
            writer.write(reason.rawValue)
            writer.writeOptional(session)
        }
    }

    package init(from reader: inout ByteReader) throws(Primitives.DecodingError) {
        let start = reader.offset
        switch try reader.readByte() {
        case Tag.answered:
            let session: LinkSession = try reader.read()
            let bytes = try reader.readSlice()
            guard let message = try? Codec.decode(bytes, specification: .sunny1987) else {
                throw .invalid(what: "message", offset: start)
            }
            self = .answered(message, session: session)
        case Tag.refused: self = .notSent(.refused)
        case Tag.elsewhere: self = .notSent(.elsewhere)
        case Tag.tooEarly: self = .notSent(.tooEarly(.nanoseconds(try reader.readSigned())))
        case Tag.unanswered:
            guard let reason = UnknownReason(rawValue: try reader.readByte()) else {
                throw .invalid(what: "reason", offset: start)
            }
            self = .unanswered(reason, session: try reader.readOptional())
        default: throw .invalid(what: "reply", offset: start)
        }
    }
}

extension LinkReport: BinaryCodable {
    package func encode(to writer: inout ByteWriter) {
        writer.writeVarint(term)
        writer.write(clock)
        writer.write(publicKey)
        writer.writeArray(links)
    }

    package init(from reader: inout ByteReader) throws(Primitives.DecodingError) {
        term = try reader.readVarint()
        clock = try reader.readInstant()
        publicKey = try reader.readBytes()
        links = try reader.readArray()
    }
}

extension LinkStatus: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.write(name)
        writer.write(isLive)
        writer.write(session.rawValue)
        writer.write(breaker.tag)
        writer.write(mayAdmit)
        writer.write(standing.rawValue)
        writer.writeVarint(epoch)
        writer.writeVarint(UInt64(inFlightCount))
    }

    public init(from reader: inout ByteReader) throws(Primitives.DecodingError) {
        let start = reader.offset
        name = try reader.readString()
        isLive = try reader.readBool()
        guard let session = Session(rawValue: try reader.readByte()),
            let breaker = CircuitBreaker.StateName(tag: try reader.readByte())
        else { throw .invalid(what: "link", offset: start) }
        self.session = session
        self.breaker = breaker
        mayAdmit = try reader.readBool()
        guard let standing = LinkStanding(rawValue: try reader.readByte()) else {
            throw .invalid(what: "link", offset: start)
        }
        self.standing = standing
        epoch = try reader.readVarint()
        inFlightCount = try reader.readInteger(Int.self)
    }
}

extension CircuitBreaker.StateName {
    fileprivate var tag: UInt8 {
        switch self {
        case .closed: 0
        case .open: 1
        case .halfOpen: 2
        case .forcedOpen: 3
        case .forcedClosed: 4
        case .metricsOnly: 5
        case .disabled: 6
        }
    }

    fileprivate init?(tag: UInt8) {
        guard let found = Self.allCases.first(where: { $0.tag == tag }) else { return nil }
        self = found
    }
}

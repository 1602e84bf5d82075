public import Primitives

// Whether a link takes new attempts, as operators have decided: the state of a region's link shard.
//
//             drain                 nothing is in flight
//   open ─────────────▶ draining ─────────────────────────▶ drained
//     ▲                    │                                   │
//     └───── undrain ──────┴────────────── undrain ────────────┘
//
//   command    refused when                     event
//   ---------  -------------------------------  ------------------------------------------
//   drain      too many links have a record     stood draining; none when it does not take
//                                               attempts already
//   undrain    never                            stood open; none when it is open
//   emptied    never                            stood drained; none but for a link that is
//                                               draining at the epoch that is named
//
// What follows an authorization goes to the acquirer that gave it whatever stands here. A change
// names the epoch of the register that it was decided on, and counts only there.

/// Whether a link takes new attempts.
public enum LinkStanding: UInt8, Hashable, Sendable, CaseIterable {
    case open = 0
    /// No new ones; some that were begun before have no answer yet.
    case draining = 1
    /// No new ones, and none is under way.
    case drained = 2
}

extension LinkStanding: CustomStringConvertible {
    public var description: String {
        switch self {
        case .open: "open"
        case .draining: "draining"
        case .drained: "drained"
        }
    }
}

/// What was decided of one link.
public struct LinkRecord: Hashable, Sendable {
    /// As the configuration names it.
    public let name: String
    public internal(set) var standing: LinkStanding
    /// Counts the link's changes; 0 for one of which nothing was ever decided.
    public internal(set) var epoch: UInt64
}

/// What operators, and the links' owner, want to change.
public enum LinkCommand: Hashable, Sendable {
    case drain(String)
    case undrain(String)
    /// Nothing is in flight on a link that is drained since this epoch of its record.
    case emptied(String, epoch: UInt64)
}

/// What has changed.
public enum LinkEvent: Hashable, Sendable {
    case stood(String, LinkStanding)
}

/// Why nothing was changed.
public enum LinkRefusal: Error, Hashable, Sendable {
    /// The configuration of the links' owner has no link of this name.
    case noSuchLink
    /// As many links as there can be have a record already.
    case tooMany
}

/// An event, and the epoch of the register that it was decided on.
public struct LinkChange: Hashable, Sendable {
    public let base: UInt64
    public let event: LinkEvent

    public init(base: UInt64, event: LinkEvent) {
        self.base = base
        self.event = event
    }
}

/// What was decided of a region's links.
public struct LinkRegister: Hashable, Sendable {
    /// Counts the changes.
    public private(set) var epoch: UInt64 = 0
    /// By name. A link without one is open.
    public private(set) var records: [LinkRecord] = []

    /// More than a region has acquirers. Records stay when a link is gone from the configuration.
    public static let recordCountMax = 256
    /// The longest name of a link in bytes: that of a DNS label.
    public static let nameByteCountMax = 63
    /// No count of changes comes near.
    private static let epochMax: UInt64 = 1 << 62

    public init() {}

    public subscript(name: String) -> LinkRecord {
        records.first { $0.name == name } ?? LinkRecord(name: name, standing: .open, epoch: 0)
    }

    /// What a command leads to; nil when it is so already.
    public func decide(_ command: LinkCommand) -> Result<LinkEvent?, LinkRefusal> {
        switch command {
        case .drain(let name):
            switch self[name].standing {
            case .draining, .drained: return .success(nil)
            case .open: break
            }
            guard (1...Self.nameByteCountMax).contains(name.utf8.count) else {
                return .failure(.noSuchLink)
            }
            let isKnown = records.contains { $0.name == name }
            guard isKnown || records.count < Self.recordCountMax else { return .failure(.tooMany) }
            return .success(.stood(name, .draining))
        case .undrain(let name):
            switch self[name].standing {
            case .open: return .success(nil)
            case .draining, .drained: return .success(.stood(name, .open))
            }
        case .emptied(let name, let epoch):
            let record = self[name]
            switch record.standing {
            case .draining where record.epoch == epoch: return .success(.stood(name, .drained))
            case .open, .draining, .drained: return .success(nil)
            }
        }
    }

    /// Takes an event that was decided on this very register; nothing changes, and false comes
    /// back, when it was decided on another, or says what cannot be.
    public mutating func apply(_ change: LinkChange) -> Bool {
        guard change.base == epoch else { return false }
        switch change.event {
        case .stood(let name, let standing):
            guard (1...Self.nameByteCountMax).contains(name.utf8.count) else { return false }
            if let place = records.firstIndex(where: { $0.name == name }) {
                records[place].standing = standing
                records[place].epoch += 1
            } else {
                guard records.count < Self.recordCountMax else { return false }
                records.append(LinkRecord(name: name, standing: standing, epoch: 1))
                records.sort { $0.name < $1.name }
            }
        }
        epoch += 1
        return true
    }

    private var isSound: Bool {
        records.count <= Self.recordCountMax && epoch < Self.epochMax
            && records.allSatisfy {
                (1...Self.nameByteCountMax).contains($0.name.utf8.count) && $0.epoch <= epoch
            }
            && zip(records, records.dropFirst()).allSatisfy { $0.name < $1.name }
    }
}

// MARK: - As bytes

extension ByteReader {
    fileprivate mutating func readVersion(_ known: UInt8) throws(DecodingError) {
        let start = offset
        let version = try readByte()
        guard version == known else {
            throw .unsupportedVersion(found: UInt64(version), offset: start)
        }
    }

    fileprivate mutating func readLinkStanding() throws(DecodingError) -> LinkStanding {
        let start = offset
        guard let standing = LinkStanding(rawValue: try readByte()) else {
            throw .invalid(what: "standing of a link", offset: start)
        }
        return standing
    }
}

extension LinkRecord: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.write(name)
        writer.write(standing.rawValue)
        writer.writeVarint(epoch)
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        name = try reader.readString()
        standing = try reader.readLinkStanding()
        epoch = try reader.readVarint()
    }
}

extension LinkRegister: BinaryCodable {
    private static let version: UInt8 = 1

    public func encode(to writer: inout ByteWriter) {
        writer.write(Self.version)
        writer.writeVarint(epoch)
        writer.writeArray(records)
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.offset
        try reader.readVersion(Self.version)
        epoch = try reader.readVarint()
        records = try reader.readArray()
        guard isSound else { throw .invalid(what: "links", offset: start) }
    }
}

extension LinkChange: BinaryCodable {
    private static let version: UInt8 = 1

    private enum Tag {
        static let stood: UInt8 = 0
    }

    public func encode(to writer: inout ByteWriter) {
        writer.write(Self.version)
        writer.writeVarint(base)
        switch event {
        case .stood(let name, let standing):
            writer.write(Tag.stood)
            writer.write(name)
            writer.write(standing.rawValue)
        }
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        try reader.readVersion(Self.version)
        base = try reader.readVarint()
        let tag = reader.offset
        switch try reader.readByte() {
        case Tag.stood: event = .stood(try reader.readString(), try reader.readLinkStanding())
        default: throw .invalid(what: "event of a link", offset: tag)
        }
    }
}

extension LinkCommand: BinaryCodable {
    private enum Tag {
        static let drain: UInt8 = 0
        static let undrain: UInt8 = 1
        static let emptied: UInt8 = 2
    }

    public func encode(to writer: inout ByteWriter) {
        switch self {
        case .drain(let name):
            writer.write(Tag.drain)
            writer.write(name)
        case .undrain(let name):
            writer.write(Tag.undrain)
            writer.write(name)
        case .emptied(let name, let epoch):
            writer.write(Tag.emptied)
            writer.write(name)
            writer.writeVarint(epoch)
        }
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.offset
        switch try reader.readByte() {
        case Tag.drain: self = .drain(try reader.readString())
        case Tag.undrain: self = .undrain(try reader.readString())
        case Tag.emptied: self = .emptied(try reader.readString(), epoch: try reader.readVarint())
        default: throw .invalid(what: "command of a link", offset: start)
        }
    }
}

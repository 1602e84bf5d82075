public import Primitives

// The wire form, version 1:
//
//   'S' 'G' version  cluster:8  sender  recipient?  kind  body  update count, updates
//
// Integers are varints, texts have their length in front. An update is a flag byte (bits 0 and 1
// the standing, bit 2 a profile follows), subject, incarnation, the accuser of a suspect, profile.
// Golden bytes in the tests pin it; a change is a new version.

extension Message {
    /// The version that this build writes, and the only one that it reads.
    public static let version: UInt8 = 1
    static let magic: [UInt8] = [UInt8(ascii: "S"), UInt8(ascii: "G")]

    /// Bytes that a message of this kind may have.
    public var byteCountMax: Int { body.byteCountMax }

    /// Reads a message of `cluster`, or says what is wrong with it.
    public static func decode(
        _ bytes: [UInt8], cluster: ClusterID
    ) throws(Refusal) -> Message {
        // Before anything is looked at: no kind has more.
        guard bytes.count <= GossipLimits.pageByteCountMax else { throw .oversized }
        var reader = ByteReader(bytes)
        do throws(DecodingError) {
            guard try reader.readByte() == magic[0], try reader.readByte() == magic[1] else {
                throw DecodingError.invalid(what: "magic", offset: 0)
            }
        } catch { throw .malformed(error) }
        guard let version = try? reader.readByte(), version == Self.version else {
            throw .otherVersion
        }
        do {
            let found = ClusterID(try reader.readFixed(UInt64.self))
            guard found == cluster else { throw Refusal.otherCluster }
            let message = try Message(cluster: found, after: &reader)
            try reader.finish()
            guard bytes.count <= message.byteCountMax else { throw Refusal.oversized }
            return message
        } catch let error as DecodingError {
            throw .malformed(error)
        } catch let refusal as Refusal {
            throw refusal
        } catch {
            throw .malformed(.invalid(what: "message", offset: 0))
        }
    }

    private init(cluster: ClusterID, after reader: inout ByteReader) throws {
        self.cluster = cluster
        sender = try reader.readMember()
        recipient = try reader.readBool() ? try reader.readMember() : nil
        body = try Body(from: &reader)
        updates = try reader.readArray(Update.self)
        var subjects = Set<MemberID>(minimumCapacity: updates.count)
        for update in updates where !subjects.insert(update.claim.subject).inserted {
            throw Refusal.duplicateSubject
        }
        for update in updates where update.claim.incarnation > GossipLimits.incarnationMax {
            throw Refusal.incarnationOutOfRange
        }
        for case let profile? in updates.map(\.profile) where !profile.isValid {
            throw Refusal.profileOutOfRange
        }
        if case .digest(let page) = body { try page.check() }
        if case .records(let wanted) = body, !Self.isRising(wanted) { throw Refusal.listOutOfOrder }
    }

    /// The bytes that go over the wire.
    public var encoded: [UInt8] {
        var writer = ByteWriter(capacity: 256)
        writer.writeRaw(Self.magic)
        writer.write(Self.version)
        writer.writeFixed(cluster.rawValue)
        writer.write(sender)
        writer.writeOptional(recipient) { $0.write($1) }
        writer.write(body)
        writer.writeArray(updates)
        return writer.bytes
    }

    static func isRising(_ members: [MemberID]) -> Bool {
        zip(members, members.dropFirst()).allSatisfy { $0 < $1 }
    }

    /// Bytes around the updates, at the most: their count takes up to two bytes.
    static func overheadByteCount(
        sender: MemberID, recipient: MemberID?, body: Body
    ) -> Int {
        3 + 8 + WireSize.varint(sender.rawValue) + 1
            + (recipient.map { WireSize.varint($0.rawValue) } ?? 0) + body.byteCount + 2
    }
}

extension DigestPage {
    fileprivate func check() throws(Refusal) {
        let isInRange = entries.first.map { lower <= $0.member } ?? true
        let isWithin = entries.last.map { $0.member <= upper } ?? true
        guard lower <= upper, isInRange, isWithin, Message.isRising(entries.map(\.member)) else {
            throw .listOutOfOrder
        }
        guard entries.count <= GossipLimits.digestEntryCountMax else { throw .oversized }
        for entry in entries {
            guard entry.incarnation <= GossipLimits.incarnationMax,
                entry.profileVersion <= GossipLimits.incarnationMax
            else { throw .incarnationOutOfRange }
        }
    }
}

/// Bytes that values take on the wire, counted without writing them.
enum WireSize {
    static func varint(_ value: UInt64) -> Int {
        max(1, (UInt64.bitWidth - value.leadingZeroBitCount + 6) / 7)
    }

    static func text(_ text: String) -> Int {
        varint(UInt64(text.utf8.count)) + text.utf8.count
    }
}

// Not a conformance of `MemberID`: that would be of the whole program, and other rooms may write
// ids otherwise.
extension ByteWriter {
    fileprivate mutating func write(_ member: MemberID) {
        writeVarint(member.rawValue)
    }
}

extension ByteReader {
    fileprivate mutating func readMember() throws(DecodingError) -> MemberID {
        MemberID(try readVarint())
    }
}

extension Claim {
    var byteCount: Int {
        let accuser: Int
        if case .suspect(let by) = standing {
            accuser = WireSize.varint(by.rawValue)
        } else {
            accuser = 0
        }
        return 1 + WireSize.varint(subject.rawValue) + WireSize.varint(incarnation) + accuser
    }
}

extension Update: BinaryCodable {
    private static let profileFlag: UInt8 = 4

    public func encode(to writer: inout ByteWriter) {
        let rank = UInt8(claim.standing.rank)
        writer.write(profile == nil ? rank : rank | Self.profileFlag)
        writer.write(claim.subject)
        writer.writeVarint(claim.incarnation)
        if case .suspect(let accuser) = claim.standing { writer.write(accuser) }
        if let profile { writer.write(profile) }
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.offset
        let flags = try reader.readByte()
        guard flags < 8 else { throw .invalid(what: "update", offset: start) }
        let subject = try reader.readMember()
        let incarnation = try reader.readVarint()
        let standing: Standing =
            switch flags & 3 {
            case 0: .alive
            case 1: .suspect(by: try reader.readMember())
            case 2: .dead
            default: .left
            }
        claim = Claim(subject: subject, incarnation: incarnation, standing: standing)
        profile = flags & Self.profileFlag == 0 ? nil : try reader.read(Profile.self)
    }
}

extension Profile: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.writeVarint(version)
        writer.write(name)
        writer.write(address)
        writer.write(metadata.region)
        writer.write(metadata.zone)
        writer.writeVarint(UInt64(metadata.protocolVersion))
        writer.write(metadata.buildVersion)
        writer.write(metadata.load)
        writer.writeFixed(metadata.breakers.openCount)
        writer.writeFixed(metadata.breakers.halfOpenCount)
        writer.writeFixed(metadata.breakers.fingerprint)
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        self.init(
            version: try reader.readVarint(), name: try reader.readString(),
            address: try reader.readString(),
            metadata: Metadata(
                region: try reader.readString(), zone: try reader.readString(),
                protocolVersion: try reader.readInteger(UInt16.self),
                buildVersion: try reader.readString(), load: try reader.readByte(),
                breakers: BreakerDigest(
                    openCount: try reader.readFixed(UInt16.self),
                    halfOpenCount: try reader.readFixed(UInt16.self),
                    fingerprint: try reader.readFixed(UInt32.self))))
    }
}

extension DigestEntry: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.write(member)
        writer.writeVarint(incarnation)
        writer.write(rank)
        writer.writeVarint(profileVersion)
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        member = try reader.readMember()
        incarnation = try reader.readVarint()
        rank = try reader.readByte()
        guard rank < 4 else { throw .invalid(what: "standing", offset: reader.offset - 1) }
        profileVersion = try reader.readVarint()
    }
}

extension Message.Body: BinaryCodable {
    var byteCountMax: Int {
        switch self {
        case .ping, .acknowledgement, .pingRequest, .negativeAcknowledgement, .gossip:
            GossipLimits.packetByteCountMax
        case .digest, .records: GossipLimits.pageByteCountMax
        }
    }

    /// Bytes on the wire, the kind included.
    var byteCount: Int {
        switch self {
        case .ping(let sequence), .acknowledgement(let sequence),
            .negativeAcknowledgement(let sequence):
            1 + WireSize.varint(sequence)
        case .pingRequest(let sequence, let target):
            1 + WireSize.varint(sequence) + WireSize.varint(target.rawValue)
        case .gossip: 1
        case .digest, .records:
            // Written once for each page, not for each packet.
            encoded.count
        }
    }

    public func encode(to writer: inout ByteWriter) {
        switch self {
        case .ping(let sequence):
            writer.write(1 as UInt8)
            writer.writeVarint(sequence)
        case .acknowledgement(let sequence):
            writer.write(2 as UInt8)
            writer.writeVarint(sequence)
        case .pingRequest(let sequence, let target):
            writer.write(3 as UInt8)
            writer.writeVarint(sequence)
            writer.write(target)
        case .negativeAcknowledgement(let sequence):
            writer.write(4 as UInt8)
            writer.writeVarint(sequence)
        case .gossip:
            writer.write(5 as UInt8)
        case .digest(let page):
            writer.write(6 as UInt8)
            writer.write(page.lower)
            writer.write(page.upper)
            writer.writeArray(page.entries)
        case .records(let wanted):
            writer.write(7 as UInt8)
            writer.writeArray(wanted) { $0.write($1) }
        }
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.offset
        switch try reader.readByte() {
        case 1: self = .ping(sequence: try reader.readVarint())
        case 2: self = .acknowledgement(sequence: try reader.readVarint())
        case 3:
            self = .pingRequest(
                sequence: try reader.readVarint(), target: try reader.readMember())
        case 4: self = .negativeAcknowledgement(sequence: try reader.readVarint())
        case 5: self = .gossip
        case 6:
            self = .digest(
                DigestPage(
                    lower: try reader.readMember(), upper: try reader.readMember(),
                    entries: try reader.readArray(DigestEntry.self)))
        case 7:
            self = .records(
                wanted: try reader.readArray {
                    (reader: inout ByteReader) throws(DecodingError) in try reader.readMember()
                })
        default: throw .invalid(what: "kind", offset: start)
        }
    }
}

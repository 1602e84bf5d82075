public import Primitives

/// What nodes say to each other about support.
public struct LivenessMessage: Hashable, Sendable {
    public enum Body: Hashable, Sendable {
        /// Support me, under this epoch, for so long from when you read this.
        case heartbeat(epoch: SupportEpoch, round: UInt64, durationNanoseconds: Int64)
        /// The answer to the heartbeat of `round`. `life` is the epoch that the sender started
        /// under, another one after each start; `time` its clock when it answered.
        case reply(Answer, round: UInt64, life: SupportEpoch, time: MonotonicInstant)
    }

    public enum Answer: Hashable, Sendable {
        /// I support you under this epoch.
        case supported(SupportEpoch)
        /// I take no epoch of yours below this one.
        case outdated(SupportEpoch)
    }

    public let cluster: ClusterID
    public let from: MemberID
    public let to: MemberID
    public let body: Body

    public init(cluster: ClusterID, from: MemberID, to: MemberID, body: Body) {
        self.cluster = cluster
        self.from = from
        self.to = to
        self.body = body
    }
}

extension LivenessMessage: BinaryCodable {
    /// The version of the form that this code writes, and the only one that it reads.
    private static let version: UInt8 = 1

    private enum Tag {
        static let heartbeat: UInt8 = 0
        static let supported: UInt8 = 1
        static let outdated: UInt8 = 2
    }

    public func encode(to writer: inout ByteWriter) {
        writer.write(Self.version)
        writer.writeFixed(cluster.rawValue)
        writer.writeVarint(from.rawValue)
        writer.writeVarint(to.rawValue)
        switch body {
        case .heartbeat(let epoch, let round, let durationNanoseconds):
            writer.write(Tag.heartbeat)
            writer.writeVarint(epoch)
            writer.writeVarint(round)
            writer.writeSigned(durationNanoseconds)
        case .reply(let answer, let round, let life, let time):
            switch answer {
            case .supported(let epoch):
                writer.write(Tag.supported)
                writer.writeVarint(epoch)
            case .outdated(let epoch):
                writer.write(Tag.outdated)
                writer.writeVarint(epoch)
            }
            writer.writeVarint(round)
            writer.writeVarint(life)
            writer.writeSigned(time.nanoseconds)
        }
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let version = try reader.readByte()
        guard version == Self.version else {
            throw .unsupportedVersion(found: UInt64(version), offset: reader.offset - 1)
        }
        cluster = ClusterID(try reader.readFixed(UInt64.self))
        from = MemberID(try reader.readVarint())
        to = MemberID(try reader.readVarint())
        let tag = try reader.readByte()
        switch tag {
        case Tag.heartbeat:
            body = .heartbeat(
                epoch: try reader.readVarint(), round: try reader.readVarint(),
                durationNanoseconds: try reader.readSigned())
        case Tag.supported, Tag.outdated:
            let epoch = try reader.readVarint()
            body = .reply(
                tag == Tag.supported ? .supported(epoch) : .outdated(epoch),
                round: try reader.readVarint(), life: try reader.readVarint(),
                time: MonotonicInstant(nanoseconds: try reader.readSigned()))
        default:
            throw .invalid(what: "liveness message", offset: reader.offset - 1)
        }
    }
}

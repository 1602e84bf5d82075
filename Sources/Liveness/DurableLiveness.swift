public import Primitives

/// What a node must have on disk of its promises, written as a whole. When promises end is not in
/// it: after a restart each one is kept for its whole duration again.
public struct DurableLiveness: Hashable, Sendable {
    public enum Promise: Hashable, Sendable {
        /// Supported under the row's epoch, for so long from each heartbeat at most.
        case supporting(durationNanoseconds: Int64)
        /// Not supported under any epoch below the row's.
        case withdrawn
    }

    public struct Row: Hashable, Sendable {
        public let member: MemberID
        public let epoch: SupportEpoch
        public let promise: Promise

        public init(member: MemberID, epoch: SupportEpoch, promise: Promise) {
            self.member = member
            self.epoch = epoch
            self.promise = promise
        }
    }

    /// The node's own epoch.
    public let epoch: SupportEpoch
    /// No member without a row is supported under an epoch below this one: what is left of the rows
    /// of members that went away, so that none comes back to a promise that was withdrawn.
    public let floor: SupportEpoch
    /// By rising member id.
    public let rows: [Row]

    public init(epoch: SupportEpoch, floor: SupportEpoch = 0, rows: [Row] = []) {
        self.epoch = epoch
        self.floor = floor
        self.rows = rows
    }
}

extension DurableLiveness: BinaryCodable {
    /// The version of the form that this code writes, and the only one that it reads.
    private static let version: UInt8 = 1

    public func encode(to writer: inout ByteWriter) {
        writer.write(Self.version)
        writer.writeVarint(epoch)
        writer.writeVarint(floor)
        writer.writeArray(rows) { writer, row in
            writer.writeVarint(row.member.rawValue)
            writer.writeVarint(row.epoch)
            // No promise lasts for no time at all, so that zero says that there is none.
            switch row.promise {
            case .supporting(let durationNanoseconds):
                writer.writeSigned(durationNanoseconds)
            case .withdrawn:
                writer.writeSigned(0)
            }
        }
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let version = try reader.readByte()
        guard version == Self.version else {
            throw .unsupportedVersion(found: UInt64(version), offset: reader.offset - 1)
        }
        epoch = try Self.readEpoch(&reader)
        floor = try Self.readEpoch(&reader)
        let start = reader.offset
        rows = try reader.readArray { (reader) throws(DecodingError) in
            try Self.readRow(&reader)
        }
        guard rows.count <= Liveness.rowCountMax,
            zip(rows, rows.dropFirst()).allSatisfy({ $0.member < $1.member })
        else { throw .invalid(what: "liveness rows", offset: start) }
    }

    private static func readRow(_ reader: inout ByteReader) throws(DecodingError) -> Row {
        let member = MemberID(try reader.readVarint())
        let epoch = try readEpoch(&reader)
        let start = reader.offset
        let durationNanoseconds = try reader.readSigned()
        guard durationNanoseconds >= 0 else { throw .invalid(what: "duration", offset: start) }
        return Row(
            member: member, epoch: epoch,
            promise: durationNanoseconds == 0
                ? .withdrawn : .supporting(durationNanoseconds: durationNanoseconds))
    }

    private static func readEpoch(
        _ reader: inout ByteReader
    ) throws(DecodingError) -> SupportEpoch {
        let start = reader.offset
        let epoch = try reader.readVarint()
        guard epoch <= Liveness.epochMax else { throw .invalid(what: "epoch", offset: start) }
        return epoch
    }
}

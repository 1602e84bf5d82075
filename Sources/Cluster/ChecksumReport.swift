package import Primitives

/// What one member tells another of its state's checksums, as an ask and as the answer to one.
package struct ChecksumReport: Hashable, Sendable {
    package let group: GroupID
    /// How the sender encodes its rows (`ShardMachine.rowFormat`); of two formats nothing is
    /// compared.
    package let rowFormat: UInt8
    /// What the sender has applied. Of earlier windows that are not named it has no checksum.
    package let appliedIndex: LogIndex
    package let windows: [WindowChecksum]

    package init(
        group: GroupID, rowFormat: UInt8, appliedIndex: LogIndex, windows: [WindowChecksum]
    ) {
        self.group = group
        self.rowFormat = rowFormat
        self.appliedIndex = appliedIndex
        self.windows = windows
    }
}

extension ChecksumReport: BinaryCodable {
    private static let version: UInt8 = 1

    package func encode(to writer: inout ByteWriter) {
        writer.write(Self.version)
        writer.writeVarint(UInt64(group.rawValue))
        writer.write(rowFormat)
        writer.writeVarint(appliedIndex)
        writer.writeArray(windows) { writer, window in
            writer.writeVarint(window.end)
            writer.writeFixed(window.checksum)
        }
    }

    package init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.offset
        let version = try reader.readByte()
        guard version == Self.version else {
            throw .unsupportedVersion(found: UInt64(version), offset: start)
        }
        group = GroupID(try reader.readInteger(UInt32.self))
        rowFormat = try reader.readByte()
        appliedIndex = try reader.readVarint()
        windows = try reader.readArray { (reader) throws(DecodingError) in
            WindowChecksum(
                end: try reader.readVarint(), checksum: try reader.readFixed(UInt32.self))
        }
        guard windows.count <= StateChecksums.windowCountMax else {
            throw .invalid(what: "number of windows", offset: start)
        }
    }
}

import Crypto
package import Primitives

/// The running hash over all batches.
package struct ChainValue: Hashable, Sendable {
    private let low: UInt64
    private let high: UInt64

    /// Before the first batch.
    package static let genesis = ChainValue(low: 0, high: 0)

    private init(low: UInt64, high: UInt64) {
        self.low = low
        self.high = high
    }

    package init(from reader: inout ByteReader) throws(DecodingError) {
        low = try reader.readFixed(UInt64.self)
        high = try reader.readFixed(UInt64.self)
    }

    package func encode(into writer: inout ByteWriter) {
        writer.writeFixed(low)
        writer.writeFixed(high)
    }

    /// Where the checksums of batch headers begin in a segment that begins with this value.
    package var seed: UInt32 { UInt32(truncatingIfNeeded: low) }

    /// The value after a batch with these records, which lies in `bytes` with its header.
    package func following(_ bytes: ArraySlice<UInt8>, recordsByteCount: Int) -> ChainValue {
        var previous = ByteWriter(capacity: 16)
        encode(into: &previous)
        var hash = SHA256()
        previous.bytes.withUnsafeBytes { hash.update(bufferPointer: $0) }
        bytes.withUnsafeBytes { batch in
            let prefix = batch.prefix(JournalFormat.batchChainedPrefixByteCount)
            let body = batch.dropFirst(JournalFormat.batchHeaderByteCount)
                .prefix(recordsByteCount)
            hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: prefix))
            hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: body))
        }
        return hash.finalize().withUnsafeBytes { digest in
            ChainValue(
                low: UInt64(littleEndian: digest.loadUnaligned(as: UInt64.self)),
                high: UInt64(
                    littleEndian: digest.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
        }
    }
}

/// What stands before the records of a batch.
package struct BatchHeader: Hashable, Sendable {
    package let sequence: UInt64
    /// Recaps included, as in `recordCount`.
    package let recordsByteCount: Int
    package let recordCount: Int
    /// How many of the records are recaps of the batch before; they come first.
    package let recapCount: Int
    /// The chain after this batch.
    package let chain: ChainValue
    /// The chain before this batch: what it is whole by does not depend on the batch before.
    package let previousChain: ChainValue

    /// The batch on disk with header and padding.
    package var batchByteCount: Int {
        JournalFormat.padded(JournalFormat.batchHeaderByteCount + recordsByteCount)
    }

    /// Reads the header at `offset`; nil where none with a right checksum stands there.
    package init?(in bytes: [UInt8], at offset: Int, seed: UInt32) {
        let headerByteCount = JournalFormat.batchHeaderByteCount
        guard offset >= 0, offset <= bytes.count - headerByteCount else { return nil }
        let raw = bytes[offset..<(offset + headerByteCount)]
        guard raw.starts(with: JournalFormat.batchMagic) else { return nil }
        do throws(DecodingError) {
            var reader = ByteReader(raw)
            _ = try reader.readRaw(4)
            recapCount = Int(try reader.readFixed(UInt32.self))
            sequence = try reader.readFixed(UInt64.self)
            recordsByteCount = Int(try reader.readFixed(UInt32.self))
            recordCount = Int(try reader.readFixed(UInt32.self))
            chain = try ChainValue(from: &reader)
            previousChain = try ChainValue(from: &reader)
            _ = try reader.readRaw(4)
            let checksum = try reader.readFixed(UInt32.self)
            guard checksum == CRC32C.checksum(raw.dropLast(4), from: seed) else { return nil }
        } catch {
            return nil
        }
    }

    /// Whether what stands at `offset`, where no header with a right checksum does, was to become
    /// the header of this batch: one of the two is enough, so that no damaged byte can hide it.
    static func resembles(
        in bytes: [UInt8], at offset: Int, sequence: UInt64, previousChain: ChainValue
    ) -> Bool {
        guard offset <= bytes.count - JournalFormat.batchHeaderByteCount else { return false }
        let raw = bytes[offset..<(offset + JournalFormat.batchHeaderByteCount)]
        var previous = ByteWriter(capacity: 16)
        previousChain.encode(into: &previous)
        return raw.fixed(UInt64.self, at: 8) == sequence
            || raw.dropFirst(40).starts(with: previous.bytes)
    }

    /// Whether all of it is in `bytes` at `offset`, as it was written.
    package func isWhole(in bytes: [UInt8], at offset: Int) -> Bool {
        batchByteCount <= JournalFormat.batchByteCountMax
            && batchByteCount <= bytes.count - offset
            && recapCount <= recordCount
            && chain
                == previousChain.following(
                    bytes[offset..<(offset + batchByteCount)], recordsByteCount: recordsByteCount)
    }

    /// The bytes of a batch, padded, and the chain after it.
    package static func encodeBatch(
        _ records: [JournalRecord], recaps: [GroupRecap], sequence: UInt64,
        after previous: ChainValue, seed: UInt32
    ) -> (bytes: [UInt8], chain: ChainValue) {
        let headerByteCount = JournalFormat.batchHeaderByteCount
        let recordsByteCount =
            recaps.reduce(0) { $0 + $1.byteCount } + records.reduce(0) { $0 + $1.byteCount }
        let batchByteCount = JournalFormat.padded(headerByteCount + recordsByteCount)
        precondition(
            batchByteCount <= JournalFormat.batchByteCountMax,
            "a batch of \(batchByteCount) bytes; at most \(JournalFormat.batchByteCountMax)")

        var header = ByteWriter(capacity: headerByteCount)
        header.writeRaw(JournalFormat.batchMagic)
        header.writeFixed(UInt32(recaps.count))
        header.writeFixed(sequence)
        header.writeFixed(UInt32(recordsByteCount))
        header.writeFixed(UInt32(recaps.count + records.count))

        var bytes: [UInt8] = []
        bytes.reserveCapacity(batchByteCount)
        bytes.append(contentsOf: header.bytes)
        bytes.append(contentsOf: repeatElement(0, count: headerByteCount - bytes.count))
        for recap in recaps { recap.encode(into: &bytes, seed: seed) }
        for record in records { record.encode(into: &bytes, seed: seed) }
        bytes.append(contentsOf: repeatElement(0, count: batchByteCount - bytes.count))

        let chain = previous.following(bytes[...], recordsByteCount: recordsByteCount)
        chain.encode(into: &header)
        previous.encode(into: &header)
        header.writeRaw(repeatElement(0, count: headerByteCount - 4 - header.bytes.count))
        header.writeFixed(CRC32C.checksum(header.bytes, from: seed))
        bytes.replaceSubrange(0..<headerByteCount, with: header.bytes)
        return (bytes, chain)
    }
}

#if canImport(CChecksum)
import CChecksum
#endif

/// CRC-32C (Castagnoli, RFC 3720 appendix B.4): by the processor's instruction for it where there
/// is one, or eight bytes a step ("slicing by 8", Kounavis and Berry, 2005).
public enum CRC32C {
    /// The checksum of `bytes`, continuing from `crc`, the checksum of what came before.
    public static func checksum(_ bytes: some Sequence<UInt8>, from crc: UInt32 = 0) -> UInt32 {
        let contiguous = bytes.withContiguousStorageIfAvailable { update(crc, $0) }
        return contiguous ?? checksum(Array(bytes), from: crc)
    }

    /// The same for an array, without asking what kind of sequence it is.
    public static func checksum(_ bytes: [UInt8], from crc: UInt32 = 0) -> UInt32 {
        bytes.withUnsafeBufferPointer { update(crc, $0) }
    }

    /// The same for a part of an array.
    public static func checksum(_ bytes: ArraySlice<UInt8>, from crc: UInt32 = 0) -> UInt32 {
        bytes.withUnsafeBufferPointer { update(crc, $0) }
    }

    private static func update(_ crc: UInt32, _ bytes: UnsafeBufferPointer<UInt8>) -> UInt32 {
        #if canImport(CChecksum)
        // It reads `count` bytes from `baseAddress` on, all of which are the buffer's.
        if hasInstruction { return ~cchecksum_crc32c(~crc, bytes.baseAddress, bytes.count) }
        #endif
        return updateByTables(crc, bytes)
    }

    #if canImport(CChecksum)
    private static let hasInstruction = cchecksum_has_crc32c() != 0
    #endif

    /// `checksum` by tables, for a test that holds both against each other.
    package static func checksumByTables(_ bytes: [UInt8]) -> UInt32 {
        bytes.withUnsafeBufferPointer { updateByTables(0, $0) }
    }

    private static func updateByTables(
        _ crc: UInt32, _ bytes: UnsafeBufferPointer<UInt8>
    ) -> UInt32 {
        var crc = ~crc
        var index = 0
        tables.withUnsafeBufferPointer { tables in
            while index + 8 <= bytes.count {
                let low =
                    crc
                    ^ (UInt32(bytes[index]) | UInt32(bytes[index + 1]) << 8
                        | UInt32(bytes[index + 2]) << 16 | UInt32(bytes[index + 3]) << 24)
                crc =
                    tables[7 * 256 + Int(low & 0xFF)]
                    ^ tables[6 * 256 + Int((low >> 8) & 0xFF)]
                    ^ tables[5 * 256 + Int((low >> 16) & 0xFF)]
                    ^ tables[4 * 256 + Int(low >> 24)]
                    ^ tables[3 * 256 + Int(bytes[index + 4])]
                    ^ tables[2 * 256 + Int(bytes[index + 5])]
                    ^ tables[256 + Int(bytes[index + 6])]
                    ^ tables[Int(bytes[index + 7])]
                index += 8
            }
            while index < bytes.count {
                crc = (crc >> 8) ^ tables[Int((crc ^ UInt32(bytes[index])) & 0xFF)]
                index += 1
            }
        }
        return ~crc
    }

    /// Eight tables of 256, one after the other; the first is the plain byte-wise table.
    private static let tables: [UInt32] = {
        var tables = [UInt32](repeating: 0, count: 8 * 256)
        for byte in 0..<256 {
            var word = UInt32(byte)
            for _ in 0..<8 { word = word & 1 == 1 ? (word >> 1) ^ 0x82F6_3B78 : word >> 1 }
            tables[byte] = word
        }
        for table in 1..<8 {
            for byte in 0..<256 {
                let previous = tables[(table - 1) * 256 + byte]
                tables[table * 256 + byte] = (previous >> 8) ^ tables[Int(previous & 0xFF)]
            }
        }
        return tables
    }()
}

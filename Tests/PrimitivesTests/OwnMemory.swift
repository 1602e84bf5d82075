import Glibc

/// Looks for bytes in all memory of this process that could have been written to.
///
/// What is looked for is passed masked, as words, so that the look itself does not put it there.
enum OwnMemory {
    private static let pieceByteCount = 1 << 20

    /// How often `words`, each XOR `mask`, lie in memory one after the other; a place that is seen
    /// twice counts twice. Nil when the system does not let a process read itself.
    static func count(of words: [UInt64], mask: UInt64) -> Int? {
        let memory = open("/proc/self/mem", O_RDONLY)
        guard memory >= 0, let ranges = writableRanges() else { return nil }
        defer { close(memory) }
        let piece = UnsafeMutableRawBufferPointer.allocate(
            byteCount: pieceByteCount, alignment: 16)
        defer { piece.deallocate() }
        let overlap = words.count * 8
        var count = 0
        for range in ranges {
            var place = range.lowerBound
            while place < range.upperBound {
                let wanted = min(piece.count, range.upperBound - place)
                let found = pread(memory, piece.baseAddress, wanted, place)
                // A mapping that has ended meanwhile holds nothing.
                guard found > 0 else { break }
                count += Self.count(
                    of: words, mask, in: UnsafeRawBufferPointer(rebasing: piece[..<found]))
                piece.initializeMemory(as: UInt8.self, repeating: 0)
                place += found == wanted && wanted == piece.count ? found - overlap : found
            }
        }
        return count
    }

    private static func count(
        of words: [UInt64], _ mask: UInt64, in bytes: UnsafeRawBufferPointer
    ) -> Int {
        guard bytes.count >= words.count * 8 else { return 0 }
        var count = 0
        for start in 0...(bytes.count - words.count * 8) {
            var number = 0
            while number < words.count,
                bytes.loadUnaligned(fromByteOffset: start + number * 8, as: UInt64.self) ^ mask
                    == words[number]
            {
                number += 1
            }
            if number == words.count { count += 1 }
        }
        return count
    }

    private static func writableRanges() -> [Range<Int>]? {
        guard let file = fopen("/proc/self/maps", "r") else { return nil }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 4096)
        var ranges: [Range<Int>] = []
        while fgets(&line, Int32(line.count), file) != nil {
            let text = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self)
            let words = text.split(separator: " ")
            guard words.count > 1, words[1].hasPrefix("rw") else { continue }
            let ends = words[0].split(separator: "-").compactMap { Int($0, radix: 16) }
            if ends.count == 2, ends[0] < ends[1] { ranges.append(ends[0]..<ends[1]) }
        }
        return ranges
    }
}

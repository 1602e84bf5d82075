/// A file's content in pages that are shared between copies; a page that was never written is
/// empty and reads as zeros. So a preallocated file costs nothing, and syncing shares pages.
struct SparseBytes: Sendable {
    static let pageByteCount = 4096

    private(set) var byteCount = 0
    private var pages: [[UInt8]] = []

    func read(at offset: Int, count: Int) -> [UInt8] {
        guard offset < byteCount else { return [] }
        var result: [UInt8] = []
        let end = offset + min(count, byteCount - offset)
        result.reserveCapacity(end - offset)
        var position = offset
        while position < end {
            let (page, start) = position.quotientAndRemainder(dividingBy: Self.pageByteCount)
            let length = min(Self.pageByteCount - start, end - position)
            if pages[page].isEmpty {
                result.append(contentsOf: repeatElement(0, count: length))
            } else {
                result.append(contentsOf: pages[page][start..<start + length])
            }
            position += length
        }
        return result
    }

    mutating func write(_ bytes: ArraySlice<UInt8>, at offset: Int) {
        if offset + bytes.count > byteCount { resize(to: offset + bytes.count) }
        var position = offset
        var rest = bytes
        while !rest.isEmpty {
            let (page, start) = position.quotientAndRemainder(dividingBy: Self.pageByteCount)
            let length = min(Self.pageByteCount - start, rest.count)
            if pages[page].isEmpty {
                pages[page] = [UInt8](repeating: 0, count: Self.pageByteCount)
            }
            pages[page].replaceSubrange(start..<start + length, with: rest.prefix(length))
            rest = rest.dropFirst(length)
            position += length
        }
    }

    /// Cuts or grows; what is grown reads as zeros.
    mutating func resize(to newByteCount: Int) {
        let pageCount = (newByteCount + Self.pageByteCount - 1) / Self.pageByteCount
        if pageCount < pages.count { pages.removeLast(pages.count - pageCount) }
        while pages.count < pageCount { pages.append([]) }
        let tail = newByteCount % Self.pageByteCount
        if newByteCount < byteCount, tail > 0, let last = pages.last, !last.isEmpty {
            for index in tail..<Self.pageByteCount { pages[pageCount - 1][index] = 0 }
        }
        byteCount = newByteCount
    }

    /// Takes over the pages that hold `range` from `other`.
    mutating func share(_ range: Range<Int>, from other: SparseBytes) {
        guard !range.isEmpty else { return }
        let first = range.lowerBound / Self.pageByteCount
        let last = (range.upperBound - 1) / Self.pageByteCount
        guard first < min(pages.count, other.pages.count) else { return }
        for page in first...min(last, min(pages.count, other.pages.count) - 1) {
            pages[page] = other.pages[page]
        }
    }
}

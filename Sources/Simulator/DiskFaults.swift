/// What a disk does wrong from here on, beside losing what was not synced.
public struct DiskFaults: Hashable, Sendable {
    /// The next so many syncs fail with EIO, and what they should have written is lost.
    public var failingSynchronizationCount = 0
    /// The next so many writes are reported as done and change nothing: the medium lies.
    public var lostWriteCount = 0
    /// The next write lands so many bytes from where it should, in the same file, and what it
    /// should have replaced stays.
    public var misdirection: Int?
    /// While true, nothing grows and nothing is made: ENOSPC.
    public var isFull = false
    /// What all files may take together; nil for a disk that is never full by itself.
    public var capacityByteCount: Int?

    public init() {}

    /// Where a write goes; nil when it goes nowhere. Uses up the faults that it meets.
    mutating func place(ofWriteAt offset: Int) -> Int? {
        if lostWriteCount > 0 {
            lostWriteCount -= 1
            return nil
        }
        guard let misdirection else { return offset }
        self.misdirection = nil
        return max(0, offset + misdirection)
    }
}

/// Which of the data elements 1 to 128 a message has, in the order of the wire: bit 1 is the most
/// significant bit of the first word.
struct Bitmap: Hashable, Sendable {
    /// Bits 1 to 64.
    var first: UInt64 = 0
    /// Bits 65 to 128.
    var second: UInt64 = 0

    var count: Int { first.nonzeroBitCount + second.nonzeroBitCount }

    func contains(_ number: FieldNumber) -> Bool {
        let (word, mask) = place(of: number)
        return word & mask != 0
    }

    mutating func insert(_ number: FieldNumber) {
        let mask = place(of: number).mask
        if number.rawValue <= 64 { first |= mask } else { second |= mask }
    }

    mutating func remove(_ number: FieldNumber) {
        let mask = place(of: number).mask
        if number.rawValue <= 64 { first &= ~mask } else { second &= ~mask }
    }

    /// How many elements with a smaller number are there: the place of `number` among them.
    func rank(of number: FieldNumber) -> Int {
        let (word, mask) = place(of: number)
        let above = (word & ~(mask | (mask - 1))).nonzeroBitCount
        return number.rawValue <= 64 ? above : first.nonzeroBitCount + above
    }

    /// Removes and returns the element with the smallest number; nil when none is left. Bit 1 has
    /// to be cleared before, for it is no element.
    mutating func popFirst() -> FieldNumber? {
        if first != 0 {
            let zeros = first.leadingZeroBitCount
            first &= ~((1 << 63) >> UInt64(zeros))
            return FieldNumber(ofBit: zeros + 1)
        }
        guard second != 0 else { return nil }
        let zeros = second.leadingZeroBitCount
        second &= ~((1 << 63) >> UInt64(zeros))
        return FieldNumber(ofBit: zeros + 65)
    }

    private func place(of number: FieldNumber) -> (word: UInt64, mask: UInt64) {
        let mask = (1 as UInt64) << UInt64((128 - Int(number.rawValue)) % 64)
        return (number.rawValue <= 64 ? first : second, mask)
    }
}

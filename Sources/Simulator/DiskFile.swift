import Primitives

/// A file's content: as programs see it, as it is on the medium, and what lies between.
final class DiskFile {
    private enum Change {
        case write(offset: Int, bytes: [UInt8])
        case resize(byteCount: Int)
    }

    /// What a medium writes as a whole.
    static let sectorByteCount = 512

    private(set) var current = SparseBytes()
    private(set) var durable = SparseBytes()
    private var pending: [Change] = []

    func write(_ bytes: [UInt8], at offset: Int) {
        current.write(bytes[...], at: offset)
        pending.append(.write(offset: offset, bytes: bytes))
    }

    func resize(to byteCount: Int) {
        current.resize(to: byteCount)
        pending.append(.resize(byteCount: byteCount))
    }

    func synchronize() {
        for case .resize(let byteCount) in pending { durable.resize(to: byteCount) }
        durable.resize(to: current.byteCount)
        for case .write(let offset, let bytes) in pending {
            durable.share(offset..<offset + bytes.count, from: current)
        }
        pending = []
    }

    /// A sync that fails leaves the page cache clean: programs go on to read what they wrote, and
    /// no later sync brings it to the medium.
    func failSynchronize() {
        pending = []
    }

    /// What was not synced survives whole, in some of its sectors, or not at all.
    func losePower(_ random: inout SeededRandom) {
        for change in pending {
            switch change {
            case .resize(let byteCount):
                if random.chance(1, in: 2) { durable.resize(to: byteCount) }
            case .write(let offset, let bytes):
                switch random.next() % 3 {
                case 0: break
                case 1: durable.write(bytes[...], at: offset)
                default: writeTorn(bytes, at: offset, &random)
                }
            }
        }
        pending = []
        current = durable
    }

    private func writeTorn(_ bytes: [UInt8], at offset: Int, _ random: inout SeededRandom) {
        var position = 0
        while position < bytes.count {
            let start = offset + position
            let end = (start / Self.sectorByteCount + 1) * Self.sectorByteCount
            let length = min(end - start, bytes.count - position)
            if random.chance(1, in: 2) {
                durable.write(bytes[position..<position + length], at: start)
            }
            position += length
        }
    }

    /// Changes a bit on the medium and in the cache: a medium that decays.
    func flipBit(_ bit: Int, ofByteAt offset: Int) {
        for byte in current.read(at: offset, count: 1) {
            current.write([byte ^ (1 << UInt8(bit & 7))], at: offset)
        }
        for byte in durable.read(at: offset, count: 1) {
            durable.write([byte ^ (1 << UInt8(bit & 7))], at: offset)
        }
    }
}

import Primitives

/// The state machine of a group in the core world: a few registers.
struct RegisterMachine: Hashable {
    /// How many registers a group has.
    static let keyCount = 3

    /// A command, as it stands in an entry.
    enum Command {
        case write(key: Int, value: Int64)
        case compareAndSet(key: Int, expected: Int64?, new: Int64)

        var encoded: [UInt8] {
            var writer = ByteWriter(capacity: 24)
            switch self {
            case .write(let key, let value):
                writer.write(UInt8(1))
                writer.write(UInt8(key))
                writer.writeSigned(value)
            case .compareAndSet(let key, let expected, let new):
                writer.write(UInt8(2))
                writer.write(UInt8(key))
                writer.writeSigned(expected ?? -1)
                writer.writeSigned(new)
            }
            return writer.bytes
        }
    }

    private(set) var values = [Int64?](repeating: nil, count: keyCount)
    /// Covers every command that was applied, in order.
    private(set) var digest: UInt64 = 14_695_981_039_346_656_037

    /// The value that a command writes, if it does.
    static func writtenValue(_ payload: [UInt8]) -> Int64? {
        var reader = ByteReader(payload)
        guard let kind = try? reader.readByte(), (try? reader.readByte()) != nil else { return nil }
        if kind == 2, (try? reader.readSigned()) == nil { return nil }
        return try? reader.readSigned()
    }

    /// Applies a payload; true unless a condition in it was not met.
    mutating func apply(_ payload: [UInt8]) -> Bool {
        for byte in payload { digest = (digest ^ UInt64(byte)) &* 1_099_511_628_211 }
        var reader = ByteReader(payload)
        do {
            let kind = try reader.readByte()
            let key = Int(try reader.readByte())
            guard values.indices.contains(key) else { return false }
            if kind == 1 {
                values[key] = try reader.readSigned()
                return true
            }
            let expected = try reader.readSigned()
            let new = try reader.readSigned()
            guard values[key] == (expected < 0 ? nil : expected) else { return false }
            values[key] = new
            return true
        } catch {
            preconditionFailure("a command of the world's own cannot be read: \(error)")
        }
    }

    /// The state as the bytes of a snapshot.
    var encoded: [UInt8] {
        var writer = ByteWriter()
        for value in values { writer.writeSigned(value ?? -1) }
        writer.writeFixed(digest)
        return writer.bytes
    }

    init() {}

    init?(encoded bytes: [UInt8]) {
        var reader = ByteReader(bytes)
        do {
            for place in values.indices {
                let value = try reader.readSigned()
                values[place] = value < 0 ? nil : value
            }
            digest = try reader.readFixed(UInt64.self)
        } catch {
            return nil
        }
    }
}

/// What a step of the world did, as the trace has it.
enum StepKind: UInt8, Sendable {
    case scenario = 1
    case job
    case action
    case timer
    case endOfTurn
    case stream
    case segment
    case acknowledgement
    case connection
    case link
    case work
    case completion
    case process
    case note
    case escaped
}

/// A running hash of all that happened: FNV-1a over 64-bit words, with a rotation because the
/// multiplication alone never carries high bits down.
struct TraceHash: Sendable {
    private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

    mutating func mix(_ word: UInt64) {
        value = (value ^ word) &* 0x0000_0100_0000_01b3
        value = (value << 29) | (value >> 35)
    }

    mutating func mix(_ text: String) {
        for byte in text.utf8 { mix(UInt64(byte)) }
        mix(UInt64(text.utf8.count))
    }
}

/// A seed that depends on all of another seed and on a label: consumers of chance have one each, so
/// that a new one does not shift what the others draw.
func derivedSeed(_ seed: UInt64, _ label: String) -> UInt64 {
    var hash = TraceHash()
    hash.mix(seed)
    hash.mix(label)
    return hash.value
}

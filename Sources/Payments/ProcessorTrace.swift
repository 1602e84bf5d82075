public import Primitives

/// What identifies one message to a processor: unique for ever within a link.
public struct ProcessorTrace: Hashable, Sendable {
    /// The link's name in the configuration.
    public let link: String
    /// The shard that sends, 0 to 46,655: three characters of base 36.
    public let shard: UInt32
    /// Counts the shard's messages over all links.
    public let sequence: UInt64
    /// The moment for DE 7.
    public let transmittedAt: Timestamp

    public init(link: String, shard: UInt32, sequence: UInt64, transmittedAt: Timestamp) {
        self.link = link
        self.shard = shard
        self.sequence = sequence
        self.transmittedAt = transmittedAt
    }

    private static let stanCount: UInt64 = 999_999

    /// DE 11, 1 to 999,999: the system trace audit number.
    public var stan: UInt32 { UInt32(sequence % Self.stanCount) + 1 }

    /// DE 41, eight characters: the shard, and how often its STANs ran out. Together with the STAN
    /// it does not repeat.
    public var terminal: String {
        Base36.text(UInt64(shard), width: 3) + Base36.text(sequence / Self.stanCount, width: 5)
    }

    /// DE 37, twelve characters: the retrieval reference number.
    public var reference: String {
        Base36.text(UInt64(shard), width: 3) + Base36.text(sequence, width: 9)
    }

    /// The shard that a reference names; nil for text that is no reference of ours.
    public static func shard(ofReference reference: String) -> UInt32? {
        guard reference.utf8.count == 12 else { return nil }
        return Base36.value(reference.prefix(3)).flatMap { UInt32(exactly: $0) }
    }
}

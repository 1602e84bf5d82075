import Payments
import Primitives

// An approval that came after its attempt was given up, on the way from the node whose link heard
// it to the leader of the shard, which gives back what it holds. Its first two bytes tell it from
// what merchants ask (`MerchantWire.swift`):
//
//     notice   01 05 payment request
//              01 06 link reference type terminal stan
//     answer   01 07
//
// The answer says that the shard has seen to it; without one the notice is sent again.

/// What a link heard too late.
enum LateApproval: Hashable, Sendable {
    /// Of an attempt that the link remembers.
    case remembered(LinkSubject)
    case unmatched(UnmatchedApproval)

    private enum Tag {
        static let remembered: UInt8 = 5
        static let unmatched: UInt8 = 6
        static let seenTo: UInt8 = 7
    }

    private static let formatVersion: UInt8 = 1

    /// What the shard's leader answers.
    static let seenTo: [UInt8] = [formatVersion, Tag.seenTo]

    func encoded() -> [UInt8] {
        var writer = ByteWriter()
        writer.write(Self.formatVersion)
        switch self {
        case .remembered(let subject):
            writer.write(Tag.remembered)
            writer.write(subject)
        case .unmatched(let approval):
            writer.write(Tag.unmatched)
            writer.write(approval)
        }
        return writer.bytes
    }

    /// Nil for bytes that are something else.
    init?(encoded bytes: [UInt8]) {
        var reader = ByteReader(bytes)
        do {
            try reader.readVersion(Self.formatVersion)
            switch try reader.readByte() {
            case Tag.remembered:
                self = .remembered(try reader.read())
            case Tag.unmatched:
                self = .unmatched(try reader.read())
            default:
                return nil
            }
            try reader.finish()
        } catch {
            return nil
        }
    }
}

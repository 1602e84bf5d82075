public import Primitives

// What a shard writes to disks, its own node's and those of others, is sealed: the entries of its
// log by the leader that proposes them, the rows of its state by each node for itself. Between
// there and where they are used, on the links, on every disk and in snapshots, they are not to be
// read. Consensus, journal and state store carry sealed bytes as they carry others, and the
// journal's chain runs over them.

/// What a key seals. No two uses have one key.
public enum SealingUse: Hashable, Sendable {
    /// The entries of one leadership of a group, by one life of a node, which it has drawn a number
    /// for that its entries carry; never 0.
    ///
    /// The term alone would not do. A node whose whole disk was put back to an earlier day leads
    /// its next term again, and must not seal the same index twice under one key.
    case entries(GroupID, term: Term, keyID: UInt32)
    /// The rows that one life of a node writes of a group's state.
    case rows(GroupID, life: UInt64)
}

/// Makes the keys that the shards of a jurisdiction are sealed under. In a node, over its vault.
public protocol Sealer: Sendable {
    /// Tells apart sealers that do not open each other's, and nothing else of their keys; never 0.
    var fingerprint: UInt64 { get }

    /// The same from every sealer of the same fingerprint.
    func key(for use: SealingUse) -> any SealingKey
}

/// Seals and opens what one use is of.
public protocol SealingKey: Sendable {
    /// The payload so that nobody without the key can read it, or change it, or what stands beside
    /// it, or pass it for another: longer by `Seal.byteCount`.
    ///
    /// - Parameter number: of what is sealed under one number, only one may ever be seen by others.
    /// - Parameter beside: what is not sealed, and has to be the same to open it.
    func seal(_ payload: [UInt8], number: UInt64, beside: [UInt8]) -> [UInt8]

    /// What was sealed; nil for what was not sealed under this key and number, beside this.
    func open(_ sealed: ArraySlice<UInt8>, number: UInt64, beside: [UInt8]) -> [UInt8]?
}

public enum Seal {
    /// What a sealed payload is longer by than what is in it.
    public static let byteCount = 16
}

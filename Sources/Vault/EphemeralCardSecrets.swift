import Crypto
public import Primitives

/// Card verification codes between a payment's beginning and its final outcome: in memory only,
/// encrypted to a key that ends with this value, never for longer than 15 minutes.
///
/// There is one owner: the value cannot be copied. A code's ciphertext is wiped when it is taken,
/// replaced or expired; the key is wiped by swift-crypto when the value goes, and without it no
/// ciphertext says anything. A crash loses every code, which is meant: the payment goes on without.
/// What wiping cannot reach is said with `SoftwareKeyVault`.
public struct EphemeralCardSecrets: ~Copyable {
    /// How long a code is kept (the longest a payment waits for the payer's answer).
    public static let lifetime = Duration.seconds(15 * 60)
    /// About 30 MB at the most; 111 payments a second for 15 minutes without one being finished.
    public static let countMax = 100_000
    /// A code has three or four digits.
    private static let codeByteCounts = 3...4
    /// Longer than any id of ours.
    private static let idByteCountMax = 255

    private struct Entry {
        /// Ciphertext and tag. The nonce is the number.
        var sealed: [UInt8]
        let number: UInt64
        let deadline: MonotonicInstant
    }

    private let key: SymmetricKey
    private let countLimit: Int
    private var entries: [String: Entry] = [:]
    /// Numbers and ids in the order of putting, which is that of the deadlines. An entry whose
    /// number is no longer that of its id was taken or replaced.
    private var order: [(number: UInt64, id: String)] = []
    private var orderStart = 0
    private var lastNumber: UInt64 = 0

    /// An empty store with a key of its own from `random`, the operating system's generator.
    public init(random: any RandomSource) {
        self.init(random: random, countLimit: Self.countMax)
    }

    /// The same with a smaller bound, for tests.
    package init(random: any RandomSource, countLimit: Int) {
        var bytes = random.bytes(32)
        key = SymmetricKey(data: bytes)
        wipe(&bytes)
        self.countLimit = countLimit
    }

    /// How many codes are held, expired ones that were not yet asked for included.
    public var count: Int { entries.count }

    /// Keeps `code` for the payment `id` until `now` + 15 minutes, in place of one it had.
    ///
    /// - Throws: `tooManyCodes` when the store is full of codes that have not expired: the payment
    ///   goes on without. Whoever puts too many does not push out others' codes.
    ///   `invalidCode` for a length that no code or id has.
    public mutating func put(
        _ id: String, code: Secret<[UInt8]>, now: MonotonicInstant
    ) throws(VaultError) {
        guard code.reveal({ Self.codeByteCounts.contains($0.count) }),
            id.utf8.count <= Self.idByteCountMax
        else { throw .invalidCode }
        expire(now)
        remove(id)
        guard entries.count < countLimit else { throw .tooManyCodes }
        lastNumber += 1
        let sealed = code.reveal { seal($0, id, lastNumber) }
        entries[id] = Entry(sealed: sealed, number: lastNumber, deadline: now + Self.lifetime)
        order.append((lastNumber, id))
        compact()
    }

    /// The code of the payment `id`, which the store forgets; nil when there is none, or no longer.
    public mutating func take(_ id: String, now: MonotonicInstant) -> Secret<[UInt8]>? {
        let code = peek(id, now: now)
        remove(id)
        return code
    }

    /// The code of the payment `id`, which the store keeps; nil when there is none, or no longer.
    public func peek(_ id: String, now: MonotonicInstant) -> Secret<[UInt8]>? {
        guard let entry = entries[id], now < entry.deadline else { return nil }
        return open(entry, id)
    }

    /// Wipes the codes whose time is over.
    ///
    /// - Returns: how many these were.
    @discardableResult
    public mutating func expire(_ now: MonotonicInstant) -> Int {
        var expiredCount = 0
        while orderStart < order.count {
            let (number, id) = order[orderStart]
            // The entry itself is not held here, or its wiping would reach only a copy.
            if entries[id]?.number == number, let deadline = entries[id]?.deadline {
                guard deadline <= now else { break }
                remove(id)
                expiredCount += 1
            }
            orderStart += 1
        }
        compact()
        return expiredCount
    }

    private mutating func remove(_ id: String) {
        guard let index = entries.index(forKey: id) else { return }
        wipe(&entries.values[index].sealed)
        entries.remove(at: index)
    }

    /// Drops what `order` has beyond the entries once it is more than half of it, so that putting
    /// and taking for ever costs no memory, and on average constant time.
    private mutating func compact() {
        guard order.count > 2 * entries.count + 64 else { return }
        let held = order[orderStart...].filter { entries[$0.id]?.number == $0.number }
        order = held
        orderStart = 0
    }

    /// The nonce counts up under a key that no other process has, so it never comes twice (NIST SP
    /// 800-38D, section 8.2.1). The id is authenticated.
    private func seal(_ code: [UInt8], _ id: String, _ number: UInt64) -> [UInt8] {
        do {
            let box = try AES.GCM.seal(
                code, using: key, nonce: AES.GCM.Nonce(data: Self.nonce(number)),
                authenticating: Array(id.utf8))
            return Array(box.ciphertext) + Array(box.tag)
        } catch {
            // Nothing here depends on input: the key has 32 bytes and the nonce 12.
            preconditionFailure("AES-256-GCM refused to encrypt")
        }
    }

    private func open(_ entry: Entry, _ id: String) -> Secret<[UInt8]> {
        do {
            let box = try AES.GCM.SealedBox(combined: Self.nonce(entry.number) + entry.sealed)
            var code = try AES.GCM.open(box, using: key, authenticating: Array(id.utf8))
            defer { wipe(&code) }
            return Secret(Array(code))
        } catch {
            preconditionFailure("a code that this process encrypted does not open: memory is bad")
        }
    }

    private static func nonce(_ number: UInt64) -> [UInt8] {
        var writer = ByteWriter(capacity: 12)
        writer.writeFixed(UInt32(0))
        writer.writeFixed(number)
        return writer.bytes
    }
}

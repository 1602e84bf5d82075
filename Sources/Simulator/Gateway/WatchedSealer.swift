import Environment
import Vault

/// What one node has sealed in all its lives: nothing else was ever sealed under a number of a key,
/// which GCM would not survive.
// Proof: a world and all its loops run on one thread.
final class SealWatch: @unchecked Sendable {
    private struct Place: Hashable {
        let use: SealingUse
        let number: UInt64
    }

    private struct Content: Hashable {
        let payload: [UInt8]
        let beside: [UInt8]
    }

    private var sealed: [Place: Content] = [:]
    private let onRepetition: (String) -> Void

    init(onRepetition: @escaping (String) -> Void) {
        self.onRepetition = onRepetition
    }

    fileprivate func note(
        _ use: SealingUse, _ number: UInt64, _ payload: [UInt8], _ beside: [UInt8]
    ) {
        let content = Content(payload: payload, beside: beside)
        let before = sealed.updateValue(content, forKey: Place(use: use, number: number))
        guard before == nil || before == content else {
            return onRepetition("P5 two payloads are sealed as number \(number) of \(use)")
        }
    }
}

/// The sealer of a node, watched.
struct WatchedSealer: Sealer {
    let sealer: ShardSealer
    let watch: SealWatch

    var fingerprint: UInt64 { sealer.fingerprint }

    func key(for use: SealingUse) -> any SealingKey {
        WatchedKey(key: sealer.key(for: use), use: use, watch: watch)
    }
}

private struct WatchedKey: SealingKey {
    let key: any SealingKey
    let use: SealingUse
    let watch: SealWatch

    func seal(_ payload: [UInt8], number: UInt64, beside: [UInt8]) -> [UInt8] {
        watch.note(use, number, payload, beside)
        return key.seal(payload, number: number, beside: beside)
    }

    func open(_ sealed: ArraySlice<UInt8>, number: UInt64, beside: [UInt8]) -> [UInt8]? {
        key.open(sealed, number: number, beside: beside)
    }
}

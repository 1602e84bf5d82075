import Crypto
public import Primitives

// A card verification code on its way to the owner of a link, on another node: encrypted to a key
// that lives in the owner's memory for one term, so that no buffer of a frame holds it in clear.
//
//   sealed   the sender's public key (32 bytes), ciphertext, tag (16 bytes)
//
// X25519 of a key pair that is drawn for each code, HKDF-SHA256, AES-256-GCM. The AES key is used
// once, so that its nonce is zero. Chance is passed in, which the HPKE of swift-crypto does not
// allow and a run that is to be replayed needs. Who has the owner's key pair is said by the
// channel between the nodes.

/// Opens what was sealed to it; its key ends with it, and is never printed.
public struct OwnerSealing: Sendable, CustomStringConvertible, CustomReflectable {
    private let key: Curve25519.KeyAgreement.PrivateKey
    /// What others seal with: 32 bytes.
    public let publicKey: [UInt8]

    /// As many as a code and its envelope take; no more is opened.
    public static let sealedByteCountMax = 32 + 16 + 16
    /// A code has three or four digits.
    private static let codeByteCounts = 3...4
    private static let keyByteCount = 32
    private static let tagByteCount = 16

    /// With a key of its own from `random`, the operating system's generator.
    public init(random: any RandomSource) {
        key = Self.drawKey(random)
        publicKey = Array(key.publicKey.rawRepresentation)
    }

    private static func drawKey(_ random: any RandomSource) -> Curve25519.KeyAgreement.PrivateKey {
        var bytes = random.bytes(keyByteCount)
        defer { wipe(&bytes) }
        do {
            return try Curve25519.KeyAgreement.PrivateKey(rawRepresentation: bytes)
        } catch {
            // Every 32 bytes are a key.
            preconditionFailure("X25519 refused a key of 32 bytes")
        }
    }

    /// Encrypts a code to the owner of `publicKey`; nil when that is no key, or it is no code.
    ///
    /// - Parameter context: What the code belongs to. It is authenticated and not carried.
    public static func seal(
        _ code: Secret<[UInt8]>, to publicKey: [UInt8], for context: [UInt8],
        random: any RandomSource
    ) -> [UInt8]? {
        guard code.reveal({ codeByteCounts.contains($0.count) }),
            let receiver = try? Curve25519.KeyAgreement.PublicKey(rawRepresentation: publicKey)
        else { return nil }
        let own = drawKey(random)
        let sender = Array(own.publicKey.rawRepresentation)
        guard let shared = agree(own, receiver) else { return nil }
        let key = derivedKey(shared, sender: sender, receiver: publicKey)
        let box = code.reveal { digits in
            try? AES.GCM.seal(digits, using: key, nonce: nonce, authenticating: context)
        }
        return box.map { sender + Array($0.ciphertext) + Array($0.tag) }
    }

    /// The code; nil for what was not sealed to this key and context. The caller wipes it.
    public func open(_ sealed: [UInt8], for context: [UInt8]) -> Secret<[UInt8]>? {
        let codeByteCount = sealed.count - Self.keyByteCount - Self.tagByteCount
        guard Self.codeByteCounts.contains(codeByteCount) else { return nil }
        let sender = Array(sealed.prefix(Self.keyByteCount))
        let rest = sealed.dropFirst(Self.keyByteCount)
        guard let peer = try? Curve25519.KeyAgreement.PublicKey(rawRepresentation: sender),
            let shared = Self.agree(key, peer),
            let box = try? AES.GCM.SealedBox(
                nonce: Self.nonce, ciphertext: rest.prefix(codeByteCount),
                tag: rest.suffix(Self.tagByteCount)),
            var code = try? AES.GCM.open(
                box, using: Self.derivedKey(shared, sender: sender, receiver: publicKey),
                authenticating: context)
        else { return nil }
        defer { wipe(&code) }
        return Secret(Array(code))
    }

    /// Nil for a point of low order, with which everybody shares the same secret (RFC 7748,
    /// section 6.1): swift-crypto lets it pass.
    private static func agree(
        _ own: Curve25519.KeyAgreement.PrivateKey, _ peer: Curve25519.KeyAgreement.PublicKey
    ) -> SharedSecret? {
        guard let shared = try? own.sharedSecretFromKeyAgreement(with: peer) else { return nil }
        let isZero = unsafe shared.withUnsafeBytes { bytes in
            unsafe bytes.allSatisfy { $0 == 0 }
        }
        return isZero ? nil : shared
    }

    public var description: String { "***" }
    public var customMirror: Mirror { Mirror(self, children: [:]) }

    private static var nonce: AES.GCM.Nonce {
        do {
            return try AES.GCM.Nonce(data: [UInt8](repeating: 0, count: 12))
        } catch {
            preconditionFailure("AES-GCM refused a nonce of 12 bytes")
        }
    }

    private static func derivedKey(
        _ shared: SharedSecret, sender: [UInt8], receiver: [UInt8]
    ) -> SymmetricKey {
        shared.hkdfDerivedSymmetricKey(
            using: SHA256.self, salt: Array("sunny code to a link's owner 1".utf8),
            sharedInfo: sender + receiver, outputByteCount: 32)
    }
}

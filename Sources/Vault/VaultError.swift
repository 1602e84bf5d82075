public import Primitives

/// Why the vault refused. It never carries a key or what was sealed.
public enum VaultError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Keys in the process's memory and in a plain file are for development only.
    case softwareVaultRefusedOutsideDevelopment
    /// The system refused an operation on the key file.
    case keyFile(path: String, operation: StaticName, reason: String)
    /// The key file can be read or written by others than its owner.
    case keyFileExposed(path: String)
    /// The key file is not one, or has been damaged. A new one would open nothing that was sealed.
    case keyFileDamaged(path: String)
    /// A key of the wrong length.
    case invalidKey(byteCount: Int)
    /// More than a vault seals in one piece.
    case tooLarge(byteCount: Int)
    /// Not the shape of sealed bytes.
    case malformed
    /// Sealed by a later version.
    case unsupportedVersion(UInt8)
    /// Sealed under a key that this vault does not have.
    case unknownKey
    /// Changed bytes or another context: which of them is not told.
    case authenticationFailed
    /// The store of verification codes is full.
    case tooManyCodes
    /// Not the length of an id or a card verification code.
    case invalidCode

    public var description: String {
        switch self {
        case .softwareVaultRefusedOutsideDevelopment:
            "the software key vault is for development; production needs a hardware module"
        case .keyFile(let path, let operation, let reason):
            "\(operation) \(path): \(reason)"
        case .keyFileExposed(let path):
            "\(path): the key file must be accessible to its owner only (mode 0600)"
        case .keyFileDamaged(let path):
            "\(path): not a key file, or damaged"
        case .invalidKey(let byteCount):
            "a master key has 32 bytes, not \(byteCount)"
        case .tooLarge(let byteCount):
            "\(byteCount) bytes are too many to seal"
        case .malformed: "not sealed bytes"
        case .unsupportedVersion(let version): "sealed in format \(version), which is unknown here"
        case .unknownKey: "sealed under a key that is not here"
        case .authenticationFailed: "the sealed bytes do not belong here or were changed"
        case .tooManyCodes: "too many card verification codes are held"
        case .invalidCode: "not a card verification code"
        }
    }
}

import Glibc
import Primitives

/// The file `excluded` beside the authority's key: names of nodes that get no more certificates.
public enum ExcludedNodes {
    /// Reads the names, one a line; `#` begins a comment. None where there is no file. Blocks.
    ///
    /// - Throws: `file`, `fileTooLong`: who cannot read it must not sign.
    public static func read(in folder: String) throws(LinkCredentialError) -> Set<String> {
        let path = folder + "/excluded"
        if unsafe access(path, F_OK) != 0, errno == ENOENT { return [] }
        let bytes = try CredentialFile.read(path, isSecret: false).copyOfBytes
        let lines = bytes.split { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }
        let names = lines.map { line in
            line.prefix { $0 != UInt8(ascii: "#") }
                .split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
                .map { String(decoding: $0, as: UTF8.self) }
        }
        return Set(names.joined())
    }
}

import Glibc
import Primitives
import Testing
import Vault

/// A folder of the test's own, removed when the value goes.
private final class Folder {
    let path: String
    var key: String { "\(path)/master.key" }

    init() {
        var template = Array("/tmp/sunny-vault-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            preconditionFailure("mkdtemp: \(String(cString: strerror(errno)))")
        }
        path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    }

    deinit {
        unlink(key)
        unlink("\(path)/other.key")
        rmdir(path)
    }

    func read(_ path: String) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 1_000)
        let descriptor = open(path, O_RDONLY)
        defer { close(descriptor) }
        let count = Glibc.read(descriptor, &bytes, bytes.count)
        return Array(bytes.prefix(max(0, count)))
    }

    func write(_ bytes: [UInt8]) {
        let descriptor = open(key, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        defer { close(descriptor) }
        let count = Glibc.write(descriptor, bytes, bytes.count)
        precondition(count == bytes.count, "a test file could not be written")
    }

    /// Whether anything but the key file is there.
    var isTidy: Bool {
        unlink(key)
        return rmdir(path) == 0
    }
}

@Suite("Key file")
struct KeyFileTests {
    private func openVault(
        _ folder: Folder, _ environment: DeploymentEnvironment = .development
    ) throws(VaultError) -> SoftwareKeyVault {
        try SoftwareKeyVault(
            environment: environment, keyFile: folder.key, random: TestRandom(seed: 3))
    }

    @Test("The file is made once, for its owner only, and the next vault opens what this sealed")
    func reopen() throws {
        let folder = Folder()
        let first = try openVault(folder)
        var status = stat()
        #expect(stat(folder.key, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
        let made = folder.read(folder.key)
        #expect(made.count == 44)

        let sealed = try first.seal(secret("4242424242424242"), for: context)
        let second = try openVault(folder)
        #expect(folder.read(folder.key) == made)
        #expect(text(try second.open(sealed, for: context)) == "4242424242424242")
        let domain = FingerprintDomain.cardNumber(scope: "acct_1")
        #expect(
            first.fingerprint(secret("4242424242424242"), domain: domain)
                == second.fingerprint(secret("4242424242424242"), domain: domain))
        #expect(folder.isTidy)
    }

    @Test("Two files have two keys, whatever the random source")
    func distinctKeys() throws {
        let one = Folder()
        let two = Folder()
        _ = try openVault(one)
        _ = try openVault(two)
        #expect(one.read(one.key) != two.read(two.key))
    }

    @Test("A file that others can read is refused")
    func exposed() throws {
        let folder = Folder()
        _ = try openVault(folder)
        for mode in [0o640, 0o604, 0o620] as [mode_t] {
            chmod(folder.key, mode)
            #expect(throws: VaultError.keyFileExposed(path: folder.key)) { try openVault(folder) }
        }
    }

    @Test("A damaged, shortened, lengthened or empty file is refused and not replaced")
    func damaged() throws {
        let folder = Folder()
        _ = try openVault(folder)
        let sound = folder.read(folder.key)
        var damages = sound.indices.map { index in
            var bytes = sound
            bytes[index] ^= 1
            return bytes
        }
        damages += [[], Array(sound.dropLast()), sound + [0]]
        for bytes in damages {
            folder.write(bytes)
            #expect(throws: VaultError.keyFileDamaged(path: folder.key)) { try openVault(folder) }
            #expect(folder.read(folder.key) == bytes)
        }
    }

    @Test("A symbolic link is not followed")
    func symbolicLink() throws {
        let folder = Folder()
        symlink("\(folder.path)/other.key", folder.key)
        #expect(throws: VaultError.self) { try openVault(folder) }
        #expect(access("\(folder.path)/other.key", F_OK) != 0)
    }

    @Test("A folder that does not exist is an error that names the file")
    func noFolder() {
        let folder = Folder()
        let path = "\(folder.path)/none/master.key"
        #expect {
            try SoftwareKeyVault(
                environment: .development, keyFile: path, random: StuckRandom())
        } throws: { error in
            guard case VaultError.keyFile(let named, _, let reason) = error else { return false }
            return named.hasPrefix(path) && reason == "No such file or directory"
        }
    }

    @Test("Production refuses the software vault before it makes a file")
    func production() throws {
        let folder = Folder()
        #expect(throws: VaultError.softwareVaultRefusedOutsideDevelopment) {
            try openVault(folder, .production)
        }
        #expect(access(folder.key, F_OK) != 0)
        #expect(throws: VaultError.softwareVaultRefusedOutsideDevelopment) {
            try SoftwareKeyVault(
                environment: .production, masterKey: Secret([UInt8](repeating: 1, count: 32)),
                random: StuckRandom())
        }
    }
}

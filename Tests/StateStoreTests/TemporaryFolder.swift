import Glibc

/// A folder of a test's own, removed with what it holds when the value goes.
final class TemporaryFolder {
    let path: String

    init() {
        var template = Array("/tmp/sunny-state-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            preconditionFailure("mkdtemp: \(String(cString: strerror(errno)))")
        }
        path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    }

    deinit {
        for name in names { unlink("\(path)/\(name)") }
        rmdir(path)
    }

    /// The path of the store's file.
    var state: String { "\(path)/state.sqlite" }

    /// The files in the folder, sorted.
    var names: [String] {
        guard let folder = opendir(path) else { return [] }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    func byteCount(_ name: String) -> Int {
        var status = stat()
        return stat("\(path)/\(name)", &status) == 0 ? Int(status.st_size) : -1
    }

    /// The permission bits of a file.
    func mode(_ name: String) -> mode_t {
        var status = stat()
        return stat("\(path)/\(name)", &status) == 0 ? status.st_mode & 0o777 : 0
    }

    func read(_ name: String) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: max(byteCount(name), 0))
        let descriptor = open("\(path)/\(name)", O_RDONLY)
        defer { close(descriptor) }
        let count = Glibc.read(descriptor, &bytes, bytes.count)
        return Array(bytes.prefix(max(count, 0)))
    }

    func write(_ name: String, _ bytes: [UInt8], mode: mode_t = 0o600) {
        let descriptor = open("\(path)/\(name)", O_WRONLY | O_CREAT | O_TRUNC, mode)
        defer { close(descriptor) }
        let count = Glibc.write(descriptor, bytes, bytes.count)
        precondition(count == bytes.count, "a test file could not be written")
    }
}

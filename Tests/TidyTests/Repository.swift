import Foundation

/// A text file of the repository.
struct SourceFile: Sendable {
    /// From the repository's root, with slashes.
    let path: String
    let text: String

    var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }

    /// The room of a file in `Sources`; nil elsewhere.
    var room: String? {
        let parts = path.split(separator: "/")
        return parts.count > 2 && parts[0] == "Sources" ? String(parts[1]) : nil
    }

    func has(_ suffixes: String...) -> Bool { suffixes.contains { path.hasSuffix($0) } }
}

/// The working tree that these tests were compiled from.
struct Repository: Sendable {
    let root: URL

    init() throws {
        // Symbolic links are resolved first: the tests may be built from a package beside this one.
        var folder = URL(filePath: #filePath).resolvingSymlinksInPath()
        while folder.path != "/" {
            folder.deleteLastPathComponent()
            let manifest = folder.appending(path: "Package.swift")
            if FileManager.default.fileExists(atPath: manifest.path) {
                root = folder
                return
            }
        }
        throw CocoaError(.fileNoSuchFile)
    }

    /// Paths that git keeps.
    func tracked() throws -> [String] { try git("ls-files") }

    /// Paths that git keeps, or would keep if asked: a file is tidy before it is committed.
    func all() throws -> [String] {
        try git("ls-files", "--cached", "--others", "--exclude-standard")
    }

    /// Every file that is text.
    func files() throws -> [SourceFile] {
        try all().compactMap { path in
            // A file that was removed and not yet committed is listed and gone.
            guard let data = try? Data(contentsOf: root.appending(path: path)),
                let text = String(data: data, encoding: .utf8)
            else { return nil }
            return SourceFile(path: path, text: text)
        }
    }

    func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: root.appending(path: path).path)
    }

    private func git(_ arguments: String...) throws -> [String] {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["git", "-C", root.path] + arguments
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let data = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw CocoaError(.executableLoad) }
        let lines = String(decoding: data, as: UTF8.self).split(separator: "\n")
        return Set(lines.map(String.init)).sorted()
    }
}

import Foundation

/// Where scripts are kept, and whether they are being recorded.
package enum ScriptFile {
    /// True when `SUNNY_RECORD=1` stands in the environment.
    package static let isRecording = ProcessInfo.processInfo.environment["SUNNY_RECORD"] == "1"

    /// `Tests/Scripts`, found from this source's place.
    private static var root: URL {
        URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Scripts")
    }

    static func path(folder: String, name: String) -> String {
        root.appending(path: folder).appending(path: name + ".txt").path
    }

    static func names(in folder: String) -> [String] {
        let path = root.appending(path: folder).path
        let files = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        return files.filter { $0.hasSuffix(".txt") }.map { String($0.dropLast(4)) }.sorted()
    }

    static func read(_ path: String) throws(ScriptError) -> String {
        guard let bytes = FileManager.default.contents(atPath: path) else {
            throw ScriptError(path: path, line: 1, reason: "no such file")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ScriptError(path: path, line: 1, reason: "not UTF-8")
        }
        return text
    }

    static func write(_ text: String, to path: String) throws {
        try Data(text.utf8).write(to: URL(filePath: path), options: .atomic)
    }
}

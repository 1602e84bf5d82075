public import Environment

/// The mark in a data folder whose state was found to differ from that of a majority: without it a
/// node that is started again by itself would serve the same state until the next comparison.
public enum StateMark {
    /// What is to be done about it.
    public static let remedy =
        "keep a copy of the data folder, remove the folder, and start the node: it joins as a new "
        + "member and takes the state from the others"

    static func path(in dataDirectory: String) -> String { dataDirectory + "/state-differs" }

    /// What was found; nil where there is no mark.
    public static func read(
        in dataDirectory: String, _ files: any FileSystem
    ) throws(FileError) -> String? {
        let path = path(in: dataDirectory)
        guard files.exists(path) else { return nil }
        let file = try files.open(path, create: false)
        defer { file.close() }
        return String(decoding: try file.read(at: 0, count: file.byteCount()), as: UTF8.self)
    }

    /// Blocks.
    static func write(
        _ reason: String, in dataDirectory: String, _ files: any FileSystem
    ) throws(FileError) {
        let file = try files.open(path(in: dataDirectory), create: true)
        defer { file.close() }
        try file.write(Array(reason.utf8), at: 0)
        try file.synchronize()
        try files.synchronizeDirectory(dataDirectory)
    }
}

import Glibc
import Operations

/// Where a demo's things are.
struct DemoFolder: Sendable {
    /// From the root.
    let path: String

    var demoFile: String { path + "/demo.json" }
    var settingsFile: String { path + "/settings.json" }
    /// Held by a demo that was not detached, for as long as it lives.
    var supervisorLock: String { path + "/supervisor.lock" }
    /// Held while `demo.json` is changed.
    var changeLock: String { path + "/change.lock" }
    var logs: String { path + "/logs" }
    /// The key of the cards, which all nodes share: a card that came in at one is opened at
    /// another.
    var vaultKey: String { path + "/vault.key" }
    var authority: String { path + "/authority" }

    func credentials(of node: String) -> String { "\(path)/\(node).tls" }

    func log(of id: String) -> String { "\(logs)/\(id).log" }
    func portsFile(of id: String) -> String { "\(path)/\(id).ports.json" }
    func configuration(of node: String) -> String { "\(path)/\(node).yaml" }
    func journal(of acquirer: String) -> String { "\(path)/\(acquirer).sqlite" }

    /// The argument by which a process of this demo is told from any other.
    func mark(of id: String, in demo: DemoFile) -> String {
        if demo.signer?.id == id { return authority }
        return demo.nodes.contains { $0.id == id } ? configuration(of: id) : journal(of: id)
    }

    func readSettings() throws(CommandFailure) -> DemoSettings? {
        guard let bytes = Files.read(settingsFile) else { return nil }
        guard let settings = JSON.decode(DemoSettings.self, bytes) else {
            throw CommandFailure(
                .badConfiguration, "this is not what a demo wrote", at: settingsFile,
                remedy: "name another folder, or remove this one")
        }
        return settings
    }

    func write(_ settings: DemoSettings) throws(CommandFailure) {
        try Files.write(JSON.text(settings) + "\n", to: settingsFile)
    }

    /// What runs; fails when nothing does.
    func readDemo() throws(CommandFailure) -> DemoFile {
        guard let bytes = Files.read(demoFile) else {
            throw CommandFailure(
                .unavailable, "no demo runs here", at: path,
                remedy: "start one: sunny demo --dir \(path)")
        }
        guard let demo = JSON.decode(DemoFile.self, bytes) else {
            throw CommandFailure(
                .badConfiguration, "this is not what a demo wrote", at: demoFile,
                remedy: "stop the demo's processes by hand, and remove the file")
        }
        return demo
    }

    func write(_ demo: DemoFile) throws(CommandFailure) {
        try Files.write(JSON.text(demo) + "\n", to: demoFile)
    }

    /// Changes `demo.json` under its lock, so that two commands do not undo each other's.
    func changeDemo(_ change: (inout DemoFile) -> Void) throws(CommandFailure) {
        let lock = try FileLock(changeLock, waits: true)
        var demo = try readDemo()
        change(&demo)
        try write(demo)
        withExtendedLifetime(lock) {}
    }

    /// Whether a demo that was not detached watches over this folder now.
    func isSupervised() throws(CommandFailure) -> Bool {
        try FileLock(supervisorLock) == nil
    }

    /// The last lines of a process's log.
    func logTail(of id: String) -> String {
        let text = String(decoding: Files.read(log(of: id)) ?? [], as: UTF8.self)
        return text.split(separator: "\n").suffix(8).map { "  | \($0)" }.joined(separator: "\n")
    }
}

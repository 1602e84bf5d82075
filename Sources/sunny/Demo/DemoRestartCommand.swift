import ArgumentParser
import Operations

struct DemoRestartCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restart", abstract: "Start a node or an acquirer of a demo again.",
        discussion: """
            EXAMPLE:
              sunny demo restart node-1 --dir /tmp/shop

            On the same ports and data. What still runs is ended in order before. Returns when it \
            is ready.
            """)

    @Argument(help: "What to start, as demo.json calls it: node-1, acquirer-1.")
    var id: String

    @OptionGroup var dir: DemoFolderOption

    func run() throws {
        let folder = dir.folder
        let process = try folder.readDemo().process(id, in: folder)
        guard var settings = try folder.readSettings() else {
            throw CommandFailure(
                .badConfiguration, "the demo's settings are gone", at: folder.settingsFile,
                remedy: "stop the demo and start one in another folder")
        }
        process.end()
        let launcher = DemoLauncher(folder: folder, isSupervised: try folder.isSupervised())
        let pid = try start(&settings, launcher)
        try folder.changeDemo { $0.setPID(pid, of: id) }
        Console.print("\(id) is ready.")
    }

    private func start(
        _ settings: inout DemoSettings, _ launcher: DemoLauncher
    ) throws(CommandFailure) -> Int32 {
        if let index = settings.nodes.firstIndex(where: { $0.id == id }) {
            return try launcher.startNode(&settings.nodes[index], of: settings).pid
        }
        // Every id of the demo that is not a node's is an acquirer's.
        let index = settings.acquirers.firstIndex { $0.id == id }!
        return try launcher.startAcquirer(&settings.acquirers[index]).pid
    }
}

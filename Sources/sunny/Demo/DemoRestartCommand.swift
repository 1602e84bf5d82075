import ArgumentParser
import Operations

struct DemoRestartCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restart", abstract: "Start nodes or acquirers of a demo again.",
        discussion: """
            EXAMPLE:
              sunny demo restart eu-1 --dir /tmp/shop
              sunny demo restart eu-1 us-1 ap-1 --dir /tmp/shop

            On the same ports and data. What still runs is ended in order before, one after the \
            other. Returns when all are ready; where too few nodes run for that, it says so.
            """)

    @Argument(help: "What to start, as demo.json calls it: eu-1, acquirer-1.")
    var ids: [String]

    @OptionGroup var dir: DemoFolderOption

    func run() throws {
        let folder = dir.folder
        let demo = try folder.readDemo()
        var processes: [DemoProcess] = []
        for id in ids { processes.append(try demo.process(id, in: folder)) }
        guard var settings = try folder.readSettings() else {
            throw CommandFailure(
                .badConfiguration, "the demo's settings are gone", at: folder.settingsFile,
                remedy: "stop the demo and start one in another folder")
        }
        let launcher = DemoLauncher(folder: folder, isSupervised: try folder.isSupervised())
        var started: [DemoLauncher.StartedNode] = []
        for process in processes {
            process.end()
            let node = try start(process.id, &settings, launcher)
            if let node { started.append(node) }
        }
        let current = try folder.readDemo()
        let runningCount = current.nodes.count { node in
            (try? current.process(node.id, in: folder))?.isRunning == true
        }
        guard runningCount > current.nodes.count / 2 || started.isEmpty else {
            let names = started.map(\.process.id).joined(separator: ", ")
            Console.print(
                "\(names) runs, and is ready once a majority of the nodes runs: "
                    + "\(runningCount) of \(current.nodes.count) do.")
            return
        }
        try launcher.waitUntilReady(started)
        for id in ids { Console.print("\(id) is ready.") }
    }

    /// Nil for an acquirer and the signer, which are ready.
    private func start(
        _ id: String, _ settings: inout DemoSettings, _ launcher: DemoLauncher
    ) throws(CommandFailure) -> DemoLauncher.StartedNode? {
        if let index = settings.nodes.firstIndex(where: { $0.id == id }) {
            let node = try launcher.startNode(index, of: &settings)
            try launcher.folder.changeDemo { $0.setPID(node.process.pid, of: id) }
            return node
        }
        if settings.signer?.id == id, let signer = try launcher.startSigner(&settings) {
            try launcher.folder.changeDemo { $0.setPID(signer.pid, of: id) }
            return nil
        }
        // Every other id of the demo is an acquirer's.
        let index = settings.acquirers.firstIndex { $0.id == id }!
        let pid = try launcher.startAcquirer(&settings.acquirers[index]).pid
        try launcher.folder.changeDemo { $0.setPID(pid, of: id) }
        return nil
    }
}

import ArgumentParser
import Environment
import Operations

struct DemoStatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Say what of a demo runs.",
        discussion: """
            EXAMPLE:
              sunny demo status --dir /tmp/shop

            Exit code 69 unless everything is ready.
            """)

    @OptionGroup var dir: DemoFolderOption
    @OptionGroup var output: OutputOption

    private struct Row: Encodable {
        let id: String
        let state: String
        let pid: Int32
        let address: String
    }

    func run() throws {
        let folder = dir.folder
        let demo = try folder.readDemo()
        let rows = demo.processes(in: folder).map { process in
            Row(
                id: process.id, state: state(of: process, in: demo), pid: process.pid,
                address: demo.nodes.first { $0.id == process.id }?.http
                    ?? demo.acquirers.first { $0.id == process.id }?.address
                    ?? demo.signer?.address ?? "")
        }
        switch output.format {
        case .json: Console.print(JSON.text(rows))
        case .text:
            var table = TextTable("ID", "STATE", "PID", "ADDRESS")
            for row in rows { table.add(row.id, row.state, "\(row.pid)", row.address) }
            Console.print(table.text)
        }
        guard rows.allSatisfy({ $0.state == "ready" }) else {
            throw ExitCode(ExitStatus.unavailable.rawValue)
        }
    }

    private func state(of process: DemoProcess, in demo: DemoFile) -> String {
        guard process.isRunning else { return "down" }
        guard let node = demo.nodes.first(where: { $0.id == process.id }) else { return "ready" }
        guard let address = node.adminAddress,
            let answer = try? LocalHTTP.get("/readyz", from: address), answer.status == 200
        else { return "not ready" }
        return "ready"
    }
}

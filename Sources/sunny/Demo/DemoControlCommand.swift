import ArgumentParser
import Environment
import Operations

struct DemoControlCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "control", abstract: "Tell an acquirer of a demo to misbehave.",
        discussion: """
            EXAMPLE:
              sunny demo control acquirer-1 --dir /tmp/shop silence authorization count 1
              sunny demo control acquirer-1 --dir /tmp/shop reset
              sunny demo control acquirer-1 --dir /tmp/shop help

            Sends a line to the acquirer's control port and prints the reply.
            """)

    @Argument(help: "The acquirer, as demo.json calls it.")
    var id: String

    @OptionGroup var dir: DemoFolderOption

    @Argument(help: "The words of the command; `help` lists them.")
    var words: [String]

    func run() throws {
        let folder = dir.folder
        let demo = try folder.readDemo()
        guard let acquirer = demo.acquirers.first(where: { $0.id == id }) else {
            throw CommandFailure(
                .usage, "the demo has no acquirer \(id)", at: folder.path,
                remedy: "it has \(demo.acquirers.map(\.id).joined(separator: ", "))")
        }
        let line = words.joined(separator: " ") + "\n"
        guard let address = SocketAddress(acquirer.control),
            let reply = LocalSocket.exchange(line, with: address, endsSending: true, seconds: 5)
        else {
            throw CommandFailure(
                .unavailable, "\(id) does not answer", at: acquirer.control,
                remedy: "start it: sunny demo restart \(id) --dir \(folder.path)")
        }
        let lines = String(decoding: reply, as: UTF8.self).split(separator: "\n")
        Console.print(lines.joined(separator: "\n"))
        guard lines.first?.hasPrefix("ok") == true else {
            throw ExitCode(ExitStatus.usage.rawValue)
        }
    }
}

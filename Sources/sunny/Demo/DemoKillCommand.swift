import ArgumentParser
import Glibc
import Operations

struct DemoKillCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kill", abstract: "Kill a node or an acquirer of a demo without warning.",
        discussion: """
            EXAMPLE:
              sunny demo kill eu-1 --dir /tmp/shop

            SIGKILL, as a crash would be. `sunny demo restart` starts it again.
            """)

    @Argument(help: "What to kill, as demo.json calls it: eu-1, acquirer-1.")
    var id: String

    @OptionGroup var dir: DemoFolderOption

    func run() throws {
        let folder = dir.folder
        let process = try folder.readDemo().process(id, in: folder)
        guard process.isRunning else {
            throw CommandFailure(
                .unavailable, "\(id) does not run", at: folder.path,
                remedy: "start it: sunny demo restart \(id) --dir \(folder.path)")
        }
        process.signal(SIGKILL)
        guard process.waitForEnd(seconds: 10) else {
            throw CommandFailure(
                .tryAgain, "\(id) (process \(process.pid)) has not ended after 10 seconds",
                remedy: "its disk may be stuck; try again")
        }
        Console.print("\(id) is dead.")
    }
}

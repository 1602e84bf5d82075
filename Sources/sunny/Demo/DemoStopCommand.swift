import ArgumentParser
import Glibc
import Operations

struct DemoStopCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop", abstract: "End a demo.",
        discussion: """
            EXAMPLE:
              sunny demo stop --dir /tmp/shop

            Requests under way are answered first. Keys and payments stay in the folder.
            """)

    @OptionGroup var dir: DemoFolderOption

    func run() throws {
        let folder = dir.folder
        let demo = try folder.readDemo()
        // Taken away first: a demo in the foreground that sees its processes end looks for it.
        Files.remove(folder.demoFile)
        for process in demo.processes(in: folder) {
            Console.progress("ending \(process.id)")
            process.end()
        }
        if try folder.readSettings()?.isTemporary == true, try !folder.isSupervised() {
            Files.remove(folder.path)
        }
        Console.print("The demo in \(folder.path) has ended.")
    }
}

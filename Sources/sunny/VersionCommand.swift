import ArgumentParser

struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version", abstract: "Print the version.",
        discussion: """
            EXAMPLE:
              sunny version
            """)

    /// What the next release will be called.
    static let version = "0.1.0"

    @OptionGroup var output: OutputOption

    func run() throws {
        switch output.format {
        case .text: Console.print("sunny \(Self.version)")
        case .json: Console.print(JSON.text(["version": Self.version]))
        }
    }
}

import ArgumentParser
import Environment
import Glibc
import Journal
import Operations

struct JournalCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "journal", abstract: "Look at the journal of a node that is stopped.",
        discussion: """
            EXAMPLE:
              sunny journal verify ./demo/node-1
            """,
        subcommands: [JournalInspectCommand.self, JournalVerifyCommand.self])
}

struct JournalInspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect", abstract: "Say what a journal holds.",
        discussion: """
            EXAMPLE:
              sunny journal inspect ./demo/node-1
              sunny journal inspect ./demo/node-1 --output json | jq '.groups[] | .last_index'

            Prints segments, the indices, terms and votes of every group, and damage with its \
            place; never what an entry says. Changes nothing. Exit code 0 whatever it finds; 69 \
            when there is no journal; 75 while a node works in the folder.
            """)

    @OptionGroup var folder: JournalFolderArgument
    @OptionGroup var output: OutputOption

    func run() throws {
        let inspection = try folder.inspect()
        switch output.format {
        case .json: Console.print(JSON.text(JournalReport(inspection)))
        case .text: Console.print(JournalText.table(inspection))
        }
    }
}

struct JournalVerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Say whether a journal is as it was written.",
        discussion: """
            EXAMPLE:
              sunny journal verify ./demo/node-1

            Reads every byte and changes nothing. Exit code 0 when everything that was \
            acknowledged can be read, 1 when something is damaged, with one line for each place \
            and each group that misses entries; 69 when there is no journal; 75 while a node works \
            in the folder. A last write that a crash has torn is no damage: nobody was told of it.
            """)

    @OptionGroup var folder: JournalFolderArgument
    @OptionGroup var output: OutputOption

    func run() throws {
        let inspection = try folder.inspect()
        switch output.format {
        case .json: Console.print(JSON.text(JournalReport(inspection)))
        case .text: Console.print(JournalText.verdict(inspection))
        }
        guard inspection.isWhole else { throw ExitCode(ExitStatus.failed.rawValue) }
    }
}

/// The folder of a journal, or of the node that it belongs to.
struct JournalFolderArgument: ParsableArguments {
    @Argument(help: "The node's data folder, or the journal's folder in it.")
    var path: String

    /// Reads the journal while no node works in its folder.
    func inspect() throws(CommandFailure) -> JournalInspection {
        let files = PosixFileSystem()
        var node = path
        var journal = path + "/journal"
        if !files.exists(journal) {
            journal = path
            node = path + "/.."
        }
        // Held to the end, so that none starts meanwhile. Without the file none ever ran here.
        let lock = node + "/lock"
        var held: FileLock?
        if files.exists(lock) {
            held = try FileLock(lock)
            guard held != nil else {
                throw CommandFailure(
                    .tryAgain, "a node works in this folder", at: path,
                    remedy: "stop the node first, or look at a copy of the folder")
            }
        }
        defer { withExtendedLifetime(held) {} }
        do throws(FileError) {
            let inspection = try JournalInspection(files, directory: journal)
            guard !inspection.segments.isEmpty || inspection.error != nil else {
                throw FileError(
                    operation: "list", path: journal, code: ENOENT, reason: "no segments")
            }
            return inspection
        } catch {
            throw CommandFailure(
                .unavailable, "there is no journal to read: \(error)", at: path,
                remedy: "name the data_dir of a node's configuration, or the journal in it")
        }
    }
}

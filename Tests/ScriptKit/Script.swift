import Testing

/// Data-driven tests: a text file of commands with the output that was recorded for each.
///
/// A test hands each command to a handler and compares what it says with what stands in the file:
///
///     # A follower with a longer log refuses its vote.
///     campaign 2 term=4
///     ----
///     2: candidate in term 4
///     2 -> 1: vote request, log (7, 3)
///
///     deliver 2 to=(1,3)
///     any lines up to the dashes are the command's input
///     ----
///     ----
///     output with
///
///     blank lines
///     ----
///     ----
///
/// and the test of a folder of them, `Tests/Scripts/raft/*.txt`, is
///
///     @Test("Raft by script", arguments: Script.names(in: "raft"))
///     func raft(name: String) {
///         Script.verify(folder: "raft", name: name) {
///             var group = ScriptedGroup()
///             return { command in
///                 switch command.name {
///                 case "campaign":
///                     try command.allow(positionals: 1...1, keys: ["term"])
///                     let member = try command.integer(at: 0)
///                     return group.campaign(member, term: try command.integer("term"))
///                 default: throw command.unknown
///                 }
///             }
///         }
///     }
///
/// A new script needs its commands and a line `----` after each, no output. With `SUNNY_RECORD=1`
/// in the environment every script is rewritten with what its handler said, comments and blank
/// lines kept; the difference is then read in `git diff`, before it is believed.
///
/// - A line that begins with `#`, between commands, is a comment.
/// - A command is one line: its name, then words (`leader`) and keys (`term=4`, `to=(1,3)`,
///   `to=()`) in any order; no key twice, no blanks or parentheses within a value.
/// - Input goes up to `----` and has no blank line, so that forgotten dashes are noticed.
/// - Output goes up to a blank line, or, opened by a second `----`, up to two more of them.
/// - Blanks at the end of a line, and blank lines at the end of an output, do not count.
package enum Script {
    /// Answers one command with text; what it throws fails the test at the command's line, and
    /// the commands after it are not run. A refusal that is part of a script is an output.
    package typealias Handler = (ScriptCommand) throws -> String

    /// The names, without `.txt` and in order, of the scripts in a folder under `Tests/Scripts`.
    ///
    /// A test without arguments would pass unseen, so that an empty or missing folder gives one
    /// name, `(no script)`, which `verify` fails.
    package static func names(in folder: String) -> [String] {
        let names = ScriptFile.names(in: folder)
        return names.isEmpty ? ["(no script)"] : names
    }

    /// Runs a script from top to bottom and records an issue, with the script's file and line,
    /// for each output that differs; with `SUNNY_RECORD=1` rewrites the file instead.
    ///
    /// - Parameters:
    ///   - folder: the folder under `Tests/Scripts`.
    ///   - name: the file's name without `.txt`.
    ///   - makeHandler: called once; the handler holds the state of this one run.
    package static func verify(
        folder: String, name: String, makeHandler: () throws -> Handler
    ) {
        let path = ScriptFile.path(folder: folder, name: name)
        do {
            let text = try ScriptFile.read(path)
            let run = try run(text, path: path, handler: try makeHandler())
            for finding in run.findings { record(finding, path: path) }
            guard ScriptFile.isRecording, run.isComplete, run.text != text else { return }
            try ScriptFile.write(run.text, to: path)
        } catch let error as ScriptError {
            record(Finding(line: error.line, text: error.reason), path: path)
        } catch {
            record(Finding(line: 1, text: "\(error)"), path: path)
        }
    }

    /// What is wrong at one line of a script.
    package struct Finding: Hashable, Sendable {
        package let line: Int
        package let text: String
    }

    /// What came of running a script.
    package struct Run: Sendable {
        /// Where the outputs differ, and the error that ended the run; none while recording.
        package var findings: [Finding] = []
        /// False when a command failed, so that nothing can be recorded.
        package var isComplete = true
        /// The script with the outputs that its handler gave.
        package var text = ""
    }

    /// More differences than these follow from the first ones more often than not.
    private static let differencesMax = 3

    /// Runs a script that is given as text, and touches neither files nor the running test.
    ///
    /// - Throws: `ScriptError` when the text is not a script.
    package static func run(
        _ text: String, path: String, isRecording: Bool = ScriptFile.isRecording, handler: Handler
    ) throws(ScriptError) -> Run {
        var parts = try ScriptParser.parse(text, path: path)
        var run = Run()
        var differing = 0
        for index in parts.indices {
            guard case .step(var step) = parts[index] else { continue }
            let actual: [String]
            do {
                actual = ScriptText.output(try handler(step.command))
            } catch {
                let reason = (error as? ScriptError)?.reason ?? "\(step.command.name): \(error)"
                run.findings.append(Finding(line: step.command.line, text: reason))
                run.isComplete = false
                break
            }
            if isRecording {
                // Such a line would close the output when it is read again.
                guard !actual.contains(ScriptText.dashes) else {
                    throw step.command.error("the output has a line of four dashes")
                }
                step.output = actual
                parts[index] = .step(step)
            } else if actual != step.output {
                differing += 1
                guard differing <= differencesMax else { continue }
                let difference = ScriptText.difference(from: step.output, to: actual)
                run.findings.append(
                    Finding(
                        line: step.command.line,
                        text: "\(step.command.name) says something else\n\(difference)"))
            }
        }
        if differing > differencesMax {
            let more = "and \(differing - differencesMax) more commands say something else"
            run.findings.append(Finding(line: 1, text: more))
        }
        run.text = ScriptText.render(parts)
        return run
    }

    private static func record(_ finding: Finding, path: String) {
        let name = path.split(separator: "/").suffix(3).joined(separator: "/")
        Issue.record(
            Comment(rawValue: "\(name):\(finding.line): \(finding.text)"),
            sourceLocation: SourceLocation(
                fileID: name, filePath: path, line: finding.line, column: 1))
    }
}

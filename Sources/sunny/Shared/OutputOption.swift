import ArgumentParser
import Operations

/// How results are printed.
struct OutputOption: ParsableArguments {
    enum Format: ExpressibleByArgument, CaseIterable {
        case text, json

        init?(argument: String) {
            switch argument {
            // Tables were the only text once.
            case "text", "table": self = .text
            case "json": self = .json
            default: return nil
            }
        }

        var defaultValueDescription: String { "\(self)" }
        static var allValueStrings: [String] { allCases.map { "\($0)" } }
    }

    @Option(
        name: .customLong("output"),
        help: "How to print: text or json. Errors follow it (see sunny --help).")
    var format = Format.text

    /// Prints what was done. In a text the warning is for standard error; as JSON, the result has
    /// it.
    func tell(
        _ result: some Encodable, _ text: @autoclosure () -> String, warning: String? = nil
    ) {
        switch format {
        case .json: Console.print(JSON.text(result))
        case .text:
            Console.print(text())
            if let warning { Console.complain("sunny: warning: \(warning)") }
        }
    }

    /// Prints what is going on, where it is for people.
    func tellProgress(_ line: String) {
        switch format {
        case .json: return
        case .text: Console.print(line)
        }
    }

    /// Whether this process was asked for JSON, also where its command line is wrong otherwise.
    static var isJSONAsked: Bool {
        let words = CommandLine.arguments
        return words.contains("--output=json")
            || zip(words, words.dropFirst()).contains { $0 == ("--output", "json") }
    }
}

/// What went wrong, as JSON: `{"error": {…}}`.
struct ErrorReport: Encodable {
    struct Content: Encodable {
        let exitCode: Int32
        let what: String
        let place: String?
        let remedy: String?
    }

    let error: Content

    init(exitCode: Int32, what: String, place: String?, remedy: String?) {
        error = Content(exitCode: exitCode, what: what, place: place, remedy: remedy)
    }

    init(_ failure: CommandFailure) {
        self.init(
            exitCode: failure.status.rawValue, what: failure.what, place: failure.place,
            remedy: failure.remedy)
    }
}

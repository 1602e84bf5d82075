import ArgumentParser

/// How long certificates are valid, as `20s`, `30min`, `24h` or `90d`.
struct ValidityArgument: ExpressibleByArgument, CustomStringConvertible {
    let duration: Duration
    let description: String

    /// A certificate that is shorter would be over before a node that is busy has renewed it; one
    /// that is longer hardly ends.
    private static let seconds: ClosedRange<Int64> = 10...366 * 86_400

    init?(argument: String) {
        let digits = argument.prefix { $0.isASCII && $0.isNumber }
        let units: [Substring: Int64] = ["s": 1, "min": 60, "h": 3600, "d": 86_400]
        guard digits.count <= 9, let number = Int64(digits),
            let unit = units[argument.dropFirst(digits.count)],
            Self.seconds.contains(number * unit)
        else { return nil }
        duration = .seconds(number * unit)
        description = argument
    }

    var defaultValueDescription: String { description }

    static let ofNodes = ValidityArgument(argument: "90d")!
    static let ofSigner = ValidityArgument(argument: "24h")!
}

/// How long the certificates are valid that a command makes.
struct ValidityOption: ParsableArguments {
    @Option(help: "How long certificates are valid, from 10s to 366d.")
    var validity = ValidityArgument.ofNodes

    var duration: Duration { validity.duration }
}

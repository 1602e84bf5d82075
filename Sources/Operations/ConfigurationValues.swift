public import Environment

// How the values of a configuration file are written.

extension ConfigurationSection {
    /// Letters, digits, dots, dashes and underscores, as they go into file names and metrics.
    func name(_ key: String, else fallback: String? = nil) throws(CommandFailure) -> String {
        try value(
            key, expecting: "1 to 63 letters, digits, dots, dashes or underscores", else: fallback
        ) { text in
            let isPlain = text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
                    UInt8(ascii: "."):
                    true
                default: false
                }
            }
            return isPlain && (1...63).contains(text.utf8.count) ? text : nil
        }
    }

    /// A path, which counts from the folder of the file that it stands in.
    func path(_ key: String, from folder: String) throws(CommandFailure) -> String {
        try value(key, expecting: "a path") { text in
            guard !text.isEmpty, !text.utf8.contains(0) else { return nil }
            return text.hasPrefix("/") ? text : "\(folder)/\(text)"
        }
    }

    func address(_ key: String) throws(CommandFailure) -> SocketAddress {
        try value(key, expecting: "an address, such as 127.0.0.1:8080 or [::1]:8080") {
            SocketAddress($0)
        }
    }

    func integer(
        _ key: String, in range: ClosedRange<Int>, else fallback: Int? = nil
    ) throws(CommandFailure) -> Int {
        try value(
            key, expecting: "a number from \(range.lowerBound) to \(range.upperBound)",
            else: fallback
        ) { text in
            Int(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    func flag(_ key: String, else fallback: Bool) throws(CommandFailure) -> Bool {
        try value(key, expecting: "true or false", else: fallback) { Bool($0) }
    }

    static let durationMax = Duration.seconds(3600)

    /// `500ms`, `10s`, `2min`.
    func duration(_ key: String, else fallback: Duration) throws(CommandFailure) -> Duration {
        try value(
            key, expecting: "a time of 1ms to 60min, such as 500ms, 10s or 2min", else: fallback
        ) { text in
            let digits = text.prefix { $0.isNumber }
            guard let number = Int64(digits), number <= 3_600_000 else { return nil }
            let milliseconds: Int64
            switch text.dropFirst(digits.count) {
            case "ms": milliseconds = number
            case "s": milliseconds = number * 1000
            case "min": milliseconds = number * 60_000
            default: return nil
            }
            return (1...3_600_000).contains(milliseconds) ? .milliseconds(milliseconds) : nil
        }
    }

    func choice<Choice: RawRepresentable & CaseIterable>(
        _ key: String, else fallback: Choice? = nil
    ) throws(CommandFailure) -> Choice where Choice.RawValue == String {
        let words = Choice.allCases.map(\.rawValue).joined(separator: " or ")
        return try value(key, expecting: words, else: fallback) { Choice(rawValue: $0) }
    }
}

extension SocketAddress {
    /// Whether two listeners of one machine cannot have these addresses both. 0 is any port that is
    /// free.
    public func collides(with other: SocketAddress) -> Bool {
        guard port == other.port, port > 0 else { return false }
        return host == other.host || covers(other) || other.covers(self)
    }

    /// Whether whoever listens here takes the other's connections too. The name localhost is one of
    /// two addresses, or both.
    private func covers(_ other: SocketAddress) -> Bool {
        switch host {
        case "::": true
        case "0.0.0.0": !other.host.contains(":")
        case "localhost": ["127.0.0.1", "::1"].contains(other.host)
        default: false
        }
    }
}

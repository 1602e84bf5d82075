import ArgumentParser
import Logging
import Primitives

/// How a log is written.
enum LogFormat: String, ExpressibleByArgument, CaseIterable {
    /// A line for people.
    case text
    /// A JSON object on a line.
    case json
}

/// Writes each event as a line to standard error.
struct LineLog: LogHandler {
    let format: LogFormat
    var logLevel = Logger.Level.info
    var metadata: Logger.Metadata = [:]

    /// A logger for a process that is called `name`.
    static func logger(_ name: String, _ format: LogFormat) -> Logger {
        var logger = Logger(label: name) { _ in LineLog(format: format) }
        logger[metadataKey: "process"] = "\(name)"
        return logger
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var fields = metadata.merging(event.metadata ?? [:]) { _, new in new }
        let process = fields.removeValue(forKey: "process").map { "\($0)" } ?? ""
        let time = Self.time()
        let sorted = fields.sorted { $0.key < $1.key }
        let line: String
        switch format {
        case .text:
            let pairs = sorted.map { " \($0.key)=\($0.value)" }.joined()
            line = "\(time) \(event.level) \(process): \(event.message)\(pairs)"
        case .json:
            var object = [
                "time": time, "level": "\(event.level)", "process": process,
                "message": "\(event.message)",
            ]
            for (key, value) in sorted where object[key] == nil { object[key] = "\(value)" }
            line = String(decoding: JSON.line(object), as: UTF8.self)
        }
        Console.complain(line)
    }

    /// As ISO 8601 has it, in milliseconds.
    private static func time() -> String {
        let now = CivilClock.now
        let civil = CivilTime(now)
        let date = [(civil.year, 4), (civil.month, 2), (civil.day, 2)].map(padded)
        let time = [(civil.hour, 2), (civil.minute, 2), (civil.second, 2)].map(padded)
        return date.joined(separator: "-") + "T" + time.joined(separator: ":") + "."
            + padded(Int(now.milliseconds % 1000), 3) + "Z"
    }

    private static func padded(_ number: Int, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}

import Synchronization

/// Label values of one series, in the order of the metric's label names.
public typealias LabelValues = [String]

/// The metrics of a process, as Prometheus reads them (text exposition format 0.0.4).
///
/// Every metric is declared once, with its labels; a series appears with its first value. How many
/// series a metric may have is bounded, so that no input can grow the registry.
public final class MetricRegistry: Sendable {
    /// A counter: only rises.
    public struct Counter: Sendable {
        fileprivate let registry: MetricRegistry
        fileprivate let name: String

        public func add(_ amount: Int64 = 1, _ labels: String...) {
            registry.change(name, labels) { $0 += amount }
        }
    }

    /// A gauge: is set.
    public struct Gauge: Sendable {
        fileprivate let registry: MetricRegistry
        fileprivate let name: String

        public func set(_ value: Int64, _ labels: String...) {
            registry.change(name, labels) { $0 = value }
        }
    }

    /// A histogram of durations with fixed buckets.
    public struct Histogram: Sendable {
        fileprivate let registry: MetricRegistry
        fileprivate let name: String

        /// Adds one observation, in microseconds.
        public func observe(microseconds: Int64, _ labels: String...) {
            registry.observe(name, labels, microseconds)
        }
    }

    private enum Kind: String {
        case counter, gauge, histogram
    }

    private struct Distribution {
        var counts = [Int64](repeating: 0, count: MetricRegistry.bucketsMicroseconds.count + 1)
        var sumMicroseconds: Int64 = 0
    }

    private struct Metric {
        let help: String
        let kind: Kind
        let labels: [String]
        var values: [LabelValues: Int64] = [:]
        var distributions: [LabelValues: Distribution] = [:]
    }

    /// The upper bounds of a histogram's buckets: 100 µs, where a local answer lies, to the ingress
    /// deadline.
    public static let bucketsMicroseconds: [Int64] = [
        100, 250, 500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
        1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000,
    ]

    /// How many series one metric may have; what would exceed it is counted as `other`.
    public static let seriesCountMax = 256

    private let metrics = Mutex<[String: Metric]>([:])

    public init() {}

    /// Declares a counter; `name` ends in `_total`.
    public func counter(_ name: String, _ help: String, labels: String...) -> Counter {
        declare(name, Metric(help: help, kind: .counter, labels: labels))
        return Counter(registry: self, name: name)
    }

    public func gauge(_ name: String, _ help: String, labels: String...) -> Gauge {
        declare(name, Metric(help: help, kind: .gauge, labels: labels))
        return Gauge(registry: self, name: name)
    }

    /// Declares a histogram; `name` ends in `_seconds`.
    public func histogram(_ name: String, _ help: String, labels: String...) -> Histogram {
        declare(name, Metric(help: help, kind: .histogram, labels: labels))
        return Histogram(registry: self, name: name)
    }

    /// The value of one series; zero when it has none.
    public func value(_ name: String, _ labels: String...) -> Int64 {
        metrics.withLock { $0[name]?.values[labels] ?? 0 }
    }

    private func declare(_ name: String, _ metric: Metric) {
        metrics.withLock { metrics in
            precondition(metrics[name] == nil, "the metric \(name) is declared twice")
            metrics[name] = metric
        }
    }

    private func change(_ name: String, _ labels: LabelValues, _ body: (inout Int64) -> Void) {
        metrics.withLock { metrics in
            guard var metric = metrics.removeValue(forKey: name) else { return }
            let key = metric.values.key(for: labels)
            body(&metric.values[key, default: 0])
            metrics[name] = metric
        }
    }

    private func observe(_ name: String, _ labels: LabelValues, _ microseconds: Int64) {
        metrics.withLock { metrics in
            guard var metric = metrics.removeValue(forKey: name) else { return }
            let bounds = Self.bucketsMicroseconds
            let bucket = bounds.firstIndex { microseconds <= $0 } ?? bounds.count
            let key = metric.distributions.key(for: labels)
            metric.distributions[key, default: Distribution()].counts[bucket] += 1
            metric.distributions[key]?.sumMicroseconds += microseconds
            metrics[name] = metric
        }
    }

    // MARK: Exposition

    /// All metrics as text, sorted by name and labels.
    public func exposition() -> String {
        let snapshot = metrics.withLock { $0 }
        var text = ""
        for (name, metric) in snapshot.sorted(by: { $0.key < $1.key }) {
            text += "# HELP \(name) \(metric.help)\n# TYPE \(name) \(metric.kind.rawValue)\n"
            for (values, value) in metric.values.sorted(by: { $0.key.joined() < $1.key.joined() }) {
                text += "\(name)\(Self.labelText(metric.labels, values)) \(value)\n"
            }
            for (values, distribution) in metric.distributions.sorted(by: {
                $0.key.joined() < $1.key.joined()
            }) {
                text += Self.text(name, metric.labels, values, distribution)
            }
        }
        return text
    }

    private static func text(
        _ name: String, _ labels: [String], _ values: LabelValues, _ distribution: Distribution
    ) -> String {
        var text = ""
        var cumulative: Int64 = 0
        for (index, count) in distribution.counts.enumerated() {
            cumulative += count
            let bound =
                index < bucketsMicroseconds.count ? seconds(bucketsMicroseconds[index]) : "+Inf"
            text +=
                "\(name)_bucket\(labelText(labels + ["le"], values + [bound])) \(cumulative)\n"
        }
        text += "\(name)_sum\(labelText(labels, values)) \(seconds(distribution.sumMicroseconds))\n"
        text += "\(name)_count\(labelText(labels, values)) \(cumulative)\n"
        return text
    }

    /// Microseconds as seconds with six decimals, without floating point.
    private static func seconds(_ microseconds: Int64) -> String {
        let fraction = String(microseconds % 1_000_000 + 1_000_000).dropFirst()
        return "\(microseconds / 1_000_000).\(fraction)"
    }

    private static func labelText(_ labels: [String], _ values: LabelValues) -> String {
        guard !labels.isEmpty else { return "" }
        let pairs = zip(labels, values).map { "\($0)=\"\(escape($1))\"" }
        return "{\(pairs.joined(separator: ","))}"
    }

    private static func escape(_ value: String) -> String {
        var text = ""
        for character in value {
            switch character {
            case "\\": text += "\\\\"
            case "\"": text += "\\\""
            case "\n": text += "\\n"
            default: text.append(character)
            }
        }
        return text
    }
}

extension Dictionary where Key == LabelValues {
    /// The labels themselves, or `other` for each once the bound is reached.
    fileprivate func key(for labels: LabelValues) -> LabelValues {
        if self[labels] != nil || count < MetricRegistry.seriesCountMax { return labels }
        return labels.map { _ in "other" }
    }
}

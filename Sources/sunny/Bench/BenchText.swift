import Foundation

/// How figures are printed.
enum BenchText {
    static func pad(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    static func format(_ value: Double, _ digits: Int = 0) -> String {
        String(format: "%.\(digits)f", value)
    }

    /// A row of a section.
    static func row(_ name: String, _ figures: String) -> String {
        "  \(pad(name, 44)) \(figures)"
    }
}

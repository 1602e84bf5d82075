import Operations

/// A reconciliation as people and programs read it.
enum ReconcileText {
    private struct Document: Encodable {
        let status: ReconciliationReport.Verdict
        let payments: Int
        let attempts: Int
        let transactions: Int
        let breaks: [ReconciliationReport.Break]
        let inFlight: [ReconciliationReport.InFlight]
        let totals: [ReconciliationReport.Totals]
    }

    static func json(_ report: ReconciliationReport) -> String {
        JSON.text(
            Document(
                status: report.verdict, payments: report.paymentCount,
                attempts: report.attemptCount, transactions: report.transactionCount,
                breaks: report.breaks, inFlight: report.inFlight, totals: report.totals))
    }

    static func table(_ report: ReconciliationReport) -> String {
        var parts = [
            "\(report.paymentCount) payments with \(report.attemptCount) attempts, "
                + "\(report.transactionCount) transactions of the acquirers"
        ]
        if !report.totals.isEmpty { parts.append(totals(report)) }
        if !report.breaks.isEmpty { parts.append(breaks(report)) }
        if !report.inFlight.isEmpty {
            let lines = report.inFlight.map { "  \($0.payment)  \($0.detail)" }
            parts.append("In flight, \(lines.count):\n" + lines.joined(separator: "\n"))
        }
        switch report.verdict {
        case .balanced: parts.append("Both sides say the same.")
        case .inFlight: parts.append("No break; \(report.inFlight.count) in flight.")
        case .broken: parts.append("BREAKS: \(report.breaks.count)")
        }
        return parts.joined(separator: "\n\n")
    }

    private static func totals(_ report: ReconciliationReport) -> String {
        var table = TextTable("CURRENCY", "SIDE", "HELD", "CAPTURED", "REFUNDED")
        for total in report.totals {
            for (side, sums) in [("ours", total.ours), ("theirs", total.theirs)] {
                table.add(
                    total.currency, side, "\(sums.held)", "\(sums.captured)", "\(sums.refunded)")
            }
        }
        return table.text
    }

    private static func breaks(_ report: ReconciliationReport) -> String {
        var table = TextTable(
            "BREAK", "ACQUIRER", "TERMINAL", "STAN", "REFERENCE", "PAYMENT", "WHAT")
        for item in report.breaks {
            table.add(
                item.kind.rawValue, item.acquirer, item.terminal, "\(item.stan)", item.reference,
                item.payment ?? "-", item.detail)
        }
        return table.text
    }
}

import MerchantAPI
import Node
import Transport

/// What the node counts outside the registry, in Prometheus' text format 0.0.4.
enum NodeMetricsText {
    static func text(_ process: NodeProcess) async -> String {
        let requests = await process.node.service.requestCounts
        let work = await process.node.workCounts
        var text = family("sunny_api_requests_total", "Requests that the API answered.", "counter")
        for count in requests {
            text +=
                "sunny_api_requests_total{route=\"\(count.route)\","
                + "status_class=\"\(count.statusClass)xx\"} \(count.count)\n"
        }
        let counters = [
            ("sunny_journal_syncs_total", "Syncs of the journal.", work.journalSyncs),
            ("sunny_journal_bytes_total", "Bytes written to the journal.", work.journalBytes),
            ("sunny_journal_entries_total", "Entries of the journal.", work.journalEntries),
            ("sunny_state_statements_total", "SQL statements.", work.statements),
            ("sunny_state_transactions_total", "SQL transactions.", work.transactions),
        ]
        for (name, help, value) in counters {
            text += family(name, help, "counter") + "\(name) \(value)\n"
        }
        let name = "sunny_loop_lag_seconds"
        text += family(name, "How long the loop let something ready wait, lately.", "gauge")
        return text + "\(name) \(seconds(process.loop.lagNanoseconds))\n"
    }

    private static func family(_ name: String, _ help: String, _ type: String) -> String {
        "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
    }

    private static func seconds(_ nanoseconds: Int64) -> String {
        let fraction = String(nanoseconds % 1_000_000_000 + 1_000_000_000).dropFirst()
        return "\(nanoseconds / 1_000_000_000).\(fraction)"
    }
}

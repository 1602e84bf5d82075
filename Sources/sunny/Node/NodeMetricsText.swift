import Cluster
import MerchantAPI
import Node
import Primitives
import Renewal
import SecureLink
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
        text += "\(name) \(seconds(process.loop.lagNanoseconds))\n"
        let status = await process.node.clusterStatus()
        text += clusterText(process, status) + sentText(status, await process.links?.sent)
        return text + refusedText(status, await process.links?.troubleCounts)
    }

    private static func clusterText(_ process: NodeProcess, _ status: ClusterStatus) -> String {
        let shards = "sunny_shards_led"
        var text = family(shards, "Shards that this node leads and serves.", "gauge")
        text += "\(shards) \(status.shards.count { $0.isServing })\n"
        let groups = status.groups
        let compared = "sunny_state_windows_compared_total"
        text += family(compared, "Checksums of the state held against a peer's.", "counter")
        text += "\(compared) \(groups.reduce(0) { $0 + $1.comparedWindowCount })\n"
        let differences = "sunny_state_differences_total"
        text += family(differences, "Windows in which a peer's state differs.", "counter")
        text += "\(differences) \(groups.reduce(0) { $0 + $1.differenceCount })\n"
        guard let channels = process.channels else { return text }
        let links = "sunny_peer_link_up"
        text += family(links, "Whether the link to a peer is up.", "gauge")
        for peer in status.members.peers {
            let isUp = status.connected.contains(peer.id)
            text += "\(links){peer=\"\(peer.name)\"} \(isUp ? 1 : 0)\n"
        }
        let end = "sunny_certificate_end_seconds"
        text += family(end, "When this node's certificate ends, since 1970.", "gauge")
        let life = channels.life
        text += "\(end) \(life.end.seconds)\n"
        let info = "sunny_certificate_info"
        text += family(info, "This node's certificate, by its serial number.", "gauge")
        return text + "\(info){serial=\"\(life.serial)\"} 1\n"
    }

    private static func sentText(
        _ status: ClusterStatus, _ sent: [MemberID: PeerLinks.Sent]?
    ) -> String {
        guard let sent else { return "" }
        let (frames, bytes) = ("sunny_peer_frames_sent_total", "sunny_peer_bytes_sent_total")
        var frameText = family(frames, "Frames sent to a peer.", "counter")
        var byteText = family(bytes, "Bytes of frames sent to a peer.", "counter")
        for peer in status.members.peers {
            let count = sent[peer.id] ?? PeerLinks.Sent()
            frameText += "\(frames){peer=\"\(peer.name)\"} \(count.frames)\n"
            byteText += "\(bytes){peer=\"\(peer.name)\"} \(count.bytes)\n"
        }
        return frameText + byteText
    }

    private static func refusedText(
        _ status: ClusterStatus, _ troubleCounts: [String: Int]?
    ) -> String {
        guard let troubleCounts else { return "" }
        let (messages, troubles) = (
            "sunny_peer_messages_refused_total", "sunny_peer_link_troubles_total"
        )
        var text = family(
            messages, "Messages of peers that could not be read or said what cannot be.",
            "counter")
        text += "\(messages) \(status.refusedMessageCount)\n"
        text += family(troubles, "Streams that became no link, and links that ended.", "counter")
        for (reason, count) in troubleCounts.sorted(by: { $0.key < $1.key }) {
            text += "\(troubles){reason=\"\(reason)\"} \(count)\n"
        }
        return text
    }

    private static func family(_ name: String, _ help: String, _ type: String) -> String {
        "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
    }

    private static func seconds(_ nanoseconds: Int64) -> String {
        let fraction = String(nanoseconds % 1_000_000_000 + 1_000_000_000).dropFirst()
        return "\(nanoseconds / 1_000_000_000).\(fraction)"
    }
}

import Liveness
import Primitives

/// How scripts show what nodes write, say and know. Times are in milliseconds, rounded down.
enum NodeText {
    static func milliseconds(_ nanoseconds: Int64) -> String {
        "\(nanoseconds / ScriptedNodes.millisecond) ms"
    }

    static func describe(_ durable: DurableLiveness) -> String {
        let rows = durable.rows.map { row in
            switch row.promise {
            case .supporting(let duration):
                "\(row.member.rawValue) supported at \(row.epoch), \(milliseconds(duration))"
            case .withdrawn: "\(row.member.rawValue) nothing below \(row.epoch)"
            }
        }
        let floor = durable.floor == 0 ? [] : ["floor \(durable.floor)"]
        return (["epoch \(durable.epoch)"] + floor + rows).joined(separator: "; ")
    }

    static func describe(_ message: LivenessMessage) -> String {
        let way = "\(message.from.rawValue) → \(message.to.rawValue)"
        switch message.body {
        case .heartbeat(let epoch, let round, let duration):
            return "\(way) round \(round): support epoch \(epoch) for \(milliseconds(duration))?"
        case .reply(let answer, let round, let life, let time):
            let stamp = "life \(life), at \(milliseconds(time.nanoseconds))"
            switch answer {
            case .supported(let epoch):
                return "\(way) round \(round): epoch \(epoch) supported (\(stamp))"
            case .outdated(let epoch):
                return "\(way) round \(round): nothing below epoch \(epoch) (\(stamp))"
            }
        }
    }

    /// Nil for what was taken.
    static func describe(_ reception: Liveness.Reception) -> String? {
        switch reception {
        case .taken: nil
        case .ignored(let reason): "ignored: \(reason)"
        case .refused(let reason): "refused: \(reason)"
        }
    }
}

extension ScriptedNodes {
    /// What a node's readers see, and what its disk holds.
    func state(_ index: Int) -> [String] {
        let name = members[index].rawValue
        let disk = nodes[index].disk.map(NodeText.describe) ?? "empty"
        guard let liveness = nodes[index].liveness else { return ["\(name) is down; disk \(disk)"] }
        var lines = ["\(name) speaks under epoch \(liveness.epoch); disk \(disk)"]
        for peer in members where peer != members[index] {
            if let given = liveness.table.given(to: peer) {
                lines.append("  \(peer.rawValue) has its promise under epoch \(given)")
            }
            guard let received = liveness.table.received(from: peer) else { continue }
            let rest = received.until.nanoseconds - nodes[index].clock
            let isBefore = nodes[index].clock < liveness.lastSeen.nanoseconds
            let lease =
                isBefore
                ? "that counts no more, as the clock ran backwards"
                : rest > 0 ? "for \(NodeText.milliseconds(rest))" : "that has run out"
            let clock = received.isClockTrusted ? "clock trusted" : "clock not trusted"
            lines.append(
                "  \(peer.rawValue)'s promise under epoch \(received.epoch) \(lease), \(clock)")
        }
        return lines
    }
}

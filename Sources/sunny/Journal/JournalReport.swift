import Journal
import Primitives

/// What a journal holds, as data.
struct JournalReport: Encodable {
    struct Owner: Encodable {
        let cluster: String
        let node: String
        let member: UInt64?
    }

    struct Segment: Encodable {
        let segment: UInt64
        let file: String
        let bytes: Int
        let usedBytes: Int
        let batches: Int
        let firstBatch: UInt64
        let recycled: Bool
    }

    struct Range: Encodable {
        let first: LogIndex
        let last: LogIndex

        init(_ range: ClosedRange<LogIndex>) {
            first = range.lowerBound
            last = range.upperBound
        }
    }

    struct TermRun: Encodable {
        let term: Term
        let first: LogIndex
        let last: LogIndex
    }

    struct Group: Encodable {
        let group: UInt32
        /// `meta`, `liveness`, or its number behind a `g`.
        let name: String
        let term: Term
        let vote: UInt64?
        let promisedTo: UInt64?
        let compactedUpTo: LogIndex
        let compactedTerm: Term
        let lastIndex: LogIndex
        /// Those of `entries` that only whoever has the vault's key can read.
        let sealedEntries: Int
        let entries: Int
        let terms: [TermRun]
        let damaged: [Range]
        /// The last index of what was lost to damage and is being fetched from other nodes.
        let recoversThrough: LogIndex?
    }

    struct Place: Encodable {
        let segment: UInt64
        let offset: Int
        let what: String
    }

    /// `whole`, `damaged`: entries or bytes are missing and known by name, or `unreadable`.
    let verdict: String
    let error: String?
    let owner: Owner?
    let segments: [Segment]
    let groups: [Group]
    let damage: [Place]
    let tornEnd: Place?

    init(_ inspection: JournalInspection) {
        let log = inspection.log
        verdict = inspection.isWhole ? "whole" : inspection.error == nil ? "damaged" : "unreadable"
        error = inspection.error.map { "\($0)" }
        owner = log?.owner.map {
            Owner(cluster: $0.cluster, node: $0.node, member: $0.member?.rawValue)
        }
        segments = inspection.segments.map {
            Segment(
                segment: $0.sequence, file: JournalFormat.fileName(ofSegment: $0.sequence),
                bytes: $0.byteCount, usedBytes: $0.usedByteCount, batches: $0.batchCount,
                firstBatch: $0.firstBatch, recycled: $0.isRecycled)
        }
        groups = (log?.groups ?? [:]).sorted { $0.key < $1.key }.map { Group($0, $1) }
        damage = (log?.damagedParts ?? []).map {
            Place(segment: $0.segment, offset: $0.offset, what: $0.damage.rawValue)
        }
        tornEnd = log?.cut.map {
            Place(segment: $0.segment, offset: $0.offset, what: "a last batch that is not whole")
        }
    }
}

extension JournalReport.Group {
    init(_ group: GroupID, _ part: RecoveredLog.Group) {
        let all = part.entries + part.entriesBehindDamage
        self.init(
            group: group.rawValue, name: GroupName.of(group), term: part.hardState.term,
            vote: part.hardState.vote?.rawValue,
            promisedTo: part.hardState.promise?.leader.rawValue,
            compactedUpTo: part.compactedUpTo, compactedTerm: part.compactedTerm,
            lastIndex: part.lastIndex,
            sealedEntries: all.count { $0.keyID != 0 }, entries: all.count,
            terms: part.termRuns.map {
                .init(term: $0.term, first: $0.indices.lowerBound, last: $0.indices.upperBound)
            },
            damaged: part.damaged.map { .init($0) },
            recoversThrough: part.hardState.recovery?.index)
    }
}

/// What a journal holds, for people.
enum JournalText {
    static func table(_ inspection: JournalInspection) -> String {
        let report = JournalReport(inspection)
        var segments = TextTable("SEGMENT", "BYTES", "USED", "BATCHES", "FIRST", "RECYCLED")
        for segment in report.segments {
            segments.add(
                "\(segment.segment)", "\(segment.bytes)", "\(segment.usedBytes)",
                "\(segment.batches)", "\(segment.firstBatch)", segment.recycled ? "yes" : "no")
        }
        var groups = TextTable(
            "GROUP", "TERM", "VOTE", "COMPACTED", "LAST", "ENTRIES", "SEALED", "DAMAGED")
        for group in report.groups {
            groups.add(
                group.name, "\(group.term)", group.vote.map { "m\($0)" } ?? "-",
                "\(group.compactedUpTo)", "\(group.lastIndex)",
                list(group.terms.map { "\($0.first)...\($0.last) of term \($0.term)" }),
                "\(group.sealedEntries) of \(group.entries)",
                list(group.damaged.map { "\($0.first)...\($0.last)" }))
        }
        let owner = inspection.log?.owner.map { "The journal of \($0).\n\n" } ?? ""
        return owner + segments.text + "\n\n" + groups.text + "\n\n" + verdict(inspection)
    }

    /// A line for each thing that is wrong, and a last one.
    static func verdict(_ inspection: JournalInspection) -> String {
        let report = JournalReport(inspection)
        var lines = report.damage.map { "segment \($0.segment), offset \($0.offset): \($0.what)" }
        for group in report.groups {
            for range in group.damaged {
                lines.append("\(group.name): entries \(range.first)...\(range.last) are damaged")
            }
            if let index = group.recoversThrough {
                lines.append("\(group.name): recovers from damage, through entry \(index)")
            }
        }
        if let torn = report.tornEnd {
            lines.append("segment \(torn.segment), offset \(torn.offset): \(torn.what), and is cut")
        }
        if let error = report.error {
            lines.append(error)
            lines.append("The journal cannot be read.")
        } else if inspection.isWhole {
            lines.append("Everything that was acknowledged can be read.")
        } else if report.groups.allSatisfy({ $0.damaged.isEmpty && $0.recoversThrough == nil }) {
            lines.append("No entry is missing; the damaged places go with their segments.")
        } else {
            lines.append("The journal is damaged; votes and positions are whole.")
        }
        return lines.joined(separator: "\n")
    }

    private static func list(_ parts: [String]) -> String {
        parts.isEmpty ? "-" : parts.joined(separator: ", ")
    }
}

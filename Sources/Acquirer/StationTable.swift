import ISO8583
import Primitives

// Which connection is a station's, at a host that takes one session for each.
//
//   free ── sign-on ──▶ held ── ended, signed off ──▶ free
//                        │ ▲
//     another's sign-on: │ │ refused while the holder speaks; once it was silent for long, its
//                        └─┘ connection is ended and the station is the other's
//
// A station is named by subelement 91 of DE 48 of the sign-on; without one it has no name. What is
// asked for on a connection that holds no station is refused: its gateway is not whom it takes
// itself for.

/// The stations that are signed on.
struct StationTable: Sendable {
    private struct Holder: Sendable {
        let session: SessionID
        var heardAt: Timestamp
    }

    enum SignOn: Hashable, Sendable {
        case taken
        /// Taken from a connection that was silent, and has to be ended.
        case takenFrom(SessionID)
        case refused
    }

    private var holders: [String: Holder] = [:]

    /// A gateway says something every twenty seconds. One that lost its place stops at once; one
    /// whose machine is gone says nothing, and is not waited for longer than this.
    private static let silenceMilliseconds: Int64 = 10_000
    private static let subelement = "91"

    func holds(_ session: SessionID) -> Bool {
        holders.contains { $0.value.session == session }
    }

    mutating func signOn(_ station: String, _ session: SessionID, at now: Timestamp) -> SignOn {
        let holder = holders[station]
        if let holder, holder.session != session {
            let silence = now.milliseconds - holder.heardAt.milliseconds
            guard silence >= Self.silenceMilliseconds else { return .refused }
        }
        end(session)
        holders[station] = Holder(session: session, heardAt: now)
        guard let holder, holder.session != session else { return .taken }
        return .takenFrom(holder.session)
    }

    mutating func heard(_ session: SessionID, at now: Timestamp) {
        for (station, holder) in holders where holder.session == session {
            holders[station]?.heardAt = now
        }
    }

    mutating func end(_ session: SessionID) {
        holders = holders.filter { $0.value.session != session }
    }

    /// The station that a sign-on names.
    static func name(in message: Message) -> String {
        guard var rest = message[.privateData] else { return "" }
        while rest.count >= 4 {
            let digits = rest.dropFirst(2).prefix(2)
            guard digits.allSatisfy({ 0x30...0x39 ~= $0 }) else { return "" }
            let length = digits.reduce(0) { $0 * 10 + Int($1 & 0xF) }
            guard rest.count >= 4 + length else { return "" }
            if rest.prefix(2).elementsEqual(subelement.utf8) {
                return String(decoding: rest.dropFirst(4).prefix(length), as: UTF8.self)
            }
            rest = rest.dropFirst(4 + length)
        }
        return ""
    }
}

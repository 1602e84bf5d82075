import Primitives
import Renewal
import ScriptKit

/// A node's renewal and a signer's rules, whose time and chance a script moves by hand. Times are
/// seconds.
struct ScriptedRenewal {
    private var renewal: RenewalInstance?
    private var life = CertificateLife(
        serial: "", begin: Timestamp(milliseconds: 0), end: Timestamp(milliseconds: 0))
    private var now = Timestamp(milliseconds: 0)
    private var rules = SigningRules()
    private var excluded: Set<String> = []

    static func handler() -> Script.Handler {
        var scripted = ScriptedRenewal()
        return { try scripted.perform($0) }
    }

    private mutating func perform(_ command: ScriptCommand) throws -> String {
        if command.has("at") {
            now = Timestamp(milliseconds: Int64(try command.integer("at")) * 1000)
        }
        switch command.name {
        case "certificate", "turn", "renewed", "failed": return try renew(command)
        case "admit", "exclude", "request": return try sign(command)
        default: throw command.unknown
        }
    }

    // MARK: The node

    private mutating func renew(_ command: ScriptCommand) throws -> String {
        let chance = try chance(command)
        switch command.name {
        case "certificate":
            try command.allow(positionals: 1...1, keys: ["begin", "end"])
            life = try readLife(command)
            return "due at \(seconds(life.due))"
        case "turn":
            try command.allow(positionals: 0...0, keys: ["at", "chance"])
            var instance = renewal ?? RenewalInstance(life, chance: chance)
            defer { renewal = instance }
            return text(instance.onTurn(life, at: now, chance: chance))
        case "renewed":
            try command.allow(positionals: 1...1, keys: ["begin", "end", "at", "chance"])
            life = try readLife(command)
            return text(renewal!.onRenewed(life, at: now, chance: chance))
        default:
            try command.allow(positionals: 0...0, keys: ["at", "chance"])
            return text(renewal!.onFailed(at: now, chance: chance))
        }
    }

    private func readLife(_ command: ScriptCommand) throws -> CertificateLife {
        CertificateLife(
            serial: try command.positional(0),
            begin: Timestamp(milliseconds: Int64(try command.integer("begin")) * 1000),
            end: Timestamp(milliseconds: Int64(try command.integer("end")) * 1000))
    }

    /// In per cent of the largest.
    private func chance(_ command: ScriptCommand) throws -> UInt64 {
        UInt64.max / 100 * (try command.integer("chance", default: UInt64(0)))
    }

    private func text(_ directives: [RenewalInstance.Directive]) -> String {
        directives.map { directive in
            switch directive {
            case .ask: "asks"
            case .wait(let pause): "waits \(seconds(pause.wholeMilliseconds)) s"
            case .warn(let end): "warns: it ends at \(seconds(end))"
            case .sayOver(let end): "is over since \(seconds(end))"
            }
        }.joined(separator: "\n")
    }

    private func seconds(_ moment: Timestamp) -> String { seconds(moment.milliseconds) }

    private func seconds(_ milliseconds: Int64) -> String {
        let rest = milliseconds % 1000
        guard rest != 0 else { return "\(milliseconds / 1000)" }
        return "\(milliseconds / 1000).\(String(rest + 1000).dropFirst())"
    }

    // MARK: The signer

    private mutating func sign(_ command: ScriptCommand) throws -> String {
        switch command.name {
        case "exclude":
            try command.allow(positionals: 0...8, keys: [])
            excluded = Set(command.positionals)
            return ""
        case "admit":
            try command.allow(positionals: 1...1, keys: ["at", "times"])
            let monotonic = MonotonicInstant(nanoseconds: now.milliseconds * 1_000_000)
            let refusals = (0..<(try command.integer("times", default: 1))).map { _ in
                rules.admit(try! peer(command), at: monotonic)
            }
            let admitted = refusals.count { $0 == nil }
            return "\(admitted) of \(refusals.count) admitted"
        default:
            try command.allow(
                positionals: 1...3,
                keys: ["at", "region", "until", "key", "names", "uris"])
            let refusal = rules.judge(
                try request(command), of: try peer(command), excluded: excluded, at: now)
            return refusal.map { "refused: \($0.label)" } ?? "signed"
        }
    }

    private func peer(_ command: ScriptCommand) throws -> SigningPeer {
        let (name, region) = (try command.positional(0), try command.text("region", default: "eu"))
        let until = try command.integer("until", default: Int64(100_000))
        return SigningPeer(
            uri: "spiffe://c/region/\(region)/node/\(name)", region: region, name: name,
            validUntil: Timestamp(milliseconds: until * 1000))
    }

    private func request(_ command: ScriptCommand) throws -> SigningRequest? {
        if command.hasFlag("garbage") { return nil }
        let key = try command.text("key")
        return SigningRequest(
            key: key == "rsa" ? .other : .usual(Array(key.utf8)),
            isProven: !command.hasFlag("unproven"),
            commonNames: command.values("names", default: []),
            uris: command.values("uris", default: []),
            asksForMore: command.hasFlag("more"))
    }
}

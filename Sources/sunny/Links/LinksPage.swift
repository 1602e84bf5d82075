import Cluster
import Gateway
import Node
import Primitives
import Resilience

/// `/admin/links`: the links to acquirers, by region, for operators and scripts.
struct LinksPage: Codable, Sendable {
    struct Link: Codable, Sendable {
        let name: String
        /// `live` or `test`.
        let mode: String
        /// `up`, `down`, or `opening` while its owner is new.
        let session: String
        let inFlight: Int
        /// The breaker's state, such as `closed`.
        let breaker: String
        /// `open`, `draining` or `drained`.
        let standing: String
        /// Counts the changes of the standing.
        let epoch: UInt64
    }

    struct Region: Codable, Sendable {
        let region: String
        /// The node that owns the links; left out while nobody is known to.
        let owner: String?
        /// Left out when the owner did not answer.
        let links: [Link]?
    }

    let regions: [Region]

    init(_ node: Node) async {
        let members = await node.clusterStatus().members
        regions = await node.linkStatuses().map { region in
            Region(
                region: region.region, owner: region.owner.flatMap { members[$0]?.name },
                links: region.links.map { $0.map(Link.init) })
        }
    }
}

extension LinksPage.Link {
    fileprivate init(_ link: LinkStatus) {
        name = link.name
        mode = link.isLive ? "live" : "test"
        session =
            switch link.session {
            case .opening: "opening"
            case .up: "up"
            case .down: "down"
            }
        inFlight = link.inFlightCount
        breaker = "\(link.breaker)"
        standing = "\(link.standing)"
        epoch = link.epoch
    }
}

/// What a POST below `/admin/links` asks a node for.
struct LinkRequest {
    private let command: LinkCommand
    /// Nil for every region.
    private let region: String?

    init?(_ name: String, _ parameters: [String: String]) {
        guard let link = parameters["link"] else { return nil }
        switch name {
        case "drain": command = .drain(link)
        case "undrain": command = .undrain(link)
        default: return nil
        }
        region = parameters["region"]
    }

    /// The HTTP status and the text that say what came of it.
    func perform(on node: Node) async -> (status: Int, text: String) {
        let outcomes = await node.change(command, of: region)
        guard !outcomes.isEmpty else { return (503, "no region has links yet: ask again\n") }
        var done: [String] = []
        for (region, outcome) in outcomes {
            switch outcome {
            case .done: done.append(region)
            case .noSuchRegion:
                return (404, "no region \(region) has links\n")
            case .refused(.noSuchLink):
                return (404, "\(region) has no such link\n")
            case .refused(.tooMany):
                return (409, "\(region) has as many links as it can have\n")
            case .unavailable:
                let so = done.isEmpty ? "" : "done in \(done.joined(separator: ", ")); "
                return (503, "\(so)nobody owns the links of \(region) at this moment: ask again\n")
            }
        }
        return (200, "done in \(done.joined(separator: ", "))\n")
    }
}

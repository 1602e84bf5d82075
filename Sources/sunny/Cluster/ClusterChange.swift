import Cluster
import Node
import Topology

/// What a POST below `/admin/cluster` asks a node for.
enum ClusterChange {
    case transfer(shard: Int, to: String)
    case topology(TopologyCommand)

    init?(_ name: String, _ parameters: [String: String]) {
        switch name {
        case "transfer":
            guard let shard = parameters["shard"].flatMap({ Int($0) }), let to = parameters["to"]
            else { return nil }
            self = .transfer(shard: shard, to: to)
        case "flag":
            guard let flag = parameters["name"].flatMap({ ClusterFlag(name: $0) }) else {
                return nil
            }
            switch parameters["value"] {
            case "on": self = .topology(.set(flag, true))
            case "off": self = .topology(.set(flag, false))
            case nil: self = .topology(.set(flag, nil))
            default: return nil
            }
        case "drain", "resume", "remove":
            guard let node = parameters["node"] else { return nil }
            switch name {
            case "drain": self = .topology(.drain(name: node))
            case "resume": self = .topology(.resume(name: node))
            default:
                let allowsFewer = parameters["allow_fewer_replicas"] == "true"
                self = .topology(.leave(name: node, allowsFewer: allowsFewer))
            }
        default:
            return nil
        }
    }

    /// The HTTP status and the text that say what came of it.
    func perform(on node: Node) async -> (status: Int, text: String) {
        switch self {
        case .transfer(let shard, let name):
            Self.answer(await node.transfer(shard: shard, to: name), shard: shard, name: name)
        case .topology(let command):
            Self.answer(await node.change(command), to: command)
        }
    }

    private static func answer(
        _ reply: TopologyReply, to command: TopologyCommand
    ) -> (status: Int, text: String) {
        switch reply {
        case .done(let topology):
            var warning: String?
            if case .drain(let name) = command {
                warning = TopologyText.warning(drained: name, topology)
            }
            return (200, ChangeAnswer.text("done", warning: warning))
        case .unavailable:
            return (503, "no leader of the cluster's topology answered in time: ask again\n")
        case .refused(let refusal):
            let (what, remedy) = TopologyText.explain(refusal)
            let status = refusal == .noSuchNode ? 404 : 409
            return (status, "\(what); \(remedy)\n")
        }
    }

    private static func answer(
        _ outcome: TransferOutcome, shard: Int, name: String
    ) -> (status: Int, text: String) {
        switch outcome {
        case .done: (200, "\(name) leads shard \(shard)\n")
        case .open: (202, "\(name) was asked to lead shard \(shard), and does not so far\n")
        case .noSuchShard: (404, "there is no shard \(shard)\n")
        case .noSuchNode: (404, "there is no node \(name)\n")
        case .refused(.notLeading): (409, "this node does not lead shard \(shard)\n")
        case .refused(.underWay): (409, "shard \(shard) is being handed over already\n")
        case .refused(.noVoter): (409, "\(name) leads it, or has no vote in it\n")
        case .refused(.unreachable): (409, "nothing was heard from \(name) lately\n")
        }
    }
}

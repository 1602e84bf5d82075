public import Cluster
import Environment
import Primitives
import Topology

// Whom a node can ask for a seat: the list `cluster.nodes` of its file. The nodes with an id are
// those that the cluster began with, of which there is a checksum, and they never change. Whoever
// joined later stands there without an id, and is nothing but an address to ask.

extension NodeFile {
    /// The nodes that the files of a cluster know, but the one that is named: first those that it
    /// began with, then as many of the others as a file can list besides that one, the last ones
    /// first to be left out.
    public static func nodes(of files: [NodeFile], besides name: String) -> [ClusterPlan.Node] {
        var found: [ClusterPlan.Node] = []
        let founders = files.flatMap { file in file.plan.nodes.filter { $0.id != nil } }
        let own = files.map(\.plan.own)
        for listed in founders + own + files.flatMap(\.plan.nodes) {
            // What a node's own file says of it is newer than what others say.
            let node = own.first { $0.profile.name == listed.profile.name } ?? listed
            let isKnown = found.contains { other in
                other.profile.name == node.profile.name || other.address == node.address
                    || (node.id != nil && other.id == node.id)
            }
            if !isKnown, node.profile.name != name { found.append(node) }
        }
        return Array(found.prefix(Topology.nodeCountMax - 1))
    }

    /// Whether the file lists the node, at its address.
    public func lists(_ node: ClusterPlan.Node) -> Bool {
        plan.nodes.contains {
            $0.profile.name == node.profile.name && $0.address == node.address
        }
    }

    /// The text of this file with one more node at the end of `cluster.nodes`, and all else as it
    /// is, comments too; nil where the list is not written as one item below another, or the file
    /// would not be right with it.
    ///
    /// - Parameters:
    ///   - node: one without an id.
    ///   - text: what stands in this file, which is at `path`.
    public func listing(_ node: ClusterPlan.Node, in text: String, at path: String) -> String? {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        guard node.id == nil, let place = NodeListPlace(lines) else { return nil }
        let indent = String(repeating: " ", count: place.indent)
        let item = ConfigurationTree.list([Self.effective(node)]).yaml
        lines.insert(
            contentsOf: item.split(separator: "\n").map { indent + $0 }, at: place.end)
        let changed = lines.joined(separator: "\n")
        guard let file = try? NodeFile(path: path, text: changed),
            file.plan.nodes == plan.nodes + [node],
            Self.effective(of: file, but: node) == effective
        else { return nil }
        return changed
    }

    /// What a file says when a node of its list is left out.
    private static func effective(of file: NodeFile, but node: ClusterPlan.Node)
        -> ConfigurationTree
    {
        file.effective.without(effective(node), below: ["cluster", "nodes"][...])
    }
}

/// Where the list `cluster.nodes` ends among the lines of a file, and how far it is indented.
private struct NodeListPlace {
    /// The line behind the last item's last one.
    let end: Int
    /// That of the dashes.
    let indent: Int

    init?(_ lines: [String]) {
        guard let cluster = lines.firstIndex(where: { Self.isKey("cluster:", $0[...]) }) else {
            return nil
        }
        var itemIndent: Int?
        var keyIndent: Int?
        var end: Int?
        for index in lines.indices.dropFirst(cluster + 1) {
            let content = lines[index].drop { $0 == " " }
            guard let first = content.first, first != "#" else { continue }
            let indent = lines[index].count - content.count
            if let itemIndent {
                let isItem = indent == itemIndent && content.hasPrefix("- ")
                guard indent > itemIndent || isItem else { break }
                end = index + 1
            } else if let keyIndent {
                guard indent >= keyIndent, content.hasPrefix("- ") else { return nil }
                itemIndent = indent
                end = index + 1
            } else if indent == 0 {
                return nil
            } else if Self.isKey("nodes:", content) {
                keyIndent = indent
            }
        }
        guard let itemIndent, let end else { return nil }
        self.end = end
        indent = itemIndent
    }

    /// Whether a line has the key, and nothing behind it but a comment.
    private static func isKey(_ key: String, _ line: Substring) -> Bool {
        guard line.hasPrefix(key) else { return false }
        let rest = line.dropFirst(key.count).drop { $0 == " " }
        return rest.isEmpty || rest.first == "#"
    }
}

extension ConfigurationTree {
    /// The tree without an item of the list that the keys lead to.
    fileprivate func without(_ item: ConfigurationTree, below keys: ArraySlice<String>) -> Self {
        switch self {
        case .list(let items):
            return .list(items.filter { $0 != item })
        case .mapping(let pairs):
            return .mapping(
                pairs.map { pair in
                    guard pair.key == keys.first else { return pair }
                    return Pair(
                        key: pair.key, value: pair.value.without(item, below: keys.dropFirst()))
                })
        case .text, .number, .flag:
            return self
        }
    }
}

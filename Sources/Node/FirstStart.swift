import Cluster
import Environment

/// Whether a node may begin with an empty folder.
///
/// A member that has lost its disk has lost its votes and what it acknowledged: started again as
/// the same member it could help to elect a leader without what is committed. So a node of a
/// cluster begins with an empty folder only where a mark says that this is its first start. Whoever
/// makes the cluster puts it there, and the first start takes it away. A node that is alone has
/// nobody to contradict, and needs none.
public enum FirstStart {
    /// The mark's path in a node's data folder.
    public static func path(in dataDirectory: String) -> String {
        dataDirectory + "/first-start"
    }

    /// Before the journal is opened. Throws when the folder is empty and nothing allows that.
    static func check(
        _ configuration: NodeConfiguration, _ files: any FileSystem
    ) throws(NodeStartError) {
        guard configuration.members.all.count > 1 else { return }
        let journal = configuration.dataDirectory + "/journal"
        do {
            let isEmpty = try !files.exists(journal) || files.list(journal).isEmpty
            guard isEmpty, !files.exists(path(in: configuration.dataDirectory)) else { return }
        } catch {
            throw .journal("\(error)")
        }
        throw .emptyFolder
    }

    /// Once the journal is there and durable.
    static func takeMark(
        _ configuration: NodeConfiguration, _ files: any FileSystem
    ) throws(NodeStartError) {
        let mark = path(in: configuration.dataDirectory)
        guard files.exists(mark) else { return }
        do {
            try files.remove(mark)
            try files.synchronizeDirectory(configuration.dataDirectory)
        } catch {
            throw .journal("\(error)")
        }
    }
}

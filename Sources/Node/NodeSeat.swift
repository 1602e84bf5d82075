public import Cluster
public import Environment
public import Primitives

// Which member a node is, found out before anything of it starts.
//
//   data folder                               seat
//   ----------------------------------------  --------------------------------------------------
//   has one                                   that one
//   none, and a journal                       the founder's of an older version; it is written down
//   empty, with the mark of a first start     the founder's
//   empty, and it belongs to no cluster       its own
//   empty otherwise                           it has to join: its disk may be a lost one, whose
//                                             votes and acknowledgements are gone with it
//
// The mark is taken away once the journal is there: a seat without a journal and without the mark
// says that the journal was taken away, and the node does not start.

/// Where a node's seat comes from.
public enum NodeSeat: Sendable {
    case found(Seat)
    /// The cluster has to be asked for one.
    case mustJoin

    /// The path in a node's data folder of the mark that lets a founder begin with an empty one.
    public static func markPath(in dataDirectory: String) -> String {
        dataDirectory + "/first-start"
    }

    /// The mark that lets a node that has joined begin its journal. It is not the founder's: a
    /// folder that has it and no seat has to join again.
    private static func joinedPath(in dataDirectory: String) -> String {
        dataDirectory + "/joined"
    }

    /// Looks into the data folder, and writes down a founder's seat.
    ///
    /// - Parameter random: draws what tells this folder from a copy that starts from nothing.
    public static func look(
        _ configuration: NodeConfiguration, _ files: any FileSystem, random: any RandomSource
    ) throws(NodeStartError) -> NodeSeat {
        let folder = configuration.dataDirectory
        if let seat = try read(configuration, files) {
            var mayStart =
                configuration.plan.isUnnamed || files.exists(markPath(in: folder))
                || files.exists(joinedPath(in: folder))
            if !mayStart { mayStart = try hasJournal(folder, files) }
            guard mayStart else { throw .journalIsGone }
            return .found(seat)
        }
        let isOlder = try hasJournal(folder, files)
        guard
            configuration.plan.isUnnamed || files.exists(markPath(in: folder)) || isOlder,
            let seat = configuration.plan.foundingSeat(
                shardCount: configuration.shardCount, token: random.next() | 1,
                isOlder: isOlder)
        else { return .mustJoin }
        try write(seat, folder, files)
        return .found(seat)
    }

    /// Writes down a seat that the cluster has given to the empty folder.
    public static func take(
        _ seat: Seat, _ configuration: NodeConfiguration, _ files: any FileSystem
    ) throws(NodeStartError) {
        do {
            let mark = joinedPath(in: configuration.dataDirectory)
            if !files.exists(mark) { try files.open(mark, create: true).close() }
            try files.synchronizeDirectory(configuration.dataDirectory)
        } catch {
            throw .seat("\(error)")
        }
        try write(seat, configuration.dataDirectory, files)
    }

    /// Once the journal is there and durable.
    static func takeMark(
        _ configuration: NodeConfiguration, _ files: any FileSystem
    ) throws(NodeStartError) {
        let folder = configuration.dataDirectory
        let marks = [markPath(in: folder), joinedPath(in: folder)].filter { files.exists($0) }
        guard !marks.isEmpty else { return }
        do {
            for mark in marks { try files.remove(mark) }
            try files.synchronizeDirectory(configuration.dataDirectory)
        } catch {
            throw .seat("\(error)")
        }
    }

    private static func read(
        _ configuration: NodeConfiguration, _ files: any FileSystem
    ) throws(NodeStartError) -> Seat? {
        let found: Seat?
        do {
            found = try Seat.read(in: configuration.dataDirectory, files)
        } catch {
            throw .seat("\(error)")
        }
        guard let seat = found else { return nil }
        guard seat.cluster == configuration.plan.cluster, seat.name == configuration.name else {
            throw .foreignFolder("node \(seat.name) of cluster \(seat.cluster)")
        }
        return seat
    }

    private static func write(
        _ seat: Seat, _ folder: String, _ files: any FileSystem
    ) throws(NodeStartError) {
        do {
            try seat.write(in: folder, files)
        } catch {
            throw .seat("\(error)")
        }
    }

    private static func hasJournal(
        _ folder: String, _ files: any FileSystem
    ) throws(NodeStartError) -> Bool {
        do {
            let journal = folder + "/journal"
            return try files.exists(journal) && !files.list(journal).isEmpty
        } catch {
            throw .journal("\(error)")
        }
    }
}

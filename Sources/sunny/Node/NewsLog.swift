import Journal
import Logging
import Node
import Operations
import Primitives
import Synchronization
import Transport

/// Logs what happens to a node.
final class NewsLog: Sendable {
    private let logger: Logger
    private let loop: UVLoop
    /// A disk that is stuck is told of twice a second.
    private let stalls = Mutex(NewsThrottle<String>(interval: .seconds(10)))

    init(_ logger: Logger, loop: UVLoop) {
        self.logger = logger
        self.loop = loop
    }

    func tell(_ news: NodeNews) {
        switch news {
        case .linksOwned(let region, let term?):
            logger.info("owns the links", metadata: ["region": "\(region)", "term": "\(term)"])
        case .linksOwned(let region, nil):
            logger.info("owns the links no more", metadata: ["region": "\(region)"])
        case .journal(let event):
            tell(event)
        case .storeHasRoom(false):
            logger.error(
                "the disk of the state is full: what is new is refused here, until there is room")
        case .storeHasRoom(true):
            logger.info("the state finds room again")
        }
    }

    private func tell(_ event: Journal.Event) {
        switch event {
        case .stalled(let duration):
            guard stalls.withLock({ $0.admit("journal", at: loop.now) }) != nil else { return }
            logger.warning(
                "the disk of the journal does not answer; others lead meanwhile",
                metadata: ["for": "\(duration)"])
        case .resumed(let duration):
            logger.info(
                "the disk of the journal answers again", metadata: ["after": "\(duration)"])
        case .refusing(let refusal):
            logger.error("\(refusal): what is new is refused here, until there is room")
        case .accepting:
            logger.info("the journal finds room again")
        case .pinned(let segmentCount, let groups):
            logger.warning(
                "old segments of the journal are kept by groups that do not move on",
                metadata: [
                    "segments": "\(segmentCount)",
                    "groups": "\(groups.map(GroupName.of).joined(separator: " "))",
                ])
        }
    }
}

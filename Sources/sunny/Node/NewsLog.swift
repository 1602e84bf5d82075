import Journal
import Logging
import Node
import Primitives

/// Logs what happens to a node.
enum NewsLog {
    static func tell(_ news: NodeNews, _ logger: Logger) {
        switch news {
        case .linksOwned(let region, let term?):
            logger.info("owns the links", metadata: ["region": "\(region)", "term": "\(term)"])
        case .linksOwned(let region, nil):
            logger.info("owns the links no more", metadata: ["region": "\(region)"])
        case .journal(let event):
            tell(event, logger)
        case .storeHasRoom(false):
            logger.error(
                "the disk of the state is full: what is new is refused here, until there is room")
        case .storeHasRoom(true):
            logger.info("the state finds room again")
        }
    }

    private static func tell(_ event: Journal.Event, _ logger: Logger) {
        switch event {
        case .stalled(let duration):
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

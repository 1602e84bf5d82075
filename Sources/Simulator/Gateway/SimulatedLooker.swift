import Primitives

/// A program of the merchant that looks at one of the payments that were made last, by way of one
/// node, and hardly waits before it looks again: whoever answers when it should not is seen.
final class SimulatedLooker {
    private let sender: RequestSender
    private let node: Int
    private var isStopped = false
    private(set) var isDone = false

    /// Of so many payments that were made last it looks at one: those that clients work on.
    private static let recentCount = 4

    init(_ sender: RequestSender, node: Int) {
        self.sender = sender
        self.node = node
    }

    func start() {
        let pause = Int64.random(in: 10...80, using: &sender.random)
        sender.schedule(.milliseconds(pause)) { [unowned self] in
            if isStopped {
                isDone = true
            } else {
                look()
            }
        }
    }

    /// Looks no more once the look at hand has its answer.
    func stop() {
        isStopped = true
    }

    private func look() {
        let recent = sender.recorder.subjects.suffix(Self.recentCount)
        guard let subject = recent.randomElement(using: &sender.random), let id = subject.id else {
            return start()
        }
        sender.send(.retrieve(subject.name, id: id), triesMax: 1, to: node) { [unowned self] _ in
            start()
        }
    }
}

import Liveness
import Primitives

extension World {
    /// Begins the phase of faults: one at a time, some seconds apart.
    mutating func beginFaults() {
        isFaulty = true
        scheduleFault()
    }

    /// Ends it: nothing is stalled, paused or down any more.
    mutating func endFaults() {
        isFaulty = false
        for index in nodes.indices {
            nodes[index].pausedUntil = min(nodes[index].pausedUntil, now)
            nodes[index].downUntil = min(nodes[index].downUntil, now)
            nodes[index].stalledUntil = min(nodes[index].stalledUntil, now)
            reckonDue(index)
        }
    }

    private mutating func scheduleFault() {
        let pause = Int64.random(in: 100...4000, using: &random) * Self.millisecond
        schedule(.fault, at: now + pause)
    }

    mutating func injectFault() {
        guard isFaulty else { return }
        scheduleFault()
        let index = Int.random(in: nodes.indices, using: &random)
        defer { reckonDue(index) }
        switch Int.random(in: 0..<6, using: &random) {
        case 0: crash(index, for: duration(max: 20 * Self.second))
        case 1: nodes[index].pausedUntil = now + duration(max: 600 * Self.second)
        case 2: nodes[index].stalledUntil = now + duration(max: 20 * Self.second)
        case 3: jumpForward(index)
        case 4:
            // Further back than any pause is long: less may not be noticed.
            let distance = Int64.random(in: 1200...3600, using: &random) * Self.second
            nodes[index].jump(-distance)
        default:
            let isStranger = profile.strangerRate != nil && index == nodes.count - 1
            guard !isStranger else { return }
            let errorMax = profile.rateErrorMax
            nodes[index].setRate(
                Int64.random(in: -errorMax...errorMax, using: &random), at: now)
        }
    }

    /// Up to an hour, or so little that it can hide in a step: of those no second one within a
    /// promise.
    private mutating func jumpForward(_ index: Int) {
        if random.chance(1, in: 2) {
            let distance = Int64.random(in: 1...3600, using: &random) * Self.second
            nodes[index].jump(distance)
        } else if nodes[index].jumpAllowedAt <= now {
            let longest = profile.options.stepMax.wholeNanoseconds
            nodes[index].jump(Int64.random(in: longest / 2...longest, using: &random))
            nodes[index].jumpAllowedAt = now + 5 * Self.second
        }
    }

    /// Most are short, a few as long as can be.
    private mutating func duration(max longest: Int64) -> Int64 {
        let part = random.chance(1, in: 10) ? longest : min(longest, 8 * Self.second)
        return Int64.random(in: 0...part, using: &random)
    }
}

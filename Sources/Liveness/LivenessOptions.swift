public import Primitives

extension Liveness {
    /// The durations and bounds of the protocol. Durations are measured on each node's own clock.
    public struct Options: Hashable, Sendable {
        /// How often support is asked for, as long as `setSupportDuration` does not say otherwise:
        /// one disk write, and one message to each peer.
        public let heartbeatInterval: Duration
        /// How long peers are asked to support this node, as long as `setSupportDuration` does not
        /// say otherwise.
        public let supportDuration: Duration
        /// The longest duration that a peer may ask for: after a restart this node is bound for as
        /// long, and with it every election that needs its vote.
        public let supportDurationMax: Duration
        /// The longest step of the clock that is believed. A longer one may be a pause or a jump.
        public let stepMax: Duration
        /// How much faster or slower than another's a node's clock may run, in parts per million,
        /// as declared by the operator. Leases take twice as much off.
        public let clockRateErrorMaxPartsPerMillion: Int64
        /// A clock is not judged good over less time than this.
        public let clockWindowMin: Duration
        /// How old the start of a measurement becomes before a newer one is taken.
        public let clockWindow: Duration

        let heartbeatIntervalNanoseconds: Int64
        let supportDurationNanoseconds: Int64
        let supportDurationMaxNanoseconds: Int64
        let stepMaxNanoseconds: Int64
        let clockWindowMinNanoseconds: Int64
        let clockWindowNanoseconds: Int64

        /// A heartbeat may be lost nine times in a row before support is, over links that lose and
        /// repeat; a fallen node is given up after 2.25 s, its promise and the longest believed
        /// step. A node looks at its clock at every heartbeat at the latest, so that a longer step
        /// is no usual one. Half a per cent is a hundred times what quartz does (50 parts per
        /// million), and costs 20 ms of each lease. A second shows the rate of a peer that answers
        /// within a few milliseconds, and a minute's window judges one that is 150 ms away.
        public init(
            heartbeatInterval: Duration = .milliseconds(200),
            supportDuration: Duration = .seconds(2),
            supportDurationMax: Duration = .seconds(60),
            stepMax: Duration = .milliseconds(250),
            clockRateErrorMaxPartsPerMillion: Int64 = 5000,
            clockWindowMin: Duration = .seconds(1),
            clockWindow: Duration = .seconds(60)
        ) {
            self.heartbeatInterval = heartbeatInterval
            self.supportDuration = supportDuration
            self.supportDurationMax = supportDurationMax
            self.stepMax = stepMax
            self.clockRateErrorMaxPartsPerMillion = clockRateErrorMaxPartsPerMillion
            self.clockWindowMin = clockWindowMin
            self.clockWindow = clockWindow
            heartbeatIntervalNanoseconds = heartbeatInterval.wholeNanoseconds
            supportDurationNanoseconds = supportDuration.wholeNanoseconds
            supportDurationMaxNanoseconds = supportDurationMax.wholeNanoseconds
            stepMaxNanoseconds = stepMax.wholeNanoseconds
            clockWindowMinNanoseconds = clockWindowMin.wholeNanoseconds
            clockWindowNanoseconds = clockWindow.wholeNanoseconds
        }

        /// What does not fit together, for a message to the operator; nil when all is well.
        public var problem: StaticName? {
            if heartbeatIntervalNanoseconds <= 0 { return "no heartbeat interval" }
            if supportDurationNanoseconds < heartbeatIntervalNanoseconds {
                return "support ends before it is asked for again"
            }
            if supportDurationMaxNanoseconds < supportDurationNanoseconds {
                return "own support duration beyond the longest"
            }
            let isAskable = canAsk(
                forNanoseconds: supportDurationNanoseconds,
                everyNanoseconds: heartbeatIntervalNanoseconds)
            if !isAskable {
                return "too many rounds in flight"
            }
            // A day: longer promises would make sums of times overflow for no use.
            if supportDurationMaxNanoseconds > 86_400_000_000_000 { return "a promise for a day" }
            if stepMaxNanoseconds <= 0 { return "no believed step" }
            if stepMaxNanoseconds > 86_400_000_000_000 { return "a believed step of a day" }
            // Twice as much is the lease's margin, which has to leave something of it.
            if !(0..<500_000).contains(clockRateErrorMaxPartsPerMillion) {
                return "clock rate error out of range"
            }
            if clockWindowMinNanoseconds <= 0 { return "no clock window" }
            if clockWindowNanoseconds < clockWindowMinNanoseconds {
                return "clock window below its minimum"
            }
            return nil
        }

        /// Twice the declared error: the lease's margin, and what a measured clock has to keep.
        var clockRateMarginPartsPerMillion: Int64 { 2 * clockRateErrorMaxPartsPerMillion }

        /// How long a promise counts on the requester's clock: the margin off, rounded down.
        func leaseNanoseconds(ofPromise durationNanoseconds: Int64) -> Int64 {
            let kept = Int128(1_000_000 - clockRateMarginPartsPerMillion)
            return Int64(Int128(durationNanoseconds) * kept / 1_000_000)
        }

        /// Whether support may be asked for so long: all the rounds that fit a promise are
        /// remembered.
        func canAsk(
            forNanoseconds nanoseconds: Int64, everyNanoseconds interval: Int64
        ) -> Bool {
            interval > 0 && nanoseconds >= interval
                && nanoseconds <= supportDurationMaxNanoseconds
                && nanoseconds / interval < Int64(Liveness.roundCountMax)
        }

        /// A clock stays trusted for so long after the last proof, so that a peer whose answers
        /// have become too slow to measure by is not trusted for ever on an old one.
        var clockTrustNanoseconds: Int64 {
            clockWindowNanoseconds.multipliedReportingOverflow(by: 4).overflow
                ? .max : clockWindowNanoseconds * 4
        }
    }
}

// What is explored: small bounds at each test, larger ones on demand; planted bugs have to be
// found in one or the other (`Tests/Mutants`).

extension ExploredPair.Bounds {
    /// The asker's clock as slow, and the supporter's as fast, as the margin allows: where a lease
    /// comes closest to the end of its promise.
    private static let worst: [[Int64]] = [[10, 11]]

    /// One asks, the other supports.
    static let oneAsks: [Self] = [
        .init(name: "any rates", stepCount: 3, isAsking: [true, false]),
        .init(name: "worst rates", stepCount: 7, isAsking: [true, false], rates: worst),
        .init(
            name: "both crash", stepCount: 3, crashCounts: [1, 1], isAsking: [true, false],
            rates: worst),
        .init(
            name: "the supporter crashes and jumps", stepCount: 3, crashCounts: [0, 1],
            jumpCounts: [0, 1], isAsking: [true, false], rates: worst),
        .init(
            name: "the asker jumps", stepCount: 4, jumpCounts: [1, 0], isAsking: [true, false],
            rates: worst),
    ]

    static let bothAsk: [Self] = [
        .init(
            name: "both ask", stepCount: 3, isAsking: [true, true], rates: worst, roundCountMax: 2),
        .init(
            name: "both ask, one crashes", stepCount: 2, crashCounts: [1, 0],
            isAsking: [true, true], rates: worst, roundCountMax: 1),
    ]

    static let small = oneAsks + bothAsk

    static let large: [Self] = [
        .init(name: "any rates", stepCount: 4, isAsking: [true, false]),
        .init(
            name: "the asker crashes, any rates", stepCount: 3, crashCounts: [1, 0],
            isAsking: [true, false]),
        .init(
            name: "the supporter crashes, any rates", stepCount: 3, crashCounts: [0, 1],
            isAsking: [true, false]),
        .init(
            name: "both jump", stepCount: 3, jumpCounts: [1, 1], isAsking: [true, false],
            rates: worst),
        .init(
            name: "the supporter jumps, any rates", stepCount: 3, jumpCounts: [0, 1],
            isAsking: [true, false]),
        .init(name: "both ask", stepCount: 3, isAsking: [true, true], rates: worst),
        .init(
            name: "both ask, one crashes", stepCount: 2, crashCounts: [1, 0],
            isAsking: [true, true], rates: [[10, 11], [11, 10]]),
    ]
}

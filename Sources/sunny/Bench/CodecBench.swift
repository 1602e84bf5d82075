import ISO8583
import Primitives

/// ISO 8583 in nanoseconds a message: an authorization of 18 elements and 193 bytes, and its answer
/// of 16 and 115.
struct CodecBench {
    struct Row {
        let name: String
        let nanoseconds: Double
        /// What is encoded, or nil.
        let bytes: [UInt8]?
    }

    private static let batchCount = 40
    private static let rounds = 2_000

    /// Each at the median of 40 batches.
    func run() throws -> [Row] {
        try rows("0100", Self.request()) + rows("0110", Self.answer())
    }

    private func rows(_ name: String, _ message: Message) throws -> [Row] {
        let specification = MessageSpecification.sunny1987
        let bytes = try Codec.encode(message, specification: specification)
        return [
            Row(
                name: "encode \(name)",
                nanoseconds: try measure {
                    try Codec.encode(message, specification: specification).count
                }, bytes: bytes),
            Row(
                name: "decode \(name)",
                nanoseconds: try measure {
                    try Codec.decode(bytes, specification: specification).type.packed
                }, bytes: nil),
        ]
    }

    private static func request() throws -> Message {
        var message = Message(.authorizationRequest)
        message.set(.primaryAccountNumber, text: "4242424242424242")
        message.set(.processingCode, text: "000000")
        try message.set(.amount, number: 2000, width: 12)
        message.transmissionTime = TransmissionTime(Timestamp(milliseconds: 1_767_571_200_000))
        message.trace = TraceNumber(123)
        message.set(.localTime, text: "184845")
        message.set(.localDate, text: "1123")
        message.set(.expiryDate, text: "3012")
        message.set(.merchantType, text: "5999")
        message.set(.entryMode, text: "812")
        message.set(.conditionCode, text: "59")
        message.set(.acquiringInstitution, text: "123456")
        message.set(.retrievalReferenceNumber, text: "632718000123")
        message.set(.terminal, text: "T0000001")
        message.set(.merchant, text: "MERCHANT0000001")
        message.set(
            .merchantNameAndLocation, text: "SUNNY BOOKS            BERLIN        DE", width: 40)
        message.set(.privateData, text: "920312345")
        message.set(.currency, text: "978")
        return message
    }

    private static func answer() throws -> Message {
        guard var message = try request().response(.approved) else {
            preconditionFailure("a request is answered")
        }
        message.set(.approvalCode, text: "A1B2C3")
        message.set(.additionalResponseData, text: "M")
        return message
    }

    private func measure<Output>(_ body: () throws -> Output) rethrows -> Double {
        let clock = ContinuousClock()
        var batches: [Double] = []
        for _ in 0..<Self.batchCount {
            let begun = clock.now
            for _ in 0..<Self.rounds { keep(try body()) }
            batches.append(
                Double((clock.now - begun).wholeNanoseconds) / Double(Self.rounds))
        }
        return batches.sorted()[Self.batchCount / 2]
    }

    @inline(never)
    private func keep<Value>(_ value: Value) {}
}

import Foundation
import Gateway
import MerchantAPI
import Payments
import Primitives
import Testing

/// A payment comes from another node as bytes. Whatever can be read of them can be shown: no
/// amount, count or number in it ends the process.
struct RenderingFuzzTests {
    private static let stem = "0a0BBBBBBBBBBBBBB"

    /// Where a payment shows: itself, its charge, its refunds, their entries in the books.
    private static let places = [
        (
            "/v1/payment_intents/pi_\(stem)",
            "expand[]=latest_charge.balance_transaction&expand[]=latest_charge.refunds"
        ),
        (
            "/v1/charges/ch_\(stem)0",
            "expand[]=balance_transaction&expand[]=payment_intent&expand[]=refunds"
        ),
        ("/v1/refunds/re_\(stem)0", "expand[]=balance_transaction&expand[]=charge"),
        ("/v1/refunds", "payment_intent=pi_\(stem)&limit=100"),
    ]

    private static let disputed: Payment = {
        let opened = DisputeCase(
            caseNumber: "A", amount: Money(minorUnits: 700, currency: Samples.usd),
            reason: .fraudulent, isInquiry: false, evidenceDue: Samples.created)
        return Samples.after(
            Samples.refunded, [.openDispute(opened), .closeDispute(number: 0, .lost)])
    }()

    private static func mutated(_ bytes: [UInt8], _ random: inout SeededRandom) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            let place = Int.random(in: 1..<bytes.count, using: &random)
            switch Int.random(in: 0..<5, using: &random) {
            case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes[place] = UInt8.random(in: 0..<8, using: &random)
            case 2: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
            // Numbers of any size, in place of one.
            default:
                var writer = ByteWriter()
                writer.writeVarint(random.next() >> UInt64.random(in: 0..<64, using: &random))
                bytes.replaceSubrange(place...place, with: writer.bytes)
            }
        }
        return bytes
    }

    @Test("whatever is read of a mutated payment can be shown")
    func payments() async {
        let environment = ProcessInfo.processInfo.environment
        let count = environment["SUNNY_FUZZ_COUNT"].flatMap { Int($0) } ?? 20_000
        var random = SeededRandom(seed: 0xF1)
        let valid = [
            Samples.refunded, Self.disputed, Samples.flexible, Samples.declined,
            Samples.after(Samples.flexible, [.capture(amount: 700, isFinal: false)]),
        ].map(\.encoded)
        let world = TestWorld()
        var shownCount = 0
        for number in 0..<count {
            let base = valid[Int.random(in: valid.indices, using: &random)]
            guard let payment = try? Payment(encoded: Self.mutated(base, &random)) else { continue }
            shownCount += 1
            world.gateway.reply(.payment(payment))
            let (path, query) = Self.places[number % Self.places.count]
            let response = await world.get(path, query)
            #expect([200, 404].contains(response.status), "\(response.text)")
        }
        print("rendering: fuzz of \(count) payments: \(shownCount) shown")
        #expect(shownCount > count / 50)
    }
}

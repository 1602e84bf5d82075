import Primitives
import Testing
import Vault

/// Codes on their way to the owner of a link.
struct OwnerSealingTests {
    private static let context = Array("0100 of a payment".utf8)

    private static func code(_ text: String) -> Secret<[UInt8]> { Secret(Array(text.utf8)) }

    @Test("what was sealed to an owner opens there, and nowhere else")
    func roundTrip() throws {
        let random = TestRandom(seed: 1)
        let owner = OwnerSealing(random: random)
        for text in ["123", "4321"] {
            let sealed = try #require(
                OwnerSealing.seal(
                    Self.code(text), to: owner.publicKey, for: Self.context, random: random))
            #expect(sealed.count <= OwnerSealing.sealedByteCountMax)
            let opened = owner.open(sealed, for: Self.context)
            #expect(opened?.reveal { $0 } == Array(text.utf8))
            #expect(owner.open(sealed, for: Self.context + [0]) == nil)
            #expect(OwnerSealing(random: random).open(sealed, for: Self.context) == nil)
        }
    }

    @Test("no byte of it may be another")
    func changed() throws {
        let random = TestRandom(seed: 2)
        let owner = OwnerSealing(random: random)
        let sealed = try #require(
            OwnerSealing.seal(
                Self.code("123"), to: owner.publicKey, for: Self.context, random: random))
        for place in sealed.indices {
            var bytes = sealed
            bytes[place] ^= 1
            #expect(owner.open(bytes, for: Self.context) == nil, "byte \(place)")
        }
        for count in 0..<sealed.count {
            #expect(owner.open(Array(sealed.prefix(count)), for: Self.context) == nil)
        }
    }

    @Test("the same code is sealed differently each time, and does not show")
    func fresh() throws {
        let random = TestRandom(seed: 3)
        let owner = OwnerSealing(random: random)
        let sealed = (0..<2).map { _ in
            OwnerSealing.seal(
                Self.code("123"), to: owner.publicKey, for: Self.context, random: random)
        }
        #expect(sealed[0] != nil && sealed[0] != sealed[1])
        #expect("\(owner)" == "***")
        #expect(String(reflecting: [owner]).contains("rivate") == false)
    }

    @Test("what is no code, and what is no key, is refused")
    func refused() {
        let random = TestRandom(seed: 4)
        let owner = OwnerSealing(random: random)
        for text in ["", "12", "12345"] {
            #expect(
                OwnerSealing.seal(
                    Self.code(text), to: owner.publicKey, for: Self.context, random: random)
                    == nil)
        }
        // Too short, and a point of low order, with which no secret can be shared.
        for key in [[UInt8](repeating: 1, count: 31), [UInt8](repeating: 0, count: 32)] {
            #expect(
                OwnerSealing.seal(Self.code("123"), to: key, for: Self.context, random: random)
                    == nil)
        }
    }
}

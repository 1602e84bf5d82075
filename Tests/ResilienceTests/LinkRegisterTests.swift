import Primitives
import Resilience
import Testing

/// What operators decide of links: the table at the head of `LinkRegister.swift`.
struct LinkRegisterTests {
    private static func register(_ events: LinkEvent...) -> LinkRegister {
        var register = LinkRegister()
        for event in events {
            let isTaken = register.apply(LinkChange(base: register.epoch, event: event))
            #expect(isTaken)
        }
        return register
    }

    private static func decided(
        _ command: LinkCommand, _ register: LinkRegister
    ) -> LinkEvent?? {
        try? register.decide(command).get()
    }

    @Test("a link of which nothing was decided is open")
    func new() {
        let record = LinkRegister()["alpha"]
        #expect(record.standing == .open)
        #expect(record.epoch == 0)
        #expect(Self.decided(.undrain("alpha"), LinkRegister()) == .some(nil))
        #expect(Self.decided(.emptied("alpha", epoch: 0), LinkRegister()) == .some(nil))
    }

    @Test("drain, emptied and undrain lead from state to state, and are told again for nothing")
    func table() {
        var register = Self.register()
        #expect(Self.decided(.drain("alpha"), register) == .stood("alpha", .draining))
        register = Self.register(.stood("alpha", .draining))
        #expect(Self.decided(.drain("alpha"), register) == .some(nil))
        #expect(Self.decided(.emptied("alpha", epoch: 1), register) == .stood("alpha", .drained))
        #expect(Self.decided(.undrain("alpha"), register) == .stood("alpha", .open))
        register = Self.register(.stood("alpha", .draining), .stood("alpha", .drained))
        #expect(Self.decided(.drain("alpha"), register) == .some(nil))
        #expect(Self.decided(.emptied("alpha", epoch: 2), register) == .some(nil))
        #expect(Self.decided(.undrain("alpha"), register) == .stood("alpha", .open))
        #expect(register["alpha"].epoch == 2)
        #expect(register["beta"].standing == .open)
    }

    @Test("a drain that was begun anew is not ended by what was seen before")
    func staleEmptied() {
        let register = Self.register(
            .stood("alpha", .draining), .stood("alpha", .open), .stood("alpha", .draining))
        #expect(Self.decided(.emptied("alpha", epoch: 1), register) == .some(nil))
        #expect(Self.decided(.emptied("alpha", epoch: 3), register) == .stood("alpha", .drained))
    }

    @Test("a change counts only on the register that it was decided on")
    func base() {
        var register = Self.register(.stood("alpha", .draining))
        let before = register
        for change in [
            LinkChange(base: 0, event: .stood("beta", .draining)),
            LinkChange(base: 2, event: .stood("beta", .draining)),
            LinkChange(base: 1, event: .stood("", .draining)),
        ] {
            let isTaken = register.apply(change)
            #expect(!isTaken)
            #expect(register == before)
        }
    }

    @Test("there are so many records and no more")
    func bound() {
        var register = LinkRegister()
        for number in 0..<LinkRegister.recordCountMax {
            let event = LinkEvent.stood("link\(number)", .draining)
            let isTaken = register.apply(LinkChange(base: register.epoch, event: event))
            #expect(isTaken)
        }
        #expect(register.decide(.drain("another")) == .failure(.tooMany))
        #expect(register.decide(.drain("link7")) == .success(nil))
        let name = String(repeating: "x", count: LinkRegister.nameByteCountMax + 1)
        #expect(LinkRegister().decide(.drain(name)) == .failure(.noSuchLink))
    }

    /// In hexadecimal.
    private static func bytes(_ text: String) -> [UInt8] {
        text.split(separator: " ").map { UInt8($0, radix: 16)! }
    }

    @Test("the bytes of version 1 stay as they are")
    func golden() throws {
        let register = Self.register(.stood("b", .draining), .stood("a", .drained))
        let state = Self.bytes("01 02 02 01 61 02 01 01 62 01 01")
        #expect(register.encoded == state)
        #expect(try LinkRegister(encoded: state) == register)
        let change = LinkChange(base: 2, event: .stood("b", .open))
        #expect(change.encoded == Self.bytes("01 02 00 01 62 00"))
        #expect(try LinkChange(encoded: change.encoded) == change)
        for command in [LinkCommand.drain("a"), .undrain("a"), .emptied("a", epoch: 300)] {
            #expect(try LinkCommand(encoded: command.encoded) == command)
        }
    }

    @Test("bytes that no register has are refused")
    func refused() {
        for text in [
            // Another version, out of order, twice the same, an epoch above the register's.
            "02 00 00", "01 02 02 01 62 01 01 01 61 02 01", "01 02 02 01 61 01 01 01 61 02 01",
            "01 01 01 01 61 01 02", "01 01 01 01 61 03 01", "01 01 01 00 01 01", "01 00 00 00",
        ] {
            #expect(throws: DecodingError.self) { try LinkRegister(encoded: Self.bytes(text)) }
        }
    }

    @Test("mutated bytes are refused, or come back the same once they were read")
    func fuzz() throws {
        var random = SeededRandom(seed: 0x11)
        let valid = Self.register(
            .stood("alpha", .draining), .stood("beta", .draining), .stood("alpha", .drained)
        ).encoded
        for _ in 0..<20_000 {
            var bytes = valid
            let place = Int.random(in: bytes.indices, using: &random)
            bytes[place] = UInt8.random(in: 0...255, using: &random)
            guard let register = try? LinkRegister(encoded: bytes) else { continue }
            #expect(try LinkRegister(encoded: register.encoded) == register)
        }
    }
}

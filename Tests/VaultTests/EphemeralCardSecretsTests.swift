import Primitives
import Testing
import Vault

/// The store in a box, since the macros of the tests copy what they are called on.
private final class Codes {
    private var store: EphemeralCardSecrets

    init(countLimit: Int = EphemeralCardSecrets.countMax) {
        store = EphemeralCardSecrets(random: TestRandom(seed: 1), countLimit: countLimit)
    }

    var count: Int { store.count }

    func put(_ id: String, _ code: String, now: MonotonicInstant) throws(VaultError) {
        try store.put(id, code: secret(code), now: now)
    }

    func take(_ id: String, now: MonotonicInstant) -> Secret<[UInt8]>? {
        store.take(id, now: now)
    }

    func peek(_ id: String, now: MonotonicInstant) -> Secret<[UInt8]>? {
        store.peek(id, now: now)
    }

    func expire(_ now: MonotonicInstant) -> Int { store.expire(now) }
}

@Suite("Ephemeral card secrets")
struct EphemeralCardSecretsTests {
    private let start = MonotonicInstant(nanoseconds: 1_000)

    private func minutes(_ count: Int) -> MonotonicInstant {
        start + .seconds(60 * count)
    }

    @Test("A code is seen until it is taken, and taken once")
    func takeOnce() throws {
        let store = Codes()
        try store.put("pi_1", "123", now: start)
        try store.put("pi_2", "4567", now: start)
        #expect(store.peek("pi_1", now: start).map(text) == "123")
        #expect(store.peek("pi_1", now: start).map(text) == "123")
        #expect(store.take("pi_1", now: start).map(text) == "123")
        #expect(store.take("pi_1", now: start) == nil)
        #expect(store.peek("pi_1", now: start) == nil)
        #expect(store.peek("pi_2", now: start).map(text) == "4567")
        #expect(store.peek("pi_3", now: start) == nil)
        #expect(store.count == 1)
    }

    @Test("A code is gone after 15 minutes to the nanosecond, asked for or not")
    func lifetime() throws {
        let store = Codes()
        try store.put("pi_1", "123", now: start)
        try store.put("pi_2", "234", now: minutes(1))
        let deadline = minutes(15)
        let before = MonotonicInstant(nanoseconds: deadline.nanoseconds - 1)
        #expect(store.peek("pi_1", now: before).map(text) == "123")
        #expect(store.expire(before) == 0)
        #expect(store.peek("pi_1", now: deadline) == nil)
        #expect(store.count == 2)
        #expect(store.expire(deadline) == 1)
        #expect(store.count == 1)
        #expect(store.take("pi_1", now: start) == nil)
        #expect(store.take("pi_2", now: minutes(16)) == nil)
        #expect(store.count == 0)
    }

    @Test("A second code of a payment takes the place and a new time")
    func replacement() throws {
        let store = Codes()
        try store.put("pi_1", "123", now: start)
        try store.put("pi_1", "999", now: minutes(10))
        #expect(store.count == 1)
        #expect(store.expire(minutes(15)) == 0)
        #expect(store.peek("pi_1", now: minutes(24)).map(text) == "999")
        #expect(store.expire(minutes(25)) == 1)
    }

    @Test("A full store refuses more, keeps what it has, and has room again after expiry")
    func bound() throws {
        let store = Codes(countLimit: 3)
        for index in 0..<3 {
            try store.put("pi_\(index)", "123", now: minutes(index))
        }
        #expect(throws: VaultError.tooManyCodes) { try store.put("pi_9", "123", now: minutes(3)) }
        #expect(store.count == 3)
        // A replacement needs no room.
        try store.put("pi_2", "555", now: minutes(3))
        #expect(store.take("pi_2", now: minutes(3)).map(text) == "555")
        try store.put("pi_4", "123", now: minutes(4))
        // The first one's time is over, so that there is room without an explicit expiry.
        try store.put("pi_5", "777", now: minutes(15))
        #expect(store.peek("pi_0", now: minutes(15)) == nil)
        #expect(store.peek("pi_5", now: minutes(15)).map(text) == "777")
        #expect(store.count == 3)
    }

    @Test("The full size holds, and all of it expires")
    func fullSize() throws {
        let store = Codes()
        for index in 0..<EphemeralCardSecrets.countMax {
            try store.put("pi_\(index)", "123", now: start)
        }
        #expect(throws: VaultError.tooManyCodes) { try store.put("pi_x", "123", now: start) }
        #expect(store.expire(minutes(15)) == EphemeralCardSecrets.countMax)
        #expect(store.count == 0)
    }

    @Test("Putting and taking without end behaves like a dictionary with deadlines")
    func model() throws {
        var random = SeededRandom(seed: 5)
        let store = Codes(countLimit: 50)
        var model: [String: (code: String, deadline: MonotonicInstant)] = [:]
        var now = start
        for step in 0..<20_000 {
            now = now + .seconds(Int.random(in: 0...20, using: &random))
            let id = "pi_\(Int.random(in: 0..<80, using: &random))"
            let held = model[id].flatMap { now < $0.deadline ? $0.code : nil }
            switch step % 3 {
            case 0:
                model = model.filter { now < $0.value.deadline && $0.key != id }
                let code = "\(1_000 + step % 9_000)"
                do throws(VaultError) {
                    try store.put(id, code, now: now)
                    #expect(model.count < 50)
                    model[id] = (code, now + EphemeralCardSecrets.lifetime)
                } catch {
                    #expect(error == .tooManyCodes && model.count == 50)
                }
                #expect(store.count == model.count)
            case 1:
                #expect(store.peek(id, now: now).map(text) == held)
            default:
                #expect(store.take(id, now: now).map(text) == held)
                model[id] = nil
            }
        }
    }

    @Test("What no card has as its code is refused")
    func invalidCodes() {
        let store = Codes()
        for (id, code) in [
            ("pi_1", ""), ("pi_1", "12"), ("pi_1", "12345"),
            (String(repeating: "x", count: 256), "123"),
        ] {
            #expect(throws: VaultError.invalidCode) { try store.put(id, code, now: start) }
        }
        #expect(store.count == 0)
    }

    @Test("A code prints as nothing but stars")
    func printing() throws {
        let store = Codes()
        try store.put("pi_1", "123", now: start)
        let code = try #require(store.take("pi_1", now: start))
        #expect("\(code)" == "***")
        #expect(String(reflecting: code) == "***")
    }
}

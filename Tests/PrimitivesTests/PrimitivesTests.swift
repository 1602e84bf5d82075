import Primitives
import Testing

@Suite("CRC-32C")
struct CRC32CTests {
    @Test("has the values of RFC 3720 B.4 and of the check string")
    func vectors() {
        #expect(CRC32C.checksum([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
        #expect(CRC32C.checksum([UInt8](repeating: 0xFF, count: 32)) == 0x62A8_AB43)
        #expect(CRC32C.checksum([UInt8](0..<32)) == 0x46DD_794E)
        #expect(CRC32C.checksum([UInt8](0..<32).reversed()) == 0x113F_DB5C)
        let readCommand: [UInt8] =
            [0x01, 0xC0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
            + [0x14, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0x14, 0, 0, 0, 0x18]
            + [0x28, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]
        #expect(CRC32C.checksum(readCommand) == 0xD996_3A56)
        #expect(CRC32C.checksum("123456789".utf8) == 0xE306_9283)
        #expect(CRC32C.checksum([]) == 0)
    }

    @Test("can be taken in pieces, at any length and alignment")
    func pieces() {
        var random = SeededRandom(seed: 3)
        let bytes = (0..<100).map { _ in UInt8.random(in: 0...255, using: &random) }
        for end in 0...bytes.count {
            let whole = CRC32C.checksum(bytes[..<end])
            let cut = Int.random(in: 0...end, using: &random)
            let first = CRC32C.checksum(bytes[..<cut])
            #expect(CRC32C.checksum(bytes[cut..<end], from: first) == whole)
            #expect(CRC32C.checksum(AnySequence(bytes[..<end])) == whole)
            #expect(CRC32C.checksumByTables(Array(bytes[..<end])) == whole)
        }
    }
}

@Suite("Civil time")
struct CivilTimeTests {
    private func parts(_ seconds: Int64) -> [Int] {
        let civil = CivilTime(Timestamp(milliseconds: seconds * 1000))
        return [civil.year, civil.month, civil.day, civil.hour, civil.minute, civil.second]
    }

    @Test("known moments, leap days and years before 1970")
    func known() {
        #expect(parts(0) == [1970, 1, 1, 0, 0, 0])
        #expect(parts(951_782_400) == [2000, 2, 29, 0, 0, 0])
        #expect(parts(951_868_799) == [2000, 2, 29, 23, 59, 59])
        #expect(parts(1_709_208_000) == [2024, 2, 29, 12, 0, 0])
        #expect(parts(1_700_000_000) == [2023, 11, 14, 22, 13, 20])
        #expect(parts(4_107_542_399) == [2100, 2, 28, 23, 59, 59])
        #expect(parts(4_107_542_400) == [2100, 3, 1, 0, 0, 0])
        #expect(parts(-1) == [1969, 12, 31, 23, 59, 59])
        #expect(parts(-2_203_977_600) == [1900, 2, 28, 0, 0, 0])
        #expect(parts(-2_203_891_200) == [1900, 3, 1, 0, 0, 0])
        #expect(parts(-11_676_096_000) == [1600, 1, 1, 0, 0, 0])
        #expect(parts(-62_135_596_800) == [1, 1, 1, 0, 0, 0])
        #expect(parts(-62_167_219_200) == [0, 1, 1, 0, 0, 0])
        #expect(parts(253_402_300_799) == [9999, 12, 31, 23, 59, 59])
    }

    @Test("fractions of a second before 1970 belong to the second that began before them")
    func fractions() {
        #expect(Timestamp(milliseconds: -1).seconds == -1)
        #expect(Timestamp(milliseconds: -1000).seconds == -1)
        #expect(Timestamp(milliseconds: -1001).seconds == -2)
        #expect(CivilTime(Timestamp(milliseconds: -1)).second == 59)
        #expect(Timestamp(milliseconds: 1999).seconds == 1)
    }

    @Test("four hundred years follow each other day by day")
    func everyDay() {
        var expected = (year: 1900, month: 1, day: 1)
        let first: Int64 = -2_208_988_800
        for day in Int64(0)..<146_097 {
            let civil = CivilTime(Timestamp(milliseconds: (first + day * 86_400) * 1000))
            guard (civil.year, civil.month, civil.day) == expected else {
                Issue.record("day \(day) is \(civil), not \(expected)")
                return
            }
            expected.day += 1
            let isLeap =
                expected.year % 4 == 0 && (expected.year % 100 != 0 || expected.year % 400 == 0)
            let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
            if expected.day > lengths[expected.month - 1] {
                expected = (expected.year, expected.month + 1, 1)
                if expected.month == 13 { expected = (expected.year + 1, 1, 1) }
            }
        }
        #expect(expected == (2300, 1, 1))
    }

    @Test("the ends of the range do not trap")
    func extremes() {
        for milliseconds in [Int64.min, .max] {
            let civil = CivilTime(Timestamp(milliseconds: milliseconds))
            #expect((1...12).contains(civil.month) && (1...31).contains(civil.day))
        }
        let last = Timestamp(milliseconds: .max)
        #expect(last.advanced(byMilliseconds: 1) == last)
        let first = Timestamp(milliseconds: .min)
        #expect(first.advanced(byMilliseconds: -1) == first)
    }
}

@Suite("Instants")
struct InstantTests {
    @Test("additions saturate, so that a far deadline does not wrap into the past")
    func saturation() {
        let late = MonotonicInstant(nanoseconds: .max - 5)
        #expect(late + .seconds(1) == MonotonicInstant(nanoseconds: .max))
        #expect(
            MonotonicInstant(nanoseconds: .min) + .seconds(-1)
                == MonotonicInstant(nanoseconds: .min))
        #expect(
            MonotonicInstant(nanoseconds: 0) + .seconds(Int64.max)
                == MonotonicInstant(nanoseconds: .max))
        #expect(late - MonotonicInstant(nanoseconds: 5) == .nanoseconds(Int64.max - 10))
    }

    @Test("durations are cut to whole units")
    func durations() {
        #expect(Duration.milliseconds(1500).wholeNanoseconds == 1_500_000_000)
        #expect(Duration.milliseconds(-1500).wholeNanoseconds == -1_500_000_000)
        #expect(Duration.microseconds(1999).wholeMilliseconds == 1)
        #expect(Duration(secondsComponent: 0, attosecondsComponent: 1).wholeNanoseconds == 0)
        #expect(Duration.seconds(Int64.min).wholeNanoseconds == .min)
    }
}

@Suite("Chance")
struct SeededRandomTests {
    @Test("a seed has one sequence, for ever")
    func pinned() {
        var zero = SeededRandom(seed: 0)
        #expect(
            (0..<4).map { _ in zero.next() } == [
                11_091_344_671_253_066_420, 13_793_997_310_169_335_082, 1_900_383_378_846_508_768,
                7_684_712_102_626_143_532,
            ])
        var one = SeededRandom(seed: 42)
        #expect(
            (0..<2).map { _ in one.next() } == [
                1_546_998_764_402_558_742, 6_990_951_692_964_543_102,
            ])
    }

    @Test("chances are about what was asked")
    func chances() {
        var random = SeededRandom(seed: 5)
        let hits = (0..<40_000).count { _ in random.chance(1, in: 4) }
        #expect((9_700...10_300).contains(hits))
        #expect((0..<100).allSatisfy { _ in random.chance(1, in: 1) })
        #expect((0..<100).allSatisfy { _ in !random.chance(0, in: 3) })
    }
}

@Suite("Secrets")
struct SecretTests {
    private struct Holder {
        let card = Secret([UInt8]("4242424242424242".utf8))
    }

    @Test("print three stars on every way to text")
    func printing() {
        let secret = Secret("4242424242424242")
        #expect("\(secret)" == "***")
        #expect(String(reflecting: secret) == "***")
        #expect(String(describing: Optional(secret)) == "Optional(***)")
        var dumped = ""
        dump(secret, to: &dumped)
        dump(Holder(), to: &dumped)
        dumped += "\(Holder()) \(String(reflecting: Holder())) \([secret]) \(["k": secret])"
        #expect(!dumped.contains("4242") && !dumped.contains("52, 50") && !dumped.contains("- 52"))
    }

    @Test("are read by name, and wiped in place")
    func wiping() {
        var secret = Secret([UInt8]([1, 2, 3]))
        #expect(secret.reveal { $0 } == [1, 2, 3])
        secret.wipe()
        #expect(secret.reveal { $0 } == [0, 0, 0])
    }
}

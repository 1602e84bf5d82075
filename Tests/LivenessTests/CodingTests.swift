import Liveness
import Primitives
import Testing

/// The forms on the wire and on the disk.
@Suite struct CodingTests {
    private static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
    }

    @Test("Each message comes back as it was", arguments: Sample.messages)
    func messages(message: LivenessMessage) throws {
        #expect(try LivenessMessage(encoded: message.encoded) == message)
    }

    @Test("What is on disk comes back as it was", arguments: Sample.durables.indices)
    func durables(index: Int) throws {
        let durable = Sample.durables[index]
        #expect(try DurableLiveness(encoded: durable.encoded) == durable)
    }

    @Test("The bytes of version 1 stay as they are")
    func golden() {
        let heartbeat = Sample.message(
            .heartbeat(epoch: 300, round: 5, durationNanoseconds: 2_000_000_000), from: 300, to: 2,
            cluster: ClusterID(0xA1))
        let time = MonotonicInstant(nanoseconds: -3)
        let supported = Sample.message(.reply(.supported(1), round: 5, life: 4, time: time))
        let outdated = Sample.message(.reply(.outdated(2), round: 128, life: 4, time: time))
        // Version, cluster, sender, recipient; the kind and its numbers.
        #expect(
            Self.hex(heartbeat.encoded)
                == "01" + "a100000000000000" + "ac02" + "02" + "00" + "ac02" + "05" + "80d0acf30e")
        #expect(
            Self.hex(supported.encoded)
                == "01" + "0700000000000000" + "02" + "01" + "01" + "01" + "05" + "04" + "05")
        #expect(
            Self.hex(outdated.encoded)
                == "01" + "0700000000000000" + "02" + "01" + "02" + "02" + "8001" + "04" + "05")
        // Version, epoch, floor, two rows: a promise and a withdrawal.
        #expect(
            Self.hex(Sample.durables[2].encoded)
                == "01" + "05" + "02" + "02" + "02ac0280d0acf30e" + "ac020700")
    }

    private func reason<Value: BinaryCodable>(
        _ type: Value.Type, _ bytes: [UInt8]
    ) -> DecodingError? {
        do throws(DecodingError) {
            _ = try Value(encoded: bytes)
            return nil
        } catch { return error }
    }

    @Test("A message in another form is refused with the place")
    func crookedMessages() {
        let reply = LivenessMessage.Body.reply(
            .outdated(2), round: 1, life: 1, time: Sample.now)
        let bytes = Sample.message(reply).encoded
        #expect(
            reason(LivenessMessage.self, [2] + bytes.dropFirst())
                == .unsupportedVersion(found: 2, offset: 0))
        var otherKind = bytes
        otherKind[11] = 3
        #expect(
            reason(LivenessMessage.self, otherKind)
                == .invalid(what: "liveness message", offset: 11))
        #expect(
            reason(LivenessMessage.self, bytes + [0]) == .trailing(offset: bytes.count))
        for end in bytes.indices {
            #expect(
                reason(LivenessMessage.self, Array(bytes[..<end])) != nil, "\(end) bytes")
        }
    }

    @Test("A disk in another form is refused with the place")
    func crookedDisks() {
        func row(_ member: UInt64, _ duration: Int64 = 1) -> DurableLiveness.Row {
            DurableLiveness.Row(
                member: MemberID(member), epoch: 1,
                promise: .supporting(durationNanoseconds: duration))
        }
        func reason(_ durable: DurableLiveness) -> DecodingError? {
            self.reason(DurableLiveness.self, durable.encoded)
        }
        let rows = DecodingError.invalid(what: "liveness rows", offset: 3)
        #expect(reason(DurableLiveness(epoch: 1, rows: [row(2), row(1)])) == rows)
        #expect(reason(DurableLiveness(epoch: 1, rows: [row(2), row(2)])) == rows)
        let crowd = (0...UInt64(Liveness.rowCountMax)).map { row($0) }
        #expect(reason(DurableLiveness(epoch: 1, rows: crowd)) == rows)
        #expect(
            reason(DurableLiveness(epoch: 1, rows: [row(1, -1)]))
                == .invalid(what: "duration", offset: 6))
        let beyond = Liveness.epochMax + 1
        #expect(reason(DurableLiveness(epoch: beyond)) == .invalid(what: "epoch", offset: 1))
        #expect(
            reason(DurableLiveness(epoch: 1, floor: beyond)) == .invalid(what: "epoch", offset: 2))
        let bytes = Sample.durables[2].encoded
        #expect(
            self.reason(DurableLiveness.self, [9] + bytes.dropFirst())
                == .unsupportedVersion(found: 9, offset: 0))
        for end in bytes.indices {
            #expect(self.reason(DurableLiveness.self, Array(bytes[..<end])) != nil)
        }
    }
}

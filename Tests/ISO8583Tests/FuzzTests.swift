import Foundation
import ISO8583
import Primitives
import Testing

/// No bytes end the process, and none are read as something that cannot be written again. What once
/// failed is a command of `Tests/Scripts/iso8583/found_by_fuzzing.txt`; a failure here prints the
/// next one.
@Suite struct FuzzTests {
    private static let count =
        ProcessInfo.processInfo.environment["SUNNY_FUZZ_COUNT"].flatMap { Int($0) } ?? 100_000

    @Test(
        "mutated messages are refused, or written as they were read", arguments: ["hex", "packed"])
    func messages(form: String) throws {
        let specification: MessageSpecification = form == "packed" ? .packed1987 : .sunny1987
        var random = SeededRandom(seed: 8583)
        var messages = RandomMessages(specification, seed: 8583)
        let seeds = try (0..<200).map { _ in
            try Codec.encode(try messages.next(), specification: specification)
        }
        var decodedCount = 0
        for _ in 0..<Self.count {
            var input = seeds[Int.random(in: seeds.indices, using: &random)]
            mutate(&input, &random)
            do throws(MessageError) {
                let message = try Codec.decode(input, specification: specification)
                decodedCount += 1
                #expect(
                    isWritable(message, specification, as: input),
                    "decode \(form)\n\(hexadecimal(input))")
            } catch {
                #expect(
                    0...input.count ~= error.offset, "decode \(form)\n\(hexadecimal(input))")
            }
        }
        print("iso8583: fuzz of \(Self.count) \(form) messages: \(decodedCount) decoded")
        #expect(decodedCount > 0 && decodedCount < Self.count)
    }

    /// Whether the message is written as it was read: but for the case of hexadecimal digits, and
    /// for a second bitmap without bits, which hosts send and we do not.
    private func isWritable(
        _ message: Message, _ specification: MessageSpecification, as input: [UInt8]
    ) -> Bool {
        guard let bytes = try? Codec.encode(message, specification: specification),
            let again = try? Codec.decode(bytes, specification: specification)
        else { return false }
        guard again == message, again.fieldNumbers == message.fieldNumbers else { return false }
        return bytes.count < input.count || bytes.map(lowercased) == input.map(lowercased)
    }

    private func lowercased(_ byte: UInt8) -> UInt8 {
        0x41...0x5A ~= byte ? byte | 0x20 : byte
    }

    @Test("mutated chip data is refused, or lies within its bytes and the limits")
    func chipData() throws {
        var random = SeededRandom(seed: 55)
        let sample = try bytes(hexadecimal: Self.chipData)
        let limits = DataObjects.Limits()
        var readCount = 0
        for _ in 0..<Self.count {
            var input = sample
            mutate(&input, &random)
            do throws(DataObjectError) {
                let objects = try DataObjects(input[...]).objects
                readCount += 1
                #expect(
                    objects.count <= limits.countMaximum && isNested(objects, in: input.indices),
                    "objects\n\(hexadecimal(input))")
            } catch {
                #expect(0...input.count ~= error.offset, "objects\n\(hexadecimal(input))")
            }
        }
        print("iso8583: fuzz of \(Self.count) chip data: \(readCount) read")
        #expect(readCount > 0 && readCount < Self.count)
    }

    /// Whether each object lies within the template that it is in, behind what stands before it.
    private func isNested(_ objects: [DataObjects.Object], in bytes: Range<Int>) -> Bool {
        var templates: [Range<Int>] = [bytes]
        var end = 0
        for object in objects {
            guard object.depth < templates.count else { return false }
            templates.removeLast(templates.count - object.depth - 1)
            let template = templates[object.depth]
            guard end < object.range.lowerBound, template.lowerBound < object.range.lowerBound,
                object.range.upperBound <= template.upperBound
            else { return false }
            end = object.isTemplate ? object.range.lowerBound : object.range.upperBound
            if object.isTemplate { templates.append(object.range) }
        }
        return objects.allSatisfy { $0.depth <= DataObjects.Limits().depthMaximum }
    }

    @Test("mutated streams give frames within the maximum, however they arrive, or are refused")
    func streams() throws {
        var random = SeededRandom(seed: 3)
        let formats: [FrameFormat] = [
            .link, FrameFormat(.binary3), FrameFormat(.binary2AndZeros), FrameFormat(.ascii4),
            FrameFormat(.bcd2, headerByteCount: 5),
        ]
        var refusedCount = 0
        for round in 0..<(Self.count / 10) {
            let format = formats[round % formats.count]
            var stream: [UInt8] = []
            for _ in 0..<4 {
                let message = (0..<Int.random(in: 0...60, using: &random)).map { UInt8($0) }
                stream += try Frame.encode(message, format)
            }
            mutate(&stream, &random)
            let whole = received([stream[...]], format)
            let cut = Int.random(in: 0...stream.count, using: &random)
            let pieces = received([stream[..<cut], stream[cut...]], format)
            #expect(whole == pieces, "frames \(format.lengthStyle)\n\(hexadecimal(stream))")
            refusedCount += whole.error == nil ? 0 : 1
        }
        print("iso8583: fuzz of \(Self.count / 10) streams: \(refusedCount) refused")
        #expect(refusedCount > 0 && refusedCount < Self.count / 10)
    }

    private struct Received: Equatable {
        var frames: [Frame] = []
        var error: FrameError?
    }

    private func received(_ pieces: [ArraySlice<UInt8>], _ format: FrameFormat) -> Received {
        var decoder = FrameDecoder(format)
        var received = Received()
        for piece in pieces {
            decoder.feed(piece)
            do throws(FrameError) {
                while let frame = try decoder.next() { received.frames.append(frame) }
            } catch { received.error = error }
        }
        return received
    }

    private func mutate(_ input: inout [UInt8], _ random: inout SeededRandom) {
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            let place = Int.random(in: 0...input.count, using: &random)
            switch UInt8.random(in: 0..<7, using: &random) {
            case 0: input.removeLast(input.count - place)
            case 1: input.insert(UInt8.random(in: 0...255, using: &random), at: place)
            case 2 where place < input.count: input.remove(at: place)
            case 3 where place < input.count:
                input[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 4 where place < input.count:
                input[place] = UInt8.random(in: 0x30...0x46, using: &random)
            case 5 where place < input.count: input[place] = 0xFF
            default: input += input[..<place].suffix(8)
            }
        }
    }

    /// What a terminal sends for an online authorization, with an issuer's template behind it.
    private static let chipData = """
        9F2608A1B2C3D4E5F607189F2701809F10110110A0000F2400000000000000000000FF9F3704DEAD
        BEEF9F36020123950500000080009A032611259C01019F02060000000020005F2A02097882023900
        9F1A0202769F03060000000000009F3303E0F8C89F34031E03009F3501228407A000000003101071
        109F180400000001860784240000020000
        """
}

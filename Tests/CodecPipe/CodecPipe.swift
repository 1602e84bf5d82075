import ISO8583

/// Our codec for a test in another language: says what each message on its input is.
///
///     ascii|packed HEXADECIMAL   ->   0110 39=3030 41=… > HEXADECIMAL
///                                ->   refused DE 39 at byte 20: truncated
///
/// A line in gives a line out: the type, each element with its value in hexadecimal, and behind `>`
/// the message encoded anew.
@main
enum CodecPipe {
    static func main() {
        while let line = readLine() {
            let words = line.split(separator: " ", omittingEmptySubsequences: false)
            guard words.count == 2, let bytes = bytes(words[1].utf8) else {
                fatalError("not a line of this program")
            }
            switch words[0] {
            case "ascii": print(answer(bytes, .sunny1987))
            case "packed": print(answer(bytes, .packed1987))
            default: fatalError("not a line of this program")
            }
        }
    }

    private static func answer(_ bytes: [UInt8], _ specification: MessageSpecification) -> String {
        let message: Message
        do throws(MessageError) {
            message = try Codec.decode(bytes, specification: specification)
        } catch { return "refused \(error)" }
        var answer = "\(message.type)"
        for number in message.fieldNumbers {
            answer += " \(number)=\(digits(message[number] ?? []))"
        }
        do throws(EncodingError) {
            answer += " > \(digits(try Codec.encode(message, specification: specification)[...]))"
        } catch { return "not encoded \(error)" }
        return answer
    }

    private static func bytes(_ digits: Substring.UTF8View) -> [UInt8]? {
        var bytes: [UInt8] = []
        var high: UInt8?
        for digit in digits {
            guard let value = Character(Unicode.Scalar(digit)).hexDigitValue else { return nil }
            if let first = high {
                bytes.append(first << 4 | UInt8(value))
                high = nil
            } else {
                high = UInt8(value)
            }
        }
        return high == nil ? bytes : nil
    }

    private static func digits(_ bytes: ArraySlice<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        for byte in bytes { text += [digits[Int(byte >> 4)], digits[Int(byte & 0xF)]] }
        return String(decoding: text, as: UTF8.self)
    }
}

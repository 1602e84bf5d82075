import ISO8583
import Primitives
import Testing

struct MessageTests {
    @Test("Elements are set, replaced, removed and read as text, number and secret")
    func accessors() throws {
        var message = Message(.authorizationRequest)
        message.set(.terminal, text: "T1", width: 8)
        try message.set(.amount, number: 2000, width: 12)
        message.set(.primaryAccountNumber, secret: Secret(Array("4242424242424242".utf8)))
        #expect(message.fieldNumbers == [2, 4, 41])
        #expect(message.text(.terminal) == "T1      ")
        #expect(message.trimmedText(.terminal) == "T1")
        #expect(message.text(.amount) == "000000002000")
        #expect(message.number(.amount) == 2000)
        #expect(message.number(.terminal) == nil)
        let count = message.secret(.primaryAccountNumber)?.reveal { $0.count }
        #expect(count == 16)
        message[.amount] = Array("000000000001".utf8)[...]
        #expect(message.number(.amount) == 1)
        message[.terminal] = nil
        #expect(message.fieldNumbers == [2, 4])
        #expect(message[.terminal] == nil)
        #expect(throws: EncodingError(.numberTooWide(width: 3), 70)) {
            try message.set(70, number: 1000, width: 3)
        }
        message[70] = [0xFF]
        #expect(message.text(70) == nil)
        message.set(70, text: "18446744073709551616")
        #expect(message.number(70) == nil)
    }

    @Test("An element that is set a hundred thousand times leaves the others as they are")
    func replacing() throws {
        let golden = try bytes(hexadecimal: GoldenMessage.all[0].hexadecimal)
        var message = try Codec.decode(golden, specification: .sunny1987)
        let original = message
        for round in 0..<100_000 {
            try message.set(.amount, number: UInt64(round), width: 12)
        }
        #expect(message.number(.amount) == 99_999)
        message[.amount] = original[.amount]
        #expect(message == original)
        #expect(message.hashValue == original.hashValue)
    }

    @Test("A packed message that is changed a hundred thousand times keeps what was received")
    func replacingPacked() throws {
        var random = RandomMessages(.packed1987, seed: 4)
        var message = try random.next()
        while message.fieldNumbers.count < 60 { message = try random.next() }
        let bytes = try Codec.encode(message, specification: .packed1987)
        var decoded = try Codec.decode(bytes, specification: .packed1987)
        for round in 0..<100_000 { try decoded.set(.amount, number: UInt64(round), width: 12) }
        decoded[.amount] = message[.amount]
        #expect(decoded == message)
        #expect(decoded.hashValue == message.hashValue)
        #expect(try Codec.encode(decoded, specification: .packed1987) == bytes)
    }

    @Test("A decoded message is a view: its values lie in the bytes that came in")
    func views() throws {
        let golden = try bytes(hexadecimal: GoldenMessage.all[0].hexadecimal)
        let framed = [0, 193] + golden
        let message = try Codec.decode(framed[2...], specification: .sunny1987)
        let layout = try Codec.layout(of: golden.span, specification: .sunny1987)
        for number in message.fieldNumbers {
            let value = try #require(message[number])
            let range = try #require(layout.range(of: number))
            // A slice that was copied would begin at another index.
            #expect(value.indices == (range.lowerBound + 2)..<(range.upperBound + 2))
        }
    }

    @Test("Nothing that prints a message shows more than type, trace and numbers")
    func printing() throws {
        var message = try GoldenMessage.all[5].message()
        #expect("\(message)" == "0100 STAN 000009 DE 2 11 35 52 55")
        #expect(String(reflecting: message) == "\(message)")
        var dumped = ""
        dump(message, to: &dumped)
        #expect(!dumped.contains("4000"))
        #expect(Mirror(reflecting: message).children.isEmpty)
        message.set(.systemTraceAuditNumber, text: "4000000000000002")
        #expect("\(message)" == "0100 DE 2 11 35 52 55")
        for number in [2, 35, 36, 45, 48, 52, 55] as [FieldNumber] {
            #expect(number.isSensitive, "DE \(number)")
        }
    }

    @Test("A wiped message has no elements")
    func wiping() throws {
        var message = try GoldenMessage.all[0].message()
        message.wipe()
        #expect(message == Message(.authorizationRequest))
        message.trace = TraceNumber(5)
        #expect(message.fieldNumbers == [11])
        #expect(message.trace?.rawValue == 5)
    }

    @Test("Numbers of elements run from 2 to 128")
    func fieldNumbers() {
        #expect(FieldNumber(rawValue: 1) == nil)
        #expect(FieldNumber(rawValue: 2) == 2)
        #expect(FieldNumber(rawValue: 128) == 128)
        #expect(FieldNumber(rawValue: 129) == nil)
    }

    @Test("Each type has the answer and the repeat that the standard gives it")
    func messageTypes() throws {
        let table: [(MessageType, String, response: String?, repeated: String?)] = [
            (.authorizationRequest, "0100", "0110", "0101"),
            (.authorizationResponse, "0110", nil, nil),
            (.authorizationAdvice, "0120", "0130", "0121"),
            (.financialRequest, "0200", "0210", "0201"),
            (.financialResponse, "0210", nil, nil),
            (.financialAdvice, "0220", "0230", "0221"),
            (.financialAdviceRepeat, "0221", "0230", "0221"),
            (.financialAdviceResponse, "0230", nil, nil),
            (.reversalRequest, "0400", "0410", "0401"),
            (.reversalAdvice, "0420", "0430", "0421"),
            (.reversalAdviceRepeat, "0421", "0430", "0421"),
            (.reversalAdviceResponse, "0430", nil, nil),
            (.networkManagementRequest, "0800", "0810", "0801"),
            (.networkManagementResponse, "0810", nil, nil),
        ]
        for (type, text, response, repeated) in table {
            #expect(type.description == text)
            #expect(MessageType(text) == type)
            #expect(type.response?.description == response)
            #expect(type.repeated?.description == repeated)
            #expect(type.isRepeat == text.hasSuffix("1"))
            #expect(type.version == 0)
        }
        let issuer = try #require(MessageType("1423"))
        #expect(issuer.version == 1)
        #expect(issuer.messageClass == .reversal)
        #expect(issuer.function == .advice)
        #expect(issuer.origin == .issuerRepeat)
        #expect(issuer.response?.description == "1432")
        let reserved = try #require(MessageType("0989"))
        #expect(reserved.messageClass == nil)
        #expect(reserved.function == nil)
        #expect(reserved.origin == nil)
        #expect(reserved.response == nil)
        #expect(MessageType("01x0") == nil)
        #expect(MessageType("01000") == nil)
        #expect(MessageType(packed: 0x01A0) == nil)
    }
}

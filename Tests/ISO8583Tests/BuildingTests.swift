import ISO8583
import Primitives
import Testing

struct BuildingTests {
    @Test("DE 90 names the original by type, trace, time and institutions")
    func originalDataElements() throws {
        let request = try GoldenMessage.all[0].message()
        let elements = try #require(OriginalDataElements(of: request))
        let text = "010000012311231848450000012345600000000000"
        #expect(String(decoding: elements.digits, as: UTF8.self) == text)
        #expect(OriginalDataElements(digits: text.utf8) == elements)
        let reversal = try GoldenMessage.all[2].message()
        #expect(reversal.originalDataElements == elements)
        #expect(elements.messageType == .authorizationRequest)
        #expect(elements.trace == TraceNumber(123))
        #expect(elements.acquiringInstitution == 123_456)
        #expect(elements.forwardingInstitution == 0)
        let timeless = "0100000123" + String(repeating: "0", count: 32)
        let unknown = try #require(OriginalDataElements(digits: timeless.utf8))
        #expect(unknown.transmissionTime == nil)
        #expect(String(decoding: unknown.digits, as: UTF8.self) == timeless)
        for wrong in [
            "", timeless + "0", "x" + timeless.dropFirst(), "01000001239" + text.dropFirst(11),
        ] {
            #expect(OriginalDataElements(digits: wrong.utf8) == nil)
        }
        #expect(OriginalDataElements(of: Message(.authorizationRequest)) == nil)
    }

    @Test("DE 90 of a repeat names the type without the mark")
    func originalOfRepeat() throws {
        let advice = try #require(try GoldenMessage.all[2].message().repeated())
        #expect(OriginalDataElements(of: advice)?.messageType == .reversalAdvice)
    }

    @Test("DE 95 holds two amounts and two signed fees")
    func replacementAmounts() throws {
        let partial = try GoldenMessage.all[3].message()
        let expected = ReplacementAmounts(transactionAmount: 1500, settlementFee: .debit(25))
        #expect(partial.replacementAmounts == expected)
        let amounts = try #require(
            ReplacementAmounts(
                transactionAmount: 999_999_999_999, settlementAmount: 1,
                transactionFee: .credit(99_999_999)))
        let text = "999999999999000000000001C99999999000000000"
        #expect(String(decoding: amounts.bytes, as: UTF8.self) == text)
        #expect(ReplacementAmounts(bytes: text.utf8) == amounts)
        let zeroes = String(repeating: "0", count: 24)
        for zero in ["000000000", "C00000000", "D00000000"] {
            let parsed = ReplacementAmounts(bytes: (zeroes + zero + zero).utf8)
            #expect(parsed == ReplacementAmounts(transactionAmount: 0))
        }
        for fee in ["000000001", "X00000001", "C0000000 "] {
            #expect(ReplacementAmounts(bytes: (zeroes + fee + "000000000").utf8) == nil)
        }
        #expect(ReplacementAmounts(transactionAmount: 1_000_000_000_000) == nil)
        #expect(ReplacementAmounts(transactionAmount: 1, transactionFee: .credit(0)) == nil)
        #expect(ReplacementAmounts(transactionAmount: 1, settlementFee: .debit(100_000_000)) == nil)
    }

    @Test("DE 7 is the moment's month, day and time at UTC")
    func transmissionTime() {
        // 2024-02-29T23:59:58.999Z and 1969-12-31T23:59:59Z.
        #expect(
            TransmissionTime(Timestamp(milliseconds: 1_709_251_198_999)).description == "0229235958"
        )
        #expect(TransmissionTime(Timestamp(milliseconds: -1)).description == "1231235959")
        let text = "0229235958"
        #expect(TransmissionTime(digits: text.utf8)?.description == text)
        for wrong in [
            "0230000000", "0431000000", "1301000000", "0001000000", "0100000000", "0101240000",
            "0101006000", "0101000060", "010100000", "01010000000", "010100000x",
        ] {
            #expect(TransmissionTime(digits: wrong.utf8) == nil, "\(wrong)")
        }
    }

    @Test("A repeat has the same elements, and an answer cannot be repeated")
    func repeats() throws {
        let advice = try GoldenMessage.all[2].message()
        var repeated = try #require(advice.repeated())
        #expect(repeated.type == .reversalAdviceRepeat)
        #expect(repeated.repeated() == repeated)
        repeated.type = .reversalAdvice
        #expect(repeated == advice)
        #expect(Message(.financialAdvice).repeated()?.type == .financialAdviceRepeat)
        #expect(Message(.financialAdviceResponse).repeated() == nil)
    }

    @Test("Network messages carry time, trace and code")
    func networkManagement() throws {
        let time = try #require(TransmissionTime(digits: "1123184845".utf8))
        let trace = try #require(TraceNumber(1))
        let echo = Message.networkManagement(.echoTest, trace: trace, at: time)
        #expect(echo == (try GoldenMessage.all[4].message()))
        #expect(echo.networkManagementCode == .echoTest)
        #expect(NetworkManagementCode.signOn.description == "001")
        #expect(NetworkManagementCode.signOff.description == "002")
        let answer = try #require(echo.response(.approved))
        #expect(answer.description == "0810 STAN 000001 DE 7 11 39 70")
    }

    @Test("A key exchange carries the key's digits, its check value and the security code")
    func keyExchange() throws {
        let time = try #require(TransmissionTime(digits: "1123184845".utf8))
        let trace = try #require(TraceNumber(7))
        let key = try bytes(hexadecimal: "00112233445566778899AABBCCDDEEFF")
        let code = try bytes(hexadecimal: "A1B2C3D4E5F60718")
        let exchange = try #require(
            KeyExchange(
                encryptedKey: Secret(key), checkValue: [0x08, 0xD7, 0xB4],
                securityCode: Secret(code)))
        let message = exchange.message(trace: trace, at: time)
        #expect(message.description == "0800 STAN 000007 DE 7 11 48 70 96")
        #expect(message.networkManagementCode == .keyExchange)
        #expect(message.text(.privateData) == "00112233445566778899AABBCCDDEEFF08D7B4")
        let sent = try Codec.encode(message, specification: .sunny1987)
        let received = try #require(
            KeyExchange(try Codec.decode(sent, specification: .sunny1987)))
        #expect(received.encryptedKey.reveal { $0 } == key)
        #expect(received.checkValue == [0x08, 0xD7, 0xB4])
        #expect(received.securityCode?.reveal { $0 } == code)
        let answer = try #require(message.response(.approved))
        #expect(answer.fieldNumbers == [7, 11, 39, 70])
        #expect(!"\(exchange)".contains("17"))
    }

    @Test("What is no key exchange is not read as one")
    func noKeyExchange() throws {
        let time = try #require(TransmissionTime(digits: "1123184845".utf8))
        let trace = try #require(TraceNumber(7))
        var message = Message.networkManagement(.keyExchange, trace: trace, at: time)
        #expect(KeyExchange(message) == nil)
        for digits in [
            "", "08D7B4", "0011223344556677", "001122334455667708D7B", "00112233445566xx08D7B4",
        ] {
            message.set(.privateData, text: digits)
            #expect(KeyExchange(message) == nil, "\(digits)")
        }
        message.set(.privateData, text: "001122334455667708d7b4")
        #expect(KeyExchange(message)?.encryptedKey.reveal { $0.count } == 8)
        message.set(.messageSecurityCode, [1, 2])
        #expect(KeyExchange(message) == nil)
        message[.messageSecurityCode] = nil
        message.networkManagementCode = .echoTest
        #expect(KeyExchange(message) == nil)
        #expect(KeyExchange(encryptedKey: Secret([1]), checkValue: [1, 2, 3]) == nil)
    }

    @Test("A reversal names its original, and takes back all of it or leaves some")
    func reversals() throws {
        let request = try GoldenMessage.all[0].message()
        let trace = try #require(TraceNumber(124))
        let time = try #require(TransmissionTime(digits: "1123184900".utf8))
        let reversal = try #require(request.reversal(trace: trace, at: time))
        #expect(reversal.type == .reversalAdvice)
        #expect(reversal.trace == trace)
        #expect(reversal.transmissionTime == time)
        #expect(reversal.originalDataElements == OriginalDataElements(of: request))
        #expect(reversal.fieldNumbers == [3, 4, 7, 11, 12, 13, 18, 22, 25, 32, 37, 41, 42, 49, 90])
        #expect(reversal[.retrievalReferenceNumber] == request[.retrievalReferenceNumber])
        let remaining = ReplacementAmounts(transactionAmount: 1500)
        let partial = try #require(
            request.reversal(trace: trace, at: time, remaining: remaining, copying: [2, 4]))
        #expect(partial.fieldNumbers == [4, 7, 11, 90, 95])
        #expect(partial.replacementAmounts == remaining)
        let again = try #require(reversal.repeated())
        #expect(again.type == .reversalAdviceRepeat)
        #expect(again.originalDataElements == reversal.originalDataElements)
        #expect(reversal.reversal(trace: trace, at: time) == nil)
        #expect(Message(.authorizationRequest).reversal(trace: trace, at: time) == nil)
        let answer = try #require(request.response(.approved))
        #expect(answer.reversal(trace: trace, at: time) == nil)
    }

    @Test("A response echoes what identifies the exchange and never the card")
    func responses() throws {
        let request = try GoldenMessage.all[0].message()
        let response = try #require(request.response(.insufficientFunds))
        #expect(response.type == .authorizationResponse)
        #expect(response.responseCode == .insufficientFunds)
        #expect(response.fieldNumbers == [3, 4, 7, 11, 12, 13, 25, 32, 37, 39, 41, 42, 49])
        #expect(response[.amount] == request[.amount])
        let asked = try #require(request.response(.approved, echoing: [2, 11, 48]))
        #expect(asked.fieldNumbers == [11, 39])
        #expect(response.response(.approved) == nil)
        let pairing = ResponsePairing(exceptions: [.authorizationRequest: .financialResponse])
        #expect(request.response(.approved, pairing: pairing)?.type == .financialResponse)
    }

    @Test("Response codes are two letters or digits, and only 00 is an approval")
    func responseCodes() {
        let named: [(ResponseCode, String)] = [
            (.approved, "00"), (.doNotHonor, "05"), (.partialApproval, "10"),
            (.invalidTransaction, "12"), (.invalidAmount, "13"), (.invalidCardNumber, "14"),
            (.unableToLocateRecord, "25"), (.formatError, "30"), (.lostCard, "41"),
            (.stolenCard, "43"), (.insufficientFunds, "51"), (.expiredCard, "54"),
            (.transactionNotPermittedToCardholder, "57"), (.exceedsAmountLimit, "61"),
            (.exceedsFrequencyLimit, "65"), (.responseReceivedTooLate, "68"),
            (.incorrectVerificationValue, "82"), (.issuerUnavailable, "91"),
            (.duplicateTransmission, "94"), (.systemMalfunction, "96"),
            (.verificationCodeMismatch, "N7"), (.authenticationRequired, "1A"),
        ]
        for (code, text) in named {
            #expect(code.description == text)
            #expect(ResponseCode(text) == code)
            #expect(code.isApproved == (text == "00"))
        }
        for wrong in ["", "0", "000", " 0", "é"] { #expect(ResponseCode(wrong) == nil) }
    }

    @Test("Trace numbers have six digits")
    func traceNumbers() {
        #expect(TraceNumber(999_999)?.description == "999999")
        #expect(TraceNumber(1_000_000) == nil)
        #expect(TraceNumber(digits: "00001".utf8) == nil)
        #expect(TraceNumber(digits: "00001a".utf8) == nil)
    }
}

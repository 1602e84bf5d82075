import Acquirer
import ISO8583
import Primitives
import Testing

struct RequestTests {
    @Test("An authorization holds, and its answer echoes what identifies it and approves")
    func authorization() throws {
        var host = AcquirerInstance()
        let request = Messages.request(code: "123")
        let found = host.answer(request)
        let answer = try #require(found)
        #expect(answer.type == .authorizationResponse)
        #expect(answer.responseCode == .approved)
        #expect(answer.text(.approvalCode) == "000001")
        #expect(answer.text(.additionalResponseData) == "M")
        for element: FieldNumber in [
            .processingCode, .amount, .systemTraceAuditNumber, .retrievalReferenceNumber,
            .terminal, .currency, .transmissionTime,
        ] {
            #expect(answer[element] == request[element], "DE \(element)")
        }
        #expect(!answer.contains(.primaryAccountNumber))
        #expect(!answer.contains(.privateData))
        #expect(host.lines == ["auth 1000 approved captured 0 refunded 0 reversed 0"])
        let transaction = try #require(host.transactions.first)
        #expect(transaction.maskedNumber == "424242******4242")
        #expect(transaction.createdAt == Timestamp(milliseconds: 1))
    }

    @Test("A sale is captured at once")
    func sale() {
        var host = AcquirerInstance()
        let answer = host.answer(Messages.request(.financialRequest))
        #expect(answer?.type == .financialResponse)
        #expect(answer?.contains(.additionalResponseData) == false)
        #expect(host.lines == ["sale 1000 captured captured 1000 refunded 0 reversed 0"])
    }

    @Test(
        "A test card does what its number says",
        arguments: [
            ("4242424242424242", "00", "M"), ("5555555555554444", "00", "M"),
            ("378282246310005", "00", "M"), ("4000000000000002", "05", "M"),
            ("4000000000009995", "51", "M"), ("4000000000009987", "41", "M"),
            ("4000000000009979", "43", "M"), ("4000000000000069", "54", "M"),
            ("4000000000000127", "N7", "N"), ("4000000000000119", "96", "P"),
            ("4000000000006975", "65", "M"), ("4000000000000341", "05", "M"),
            ("4000000000000101", "00", "N"),
        ])
    func testCard(number: String, code: String, verification: String) {
        for type in [MessageType.authorizationRequest, .financialRequest] {
            var host = AcquirerInstance()
            let answer = host.answer(Messages.request(type, card: number, code: "123"))
            #expect(answer?.responseCode?.description == code)
            #expect(answer?.text(.additionalResponseData) == verification)
            #expect(answer?.contains(.approvalCode) == (code == "00"))
            #expect(host.transactions.count == 1)
            #expect(host.transactions[0].responseCode.description == code)
        }
    }

    @Test("What cannot be a transaction is refused by name and leaves none")
    func invalid() {
        var host = AcquirerInstance()
        #expect(host.code(Messages.request(card: "4242424242424241")) == "14")
        #expect(host.code(Messages.request(card: "4242")) == "14")
        #expect(host.code(Messages.request(amount: 0)) == "13")
        #expect(host.code(Messages.request(amount: nil)) == "30")
        #expect(host.code(Messages.request(currency: "EUR")) == "30")
        #expect(host.code(Messages.request(currency: nil)) == "30")
        #expect(host.code(Messages.request(card: nil)) == "30")
        #expect(host.code(Messages.request(reference: nil)) == "30")
        #expect(host.code(Messages.request(processingCode: nil)) == "30")
        #expect(host.code(Messages.request(code: "12")) == "30")
        #expect(host.code(Messages.request(.authorizationAdvice)) == "30")
        #expect(host.transactions.isEmpty)
    }

    @Test("What cannot be answered closes the connection")
    func unanswerable() {
        var host = AcquirerInstance()
        for message in [
            Messages.request(.authorizationResponse), Messages.request(terminal: nil),
            Message(.networkManagementRequest), Message(MessageType("9999")!),
        ] {
            let directives = host.directives(message)
            #expect(directives.last == .close(AcquirerInstance.session), "\(message)")
            #expect(directives.count == 2, "\(message)")
        }
        #expect(
            host.onMalformed(nil, from: AcquirerInstance.session, at: Timestamp(milliseconds: 0))
                == [.close(AcquirerInstance.session)])
    }

    @Test("The same request again gets the same answer and holds nothing more")
    func duplicate() {
        for card in [Messages.visa, Messages.declined] {
            var host = AcquirerInstance()
            let first = host.answer(Messages.request(card: card, code: "123"))
            let transactions = host.transactions
            let directives = host.directives(Messages.request(card: card, code: "123"))
            #expect(!directives.contains { if case .saveTransaction = $0 { true } else { false } })
            #expect(host.answer(Messages.request(card: card, code: "123")) == first)
            #expect(host.transactions == transactions)
        }
    }

    @Test("A known key with another amount, currency or operation is refused")
    func duplicateThatDiffers() {
        var host = AcquirerInstance()
        #expect(host.code(Messages.request()) == "00")
        #expect(host.code(Messages.request(amount: 1001)) == "94")
        #expect(host.code(Messages.request(currency: "840")) == "94")
        #expect(host.code(Messages.request(.financialRequest)) == "94")
        #expect(host.code(Messages.request(reference: "000000000002")) == "00")
        #expect(host.transactions.count == 2)
    }

    @Test("Signing on, off and echo; after signing off requests for money are refused")
    func networkManagement() {
        var host = AcquirerInstance()
        #expect(host.answer(Messages.networkManagement(.echoTest))?.type.description == "0810")
        #expect(host.code(Messages.networkManagement(.echoTest)) == "00")
        #expect(host.code(Messages.networkManagement(NetworkManagementCode(100)!)) == "12")
        #expect(host.code(Messages.networkManagement(.signOff)) == "00")
        #expect(host.code(Messages.request()) == "91")
        #expect(host.code(Messages.capture(10, trace: 9, reference: "000000000009")) == "00")
        #expect(host.code(Messages.networkManagement(.signOn)) == "00")
        #expect(host.code(Messages.request()) == "00")
    }

    @Test("An exchange of keys is refused as what this host does not do, or as malformed")
    func keyExchange() throws {
        var host = AcquirerInstance()
        let key = Secret([UInt8](repeating: 7, count: 16))
        let exchange = try #require(KeyExchange(encryptedKey: key, checkValue: [1, 2, 3]))
        let message = exchange.message(trace: TraceNumber(1)!, at: Messages.time(of: 1))
        #expect(host.answer(message)?.type.description == "0810")
        #expect(host.code(message) == "40")
        // Without a key in it.
        #expect(host.code(Messages.networkManagement(.keyExchange)) == "30")
        #expect(host.code(Messages.networkManagement(.echoTest)) == "00")
    }

    @Test("A host whose journal is full declines instead of forgetting")
    func full() {
        var host = AcquirerInstance(
            options: AcquirerInstance.Options(recordCountMaximum: 1))
        let first = Messages.request()
        #expect(host.code(first) == "00")
        #expect(host.code(Messages.request(trace: 2, reference: "000000000002")) == "96")
        #expect(host.code(Messages.reversal(of: first, trace: 3)) == "96")
        #expect(host.code(first) == "00")
        #expect(host.lines == ["auth 1000 approved captured 0 refunded 0 reversed 0"])
    }
}

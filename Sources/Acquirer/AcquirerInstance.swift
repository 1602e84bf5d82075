public import ISO8583
public import Primitives

/// The host: what it knows of every transaction, and what it answers.
///
/// | message | answer | what happens |
/// |---|---|---|
/// | 0100 | 0110 | a hold, or a decline by the card's number |
/// | 0100 with a known DE 37 | 0110 | the same: captures draw on all holds of one reference |
/// | 0200 | 0210 | a hold that is captured at once, or a decline |
/// | 0220 | 0230 | capture of what DE 37 or DE 90 names; of the unknown, a sale of its own |
/// | 0220, DE 3 20xxxx | 0230 | refund of what DE 37 or DE 90 names, or of nothing known |
/// | 0420, 0400 | 0430, 0410 | release of what DE 90 names; of the unknown, a tombstone |
/// | 0420 with DE 95 | 0430 | release down to DE 95, of the first hold: of all of its reference |
/// | 0800 | 0810 | sign-on, sign-off, echo |
///
/// | code | to |
/// |---|---|
/// | 00 | an advice too that is odd and harms nobody: the unknown, the already reversed |
/// | 12 | what was reversed before it came; a reversal of the captured; a wrong currency |
/// | 13 | an amount of zero; a refund of more than is captured and not refunded |
/// | 14 | a card number with a wrong check digit |
/// | 30 | a missing or malformed element, or a message type that the host does not have |
/// | 40 | an exchange of working keys |
/// | 61 | a capture of more than is held and may be captured beyond |
/// | 91 | a request for money on a connection that has signed off; where each station has one |
/// |    | session, anything on another connection, and a second sign-on (`StationTable`) |
/// | 94 | a known key with another amount, currency or operation |
/// | 96 | a host whose journal is full |
///
/// A request or advice whose key (DE 41, 11, 37) is known changes nothing and gets the answer of
/// the first again. What cannot be answered (no trace number or terminal, or itself an answer)
/// closes the connection.
public struct AcquirerInstance: Sendable {
    public struct Options: Hashable, Sendable {
        /// Whether a reversal of an unknown original is acknowledged and forgotten, until the
        /// control port says otherwise.
        public var forgetsUnknownReversals: Bool
        /// Transactions and advices that are kept, each: they live in memory, about half a kilobyte
        /// a piece. Beyond, requests are declined and advices refused.
        public var recordCountMaximum: Int
        /// How much more than a hold may be captured, in per cent of it: 0 to 100.
        public var overcapturePercent: Int64
        /// Whether each station, such as a region, has one session at a time.
        public var takesOneSession: Bool

        public init(
            forgetsUnknownReversals: Bool = false, recordCountMaximum: Int = 1_000_000,
            overcapturePercent: Int64 = 0, takesOneSession: Bool = false
        ) {
            self.takesOneSession = takesOneSession
            self.forgetsUnknownReversals = forgetsUnknownReversals
            self.recordCountMaximum = recordCountMaximum
            self.overcapturePercent = max(0, min(100, overcapturePercent))
        }
    }

    /// How a message is answered.
    struct Answer {
        let code: ResponseCode
        var approvalCode = ""
        var verification: CardVerificationResult?

        init(_ code: ResponseCode) {
            self.code = code
        }

        init(_ transaction: AcquirerTransaction) {
            code = transaction.responseCode
            approvalCode = transaction.approval?.code ?? ""
            verification = transaction.verification
        }
    }

    let options: Options
    var book: TransactionBook
    /// What the host was told to do wrong.
    public internal(set) var control: ControlState
    /// Connections that signed off and not on again; the shell bounds the connections.
    private var signedOff: Set<SessionID> = []
    /// Who has a session, where each station has one.
    private var stations = StationTable()

    /// A host with what its journal holds, and without faults.
    public init(options: Options = Options(), records: JournalRecords = JournalRecords()) {
        self.options = options
        book = TransactionBook(transactions: records.transactions, advices: records.advices)
        control = ControlState(forgetsUnknownReversals: options.forgetsUnknownReversals)
    }

    /// All transactions, in the order of their ids. Those of the last messages may not be
    /// committed.
    public var transactions: [AcquirerTransaction] { book.transactions }

    /// Decides on a message.
    ///
    /// - Parameter now: The host's civil time, which is only recorded.
    public mutating func onMessage(
        _ message: Message, from session: SessionID, at now: Timestamp
    ) -> [Directive] {
        let received = Directive.log(MessageLogEntry(.received, message, at: now))
        guard isAnswerable(message) else { return [received, .close(session)] }
        stations.heard(session, at: now)
        let groups = MessageGroup.groups(of: message.type)
        if control.takesDisconnectBefore(groups) { return [received, .close(session)] }
        var directives = [received]
        let answer = decide(message, from: session, at: now, groups, &directives)
        let (delivery, copyCount) = control.takeDelivery(groups)
        respond(answer, to: message, from: session, at: now, delivery, copyCount, &directives)
        return directives
    }

    /// Decides on a message whose later part cannot be read.
    ///
    /// - Parameter readable: The elements before the malformed one; nil when not even those are
    ///   there.
    public mutating func onMalformed(
        _ readable: Message?, from session: SessionID, at now: Timestamp
    ) -> [Directive] {
        guard let readable else { return [.close(session)] }
        var directives = [Directive.log(MessageLogEntry(.received, readable, at: now))]
        guard isAnswerable(readable) else { return directives + [.close(session)] }
        respond(
            Answer(.formatError), to: readable, from: session, at: now,
            .inOrder(afterMilliseconds: 0), 1, &directives)
        return directives
    }

    /// The connection has ended.
    public mutating func onSessionEnded(_ session: SessionID) {
        signedOff.remove(session)
        stations.end(session)
    }

    private func isAnswerable(_ message: Message) -> Bool {
        guard message.type.expectsResponse, message.trace != nil else { return false }
        return message.type.messageClass == .networkManagement || message.contains(.terminal)
    }

    private mutating func decide(
        _ message: Message, from session: SessionID, at now: Timestamp, _ groups: [MessageGroup],
        _ directives: inout [Directive]
    ) -> Answer {
        let type = message.type.first
        if type == .networkManagementRequest {
            return manageNetwork(message, from: session, at: now, &directives)
        }
        if options.takesOneSession, !stations.holds(session) { return Answer(.issuerUnavailable) }
        guard let key = TransactionKey(message) else { return Answer(.formatError) }
        switch type {
        case .authorizationRequest, .financialRequest:
            return request(
                message, key, at: now, groups, isSignedOff: signedOff.contains(session),
                &directives)
        case .financialAdvice:
            return advise(message, key, at: now, groups, &directives)
        case .reversalAdvice, .reversalRequest:
            return reverse(message, key, at: now, groups, &directives)
        default:
            return Answer(.formatError)
        }
    }

    private mutating func manageNetwork(
        _ message: Message, from session: SessionID, at now: Timestamp,
        _ directives: inout [Directive]
    ) -> Answer {
        switch message.networkManagementCode {
        case .signOn?:
            return signOn(message, from: session, at: now, &directives)
        case .signOff?:
            signedOff.insert(session)
            stations.end(session)
            return Answer(.approved)
        case .echoTest?: return Answer(.approved)
        case .keyExchange?:
            // There is no transport key here under which a key could be taken.
            return Answer(KeyExchange(message) == nil ? .formatError : .functionNotSupported)
        case nil: return Answer(.formatError)
        default: return Answer(.invalidTransaction)
        }
    }

    private mutating func signOn(
        _ message: Message, from session: SessionID, at now: Timestamp,
        _ directives: inout [Directive]
    ) -> Answer {
        if options.takesOneSession {
            switch stations.signOn(StationTable.name(in: message), session, at: now) {
            case .taken: break
            case .takenFrom(let silent): directives.append(.end(silent))
            case .refused: return Answer(.issuerUnavailable)
            }
        }
        signedOff.remove(session)
        return Answer(.approved)
    }

    private func respond(
        _ answer: Answer, to message: Message, from session: SessionID, at now: Timestamp,
        _ delivery: ControlState.Delivery, _ copyCount: Int, _ directives: inout [Directive]
    ) {
        guard var response = message.response(answer.code) else {
            preconditionFailure("\(message.type) expects an answer and has none")
        }
        if !answer.approvalCode.isEmpty { response.set(.approvalCode, text: answer.approvalCode) }
        if let verification = answer.verification {
            response.set(.additionalResponseData, text: verification.rawValue)
        }
        let sent = Directive.log(MessageLogEntry(.sent, response, at: now))
        func send(keepsOrder: Bool, _ milliseconds: Int64) {
            let how = Directive.Delivery(
                keepsOrder: keepsOrder, afterMilliseconds: milliseconds, copyCount: copyCount)
            directives += [sent, .answer(response, to: session, how)]
        }
        switch delivery {
        case .inOrder(let milliseconds): send(keepsOrder: true, milliseconds)
        case .outOfOrder(let milliseconds): send(keepsOrder: false, milliseconds)
        case .never: break
        case .disconnect: directives.append(.close(session))
        }
    }

    /// The amount and currency of a message, or the code that refuses them.
    func amountAndCurrency(
        of message: Message, else currencyOfOriginal: String? = nil
    ) -> Result<(amount: Int64, currency: String), Refusal> {
        guard let number = message.number(.amount), let amount = Int64(exactly: number) else {
            return .failure(Refusal(.formatError))
        }
        let currency =
            message.contains(.currency) ? message.text(.currency) : currencyOfOriginal
        guard let currency, currency.utf8.count == 3,
            currency.utf8.allSatisfy({ 0x30...0x39 ~= $0 })
        else { return .failure(Refusal(.formatError)) }
        return amount == 0
            ? .failure(Refusal(.invalidAmount)) : .success((amount, currency))
    }

    /// A refusal and its code.
    struct Refusal: Error {
        let code: ResponseCode

        init(_ code: ResponseCode) {
            self.code = code
        }
    }
}

import Acquirer
import ISO8583
import Primitives
import Testing

/// A host that takes one session for each station.
struct StationTests {
    private static func host() -> AcquirerInstance {
        AcquirerInstance(options: AcquirerInstance.Options(takesOneSession: true))
    }

    private static func signOn(_ station: String) -> Message {
        var message = Messages.networkManagement(.signOn)
        message.set(.privateData, text: "910\(station.utf8.count)\(station)")
        return message
    }

    /// The answer's code, and the connections that were ended with it.
    private static func say(
        _ message: Message, on session: UInt64, atSecond second: Int64,
        _ host: inout AcquirerInstance
    ) -> (code: String?, ended: [SessionID]) {
        var code: String?
        var ended: [SessionID] = []
        let directives = host.onMessage(
            message, from: SessionID(session), at: Timestamp(milliseconds: second * 1000))
        for directive in directives {
            switch directive {
            case .answer(let answer, _, _): code = answer.responseCode?.description
            case .end(let other): ended.append(other)
            case .saveTransaction, .saveAdvice, .log, .close, .closeAll: break
            }
        }
        return (code, ended)
    }

    @Test("A station's second session is refused while the first one speaks")
    func refused() {
        var host = Self.host()
        #expect(Self.say(Self.signOn("eu"), on: 1, atSecond: 0, &host).code == "00")
        #expect(Self.say(Messages.request(), on: 1, atSecond: 9, &host).code == "00")
        #expect(Self.say(Self.signOn("eu"), on: 2, atSecond: 18, &host).code == "91")
        #expect(Self.say(Messages.request(trace: 2), on: 2, atSecond: 18, &host).code == "91")
        #expect(Self.say(Self.signOn("us"), on: 3, atSecond: 18, &host).code == "00")
        #expect(host.transactions.count == 1)
    }

    @Test("One that was silent for long gives way, and its connection is ended")
    func silent() {
        var host = Self.host()
        #expect(Self.say(Self.signOn("eu"), on: 1, atSecond: 0, &host).code == "00")
        let (code, ended) = Self.say(Self.signOn("eu"), on: 2, atSecond: 10, &host)
        #expect(code == "00")
        #expect(ended == [SessionID(1)])
        #expect(Self.say(Messages.request(), on: 2, atSecond: 11, &host).code == "00")
        #expect(Self.say(Messages.request(trace: 2), on: 1, atSecond: 11, &host).code == "91")
    }

    @Test("The end of a session, and a sign-off, free the station")
    func freed() {
        var host = Self.host()
        #expect(Self.say(Self.signOn("eu"), on: 1, atSecond: 0, &host).code == "00")
        host.onSessionEnded(SessionID(1))
        #expect(Self.say(Self.signOn("eu"), on: 2, atSecond: 1, &host).code == "00")
        let signOff = Messages.networkManagement(.signOff)
        #expect(Self.say(signOff, on: 2, atSecond: 1, &host).code == "00")
        #expect(Self.say(Self.signOn("eu"), on: 3, atSecond: 1, &host).code == "00")
    }

    @Test("A host that takes any number of sessions does not look at stations")
    func many() {
        var host = AcquirerInstance()
        #expect(Self.say(Self.signOn("eu"), on: 1, atSecond: 0, &host).code == "00")
        #expect(Self.say(Self.signOn("eu"), on: 2, atSecond: 0, &host).code == "00")
        #expect(Self.say(Messages.request(), on: 3, atSecond: 0, &host).code == "00")
    }
}

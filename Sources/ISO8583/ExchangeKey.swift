/// What a response has in common with its request: the type that answers, terminal and trace.
struct ExchangeKey: Hashable, Sendable {
    /// Without the repeat mark, for hosts differ in whether they set it in an answer.
    private let responseType: MessageType
    private let trace: TraceNumber
    /// DE 41, at most eight bytes, with zeros in front; 0 when it is not there, as in 0800.
    private let terminal: UInt64

    /// Nil when DE 11 is missing or not six digits, or DE 41 is longer than eight bytes.
    init?(_ responseType: MessageType, _ message: Message) {
        guard let trace = message.trace else { return nil }
        let terminal = message[.terminal] ?? []
        guard terminal.count <= 8 else { return nil }
        self.responseType = responseType.first
        self.trace = trace
        self.terminal = terminal.reduce(0) { $0 << 8 | UInt64($1) }
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(terminal)
        hasher.combine(UInt64(trace.rawValue) << 16 | UInt64(responseType.packed))
    }
}

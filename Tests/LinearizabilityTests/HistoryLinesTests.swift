import Linearizability
import Primitives
import Testing

@Suite("Histories as lines of JSON")
struct HistoryLinesTests {
    private func history(key: String) -> RegisterHistory {
        let rows: [(RegisterModel.Input, RegisterModel.Output?, Int64?)] = [
            (.read, .value(nil), 5), (.read, .value(.max), 5), (.write(.min), .written, 5),
            (.write(-1), nil, nil), (.read, nil, 7),
            (.compareAndSet(expected: nil, new: 1), .swapped(true), 5),
            (.compareAndSet(expected: 1, new: 0), .swapped(false), 5),
        ]
        return RegisterHistory(
            rows.enumerated().map { number, row in
                RegisterHistory.Operation(
                    client: number - 1, key: key, input: row.0, output: row.1,
                    called: instant(Int64(number) - 3), returned: row.2.map(instant))
            })
    }

    private func read(_ text: String) throws -> RegisterHistory {
        try RegisterHistory(ndjson: Array(text.utf8))
    }

    @Test("The text itself")
    func golden() {
        let rows = [
            (-1, "read", "", #"{"value":null}"#, -3, "5"),
            (0, "read", "", #"{"value":9223372036854775807}"#, -2, "5"),
            (1, "write", #","value":-9223372036854775808"#, #"{"written":true}"#, -1, "5"),
            (2, "write", #","value":-1"#, "null", 0, "null"),
            (3, "read", "", "null", 1, "7"),
            (4, "cas", #","expected":null,"new":1"#, #"{"swapped":true}"#, 2, "5"),
            (5, "cas", #","expected":1,"new":0"#, #"{"swapped":false}"#, 3, "5"),
        ]
        let lines = rows.map { client, name, more, output, call, end in
            #"{"client":\#(client),"op":"\#(name)","in":{"key":"a\"\\\u000a\u001fé"\#(more)},"#
                + #""out":\#(output),"call_ns":\#(call),"return_ns":\#(end)}"# + "\n"
        }
        let text = String(decoding: history(key: "a\"\\\n\u{1F}é").ndjson, as: UTF8.self)
        #expect(text == lines.joined())
    }

    @Test("What is written is read, whatever the key")
    func roundTrip() throws {
        let keys = [
            "", "a", "\"", "\\", "\u{0}", "\u{7F}\u{80}\u{2028}", "\u{1F469}\u{200D}\u{1F680}",
            "\r\n", "},{", String(repeating: "x", count: 10_000),
        ]
        for key in keys {
            let history = history(key: key)
            #expect(try RegisterHistory(ndjson: history.ndjson) == history)
        }
        var histories = RandomHistories(seed: 3)
        for _ in 0..<50 {
            let history = histories.atomic(
                .init(operationCount: 40, clientCount: 4, keys: ["a", "b"], unknownPercent: 10))
            #expect(try RegisterHistory(ndjson: history.ndjson) == history)
        }
        #expect(try read("") == RegisterHistory())
        #expect(RegisterHistory().ndjson == [])
    }

    @Test("Blanks and every escape of JSON are read")
    func spellings() throws {
        let key = #""\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE80""#
        let head = #" { "client" : 1 , "op":"re\u0061d", "in":{ "key": \#(key) } ,"#
        let history = try read(head + #" "out" : null, "call_ns": 0, "return_ns": null }"# + "\t")
        #expect(history.operations.map(\.key) == ["\"\\/\u{8}\u{C}\n\r\té\u{1F680}"])
    }

    @Test(
        "Anything else is refused with its line",
        arguments: [
            "", " ", "{}", "null", "[]", "{", #"{"client":1}"#,
            line(client: "1.0"), line(client: "01"), line(client: "-0"), line(client: "+1"),
            line(client: "1e3"), line(client: "\"1\""), line(client: "null"), line(client: "-"),
            line(client: "9223372036854775808"), line(client: "--1"), line(client: "1-1"),
            line(client: String(repeating: "9", count: 5000)),
            line(op: "delete"), line(op: "READ"), line(op: #"rea\d"#), line(op: #"\u006"#),
            line(input: #"{"key":1}"#), line(input: #"{"key":"a","value":1}"#),
            line(input: #"{"key":"a"#), line(input: #"{"key":"\"#),
            line(input: #"{"key":"\ud800"}"#),
            line(input: #"{"key":"\ud800\u0041"}"#), line(input: #"{"key":"\udc00"}"#),
            line(input: #"{"key":"\ud800\"#), line(input: #"{"key":"\uzzzz"}"#),
            line(input: "{\"key\":\"\u{1}\"}"), line(input: #"{"value":1,"key":"a"}"#),
            line(output: "{}"), line(output: "7"), line(output: #"{"value":"7"}"#),
            line(output: #"{"written":true}"#), line(output: #"{"value":1,"value":1}"#),
            line(call: "null"), line(call: "11"), line(returned: "null"), line(returned: "1.5"),
            line(end: "}}"), line(end: ",\"more\":1}"), line(end: ""), line(end: "}\r"),
            line(end: "} {"),
        ])
    func hostile(text: String) throws {
        let good = Self.line()
        _ = try read(good)
        #expect {
            try read(good + "\n" + text + "\n" + good)
        } throws: { ($0 as? HistoryLineError)?.line == 2 }
    }

    private static func line(
        client: String = "1", op: String = "read", input: String = #"{"key":"a"}"#,
        output: String = #"{"value":7}"#, call: String = "0", returned: String = "10",
        end: String = "}"
    ) -> String {
        #"{"client":\#(client),"op":"\#(op)","in":\#(input),"out":\#(output),"#
            + #""call_ns":\#(call),"return_ns":\#(returned)\#(end)"#
    }

    @Test("Bytes that were cut, changed or made up never trap, and are read to what they say")
    func mutated() throws {
        var random = SeededRandom(seed: 9)
        let good = history(key: "k\u{1F680}\"").ndjson
        var readCount = 0
        for count in 0..<good.count { _ = try? RegisterHistory(ndjson: Array(good.prefix(count))) }
        for _ in 0..<20_000 {
            var bytes = good
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes.remove(at: place)
                case 1: bytes[place] = UInt8.random(in: 0...255, using: &random)
                default: bytes.insert(bytes.randomElement(using: &random)!, at: place)
                }
            }
            guard let history = try? RegisterHistory(ndjson: bytes) else { continue }
            readCount += 1
            #expect(try RegisterHistory(ndjson: history.ndjson) == history)
        }
        #expect(readCount > 100)
        for _ in 0..<2000 {
            let length = Int.random(in: 0..<64, using: &random)
            let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
            _ = try? RegisterHistory(ndjson: bytes)
        }
    }
}

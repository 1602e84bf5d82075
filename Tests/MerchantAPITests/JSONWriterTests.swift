import MerchantAPI
import Testing

struct JSONWriterTests {
    private func text(_ body: (inout JSONWriter) -> Void) -> String {
        String(decoding: JSONWriter.object(body), as: UTF8.self)
    }

    @Test("strings are escaped as RFC 8259 asks")
    func escaping() {
        let written = text {
            $0.member("a\"b", "quote \" back \\ slash / tab \t line \n\r bell \u{7} é € 😀 \u{7F}")
            $0.member("controls", "\u{0}\u{1F}\u{8}\u{C}")
        }
        let expected =
            "{\n  \"a\\\"b\": \"quote \\\" back \\\\ slash / tab \\t line \\n\\r bell \\u0007 "
            + "é € 😀 \\u007f\",\n  \"controls\": \"\\u0000\\u001f\\b\\f\"\n}\n"
        #expect(written == expected)
    }

    @Test("members keep their order and empty containers stay on one line")
    func layout() {
        let written = text { writer in
            writer.member("z", Int64.min)
            writer.member("a", true)
            writer.null("n")
            writer.member("absent", String?.none)
            writer.member("missing", Int64?.none)
            writer.object("empty") { _ in }
            writer.array("none") { _ in }
            writer.array("list") { writer in
                writer.element("x")
                writer.object { $0.member("y", false) }
                writer.object { _ in }
            }
        }
        #expect(
            written == """
                {
                  "z": -9223372036854775808,
                  "a": true,
                  "n": null,
                  "absent": null,
                  "missing": null,
                  "empty": {},
                  "none": [],
                  "list": [
                    "x",
                    {
                      "y": false
                    },
                    {}
                  ]
                }

                """)
    }
}

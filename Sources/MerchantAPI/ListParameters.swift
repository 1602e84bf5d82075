import Gateway
import Payments

extension Parameters {
    /// `limit`, 1 to 100; ten when it was not sent.
    mutating func limit() throws(APIError) -> Int {
        let limit = try integer("limit") ?? 10
        guard (1...100).contains(limit) else {
            throw .invalid(
                "Invalid limit: must be between 1 and 100", code: "parameter_invalid_integer",
                param: "limit")
        }
        return Int(limit)
    }

    /// `starting_after` or `ending_before`.
    mutating func cursor<ID>(
        _ kind: String, _ parse: (String) -> ID?
    ) throws(APIError) -> (after: ID?, before: ID?) {
        func read(_ name: String, _ text: String?) throws(APIError) -> ID? {
            guard let text else { return nil }
            guard let id = parse(text) else {
                throw .noSuch(kind, text, param: name, status: 400)
            }
            return id
        }
        let after = try read("starting_after", try text("starting_after"))
        let before = try read("ending_before", try text("ending_before"))
        guard after == nil || before == nil else {
            throw .invalid(
                "You may only specify one of these parameters: ending_before, starting_after.",
                param: "ending_before")
        }
        return (after, before)
    }

    /// The page of payments that a list asks for.
    mutating func paymentPage() throws(APIError) -> PaymentPage {
        let limit = try limit()
        let (after, before) = try cursor("payment_intent") { PaymentID($0) }
        let (from, through) = try creationRange()
        return PaymentPage(
            limit: limit,
            cursor: after.map { .after($0) } ?? before.map { .before($0) },
            createdFrom: from, createdThrough: through)
    }

    /// `created=t`, or its bounds `created[gt|gte|lt|lte]`, in seconds since the Unix epoch.
    mutating func creationRange() throws(APIError) -> (from: Int64?, through: Int64?) {
        guard !has("created") else {
            let moment = try integer("created")
            return (moment, moment)
        }
        // The ends of Int64 stay where they are: nothing was created beyond them.
        func next(_ moment: Int64) -> Int64 { moment == .max ? moment : moment + 1 }
        func previous(_ moment: Int64) -> Int64 { moment == .min ? moment : moment - 1 }
        let lower = [
            try integer("created[gt]").map(next), try integer("created[gte]"),
        ].compactMap { $0 }
        let upper = [
            try integer("created[lt]").map(previous), try integer("created[lte]"),
        ].compactMap { $0 }
        return (lower.max(), upper.min())
    }
}

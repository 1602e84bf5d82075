import Payments

extension Parameters {
    /// A parameter's text; nil when it was not sent. Empty text is refused, as is text of more than
    /// `characterCountMax` characters.
    mutating func text(
        _ name: String, characterCountMax: Int = 5000
    ) throws(APIError) -> String? {
        guard let value = try take(name) else { return nil }
        guard !value.isEmpty else { throw .empty(name) }
        guard value.unicodeScalars.count <= characterCountMax else {
            throw .invalid(
                "Invalid string: \(name) must be at most \(characterCountMax) characters",
                param: name)
        }
        return value
    }

    /// A parameter's text where an empty one means that there is none.
    mutating func clearableText(
        _ name: String, characterCountMax: Int = 5000
    ) throws(APIError) -> String? {
        if let value = try take(name), value.isEmpty { return nil }
        return try text(name, characterCountMax: characterCountMax)
    }

    mutating func required(_ name: String) throws(APIError) -> String {
        guard let value = try text(name) else { throw .missing(name) }
        return value
    }

    /// A decimal integer with an optional minus sign.
    mutating func integer(_ name: String) throws(APIError) -> Int64? {
        guard let value = try text(name) else { return nil }
        guard value.utf8.first != UInt8(ascii: "+"), let integer = Int64(value) else {
            throw .invalid(
                "Invalid integer: \(APIError.shown(value))", code: "parameter_invalid_integer",
                param: name)
        }
        return integer
    }

    /// An integer from 1 upward.
    mutating func positiveInteger(_ name: String) throws(APIError) -> Int64? {
        guard let integer = try integer(name) else { return nil }
        guard integer >= 1 else { throw .notPositive(name) }
        return integer
    }

    mutating func boolean(_ name: String) throws(APIError) -> Bool? {
        switch try text(name) {
        case nil: return nil
        case "true": return true
        case "false": return false
        case .some(let value):
            throw .invalid("Invalid boolean: \(APIError.shown(value))", param: name)
        }
    }

    /// One of some words, and what it stands for.
    mutating func choice<Value>(
        _ name: String, of choices: [(word: String, value: Value)]
    ) throws(APIError) -> Value? {
        guard let word = try text(name) else { return nil }
        guard let choice = choices.first(where: { $0.word == word }) else {
            let words = choices.map(\.word)
            let list =
                words.count < 2
                ? words.joined()
                : words.dropLast().joined(separator: ", ") + " or " + words[words.count - 1]
            throw .invalid("Invalid \(name): must be one of \(list)", param: name)
        }
        return choice.value
    }

    /// An e-mail address, as far as it can be told: something on both sides of one `@`.
    mutating func emailAddress(_ name: String) throws(APIError) -> String? {
        guard let address = try clearableText(name, characterCountMax: 512) else { return nil }
        let halves = address.split(separator: "@", omittingEmptySubsequences: false)
        guard halves.count == 2, !halves[0].isEmpty, !halves[1].isEmpty,
            !address.unicodeScalars.contains(where: { $0.value <= 0x20 || $0.value == 0x7F })
        else {
            throw .invalid(
                "Invalid email address: \(APIError.shown(address))", code: "email_invalid",
                param: name)
        }
        return address
    }

    /// What stands on a cardholder's statement: at most 22 Latin characters with a letter among
    /// them, without those that break the schemes' records.
    mutating func statementDescriptor(_ name: String) throws(APIError) -> String? {
        guard let text = try clearableText(name, characterCountMax: 22) else { return nil }
        let bytes = Array(text.utf8)
        let forbidden = Array(#"<>\'"*"#.utf8)
        guard bytes.allSatisfy({ (0x20..<0x7F).contains($0) && !forbidden.contains($0) }) else {
            throw .invalid(
                "The statement descriptor may only have Latin characters, "
                    + "and none of < > \\ ' \" *",
                code: "invalid_characters", param: name)
        }
        guard bytes.contains(where: { (0x41...0x5A).contains($0 & 0xDF) }) else {
            throw .invalid(
                "The statement descriptor must contain at least one letter.",
                code: "invalid_characters", param: name)
        }
        return text
    }

    /// Up to 50 pairs, sorted by key. Pairs with an empty value are dropped: that is how a key is
    /// unset.
    mutating func metadata(_ name: String = "metadata") throws(APIError) -> Metadata {
        var entries: Metadata = []
        for (key, value) in try takeMembers(of: name) {
            let place = APIError.shown("\(name)[\(key)]")
            guard key.unicodeScalars.count <= 40 else {
                throw .invalid(
                    "Metadata keys can have up to 40 characters, but you passed in a key that is "
                        + "\(key.unicodeScalars.count) characters.", param: name)
            }
            guard value.unicodeScalars.count <= 500 else {
                throw .invalid(
                    "Metadata values can have up to 500 characters, but you passed in a value that "
                        + "is \(value.unicodeScalars.count) characters.", param: place)
            }
            if !value.isEmpty { entries.append(MetadataEntry(key: key, value: value)) }
        }
        guard entries.count <= 50 else {
            throw .invalid(
                "You can only have up to 50 metadata keys, but you passed in \(entries.count).",
                param: name)
        }
        return entries
    }

    /// Name, e-mail address, phone and address below `name`.
    mutating func billingDetails(_ name: String) throws(APIError) -> BillingDetails {
        var billing = BillingDetails()
        guard try group(name) else { return billing }
        billing.name = try clearableText("\(name)[name]")
        billing.email = try emailAddress("\(name)[email]")
        billing.phone = try clearableText("\(name)[phone]", characterCountMax: 20)
        let address = "\(name)[address]"
        guard try group(address) else { return billing }
        billing.line1 = try clearableText("\(address)[line1]")
        billing.line2 = try clearableText("\(address)[line2]")
        billing.city = try clearableText("\(address)[city]")
        billing.state = try clearableText("\(address)[state]")
        billing.postalCode = try clearableText("\(address)[postal_code]")
        if let country = try clearableText("\(address)[country]") {
            let letters = Array(country.utf8)
            guard letters.count == 2, letters.allSatisfy({ (0x41...0x5A).contains($0 & 0xDF) })
            else {
                throw .invalid(
                    "Country '\(APIError.shown(country))' is unknown. Try using a 2-character "
                        + "country code instead, such as 'US', 'EG', or 'GB'.",
                    param: "\(address)[country]")
            }
            billing.country = country.uppercased()
        }
        return billing
    }

    /// Refuses a card number in any name or value but the number of a card.
    func refuseCardNumbers() throws(APIError) {
        for entry in entries {
            guard !CardDraft.numberNames.contains(entry.name) else { continue }
            guard !CardNumber.appears(in: entry.value) else {
                throw .cardNumber(
                    in: "The parameter \(APIError.shown(entry.name))",
                    param: APIError.shown(entry.name))
            }
        }
    }
}

extension APIError {
    static func empty(_ name: String) -> APIError {
        invalid(
            "You passed an empty string for '\(name)'. We assume empty values are an attempt to "
                + "unset a parameter; however '\(name)' cannot be unset. You should remove "
                + "'\(name)' from your request or supply a non-empty value.",
            code: "parameter_invalid_empty", param: name)
    }

    static func notPositive(_ name: String) -> APIError {
        invalid(
            "This value must be greater than or equal to 1.", code: "parameter_invalid_integer",
            param: name)
    }
}

import Payments

extension Money {
    /// The amount for people, as in `$1,234.50`, `¥500` and `12.00 sek`.
    var formatted: String {
        let magnitude = String(minorUnits.magnitude)
        let exponent = currency.exponent
        let padded =
            String(repeating: "0", count: max(0, exponent + 1 - magnitude.utf8.count)) + magnitude
        let whole = padded.dropLast(exponent)
        var grouped = ""
        for (place, digit) in whole.enumerated() {
            if place > 0, (whole.count - place) % 3 == 0 { grouped += "," }
            grouped.append(digit)
        }
        let number = exponent == 0 ? grouped : "\(grouped).\(padded.suffix(exponent))"
        let sign = minorUnits < 0 ? "-" : ""
        return switch currency.code {
        case "usd": "\(sign)$\(number)"
        case "eur": "\(sign)€\(number)"
        case "gbp": "\(sign)£\(number)"
        case "jpy": "\(sign)¥\(number)"
        case "inr": "\(sign)₹\(number)"
        default: "\(sign)\(number) \(currency.code)"
        }
    }

    /// The same with the currency's code behind it, as in `$0.50 usd`.
    var formattedWithCode: String {
        let text = formatted
        return text.hasSuffix(currency.code) ? text : "\(text) \(currency.code)"
    }
}

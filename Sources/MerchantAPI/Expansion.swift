/// Which references of an answer are to be shown as whole objects.
struct Expansion: Sendable {
    /// By member name. Looked up only, never iterated.
    private var children: [String: Expansion] = [:]

    static let none = Expansion()

    /// The deepest path that the API has; without a bound, a payment could hold itself.
    private static let depthMax = 4
    /// More than every expandable member of every object.
    private static let pathCountMax = 100

    /// The expansion below a member; nil when the member stays a reference.
    subscript(_ name: String) -> Expansion? { children[name] }

    /// Reads `expand` and holds every path against what `root` can show.
    static func read(
        _ parameters: inout Parameters, root: ExpandableObject
    ) throws(APIError) -> Expansion {
        var expansion = Expansion()
        let paths = try parameters.takeArray("expand")
        guard paths.count <= pathCountMax else {
            throw .invalid(
                "You cannot expand more than \(pathCountMax) properties.", param: "expand")
        }
        for path in paths {
            let names = path.split(separator: ".", omittingEmptySubsequences: false).map(
                String.init)
            guard names.count <= depthMax else {
                throw .invalid(
                    "You cannot expand more than \(depthMax) levels of a property. Property: "
                        + APIError.shown(path), param: "expand")
            }
            guard root.canExpand(names[...]) else {
                throw .invalid(
                    "This property cannot be expanded (\(APIError.shown(path))).", param: "expand")
            }
            expansion.insert(names[...])
        }
        return expansion
    }

    private mutating func insert(_ names: ArraySlice<String>) {
        guard let name = names.first else { return }
        children[name, default: Expansion()].insert(names.dropFirst())
    }
}

/// An object of the API, as far as its expandable members go.
enum ExpandableObject: Sendable {
    case paymentIntent, paymentMethod, charge, refund, balanceTransaction
    /// What a balance transaction came from: a charge or a refund.
    case balanceSource
    case paymentIntentList, refundList

    private enum Member {
        case object(ExpandableObject)
        /// A reference that is always null here: it can be expanded, to null.
        case absent
    }

    fileprivate func canExpand(_ names: ArraySlice<String>) -> Bool {
        guard let name = names.first, let member = member(name) else { return false }
        let rest = names.dropFirst()
        return switch member {
        case .absent: rest.isEmpty
        case .object(let object): rest.isEmpty || object.canExpand(rest)
        }
    }

    private func member(_ name: String) -> Member? {
        switch self {
        case .paymentIntent:
            switch name {
            case "latest_charge": .object(.charge)
            case "payment_method": .object(.paymentMethod)
            case "application", "customer", "invoice", "on_behalf_of", "review": .absent
            default: nil
            }
        case .paymentMethod:
            name == "customer" ? .absent : nil
        case .charge:
            switch name {
            case "payment_intent": .object(.paymentIntent)
            case "balance_transaction": .object(.balanceTransaction)
            case "refunds": .object(.refundList)
            case "application", "application_fee", "customer", "failure_balance_transaction",
                "invoice", "on_behalf_of", "review", "source_transfer", "transfer":
                .absent
            default: nil
            }
        case .refund:
            switch name {
            case "charge": .object(.charge)
            case "payment_intent": .object(.paymentIntent)
            case "balance_transaction": .object(.balanceTransaction)
            case "failure_balance_transaction", "source_transfer_reversal", "transfer_reversal":
                .absent
            default: nil
            }
        case .balanceTransaction:
            name == "source" ? .object(.balanceSource) : nil
        case .balanceSource:
            ExpandableObject.charge.member(name) ?? ExpandableObject.refund.member(name)
        case .paymentIntentList:
            name == "data" ? .object(.paymentIntent) : nil
        case .refundList:
            name == "data" ? .object(.refund) : nil
        }
    }
}

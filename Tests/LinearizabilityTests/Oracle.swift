import Linearizability

/// Linearizability by its definition: every order of the answered operations and of any of the
/// unknown ones is tried. For histories of a handful of operations.
enum Oracle {
    static func isLinearizable<Model: SequentialModel>(
        _ history: History<Model>, _ model: Model
    ) -> Bool {
        let keys = Set(history.operations.map(\.key))
        return keys.allSatisfy { key in
            extends(
                history.operations.filter { $0.key == key }, model, from: model.initialState)
        }
    }

    /// True when what is left can follow in some order.
    private static func extends<Model: SequentialModel>(
        _ rest: [History<Model>.Operation], _ model: Model, from state: Model.State
    ) -> Bool {
        if rest.allSatisfy({ $0.returned == nil }) { return true }
        return rest.indices.contains { index in
            let operation = rest[index]
            let isLate = rest.contains { other in
                other.returned.map { $0 < operation.called } ?? false
            }
            guard !isLate,
                let after = model.step(state, operation.input, operation.output)
            else { return false }
            var others = rest
            others.remove(at: index)
            return extends(others, model, from: after)
        }
    }
}

import Environment
import Primitives
import StateStore

// From the store to memory (`Replica` reads what is there).

extension ShardHost {
    /// Brings aggregates into memory. What is there already costs nothing.
    func load(_ keys: [AggregateKey]) async {
        guard keys.contains(where: { !table.knows($0) }) else { return }
        let store = store
        let (rows, missing) = await readStored {
            let missing = keys.filter { !table.knows($0) }
            let rows = await reader.run(on: loop) {
                StoreResult { () throws(StateStoreError) in try store.load(missing) }
            }
            return (rows, missing)
        }
        admit(rows, for: missing)
    }

    /// What `read` finds in the store, and what `waiting` says that it does not have yet, both of
    /// one state.
    func storedRows<Waiting>(
        _ read: @escaping @Sendable () throws(StateStoreError) -> [AggregateRow],
        _ waiting: () -> Waiting
    ) async -> ([AggregateRow], Waiting) {
        let (rows, waiting) = await readStored {
            // The memory first: what is written meanwhile is then in both, and counted once.
            let waiting = waiting()
            let rows = await reader.run(on: loop) { StoreResult(read) }
            return (rows, waiting)
        }
        return (values(of: rows), waiting)
    }

    func admit(_ result: StoreResult<[AggregateRow]>, for keys: [AggregateKey]) {
        // What the store did not return does not exist.
        table.admit(values(of: result), for: keys)
    }

    /// The rows, or the end of the process: a state that cannot be read cannot be served.
    private func values(of result: StoreResult<[AggregateRow]>) -> [AggregateRow] {
        switch result {
        case .success(let rows): return rows
        case .failure(let error):
            halt.halt("state store: \(error)")
            return []
        }
    }
}

/// A store's answer, carried from the worker's thread to the loop.
typealias StoreResult<Value> = Result<Value, StateStoreError>

extension Result where Failure == StateStoreError {
    init(_ body: () throws(StateStoreError) -> Success) {
        do throws(StateStoreError) {
            self = .success(try body())
        } catch {
            self = .failure(error)
        }
    }
}

import ArgumentParser
import Operations

/// `sunny bench member`: one of the processes that the cluster bench starts. It does what it is
/// told on its standard input, and ends with it.
struct BenchMemberCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "member", abstract: "One process of the cluster bench.",
        shouldDisplay: false)

    /// Not `dir`, which the command above would take.
    @Option(help: "Where its data and its certificate are.")
    var folder: String

    @Option(help: "Which member it is, from 1 on.")
    var number: Int

    @Option(help: "The ports of all members on the loopback, with commas between them.")
    var ports: String

    @Option(help: "What it does with entries.")
    var machine: BenchMachineKind

    func run() throws {
        let ports = ports.split(separator: ",").compactMap { UInt16($0) }
        guard (1...ports.count).contains(number) else { throw ValidationError("no such member") }
        let settings = BenchMemberSettings(
            folder: folder, number: UInt64(number), ports: ports,
            isSealed: machine.isSealed)
        let member: any BenchMemberService =
            switch machine {
            case .raw, .sealed: try BenchMember<RawBenchMachine>(settings)
            case .applied: try BenchMember<AppliedBenchMachine>(settings)
            }
        answer(waitFor { await member.start() })
        while let line = readLine() {
            guard let order = JSON.decode(BenchOrder.self, Array(line.utf8))
            else { break }
            answer(waitFor { await member.perform(order) })
        }
        // Whoever has started it is gone, or wants no more of it.
        endProcess(0)
    }

    private func answer(_ answer: BenchAnswer) {
        Console.write(JSON.line(answer) + [10], to: 1)
    }
}

extension BenchMachineKind: ExpressibleByArgument {}

import Acquirer
import ISO8583
import Testing

struct ControlTests {
    @Test(
        "A command is read, and says itself back",
        arguments: [
            ("delay authorization 500 count 3", "ok delay authorization 500 count 3"),
            ("silence all count 1", "ok silence all count 1"),
            ("LATE  Authorization\t12000 count 1", "ok late authorization 12000 count 1"),
            ("duplicate all", "ok duplicate all"),
            ("disconnect", "ok disconnect"),
            ("disconnect before reversal count 2", "ok disconnect before reversal count 2"),
            ("disconnect after all", "ok disconnect after all"),
            ("refuse advice 57", "ok refuse advice 57"),
            ("refuse all n7 count 9", "ok refuse all N7 count 9"),
            ("decline 51 count 2", "ok decline authorization 51 count 2"),
            ("tombstones off", "ok tombstones off"),
            ("tombstones on", "ok tombstones on"),
            ("reset", "ok reset"),
            ("status", "ok status"),
            ("help", "ok help"),
        ])
    func grammar(line: String, reply: String) throws {
        var host = AcquirerInstance()
        let command = try ControlCommand(line)
        #expect(host.onCommand(command).reply.lines.first == reply)
    }

    @Test(
        "What is no command is refused with the place, and never said back",
        arguments: [
            ("", "expected a command at the end"),
            ("explode 4242424242424242", "unknown command, try help"),
            ("delay", "expected all, authorization, advice or reversal at the end"),
            ("delay everybody 5", "expected all, authorization, advice or reversal as word 2"),
            ("delay all", "expected milliseconds at the end"),
            ("delay all -1", "expected milliseconds as word 3"),
            ("delay all 600001", "expected milliseconds as word 3"),
            ("delay all 99999999999999999999", "expected milliseconds as word 3"),
            ("silence all 3", "expected count as word 3"),
            ("silence all count 0", "expected a count of 1 to 1000000 as word 4"),
            ("silence all count 1000001", "expected a count of 1 to 1000000 as word 4"),
            ("silence all count 1 2", "nothing expected as word 5"),
            ("refuse authorization 57", "refuse takes advice, reversal or all; use decline RC"),
            ("refuse advice 00", "expected a response code other than 00 as word 3"),
            ("refuse advice 5", "expected a response code other than 00 as word 3"),
            ("disconnect later", "expected before or after as word 2"),
            ("tombstones maybe", "expected on or off as word 2"),
            ("reset now", "nothing expected as word 2"),
        ])
    func errors(line: String, description: String) {
        do throws(ControlCommandError) {
            let command = try ControlCommand(line)
            Issue.record("\(command) was read")
        } catch {
            #expect(error.description == description)
        }
    }

    @Test("Every command that help lists begins like one that is read")
    func help() {
        for line in ControlCommand.helpLines.dropLast(2) {
            let verb = line.prefix { $0 != " " }
            do throws(ControlCommandError) {
                _ = try ControlCommand(verb)
            } catch {
                #expect(error != .unknownCommand, "\(verb)")
            }
        }
    }

    @Test("A fault meets its group as often as was said, the narrower group first")
    func counting() throws {
        var host = AcquirerInstance()
        _ = host.onCommand(try ControlCommand("silence all count 2"))
        _ = host.onCommand(try ControlCommand("silence authorization count 1"))
        #expect(host.directives(Messages.request()).count == 2, "saved and logged, not answered")
        #expect(host.control.faults.map(\.description) == ["silence all count 2"])
        #expect(host.answer(Messages.networkManagement(.echoTest)) == nil)
        #expect(host.answer(Messages.capture(10, trace: 2)) == nil)
        #expect(host.control.faults.isEmpty)
        #expect(host.code(Messages.request()) == "00", "it was processed all the same")
        #expect(host.code(Messages.capture(10, trace: 2)) == "00")
        #expect(host.transactions[0].approval?.capturedAmount == 10)
    }

    @Test("Delay keeps the order, late does not, duplicate answers twice")
    func delivery() throws {
        var host = AcquirerInstance()
        func delivery(_ line: String) throws -> Directive.Delivery? {
            _ = host.onCommand(.reset)
            _ = host.onCommand(try ControlCommand(line))
            guard case .answer(_, _, let delivery) = host.directives(Messages.request()).last
            else { return nil }
            return delivery
        }
        #expect(
            try delivery("delay authorization 500")
                == Directive.Delivery(keepsOrder: true, afterMilliseconds: 500))
        #expect(
            try delivery("late all 12000")
                == Directive.Delivery(keepsOrder: false, afterMilliseconds: 12_000))
        #expect(try delivery("duplicate all") == Directive.Delivery(copyCount: 2))
        #expect(try delivery("delay advice 500") == Directive.Delivery())
    }

    @Test("Disconnected before, a message is not processed; after, it is and has no answer")
    func disconnects() throws {
        var host = AcquirerInstance()
        _ = host.onCommand(try ControlCommand("disconnect before authorization count 1"))
        #expect(host.directives(Messages.request()).last == .close(AcquirerInstance.session))
        #expect(host.transactions.isEmpty)
        _ = host.onCommand(try ControlCommand("disconnect after authorization count 1"))
        let directives = host.directives(Messages.request())
        #expect(directives.last == .close(AcquirerInstance.session))
        #expect(host.transactions.map(\.state) == [.approved])
        #expect(host.onCommand(.disconnect).directives == [.closeAll])
        #expect(host.code(Messages.request()) == "00")
    }

    @Test("A refused advice changes nothing, and its repeat is refused again after a reset")
    func refusal() throws {
        var host = AcquirerInstance()
        let original = Messages.request()
        _ = host.answer(original)
        _ = host.onCommand(try ControlCommand("refuse all 57"))
        let advices = [
            Messages.capture(10, trace: 2), Messages.refund(10, trace: 3),
            Messages.reversal(of: original, trace: 4),
        ]
        for advice in advices { #expect(host.code(advice) == "57") }
        _ = host.onCommand(.reset)
        for advice in advices { #expect(host.code(advice.repeated()!) == "57") }
        #expect(host.lines == ["auth 1000 approved captured 0 refunded 0 reversed 0"])
    }

    @Test("Declining everything leaves stored answers as they are")
    func declining() throws {
        var host = AcquirerInstance()
        _ = host.answer(Messages.request())
        _ = host.onCommand(try ControlCommand("decline 91"))
        #expect(host.code(Messages.request()) == "00")
        #expect(host.code(Messages.request(.financialRequest, trace: 2)) == "91")
        #expect(host.code(Messages.capture(10, trace: 3)) == "00")
        _ = host.onCommand(.reset)
        #expect(host.code(Messages.request(.financialRequest, trace: 2)) == "91")
    }

    @Test("Tombstones are switched off and on, and reset goes back to how the host was started")
    func tombstones() throws {
        var host = AcquirerInstance()
        _ = host.onCommand(try ControlCommand("tombstones off"))
        #expect(host.code(Messages.reversal(of: Messages.request(), trace: 2)) == "00")
        #expect(host.code(Messages.request()) == "00")
        _ = host.onCommand(.reset)
        let second = Messages.request(trace: 3, reference: "000000000003")
        #expect(host.code(Messages.reversal(of: second, trace: 4)) == "00")
        #expect(host.code(second) == "12")
    }

    @Test("Status lists the faults and counts what is kept")
    func status() throws {
        var host = AcquirerInstance()
        let original = Messages.request()
        _ = host.answer(original)
        _ = host.answer(Messages.capture(10, trace: 2))
        _ = host.answer(Messages.request(card: Messages.declined, trace: 3))
        _ = host.onCommand(try ControlCommand("late reversal 5 count 2"))
        let reply = host.onCommand(.status).reply
        #expect(
            reply.text == """
                ok status
                tombstones on
                fault late reversal 5 count 2
                transactions declined 1
                transactions captured 1
                advices 1


                """)
    }
}

import ArgumentParser
import Environment
import Glibc
import Operations

struct LinksCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "links", abstract: "List the links to acquirers, and drain one.",
        discussion: """
            EXAMPLE:
              sunny links list --admin 127.0.0.1:8081
              sunny links drain acquirer --admin 127.0.0.1:8081
              sunny links undrain acquirer --admin 127.0.0.1:8081
            """,
        subcommands: [
            LinksListCommand.self, LinksDrainCommand.self, LinksUndrainCommand.self,
        ])
}

struct LinksListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Say how the links are, in every region.",
        discussion: """
            EXAMPLE:
              sunny links list --admin 127.0.0.1:8081
              sunny links list --config ./shop/eu-1/node.yaml --output json

            Exit code 69 when the node does not answer, 75 when nobody owns a region's links.
            """)

    @OptionGroup var node: AdminOption
    @OptionGroup var output: OutputOption

    func run() throws {
        let page = try node.links()
        switch output.format {
        case .json: Console.print(JSON.text(page))
        case .text: Console.print(LinksText.list(page))
        }
        if page.regions.contains(where: { $0.links == nil }) {
            throw ExitCode(ExitStatus.tryAgain.rawValue)
        }
    }
}

struct LinksDrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain", abstract: "Begin no payment on a link any more.",
        discussion: """
            EXAMPLE:
              sunny links drain acquirer --admin 127.0.0.1:8081
              sunny links drain acquirer --region eu --admin 127.0.0.1:8081

            New payments take the next link of their mode, or are told to come again when there is \
            none. What follows a payment that the link took before still goes there: captures, \
            refunds, reversals. Waits until no request is in flight; --no-wait returns at once.
            """)

    @Argument(help: "The link, as `sunny links list` names it.")
    var name: String

    @Option(help: "The region whose link it is. [default: all of them]")
    var region: String?

    @Flag(inversion: .prefixedNo, help: "Wait until no request is in flight.")
    var wait = true

    @OptionGroup var node: AdminOption
    @OptionGroup var output: OutputOption

    /// Between two looks: an answer takes some of these.
    private static let lookMicroseconds: UInt32 = 200_000

    func run() throws {
        try node.change(link: name, "drain", region)
        output.tellProgress("\(name) takes no new payments")
        while wait {
            let links = try node.links().regions.filter { region == nil || $0.region == region }
            let open = links.filter { region in
                region.links?.contains { $0.name == name && $0.standing == "draining" } ?? true
            }
            guard !open.isEmpty else { break }
            let isUndone = links.contains { region in
                region.links?.contains { $0.name == name && $0.standing == "open" } ?? false
            }
            guard !isUndone else {
                throw CommandFailure(
                    .tryAgain, "\(name) is not drained any more", remedy: "ask again")
            }
            usleep(Self.lookMicroseconds)
        }
        switch output.format {
        case .json:
            let standing = wait ? "drained" : "draining"
            Console.print(
                JSON.text(LinkReport(link: name, region: region, standing: standing)))
        case .text:
            if wait { Console.print("\(name) is drained: nothing is in flight") }
        }
    }
}

struct LinksUndrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "undrain", abstract: "Let a link take payments again.",
        discussion: """
            EXAMPLE:
              sunny links undrain acquirer --admin 127.0.0.1:8081
              sunny links undrain acquirer --region eu --admin 127.0.0.1:8081
            """)

    @Argument(help: "The link, as `sunny links list` names it.")
    var name: String

    @Option(help: "The region whose link it is. [default: all of them]")
    var region: String?

    @OptionGroup var node: AdminOption
    @OptionGroup var output: OutputOption

    func run() throws {
        try node.change(link: name, "undrain", region)
        output.tell(
            LinkReport(link: name, region: region, standing: "open"),
            "\(name) takes payments again")
    }
}

/// How a link is after a change.
private struct LinkReport: Encodable {
    let link: String
    /// Left out for all of them.
    let region: String?
    /// `open`, `draining` or `drained`.
    let standing: String
}

/// What operators read of links.
enum LinksText {
    static func list(_ page: LinksPage) -> String {
        var table = TextTable(
            "REGION", "LINK", "MODE", "OWNER", "SESSION", "IN FLIGHT", "BREAKER", "STANDING")
        for region in page.regions {
            let owner = region.owner ?? "nobody"
            guard let links = region.links else {
                table.add(region.region, "-", "-", owner, "unknown", "-", "-", "-")
                continue
            }
            for link in links {
                table.add(
                    region.region, link.name, link.mode, owner, link.session,
                    "\(link.inFlight)", link.breaker, link.standing)
            }
        }
        return table.text
    }
}

extension AdminOption {
    /// What the node says of the links.
    fileprivate func links() throws(CommandFailure) -> LinksPage {
        let address = try address()
        guard let answer = try? LocalHTTP.get("/admin/links", from: address) else {
            throw noAnswer(address)
        }
        guard answer.status == 200, let page = JSON.decode(LinksPage.self, answer.body) else {
            throw CommandFailure(
                .unavailable, "this is not the admin port of a node of this version",
                at: "\(address)", remedy: "use the sunny that runs the node")
        }
        return page
    }

    /// Asks the node for a change of a link, once it is known that there is one.
    fileprivate func change(
        link: String, _ what: String, _ region: String?
    ) throws(CommandFailure) {
        let page = try links()
        let names = page.regions.map(\.region)
        if let region, !names.contains(region) {
            throw CommandFailure(
                .usage, "no region \(region) has links",
                remedy: "the regions are \(names.joined(separator: ", "))")
        }
        let known = Set(page.regions.flatMap { $0.links ?? [] }.map(\.name)).sorted()
        guard known.isEmpty || known.contains(link) else {
            throw CommandFailure(
                .usage, "there is no link \(link)",
                remedy: "the links are \(known.joined(separator: ", "))")
        }
        let address = try address()
        let place = region.map { "&region=\($0)" } ?? ""
        let target = "/admin/links/\(what)?link=\(link)\(place)"
        guard let answer = try? LocalHTTP.post(target, to: address) else {
            throw noAnswer(address)
        }
        guard answer.status == 200 else {
            let text = String(decoding: answer.body, as: UTF8.self)
            throw CommandFailure(
                answer.status == 404 ? .usage : .tryAgain,
                text.hasSuffix("\n") ? String(text.dropLast()) : text, at: "\(address)",
                remedy: "sunny links list tells how the links are")
        }
    }
}

/// What a demo says when it is ready.
enum DemoText {
    static func text(_ demo: DemoFile, _ folder: DemoFolder, program: String) -> String {
        let node = demo.nodes[0]
        // Apart from the text, where it would read as an import of this file.
        let importLine = "import stripe"
        var table = TextTable("", "API", "OPERATOR")
        for node in demo.nodes { table.add(node.id, node.http, node.admin) }
        for acquirer in demo.acquirers {
            table.add(acquirer.id, acquirer.address, "control port \(acquirer.control)")
        }
        if let signer = demo.signer {
            table.add(signer.id, signer.address, signer.admin)
        }
        let processes = table.text.split(separator: "\n").map { "  \($0)" }
            .joined(separator: "\n")
        return """
            The demo is ready. It is for trying out with test cards: never for real cards or money.

            \(processes)

              secret key   \(demo.apiKey)
              pages        /metrics, /readyz, /livez, /admin/payments, /admin/cluster
              folder       \(folder.path), logs in \(folder.logs)

            Pay with curl, at any node:

              curl \(node.http)/v1/payment_intents -u \(demo.apiKey): \\
                -d amount=1099 -d currency=usd -d payment_method=pm_card_visa -d confirm=true

            Pay with Python (pip install stripe):

              \(importLine)
              stripe.api_key = "\(demo.apiKey)"
              stripe.api_base = "\(node.http)"
              payment = stripe.PaymentIntent.create(
                  amount=1099, currency="usd", payment_method="pm_card_visa", confirm=True)
              print(payment.id, payment.status)

            Look at the cluster:

              \(program) cluster status --config \(folder.configuration(of: node.id))

            Break it, and find that nothing was lost:

              \(program) demo control \(demo.acquirers[0].id) duplicate all --dir \(folder.path)
              \(program) demo kill \(node.id) --dir \(folder.path)
              \(program) demo restart \(node.id) --dir \(folder.path)
              \(program) reconcile --dir \(folder.path)

            """
    }
}

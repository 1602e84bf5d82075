import Telemetry
import Testing

@Suite struct MetricRegistryTests {
    @Test("counters rise, gauges are set, and both are told sorted, with help and type")
    func exposition() {
        let registry = MetricRegistry()
        let requests = registry.counter("b_requests_total", "Requests.", labels: "route", "status")
        let up = registry.gauge("a_up", "Whether it is up.")
        requests.add(2, "/v1/x", "2xx")
        requests.add(1, "/v1/a", "2xx")
        requests.add(3, "/v1/x", "2xx")
        up.set(1)
        up.set(0)
        #expect(
            registry.exposition() == """
                # HELP a_up Whether it is up.
                # TYPE a_up gauge
                a_up 0
                # HELP b_requests_total Requests.
                # TYPE b_requests_total counter
                b_requests_total{route="/v1/a",status="2xx"} 1
                b_requests_total{route="/v1/x",status="2xx"} 5

                """)
    }

    @Test("a histogram's buckets are cumulative, in seconds, and end in +Inf")
    func histogram() {
        let registry = MetricRegistry()
        let latency = registry.histogram("c_seconds", "Latency.")
        latency.observe(microseconds: 90)
        latency.observe(microseconds: 1000)
        latency.observe(microseconds: 60_000_000)
        let lines = registry.exposition().split(separator: "\n").map(String.init)
        #expect(lines.contains("c_seconds_bucket{le=\"0.000100\"} 1"))
        #expect(lines.contains("c_seconds_bucket{le=\"0.001000\"} 2"))
        #expect(lines.contains("c_seconds_bucket{le=\"25.000000\"} 2"))
        #expect(lines.contains("c_seconds_bucket{le=\"+Inf\"} 3"))
        #expect(lines.contains("c_seconds_sum 60.001090"))
        #expect(lines.contains("c_seconds_count 3"))
    }

    @Test("label values are escaped")
    func escaping() {
        let registry = MetricRegistry()
        registry.counter("d_total", "D.", labels: "x").add(1, "a\"b\\c\nd")
        #expect(registry.exposition().contains(#"d_total{x="a\"b\\c\nd"} 1"#))
    }

    @Test("a metric's series are bounded: what comes later is counted as other")
    func bounded() {
        let registry = MetricRegistry()
        let counter = registry.counter("e_total", "E.", labels: "x")
        for number in 0..<(MetricRegistry.seriesCountMax + 50) { counter.add(1, "\(number)") }
        #expect(registry.value("e_total", "other") == 50)
        #expect(registry.value("e_total", "0") == 1)
    }
}

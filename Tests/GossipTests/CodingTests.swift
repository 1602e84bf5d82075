import Gossip
import Primitives
import Testing

/// The wire form, and what is refused before it is looked at.
@Suite struct CodingTests {
    @Test("each kind of message comes back as it was", arguments: Sample.messages.indices)
    func roundTrip(index: Int) throws {
        let message = Sample.messages[index]
        #expect(try Message.decode(message.encoded, cluster: Sample.cluster) == message)
    }

    @Test("the bytes of version 1 stay as they are")
    func golden() {
        let message = Sample.message(
            from: 300, to: 2, .ping(sequence: 5),
            [
                Update(
                    claim: Sample.claim(9, .suspect(by: MemberID(4)), incarnation: 1 << 20)),
                Update(
                    claim: Sample.claim(300, .alive),
                    profile: Profile(
                        version: 11, name: "n", address: "a:1",
                        metadata: Metadata(
                            region: "r", zone: "z", protocolVersion: 2, buildVersion: "b",
                            load: 200,
                            breakers: BreakerDigest(
                                openCount: 1, halfOpenCount: 2, fingerprint: 0x0102_0304)))),
            ])
        let hex = message.encoded.map { byte in
            (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
        let expected = [
            // Magic, version, cluster; sender, recipient; ping 5; two updates.
            "534701", "a100000000000000", "ac02", "0102", "0105", "02",
            // Suspect, subject, incarnation, accuser.
            "01", "09", "808040", "04",
            // Alive with a profile, subject, incarnation, version, texts, load, breakers.
            "04", "ac02", "0a", "0b", "016e", "03613a31", "0172", "017a", "02", "0162", "c8",
            "0100", "0200", "04030201",
        ]
        #expect(hex.joined() == expected.joined())
    }

    private func refusal(_ bytes: [UInt8]) -> Refusal? {
        do throws(Refusal) {
            _ = try Message.decode(bytes, cluster: Sample.cluster)
            return nil
        } catch { return error }
    }

    @Test("a message that is not ours is refused with the reason")
    func refusals() {
        let ping = Sample.message(from: 2, .ping(sequence: 1), [Sample.update(2)])
        var otherMagic = ping.encoded
        otherMagic[0] = 0
        #expect(refusal(otherMagic) == .malformed(.invalid(what: "magic", offset: 0)))
        var otherVersion = ping.encoded
        otherVersion[2] = 2
        #expect(refusal(otherVersion) == .otherVersion)
        var otherCluster = ping.encoded
        otherCluster[3] ^= 1
        #expect(refusal(otherCluster) == .otherCluster)
        #expect(refusal([]) == .malformed(.truncated(offset: 0)))
        #expect(refusal([UInt8](repeating: 0, count: 17 << 10)) == .oversized)
    }

    @Test("numbers and lists beyond their bounds are refused")
    func bounds() {
        func sent(_ updates: [Update], _ body: Message.Body = .gossip) -> Refusal? {
            refusal(Sample.message(from: 2, body, updates).encoded)
        }
        let limit = GossipLimits.incarnationMax
        #expect(sent([Update(claim: Sample.claim(3, .dead, incarnation: limit))]) == nil)
        for absurd in [limit + 1, .max] {
            let update = Update(claim: Sample.claim(3, .dead, incarnation: absurd))
            #expect(sent([update]) == .incarnationOutOfRange)
        }
        let twice = Update(claim: Sample.claim(3, .dead))
        #expect(sent([twice, twice]) == .duplicateSubject)
        let crowd = (10..<400).map { Update(claim: Sample.claim($0, .dead, incarnation: 1 << 20)) }
        #expect(sent(crowd) == .oversized)
        #expect(sent([], .records(wanted: [MemberID(3), MemberID(3)])) == .listOutOfOrder)
        for text in ["", String(repeating: "n", count: 65), "line\nbreak", "n\u{e9}"] {
            let profile = Profile(
                version: 1, name: text, address: "a:1", metadata: Metadata(region: "r"))
            let update = Update(claim: Sample.claim(3, .alive), profile: profile)
            #expect(sent([update]) == .profileOutOfRange)
        }
    }

    @Test("a page of a digest rises, keeps to its range and to its length")
    func digestPages() {
        func sent(_ ids: [UInt64], _ range: ClosedRange<UInt64> = 1...1_000) -> Refusal? {
            let entries = ids.map {
                DigestEntry(
                    member: MemberID($0), incarnation: 1, rank: 0, profileVersion: 1)
            }
            let page = DigestPage(
                lower: MemberID(range.lowerBound), upper: MemberID(range.upperBound),
                entries: entries)
            return refusal(Sample.message(from: 2, .digest(page)).encoded)
        }
        #expect(sent([1, 2, 9]) == nil)
        #expect(sent([2, 1]) == .listOutOfOrder)
        #expect(sent([2, 2]) == .listOutOfOrder)
        #expect(sent([1, 2], 2...3) == .listOutOfOrder)
        #expect(sent([2, 4], 2...3) == .listOutOfOrder)
        #expect(sent(Array(1...512)) == nil)
        #expect(sent(Array(1...513)) == .oversized)
    }

    @Test("the largest profile and the largest pages fit")
    func largest() throws {
        let wide = String(repeating: "w", count: 32)
        let profile = Profile(
            version: GossipLimits.incarnationMax, name: String(repeating: "n", count: 64),
            address: String(repeating: "a", count: 128),
            metadata: Metadata(
                region: wide, zone: wide, protocolVersion: .max, buildVersion: wide, load: .max,
                breakers: BreakerDigest(
                    openCount: .max, halfOpenCount: .max, fingerprint: .max)))
        #expect(profile.isValid)
        let claim = Claim(
            subject: MemberID(.max), incarnation: GossipLimits.incarnationMax,
            standing: .suspect(by: MemberID(.max)))
        let ping = Message(
            cluster: Sample.cluster, sender: MemberID(.max), recipient: MemberID(.max - 1),
            body: .ping(sequence: .max), updates: [Update(claim: claim, profile: profile)])
        #expect(ping.encoded.count <= 400)
        let entries = (0..<UInt64(512)).map { offset in
            DigestEntry(
                member: MemberID(.max - 511 + offset), incarnation: GossipLimits.incarnationMax,
                rank: 3, profileVersion: GossipLimits.incarnationMax)
        }
        let page = DigestPage(lower: MemberID(0), upper: MemberID(.max), entries: entries)
        let digest = Message(
            cluster: Sample.cluster, sender: MemberID(.max), recipient: MemberID(.max - 1),
            body: .digest(page), updates: [Update(claim: claim, profile: profile)])
        #expect(digest.encoded.count <= GossipLimits.pageByteCountMax)
        #expect(try Message.decode(digest.encoded, cluster: Sample.cluster) == digest)
    }
}

import Glibc
import Testing

@testable import Access

struct PasswordHashTests {
    /// Hashes made by htpasswd(1), openssl-passwd(1) and crypt(3), not by Berth.
    @Test(arguments: [
        "$2y$05$dhl3xE5Z5ruAHmzlwdYHEu4CP71AF.vSy2hQZhSbwSFjKO8IRcSOu",
        "$6$abcdefgh$yVfUwsw5T.JApa8POvClA1pQ5peiq97DUNyXCZN5IrF.BMSkiaLQ5kvpuEm/VQ1Tvh/KV2TcaWh8qinoW5dhA1",
        "$5$abcdefgh$ZLdkj8mkc2XVSrPVjskDAgZPGjtj1VGVaa1aUkrMTU/",
        "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$tnSYvahCwPBHKZUspmcxMfb0.WiB9W.zEaKlOBL35rC",
    ])
    func `another program's hash is verified`(hash: String) throws {
        #expect(try #require(PasswordHash(hash)).verify(Array("password".utf8)))
        #expect(try !#require(PasswordHash(hash)).verify(Array("Password".utf8)))
    }

    @Test func `a hash made by Berth verifies its password and no other`() throws {
        let hash = try #require(PasswordHash.make(password: Array("s3cret".utf8)).flatMap { PasswordHash($0) })
        #expect(hash.verify(Array("s3cret".utf8)))
        #expect(!hash.verify(Array("s3cre".utf8)) && !hash.verify([]) && !hash.verify(Array("s3cret\0x".utf8)))
        #expect("\(hash)".contains("$2b$") == false)
    }

    @Test(arguments: ["", "plain", "$1$salt$hash", "{SHA}x", "$apr1$x$y"]) func `a weak or unknown format is no hash`(text: String)
    {
        #expect(PasswordHash(text) == nil)
    }

    private static let digest = String(repeating: "a", count: 43)

    /// None of these can match a password.
    @Test(arguments: [
        "$2y$05$dhl3xE5Z5ruAHmzlwdYHEu4CP71AF.vSy2hQZhSbwSFjKO8IRcSO", "$2b$04$x", "$2b$99$" + String(repeating: "a", count: 53),
        "$5$salt$" + digest + "a", "$5$salt$", "$y$j9T$salt$" + digest.dropLast(), "$6$salt$" + digest,
        "$5$s\u{0}lt$" + digest, "$5$sältsältsältsält$" + digest, "$5$s lt$" + digest, "$5$s;lt$" + digest, "$5$s*lt$" + digest,
        "$5$e" + String(repeating: "\u{301}", count: 300) + "$" + digest,
    ])
    func `a hash that is cut short, or has characters that crypt rejects, is no hash`(text: String) {
        #expect(PasswordHash(text) == nil)
    }

    /// Measured, as a ratio: rounds, costs and memory sizes are put in one order.
    @Test func `of two hashes, the more expensive one by its parameters takes longer`() throws {
        func seconds(_ text: String) throws -> Double {
            let hash = try #require(PasswordHash(text))
            return (0..<3).map { _ in
                var start = timespec(), end = timespec()
                clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start)
                _ = hash.verify(Array("password".utf8))
                clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end)
                return Double(end.tv_sec - start.tv_sec) + Double(end.tv_nsec - start.tv_nsec) / 1e9
            }.min() ?? 0
        }
        let ordered = try SampleHashes.all.map { (cost: try #require(PasswordHash($0)).cost, seconds: try seconds($0)) }.sorted {
            $0.cost < $1.cost
        }
        for (cheap, dear) in zip(ordered, ordered.dropFirst()) where dear.cost > 4 * cheap.cost {
            #expect(dear.seconds > cheap.seconds)
        }
        #expect(ordered.last?.cost == (try #require(PasswordHash(SampleHashes.all[2])).cost))
    }
}

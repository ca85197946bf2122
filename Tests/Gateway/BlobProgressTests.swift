import HTTP
import Testing

@testable import Gateway

struct BlobProgressTests {
    private func begun(_ lines: String...) throws -> BlobProgress {
        var progress = BlobProgress()
        progress.begin(try head(lines))
        return progress
    }

    @Test func `the remaining range shrinks as bytes are sent, and only a response with exactly that range continues it`() throws {
        let progress = try begun("HTTP/1.1 206 OK", "Content-Length: 50", "Content-Range: bytes 10-59/100")
        #expect(progress.remaining(after: 0) == 10..<60 && progress.remaining(after: 20) == 30..<60)
        func isContinued(_ status: String, _ fields: String...) throws -> Bool {
            progress.isContinued(by: try head(["HTTP/1.1 " + status] + fields), after: 20)
        }
        #expect(try isContinued("206 OK", "Content-Length: 30", "Content-Range: bytes 30-59/100"))
        #expect(try isContinued("206 OK", "Content-Length: 30", "Content-Range: bytes 30-59/*"), "the size may be unknown")
        #expect(try !isContinued("206 OK", "Content-Length: 30", "Content-Range: bytes 30-59/101"), "another blob's size")
        #expect(try !isContinued("206 OK", "Content-Length: 30", "Content-Range: bytes 29-58/100"), "other bytes")
        #expect(try !isContinued("206 OK", "Content-Length: 31", "Content-Range: bytes 30-59/100"), "another length")
        #expect(try !isContinued("200 OK", "Content-Length: 30", "Content-Range: bytes 30-59/100"), "the whole")
        #expect(try !isContinued("206 OK", "Content-Length: 30"), "no range")
    }

    @Test func `no range remains before the response starts, or at its end`() throws {
        let progress = try begun("HTTP/1.1 200 OK", "Content-Length: 50")
        #expect(progress.remaining(after: nil) == nil)
        #expect(progress.remaining(after: 50) == 50..<50 && progress.remaining(after: 60) == 50..<50)
    }

    @Test func `a response without a usable length cannot be resumed`() throws {
        for lines in [
            ["HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "Content-Encoding: gzip"], ["HTTP/1.1 206 OK", "Content-Length: 9"],
            ["HTTP/1.1 404 No", "Content-Length: 9"],
            ["HTTP/1.1 206 OK", "Content-Length: 9", "Content-Range: bytes 0-7/100"],
        ] {
            var progress = BlobProgress()
            progress.begin(try head(lines))
            #expect(progress.remaining(after: 1) == nil, "\(lines)")
        }
    }

    @Test func `a response without a length continues to whatever end the next one names`() throws {
        var progress = try begun("HTTP/1.1 200 OK", "Transfer-Encoding: chunked")
        progress.pass(20)
        #expect(progress.remaining(after: 45) == 20..<Int.max, "the chunks' framing does not count")
        func isContinued(_ range: String) throws -> Bool {
            progress.isContinued(
                by: try head("HTTP/1.1 206 OK", "Transfer-Encoding: chunked", "Content-Range: bytes \(range)"), after: 45)
        }
        #expect(try isContinued("20-99/100"))
        #expect(try !isContinued("20-98/100") && !isContinued("20-99/*") && !isContinued("21-99/100"), "other bytes, or not all")
        #expect(progress.isCompleted(by: try head("HTTP/1.1 416 No", "Content-Range: bytes */20"), after: 45))
        #expect(!progress.isCompleted(by: try head("HTTP/1.1 416 No", "Content-Range: bytes */10"), after: 45))
        progress.resume(try head("HTTP/1.1 206 OK", "Content-Length: 80", "Content-Range: bytes 20-99/100"))
        progress.pass(30)
        #expect(progress.remaining(after: 90) == 50..<100)
    }

    @Test func `a range without a length ends where it says`() throws {
        var progress = try begun("HTTP/1.1 206 OK", "Transfer-Encoding: chunked", "Content-Range: bytes 10-59/100")
        progress.pass(20)
        #expect(progress.remaining(after: 45) == 30..<60)
    }

    @Test func `an error response to the request for the rest leaves it as it was`() throws {
        var progress = try begun("HTTP/1.1 200 OK", "Content-Length: 50")
        progress.begin(try head("HTTP/1.1 500 Error", "Content-Length: 9"))
        #expect(progress.remaining(after: 20) == 20..<50)
    }
}

struct ContentRangeTests {
    @Test(
        arguments: [
            ("bytes 0-0/1", 0..<1, 1), ("bytes 5-9/*", 5..<10, nil), ("bytes 9-5/10", nil, nil), ("bytes */10", nil, nil),
            ("items 0-1/2", nil, nil), ("bytes 0-99999999999999999999/1", nil, nil),
        ] as [(String, Range<Int>?, Int?)])
    func `a content range is parsed`(text: String, offsets: Range<Int>?, size: Int?) {
        let range = ContentRange(bytes(text)[...])
        #expect(range?.offsets == offsets && range?.size == size)
    }

    @Test(
        arguments: [
            (["206 OK", "Content-Range: bytes 0-0/9", "Content-Length: 1"], 9),
            (["206 OK", "Content-Range: bytes 0-0/-5", "Content-Length: 1"], nil),
            (["206 OK", "Content-Range: bytes 0-0/*", "Content-Length: 1"], nil), (["206 OK", "Content-Length: 1"], nil),
            (["416 No", "Content-Range: bytes */0"], 0), (["416 No", "Content-Range: bytes */7"], nil),
            (["200 OK", "Content-Length: 12"], 12), (["200 OK", "Content-Length: 0"], 0),
            (["200 OK", "Transfer-Encoding: chunked"], nil), (["404 No", "Content-Length: 5"], nil),
        ] as [([String], Int?)])
    func `the response to the first byte's range has the blob's size`(lines: [String], size: Int?) throws {
        #expect(ContentRange.blobSize(try head(["HTTP/1.1 " + lines[0]] + lines.dropFirst())) == size)
    }

    @Test(arguments: [("gzip", true), ("identity", false), ("Identity", false), ("", false), ("br, gzip", true)])
    func `a response with a content coding does not have the blob's size`(coding: String, isEncoded: Bool) throws {
        let probed = try head(
            "HTTP/1.1 206 Partial Content", "Content-Range: bytes 0-0/9", "Content-Length: 1", "Content-Encoding: \(coding)")
        #expect(probed.isEncoded == isEncoded)
        #expect(ContentRange.blobSize(probed) == (isEncoded ? nil : 9))
    }
}

import HTTP
import Testing

@testable import Gateway

struct ContentSelectionTests {
    private static let tag = "\"sha256:ab\""

    private func selection(_ fields: String..., size: Int = 100) throws -> ContentSelection {
        let head = try requestHead(fields)
        return ContentSelection(ContentSelection.Wish(head), size: size, tag: Self.tag)
    }

    private func requestHead(_ fields: [String]) throws -> Head {
        var reader = HeadReader(limits: .init(bytes: 4096, fields: 20))
        reader.input.append(Array((["GET / HTTP/1.1", "Host: a"] + fields + ["", ""]).joined(separator: "\r\n").utf8))
        let head = Head()
        #expect(try reader.take(head, as: .request))
        return head
    }

    @Test func `one range is a part, cut at the end of the blob`() throws {
        #expect(try selection("Range: bytes=0-9") == .part(0..<10))
        #expect(try selection("Range: bytes=90-200") == .part(90..<100))
        #expect(try selection("Range: bytes=10-") == .part(10..<100))
        #expect(try selection("Range: bytes=-10") == .part(90..<100))
        #expect(try selection("Range: bytes=-1000") == .part(0..<100))
    }

    @Test func `a range outside of the blob cannot be satisfied`() throws {
        #expect(try selection("Range: bytes=100-") == .unsatisfiable && selection("Range: bytes=-0") == .unsatisfiable)
        #expect(try selection("Range: bytes=0-", size: 0) == .unsatisfiable)
    }

    @Test func `what is no single range of bytes gets the whole`() throws {
        for field in ["bytes=0-1,3-4", "bytes=9-2", "lines=0-1", "bytes=", "bytes=-", "bytes=a-b"] {
            #expect(try selection("Range: \(field)") == .whole)
        }
        #expect(try selection("Range: bytes=0-1", "Range: bytes=4-5") == .whole)
        #expect(try selection() == .whole)
    }

    @Test func `conditions compare with the entity tag, and come before the range`() throws {
        #expect(try selection("If-None-Match: \(Self.tag)") == .notModified && selection("If-None-Match: *") == .notModified)
        #expect(try selection("If-None-Match: \"x\", W/\(Self.tag)", "Range: bytes=0-1") == .notModified)
        #expect(try selection("If-None-Match: \"x\"") == .whole)
        #expect(try selection("If-Match: \"x\"") == .preconditionFailed && selection("If-Match: \(Self.tag)") == .whole)
        #expect(try selection("If-Match: W/\(Self.tag)") == .preconditionFailed)
        #expect(try selection("If-Modified-Since: Thu, 01 Jan 2026 00:00:00 GMT") == .whole)
    }

    @Test func `a range counts only if the blob is still the one that If-Range names`() throws {
        #expect(try selection("Range: bytes=0-1", "If-Range: \(Self.tag)") == .part(0..<2))
        #expect(try selection("Range: bytes=0-1", "If-Range: \"other\"") == .whole)
    }

    @Test func `a media type is taken by its name, by its group, or by no Accept at all`() throws {
        let type = "application/vnd.oci.image.manifest.v1+json"
        #expect(try Accepted(requestHead([])).takes(type) && Accepted(requestHead(["Accept: text/html, */*;q=0.1"])).takes(type))
        #expect(try Accepted(requestHead(["Accept: application/*"])).takes(type))
        #expect(try Accepted(requestHead(["Accept: text/html", "Accept: \(type); q=0.5"])).takes(type + "; charset=utf-8"))
        #expect(try !Accepted(requestHead(["Accept: text/html"])).takes(type))
        #expect(try !Accepted(requestHead(["Accept: \(type);q=0"])).takes(type))
        #expect(try !Accepted(requestHead(["Accept: application/json"])).takes(nil))
    }
}

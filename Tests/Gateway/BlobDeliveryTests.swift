import HTTP
import Testing

@testable import Gateway

struct BlobDeliveryTests {
    private func answer(_ status: String, _ fields: String...) throws -> Head {
        var reader = HeadReader(limits: HeadLimits())
        reader.input = Array("HTTP/1.1 \(status)\r\n\(fields.map { $0 + "\r\n" }.joined())\r\n".utf8)
        let head = Head()
        #expect(try reader.take(head, as: .response(toHead: false)))
        return head
    }

    @Test func `what is owed shrinks as bytes go out, and only they resume it`() throws {
        let delivery = BlobDelivery()
        delivery.promise(by: try answer("206 OK", "Content-Length: 50", "Content-Range: bytes 10-59/100"))
        delivery.deliver(20)
        #expect(delivery.owed == 30..<60)
        func resumes(_ status: String, _ range: String, _ length: Int = 30) throws -> Bool {
            delivery.isResumed(by: try answer(status, "Content-Length: \(length)", "Content-Range: \(range)"))
        }
        #expect(try resumes("206 OK", "bytes 30-59/100") && resumes("206 OK", "bytes 30-59/*"))
        #expect(try !resumes("206 OK", "bytes 30-59/101") && !resumes("206 OK", "bytes 29-58/100"))
        #expect(try !resumes("200 OK", "bytes 30-59/100") && !resumes("206 OK", "bytes 30-59/100", 31))
        #expect(try !delivery.isResumed(by: answer("206 OK", "Content-Length: 30")))
    }

    @Test func `breaks without progress between them come to an end`() throws {
        let delivery = BlobDelivery()
        delivery.promise(by: try answer("200 OK", "Content-Length: \(2 << 20)"))
        for _ in 0..<4 {
            #expect(delivery.pauseBeforeResuming(hasAnswered: true) != nil)
            delivery.deliver(1)
        }
        #expect(delivery.pauseBeforeResuming(hasAnswered: true) == nil)
        delivery.deliver(1 << 20)
        #expect(delivery.pauseBeforeResuming(hasAnswered: true) == .zero)
        delivery.deliver(1 << 20)
        #expect(delivery.pauseBeforeResuming(hasAnswered: true) == nil, "nothing is owed")
    }

    @Test func `what cannot be asked for again is not`() throws {
        for head in [
            try answer("200 OK", "Transfer-Encoding: chunked"), try answer("206 OK", "Content-Length: 9"),
            try answer("404 No", "Content-Length: 9"),
            try answer("206 OK", "Content-Length: 9", "Content-Range: bytes 0-7/100"),
        ] {
            let delivery = BlobDelivery()
            delivery.promise(by: head)
            #expect(delivery.owed == nil && delivery.pauseBeforeResuming(hasAnswered: true) == nil)
        }
    }

    @Test(
        arguments: [
            ("bytes 0-0/1", 0..<1, 1), ("bytes 5-9/*", 5..<10, nil), ("bytes 9-5/10", nil, nil), ("bytes */10", nil, nil),
            ("items 0-1/2", nil, nil),
            ("bytes 0-99999999999999999999/1", nil, nil),
        ] as [(String, Range<Int>?, Int?)])
    func `a content range is read as it is written`(text: String, offsets: Range<Int>?, size: Int?) {
        let range = ContentRange(Array(text.utf8)[...])
        #expect(range?.offsets == offsets && range?.size == size)
    }
}

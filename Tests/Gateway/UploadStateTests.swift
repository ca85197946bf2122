import Testing

@testable import Gateway

struct UploadStateTests {
    @Test(arguments: [
        ("0", 0, false), ("5242880", 5_242_880, false), ("7s", 7, true), ("999999999999999999", 999_999_999_999_999_999, false),
    ])
    func `a session's state is read as it was written`(text: String, offset: Int, endsShort: Bool) {
        let state = UploadState(offset: offset, endsShort: endsShort)
        #expect(UploadState(bytes(text)) == state)
        #expect(state.location(bytes("/u")) == bytes("/u?_berth=\(text)"))
        #expect(state.location(bytes("/u?_state=x")) == bytes("/u?_state=x&_berth=\(text)"))
    }

    @Test(arguments: ["", "s", "-1", "+1", "1x", "0x10", "1000000000000000000", "1ss"])
    func `an upload state that Berth did not write is ignored`(text: String) { #expect(UploadState(bytes(text)) == nil) }

    @Test func `the upload state counts the parts, and after a part below ECR's minimum only the end may follow`() {
        let first = UploadState.start.adding(UploadState.minPart)
        #expect(first == UploadState(offset: UploadState.minPart, endsShort: false))
        #expect(first.adding(1) == UploadState(offset: UploadState.minPart + 1, endsShort: true))
        #expect(first.adding(0) == first, "an empty part changes nothing")
    }

    @Test(arguments: [(0, "0-0"), (1, "0-0"), (1024, "0-1023")])
    func `the Range field has the bytes that the upstream has taken`(offset: Int, range: String) {
        #expect(UploadState(offset: offset, endsShort: false).range == bytes(range))
    }
}

struct ChunkRangeTests {
    @Test(arguments: [
        ("0-1023", 0..<1024), ("5-5", 5..<6), ("bytes 0-9/*", 0..<10), ("bytes=0-9", 0..<10), ("bytes 5-9/10", 5..<10),
        ("999999999999999998-999999999999999999", 999_999_999_999_999_998..<1_000_000_000_000_000_000),
    ])
    func `a chunk's range is parsed with and without a unit`(text: String, offsets: Range<Int>) {
        #expect(ChunkRange(bytes(text)[...])?.offsets == offsets)
    }

    @Test(arguments: [
        "", "-", "5", "5-", "-5", "9-5", "a-b", "0-9 ", " 0-9", "items 0-9/10", "0-9/", "0-1000000000000000000", "0-9,11-12",
    ])
    func `a malformed range of a chunk is rejected`(text: String) { #expect(ChunkRange(bytes(text)[...]) == nil) }
}

import Testing

@testable import HTTP

struct DateClockTests {
    @Test(arguments: [(784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"), (0, "Thu, 01 Jan 1970 00:00:00 GMT")])
    func `a time is formatted as RFC 9110 5.6.7 says`(second: Int, text: String) {
        #expect(String(decoding: DateClock.value(of: second), as: UTF8.self) == text)
    }

    @Test func `the clock returns a date in that format`() {
        var clock = DateClock()
        #expect(clock.now().count == 29 && clock.now().suffix(4).elementsEqual(" GMT".utf8))
    }
}

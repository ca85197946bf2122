import FoundationEssentials
import Testing

@testable import Gateway

struct JSONValueTests {
    @Test func `JSON of any kind is passed on as it was`() throws {
        let text =
            #"{"a":[1,-9007199254740993,1.5,true,false,null,"x/y",{}],"b":{"c":"ü\n","d":[[]]},"e":""}"#
        let value = try JSONDecoder().decode([String: JSONValue].self, from: Data(text.utf8))
        #expect(try String(decoding: ListPage.encoded(value), as: UTF8.self) == text)
        #expect(
            value["a"]
                == .array([
                    .integer(1), .integer(-9_007_199_254_740_993), .number(1.5), .flag(true), .flag(false), .null, .string("x/y"),
                    .object([:]),
                ]))
    }

    @Test func `nesting without end is no JSON`() {
        let text = "{\"a\":" + String(repeating: "[", count: 100_000)
        #expect(throws: DecodingError.self) { try JSONDecoder().decode([String: JSONValue].self, from: Data(text.utf8)) }
    }
}

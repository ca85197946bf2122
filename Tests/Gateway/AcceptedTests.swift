import Testing

@testable import Gateway

struct AcceptedTests {
    private static let manifest = "application/vnd.oci.image.manifest.v1+json"

    @Test(arguments: [
        ([], true), (["*/*"], true), (["application/*"], true), (["Application/*"], true), (["text/*"], false), (["*"], false),
        ([""], false),
        (["application/vnd.oci.image.manifest.v1+json"], true), (["application/vnd.oci.image.manifest.v1+json;q=0"], false),
        (["application/vnd.oci.image.manifest.v1+json; q=0.00 "], false),
        (["application/vnd.oci.image.manifest.v1+json; q=0.5"], true),
        (["text/plain, APPLICATION/vnd.oci.image.manifest.v1+JSON ;x=1, a/b"], true),
        (["application/vnd.oci.image.manifest.v1+jso"], false),
        (["application/vnd.oci.image.index.v1+json", "application/vnd.oci.image.manifest.v1+json"], true),
        (["applicatio/*"], false),
    ])
    func `a media type is taken if an item of Accept names it`(_ fields: [String], _ expected: Bool) throws {
        let head = try head(["GET / HTTP/1.1", "Host: a"] + fields.map { "Accept: \($0)" })
        #expect(Accepted(head).takes(Self.manifest) == expected)
        #expect(Accepted(head).takes(Self.manifest + "; charset=utf-8") == expected)
        #expect(!Accepted(head).takes(nil))
    }
}

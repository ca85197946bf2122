import Foundation
import Testing

@testable import Admin

struct PageTests {
    private static func text(_ file: PageFile) -> String { String(decoding: file.bytes, as: UTF8.self) }

    @Test func `the page loads nothing from elsewhere, and has no script or style inline`() {
        for file in PageFile.allCases {
            let text = Self.text(file).replacing("http://www.w3.org/2000/svg", with: "")
            #expect(!text.contains("http:") && !text.contains("https:") && !text.contains("@import"), "\(file)")
        }
        let html = Self.text(.html)
        #expect(html.matches(of: #/<script/#).count == 1 && !html.contains("<style") && !html.contains("javascript:"))
        #expect(html.firstMatch(of: #/\s(style|on[a-z]+)=/#) == nil)
    }

    /// Names of users and repositories come from clients.
    @Test func `the script never turns text into HTML or code`() {
        let script = Self.text(.js)
        for sink in [
            "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(", "srcdoc", "localStorage",
        ] {
            #expect(!script.contains(sink), "\(sink)")
        }
    }

    @Test func `each part of the state has its place in the script, and each id of the script is in the page`() {
        let script = Self.text(.js), html = Self.text(.html)
        for part in StatePart.allCases { #expect(script.contains("\n  \(part.rawValue)("), "\(part)") }
        for match in script.matches(of: #/\$\("([a-z-]+)"\)/#) { #expect(html.contains("id=\"\(match.1)\""), "\(match.1)") }
        #expect(script.split(separator: "\n", omittingEmptySubsequences: false).count < 700, "a few hundred lines")
    }

    @Test func `a page that has not changed is not sent again`() async throws {
        for file in [("/", PageFile.html), ("/page.js", .js), ("/page.css", .css), ("/icon.svg", .icon)] {
            let first = try await AdminHostTests.send("GET \(file.0)")
            let tag = try #require(first.firstMatch(of: #/\r\nETag: (\S+)\r\n/#)).1
            #expect(tag == file.1.tag && first.contains("Cache-Control: no-cache\r\n"))
            let again = try await AdminHostTests.send("GET \(file.0)", host: "127.0.0.1:5001\r\nIf-None-Match: \(tag)")
            #expect(again.hasPrefix("HTTP/1.1 304 ") && again.hasSuffix("\r\n\r\n"))
            let other = try await AdminHostTests.send("GET \(file.0)", host: "127.0.0.1:5001\r\nIf-None-Match: \"0\"")
            #expect(other.hasPrefix("HTTP/1.1 200 "))
        }
    }

    @Test(arguments: ["GET /", "GET /api/v1/status", "GET /nothing", "POST /api/v1/reload"])
    func `every response keeps browsers from running or embedding what is not Berth's`(request: String) async throws {
        let response = try await AdminHostTests.send(request)
        for field in [
            "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self';", "frame-ancestors 'none'",
            "require-trusted-types-for 'script'", "X-Content-Type-Options: nosniff", "Referrer-Policy: no-referrer",
        ] {
            #expect(response.contains(field), "\(field)")
        }
        #expect(!response.contains("unsafe-inline"))
    }
}

/// A file of the page for people. The build puts the files of `Page/` into the program.
enum PageFile: CaseIterable {
    case html, css, js, icon

    var bytes: [UInt8] {
        switch self {
        case .html: PackageResources.page_html
        case .css: PackageResources.page_css
        case .js: PackageResources.page_js
        case .icon: PackageResources.icon_svg
        }
    }

    var contentType: String {
        switch self {
        case .html: "text/html; charset=utf-8"
        case .css: "text/css; charset=utf-8"
        case .js: "text/javascript; charset=utf-8"
        case .icon: "image/svg+xml"
        }
    }

    /// Differs when the content does: FNV-1a of its bytes.
    var tag: String {
        let hash = bytes.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        return "\"\(String(hash, radix: 16))\""
    }
}

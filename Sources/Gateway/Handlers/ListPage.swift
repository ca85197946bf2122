import FoundationEssentials
import HTTP
import Registry

/// A page of a list as the specification has it: in order, `n` names after `last` (distribution spec, "Listing Tags"). Berth's cursors are
/// names, which no client can damage.
struct ListPage {
    let names: [String]
    /// The target of the next page; nil: this is the last one.
    private let next: String?

    /// - Parameters:
    ///   - all: in order.
    ///   - isBefore: the order.
    init(of all: [String], for request: RegistryRequest, publicURL: [UInt8], isBefore: (String, String) -> Bool) {
        let last = request.target.parameter("last").map { String(decoding: $0, as: UTF8.self) }
        let rest = last.map { last in all.drop { !isBefore(last, $0) } } ?? all[...]
        guard let count = request.count, count > 0, rest.count > count else {
            names = request.count == 0 ? [] : Array(rest)
            next = nil
            return
        }
        names = Array(rest.prefix(count))
        let address = String(decoding: publicURL + request.target.path, as: UTF8.self)
        // A namespace that is no host matches no route, on this page or the next.
        let namespace =
            request.namespace.map { String(decoding: $0, as: UTF8.self) }
            .flatMap { $0.contains(/^[A-Za-z0-9.:-]+$/) ? "&ns=\($0)" : nil } ?? ""
        next = names.last.map { "\(address)?n=\(count)&last=\($0)\(namespace)" }
    }

    /// Of the response.
    var fields: [(String, String)] {
        ErrorResponse.jsonFields + (next.map { [("Link", "<\($0)>; rel=\"next\"")] } ?? [])
    }

    static func encoded(_ list: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes, .sortedKeys]
        return Array(try encoder.encode(list))
    }
}

import FoundationEssentials

/// Whether a text is JSON to its end, for a body whose framing does not say where it ends.
struct WholeJSON: Decodable {
    init(from decoder: any Decoder) {}

    static func isWhole(_ text: [UInt8]) -> Bool { (try? JSONDecoder().decode(WholeJSON.self, from: Data(text))) != nil }
}

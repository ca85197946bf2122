import FoundationEssentials
import Transport

/// The code and message of an error response: from JSON's `__type` (ECR 3), or from the XML of STS and of some front ends (ECR 4.3).
struct ServiceProblem: Equatable {
    /// Without its namespace; `HTTP403` where the response names none.
    let code: String
    /// Empty where the response has none.
    let message: String

    init(_ response: HTTPClientResponse) {
        let text = String(decoding: response.body, as: UTF8.self)
        let json = try? JSONDecoder().decode(Body.self, from: Data(response.body))
        let type = json?.type ?? response["x-amzn-errortype"] ?? Self.element("Code", of: text)
        code = AWSError.printable(type.map(Self.code) ?? "HTTP\(response.status)")
        message = AWSError.printable(json?.message ?? Self.element("Message", of: text) ?? "")
    }

    /// `com.amazonaws.ecr#AccessDeniedException:http://…` → `AccessDeniedException`: cut at the first `:`, keep what follows `#`.
    static func code(_ type: String) -> String {
        let name = type.prefix { $0 != ":" }
        return String(name.split(separator: "#", omittingEmptySubsequences: false).last ?? name)
    }

    /// The text of the first element of this name. Elements that contain others are not supported, as AWS's error documents need none.
    static func element(_ name: String, of text: String) -> String? {
        guard let start = text.firstRange(of: "<\(name)>"), let end = text[start.upperBound...].firstRange(of: "</\(name)>") else {
            return nil
        }
        return String(text[start.upperBound..<end.lowerBound])
    }

    private struct Body: Decodable {
        var type: String?, message: String?
        enum Keys: String, CodingKey { case type = "__type", message, Message }

        init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: Keys.self)
            type = try? values.decode(String.self, forKey: .type)
            message = (try? values.decode(String.self, forKey: .message)) ?? (try? values.decode(String.self, forKey: .Message))
        }
    }
}

/// In the API's spelling.
struct RepositoryTag: Codable {
    var key: String, value: String
    enum CodingKeys: String, CodingKey { case key = "Key", value = "Value" }
}

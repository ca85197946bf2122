/// Any JSON, for text of which Berth understands a part and passes on the whole.
enum JSONValue: Codable, Equatable {
    case string(String), integer(Int64), object([String: JSONValue]), array([JSONValue]), number(Double), flag(Bool), null

    init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        // The frequent ones first: an attempt that fails costs microseconds.
        if let string = try? value.decode(String.self) {
            self = .string(string)
        } else if let integer = try? value.decode(Int64.self) {
            self = .integer(integer)
        } else if let object = try? value.decode([String: JSONValue].self) {
            self = .object(object)
        } else if let array = try? value.decode([JSONValue].self) {
            self = .array(array)
        } else if let number = try? value.decode(Double.self) {
            self = .number(number)
        } else if let flag = try? value.decode(Bool.self) {
            self = .flag(flag)
        } else {
            guard value.decodeNil() else { throw DecodingError.dataCorruptedError(in: value, debugDescription: "not JSON") }
            self = .null
        }
    }

    func encode(to encoder: any Encoder) throws {
        var value = encoder.singleValueContainer()
        switch self {
        case .string(let string): try value.encode(string)
        case .integer(let integer): try value.encode(integer)
        case .object(let object): try value.encode(object)
        case .array(let array): try value.encode(array)
        case .number(let number): try value.encode(number)
        case .flag(let flag): try value.encode(flag)
        case .null: try value.encodeNil()
        }
    }
}

import Glibc

enum ProcessEnvironment {
    /// The environment variables. Only `ServiceEnvironment.take` changes them, when no other thread reads them yet.
    static var variables: [String: String] {
        var variables: [String: String] = [:]
        var next = environ
        while let entry = next.pointee {
            // By bytes: as characters, an equals sign and a combining accent after it are one.
            if let sign = strchr(entry, Int32(UInt8(ascii: "="))) {
                let bytes = UnsafeRawBufferPointer(start: entry, count: entry.distance(to: sign))
                let name = String(decoding: bytes, as: UTF8.self)
                // The first of a name counts, as for getenv(3).
                if variables[name] == nil { variables[name] = String(cString: sign + 1) }
            }
            next += 1
        }
        return variables
    }
}

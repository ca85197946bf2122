import Glibc

enum ProcessEnvironment {
    /// The environment variables. Only `ServiceEnvironment.take` changes them, when no other thread reads them yet.
    static var variables: [String: String] {
        var variables: [String: String] = [:]
        var next = environ
        while let entry = next.pointee {
            let parts = String(cString: entry).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(
                String.init)
            // The first of a name counts, as for getenv(3).
            if parts.count == 2, variables[parts[0]] == nil { variables[parts[0]] = parts[1] }
            next += 1
        }
        return variables
    }
}

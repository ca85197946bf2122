import HTTP

/// A response of an upstream whose head has come, with the connection that it comes on.
struct UpstreamResponse: ~Copyable {
    let lease: Lease
    /// The body, where it had to be read to know what the response means; nil: it is still on the connection.
    let body: [UInt8]?

    var head: Head { lease.connection.head }
    var status: Int { head.status }
    /// nil: the status is no reason to send the request again.
    var fault: AttemptFault? {
        status >= 429 ? AttemptFault(status: status, retryAfter: lease.connection.retryAfter) : nil
    }
}

/// A response of an upstream to a request of Berth's own, whole.
struct WholeResponse {
    let status: Int
    /// Empty where it is not readable.
    let body: [UInt8]
    /// It came without a content coding.
    let isReadable: Bool
    let link: [UInt8]?
    let location: [UInt8]?
    /// `Docker-Content-Digest`.
    let digest: [UInt8]?
    /// It has `OCI-Filters-Applied`.
    let isFiltered: Bool

    init(_ head: Head, body: [UInt8]) {
        status = head.status
        // No coding was asked for, and none is decoded here.
        isReadable = !head.isEncoded || body.isEmpty
        self.body = isReadable ? body : []
        (link, location) = (head.value(of: .link).map(Array.init), head.value(of: .location).map(Array.init))
        digest = head.value(of: .dockerContentDigest).map(Array.init)
        isFiltered = head.string("oci-filters-applied") != nil
    }
}

package import FoundationEssentials

/// Something that failed a moment ago, and how to mend it. Contains no secret.
package struct ErrorStatus: Sendable, Encodable {
    /// When it last happened.
    package var time: Date
    /// When it first happened, and how often since.
    package var firstTime: Date, count = 1
    /// `error`, or `warning` where it does no harm yet.
    package var level = "error"
    /// What failed.
    package var message: String
    /// Berth rejected a request or a connection by itself: as a rule the client's mistake.
    package var rejection = false
    /// How to mend it; nil: Berth does not know.
    package var fix: String?
    /// Of the request that failed last; nil: it was no request.
    package var requestID: String?, operation: String?, repository: String?, user: String?, client: String?
    /// The upstream that it happened with.
    package var upstream: String?
    /// Of the response.
    package var status: Int?
    /// How the exchange ended, and why, as in the log.
    package var end: String?, reason: String?

    enum CodingKeys: String, CodingKey {
        case time, count, level, message, rejection, fix, operation, repository, user, client, upstream, status, end, reason
        case firstTime = "first_time"
        case requestID = "request_id"
    }

    /// Without details; these are set afterwards.
    package init(time: Date, message: String) { (self.time, firstTime, self.message) = (time, time, message) }
}

/// The body of `/api/v1/errors`, the latest first.
struct LatestErrors: Encodable { let errors: [ErrorStatus] }

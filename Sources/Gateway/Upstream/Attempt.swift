/// What one attempt to send a request to an upstream came to. No function with a typed throw returns it: Swift 6.3 would copy it there, which traps.
enum Attempt: ~Copyable {
    /// It does not reject the token.
    case response(UpstreamResponse)
    case tokenRejected(generation: Int, TokenRejection.Reason)
    /// The request is to be sent again.
    case again(after: Duration)
    /// On the upstream's side.
    case failed(AttemptFault, ConnectionFailure)
}

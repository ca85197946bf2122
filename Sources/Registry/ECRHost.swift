public struct ECRHost: Sendable { public let host: String, account: String?, region: String, apiHost: String }

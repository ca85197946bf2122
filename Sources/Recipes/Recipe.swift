/// How to point one client or platform at the gateway.
protocol Recipe {
    /// For the command line.
    static var name: String { get }
    /// One line for the list.
    static var summary: String { get }
    /// What the client does.
    static var purpose: Purpose { get }

    /// Writes the steps.
    static func write(_ page: inout Page, for berth: Installation)
}

/// What a person gave in place of what the configuration says.
package struct RecipeRequest: Sendable {
    /// `host`, `host:port` or a URL; nil: found from the listeners.
    package var address: String?
    /// A user of the configuration; nil: the first that may do what the recipe is for.
    package var user: String?
    /// `name` or `name:tag`, as clients write it; nil: one that the user's rules allow.
    package var repository: String?
    /// The path of the PEM file of the authority that clients must trust; nil: found from the certificate.
    package var authority: String?
    /// This machine's name, for a listener at every address.
    package var machine: String

    package init(
        address: String? = nil, user: String? = nil, repository: String? = nil, authority: String? = nil, machine: String
    ) {
        (self.address, self.user, self.repository, self.authority, self.machine) = (address, user, repository, authority, machine)
    }
}

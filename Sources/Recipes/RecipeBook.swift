package import Configuration

/// All recipes.
package enum RecipeBook {
    private static var recipes: [any Recipe.Type] {
        [
            DockerRecipe.self, DockerMirrorRecipe.self, ContainerdRecipe.self, PodmanRecipe.self, BuildKitRecipe.self,
            KubernetesRecipe.self,
            K3sRecipe.self, RKE2Recipe.self, RancherRecipe.self, JenkinsRecipe.self, BambooRecipe.self, GitLabRecipe.self,
            ArgoCDRecipe.self, FluxRecipe.self, PortainerRecipe.self, ComposeRecipe.self, HelmRecipe.self,
        ]
    }

    /// The names, with a line about each.
    package static var list: [(name: String, summary: String)] { recipes.map { ($0.name, $0.summary) } }

    /// A recipe, filled in.
    /// - Returns: its text, and whether the configuration supports it. If not, the text says what to add.
    /// - Throws: when the name is unknown, or what the person gave does not fit the configuration.
    package static func page(_ name: String, for settings: Settings, _ request: RecipeRequest) throws(RecipeError) -> (
        text: String, isSupported: Bool
    ) {
        guard let recipe = recipes.first(where: { $0.name == name }) else {
            throw RecipeError("there is no recipe '\(name)'; \(suggestion(for: name, among: recipes.map { $0.name }))")
        }
        let berth = try Installation(settings, request, for: recipe.purpose)
        var page = Page(title: recipe.name, summary: recipe.summary)
        berth.summarise(on: &page)
        recipe.write(&page, for: berth)
        return (page.text, page.isSupported)
    }
}

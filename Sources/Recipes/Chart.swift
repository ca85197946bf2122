/// The example image's repository, as a Helm chart is named: Helm takes the last part of a repository's name for the chart's.
struct Chart {
    /// `app`.
    let name: String
    /// `registry.example.com/team`.
    let parent: String

    init(_ berth: Installation) {
        let parts = berth.repository.split(separator: "/").map(String.init)
        (name, parent) = (parts.last ?? "", parts.dropLast().joined(separator: "/"))
    }
}

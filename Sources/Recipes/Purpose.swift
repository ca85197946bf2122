/// What the clients of a recipe do: it decides what a recipe cannot do without.
enum Purpose {
    /// They pull images by the gateway's own names, and perhaps push.
    case images(pushed: Bool)
    /// They do that, or pull from mirrors, or both.
    case imagesOrMirrors(pushed: Bool)
    /// They pull from mirrors, without a login.
    case mirrors

    /// Whether a user who may push is preferred.
    var pushes: Bool {
        switch self {
        case .images(let pushed), .imagesOrMirrors(let pushed): pushed
        case .mirrors: false
        }
    }

    /// Whether the recipe is of use without an image of the gateway's own.
    var needsNoImage: Bool {
        if case .images = self { false } else { true }
    }

    /// Whether the recipe has to do with users.
    var hasLogin: Bool {
        if case .mirrors = self { false } else { true }
    }
}

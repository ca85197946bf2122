/// Why no recipe can be printed, and what to give instead.
package struct RecipeError: Error, CustomStringConvertible {
    package let description: String
    init(_ description: String) { self.description = description }
}

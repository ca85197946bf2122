/// A page of a list.
struct Page<Element> {
    var elements: ArraySlice<Element>
    /// The key of the last element; nil on the last page.
    var next: String?

    /// - Parameters:
    ///   - all: in an order that does not change when elements are added.
    ///   - last: the key of the last element of the page before; nil for the first page.
    init(of all: [Element], key: (Element) -> String, after last: String?, limit: Int) {
        let start = last.map { last in (all.firstIndex { key($0) == last } ?? all.count - 1) + 1 } ?? 0
        elements = all[min(start, all.count)...].prefix(limit)
        next = elements.endIndex < all.count ? elements.last.map(key) : nil
    }
}

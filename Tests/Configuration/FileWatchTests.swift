import Foundation
import Testing

@testable import Configuration

/// When files that the configuration names are read again. Rounds are steps of a table: no time passes.
struct FileWatchTests {
    private let folder: Folder
    private let start = ContinuousClock.now

    init() throws { folder = try Folder(["a": "1", "b": "1"]) }

    private func write(_ text: String, _ name: String, atomically: Bool = true) throws {
        try text.write(toFile: folder[name], atomically: atomically, encoding: .utf8)
    }

    /// A watch of a and b whose first round has passed, as if both had been written long ago.
    private func settledWatch() -> FileWatch {
        var watch = FileWatch([NamedFile(folder["a"]), NamedFile(folder["b"])])
        _ = round(&watch)
        // Just written files are read once more.
        #expect(round(&watch) == [.changed])
        #expect(round(&watch) == [])
        return watch
    }

    private func round(_ watch: inout FileWatch, after seconds: Int = 0) -> [FileWatch.Event] {
        let found = Dictionary(uniqueKeysWithValues: watch.paths.map { ($0, FileFingerprint(of: $0)) })
        return watch.look(found, now: start + .seconds(seconds))
    }

    @Test func `a file renamed over another counts when it has stayed for a round`() throws {
        var watch = settledWatch()
        try write("2", "a")
        #expect(round(&watch) == [])
        #expect(round(&watch) == [.changed])
        #expect(round(&watch) == [])
    }

    @Test func `a file written in place counts when it is no longer written`() throws {
        var watch = settledWatch()
        for text in ["2", "23", "234"] {
            try write(text, "a", atomically: false)
            #expect(round(&watch) == [])
        }
        #expect(round(&watch) == [.changed])
    }

    @Test func `a symbolic link that leads elsewhere counts, also one in the middle of the path`() throws {
        let files = FileManager.default
        for (name, target) in [("v1", "1"), ("v2", "2")] {
            try files.createDirectory(atPath: folder[name], withIntermediateDirectories: true)
            try write(target, "\(name)/tls.crt")
        }
        try files.createSymbolicLink(atPath: folder["..data"], withDestinationPath: "v1")
        try files.createSymbolicLink(atPath: folder["tls.crt"], withDestinationPath: "..data/tls.crt")
        var watch = FileWatch([NamedFile(folder["tls.crt"])])
        for expected in [[], [.changed], []] as [[FileWatch.Event]] { #expect(round(&watch) == expected) }
        try files.createSymbolicLink(atPath: folder["..data_tmp"], withDestinationPath: "v2")
        #expect(rename(folder["..data_tmp"], folder["..data"]) == 0)
        #expect(round(&watch) == [])
        #expect(round(&watch) == [.changed])
    }

    @Test func `a file that is gone is reported once, nothing is read without it, and once more when it is back`() throws {
        var watch = settledWatch()
        try FileManager.default.removeItem(atPath: folder["a"])
        try write("2", "b")
        #expect(round(&watch) == [], "it may be replaced this moment")
        #expect(round(&watch) == [.gone(folder["a"])])
        #expect(round(&watch) == [])
        try write("2", "a")
        #expect(round(&watch) == [.back(folder["a"])])
        #expect(round(&watch) == [.changed])
    }

    @Test func `files that cannot be used are reported when that lasts, once for each problem`() throws {
        var watch = settledWatch()
        try write("2", "a")
        _ = round(&watch)
        #expect(round(&watch) == [.changed])
        watch.failed(["a does not match b"], now: start)
        #expect(round(&watch, after: 9) == [] && !watch.isFailing)
        #expect(round(&watch, after: 10) == [.failing(["a does not match b"])] && watch.isFailing)
        #expect(round(&watch, after: 60) == [])
        try write("3", "a")
        _ = round(&watch, after: 61)
        #expect(round(&watch, after: 62) == [.changed])
        watch.failed(["a does not match b"], now: start + .seconds(62))
        #expect(round(&watch, after: 80) == [], "known already")
        try write("4", "a")
        _ = round(&watch, after: 81)
        #expect(round(&watch, after: 82) == [.changed])
        watch.failed(["a is empty"], now: start + .seconds(82))
        #expect(round(&watch, after: 83) == [.failing(["a is empty"])])
    }

    @Test func `a pair whose second file comes later is read again then`() throws {
        var watch = settledWatch()
        try write("2", "a")
        _ = round(&watch)
        #expect(round(&watch) == [.changed])
        watch.failed(["a does not match b"], now: start)
        try write("2", "b")
        #expect(round(&watch, after: 5) == [])
        #expect(round(&watch, after: 6) == [.changed])
    }

    @Test func `a file that was written in the moment it was read is read once more`() throws {
        try write("2", "a")
        var watch = FileWatch([NamedFile(folder["a"])])
        #expect(round(&watch) == [])
        #expect(round(&watch) == [.changed])
        #expect(round(&watch) == [])
    }
}

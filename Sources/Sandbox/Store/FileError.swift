import Glibc

/// A system call on a file failed.
struct FileError: Error, CustomStringConvertible {
    let call: StaticString, path: String, code: Int32
    init(_ call: StaticString, _ path: String) { (self.call, self.path, code) = (call, path, errno) }
    var description: String { "\(call): \(path): \(String(cString: strerror(code)))" }
}

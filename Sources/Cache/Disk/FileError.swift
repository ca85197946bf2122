import Glibc
import Transport

/// A call to the file system that failed.
struct FileError: Error, Sendable, Equatable {
    /// `openat`, `pwrite`.
    let call: String
    /// The file's name in its directory, or the path of the directory; empty: it is not known to the call.
    let name: String
    /// The system's code.
    let code: Int32

    init(_ call: String, _ name: String = "", code: Int32 = errno) { (self.call, self.name, self.code) = (call, name, code) }

    /// There is nothing of this name.
    var isMissing: Bool { code == ENOENT }
    /// This process or the machine has too little of something else than the disk, for a moment.
    var isShortage: Bool { [EMFILE, ENFILE, ENOMEM].contains(code) }
    /// There is no directory of this name, but something else, or a symbolic link.
    var isNoDirectory: Bool { [ENOENT, ENOTDIR, ELOOP].contains(code) }
    /// In use: it cannot be removed now.
    var isBusy: Bool { code == EBUSY }
    /// Something else than a file is in its place. The disk does not fail because of that.
    var isOfOneFile: Bool { [EISDIR, ENOTEMPTY, EEXIST, ELOOP, ENXIO].contains(code) }
    /// One file is gone, cannot be read, or is something else. If the whole disk fails, the next write tells.
    var isOfOneReading: Bool { isOfOneFile || [ENOENT, EIO, EACCES, EPERM, ESTALE].contains(code) }
    /// There is no room, of which the figures of the file system may tell nothing: a quota, or too many files.
    var isFull: Bool { [ENOSPC, EDQUOT].contains(code) }
    /// A write failed because of something that lets what is there be read.
    var leavesReading: Bool { isFull || isShortage || [EROFS, EACCES, EPERM].contains(code) }

    /// What failed and how to fix it: `pwrite: No space left on device: …`.
    var reason: String {
        let what = "\(call)\(name.isEmpty ? "" : " \(name)"): \(describe(errno: code))"
        switch code {
        case ENOSPC, EDQUOT: return what + "; free space on its file system"
        case EACCES, EPERM: return what + "; the directory and all in it must belong to the user that Berth runs as"
        case EROFS: return what + "; its file system must be writable"
        case ENOENT: return what + "; the directory is made anew if its parent exists"
        case EMFILE, ENFILE: return what + "; raise the limit of open files"
        default: return what
        }
    }
}

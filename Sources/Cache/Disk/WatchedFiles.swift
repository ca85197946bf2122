/// Calls that are noted while they last.
struct WatchedFiles: FileCalls {
    let files: any FileCalls
    let watch: DiskWatch

    func openRoot(_ path: String) throws(FileError) -> Int32 {
        try watch.note("open") { () throws(FileError) in try files.openRoot(path) }
    }
    func openDirectory(_ name: String, in directory: Int32) throws(FileError) -> Int32 {
        try watch.note("openat") { () throws(FileError) in try files.openDirectory(name, in: directory) }
    }
    func makeDirectory(_ name: String, in directory: Int32) throws(FileError) {
        try watch.note("mkdirat") { () throws(FileError) in try files.makeDirectory(name, in: directory) }
    }
    func names(in directory: Int32) throws(FileError) -> [String] {
        try watch.note("readdir") { () throws(FileError) in try files.names(in: directory) }
    }
    func status(of name: String, in directory: Int32) throws(FileError) -> FileStatus {
        try watch.note("fstatat") { () throws(FileError) in try files.status(of: name, in: directory) }
    }
    func open(_ name: String, in directory: Int32) throws(FileError) -> Int32 {
        try watch.note("openat") { () throws(FileError) in try files.open(name, in: directory) }
    }
    func create(_ name: String, in directory: Int32, isNew: Bool) throws(FileError) -> Int32 {
        try watch.note("openat") { () throws(FileError) in try files.create(name, in: directory, isNew: isNew) }
    }
    func status(of descriptor: Int32) throws(FileError) -> FileStatus {
        try watch.note("fstat") { () throws(FileError) in try files.status(of: descriptor) }
    }
    func read(_ descriptor: Int32, into memory: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileError) -> Int {
        try watch.note("pread") { () throws(FileError) in try files.read(descriptor, into: memory, at: offset) }
    }
    func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32, at offset: Int) throws(FileError) {
        try watch.note("pwrite") { () throws(FileError) in try files.write(bytes, to: descriptor, at: offset) }
    }
    func rename(_ name: String, in directory: Int32, to newName: String, in newDirectory: Int32) throws(FileError) {
        try watch.note("renameat") { () throws(FileError) in
            try files.rename(name, in: directory, to: newName, in: newDirectory)
        }
    }
    func remove(_ name: String, in directory: Int32) throws(FileError) {
        try watch.note("unlinkat") { () throws(FileError) in try files.remove(name, in: directory) }
    }
    func touch(_ name: String, in directory: Int32) throws(FileError) {
        try watch.note("utimensat") { () throws(FileError) in try files.touch(name, in: directory) }
    }
    func sync(_ descriptor: Int32) throws(FileError) {
        try watch.note("fsync") { () throws(FileError) in try files.sync(descriptor) }
    }
    func lock(_ descriptor: Int32) throws(FileError) -> Bool {
        try watch.note("flock") { () throws(FileError) in try files.lock(descriptor) }
    }
    func space(of descriptor: Int32) throws(FileError) -> FileSystemSpace {
        try watch.note("fstatvfs") { () throws(FileError) in try files.space(of: descriptor) }
    }
    func close(_ descriptor: Int32) { watch.note("close") { files.close(descriptor) } }
}

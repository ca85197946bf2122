import Glibc

/// Prints a line and flushes it, also when standard output is a pipe.
func show(_ line: String = "") {
    print(line)
    fflush(nil)
}

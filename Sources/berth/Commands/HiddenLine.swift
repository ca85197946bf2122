import Glibc

/// Reads a line from the terminal without showing it.
enum HiddenLine {
    /// What signal handlers restore. They can have no context of their own. Written before they are installed, and not afterwards.
    nonisolated(unsafe) private static var before = termios()
    /// What ends the process at the prompt.
    private static let endings = [SIGINT, SIGTERM, SIGHUP, SIGQUIT]

    /// nil: the input ended.
    static func read(_ prompt: String) -> String? {
        tcgetattr(STDIN_FILENO, &before)
        var hidden = before
        hidden.c_lflag &= ~tcflag_t(ECHO)
        // A process that is ended here must not leave a terminal that shows nothing.
        for number in endings {
            signal(number) { number in
                tcsetattr(STDIN_FILENO, TCSANOW, &HiddenLine.before)
                _exit(128 + number)
            }
        }
        signal(SIGTSTP, SIG_IGN)
        // Before the prompt: what is typed when it appears must not be shown or lost.
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden)
        writeToStandardError(prompt)
        defer {
            tcsetattr(STDIN_FILENO, TCSAFLUSH, &before)
            for number in endings + [SIGTSTP] { signal(number, SIG_DFL) }
            writeToStandardError("\n")
        }
        return readLine(strippingNewline: true)
    }
}

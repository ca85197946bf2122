import Configuration
import Logging
import Telemetry

/// The log of the process: one sink for events and access lines.
struct ProcessLog {
    let sink: LogSink
    /// Warnings and errors of late, of events and of exchanges.
    let errors: RecentErrors
    private(set) var logger: Logger

    init(_ settings: Settings.Log) {
        self.init(level: settings.level, format: settings.format?.onStandardError ?? .automatic)
    }

    /// For somebody who watches: a short line for each request, and events that are warnings.
    static func ofRequests() -> ProcessLog {
        var log = ProcessLog(level: .info, format: .onTerminal(otherwise: .terminal))
        log.logger.logLevel = .warning
        return log
    }

    init(level: Logger.Level, format: LogFormat = .automatic) {
        let sink = LogSink(format: format, level: level), errors = RecentErrors()
        (self.sink, self.errors) = (sink, errors)
        LoggingSystem.bootstrap { _ in StructuredLogHandler(sink: sink, errors: errors) }
        logger = Logger(label: "berth")
    }

    /// What a reload changes. A level that was set while running stays until the configuration's own one changes.
    func change(from old: Settings.Log, to new: Settings.Log) {
        if new.level != old.level { sink.level = new.level }
        if new.format != old.format { sink.format = new.format?.onStandardError ?? .automatic }
    }
}

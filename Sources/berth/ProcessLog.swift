import Configuration
import Gateway
import Logging
import Telemetry

/// The process's log: one sink for events and access lines.
struct ProcessLog {
    let sink: LogSink
    let logger: Logger
    let access: AccessLogSettings

    init(_ settings: Settings.Log) {
        self.init(
            level: Logger.Level(rawValue: settings.level.rawValue) ?? .info,
            format: settings.format.flatMap { LogFormat(rawValue: $0.rawValue) } ?? .automatic)
    }

    init(level: Logger.Level, format: LogFormat = .automatic) {
        let sink = LogSink(format: format)
        self.sink = sink
        LoggingSystem.bootstrap { _ in StructuredLogHandler(sink: sink, format: format, level: level) }
        logger = Logger(label: "berth")
        access = AccessLogSettings(sink: sink, format: format, isOn: level <= .info)
    }
}

import Configuration
import Gateway
import Logging
import Telemetry

/// The log of the process: one sink for events and access lines.
struct ProcessLog {
    let sink: LogSink
    let logger: Logger
    let access: AccessLogSettings

    init(_ settings: Settings.Log) {
        self.init(level: settings.level, format: settings.format ?? .automatic)
    }

    init(level: Logger.Level, format: LogFormat = .automatic) {
        let sink = LogSink(format: format)
        self.sink = sink
        LoggingSystem.bootstrap { _ in StructuredLogHandler(sink: sink, format: format, level: level) }
        logger = Logger(label: "berth")
        access = AccessLogSettings(sink: sink, format: format, isOn: level <= .info)
    }
}

package import Logging

/// Writes swift-log's events as lines of a `LogSink`.
package struct StructuredLogHandler: LogHandler {
    private let sink: LogSink
    private let format: LogFormat
    /// Events below it are not logged.
    package var logLevel: Logger.Level
    /// Fields of every event of this logger.
    package var metadata: Logger.Metadata = [:]

    /// - Parameters:
    ///   - sink: where the lines go.
    ///   - level: events below it are not logged.
    package init(sink: LogSink, format: LogFormat, level: Logger.Level) {
        (self.sink, self.format, logLevel) = (sink, format, level)
    }

    /// A field of every event of this logger.
    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Writes one line: the message, then the metadata by name. The event's own metadata replace the logger's.
    package func log(event: LogEvent) {
        var clock = LogClock()
        var line = LogLine(format, level: Self.name(of: event.level), message: event.message.description.utf8, clock: &clock)
        let all = metadata.merging(event.metadata ?? [:]) { _, new in new }
        for (key, value) in all.sorted(by: { $0.key < $1.key }) { Self.add(value, named: key, to: &line) }
        sink.append(line.finished())
    }

    /// `.stringConvertible(3)` and `.stringConvertible(false)` keep their type. An interpolation, `"\(3)"`, is text.
    private static func add(_ value: Logger.Metadata.Value, named name: String, to line: inout LogLine) {
        switch value {
        case .stringConvertible(let flag as Bool): line.field(named: name, flag)
        case .stringConvertible(let number as any BinaryInteger): line.field(named: name, number: "\(number)".utf8)
        case .stringConvertible(let number as Double) where number.isFinite: line.field(named: name, number: "\(number)".utf8)
        default: line.field(named: name, "\(value)".utf8)
        }
    }

    private static func name(of level: Logger.Level) -> StaticString {
        switch level {
        case .trace: "trace"
        case .debug: "debug"
        case .info: "info"
        case .notice: "notice"
        case .warning: "warning"
        case .error: "error"
        case .critical: "critical"
        }
    }
}

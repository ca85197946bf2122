package import Logging

/// Writes swift-log's events as lines of a `LogSink`, and keeps warnings and errors for the admin listener.
package struct StructuredLogHandler: LogHandler {
    private let sink: LogSink
    private let errors: RecentErrors?
    /// This logger's own level; nil: the sink's.
    private var ownLevel: Logger.Level?
    /// Events below it are not logged.
    package var logLevel: Logger.Level {
        get { ownLevel ?? sink.level }
        set { ownLevel = newValue }
    }
    /// Fields of every event of this logger.
    package var metadata: Logger.Metadata = [:]

    /// - Parameters:
    ///   - sink: where the lines go, which also says from which level on and how.
    ///   - errors: gets warnings and errors; nil: nobody looks at them.
    package init(sink: LogSink, errors: RecentErrors? = nil) { (self.sink, self.errors) = (sink, errors) }

    /// A field of every event of this logger.
    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Writes one line: the message, then the metadata by name. The event's own metadata replace the logger's.
    package func log(event: LogEvent) {
        var clock = LogClock()
        var line = LogLine()
        line.begin(sink.format, level: Self.name(of: event.level), text: event.message.description, clock: &clock)
        let all = metadata.merging(event.metadata ?? [:]) { _, new in new }
        for (key, value) in all.sorted(by: { $0.key < $1.key }) { Self.add(value, named: key, to: &line) }
        line.end()
        sink.append(line)
        if event.level >= .warning { errors?.add(Self.error(event.message.description, all, event.level)) }
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

    /// Fields that say why, the most telling first.
    private static let reasons = ["error", "problem", "reason", "warning"]

    private static func error(_ message: String, _ metadata: Logger.Metadata, _ level: Logger.Level) -> RecentError {
        var error = RecentError(message), rest = metadata
        error.level = level == .warning ? "warning" : "error"
        error.upstream = rest.removeValue(forKey: "upstream").map { "\($0)" }
        error.fix = rest.removeValue(forKey: "fix").map { "\($0)" }
        // It differs each time, and equal errors are counted anyway.
        rest["attempt"] = nil
        let first = reasons.compactMap { rest.removeValue(forKey: $0) }.map { "\($0)" }
        let others = rest.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
        let all = (first + others).joined(separator: "; ")
        error.reason = all.isEmpty ? nil : all
        return error
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

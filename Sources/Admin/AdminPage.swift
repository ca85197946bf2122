/// The status page: whether Berth is ready, and if not, why. Has no script and loads nothing.
struct AdminPage {
    private let status: GatewayStatus

    init(_ status: GatewayStatus) { self.status = status }

    var html: String {
        """
        <!doctype html>
        <html lang="en">
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width">
        <meta http-equiv="refresh" content="10">
        <title>Berth: \(status.ready ? "ready" : "not ready")</title>
        <style>
        body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #1b2733 }
        h1 { font-size: 1.4rem } table { border-collapse: collapse; width: 100% }
        th, td { text-align: left; padding: .5rem .75rem; border-bottom: 1px solid #d8dee4; vertical-align: top }
        .ready { color: #116329 } .waiting { color: #a40e26 } code { font-size: .9em } p { color: #57606a }
        @media (prefers-color-scheme: dark) {
          body { background: #14191f; color: #dbe2ea } th, td { border-color: #38424d }
          .ready { color: #57c876 } .waiting { color: #ff7b82 } p { color: #9aa6b2 }
        }
        </style>
        <h1>Berth is <span class="\(status.ready ? "ready\">ready" : "waiting\">not ready")</span></h1>
        <table>
        <tr><th>Upstream<th>Registry<th>Token<th>Credentials<th>Problem</tr>
        \(status.upstreams.map(row).joined(separator: "\n"))
        </table>
        <p>Version \(escaped(status.version)), up \(status.uptimeSeconds / 60) min.
        <code>/metrics</code> for Prometheus, <code>/api/v1/status</code> for machines.</p>
        </html>

        """
    }

    private func row(_ upstream: UpstreamStatus) -> String {
        let token = upstream.tokenExpires.map { "until \(escaped($0))" } ?? "none"
        return """
            <tr><td>\(escaped(upstream.name))<td><code>\(escaped(upstream.registry))</code>\
            <td class="\(upstream.ready ? "ready" : "waiting")">\(token)\
            <td>\(escaped(upstream.credentials ?? ""))<td>\(escaped(upstream.problem ?? ""))</tr>
            """
    }

    /// Works on Unicode scalars, as a `<` with a combining mark is another `Character`.
    private func escaped(_ text: String) -> String {
        text.unicodeScalars.reduce(into: "") { result, scalar in
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            default: result.unicodeScalars.append(scalar)
            }
        }
    }
}

import Testing
import Transport

@testable import Configuration

/// Which listener of a running configuration continues as which of a new one.
struct ListenerPairingTests {
    private let tls: TLSFiles
    private let folder: Folder

    init() throws {
        folder = try Folder(certificate: "tls")
        tls = try TLSFiles(certificate: folder["tls.crt"], privateKey: folder["tls.key"])
    }

    /// `:1` is plain, `:1s` has TLS; all at 127.0.0.1.
    private func listeners(_ text: String) throws -> [Settings.Listener] {
        try text.split(separator: " ").map { word in
            let port = word.filter(\.isNumber)
            return Settings.Listener(
                address: try #require(SocketAddress("127.0.0.1:\(port)")), tls: word.hasSuffix("s") ? tls : nil)
        }
    }

    @Test(
        arguments: [
            (":1 :2s", ":1 :2s", [0, 1], []),
            (":1 :2s", ":2s :1", [1, 0], []),
            (":1 :2s", ":2 :1s", [1, 0], []),
            (":1 :2s", ":3 :2s", [nil, 1], [0]),
            (":1", ":1s", [0], []),
            (":1", ":2 :1 :3", [nil, 0, nil], []),
            (":1 :2 :3", ":2", [1], [0, 2]),
            // Port 0 may be there more than once: whoever has TLS goes on with TLS.
            (":0 :0s", ":0s", [1], [0]),
            (":0 :0s", ":0s :0", [1, 0], []),
            (":0 :0", ":0 :0 :0", [0, 1, nil], []),
            (":0", ":0s", [0], []),
            ("", ":1", [nil], []),
        ] as [(String, String, [Int?], [Int])])
    func `listeners are paired by their addresses`(old: String, new: String, predecessors: [Int?], ending: [Int]) throws {
        let pairing = try ListenerPairing(from: listeners(old), to: listeners(new))
        #expect(pairing.predecessors == predecessors && pairing.ending == ending)
    }
}

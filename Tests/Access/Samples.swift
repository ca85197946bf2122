@testable import Access

/// A pattern that is known to be valid.
func glob(_ pattern: String) -> Glob {
    guard let glob = Glob(pattern) else { preconditionFailure("'\(pattern)' is no pattern") }
    return glob
}

/// The value of `Authorization` for base64 text.
func basic(_ text: String) -> [UInt8] { Array("Basic \(text)".utf8) }

enum SampleHashes {
    /// Hashes made by openssl-passwd(1) and crypt(3), in four formats.
    static let all = [
        "$5$abcdefgh$ZLdkj8mkc2XVSrPVjskDAgZPGjtj1VGVaa1aUkrMTU/",
        "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$tnSYvahCwPBHKZUspmcxMfb0.WiB9W.zEaKlOBL35rC",
        "$2b$12$abcdefghijklmnopqrstuuJ1bFVyQBZVvD6v0y8QxSP6fJrQp5vKa",
        "$6$abcdefgh$yVfUwsw5T.JApa8POvClA1pQ5peiq97DUNyXCZN5IrF.BMSkiaLQ5kvpuEm/VQ1Tvh/KV2TcaWh8qinoW5dhA1",
    ]
}

// swift-tools-version:6.2
import PackageDescription

/// Strict concurrency comes with the language mode; an async function stays on its caller's loop unless it says otherwise.
let settings: [SwiftSetting] = [
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("ExistentialAny"),
    .treatAllWarnings(as: .error),
]

/// A room of the house. `imports` are the rooms below it: what is not listed cannot be imported, so the compiler keeps the layers.
func room(_ name: String, imports: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: imports, swiftSettings: settings)
}

func tests(of name: String, imports: [Target.Dependency] = [], resources: [Resource] = []) -> Target {
    .testTarget(
        name: name + "Tests", dependencies: [.byName(name: name)] + imports, path: "Tests/" + name, resources: resources,
        swiftSettings: settings)
}

let logging = Target.Dependency.product(name: "Logging", package: "swift-log")

let package = Package(
    name: "berth",
    products: [.executable(name: "berth", targets: ["berth"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.6.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.0.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.0"),
    ],
    targets: [
        // One C library each, imported by one room.
        .systemLibrary(name: "CLibevent", pkgConfig: "libevent", providers: [.apt(["libevent-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "CCrypt", pkgConfig: "libcrypt", providers: [.apt(["libcrypt-dev"])]),

        // From the ground up.
        room("HTTP"),
        room("Crypto", imports: ["COpenSSL"]),
        room("Transport", imports: ["CLibevent", "CCurl", "Crypto", "HTTP"]),
        room("Telemetry", imports: [logging]),
        room("HTTPServer", imports: ["HTTP", "Transport", "Crypto"]),
        room("Registry"),
        room("Configuration", imports: ["Registry", "Crypto", "HTTP", .product(name: "Yams", package: "Yams")]),
        room(
            "AWS",
            imports: [
                "Configuration", "Telemetry", "Transport", "Crypto", logging,
                .product(name: "Subprocess", package: "swift-subprocess"),
            ]),
        room("Access", imports: ["Registry", "Crypto", "CCrypt"]),
        room("Sandbox", imports: ["HTTPServer", "HTTP", "Transport", "Crypto", logging]),
        room(
            "Gateway",
            imports: [
                "Access", "AWS", "Configuration", "Registry", "Telemetry", "HTTPServer", "HTTP", "Transport", "Crypto", logging,
            ]),
        room("Admin", imports: ["HTTPServer", "HTTP", "Transport"]),
        .executableTarget(
            name: "berth",
            dependencies: [
                "Gateway", "Admin", "Sandbox", "Access", "AWS", "Configuration", "Registry", "Telemetry", "HTTPServer", "Transport",
                "Crypto",
                logging, .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings),

        tests(of: "Crypto"),
        tests(of: "Transport", imports: ["Crypto"], resources: [.copy("Calls/calls-peer.py")]),
        tests(of: "HTTP"),
        tests(of: "Telemetry", imports: [logging]),
        tests(of: "HTTPServer", imports: ["HTTP", "Transport"]),
        tests(of: "Registry"),
        tests(of: "Configuration", imports: ["Registry"]),
        tests(
            of: "AWS", imports: ["Configuration", "Transport", "Crypto"],
            resources: [.copy("sigv4-vectors.json"), .copy("sigv4-oracle.py"), .copy("moto-peer.py")]),
        tests(of: "Access", imports: ["Registry", "Crypto"]),
        tests(
            of: "Sandbox", imports: ["Transport", "Crypto", logging],
            resources: [.copy("signed-requests.py"), .copy("botocore-client.py")]),
        tests(of: "Gateway", imports: ["Configuration", "Registry", "HTTP", "Transport"]),
        tests(of: "Admin", imports: ["HTTPServer", "Transport"]),
        .testTarget(
            name: "HouseTests", dependencies: ["Configuration", "Registry", .product(name: "Yams", package: "Yams")], path: "Tests/House",
            swiftSettings: settings),
    ],
    swiftLanguageModes: [.v6]
)

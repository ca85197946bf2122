// swift-tools-version:6.2
import PackageDescription

/// Strict concurrency comes with the language mode. An async function runs on its caller's loop unless it says otherwise. Imports are
/// internal, and members are visible only where their module is imported.
let settings: [SwiftSetting] = [
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
    // In a release build nothing checks at run time that two accesses to a variable do not overlap: that is a twelfth of a small request. The tests
    // run with the checks, and the compiler makes most of them before.
    .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release)),
]

/// A target of the program. `imports` are targets below it: the build rejects imports that are not listed, so the compiler keeps the layers.
func layer(_ name: String, imports: [Target.Dependency] = [], resources: [Resource] = []) -> Target {
    .target(name: name, dependencies: imports, resources: resources, swiftSettings: settings)
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
    // Exact versions: what was tested is what everybody builds, also in the image.
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", exact: "1.0.2"),
        // A dependency of swift-subprocess, listed to pin its version.
        .package(url: "https://github.com/apple/swift-system", exact: "1.8.1"),
    ],
    targets: [
        // One C library each, imported by one target.
        .systemLibrary(name: "CLibevent", pkgConfig: "libevent", providers: [.apt(["libevent-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "CCrypt", pkgConfig: "libcrypt", providers: [.apt(["libcrypt-dev"])]),
        .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),

        // From the ground up.
        layer("HTTP"),
        layer("Crypto", imports: ["COpenSSL"]),
        layer("Transport", imports: ["CLibevent", "CCurl", "Crypto", "HTTP"]),
        layer("Telemetry", imports: [logging]),
        layer("HTTPServer", imports: ["HTTP", "Transport", "Crypto"]),
        layer("Registry", imports: ["HTTP"]),
        layer("Access", imports: ["Registry", "Transport", "Crypto", "HTTP", "CCrypt"]),
        layer("Cache", imports: ["Registry", "Transport", "Crypto"]),
        layer(
            "Configuration",
            imports: [
                "Access", "Registry", "Telemetry", "Transport", "Crypto", "HTTP", logging, "CYAML",
            ]),
        layer(
            "AWS",
            imports: [
                "Configuration", "Registry", "Transport", "Crypto", "HTTP", logging,
                .product(name: "Subprocess", package: "swift-subprocess"),
                .product(name: "SystemPackage", package: "swift-system"),
            ]),
        layer("Sandbox", imports: ["HTTPServer", "HTTP", "Transport", "Crypto", logging]),
        layer(
            "Gateway",
            imports: [
                "Access", "AWS", "Cache", "Configuration", "Registry", "Telemetry", "HTTPServer", "HTTP", "Transport", "Crypto",
                logging,
            ]),
        // The page's files become a part of the program, so that nothing has to be installed beside it.
        layer("Admin", imports: ["HTTPServer", "HTTP", "Transport"], resources: [.embedInCode("Page")]),
        layer("Recipes", imports: ["Access", "Configuration", "Registry", "Transport", "Crypto", "HTTP"]),
        .executableTarget(
            name: "berth",
            dependencies: [
                "Gateway", "Admin", "Recipes", "Sandbox", "Access", "AWS", "Cache", "Configuration", "Registry", "Telemetry",
                "Transport",
                "Crypto",
                logging, .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings),

        .target(name: "TestSupport", path: "Tests/Support", swiftSettings: settings),
        tests(of: "Crypto"),
        tests(of: "Transport", imports: ["Crypto", "TestSupport"], resources: [.copy("HTTPClient/http-client-peer.py")]),
        tests(of: "HTTP", imports: ["TestSupport"]),
        tests(of: "Telemetry", imports: [logging]),
        tests(of: "HTTPServer", imports: ["HTTP", "Transport"]),
        tests(of: "Registry", imports: ["HTTP", "TestSupport"]),
        tests(of: "Configuration", imports: ["Access", "Registry", "Telemetry", "Transport", "Crypto", "HTTP", logging]),
        tests(
            of: "AWS", imports: ["Configuration", "Registry", "Transport", "Crypto", "TestSupport"],
            resources: [
                .copy("sigv4-vectors.json"), .copy("sigv4-oracle.py"), .copy("moto-peer.py"), .copy("endpoint-oracle.py"),
                .copy("shared-file-oracle.py"), .copy("profile-oracle.py"),
            ]),
        tests(of: "Access", imports: ["Registry", "Transport", "Crypto", "HTTP", "TestSupport"]),
        tests(of: "Cache", imports: ["Registry", "Crypto", "TestSupport"]),
        tests(
            of: "Sandbox", imports: ["Transport", "Crypto", "TestSupport", logging],
            resources: [.copy("signed-requests.py"), .copy("botocore-client.py")]),
        tests(
            of: "Gateway",
            imports: ["AWS", "Access", "Configuration", "Registry", "HTTP", "Transport", "Crypto", "TestSupport", logging]),
        tests(of: "Admin", imports: ["HTTPServer", "Transport"]),
        tests(of: "Recipes", imports: ["Access", "Configuration", "Registry", "Crypto", "HTTP"]),
        .testTarget(
            name: "ProjectTests",
            dependencies: ["Access", "Configuration", "Registry", "Crypto"],
            path: "Tests/Project",
            swiftSettings: settings),
    ],
    swiftLanguageModes: [.v6]
)

// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "hello-swift",
    dependencies: [.package(name: "scn", path: "../..")],
    targets: [
        .executableTarget(
            name: "Quickstart", dependencies: [.product(name: "SparseConvNet", package: "scn")]),
        .executableTarget(
            name: "HelloSwift", dependencies: [.product(name: "SparseConvNet", package: "scn")]),
    ]
)

// swift-tools-version: 6.2
import PackageDescription

/// Each target is a room with one job; dependencies run one way, top to bottom of this list.
let swiftSettings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]
let cSettings: [CSetting] = [.treatAllWarnings(as: .error)]

let package = Package(
    name: "scn",
    products: [
        .library(name: "SparseConvNet", targets: ["SparseConvNet"]),
        .library(name: "scn", type: .dynamic, targets: ["SCNABI"]),
    ],
    targets: [
        .target(name: "CSCN", path: "include", publicHeadersPath: "."),
        .target(name: "CSCNSupport", cSettings: cSettings),
        .target(
            name: "CSCNKernels", exclude: ["bfloat16", "families"], cSettings: cSettings,
            linkerSettings: [.linkedLibrary("openblas"), .linkedLibrary("m")]),
        .target(
            name: "SCNCore", dependencies: ["CSCNSupport", "CSCNKernels"], swiftSettings: swiftSettings),
        .target(name: "SCNFiles", dependencies: ["SCNCore"], swiftSettings: swiftSettings),
        .target(name: "SCNGeometry", dependencies: ["CSCNKernels", "SCNCore"], swiftSettings: swiftSettings),
        .target(
            name: "SCNOps", dependencies: ["CSCNKernels", "CSCNSupport", "SCNCore", "SCNGeometry"],
            swiftSettings: swiftSettings),
        .target(
            name: "SCNNN", dependencies: ["CSCNSupport", "SCNCore", "SCNFiles", "SCNGeometry", "SCNOps"],
            swiftSettings: swiftSettings),
        .target(
            name: "SparseConvNet", dependencies: ["SCNCore", "SCNGeometry", "SCNOps", "SCNNN"],
            swiftSettings: swiftSettings),
        .target(
            name: "SCNABI",
            dependencies: ["CSCN", "CSCNSupport", "SCNCore", "SCNFiles", "SCNGeometry", "SCNOps", "SCNNN"],
            swiftSettings: swiftSettings),
        .target(
            name: "SCNTestSupport", dependencies: ["CSCNKernels", "SCNCore", "SCNGeometry"],
            path: "Tests/SCNTestSupport", swiftSettings: swiftSettings),
        .testTarget(
            name: "SCNGeometryTests", dependencies: ["SCNCore", "SCNGeometry", "SCNTestSupport"],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "SCNOpsTests", dependencies: ["SCNCore", "SCNGeometry", "SCNOps", "SCNTestSupport"],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "SCNNNTests",
            dependencies: ["SCNCore", "SCNFiles", "SCNGeometry", "SCNOps", "SCNNN", "SCNTestSupport"],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "SCNABITests", dependencies: ["CSCN", "CSCNSupport", "SCNABI", "SCNTestSupport"],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "SCNCoreTests", dependencies: ["CSCNSupport", "SCNCore", "SCNTestSupport"],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "SCNFilesTests", dependencies: ["SCNCore", "SCNFiles", "SCNTestSupport"],
            swiftSettings: swiftSettings),
    ]
)

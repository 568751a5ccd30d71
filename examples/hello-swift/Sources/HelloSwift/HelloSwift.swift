import SparseConvNet

/// SparseConvNet's hello-world: two messages, drawn in 2-D, go through a small VGG net and come out as a 2 x 32 x 10 x
/// 10 array. The C and the Python hello-world print the same lines; bindings/c/examples/hello_world.c says how they are
/// made.
@main
struct HelloSwift {
    static let messages = [
        [
            "H   H EEEEE L     L      OOO ",
            "H   H E     L     L     O   O",
            "H   H E     L     L     O   O",
            "HHHHH EEEE  L     L     O   O",
            "H   H E     L     L     O   O",
            "H   H E     L     L     O   O",
            "H   H EEEEE LLLLL LLLLL  OOO ",
        ],
        [
            "W   W  OOO  RRRR  L     DDDD      )  ",
            "W   W O   O R   R L     D   D  :   ) ",
            "W   W O   O R   R L     D   D  :    )",
            "W W W O   O RRRR  L     D   D       )",
            "W W W O   O R R   L     D   D  :    )",
            "WW WW O   O R  R  L     D   D  :   ) ",
            "W   W  OOO  R   R LLLLL DDDD      )  ",
        ],
    ]

    static func main() throws {
        Generator.seed(0)
        let network = try Sequential {
            try Networks.sparseVGG(
                dimension: 2, in: 1,
                layers: [
                    .convolution(planes: 8), .convolution(planes: 8), .maxPooling(size: 3, stride: 2),
                    .convolution(planes: 16), .convolution(planes: 16), .maxPooling(size: 3, stride: 2),
                    .convolution(planes: 24), .convolution(planes: 24), .maxPooling(size: 3, stride: 2),
                ])
            try SubmanifoldConvolution(dimension: 2, in: 24, out: 32, filterSize: 3)
            try BatchNormalization(planes: 32, leakiness: 0)
            try SparseToDense(dimension: 2, planes: 32)
        }
        let size = try network.inputSpatialSize([10, 10])
        print("input spatial size:", size.map(String.init).joined(separator: " x "))
        let inputLayer = try InputLayer(dimension: 2, spatialSize: Size(size))

        var sites: [[Int]] = []
        for (sample, lines) in messages.enumerated() {
            for (row, line) in lines.enumerated() {
                for (column, character) in line.enumerated() where character != " " {
                    sites.append([40 + row, 24 + column, sample])
                }
            }
        }
        let features = try Tensor(Array(repeating: 1, count: sites.count), shape: [sites.count, 1])
        let output = try network(inputLayer(Points(sites, features: features))).dense

        let values = output.elements.map(Double.init)
        let largest = values.indices.reduce(0) { values[$1] > values[$0] ? $1 : $0 }
        print("output:", output.shape.map(String.init).joined(separator: " x "))
        print("sum: \(sixDigits(values.reduce(0, +)))")
        print("sum of squares: \(sixDigits(values.reduce(0) { $0 + $1 * $1 }))")
        print("maximum: \(sixDigits(values[largest])) at \(largest)")
    }

    /// As C's %.6g prints the numbers of this program, which lie between 1 and 100000.
    static func sixDigits(_ value: Double) -> String {
        var scale = 1.0
        while (value * scale * 10).rounded().magnitude < 1_000_000 { scale *= 10 }
        let rounded = (value * scale).rounded() / scale
        return rounded == rounded.rounded() ? String(Int(rounded)) : String(rounded)
    }
}

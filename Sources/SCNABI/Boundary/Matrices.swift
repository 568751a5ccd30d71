internal import CSCN
internal import SCNCore

/// A host's matrix, borrowed for a call; `mayBeRounded`: whether its elements may be bfloat16.
func matrix(
    _ pointer: UnsafePointer<scn_matrix>?, _ name: String, mayBeRounded: Bool = false
) throws(SCNError) -> Matrix {
    let none = scn_matrix(
        struct_size: MemoryLayout<scn_matrix>.size, type: SCN_FLOAT32, data: nil, rows: 0, planes: 0, row_stride: 0)
    let host = try options(try required(pointer, name), none, name)
    let isRounded = mayBeRounded && host.type == SCN_BFLOAT16
    try require(
        host.type == SCN_FLOAT32 || isRounded, .unsupported,
        "\(name): has elements of type \(host.type.rawValue), expected SCN_FLOAT32"
            + (mayBeRounded ? " or SCN_BFLOAT16" : ""))
    try require(
        host.rows >= 0 && host.planes >= 0, .shape,
        "\(name): is \(host.rows) x \(host.planes), expected no negative size")
    try require(
        host.row_stride == 0 || host.row_stride == host.planes, .unsupported,
        "\(name): row_stride is \(host.row_stride), expected 0 or the planes, \(host.planes)")
    // A size beside a 0 has its limit too: scratch is made for planes alone.
    _ = try checkedProduct([max(1, Int(host.rows)), max(1, Int(host.planes)), 4], name)
    if isRounded {
        let count = Int64(host.rows * host.planes)
        let halves = try elements(
            UnsafePointer(host.data?.assumingMemoryBound(to: UInt16.self)), count, "\(name).data")
        return Matrix(
            rows: Int(host.rows), planes: Int(host.planes),
            borrowing: UnsafeMutablePointer(mutating: halves.baseAddress) ?? nowhereOfHalves)
    }
    return try matrix(
        UnsafePointer(host.data?.assumingMemoryBound(to: Float.self)), Int(host.rows), Int(host.planes),
        "\(name).data")
}

func matrix(
    _ pointer: UnsafeMutablePointer<scn_matrix>?, _ name: String, mayBeRounded: Bool = false
) throws(SCNError) -> Matrix {
    try matrix(UnsafePointer(pointer), name, mayBeRounded: mayBeRounded)
}

/// An array of a host's matrices, which are as far apart as the first one's size says.
func matrices(_ pointer: UnsafePointer<scn_matrix>?, _ count: Int64, _ name: String) throws(SCNError) -> [Matrix] {
    try require(count >= 0, .invalidArgument, "count: is \(count), expected at least 0")
    if count == 0 { return [] }
    let first = UnsafeRawPointer(try required(pointer, name))
    try require(
        UInt(bitPattern: first) % UInt(MemoryLayout<scn_matrix>.alignment) == 0, .invalidArgument,
        "\(name): is not aligned to \(MemoryLayout<scn_matrix>.alignment) bytes")
    let size = first.load(as: Int.self)
    _ = try checkedProduct([Int(count), size], name)
    var result: [Matrix] = []
    for index in 0..<Int(count) {
        if index >= 256 && index & (index - 1) == 0 { try expectMemory(2 * index, times: 64, "\(count) \(name)") }
        let host = first + index * size
        let own = host.load(as: Int.self)
        try require(
            own == size, .invalidArgument,
            "\(name)[\(index)]: struct_size is \(own), expected \(size) as that of the first")
        result.append(try matrix(host.assumingMemoryBound(to: scn_matrix.self), "\(name)[\(index)]"))
    }
    return result
}

/// A host's numbers as a matrix, borrowed for a call; NULL only where there are none.
func matrix(
    _ pointer: UnsafePointer<Float>?, _ rows: Int, _ planes: Int, _ name: @autoclosure () -> String
) throws(SCNError) -> Matrix {
    let data = try elements(pointer, Int64(try checkedProduct([rows, planes], name())), name())
    return Matrix(
        rows: rows, planes: planes, borrowing: UnsafeMutablePointer(mutating: data.baseAddress) ?? nowhere)
}

/// A host's vector [planes], borrowed for a call.
func vector(_ pointer: UnsafePointer<Float>?, _ planes: Int, _ name: String) throws(SCNError) -> Matrix {
    try matrix(try required(pointer, name), 1, planes, name)
}

func vector(_ pointer: UnsafeMutablePointer<Float>?, _ planes: Int, _ name: String) throws(SCNError) -> Matrix {
    try vector(UnsafePointer(pointer), planes, name)
}

/// The same for one that may be left out.
func optionalVector(_ pointer: UnsafePointer<Float>?, _ planes: Int, _ name: String) throws(SCNError) -> Matrix? {
    pointer == nil ? nil : try vector(pointer, planes, name)
}

func optionalVector(
    _ pointer: UnsafeMutablePointer<Float>?, _ planes: Int, _ name: String
) throws(SCNError) -> Matrix? {
    try optionalVector(UnsafePointer(pointer), planes, name)
}

/// A valid address for buffers without elements.
nonisolated(unsafe) let nowhere = UnsafeMutablePointer<Float>.allocate(capacity: 16)
nonisolated(unsafe) private let nowhereOfHalves = UnsafeMutablePointer<UInt16>.allocate(capacity: 32)

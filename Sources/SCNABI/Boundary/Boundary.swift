internal import CSCN
internal import CSCNSupport
internal import Glibc
internal import SCNCore
internal import SCNFiles
internal import SCNGeometry
internal import SCNNN

/// Runs the body of a boundary function; an error becomes a status and this thread's message, and what the body changed
/// is put back.
func status(_ body: () throws -> Void) -> scn_status { untransacted { try Transaction.run(body) } }

/// The same for a body that changes nothing where it throws. No floating-point exception traps meanwhile, and none is
/// seen afterwards.
func untransacted(_ body: () throws -> Void) -> scn_status {
    let floatingPoint = scn_floating_point_hold()
    defer { scn_floating_point_set(floatingPoint) }
    do {
        try body()
        return SCN_OK
    } catch let error as SCNError {
        scn_last_error_set(error.message)
        return scn_status(rawValue: UInt32(error.kind.rawValue))
    } catch {
        scn_last_error_set("defect: an error of another kind: \(error)")
        return SCN_ERROR_INTERNAL
    }
}

public typealias HandleOut = UnsafeMutablePointer<OpaquePointer?>?

/// Sets the out-parameter to NULL, then to a new handle for what `body` makes.
func produce(_ out: HandleOut, _ name: String, _ kind: HandleKind, _ body: () throws -> AnyObject?) -> scn_status {
    out?.pointee = nil
    return status {
        let out = try required(out, name)
        out.pointee = try body().map { try Handles.make($0, kind) }
    }
}

func produceTensor(_ out: HandleOut, _ name: String, _ body: () throws -> Value) -> scn_status {
    produce(out, name, .tensor) { TensorBox(try body()) }
}

func produceModule(_ out: HandleOut, _ name: String = "module", _ body: () throws -> Module) -> scn_status {
    produce(out, name, .module) { ModuleBox(try body()) }
}

/// Sets the out-parameter to NULL, then to a new layer of the type of that name.
func produceLayer(
    _ out: HandleOut, _ name: String, _ arguments: () throws -> [String: JSON?] = { [:] }
) -> scn_status {
    produceModule(out) {
        guard let type = LayerType[name] else { throw SCNError(.internal, "defect: there is no layer \(name)") }
        return try type.make(Arguments(type, arguments()))
    }
}

/// The default that a layer's type gives an argument.
func fallback<Value>(_ name: String, _ key: String, as value: (JSON) -> Value?) -> Value {
    guard let found = LayerType[name].flatMap({ value($0.fallback(key)) }) else {
        preconditionFailure("\(name) has no default of that kind for \(key)")
    }
    return found
}

extension JSON {
    var int64: Int64? { if case .integer(let value) = self { Int64(value) } else { nil } }
    var double: Double? { if case .number(let value) = self { value } else { nil } }
    var int32: Int32? { if case .bool(let value) = self { value ? 1 : 0 } else { nil } }
}

/// Sets the out-parameter to zero, then to what `body` returns.
func store<T>(_ out: UnsafeMutablePointer<T>?, _ name: String, zero: T, _ body: () throws -> T) -> scn_status {
    out?.pointee = zero
    return status { try required(out, name).pointee = try body() }
}

func required<P>(_ pointer: P?, _ name: @autoclosure () -> String) throws(SCNError) -> P {
    guard let pointer else { throw SCNError(.invalidArgument, "\(name()): is NULL") }
    return pointer
}

/// A pointer to `count` elements, which may be NULL only where count is 0.
func elements<T>(
    _ pointer: UnsafePointer<T>?, _ count: Int64, _ name: @autoclosure () -> String, countName: String = "count"
) throws(SCNError) -> UnsafeBufferPointer<T> {
    try require(count >= 0, .invalidArgument, "\(countName): is \(count), expected at least 0")
    _ = try checkedProduct([Int(count), MemoryLayout<T>.stride], name())
    if count == 0 { return UnsafeBufferPointer(start: nil, count: 0) }
    let pointer = try required(pointer, name())
    try require(
        UInt(bitPattern: pointer) % UInt(MemoryLayout<T>.alignment) == 0, .invalidArgument,
        "\(name()): is not aligned to \(MemoryLayout<T>.alignment) bytes")
    return UnsafeBufferPointer(start: pointer, count: Int(count))
}

func boolean(_ value: Int32, _ name: String) throws(SCNError) -> Bool {
    try require(value == 0 || value == 1, .invalidArgument, "\(name): is \(value), expected 0 or 1")
    return value == 1
}

/// Text of any length, borrowed for a call.
func bytes(_ pointer: UnsafePointer<CChar>?, _ name: String) throws(SCNError) -> Storage<UInt8> {
    let pointer = try required(pointer, name)
    let bytes = UnsafeMutableRawPointer(mutating: pointer).assumingMemoryBound(to: UInt8.self)
    return Storage(borrowing: bytes, count: strlen(pointer))
}

func text(_ pointer: UnsafePointer<CChar>?, _ name: String) throws(SCNError) -> String {
    let pointer = try required(pointer, name)
    try expectMemory(strlen(pointer), times: 4, name)
    guard let text = String(validatingCString: pointer) else {
        throw SCNError(.invalidArgument, "\(name): is not UTF-8 text")
    }
    return text
}

func requireDimension(_ dimension: Int32) throws(SCNError) {
    try require(
        dimension >= 1 && dimension <= SCN_MAX_DIMENSION, .invalidArgument,
        "dimension: is \(dimension), expected 1 ... \(SCN_MAX_DIMENSION)")
}

/// `dimension` sizes from the host.
func sizes(_ pointer: UnsafePointer<Int64>?, _ dimension: Int32, _ name: String) throws(SCNError) -> [Int] {
    try requireDimension(dimension)
    return try elements(try required(pointer, name), Int64(dimension), name).map(Int.init)
}

/// Sizes from the host as an argument of a layer.
func axes(_ pointer: UnsafePointer<Int64>?, _ dimension: Int32, _ name: String) throws(SCNError) -> JSON {
    .array(try sizes(pointer, dimension, name).map(JSON.integer))
}

/// The same, or nil, which stands for the layer's default, where the pointer is NULL.
func optionalAxes(_ pointer: UnsafePointer<Int64>?, _ dimension: Int32, _ name: String) throws(SCNError) -> JSON? {
    pointer == nil ? nil : try axes(pointer, dimension, name)
}

/// An option struct of the host over the defaults: structs only ever grow at their end, so a shorter one is an older
/// one.
func options<T>(_ pointer: UnsafePointer<T>?, _ defaults: T, _ name: String = "options") throws(SCNError) -> T {
    guard let pointer else { return defaults }
    let size = UnsafeRawPointer(pointer).loadUnaligned(as: Int.self)
    try require(
        size >= MemoryLayout<Int>.size && size <= MemoryLayout<T>.size, .invalidArgument,
        "\(name): struct_size is \(size), expected at most \(MemoryLayout<T>.size); start from the _INIT macro")
    // No struct ends inside a word: half a pointer would be none.
    try require(
        size % MemoryLayout<T>.alignment == 0, .invalidArgument,
        "\(name): struct_size is \(size), expected a multiple of \(MemoryLayout<T>.alignment)")
    var result = defaults
    withUnsafeMutableBytes(of: &result) {
        $0.copyMemory(from: UnsafeRawBufferPointer(start: UnsafeRawPointer(pointer), count: size))
    }
    return result
}

func tensorBox(_ handle: OpaquePointer?, _ name: String = "tensor") throws(SCNError) -> TensorBox {
    try Handles.object(handle, .tensor, name)
}

/// The value, with features in float32 from now on.
func value(_ handle: OpaquePointer?, _ name: String = "tensor") throws(SCNError) -> Value {
    try tensorBox(handle, name).inFloat32()
}

/// The value as modules hand it on: features may be bfloat16.
func keptValue(_ handle: OpaquePointer?, _ name: String = "tensor") throws(SCNError) -> Value {
    try tensorBox(handle, name).kept
}

/// The tensor itself, or the features of a sparse tensor or of points.
func tensor(_ handle: OpaquePointer?, _ name: String = "tensor") throws(SCNError) -> Tensor {
    try tensor(of: value(handle, name), name)
}

/// The same as modules hand it on: its elements may be bfloat16.
func keptTensor(_ handle: OpaquePointer?, _ name: String = "tensor") throws(SCNError) -> Tensor {
    try tensor(of: keptValue(handle, name), name)
}

private func tensor(of value: Value, _ name: String) throws(SCNError) -> Tensor {
    guard let tensor = value.tensor else { throw SCNError(.shape, "\(name): is a table, expected a tensor") }
    return tensor
}

func denseTensor(_ handle: OpaquePointer?, _ name: String) throws(SCNError) -> Tensor {
    guard case .dense(let tensor) = try value(handle, name) else {
        throw SCNError(.shape, "\(name): expected a dense tensor")
    }
    return tensor
}

func sparseTensor(_ handle: OpaquePointer?, _ name: String) throws(SCNError) -> SparseTensor {
    try sparseTensor(in: value(handle, name), name)
}

func sparseTensor(in value: Value, _ name: String) throws(SCNError) -> SparseTensor {
    guard case .sparse(let sparse) = value else {
        throw SCNError(.shape, "\(name): expected a sparse tensor")
    }
    return sparse
}

func moduleBox(_ handle: OpaquePointer?, _ name: String = "module") throws(SCNError) -> ModuleBox {
    try Handles.object(handle, .module, name)
}

func module(_ handle: OpaquePointer?, _ name: String = "module") throws(SCNError) -> Module {
    try moduleBox(handle, name).module
}

func geometry(_ handle: OpaquePointer?) throws(SCNError) -> Geometry {
    try Handles.object(handle, .geometry, "geometry")
}

func rulebook(_ handle: OpaquePointer?) throws(SCNError) -> Rulebook {
    try Handles.object(handle, .rulebook, "rulebook")
}

/// A site set of a geometry, by the number that the host has.
func siteSetID(_ geometry: Geometry, _ sites: Int32, _ name: String = "sites") throws(SCNError) -> SiteSetID {
    guard let id = geometry.siteSetID(Int(sites)) else {
        throw SCNError(.invalidArgument, "\(name): is \(sites), expected one of the geometry's site sets")
    }
    return id
}

/// An array of handles of one kind, each error naming its position.
func handles<R>(
    _ pointer: UnsafePointer<OpaquePointer?>?, _ count: Int64, _ name: String,
    _ unwrap: (OpaquePointer?, String) throws -> R
) throws -> [R] {
    var results: [R] = []
    for (index, handle) in try elements(pointer, count, name).enumerated() {
        // A wrong handle is told before there is room for all; of each is kept less, with lists that grow and tables.
        if index >= 256 && index & (index - 1) == 0 { try expectMemory(2 * index, times: 256, "\(count) \(name)") }
        results.append(try unwrap(handle, "\(name)[\(index)]"))
    }
    return results
}

/// What a tensor handle stands for.
final class TensorBox {
    private static let meeting = Locked(())
    private var value: Value
    init(_ value: Value) { self.value = value }

    /// The value, whose features may be bfloat16 between calls of modules.
    var kept: Value { Self.meeting.withLock { _ in value } }

    /// The value with features in float32, which it keeps.
    func inFloat32() throws(SCNError) -> Value {
        let before = kept
        guard before.holdsBFloat16 else { return before }
        // However the host reads it, its history stays.
        let wasRecording = Tape.isRecording
        Tape.isRecording = true
        defer { Tape.isRecording = wasRecording }
        let widened = try before.inFloat32()
        return Self.meeting.withLock { _ in
            // Another thread may have been first: one tensor for all.
            if value.holdsBFloat16 { value = widened }
            return value
        }
    }
}

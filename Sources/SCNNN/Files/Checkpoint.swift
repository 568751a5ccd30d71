internal import SCNCore
package import SCNFiles

/// Modules, and runs in progress, as safetensors files.
///
/// A file holds the state under its names; metadata `architecture` is the module as JSON, `optimizer` and `generator`
/// are there where an optimizer was saved, whose matrices are `optimizer.N.NAME` for parameter N. Writing is atomic.
public enum Checkpoint {
    /// A tensor and the name that it has in a file.
    public typealias Named = (name: String, tensor: Tensor)

    private static let optimizerPrefix = "optimizer."

    /// Saves a module and, where given, its optimizer with the state of the shared generator.
    public static func save(_ module: Module, optimizer: Optimizer? = nil, to path: String) throws {
        try save(module, optimizer: optimizer, to: FilePath(path))
    }

    /// Saves tensors under names, without an architecture.
    public static func save(_ tensors: [Named], optimizer: Optimizer? = nil, to path: String) throws {
        try save(tensors, optimizer: optimizer, to: FilePath(path))
    }

    /// The module that a file holds, in evaluation mode.
    public static func open(_ path: String) throws -> Module { try open(FilePath(path)) }

    /// Loads a file's state into a module of the same names and shapes and, where given, its optimizer and the
    /// generator.
    public static func restore(_ module: Module, optimizer: Optimizer? = nil, from path: String) throws {
        try restore(module, optimizer: optimizer, from: FilePath(path))
    }

    /// Loads a file's tensors into tensors of the same names and shapes.
    public static func restore(_ tensors: [Named], optimizer: Optimizer? = nil, from path: String) throws {
        try restore(tensors, optimizer: optimizer, from: FilePath(path))
    }

    package static func save(_ module: Module, optimizer: Optimizer? = nil, to path: FilePath) throws {
        let tensors = module.state.map { ($0.name, $0.tensor) }
        let architecture = Architecture.isComplete(module) ? try Architecture.text(of: module) : nil
        try save(tensors, architecture: architecture, optimizer: optimizer, to: path)
    }

    package static func save(_ tensors: [Named], optimizer: Optimizer? = nil, to path: FilePath) throws {
        try save(tensors, architecture: nil, optimizer: optimizer, to: path)
    }

    /// Nothing is allocated before the architecture's names and shapes are those of the file, and nothing is drawn.
    package static func open(_ path: FilePath) throws -> Module {
        let file = try SafetensorsFile.read(path: path)
        guard let architecture = try file.metadata("architecture") else {
            throw SCNError(
                .format, "\(path): holds no architecture; build the module and restore its parameters from the file")
        }
        let (module, deferred): (Module, DeferredState)
        do {
            (module, deferred) = try DeferredState.of(limit: file.count) {
                try Architecture.build(architecture, isFromFile: true)
            }
        } catch let error as SCNError {
            throw SCNError(error.kind == .memory ? .memory : .format, "\(path): architecture: \(error.message)")
        }
        let tensors = module.state.map { ($0.name, $0.tensor) }
        let places = try places(of: tensors, in: file)
        try deferred.allocate()
        for ((_, tensor), place) in zip(tensors, places) { try file.read(place, into: tensor.values.storage.bytes) }
        module.setTraining(false)
        return module
    }

    package static func restore(_ module: Module, optimizer: Optimizer? = nil, from path: FilePath) throws {
        try restore(module.state.map { ($0.name, $0.tensor) }, optimizer: optimizer, from: path)
    }

    /// Reads and checks everything before it changes anything, names and shapes before values.
    package static func restore(_ tensors: [Named], optimizer: Optimizer? = nil, from path: FilePath) throws {
        let file = try SafetensorsFile.read(path: path)
        try checkNames(tensors)
        let places = try places(of: tensors, in: file)
        let load = try optimizer.map { optimizer in
            let load = try prepare(optimizer, file)
            try check(optimizer, isOver: tensors)
            return load
        }
        let loaded = try zip(tensors, places).map { try file.matrix($1, like: $0.tensor.values) }
        let apply = try load?()
        for ((_, tensor), values) in zip(tensors, loaded) {
            tensor.values.update(from: values)
            tensor.values.storage.noteChange()
        }
        try apply?()
    }

    private static func save(_ tensors: [Named], architecture: String?, optimizer: Optimizer?, to path: FilePath) throws
    {
        try checkNames(tensors)
        if let optimizer { try check(optimizer, isOver: tensors) }
        var metadata: [(String, String)] = [("format", "scn")]
        if let architecture { metadata.append(("architecture", architecture)) }
        var entries = tensors.map { entry($0.name, $0.tensor.shape, $0.tensor.values) }
        if let optimizer {
            let saved = optimizer.parameters.indices.map(optimizer.saved)
            let description = JSON.object([
                ("type", .string(optimizer.typeName)), ("learning_rate", .number(optimizer.learningRate)),
                ("steps", .array(saved.map { .integer($0.steps) })),
            ])
            metadata.append(("optimizer", try description.text()))
            metadata.append(("generator", Generator.state.text))
            for (index, state) in saved.enumerated() {
                entries += state.matrices.map { name, matrix in
                    entry("\(optimizerPrefix)\(index).\(name)", optimizer.parameters[index].shape, matrix)
                }
            }
        }
        try SafetensorsWriter.write(path: path, metadata: metadata, tensors: entries)
    }

    private static func entry(_ name: String, _ shape: [Int], _ values: Matrix) -> SafetensorsWriter.Tensor {
        SafetensorsWriter.Tensor(name, shape, SafetensorsType(values.type), values.storage)
    }

    /// Where the file has tensors of these names, shapes and no others.
    private static func places(of tensors: [Named], in file: SafetensorsFile) throws -> [SafetensorsFile.Tensor] {
        let isFound = try Storage<Bool>(count: file.count, zeroed: true)
        var places: [SafetensorsFile.Tensor] = []
        for (name, tensor) in tensors {
            let (index, place) = try self.place(name, tensor.shape, in: file)
            isFound.pointer[index] = true
            places.append(place)
        }
        for index in 0..<file.count where !isFound.pointer[index] {
            let name = file.name(index)
            try require(
                name.hasPrefix(optimizerPrefix), .format,
                "\(file.path): tensor \(name.quoted) is none of the module's: another architecture")
        }
        return places
    }

    private static func place(
        _ name: String, _ shape: [Int], in file: SafetensorsFile
    ) throws -> (index: Int, place: SafetensorsFile.Tensor) {
        guard let index = file.index(of: name) else {
            throw SCNError(.format, "\(file.path): has no tensor \"\(name)\": another architecture")
        }
        let place = try file.tensor(index)
        try require(
            place.type == SafetensorsType(.float32), .format,
            "\(file.path): tensor \"\(name)\" has elements of type \(place.type.name), expected F32")
        try require(
            place.shape == shape, .format,
            "\(file.path): tensor \"\(name)\" has shape \(place.shape), expected \(shape)")
        return (index, place)
    }

    /// Checks the optimizer's part of a file and returns what reads it, which returns what puts it into place.
    private static func prepare(
        _ optimizer: Optimizer, _ file: SafetensorsFile
    ) throws -> () throws -> () throws -> Void {
        guard let text = try file.metadata("optimizer"), let generator = try file.metadata("generator") else {
            throw SCNError(.format, "\(file.path): holds no optimizer")
        }
        let parameters = optimizer.parameters
        let description = try JSONDocument(text).root
        let type = try description.string("type")
        try require(
            type == optimizer.typeName, .format, "\(file.path): holds \(type), expected \(optimizer.typeName)")
        let rate = try description.double("learning_rate")
        try requireAtLeastZero(rate, "\(file.path): learning_rate", .format)
        let count = try description.array("steps").reduce(0) { count, _ in count + 1 }
        try require(
            count == parameters.count, .format,
            "\(file.path): the optimizer has \(count) parameters, expected \(parameters.count)")
        let steps = try description.ints("steps", in: 0...Int.max - 1, limit: count)
        guard let random = Random(text: generator) else {
            throw SCNError(.format, "\(file.path): generator: expected four words in hexadecimal, not all zero")
        }
        let places = try parameters.indices.map { index in
            try optimizer.savedNames(steps: steps[index]).map { name in
                try place("\(optimizerPrefix)\(index).\(name)", parameters[index].shape, in: file).place
            }
        }
        return {
            let states = try zip(parameters, places).map { parameter, places in
                try places.map { try file.matrix($0, like: parameter.values) }
            }
            return {
                try optimizer.setLearningRate(rate)
                for (index, matrices) in states.enumerated() {
                    optimizer.restore(index, steps: steps[index], matrices: matrices)
                }
                Generator.state = random
            }
        }
    }

    /// Parameters that the file does not hold would be lost to the run that goes on from it.
    private static func check(_ optimizer: Optimizer, isOver tensors: [Named]) throws(SCNError) {
        let known = Set(tensors.map { ObjectIdentifier($0.tensor) })
        for (index, parameter) in optimizer.parameters.enumerated() {
            try require(
                known.contains(ObjectIdentifier(parameter)), .invalidArgument,
                "optimizer: its parameter \(index) is none of the tensors of the file")
        }
    }

    private static func checkNames(_ tensors: [Named]) throws(SCNError) {
        var seen: Set<String> = []
        for (name, _) in tensors {
            try require(seen.insert(name).inserted, .invalidArgument, "names: \"\(name)\" is given twice")
            try require(
                !name.isEmpty && !name.hasPrefix(optimizerPrefix), .invalidArgument,
                "names: \"\(name)\" is empty or begins with \"\(optimizerPrefix)\"")
        }
    }
}

extension SafetensorsFile {
    /// A tensor's elements in the shape of a matrix.
    fileprivate func matrix(_ place: Tensor, like other: Matrix) throws(SCNError) -> Matrix {
        let matrix = try Matrix(rows: other.rows, planes: other.planes)
        try read(place, into: matrix.storage.bytes)
        return matrix
    }
}

extension Random {
    fileprivate var text: String {
        [state.0, state.1, state.2, state.3].map { String($0, radix: 16) }.joined(separator: " ")
    }

    fileprivate init?(text: Storage<UInt8>) {
        // Four words of 16 digits, and what is between them.
        if text.count > 100 { return nil }
        let words = String(decoding: text.buffer, as: UTF8.self).split(separator: " ").map { UInt64($0, radix: 16) }
        guard words.count == 4, let a = words[0], let b = words[1], let c = words[2], let d = words[3],
            a | b | c | d != 0
        else { return nil }
        self.init(seed: 0)
        state = (a, b, c, d)
    }
}

internal import SCNCore
internal import SCNFiles

/// Modules, and runs in progress, as safetensors files.
///
/// A file holds the state under its names; metadata `architecture` is the module as JSON, `optimizer` and `generator` are
/// there where an optimizer was saved, whose matrices are `optimizer.N.NAME` for parameter N. Writing is atomic.
public enum Checkpoint {
    /// A tensor and the name that it has in a file.
    public typealias Named = (name: String, tensor: Tensor)

    private static let optimizerPrefix = "optimizer."

    /// Saves a module and, where given, its optimizer with the state of the shared generator.
    public static func save(_ module: Module, optimizer: Optimizer? = nil, to path: String) throws {
        let tensors = module.state.map { ($0.name, $0.tensor) }
        let architecture = Architecture.isComplete(module) ? try Architecture.text(of: module) : nil
        try save(tensors, architecture: architecture, optimizer: optimizer, to: path)
    }

    /// Saves tensors under names, without an architecture.
    public static func save(_ tensors: [Named], optimizer: Optimizer? = nil, to path: String) throws {
        try save(tensors, architecture: nil, optimizer: optimizer, to: path)
    }

    /// The module that a file holds, in evaluation mode.
    public static func open(_ path: String) throws -> Module {
        let file = try SafetensorsFile.read(path: path)
        guard let architecture = file.metadata("architecture") else {
            throw SCNError(
                .format, "\(path): holds no architecture; build the module and restore its parameters from the file")
        }
        let before = Generator.state
        defer { Generator.state = before }
        let module: Module
        do {
            module = try Architecture.build(architecture)
        } catch let error as SCNError {
            throw SCNError(error.kind == .memory ? .memory : .format, "\(path): architecture: \(error.message)")
        }
        try restore(file, module.state.map { ($0.name, $0.tensor) }, optimizer: nil)
        module.setTraining(false)
        return module
    }

    /// Loads a file's state into a module of the same names and shapes and, where given, its optimizer and the generator.
    public static func restore(_ module: Module, optimizer: Optimizer? = nil, from path: String) throws {
        try restore(module.state.map { ($0.name, $0.tensor) }, optimizer: optimizer, from: path)
    }

    /// Loads a file's tensors into tensors of the same names and shapes.
    public static func restore(_ tensors: [Named], optimizer: Optimizer? = nil, from path: String) throws {
        try restore(SafetensorsFile.read(path: path), tensors, optimizer: optimizer)
    }

    private static func save(_ tensors: [Named], architecture: String?, optimizer: Optimizer?, to path: String) throws {
        try checkNames(tensors)
        if let optimizer { try check(optimizer, isOver: tensors) }
        var metadata: [(String, String)] = [("format", "scn")]
        if let architecture { metadata.append(("architecture", architecture)) }
        var entries = tensors.map { SafetensorsWriter.Tensor($0.name, $0.tensor.shape, $0.tensor.values.storage) }
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
                    SafetensorsWriter.Tensor(
                        "\(optimizerPrefix)\(index).\(name)", optimizer.parameters[index].shape, matrix.storage)
                }
            }
        }
        try SafetensorsWriter.write(path: path, metadata: metadata, tensors: entries)
    }

    /// Reads and checks everything before it changes anything.
    private static func restore(_ file: SafetensorsFile, _ tensors: [Named], optimizer: Optimizer?) throws {
        try checkNames(tensors)
        func values(_ name: String, _ shape: [Int]) throws -> Storage<Float> {
            guard file.tensor(name) != nil else {
                throw SCNError(.format, "\(file.path): has no tensor \"\(name)\": another architecture")
            }
            let (found, values) = try file.float32(name)
            try require(
                found == shape, .format, "\(file.path): tensor \"\(name)\" has shape \(found), expected \(shape)")
            return values
        }
        let expected = Set(tensors.map(\.name))
        for tensor in file.tensors where !tensor.name.hasPrefix(optimizerPrefix) {
            try require(
                expected.contains(tensor.name), .format,
                "\(file.path): tensor \"\(tensor.name)\" is none of the module's: another architecture")
        }
        let loaded = try tensors.map { try values($0.name, $0.tensor.shape) }
        let apply = try optimizer.map { optimizer in
            let apply = try prepare(optimizer, file, values)
            try check(optimizer, isOver: tensors)
            return apply
        }
        for ((_, tensor), values) in zip(tensors, loaded) {
            tensor.values.pointer.update(from: values.pointer, count: values.count)
            tensor.values.storage.noteChange()
        }
        try apply?()
    }

    /// Checks the optimizer's part of a file and returns what puts it into place.
    private static func prepare(
        _ optimizer: Optimizer, _ file: SafetensorsFile, _ values: (String, [Int]) throws -> Storage<Float>
    ) throws -> () throws -> Void {
        guard let text = file.metadata("optimizer"), let generator = file.metadata("generator") else {
            throw SCNError(.format, "\(file.path): holds no optimizer")
        }
        let description = try JSON.parse(text)
        let type = try description.string("type")
        try require(
            type == optimizer.typeName, .format, "\(file.path): holds \(type), expected \(optimizer.typeName)")
        let rate = try description.double("learning_rate")
        try requireAtLeastZero(rate, "\(file.path): learning_rate", .format)
        let steps = try description.ints("steps", in: 0...Int.max - 1)
        try require(
            steps.count == optimizer.parameters.count, .format,
            "\(file.path): the optimizer has \(steps.count) parameters, expected \(optimizer.parameters.count)")
        guard let random = Random(text: generator) else {
            throw SCNError(.format, "\(file.path): generator: expected four words in hexadecimal, not all zero")
        }
        let states = try optimizer.parameters.indices.map { index in
            let parameter = optimizer.parameters[index]
            return try optimizer.savedNames(steps: steps[index]).map { name in
                let storage = try values("\(optimizerPrefix)\(index).\(name)", parameter.shape)
                return Matrix(rows: parameter.values.rows, planes: parameter.values.planes, storage: storage)
            }
        }
        return {
            try optimizer.setLearningRate(rate)
            for (index, matrices) in states.enumerated() {
                optimizer.restore(index, steps: steps[index], matrices: matrices)
            }
            Generator.state = random
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

extension Random {
    fileprivate var text: String {
        [state.0, state.1, state.2, state.3].map { String($0, radix: 16) }.joined(separator: " ")
    }

    fileprivate init?(text: String) {
        let words = text.split(separator: " ").map { UInt64($0, radix: 16) }
        guard words.count == 4, let a = words[0], let b = words[1], let c = words[2], let d = words[3],
            a | b | c | d != 0
        else { return nil }
        self.init(seed: 0)
        state = (a, b, c, d)
    }
}

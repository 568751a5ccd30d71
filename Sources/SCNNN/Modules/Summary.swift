internal import SCNCore
public import SCNOps

/// What a network does with one input, layer by layer: a table for people to read, and its numbers.
///
///     print(try Summary(of: net, input: .points(points)))
public struct Summary: CustomStringConvertible, Sendable {
    /// One application of a layer. Its inner modules have rows of their own.
    public struct Row: Equatable, Sendable {
        /// The path of child indices, such as "0.1"; empty for the network itself.
        public let path: String
        /// The type's name and its arguments.
        public let layer: String
        /// The number of active sites of the result; nil unless it is sparse.
        public internal(set) var sites: Int?
        /// The shape of the result, [sites, planes] if it is sparse; empty for a table.
        public internal(set) var shape: [Int] = []
        /// The number of parameters that no row above has counted.
        public internal(set) var parameters = 0
        /// What ``ForwardCounts`` counts.
        public internal(set) var counts = ForwardCounts()
        /// The bytes of the result; 0 if it shares the input's memory.
        public internal(set) var memory = 0
    }

    /// The layers in the order in which they are applied.
    public let rows: [Row]

    /// The number of parameters of the whole network.
    public var parameters: Int { rows.reduce(0) { $0 + $1.parameters } }
    /// The multiply-adds of all layers.
    public var multiplyAdds: Int { rows.reduce(0) { $0 &+ $1.counts.multiplyAdds } }
    /// The hidden states of all layers.
    public var hiddenStates: Int { rows.reduce(0) { $0 &+ $1.counts.hiddenStates } }
    /// The rules of all layers.
    public var rules: Int { rows.reduce(0) { $0 &+ $1.counts.rules } }
    /// The bytes of all layers' results.
    public var memory: Int { rows.reduce(0) { $0 &+ $1.memory } }

    /// Applies the module in evaluation mode, without recording. Neither the module nor ``ForwardCounts/total``
    /// changes.
    public init(of module: Module, input: Value) throws {
        let modes = module.trainingModes
        let recorder = SummaryRecorder(module)
        defer { for (module, isTraining) in modes { module.setTraining(isTraining) } }
        module.setTraining(false)
        try Tape.withoutRecording {
            try Transaction.runAndPutBack(drawingFrom: Generator.state) {
                _ = try recorder.whileObserving { try module(input) }
            }
        }
        rows = recorder.rows
    }

    /// The table, one line per layer and one for the totals.
    public var description: String {
        let titles = ["layer", "sites", "planes", "rules", "parameters", "multiply-adds", "memory"]
        var cells = rows.map { row in
            [
                row.path.isEmpty ? row.layer : "\(row.path) \(row.layer)", row.sites.map(grouped) ?? "-",
                row.sites == nil ? row.shape.map(String.init).joined(separator: " x ") : grouped(row.shape[1]),
                grouped(row.counts.rules), grouped(row.parameters), grouped(row.counts.multiplyAdds),
                bytes(row.memory),
            ]
        }
        cells.append(["total", "", "", grouped(rules), grouped(parameters), grouped(multiplyAdds), bytes(memory)])
        let widths = titles.indices.map { column in
            ([titles] + cells).reduce(0) { max($0, $1[column].count) }
        }
        func line(_ row: [String]) -> String {
            let padded = zip(row, widths).enumerated().map { column, entry in
                let blanks = String(repeating: " ", count: entry.1 - entry.0.count)
                return column == 0 ? entry.0 + blanks : blanks + entry.0
            }
            return padded.joined(separator: "  ")
        }
        let rule = String(repeating: "-", count: widths.reduce(0, +) + 2 * (widths.count - 1))
        return ([line(titles), rule] + cells.dropLast().map(line) + [rule, line(cells.last!)]).joined(separator: "\n")
    }
}

/// Makes the rows of a summary out of the calls of modules.
private final class SummaryRecorder: ForwardObserver {
    private(set) var rows: [Summary.Row] = []
    private let paths: [ObjectIdentifier: String]
    /// What inner modules with paths have counted, for each call that is going on.
    private var counted: [ForwardCounts] = []
    private var known: Set<ObjectIdentifier> = []
    /// The result of the call that ended last, which may be that of the call around it too.
    private var last: Value?

    init(_ network: Module) { paths = network.paths }

    override func observe(_ module: Module, _ input: Value) throws -> Value {
        // A module that is nobody's child is a part of the one that calls it.
        guard let path = paths[ObjectIdentifier(module)] else { return try module.forward(input) }
        let (index, remark) = (rows.count, module.summary)
        rows.append(Summary.Row(path: path, layer: module.typeName + (remark.isEmpty ? "" : "(\(remark))")))
        let before = ForwardCounts.ofThisThread
        counted.append(ForwardCounts())
        let output: Value
        do {
            output = try module.forward(input)
        } catch {
            counted.removeLast()
            throw error
        }
        let whole = ForwardCounts.ofThisThread - before
        let own = whole - counted.removeLast()
        if let caller = counted.indices.last { counted[caller] = counted[caller] + whole }
        if module is Container && module.ownState.isEmpty && own == ForwardCounts() {
            rows.remove(at: index)
        } else {
            fill(index, module, input, output, own)
        }
        last = output
        return output
    }

    private func fill(_ index: Int, _ module: Module, _ input: Value, _ output: Value, _ counts: ForwardCounts) {
        if case .sparse(let sparse) = output { rows[index].sites = sparse.siteCount }
        rows[index].shape = output.tensor?.shape ?? []
        for entry in module.ownState where entry.isParameter {
            if known.insert(ObjectIdentifier(entry.tensor)).inserted { rows[index].parameters += entry.tensor.count }
        }
        rows[index].counts = counts
        let elsewhere = [input, last].map { $0?.tensor?.values.storage }
        if let result = output.tensor, !elsewhere.contains(where: { $0 === result.values.storage }) {
            rows[index].memory = result.count * result.values.type.size
        }
    }
}

extension Module {
    /// Every module of the tree with its mode, outer ones first, as setting one sets its inner ones.
    fileprivate var trainingModes: [(Module, Bool)] { [(self, isTraining)] + children.flatMap(\.trainingModes) }

    /// The path of child indices to every module of the tree, to shared ones the first.
    fileprivate var paths: [ObjectIdentifier: String] {
        var paths: [ObjectIdentifier: String] = [:]
        func add(_ module: Module, _ path: String) {
            guard paths[ObjectIdentifier(module)] == nil else { return }
            paths[ObjectIdentifier(module)] = path
            for (index, child) in module.children.enumerated() {
                add(child, path.isEmpty ? "\(index)" : "\(path).\(index)")
            }
        }
        add(self, "")
        return paths
    }
}

/// "1,234,567"
func grouped(_ number: Int) -> String {
    let digits = String(number.magnitude)
    var text = number < 0 ? "-" : ""
    for (position, digit) in digits.enumerated() {
        if position > 0 && (digits.count - position).isMultiple(of: 3) { text.append(",") }
        text.append(digit)
    }
    return text
}

/// "512 B", "1.5 kB", "2.0 MB"
func bytes(_ number: Int) -> String {
    var (unit, rest) = (0, Double(number))
    let units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"]
    while rest >= 999.95, unit < units.count - 1 {
        rest /= 1000
        unit += 1
    }
    if unit == 0 { return "\(number) B" }
    let tenths = Int((rest * 10).rounded())
    return "\(tenths / 10).\(tenths % 10) \(units[unit])"
}

import CSCNKernels
import Synchronization

/// What every test needs: the tables of this cpu, numbers, guarded buffers off alignment, and rulebooks.
struct Table: CustomStringConvertible, @unchecked Sendable {
    let index: Int32
    var kernels: scn_kernel_table { scn_kernels_at(index)!.pointee }
    var description: String { String(cString: kernels.name) }

    static let all = (Int32(0)..<8).filter { scn_kernels_at($0) != nil }.map(Table.init(index:))
}

let planeCounts = [1, 2, 3, 5, 7, 8, 15, 16, 17, 31, 32, 33, 37, 48, 64, 65, 80, 96, 128, 160]

struct Numbers {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state >> 33
    }

    mutating func floats(_ count: Int) -> [Float] {
        (0..<count).map { _ in Float(next()) / Float(1 << 30) - 1 }
    }
}

/// The last buffers, which outlive the calls that got their addresses: Swift lets go of an object after its last
/// mention.
private struct Recent: @unchecked Sendable {
    private static let kept = Mutex(Recent())
    private var buffers: [AnyObject] = []

    static func keep(_ buffer: AnyObject) {
        // What goes ends outside of the lock.
        let oldest = kept.withLock { recent -> Recent? in
            recent.buffers.append(buffer)
            return recent.buffers.count > 64 ? Recent(buffers: [recent.buffers.removeFirst()]) : nil
        }
        withExtendedLifetime(oldest) {}
    }
}

/// Floats that begin one float past an aligned address, between guards that nothing may change.
final class Buffer {
    static let guardValue: Float = -12_345.5
    private static let guardCount = 64
    let count: Int
    private let base: UnsafeMutablePointer<Float>
    var pointer: UnsafeMutablePointer<Float> { base + Buffer.guardCount + 1 }

    init(_ values: [Float]) {
        count = values.count
        let total = count + 2 * Buffer.guardCount + 1
        base = UnsafeMutableRawPointer.allocate(byteCount: total * 4, alignment: 64)
            .bindMemory(to: Float.self, capacity: total)
        base.initialize(repeating: Buffer.guardValue, count: total)
        for (i, value) in values.enumerated() { pointer[i] = value }
        Recent.keep(self)
    }

    convenience init(count: Int) { self.init([Float](repeating: 0, count: count)) }

    /// A matrix whose rows are `stride` apart, guard values in the gaps.
    convenience init(_ values: [Float], rows: Int, planes: Int, stride: Int) {
        var spread = [Float](repeating: Buffer.guardValue, count: rows * stride)
        for row in 0..<rows { for p in 0..<planes { spread[row * stride + p] = values[row * planes + p] } }
        self.init(spread)
    }

    deinit { base.deallocate() }

    var values: [Float] { Array(UnsafeBufferPointer(start: pointer, count: count)) }

    var guardsAreIntact: Bool {
        (0...Buffer.guardCount).allSatisfy { base[$0] == Buffer.guardValue }
            && (0..<Buffer.guardCount).allSatisfy { pointer[count + $0] == Buffer.guardValue }
    }

    func matrix(rows: Int, planes: Int, stride: Int) -> [Float] {
        (0..<rows * planes).map { pointer[$0 / planes * stride + $0 % planes] }
    }

    func gapsAreIntact(rows: Int, planes: Int, stride: Int) -> Bool {
        (0..<rows * stride).allSatisfy { $0 % stride < planes || pointer[$0] == Buffer.guardValue }
    }
}

/// Doubles off alignment, between guards that nothing may change.
final class DoubleBuffer {
    private static let guardCount = 17
    let count: Int
    private let base: UnsafeMutablePointer<Double>
    var pointer: UnsafeMutablePointer<Double> { base + DoubleBuffer.guardCount }

    init(count: Int) {
        self.count = count
        base = .allocate(capacity: count + 2 * DoubleBuffer.guardCount)
        base.initialize(repeating: Double(Buffer.guardValue), count: count + 2 * DoubleBuffer.guardCount)
        Recent.keep(self)
    }

    deinit { base.deallocate() }

    var values: [Double] { Array(UnsafeBufferPointer(start: pointer, count: count)) }

    var guardsAreIntact: Bool {
        (0..<DoubleBuffer.guardCount).allSatisfy {
            base[$0] == Double(Buffer.guardValue) && pointer[count + $0] == Double(Buffer.guardValue)
        }
    }
}

/// A rulebook in the layout of `scn_rules`, each rule of each offset present by chance.
struct Rules {
    var offsets: [Int64] = [0]
    var inputRows: [Int32] = []
    var outputRows: [Int32] = []
    var volume: Int { offsets.count - 1 }

    init(volume: Int, inputs: Int, outputs: Int, percent: UInt64, numbers: inout Numbers) {
        for _ in 0..<volume {
            var input = 0
            for output in 0..<outputs where numbers.next() % 100 < percent {
                input += Int(numbers.next() % 2)
                guard input < inputs else { break }
                inputRows.append(Int32(input))
                outputRows.append(Int32(output))
                input += 1
            }
            offsets.append(Int64(inputRows.count))
        }
    }

    func withRules<Result>(_ body: (UnsafePointer<scn_rules>) -> Result) -> Result {
        offsets.withUnsafeBufferPointer { offsets in
            // A base address even where there are no rules.
            (inputRows + [0]).withUnsafeBufferPointer { inputs in
                (outputRows + [0]).withUnsafeBufferPointer { outputs in
                    var rules = scn_rules(
                        volume: Int64(volume), offsets: offsets.baseAddress!, input_rows: inputs.baseAddress!,
                        output_rows: outputs.baseAddress!)
                    return body(&rules)
                }
            }
        }
    }
}

/// The largest |a - b| / (1 + |b|); infinite where the counts differ or a value is not a number.
func worstError(_ a: [Float], _ b: [Double]) -> Double { worstError(a.map(Double.init), b) }

func worstError(_ a: [Double], _ b: [Double]) -> Double {
    guard a.count == b.count else { return .infinity }
    var worst = 0.0
    for (x, y) in zip(a, b) {
        let error = abs(x - y) / (1 + abs(y))
        if !(error <= worst) { worst = error.isNaN ? .infinity : error }
    }
    return worst
}

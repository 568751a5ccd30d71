internal import CSCNSupport
internal import Glibc

/// A seedable stream of pseudo-random numbers: xoshiro256** (Blackman and Vigna, "Scrambled linear pseudorandom number
/// generators", 2018), seeded by SplitMix64.
public struct Random: RandomNumberGenerator, Equatable, Sendable {
    /// The whole state, to save and restore a stream.
    public var state: (UInt64, UInt64, UInt64, UInt64)

    /// The stream that belongs to a seed.
    public init(seed: UInt64) {
        var mixer = seed
        func next() -> UInt64 {
            mixer &+= 0x9E37_79B9_7F4A_7C15
            var z = mixer
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }
        state = (next(), next(), next(), next())
    }

    /// Whether two streams will give the same numbers.
    public static func == (a: Random, b: Random) -> Bool { a.state == b.state }

    /// The next 64 random bits.
    public mutating func next() -> UInt64 {
        func rotate(_ x: UInt64, _ bits: UInt64) -> UInt64 { (x << bits) | (x >> (64 - bits)) }
        let result = rotate(state.1 &* 5, 7) &* 9
        let t = state.1 << 17
        state.2 ^= state.0
        state.3 ^= state.1
        state.1 ^= state.2
        state.0 ^= state.3
        state.2 ^= t
        state.3 = rotate(state.3, 45)
        return result
    }

    /// Uniform in [0, 1), 53 random bits.
    public mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// Standard normal, by the polar method of Marsaglia (1964); the second value of each pair is not kept, so that the
    /// state is the four words alone.
    public mutating func normal() -> Double {
        while true {
            let x = 2 * uniform() - 1
            let y = 2 * uniform() - 1
            let s = x * x + y * y
            if s > 0 && s < 1 { return x * (-2 * log(s) / s).squareRoot() }
        }
    }
}

/// The generator that initialises weights, drives dropout and displaces windows, shared by the process.
///
/// Programs that use it from several threads get values in the order in which the threads come.
public enum Generator {
    private static let shared = Locked(Random(seed: 0))

    /// Starts the stream that belongs to a seed.
    public static func seed(_ seed: UInt64) { withRandom { $0 = Random(seed: seed) } }
    /// Runs `body` on the stream while no other thread does.
    public static func withRandom<R>(_ body: (inout Random) throws -> R) rethrows -> R {
        if let own = scn_thread_generator_get() { return try body(&own.assumingMemoryBound(to: Random.self).pointee) }
        return try shared.withLock { try body(&$0) }
    }
    /// The stream as it is, to save and restore it.
    public static var state: Random {
        get { withRandom { $0 } }
        set { withRandom { $0 = newValue } }
    }

    /// Runs `body` with `stream` in place of the shared generator, for this thread.
    package static func withStream<R>(_ stream: inout Random, _ body: () throws -> R) rethrows -> R {
        let before = scn_thread_generator_get()
        defer { scn_thread_generator_set(before) }
        return try withUnsafeMutablePointer(to: &stream) {
            scn_thread_generator_set($0)
            return try body()
        }
    }
}

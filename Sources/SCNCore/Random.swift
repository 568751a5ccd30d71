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

    /// Moves on by 2^128 numbers.
    package mutating func jump() {
        var sum: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        // The coefficients of x^(2^128) modulo the characteristic polynomial of the generator, as its authors give
        // them.
        let words: [UInt64] = [
            0x180E_C6D3_3CFD_0ABA, 0xD5A6_1266_F0C9_392C, 0xA958_2618_E03F_C9AA, 0x39AB_DC45_29B1_661C,
        ]
        for word in words {
            for bit in 0..<64 {
                if word >> UInt64(bit) & 1 == 1 {
                    sum = (sum.0 ^ state.0, sum.1 ^ state.1, sum.2 ^ state.2, sum.3 ^ state.3)
                }
                _ = next()
            }
        }
        state = sum
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

/// The generator that initializes weights, drives dropout and displaces windows, shared by the process.
///
/// A call borrows the generator's stream when it first draws, and gives it back at its end: as it is then, or, where
/// the call fails, as it was. Nothing is locked meanwhile. Who draws while another call has the stream gets one that
/// begins 2^128 numbers further on, and the generator goes on from there. So no number is drawn twice, one thread alone
/// gets the numbers of one stream, and several threads get those that belong to the order in which they come. A call
/// that chooses the stream has the last word when it ends: loans of that time are not taken back.
public enum Generator {
    /// A stream on loan to a call.
    struct Loan {
        var random: Random
        /// Whether the call chose the stream, which the generator then goes on with whoever has taken over meanwhile.
        private var isChosen = false
        /// 0 for a stream that is nobody's but the call's.
        private let ticket: UInt64

        fileprivate init(_ random: Random, ticket: UInt64) {
            self.random = random
            self.ticket = ticket
        }

        /// A stream that the generator knows nothing of.
        init(_ random: Random) { self.init(random, ticket: 0) }

        /// Draws from another stream from here on, with which the generator goes on.
        mutating func choose(_ random: Random) {
            self.random = random
            isChosen = true
        }

        /// Gives the stream back as it is now, unless another call has taken over from one that did not choose it.
        func settle() { end(evenIfTakenOver: isChosen) { $0.random = random } }

        /// Gives the stream back as it was.
        func cancel() { end(evenIfTakenOver: false) { _ in } }

        private func end(evenIfTakenOver: Bool, _ body: (inout State) -> Void) {
            if ticket == 0 { return }
            Generator.shared.withLock { state in
                guard state.borrower == ticket || evenIfTakenOver else { return }
                state.borrower = 0
                body(&state)
            }
        }
    }

    fileprivate struct State {
        var random = Random(seed: 0)
        /// The ticket of the last loan; 0 once that came back.
        var borrower: UInt64 = 0
        var lastTicket: UInt64 = 0
    }

    private static let shared = Locked(State())

    /// Takes a stream on loan.
    static func borrow() -> Loan {
        shared.withLock { state in
            if state.borrower != 0 { state.random.jump() }
            state.lastTicket += 1
            state.borrower = state.lastTicket
            return Loan(state.random, ticket: state.lastTicket)
        }
    }

    /// Starts the stream that belongs to a seed.
    public static func seed(_ seed: UInt64) { state = Random(seed: seed) }

    /// Runs `body` on the stream, which moves on where `body` returns and does not where it throws; not to be nested.
    public static func withRandom<R>(_ body: (inout Random) throws -> R) rethrows -> R {
        try Transaction.run { try Transaction.withStream(body) }
    }

    /// The stream as it is, to save and restore it; while another thread's call has it, as it was before that.
    public static var state: Random {
        get { Transaction.stream ?? shared.withLock { $0.random } }
        set { Transaction.run { Transaction.chooseStream(newValue) } }
    }
}

import Glibc
import SCNTestSupport
import Synchronization
import Testing

@testable import SCNCore

@Suite(.exclusive) struct TransactionTests {
    private struct Failure: Error {}

    /// x -> x * M over the field of two elements, 256 bits; rows of M as words.
    private typealias Bits = [UInt64]

    private static func bits(_ random: Random) -> Bits {
        [random.state.0, random.state.1, random.state.2, random.state.3]
    }

    private static func product(_ vector: Bits, _ matrix: [Bits]) -> Bits {
        var sum: Bits = [0, 0, 0, 0]
        for row in 0..<256 where vector[row / 64] >> UInt64(row % 64) & 1 == 1 {
            for word in 0..<4 { sum[word] ^= matrix[row][word] }
        }
        return sum
    }

    @Test func aJumpIsTwoToThe128Numbers() {
        var step: [Bits] = (0..<256).map { row in
            var random = Random(seed: 0)
            var words: Bits = [0, 0, 0, 0]
            words[row / 64] = 1 << UInt64(row % 64)
            random.state = (words[0], words[1], words[2], words[3])
            _ = random.next()
            return Self.bits(random)
        }
        for _ in 0..<128 { step = step.map { Self.product($0, step) } }
        var random = Random(seed: 5)
        let wanted = Self.product(Self.bits(random), step)
        random.jump()
        #expect(Self.bits(random) == wanted)
    }

    @Test func whatACallDrewIsPutBackWhereItFails() throws {
        Generator.seed(7)
        let start = Generator.state
        #expect(throws: Failure.self) {
            try Transaction.run {
                _ = Generator.withRandom { $0.next() }
                #expect(Generator.state != start)
                throw Failure()
            }
        }
        #expect(Generator.state == start)
        // A call inside that fails, and one around it that does not.
        let first = Transaction.run {
            let first = Generator.withRandom { $0.next() }
            #expect(throws: Failure.self) {
                try Transaction.run {
                    _ = Generator.withRandom { $0.next() }
                    throw Failure()
                }
            }
            return [first, Generator.withRandom { $0.next() }]
        }
        var random = start
        #expect(first == [random.next(), random.next()])
        #expect(Generator.state == random)
        // Which draws for the first time inside.
        Transaction.run {
            _ = try? Transaction.run {
                _ = Generator.withRandom { $0.next() }
                throw Failure()
            }
        }
        #expect(Generator.state == random)
    }

    /// The stream that a call chooses, while another thread's call draws, which ends later or begins earlier.
    @Test func aChosenStreamIsTheOneThatFollows() throws {
        let before = Parallel.threadCount
        defer { Parallel.threadCount = before }
        Parallel.threadCount = 2
        for theOtherEndsFirst in [false, true] {
            for isKept in [true, false] {
                Generator.seed(9)
                let step = Atomic(0)
                func wait(for wanted: Int) {
                    while step.load(ordering: .acquiring) < wanted { sched_yield() }
                }
                Parallel.forEach(2) { thread in
                    if thread == 0 {
                        try? Transaction.run { () throws(Failure) in
                            wait(for: 1)
                            Generator.seed(10)
                            _ = Generator.withRandom { $0.next() }
                            if theOtherEndsFirst {
                                step.store(2, ordering: .releasing)
                                wait(for: 3)
                            }
                            if !isKept { throw Failure() }
                        }
                        step.store(4, ordering: .releasing)
                    } else {
                        Transaction.run {
                            _ = Generator.withRandom { $0.next() }
                            step.store(1, ordering: .releasing)
                            wait(for: theOtherEndsFirst ? 2 : 4)
                        }
                        if theOtherEndsFirst { step.store(3, ordering: .releasing) }
                    }
                }
                var wanted = Random(seed: 10)
                _ = wanted.next()
                #expect((Generator.state == wanted) == isKept)
            }
        }
        // A stream of the call's own is not the generator's.
        Generator.seed(11)
        Transaction.run(drawingFrom: Random(seed: 12)) { Generator.seed(13) }
        #expect(Generator.state == Random(seed: 11))
    }

    @Test func elementsArePutBackInReverse() throws {
        let matrix = try Matrix(rows: 1, planes: 2, [1, 2])
        func set(_ value: Float) throws {
            try Transaction.willChange(matrix)
            matrix.pointer[0] = value
        }
        try Transaction.run {
            try set(3)
            #expect(throws: Failure.self) {
                try Transaction.run {
                    try set(4)
                    try set(5)
                    throw Failure()
                }
            }
            #expect(matrix.elements == [3, 2])
        }
        #expect(matrix.elements == [3, 2])
        let result = try Transaction.runAndPutBack(drawingFrom: Random(seed: 1)) { () throws in
            try set(6)
            return (matrix.pointer[0], Generator.withRandom { $0.next() })
        }
        var random = Random(seed: 1)
        #expect(result == (6, random.next()) && matrix.elements == [3, 2])
        let version = matrix.storage.version
        #expect(throws: Failure.self) {
            try Transaction.run {
                try set(7)
                _ = try Transaction.runAndPutBack(drawingFrom: Random(seed: 1)) { () throws in try set(8) }
                #expect(matrix.elements == [7, 2])
                throw Failure()
            }
        }
        #expect(matrix.elements == [3, 2] && matrix.storage.version != version)
    }

    /// Threads whose calls overlap, fail, seed nothing and draw: no number comes twice.
    @Test func noNumberIsDrawnTwice() {
        Generator.seed(8)
        let (threads, calls) = (4, 3000)
        let drawn = Mutex<[UInt64]>([])
        let before = Parallel.threadCount
        defer { Parallel.threadCount = before }
        Parallel.threadCount = threads
        Parallel.forEach(threads) { thread in
            var own: [UInt64] = []
            for call in 0..<calls {
                let numbers = try? Transaction.run { () throws(Failure) in
                    var numbers = [Generator.withRandom { $0.next() }]
                    if call % 3 == 0 { numbers.append(Generator.withRandom { $0.next() }) }
                    if (call + thread) % 5 == 0 { throw Failure() }
                    return numbers
                }
                own += numbers ?? []
            }
            drawn.withLock { $0 += own }
        }
        let all = drawn.withLock { $0 }
        #expect(all.count > threads * calls * 4 / 5)
        #expect(Set(all).count == all.count)
    }
}

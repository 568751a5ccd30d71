import Testing

@testable import SCNCore

@Suite(.serialized) struct ParallelTests {
    @Test(arguments: [1, 2, 3, 8]) func everyIndexRunsOnce(threads: Int) {
        let before = Parallel.threadCount
        defer { Parallel.threadCount = before }
        Parallel.threadCount = threads
        for count in [0, 1, 2, 7, 1000] {
            let counts = UnsafeMutablePointer<Int>.allocate(capacity: count + 1)
            defer { counts.deallocate() }
            counts.initialize(repeating: 0, count: count + 1)
            for _ in 0..<50 { Parallel.forEach(count) { counts[$0] += 1 } }
            #expect((0..<count).allSatisfy { counts[$0] == 50 })
        }
    }

    @Test func nestedLoopsFinish() {
        let sums = UnsafeMutablePointer<Int>.allocate(capacity: 16)
        defer { sums.deallocate() }
        sums.initialize(repeating: 0, count: 16)
        Parallel.forEach(16) { outer in Parallel.forEach(10) { sums[outer] += $0 } }
        #expect((0..<16).allSatisfy { sums[$0] == 45 })
    }
}

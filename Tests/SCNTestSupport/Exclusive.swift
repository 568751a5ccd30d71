internal import CSCNKernels
internal import SCNCore
package import Testing

/// Lets one test at a time run among all suites with this trait, in whatever target: for tests that set the kernels or
/// the thread count, draw from the shared generator, or compare the bits of two calls. Restores all three after each
/// test.
package struct ExclusiveTrait: SuiteTrait, TestTrait, TestScoping {
    package let isRecursive = true
    /// Whether a test runs once with each instruction set of this cpu.
    var repeatsOnEachInstructionSet = false

    package func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        guard testCase != nil else { return try await function() }
        await Turnstile.shared.enter()
        let (threads, generator) = (Parallel.threadCount, Generator.state)
        let outcome: Result<Void, any Error>
        do { outcome = .success(try await run(function)) } catch { outcome = .failure(error) }
        Kernels.override = nil
        Kernels.bfloat16Override = nil
        Parallel.threadCount = threads
        Generator.state = generator
        await Turnstile.shared.leave()
        try outcome.get()
    }

    private func run(_ function: @Sendable () async throws -> Void) async throws {
        guard repeatsOnEachInstructionSet else { return try await function() }
        var index: Int32 = 0
        while let table = scn_kernels_at(index) {
            Kernels.override = table
            try await function()
            index += 1
        }
    }
}

extension Trait where Self == ExclusiveTrait {
    package static var exclusive: ExclusiveTrait { ExclusiveTrait() }
    package static var onEachInstructionSet: ExclusiveTrait { ExclusiveTrait(repeatsOnEachInstructionSet: true) }
}

private actor Turnstile {
    static let shared = Turnstile()
    private var isTaken = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    func enter() async {
        if isTaken {
            await withCheckedContinuation { waiting.append($0) }
        } else {
            isTaken = true
        }
    }

    func leave() {
        if waiting.isEmpty { isTaken = false } else { waiting.removeFirst().resume() }
    }
}

/// Runs `body` once with each instruction set of this cpu; only in suites with the trait `exclusive`.
package func withEachInstructionSet(_ body: (_ name: Comment) throws -> Void) rethrows {
    defer { Kernels.override = nil }
    var index: Int32 = 0
    while let table = scn_kernels_at(index) {
        Kernels.override = table
        try body(Comment(rawValue: Kernels.description))
        index += 1
    }
}

/// Runs `body` once without instructions for products of bfloat16 on each instruction set, and once with each set of
/// them that this cpu has; only in suites with the trait `exclusive`.
package func withEachBFloat16(_ body: (_ name: Comment) throws -> Void) rethrows {
    defer { Kernels.bfloat16Override = nil }
    Kernels.bfloat16Override = .some(nil)
    try withEachInstructionSet(body)
    var index: Int32 = 0
    while let products = scn_bfloat16_at(index) {
        Kernels.bfloat16Override = products
        try body(Comment(rawValue: String(cString: products.pointee.name)))
        index += 1
    }
}

/// Whether `body` gives the same bits on 1, 2 and 3 threads with each instruction set, and any bits at all.
package func bitsAgreeOnAllThreadCounts(_ body: () throws -> [[Float]]) throws -> Bool {
    let before = Parallel.threadCount
    defer { Parallel.threadCount = before }
    var agree = true
    try withEachInstructionSet { _ in
        let bits = try [1, 2, 3].map { threads in
            Parallel.threadCount = threads
            return try body().map { $0.map(\.bitPattern) }
        }
        agree = agree && bits[0] == bits[1] && bits[0] == bits[2] && bits[0].contains { !$0.isEmpty }
    }
    return agree
}

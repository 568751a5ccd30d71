import Glibc
import SCNCore
import SCNOps
import SCNTestSupport
import Testing

@testable import SCNNN

@Suite(.exclusive) struct TapeTests {
    @Test func sharedSubexpressionsAddUp() throws {
        let x = try leaf([1, -2, 3], [3])
        let square = try x * x
        let y = try square + square
        try (y * x).sum().backward()
        #expect(x.gradient == [6, 24, 54])
        // Another pass adds to what is there.
        try (x * 2).sum().backward()
        #expect(x.gradient == [8, 26, 56])
        x.zeroGradient()
        #expect(x.gradient == nil)
    }

    @Test func diamondsVisitEveryOperationOnce() throws {
        let x = try leaf([2], [1])
        var y = x
        // Two ways at each of 40 levels: a walk over all paths would never end.
        for _ in 0..<40 { y = try (y + y) * 0.5 }
        try y.sum().backward()
        #expect(x.gradient == [1])
    }

    @Test func pathsOfUnequalLengthMeet() throws {
        let x = try leaf([3], [1])
        var long = x
        for _ in 0..<10 { long = try long * 1 }
        let y = try long * x
        try (y + x).sum().backward()
        #expect(x.gradient == [7])
    }

    @Test func aTensorTimesItselfGetsBothGradients() throws {
        let x = try leaf([1, 2, 3, 4, 5], [5])
        try (x * x).backward(gradient: [1, 1, 1, 1, 10])
        #expect(x.gradient == [2, 4, 6, 8, 100])
    }

    @Test func gradientsOfResultsAreNotShared() throws {
        let (a, b) = (try leaf([1], [1]), try leaf([2], [1]))
        try (a + b).sum().backward()
        try (a * 3).sum().backward()
        #expect(a.gradient == [4] && b.gradient == [1])
        _ = try Gradients.clipNorm([a], to: 1)
        #expect(b.gradient == [1])
    }

    @Test func aSecondBackwardIsAnError() throws {
        let x = try leaf([1, 2], [2])
        let loss = try (x * x).sum()
        try loss.backward()
        let before = x.gradient
        #expect(thrownError { try loss.backward() }?.kind == .state)
        #expect(x.gradient == before)
        let shared = try x * x
        try shared.sum().backward()
        #expect(thrownError { try (shared * 2).sum().backward() }?.kind == .state)
    }

    @Test func leavesAreUnchangedWhereAPassFails() throws {
        struct Failure: Error {}
        let (a, b) = (try leaf([1], [1]), try leaf([2], [1]))
        let broken = Tape.result(shape: [1], values: b.values, inputs: [b]) { _ in throw Failure() }
        // a's gradient is known before the broken operation is reached.
        let loss = try a * 5 + broken
        #expect(throws: Failure.self) { try loss.sum().backward() }
        #expect(a.gradient == nil && b.gradient == nil)
    }

    @Test func wrongGradientsAreErrors() throws {
        let x = try leaf([1, 2], [2])
        #expect(thrownError { try (x * 2).backward() }?.kind == .shape)
        #expect(thrownError { try (x * 2).backward(gradient: [1]) }?.kind == .shape)
        #expect(thrownError { try Tensor([1], shape: [1]).backward() }?.kind == .state)
        #expect(x.gradient == nil)
        try x.backward(gradient: [3, 4])
        #expect(x.gradient == [3, 4])
    }

    @Test func nothingIsRecordedWhereRecordingIsOff() throws {
        let x = try leaf([1, 2], [2])
        let y = try Tape.withoutRecording { try x * x }
        #expect(!y.requiresGradient && y.isLeaf && Tape.isRecording)
        #expect(thrownError { try y.sum().backward() }?.kind == .state)
        try (y * x).sum().backward()
        #expect(x.gradient == [1, 4])
        #expect(throws: SCNError.self) { try Tape.withoutRecording { throw SCNError(.state, "an error") } }
        #expect(Tape.isRecording)
    }

    @Test func detachedTensorsStopGradients() throws {
        let x = try leaf([3], [1])
        let y = try x * x
        try (y.detached() * x).sum().backward()
        #expect(x.gradient == [9])
        #expect(thrownError { try y.setRequiresGradient(false) }?.kind == .state)
    }

    /// On a thread with a small stack, so that a release link by link would overflow it.
    @Test func longChainsAreReleasedWithoutAStack() throws {
        let isDone = Locked(false)
        try onSmallStack {
            let one = try leaf([1], [1])
            var sum = one
            for _ in 0..<200_000 { sum = try sum + one }
            isDone.withLock { $0 = true }
        }
        #expect(isDone.withLock { $0 })
    }

    @Test func longChainsGoBackwards() throws {
        let one = try leaf([1], [1])
        try onSmallStack {
            var sum = one
            for _ in 0..<50_000 { sum = try sum + one }
            try sum.sum().backward()
        }
        #expect(one.gradient == [50_001])
    }

    private func onSmallStack(_ body: @escaping () throws -> Void) throws {
        var failure: (any Error)?
        nonisolated(unsafe) let work = body
        try withUnsafeMutablePointer(to: &failure) { failure in
            nonisolated(unsafe) let failure = failure
            var task: () -> Void = { do { try work() } catch { failure.pointee = error } }
            var attributes = pthread_attr_t()
            pthread_attr_init(&attributes)
            pthread_attr_setstacksize(&attributes, 256 << 10)
            var thread = pthread_t()
            try withUnsafeMutablePointer(to: &task) { task in
                let status = pthread_create(
                    &thread, &attributes,
                    { argument in
                        argument!.assumingMemoryBound(to: (() -> Void).self).pointee()
                        return nil
                    }, task)
                try #require(status == 0)
                pthread_join(thread, nil)
            }
            pthread_attr_destroy(&attributes)
        }
        if let failure { throw failure }
    }

    @Test func shapes() throws {
        let x = try leaf([1, 2, 3, 4, 5, 6], [2, 3])
        let y = try x.reshaped([3, -1])
        #expect(y.shape == [3, 2] && y.elements == x.elements)
        try (y * Tensor([1, 2, 3, 4, 5, 6], shape: [3, 2])).sum().backward()
        #expect(x.gradient == [1, 2, 3, 4, 5, 6])
        for shape in [[4], [-1, -1], [-1, 4], [-1, 0], [-2, -3], [Int.max, Int.max]] {
            #expect(thrownError { _ = try x.reshaped(shape) } != nil)
        }
        #expect(thrownError { _ = try x + y }?.kind == .shape)
        #expect(thrownError { _ = try x * y }?.kind == .shape)
        #expect(try x.sum().shape == [] && x.sum().item() == 21)
        #expect(thrownError { _ = try x.item() }?.kind == .shape)
    }
}

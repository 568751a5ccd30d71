import Glibc
import SCNCore
import SCNNN
import Testing

struct LearningRateScheduleTests {
    @Test func exponential() throws {
        let schedule = LearningRateSchedule.exponential(initial: 0.1, decay: 0.04)
        #expect(try schedule.rate(at: 0) == 0.1)
        for step in [1, 10, 99] { #expect(try abs(schedule.rate(at: step) - 0.1 * exp(-0.04 * Double(step))) < 1e-15) }
        #expect(try schedule.rate(at: .max) == 0)
    }

    @Test func steps() throws {
        let schedule = LearningRateSchedule.step(initial: 8, size: 3, factor: 0.5)
        #expect(try (0..<8).map(schedule.rate) == [8, 8, 8, 4, 4, 4, 2, 2])
        #expect(try LearningRateSchedule.step(initial: 8, size: 2).rate(at: 5) - 0.08 < 1e-15)
    }

    @Test func cosineWithWarmUp() throws {
        let schedule = LearningRateSchedule.cosine(initial: 4, steps: 7, warmUp: 3, final: 1)
        #expect(try (0...3).map(schedule.rate) == [1, 2, 3, 4])
        #expect(try abs(schedule.rate(at: 5) - 2.5) < 1e-12)
        #expect(try [7, 8, Int.max].map(schedule.rate) == [1, 1, 1])
        let plain = LearningRateSchedule.cosine(initial: 1, steps: 2)
        #expect(try plain.rate(at: 0) == 1)
        #expect(try abs(plain.rate(at: 1) - 0.5) < 1e-15)
        #expect(try plain.rate(at: 2) == 0)
    }

    @Test func refusesWhatMakesNoSense() {
        let schedules: [LearningRateSchedule] = [
            .exponential(initial: -1, decay: 0), .exponential(initial: .nan, decay: 0),
            .exponential(initial: 1, decay: .infinity), .exponential(initial: 1, decay: -1000),
            .step(initial: 1, size: 0), .step(initial: 1, size: 1, factor: -1),
            .step(initial: 1, size: 1, factor: 1e308),
            .cosine(initial: 1, steps: 0), .cosine(initial: 1, steps: 3, warmUp: 3),
            .cosine(initial: 1, steps: 3, warmUp: -1), .cosine(initial: 1, steps: 3, final: -1),
            .cosine(initial: .infinity, steps: 3),
        ]
        for schedule in schedules {
            #expect { try schedule.rate(at: 5) } throws: { ($0 as? SCNError)?.kind == .invalidArgument }
        }
        #expect(throws: SCNError.self) { try LearningRateSchedule.step(initial: 1, size: 1).rate(at: -1) }
    }
}

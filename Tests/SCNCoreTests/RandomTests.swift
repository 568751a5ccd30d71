import SCNCore
import Testing

/// The generator gives the numbers that others publish for it.
@Suite struct RandomTests {
    /// From the tests of rand_xoshiro (github.com/rust-random/rngs, src/xoshiro256starstar.rs), which has them from the
    /// authors' own program.
    @Test func xoshiro() {
        var random = Random(seed: 0)
        random.state = (1, 2, 3, 4)
        let published: [UInt64] = [
            11520, 0, 1_509_978_240, 1_215_971_899_390_074_240, 1_216_172_134_540_287_360, 607_988_272_756_665_600,
            16_172_922_978_634_559_625, 8_476_171_486_693_032_832, 10_595_114_339_597_558_777,
            2_904_607_092_377_533_576,
        ]
        #expect(published.map { _ in random.next() } == published)
    }

    /// From the tests of Apache Commons RNG (github.com/apache/commons-rng, XoShiRo256StarStarTest.java), which has
    /// them from the authors' own program, too: the first numbers, and those after a jump from the same state.
    @Test func jump() {
        var random = Random(seed: 0)
        random.state = (0x012d_e1ba_bb3c_4104, 0xa5a8_18b8_fc5a_a503, 0xb124_ea2b_701f_4993, 0x18e0_3749_33d8_c782)
        var jumped = random
        jumped.jump()
        let first: [UInt64] = [0x462c_422d_f780_c48e, 0xa82f_1f60_31c1_83e6, 0x8a11_3820_e8d2_ca8d]
        let afterJump: [UInt64] = [
            0xb416_bd07_926c_6735, 0x2f91_faf5_c6c9_f79a, 0x538d_25a1_4831_8bc1, 0x79ff_ea0e_b765_00e6,
            0x7b74_b051_3602_a5e1, 0xdc11_4ef0_bb88_1ac5, 0xa084_5293_613f_458b, 0xb650_a96e_30f0_9819,
        ]
        #expect(first.map { _ in random.next() } == first)
        #expect(afterJump.map { _ in jumped.next() } == afterJump)
    }

    /// SplitMix64 makes the state of a seed. From the tests of rand_xoshiro (src/splitmix64.rs).
    @Test func seeding() {
        let state = Random(seed: 1_477_776_061_723_855_037).state
        #expect(
            state == (
                1_985_237_415_132_408_290, 2_979_275_885_539_914_483, 13_511_426_838_097_143_398,
                8_488_337_342_461_049_707
            ))
    }
}

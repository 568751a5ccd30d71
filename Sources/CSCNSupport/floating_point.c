#include "scn_support.h"

#if defined(__x86_64__)
#include <xmmintrin.h>

enum { MASKED = 0x1F80 };
uint64_t scn_floating_point_get(void) { return _mm_getcsr(); }
void scn_floating_point_set(uint64_t environment) { _mm_setcsr((unsigned)environment); }
uint64_t scn_floating_point_hold(void) {
    unsigned before = _mm_getcsr();
    _mm_setcsr(before | MASKED);
    return before;
}

#elif defined(__aarch64__)

enum { TRAPS = 0x9F00 };
uint64_t scn_floating_point_get(void) {
    uint64_t control, state;
    __asm__ volatile("mrs %0, fpcr\n\tmrs %1, fpsr" : "=r"(control), "=r"(state));
    return control << 32 | (uint32_t)state;
}
void scn_floating_point_set(uint64_t environment) {
    __asm__ volatile("msr fpcr, %0\n\tmsr fpsr, %1"
                     :
                     : "r"(environment >> 32), "r"(environment & UINT32_MAX)
                     : "memory");
}
uint64_t scn_floating_point_hold(void) {
    uint64_t before = scn_floating_point_get();
    scn_floating_point_set(before & ~((uint64_t)TRAPS << 32));
    return before;
}

#else
#include <fenv.h>

uint64_t scn_floating_point_get(void) { return (uint64_t)fegetround(); }
void scn_floating_point_set(uint64_t environment) { fesetround((int)environment); }
uint64_t scn_floating_point_hold(void) { return scn_floating_point_get(); }
#endif

/* What depends on the machine: which table is chosen, the floating-point environment, threads, memory. */
#include <fenv.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "kernels.h"
#include "scn_support.h"

/** Return what a child process returns, which calls `body` with SCN_ISA set. */
static int in_a_child(const char *instruction_set, int (*body)(const char *)) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        setenv("SCN_ISA", instruction_set, 1);
        _exit(body(instruction_set));
    }
    int status = -1;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int is_chosen(const char *name) {
    const scn_kernel_table *table = scn_kernels();
    return table && strcmp(table->name, name) == 0 && !*scn_kernels_error();
}
static int is_refused(const char *name) { return !scn_kernels() && strstr(scn_kernels_error(), name); }
static int is_best(const char *name) {
    int32_t last = 0;
    (void)name;
    while (scn_kernels_at(last + 1)) last++;
    return scn_kernels() == scn_kernels_at(last);
}

static void tables(void) {
    static const char *const all[] = {"generic", "avx2", "avx512"};
    begin_case("tables");
    HOLDS(strcmp(scn_kernels_at(0)->name, "generic") == 0);
    HOLDS(!scn_kernels_at(-1) && !scn_kernels_at(100));
    for (int64_t i = 0; i < COUNT_OF(all); i++) {
        int is_here = 0;
        for (int32_t t = 0; scn_kernels_at(t); t++) is_here |= strcmp(scn_kernels_at(t)->name, all[i]) == 0;
        HOLDS(in_a_child(all[i], is_here ? is_chosen : is_refused) == 1);
    }
    HOLDS(in_a_child("neon", is_refused) == 1);
    HOLDS(in_a_child("", is_best) == 1);
#if !defined(__x86_64__)
    HOLDS(!scn_kernels_at(1));
#endif
    HOLDS(scn_dense_product_suits(scn_kernels_at(0), 1) == 1);
}

enum { TASKS = 1000 };
static int runs[TASKS];
static double thirds[TASKS];
static _Atomic int in_lane[8], shared_lanes;
static void run_once(void *context, int64_t lane, int64_t index) {
    volatile double one = 1, three = 3;
    const int32_t *lanes = (const int32_t *)context;
    if (lane >= *lanes || atomic_fetch_add(&in_lane[lane], 1) != 0) atomic_fetch_add(&shared_lanes, 1);
    runs[index]++;
    thirds[index] = one / three;
    atomic_fetch_sub(&in_lane[lane], 1);
}

/** Each index runs once, with the rounding of the thread that asked, and in a lane that is its own meanwhile. */
static void threads(void) {
    static const int32_t thread_counts[] = {1, 2, 3, 8};
    static const int roundings[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD};
    static const int32_t lane_counts[] = {1, 2, 3, 8};
    for (int64_t t = 0; t < COUNT_OF(thread_counts); t++)
        for (int64_t r = 0; r < COUNT_OF(roundings) * COUNT_OF(lane_counts); r++) {
            int32_t lanes = lane_counts[r / COUNT_OF(roundings)];
            int rounding = roundings[r % COUNT_OF(roundings)];
            begin_case("%d threads, %d lanes, rounding %d", (int)thread_counts[t], (int)lanes, rounding);
            scn_pool_set_thread_count(thread_counts[t]);
            fesetround(rounding);
            uint64_t before = scn_floating_point_get();
            double third;
            int repeated = 0, differs = 0;
            memset(runs, 0, sizeof runs);
            scn_pool_run(TASKS, lanes, run_once, &lanes);
            third = thirds[0];
            scn_floating_point_set(before);
            HOLDS(fegetround() == rounding);
            fesetround(FE_TONEAREST);
            for (int i = 0; i < TASKS; i++) repeated |= runs[i] != 1, differs |= thirds[i] != third;
            HOLDS(!repeated && !differs && !shared_lanes);
            HOLDS((third > 1.0 / 3) == (rounding == FE_UPWARD));
        }
    scn_pool_set_thread_count(1);
}

/** Held, no exception traps; set back, the environment is as before. */
static void floating_point(void) {
    begin_case("floating-point environment");
    fesetround(FE_DOWNWARD);
    feclearexcept(FE_ALL_EXCEPT);
    uint64_t own = scn_floating_point_get(), held = scn_floating_point_hold();
    HOLDS(held == own);
    HOLDS(fegetround() == FE_DOWNWARD);
    volatile double zero = 0, one = 1, infinite = one / zero;
    HOLDS(isinf(infinite) && fetestexcept(FE_DIVBYZERO));
    scn_floating_point_set(held);
    HOLDS(fegetround() == FE_DOWNWARD && !fetestexcept(FE_DIVBYZERO));
    fesetround(FE_TONEAREST);
    HOLDS(fegetround() == FE_TONEAREST && scn_floating_point_get() != own);
}

static void memory(void) {
    static const size_t sizes[] = {0, 1, 63, 64, 4096, 1 << 17, 3 << 20, 40 << 20};
    for (int round = 0; round < 3; round++)
        for (int64_t i = 0; i < COUNT_OF(sizes); i++) {
            begin_case("%zu bytes", sizes[i]);
            int64_t live = scn_memory_live_bytes();
            unsigned char *block = (unsigned char *)scn_memory_allocate(sizes[i]);
            unsigned char *cleared = (unsigned char *)scn_memory_allocate_zeroed(sizes[i]);
            if (!HOLDS(block && cleared)) return;
            HOLDS((uintptr_t)block % 64 == 0 && (uintptr_t)cleared % 64 == 0);
            size_t set = 0;
            memset(block, 0xA5, sizes[i]);
            for (size_t byte = 0; byte < sizes[i]; byte++) set += cleared[byte] != 0;
            HOLDS(set == 0);
            HOLDS(scn_memory_live_bytes() >= live + 2 * (int64_t)sizes[i]);
            memset(cleared, 0x5A, sizes[i]);
            scn_memory_free(block), scn_memory_free(cleared);
            HOLDS(scn_memory_live_bytes() == live);
        }
    begin_case("memory that fails");
    scn_memory_fail_after(1);
    void *given = scn_memory_allocate(100);
    HOLDS(given && !scn_memory_allocate(100));
    scn_memory_fail_after(-1);
    scn_memory_free(given);
    HOLDS(*scn_cpu_name() && scn_cpu_affinity() >= 1 && scn_cpu_quota("") >= 1);
}

int main(void) {
    tables();
    floating_point();
    threads();
    memory();
    return finish();
}

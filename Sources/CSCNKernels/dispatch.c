// Chooses the tables, each once.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "tables.h"

#if defined(__x86_64__)
static int has_avx2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

static int has_avx512(void) {
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
}

static int has_avx512bf16(void) { return has_avx512() && __builtin_cpu_supports("avx512bf16"); }

static int has_amx(void) {
    return has_avx512() && __builtin_cpu_supports("amx-tile") && __builtin_cpu_supports("amx-bf16");
}

/// Asks the system for the registers of AMX, which it gives to processes that ask.
static int may_use_amx(void) {
#if defined(__linux__)
    enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 };
    return has_amx() && syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
#else
    return 0;
#endif
}
#endif

const scn_kernel_table *scn_kernels_at(int32_t index) {
    const scn_kernel_table *tables[3] = {&scn_generic_table};
    int32_t count = 1;
#if defined(__x86_64__)
    if (has_avx2()) tables[count++] = &scn_avx2_table;
    if (has_avx512()) tables[count++] = &scn_avx512_table;
#endif
    return index >= 0 && index < count ? tables[index] : NULL;
}

const scn_bfloat16_products *scn_bfloat16_at(int32_t index) {
    const scn_bfloat16_products *products[2] = {NULL};
    int32_t count = 0;
#if defined(__x86_64__)
    if (has_avx512bf16()) products[count++] = &scn_avx512bf16_products;
    if (may_use_amx()) products[count++] = &scn_amx_products;
#endif
    return index >= 0 && index < count ? products[index] : NULL;
}

/// What SCN_ISA names; NULL where it is for the cpu to say.
static const char *wanted_name(void) {
    const char *wanted = getenv("SCN_ISA");
    return wanted && *wanted ? wanted : NULL;
}

static pthread_once_t choice = PTHREAD_ONCE_INIT;
static const scn_kernel_table *chosen;
static char error[160];

static void choose_table(void) {
    const char *wanted = wanted_name();
    const scn_kernel_table *table;
    for (int32_t i = 0; (table = scn_kernels_at(i)); i++) {
        if (!wanted || strcmp(wanted, table->name) == 0) chosen = table;
    }
    if (chosen) return;
#if defined(__x86_64__)
    if ((strcmp(wanted, "avx512bf16") == 0 && has_avx512bf16()) || (strcmp(wanted, "amx") == 0 && has_amx())) {
        chosen = &scn_avx512_table;
        return;
    }
#endif
    static const char *const known[] = {"avx2", "avx512", "avx512bf16", "amx"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(wanted, known[i]) != 0) continue;
        snprintf(error, sizeof error, "SCN_ISA is \"%s\", which this cpu does not have", wanted);
        return;
    }
    snprintf(error, sizeof error, "SCN_ISA is \"%.64s\"; expected generic, avx2, avx512, avx512bf16 or amx", wanted);
}

const scn_kernel_table *scn_kernels(void) {
    pthread_once(&choice, choose_table);
    return chosen;
}

const char *scn_kernels_error(void) {
    pthread_once(&choice, choose_table);
    return error;
}

static pthread_once_t bfloat16_choice = PTHREAD_ONCE_INIT;
static const scn_bfloat16_products *chosen_bfloat16;

/// Intel's cpus take longer for products of pairs than for as many of float32, by 1.6 times on Sapphire Rapids.
static int is_fast(const scn_bfloat16_products *products) {
#if defined(__x86_64__)
    return products != &scn_avx512bf16_products || !__builtin_cpu_is("intel");
#else
    (void)products;
    return 1;
#endif
}

static void choose_bfloat16(void) {
    const char *wanted = wanted_name();
    const scn_bfloat16_products *products;
    for (int32_t i = 0; (products = scn_bfloat16_at(i)); i++) {
        if (wanted ? strcmp(wanted, products->name) == 0 : is_fast(products)) chosen_bfloat16 = products;
    }
}

const scn_bfloat16_products *scn_bfloat16(void) {
    pthread_once(&bfloat16_choice, choose_bfloat16);
    return chosen_bfloat16;
}

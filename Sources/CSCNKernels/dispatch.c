// Chooses the table once.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tables.h"

#if defined(__x86_64__)
static int has_avx2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

static int has_avx512(void) {
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
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

static pthread_once_t choice = PTHREAD_ONCE_INIT;
static const scn_kernel_table *chosen;
static char error[160];

static void choose_table(void) {
    const char *wanted = getenv("SCN_ISA");
    const scn_kernel_table *table;
    for (int32_t i = 0; (table = scn_kernels_at(i)); i++) {
        if (!wanted || !*wanted || strcmp(wanted, table->name) == 0) chosen = table;
    }
    if (chosen) return;
    int is_known = strcmp(wanted, "avx2") == 0 || strcmp(wanted, "avx512") == 0;
    if (is_known) snprintf(error, sizeof error, "SCN_ISA is \"%s\", which this cpu does not have", wanted);
    else snprintf(error, sizeof error, "SCN_ISA is \"%.64s\"; expected generic, avx2 or avx512", wanted);
}

const scn_kernel_table *scn_kernels(void) {
    pthread_once(&choice, choose_table);
    return chosen;
}

const char *scn_kernels_error(void) {
    pthread_once(&choice, choose_table);
    return error;
}

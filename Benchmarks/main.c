// scn-bench: how fast the library is, through its C interface, next to a dense product and a copy on the same machine.
#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "bench.h"

settings setting = {0, NULL, "build/bench.json", 2048, 0, {1, 2}, THREAD_COUNTS, 0};

static const char usage[] =
    "usage: scn-bench [--quick] [--data DIR] [--json FILE]\n"
    "  --quick      fewer points and repetitions: a glance in under a minute\n"
    "  --data DIR   measure on the first four scenes of DIR/tabletop/train instead of made-up surfaces\n"
    "  --json FILE  where to write the figures besides the table; build/bench.json\n"
    "  --step-memory THREADS\n"
    "               only print the bytes that a training step of the larger U-Net takes\n";

static void read_arguments(int count, char **arguments) {
    for (int i = 1; i < count; i++) {
        const char *argument = arguments[i], *value = i + 1 < count ? arguments[i + 1] : NULL;
        if (strcmp(argument, "--quick") == 0) {
            setting.quick = 1;
            setting.dense_size = 1024;
        } else if (strcmp(argument, "--data") == 0 && value) {
            setting.data = value;
            i++;
        } else if (strcmp(argument, "--json") == 0 && value) {
            setting.json = value;
            i++;
        } else if (strcmp(argument, "--step-memory") == 0 && value && atoi(value) > 0) {
            setting.memory_threads = atoi(value);
            i++;
        } else {
            int wants_help = strcmp(argument, "--help") == 0;
            fputs(usage, wants_help ? stdout : stderr);
            exit(wants_help ? 0 : 2);
        }
    }
}

/// The OpenBLAS kernels that suit this cpu, where OpenBLAS picked some for a far older one: releases take a cpu that is
/// newer than themselves for the oldest that they know. NULL where its choice is sound.
static const char *better_kernels(void) {
#if defined(__x86_64__)
    static const char *const sound[] = {"Haswell", "Zen", "SkylakeX", "Cooperlake", "SapphireRapids"};
    for (size_t i = 0; i < sizeof sound / sizeof *sound; i++)
        if (strcasecmp(openblas_get_corename(), sound[i]) == 0) return NULL;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")) return "SkylakeX";
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "Haswell";
#endif
    return NULL;
}

/// Make the reference a fair one. OpenBLAS reads its settings when it loads, before `main`: start over with those that
/// are needed. Its idle threads must sleep at once, not spin on a core that the library's threads need next.
static void prepare_openblas(char **arguments) {
    static const char timeout[] = "OPENBLAS_THREAD_TIMEOUT", kernels[] = "OPENBLAS_CORETYPE";
    const char *better = getenv(kernels) ? NULL : better_kernels();
    if (getenv(timeout) && !better) return;
    setenv(timeout, "4", 0);
    if (better) {
        setenv(OPENBLAS_OWN_CHOICE, openblas_get_corename(), 1);
        setenv(kernels, better, 1);
    }
    execv("/proc/self/exe", arguments);
}

int main(int count, char **arguments) {
    read_arguments(count, arguments);
    prepare_openblas(arguments);
    if (setting.memory_threads) {
        print_step_memory();
        return 0;
    }
    if (sysconf(_SC_NPROCESSORS_ONLN) < 2) setting.count_of_thread_counts = 1;

    points cloud = load_points(), sites = sites_of(&cloud);
    setting.copy_bytes = sites.rows * ELEMENT_PLANES * (int64_t)sizeof(float);
    const int usual_lines = CONVOLUTION_LINES + GEOMETRY_LINES + ELEMENT_LINES + NETWORK_LINES;
    expect(usual_lines + MEMORY_LINES, (usual_lines + MEMORY_LINES) * usual_budget());
    expect_unets();
    expect_sizes();
    measure_convolutions(&sites);
    measure_unets(&cloud);
    measure_memory();
    measure_geometry(&cloud, &sites);
    measure_sizes(&sites);
    measure_elements(&sites);
    measure_networks();

    int64_t rules = rules_of(&sites);
    print_table(&sites, rules);
    write_json(&sites, rules);
    fprintf(stderr, "written: %s\n", setting.json);
    free_points(&cloud);
    free_points(&sites);
    return scn_live_handles() == 0 ? 0 : (fprintf(stderr, "bench: handles are left\n"), 1);
}

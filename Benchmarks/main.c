// scn-bench: how fast the library is, through its C interface, next to a dense product and a copy on the same machine.
#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "bench.h"

settings setting = {
    .json = "build/bench.json", .dense_size = 2048, .thread_counts = {1, 2}, .count_of_thread_counts = THREAD_COUNTS};

static const char usage[] =
    "usage: scn-bench [--quick] [--data DIR] [--json FILE] [--only PART]\n"
    "  --quick      fewer points and repetitions: a glance in under a minute\n"
    "  --data DIR   measure on the first four scenes of DIR/tabletop/train instead of made-up surfaces\n"
    "  --json FILE  where to write the figures besides the table; build/bench.json\n"
    "  --only PART  convolutions, groups, bfloat16, unets, memory, geometry, sizes, elements or networks\n"
    "  --answer-steps FOLDER\n"
    "               make a training step of the larger U-Net for each number of threads on the standard input;\n"
    "               what torch_step.py runs\n"
    "  --step-memory THREADS\n"
    "               only print the bytes that a training step of the larger U-Net takes\n"
    "  --bfloat16   with that: the step in bfloat16\n";

static void read_arguments(int count, char **arguments) {
    for (int i = 1; i < count; i++) {
        const char *argument = arguments[i], *value = i + 1 < count ? arguments[i + 1] : NULL;
        if (strcmp(argument, "--quick") == 0) {
            setting.quick = 1;
            setting.dense_size = 1024;
        } else if (strcmp(argument, "--bfloat16") == 0) {
            setting.is_in_bfloat16 = 1;
        } else if (strcmp(argument, "--data") == 0 && value) {
            setting.data = value;
            i++;
        } else if (strcmp(argument, "--only") == 0 && value) {
            setting.only = value;
            i++;
        } else if (strcmp(argument, "--json") == 0 && value) {
            setting.json = value;
            i++;
        } else if (strcmp(argument, "--answer-steps") == 0 && value) {
            setting.steps_folder = value;
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

static int is_wanted(const char *part) { return !setting.only || strcmp(setting.only, part) == 0; }
static void expect_usual(int lines) { expect(lines, lines * usual_budget()); }

int main(int count, char **arguments) {
    read_arguments(count, arguments);
    prepare_openblas(arguments);
    if (setting.memory_threads) {
        print_step_memory();
        return 0;
    }
    if (setting.steps_folder) {
        answer_steps();
        return 0;
    }
    if (sysconf(_SC_NPROCESSORS_ONLN) < 2) setting.count_of_thread_counts = 1;

    points cloud = load_points(), sites = sites_of(&cloud);
    setting.copy_bytes = sites.rows * ELEMENT_PLANES * (int64_t)sizeof(float);
    if (is_wanted("convolutions")) expect_usual(CONVOLUTION_LINES);
    if (is_wanted("groups")) expect_usual(GROUP_LINES);
    if (is_wanted("bfloat16")) expect_usual(BFLOAT16_LINES);
    if (is_wanted("unets")) expect_unets();
    if (is_wanted("memory")) expect_usual(MEMORY_LINES);
    if (is_wanted("geometry")) expect_usual(GEOMETRY_LINES + RELATION_LINES);
    if (is_wanted("sizes")) expect_sizes();
    if (is_wanted("elements")) expect_usual(ELEMENT_LINES);
    if (is_wanted("networks")) expect_usual(NETWORK_LINES);
    if (is_wanted("convolutions")) measure_convolutions(&sites);
    if (is_wanted("groups")) measure_groups(&sites);
    if (is_wanted("bfloat16")) measure_bfloat16(&sites);
    if (is_wanted("unets")) measure_unets(&cloud);
    if (is_wanted("memory")) measure_memory();
    if (is_wanted("geometry")) {
        measure_geometry(&cloud, &sites);
        measure_voxels(&cloud);
        measure_relations(&sites);
    }
    if (is_wanted("sizes")) measure_sizes(&sites);
    if (is_wanted("elements")) measure_elements(&sites);
    if (is_wanted("networks")) measure_networks();

    int64_t rules = rules_of(&sites);
    print_table(&sites, rules);
    write_json(&sites, rules);
    fprintf(stderr, "written: %s\n", setting.json);
    free_points(&cloud);
    free_points(&sites);
    return scn_live_handles() == 0 ? 0 : (fprintf(stderr, "bench: handles are left\n"), 1);
}

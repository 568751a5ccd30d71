// How much memory there is, and how much of it a training step takes: found in a process that does nothing else.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

/// A figure of this process, "VmHWM" or "VmRSS", in bytes.
static double status_of_process(const char *key) {
    FILE *file = fopen("/proc/self/status", "r");
    char text[256];
    double kilobytes = 0;
    size_t length = strlen(key);
    while (file && fgets(text, sizeof text, file))
        if (strncmp(text, key, length) == 0 && text[length] == ':') kilobytes = strtod(text + length + 1, NULL);
    if (file) fclose(file);
    if (kilobytes <= 0) fail("/proc/self/status does not tell %s", key);
    return 1024 * kilobytes;
}

double memory_of_machine(void) {
    double bytes = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE), limit;
    FILE *file = fopen("/sys/fs/cgroup/memory.max", "r");
    if (file) {
        // "max" where there is no limit.
        if (fscanf(file, "%lf", &limit) == 1 && limit < bytes) bytes = limit;
        fclose(file);
    }
    return bytes;
}

void print_step_memory(void) {
    enum { STEPS = 2 };  // The first leaves the optimizer's momentum: the second has all that a step has.
    points cloud = load_points();
    unet subject = prepare_unet(&cloud);
    double start = status_of_process("VmRSS");
    check(scn_set_thread_count(setting.memory_threads));
    build_unet(&subject, &unet_plans[LARGER_UNET]);
    for (int step = 0; step < STEPS; step++) (setting.is_in_bfloat16 ? train_unet_in_bfloat16 : train_unet)(&subject);
    printf("%.0f\n", status_of_process("VmHWM") - start);
    free_unet(&subject);
    free_points(&cloud);
}

/// Run this program with the arguments and return the number that it prints.
static double number_from_child(char *const *arguments) {
    int ends[2], status;
    if (pipe(ends)) fail("no pipe to be had");
    pid_t child = fork();
    if (child < 0) fail("no process to be had");
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execv("/proc/self/exe", arguments);
        _exit(127);
    }
    close(ends[1]);
    FILE *output = fdopen(ends[0], "r");
    double number = 0;
    int found = output ? fscanf(output, "%lf", &number) : 0;
    if (output) fclose(output);
    waitpid(child, &status, 0);
    if (found != 1 || !WIFEXITED(status) || WEXITSTATUS(status) != 0) fail("the process for a step's memory failed");
    return number;
}

static void measure_step_memory(int is_in_bfloat16) {
    const char *section = "U-Net, memory above the process's start";
    const char *name = is_in_bfloat16 ? "32 ... 160 planes, bfloat16" : "32 ... 160 planes, peak of training";
    double values[THREAD_COUNTS] = {0};
    announce(section, name, usual_budget());
    for (int t = 0; t < setting.count_of_thread_counts; t++) {
        char threads[16], program[] = "scn-bench", option[] = "--step-memory", data[] = "--data", quick[] = "--quick";
        char bfloat16[] = "--bfloat16";
        snprintf(threads, sizeof threads, "%d", setting.thread_counts[t]);
        char *arguments[8] = {program, option, threads};
        int count = 3;
        if (is_in_bfloat16) arguments[count++] = bfloat16;
        if (setting.quick) arguments[count++] = quick;
        if (setting.data) {
            arguments[count++] = data;
            arguments[count++] = (char *)setting.data;
        }
        values[t] = 1e-6 * number_from_child(arguments);
    }
    record(section, name, MEGABYTES, values);
}

void measure_memory(void) {
    measure_step_memory(0);
    measure_step_memory(1);
}

/* A host that loads the library, uses it and unloads it, many times: nothing stays, and threads that used it end well
 * after it has gone. The program calls nothing of the library by name, so that it is not linked. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static void *library;
static pthread_barrier_t used, unloaded;

/** Store the address of a function of the library. */
static void find(const char *name, void *function) {
    void *address = dlsym(library, name);
    if (!address) printf("%s: not found\n", name), exit(2);
    memcpy(function, &address, sizeof address);
}

/** A forward and a backward pass; return whether all went well. */
static int use(int64_t rows) {
    scn_status (*create)(const int64_t *, int32_t, const float *, scn_tensor **);
    scn_status (*linear)(int64_t, int64_t, int32_t, scn_module **);
    scn_status (*forward)(scn_module *, scn_tensor *, scn_tensor **);
    scn_status (*sum)(scn_tensor *, scn_tensor **);
    scn_status (*backward)(scn_tensor *, const float *, int64_t);
    scn_status (*release)(scn_tensor *);
    scn_status (*release_module)(scn_module *);
    scn_status (*set_threads)(int32_t);
    const int64_t shape[] = {rows, 160};
    scn_tensor *input = NULL, *output = NULL, *total = NULL;
    scn_module *layer = NULL;
    find("scn_tensor_create", &create), find("scn_linear_create", &linear), find("scn_module_forward", &forward);
    find("scn_tensor_sum", &sum), find("scn_tensor_backward", &backward), find("scn_tensor_release", &release);
    find("scn_module_release", &release_module), find("scn_set_thread_count", &set_threads);
    int good = set_threads(2) == SCN_OK && create(shape, 2, NULL, &input) == SCN_OK &&
               linear(160, 160, 1, &layer) == SCN_OK && forward(layer, input, &output) == SCN_OK &&
               sum(output, &total) == SCN_OK && backward(total, NULL, 1) == SCN_OK;
    good &= release(input) == SCN_OK && release(output) == SCN_OK && release(total) == SCN_OK;
    return good && release_module(layer) == SCN_OK;
}

static int load(void) {
    library = dlopen("libscn.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library) printf("%s\n", dlerror());
    return CHECK(library != NULL);
}

static void unload(void) {
    CHECK(dlclose(library) == 0);
    /* Gone for good, or there would be nothing to see here. */
    CHECK(dlopen("libscn.so.1", RTLD_NOW | RTLD_NOLOAD) == NULL);
}

static void *use_and_stay(void *good) {
    *(int *)good = use(4000);
    pthread_barrier_wait(&used);
    pthread_barrier_wait(&unloaded);
    return NULL;
}

static long address_kilobytes(void) {
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%ld", &pages) != 1) pages = 0;
    if (file) fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

int main(void) {
    pthread_t threads[3];
    long addresses = 0, resident = 0;
    int status = -1, good[3] = {0};
    for (int round = 0; round < 30; round++) {
        if (!load()) return finish();
        CHECK(use(3000));
        unload();
        if (round == 4) addresses = address_kilobytes(), resident = resident_kilobytes();
    }
    CHECK(address_kilobytes() < addresses + 1024);
    CHECK(resident_kilobytes() < resident + 1024);
    pthread_barrier_init(&used, NULL, 4), pthread_barrier_init(&unloaded, NULL, 4);
    if (!load()) return finish();
    for (int i = 0; i < 3; i++) CHECK(pthread_create(&threads[i], NULL, use_and_stay, &good[i]) == 0);
    pthread_barrier_wait(&used);
    unload();
    pthread_barrier_wait(&unloaded);
    for (int i = 0; i < 3; i++) CHECK(pthread_join(threads[i], NULL) == 0 && good[i]);
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        failed_count = 0;
        if (load()) CHECK(use(3000)), unload();
        _exit(failed_count != 0);
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
    return finish();
}

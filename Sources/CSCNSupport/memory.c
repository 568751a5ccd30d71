#include "scn_support.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ALIGNMENT = 64 };

static _Atomic int64_t live_bytes;

// The least of what the machine has and what its control group may use: systems hand out more and kill who uses it.
static int64_t read_limit(void) {
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    int64_t limit = pages > 0 && page > 0 ? (int64_t)pages * page : INT64_MAX;
    static const char *const groups[] = {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"};
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        FILE *file = fopen(groups[i], "re");
        if (!file) continue;
        long long bytes;  // "max" where there is no limit
        if (fscanf(file, "%lld", &bytes) == 1 && bytes > 0 && bytes < limit) limit = bytes;
        fclose(file);
    }
    return limit;
}

static int64_t memory_limit(void) {
    static _Atomic int64_t known;
    int64_t limit = atomic_load_explicit(&known, memory_order_relaxed);
    if (limit == 0) atomic_store_explicit(&known, limit = read_limit(), memory_order_relaxed);
    return limit;
}

// The size lies in a header of one alignment unit before the block, so that frees can be counted.
void *scn_memory_allocate(size_t bytes) {
    int64_t limit = memory_limit();
    if (bytes > (size_t)limit) return NULL;
    int64_t held = atomic_fetch_add_explicit(&live_bytes, (int64_t)bytes, memory_order_relaxed);
    size_t total = (bytes + 2 * ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    char *block = (int64_t)bytes > limit - held ? NULL : aligned_alloc(ALIGNMENT, total);
    if (!block) {
        atomic_fetch_sub_explicit(&live_bytes, (int64_t)bytes, memory_order_relaxed);
        return NULL;
    }
    *(size_t *)block = bytes;
    return block + ALIGNMENT;
}

void *scn_memory_allocate_zeroed(size_t bytes) {
    void *memory = scn_memory_allocate(bytes);
    if (memory) memset(memory, 0, bytes);
    return memory;
}

void scn_memory_free(void *memory) {
    if (!memory) return;
    char *block = (char *)memory - ALIGNMENT;
    atomic_fetch_sub_explicit(&live_bytes, (int64_t)*(size_t *)block, memory_order_relaxed);
    free(block);
}

int64_t scn_memory_live_bytes(void) { return atomic_load_explicit(&live_bytes, memory_order_relaxed); }

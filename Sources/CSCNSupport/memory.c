#include "scn_support.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64 };

static _Atomic int64_t live_bytes;

/// Blocks from this size on are held against what the system can give: it hands out addresses for more than it has, and
/// ends the process that uses them.
static const size_t LARGE = (size_t)1 << 28;

/// The number that follows `key` in a file ("" for its beginning), or `otherwise`.
static uint64_t number_in(const char *path, const char *key, uint64_t otherwise) {
    FILE *file = fopen(path, "re");
    if (!file) return otherwise;
    char line[256];
    uint64_t found = otherwise;
    while (fgets(line, sizeof line, file)) {
        if (strncmp(line, key, strlen(key)) != 0) continue;
        unsigned long long number;
        if (sscanf(line + strlen(key), "%llu", &number) == 1) found = number;
        break;
    }
    fclose(file);
    return found;
}

static uint64_t available_bytes(void) {
    uint64_t kilobytes = number_in("/proc/meminfo", "MemAvailable:", UINT64_MAX >> 11);
    uint64_t available = 1024 * (kilobytes + number_in("/proc/meminfo", "SwapFree:", 0));
    uint64_t limit = number_in("/sys/fs/cgroup/memory.max", "", UINT64_MAX);
    uint64_t used = number_in("/sys/fs/cgroup/memory.current", "", 0);
    uint64_t left = limit > used ? limit - used : 0;
    return left < available ? left : available;
}

// The size lies in a header of one alignment unit before the block, so that frees can be counted.
void *scn_memory_allocate(size_t bytes) {
    if (bytes > SIZE_MAX - 2 * ALIGNMENT || (bytes >= LARGE && bytes > available_bytes())) return NULL;
    size_t total = (bytes + 2 * ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    char *block = aligned_alloc(ALIGNMENT, total);
    if (!block) return NULL;
    *(size_t *)block = bytes;
    atomic_fetch_add_explicit(&live_bytes, (int64_t)bytes, memory_order_relaxed);
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

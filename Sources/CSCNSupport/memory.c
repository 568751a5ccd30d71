#include "scn_support.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ALIGNMENT = 64 };

static _Atomic int64_t live_bytes;

static size_t machine_bytes(void) {
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    return pages > 0 && page > 0 ? (size_t)pages * (size_t)page : SIZE_MAX;
}

// The size lies in a header of one alignment unit before the block, so that frees can be counted.
void *scn_memory_allocate(size_t bytes) {
    if (bytes > SIZE_MAX - 2 * ALIGNMENT || bytes > machine_bytes()) return NULL;
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

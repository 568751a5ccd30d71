#include "scn_support.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arena.h"

enum { ALIGNMENT = 64 };

static _Atomic int64_t live_bytes;

// What the system can give.

/// Blocks from this size on are held against what the system has left: it hands out addresses for more than that, and
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
        unsigned long long number;  // "max" where a group has no limit
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

static int64_t machine_bytes(void) {
    static _Atomic int64_t known;
    int64_t bytes = atomic_load_explicit(&known, memory_order_relaxed);
    if (bytes) return bytes;
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    bytes = pages > 0 && page > 0 ? (int64_t)pages * page : INT64_MAX;
    atomic_store_explicit(&known, bytes, memory_order_relaxed);
    return bytes;
}

/// What the system can give, once it got back what is free here.
static int is_available(size_t bytes) {
    if (bytes <= available_bytes()) return 1;
    arena_trim();
    return bytes <= available_bytes();
}

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define USES_ARENA 0  // A use after release must be seen.
#endif
#endif
#ifndef USES_ARENA
#define USES_ARENA 1
#endif

/// What lies before each block, in one unit of alignment.
typedef struct {
    size_t bytes;
} header;
_Static_assert(sizeof(header) <= ALIGNMENT, "a header fits before the block");

static int is_of_arena(size_t bytes) { return USES_ARENA && bytes >= ARENA_BLOCK_FROM; }

static header *allocate(size_t bytes) {
    if (is_of_arena(bytes)) return arena_allocate(bytes + ALIGNMENT, LARGE, is_available);
    if (bytes >= LARGE && !is_available(bytes)) return NULL;
    return aligned_alloc(ALIGNMENT, (bytes + 2 * ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
}

void *scn_memory_allocate(size_t bytes) {
    int64_t machine = machine_bytes();
    if (bytes > (size_t)machine || bytes > SIZE_MAX / 2) return NULL;
    int64_t held = atomic_fetch_add_explicit(&live_bytes, (int64_t)bytes, memory_order_relaxed);
    header *block = (int64_t)bytes <= machine - held ? allocate(bytes) : NULL;
    if (!block) {
        atomic_fetch_sub_explicit(&live_bytes, (int64_t)bytes, memory_order_relaxed);
        return NULL;
    }
    block->bytes = bytes;
    return (char *)block + ALIGNMENT;
}

void *scn_memory_allocate_zeroed(size_t bytes) {
    void *memory = scn_memory_allocate(bytes);
    if (memory) memset(memory, 0, bytes);
    return memory;
}

void scn_memory_free(void *memory) {
    if (!memory) return;
    header *block = (header *)((char *)memory - ALIGNMENT);
    size_t bytes = block->bytes;
    atomic_fetch_sub_explicit(&live_bytes, (int64_t)bytes, memory_order_relaxed);
    if (is_of_arena(bytes)) arena_free(block);
    else free(block);
}

int64_t scn_memory_live_bytes(void) { return atomic_load_explicit(&live_bytes, memory_order_relaxed); }

int32_t scn_memory_can_be_had(size_t bytes) {
    if (bytes > SIZE_MAX / 2 || (bytes >= LARGE && bytes > available_bytes())) return 0;
    void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) return 0;
    munmap(pages, bytes);
    return 1;
}

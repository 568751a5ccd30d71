#include "scn_support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ALIGNMENT = 64 };

/// What lies before each block, in one unit of alignment. The links are used while a block waits to be reused.
typedef struct header {
    size_t bytes, capacity;
    uint64_t released_at;
    struct header *newer, *older;            // among all that wait
    struct header *next_alike, *last_alike;  // among those of one capacity
} header;
_Static_assert(sizeof(header) <= ALIGNMENT, "a header fits before the block");

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

// Released blocks wait to be reused: the system takes pages back and clears them anew, at the cost of the work itself.

enum { CAPACITIES = 512, PATIENCE = 4096 };
static const size_t REUSED_FROM = 1 << 20;
/// What may wait beside the live blocks, and when none is live.
static const int64_t SPARE_BYTES = (int64_t)32 << 20, IDLE_BYTES = (int64_t)64 << 20;
/// Rows are gathered from all over a large block: fewer, larger pages make that faster.
static const size_t HUGE_PAGES_FROM = (size_t)1 << 23;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static header *newest, *oldest, *alike[CAPACITIES];
static int64_t waiting_bytes, most_live_bytes;
static uint64_t ticks;

/// Capacities grow by an eighth of a power of two.
static size_t capacity_for(size_t bytes) {
    if (bytes < REUSED_FROM) return bytes;
    int shift = 63 - __builtin_clzll(bytes) - 3;
    size_t step = (size_t)1 << shift;
    return (bytes + step - 1) & ~(step - 1);
}

static int index_of(size_t capacity) {
    int power = 63 - __builtin_clzll(capacity);
    return power * 8 + (int)(capacity >> (power - 3) & 7);
}

static void unlink_waiting(header *block) {
    *(block->newer ? &block->newer->older : &newest) = block->older;
    *(block->older ? &block->older->newer : &oldest) = block->newer;
    *(block->last_alike ? &block->last_alike->next_alike : &alike[index_of(block->capacity)]) = block->next_alike;
    if (block->next_alike) block->next_alike->last_alike = block->last_alike;
    waiting_bytes -= (int64_t)block->bytes;
}

static size_t mapped_bytes(size_t capacity) {
    static const size_t page = 4096;
    return (capacity + ALIGNMENT + page - 1) / page * page;
}

/// Pages of their own, which go back to the system whole: the C library would keep what others lie between.
static header *map_block(size_t capacity) {
    void *pages = mmap(NULL, mapped_bytes(capacity), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) return NULL;
    if (capacity >= HUGE_PAGES_FROM) madvise(pages, mapped_bytes(capacity), MADV_HUGEPAGE);
    return pages;
}

static void let_oldest_go(void) {
    header *block = oldest;
    unlink_waiting(block);
    munmap(block, mapped_bytes(block->capacity));
}

static header *reuse(size_t capacity) {
    scn_fork_gate_enter();
    pthread_mutex_lock(&lock);
    ticks++;
    header *block = alike[index_of(capacity)];
    if (block) unlink_waiting(block);
    int64_t live = atomic_load_explicit(&live_bytes, memory_order_relaxed);
    if (live > most_live_bytes) most_live_bytes = live;
    // All blocks together take little more than the live ones once did, and none waits forever.
    int64_t most = most_live_bytes + SPARE_BYTES;
    while (oldest && (live + waiting_bytes > most || ticks - oldest->released_at > PATIENCE)) let_oldest_go();
    pthread_mutex_unlock(&lock);
    scn_fork_gate_leave();
    return block;
}

static void wait_for_reuse(header *block, int64_t live) {
    scn_fork_gate_enter();
    pthread_mutex_lock(&lock);
    block->released_at = ticks;
    block->newer = NULL;
    block->older = newest;
    *(newest ? &newest->newer : &oldest) = block;
    newest = block;
    block->last_alike = NULL;
    block->next_alike = alike[index_of(block->capacity)];
    if (block->next_alike) block->next_alike->last_alike = block;
    alike[index_of(block->capacity)] = block;
    waiting_bytes += (int64_t)block->bytes;
    if (live == 0) most_live_bytes = 0;
    while (live == 0 && waiting_bytes > IDLE_BYTES) let_oldest_go();
    pthread_mutex_unlock(&lock);
    scn_fork_gate_leave();
}

static int is_available(size_t bytes) {
    if (bytes <= available_bytes()) return 1;
    scn_fork_gate_enter();
    pthread_mutex_lock(&lock);
    while (oldest) let_oldest_go();
    pthread_mutex_unlock(&lock);
    scn_fork_gate_leave();
    return bytes <= available_bytes();
}

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define BLOCKS_WAIT 0  // A use after release must be seen.
#endif
#endif
#ifndef BLOCKS_WAIT
#define BLOCKS_WAIT 1
#endif

void *scn_memory_allocate(size_t bytes) {
    int64_t machine = machine_bytes();
    if (bytes > (size_t)machine || bytes > SIZE_MAX / 2) return NULL;
    int64_t held = atomic_fetch_add_explicit(&live_bytes, (int64_t)bytes, memory_order_relaxed);
    size_t capacity = capacity_for(bytes);
    int waits = BLOCKS_WAIT && capacity >= REUSED_FROM;
    header *block = waits ? reuse(capacity) : NULL;
    if (!block && (int64_t)bytes <= machine - held && (bytes < LARGE || is_available(bytes)))
        block = waits ? map_block(capacity)
                      : aligned_alloc(ALIGNMENT, (capacity + 2 * ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
    if (!block) {
        atomic_fetch_sub_explicit(&live_bytes, (int64_t)bytes, memory_order_relaxed);
        return NULL;
    }
    block->bytes = bytes;
    block->capacity = capacity;
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
    int64_t bytes = (int64_t)block->bytes;
    int64_t live = atomic_fetch_sub_explicit(&live_bytes, bytes, memory_order_relaxed) - bytes;
    if (BLOCKS_WAIT && block->capacity >= REUSED_FROM) wait_for_reuse(block, live);
    else free(block);
}

int64_t scn_memory_live_bytes(void) { return atomic_load_explicit(&live_bytes, memory_order_relaxed); }

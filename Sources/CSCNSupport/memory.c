#include "scn_support.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arena.h"

enum { ALIGNMENT = 64 };

static _Atomic int64_t live_bytes;

static int64_t machine_bytes(void) {
    static _Atomic int64_t known;
    int64_t bytes = atomic_load_explicit(&known, memory_order_relaxed);
    if (bytes) return bytes;
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    bytes = pages > 0 && page > 0 ? (int64_t)pages * page : INT64_MAX;
    atomic_store_explicit(&known, bytes, memory_order_relaxed);
    return bytes;
}

/// Blocks from this size on are held against what the system has left where there is no arena.
static const size_t LARGE = (size_t)1 << 25;

static uint64_t bytes_left(void) { return scn_memory_left(""); }

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
    void *whole;  // what malloc gave, where the arena did not
} header;
_Static_assert(sizeof(header) <= ALIGNMENT, "a header fits before the block");

static int is_of_arena(size_t bytes) { return USES_ARENA && bytes >= ARENA_BLOCK_FROM; }

static header *allocate(size_t bytes) {
    if (is_of_arena(bytes)) return arena_allocate(bytes + ALIGNMENT, bytes_left);
    if (bytes >= LARGE && bytes > bytes_left()) return NULL;
    // Not aligned_alloc, which asks malloc for more than it then frees: the next block of that size finds no room
    // there.
    void *whole = malloc(bytes + 2 * ALIGNMENT);
    if (!whole) return NULL;
    header *block = (header *)(((uintptr_t)whole + ALIGNMENT - 1) & ~(uintptr_t)(ALIGNMENT - 1));
    block->whole = whole;
    return block;
}

static _Atomic int64_t until_failure = -1;

void scn_memory_fail_after(int64_t count) { atomic_store_explicit(&until_failure, count, memory_order_relaxed); }

static int is_to_fail(void) {
    return atomic_load_explicit(&until_failure, memory_order_relaxed) >= 0 &&
           atomic_fetch_sub_explicit(&until_failure, 1, memory_order_relaxed) == 0;
}

char *scn_text_copy(const char *text) { return is_to_fail() ? NULL : strdup(text); }

void *scn_memory_allocate(size_t bytes) {
    if (is_to_fail()) return NULL;
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
    else free(block->whole);
}

int64_t scn_memory_live_bytes(void) { return atomic_load_explicit(&live_bytes, memory_order_relaxed); }

int32_t scn_memory_can_be_had(size_t bytes) {
    if (bytes == 0) return 1;
    if (is_to_fail() || bytes > SIZE_MAX / 2 || (bytes >= LARGE && bytes > bytes_left())) return 0;
    void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) return 0;
    munmap(pages, bytes);
    return 1;
}

// Large blocks from a few long mappings whose pages stay: the system takes pages back and clears them anew, at the cost
// of the work itself.
#ifndef SCN_ARENA_H
#define SCN_ARENA_H

#include <stddef.h>

#pragma GCC visibility push(hidden)

/// Blocks from this size on belong here.
enum { ARENA_BLOCK_FROM = 1 << 17 };

/// Memory aligned to 64 bytes, or NULL where it cannot be had. `is_available` is asked before pages are touched for the
/// first time that are more than `unasked` bytes.
void *arena_allocate(size_t bytes, size_t unasked, int (*is_available)(size_t bytes));
void arena_free(void *block);
/// Gives the pages of what is free back to the system. For `is_available` alone, which has the lock.
void arena_trim(void);

#pragma GCC visibility pop
#endif

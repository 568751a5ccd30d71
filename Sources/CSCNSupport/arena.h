// Large blocks from a few long mappings whose pages stay: the system takes pages back and clears them anew, at the cost
// of the work itself.
#ifndef SCN_ARENA_H
#define SCN_ARENA_H

#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(hidden)

/// Blocks from this size on belong here.
enum { ARENA_BLOCK_FROM = 1 << 17 };
/// Memory aligned to 64 bytes, or NULL where it cannot be had. `bytes_left`: what the system can still give, asked
/// before pages are used for the first time: it hands out addresses for more than that, and ends the process that uses
/// them.
void *arena_allocate(size_t bytes, uint64_t (*bytes_left)(void));
void arena_free(void *block);

#pragma GCC visibility pop
#endif

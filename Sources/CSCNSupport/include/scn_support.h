/// What Swift on Linux lacks: thread-local slots, a thread pool that survives fork, memory that can fail.
#ifndef SCN_SUPPORT_H
#define SCN_SUPPORT_H

#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(hidden)

// Memory.

/// 64-byte aligned memory, or NULL where it cannot be had (also where it exceeds what the system has left). Large
/// blocks that were freed are reused; all together take little more than was in use at one time.
/// Release with scn_memory_free. A count of 0 gives a valid pointer.
void *_Nullable scn_memory_allocate(size_t bytes);
/// The same, filled with zeros.
void *_Nullable scn_memory_allocate_zeroed(size_t bytes);
void scn_memory_free(void *_Nullable memory);
/// Bytes handed out and not yet freed, in the whole process.
int64_t scn_memory_live_bytes(void);
/// Whether the system would give so many bytes now, which is above 0; they are not kept.
int32_t scn_memory_can_be_had(size_t bytes);

// Threads.

typedef void (*scn_task)(void *_Nonnull context, int64_t index);

/// Calls task(context, i) for every i in 0 ..< count, on up to scn_pool_thread_count() threads, and returns when all
/// have finished. A call from inside a task, or while another thread uses the pool, runs its tasks in order on
/// the calling thread.
void scn_pool_run(int64_t count, scn_task _Nonnull task, void *_Nonnull context);
int32_t scn_pool_thread_count(void);
/// 1 ... 1024; the pool changes at the next scn_pool_run.
void scn_pool_set_thread_count(int32_t count);

/// Between these two, fork() waits. They nest.
void scn_fork_gate_enter(void);
void scn_fork_gate_leave(void);

// The machine.

/// The cpu's name as the system gives it, "unknown cpu" where it gives none; a constant.
const char *_Nonnull scn_cpu_name(void);

// Thread-local slots.

/// This thread's last error message; never NULL, "" before the first error.
const char *_Nonnull scn_last_error_get(void);
/// Stores a copy, cut to a fixed length at a character boundary.
void scn_last_error_set(const char *_Nonnull message);
/// Whether this thread records operations for a backward pass; 1 at first.
int32_t scn_gradient_recording_get(void);
void scn_gradient_recording_set(int32_t on);
/// The random stream that this thread draws from in place of the shared one; NULL where there is none, and at first.
void *_Nullable scn_thread_generator_get(void);
void scn_thread_generator_set(void *_Nullable own);
/// What watches the calls of modules on this thread; NULL at first.
void *_Nullable scn_forward_observer_get(void);
void scn_forward_observer_set(void *_Nullable observer);
/// What takes note of the parameters of modules that are made without them on this thread; NULL at first.
void *_Nullable scn_deferred_state_get(void);
void scn_deferred_state_set(void *_Nullable state);

// What forward passes did.

typedef struct {
    int64_t multiply_adds;
    int64_t hidden_states;
    int64_t rules;
} scn_forward_counts;

/// Adds to what the calling thread and the process have counted.
void scn_forward_counts_add(scn_forward_counts counts);
/// What the calling thread has counted since it began.
scn_forward_counts scn_forward_counts_of_thread(void);
/// What all threads have counted since the process began, or since the last scn_forward_counts_set_process.
scn_forward_counts scn_forward_counts_of_process(void);
void scn_forward_counts_set_process(scn_forward_counts counts);

#pragma GCC visibility pop
#endif

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
/// A copy of a text, to be released with free(), or NULL where it cannot be had.
char *_Nullable scn_text_copy(const char *_Nonnull text);
/// For tests: of the next blocks that are asked for, `count` are given and the one after them is not. Negative: all are
/// given.
void scn_memory_fail_after(int64_t count);
/// Bytes handed out and not yet freed, in the whole process.
int64_t scn_memory_live_bytes(void);
/// Whether the system would give so many bytes now, which is above 0; they are not kept.
int32_t scn_memory_can_be_had(size_t bytes);

// Threads.

/// lane: a number below `lanes` that no other task has meanwhile.
typedef void (*scn_task)(void *_Nonnull context, int64_t lane, int64_t index);

/// Calls task(context, lane, i) for every i in 0 ..< count, on up to scn_pool_thread_count() threads and no more than
/// `lanes`, and returns when all have finished. A call from inside a task, or while another thread uses the pool, runs
/// its tasks in order on the calling thread.
void scn_pool_run(int64_t count, int32_t lanes, scn_task _Nonnull task, void *_Nonnull context);
/// At first what SCN_NUM_THREADS says; else as many as this process may use at once, or OMP_NUM_THREADS where that is
/// fewer.
int32_t scn_pool_thread_count(void);
/// 1 ... 1024; the pool changes at the next scn_pool_run.
void scn_pool_set_thread_count(int32_t count);
/// What is wrong with SCN_NUM_THREADS, until a count is set; NULL where nothing is.
const char *_Nullable scn_pool_error(void);
/// What scn_pool_thread_count is at first with such values of SCN_NUM_THREADS and OMP_NUM_THREADS where `cpus` may be
/// used; 0 where the first is no number in 1 ... 1024.
int32_t scn_pool_first_thread_count(const char *_Nullable own, const char *_Nullable openmp, int32_t cpus);

// The floating-point environment of the calling thread: rounding, what becomes of denormal numbers, which exceptions
// are raised or trap.

uint64_t scn_floating_point_get(void);
void scn_floating_point_set(uint64_t environment);
/// Makes no exception trap; returns the environment before.
uint64_t scn_floating_point_hold(void);

/// Between these two, fork() waits. They nest.
void scn_fork_gate_enter(void);
void scn_fork_gate_leave(void);

// The machine.

/// The bytes of memory that the system and each control group that this process is in can still give, pages of files
/// that may go included; 0 where there is no memory to find that out. `root` comes before the paths of files: "" but
/// for tests.
uint64_t scn_memory_left(const char *_Nonnull root);
/// How many cpus' time the control groups that this process is in leave to it, rounded up; INT32_MAX where none has a
/// quota.
int32_t scn_cpu_quota(const char *_Nonnull root);
/// How many cpus the calling thread may run on, at least 1.
int32_t scn_cpu_affinity(void);

/// Prints a line to standard output. Where nobody reads that any more, or the file may grow no further, the line is
/// lost, and no signal comes of it.
void scn_print_line(const char *_Nonnull text);

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
/// Whether modules that this thread calls compute in bfloat16; 0 at first.
int32_t scn_autocast_get(void);
void scn_autocast_set(int32_t on);
/// What the call that this thread is in has changed so far; NULL outside of calls.
void *_Nullable scn_transaction_get(void);
void scn_transaction_set(void *_Nullable state);
/// The innermost scope that the host has opened on this thread; NULL where there is none.
void *_Nullable scn_scope_get(void);
void scn_scope_set(void *_Nullable innermost);
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

/// Adds to what the calling thread has counted; to what the process has when the thread's call ends, outside of calls
/// at once.
void scn_forward_counts_add(scn_forward_counts counts);
/// What the calling thread has counted since it began.
scn_forward_counts scn_forward_counts_of_thread(void);
/// Puts back what the calling thread has counted, not further than to the last scn_forward_counts_publish.
void scn_forward_counts_set_thread(scn_forward_counts counts);
/// Adds what the calling thread has counted in its call to the process.
void scn_forward_counts_publish(void);
/// What all threads have counted since the process began, or since the last scn_forward_counts_set_process: calls of
/// other threads that have not ended not included.
scn_forward_counts scn_forward_counts_of_process(void);
void scn_forward_counts_set_process(scn_forward_counts counts);

#pragma GCC visibility pop
#endif

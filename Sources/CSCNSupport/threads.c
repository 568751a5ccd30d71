// A pool of pthreads for one parallel loop at a time. Own, not libdispatch: the thread count must be exact and
// changeable, a child after fork() must go on working, and valgrind must see every thread joined.
#define _GNU_SOURCE
#include "scn_support.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_THREADS = 1024, SPINS = 4000, STACK_BYTES = 1 << 20, CACHE_LINE = 64 };

typedef struct {
    scn_task task;
    void *context;
    int32_t lanes, shares;
    uint64_t floating_point;  // the caller's environment
    int owner_is_in_fork_gate;
} job;

/// The indices that a thread takes before it takes those of others. The same thread has the same share in one loop
/// after another over as many indices, so that most of what it reads is what it wrote: in its own cache, where another
/// core's would take several times as long, above all one that does not share the last cache with it.
typedef struct {
    _Alignas(CACHE_LINE) _Atomic int64_t next;
    int64_t end;
} share;

static pthread_mutex_t in_use = PTHREAD_MUTEX_INITIALIZER;  // held by the thread that owns the pool
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake = PTHREAD_COND_INITIALIZER;
// Read: by the threads that hold locks of this library; write: by fork(), which would leave them held in the child. A
// waiting fork() goes first, or a stream of short readers would starve it; hence the depth, which lets a reader nest.
static pthread_rwlock_t fork_gate = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
static _Thread_local int32_t fork_gate_depth;
static pthread_t workers[MAX_THREADS];
static int32_t worker_count;
static int32_t workers_asked_for;  // more than there are where the system gave no more
static _Atomic int32_t wanted_threads;  // 0: not chosen yet
static char wrong_count[160];           // what is wrong with SCN_NUM_THREADS
static pthread_once_t first_count_once = PTHREAD_ONCE_INIT;
static int32_t first_count;
static _Atomic uint64_t generation;     // one more for each job
static uint64_t first_generation;       // before the first job of the workers
static _Atomic int stopping;
static job current;  // written under the lock while no worker is active
static int current_is_open;
static share shares[MAX_THREADS];  // of the current job
static _Atomic int32_t active_workers;
static _Thread_local int inside_task;

static inline void pause_briefly(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void cut_into_shares(int64_t count, int32_t parts) {
    int64_t end = 0;
    for (int32_t i = 0; i < parts; i++) {
        atomic_store_explicit(&shares[i].next, end, memory_order_relaxed);
        end += count / parts + (i < count % parts);
        shares[i].end = end;
    }
}

static void run_shares(const job *work, int32_t thread) {
    if (thread >= work->lanes) return;
    inside_task = 1;
    for (int32_t i = 0; i < work->shares; i++) {
        share *taken = &shares[(thread + i) % work->shares];
        for (;;) {
            int64_t index = atomic_fetch_add_explicit(&taken->next, 1, memory_order_relaxed);
            if (index >= taken->end) break;
            work->task(work->context, thread, index);
        }
    }
    inside_task = 0;
}

static uint64_t wait_for_job(uint64_t seen) {
    for (int spin = 0; spin < SPINS; spin++) {
        uint64_t now = atomic_load_explicit(&generation, memory_order_acquire);
        if (now != seen) return now;
        pause_briefly();
    }
    pthread_mutex_lock(&lock);
    uint64_t now;
    while ((now = atomic_load_explicit(&generation, memory_order_acquire)) == seen) pthread_cond_wait(&wake, &lock);
    pthread_mutex_unlock(&lock);
    return now;
}

static void *worker_main(void *argument) {
    int32_t thread = (int32_t)(uintptr_t)argument;
    uint64_t seen = first_generation;
    for (;;) {
        seen = wait_for_job(seen);
        if (atomic_load_explicit(&stopping, memory_order_relaxed)) return NULL;
        // A worker that wakes too late does not join, so nobody waits for it.
        pthread_mutex_lock(&lock);
        int joins = current_is_open;
        job work = current;
        if (joins) atomic_fetch_add_explicit(&active_workers, 1, memory_order_relaxed);
        pthread_mutex_unlock(&lock);
        if (!joins) continue;
        scn_floating_point_set(work.floating_point);
        // The owner is in the gate until the loop ends, and waits for this thread: to wait for a fork() here would be
        // forever.
        fork_gate_depth = work.owner_is_in_fork_gate;
        run_shares(&work, thread);
        fork_gate_depth = 0;
        atomic_fetch_sub_explicit(&active_workers, 1, memory_order_release);
    }
}

static void announce(const job *work) {
    pthread_mutex_lock(&lock);
    if (work) current = *work;
    current_is_open = work != NULL;
    atomic_fetch_add_explicit(&generation, 1, memory_order_release);
    pthread_cond_broadcast(&wake);
    pthread_mutex_unlock(&lock);
}

static void stop_workers(void) {
    atomic_store(&stopping, 1);
    announce(NULL);
    for (int32_t i = 0; i < worker_count; i++) pthread_join(workers[i], NULL);
    worker_count = workers_asked_for = 0;
    atomic_store(&stopping, 0);
}

/// All but those that a thread brings upon itself, for which the host may have a handler that reports them.
static sigset_t signals_of_host(void) {
    static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
    sigset_t set;
    sigfillset(&set);
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) sigdelset(&set, own[i]);
    return set;
}

static void start_workers(int32_t wanted) {
    if (workers_asked_for == wanted) return;
    if (worker_count) stop_workers();
    workers_asked_for = wanted;
    first_generation = atomic_load(&generation);
    // Threads begin with the signals of their maker blocked.
    sigset_t blocked = signals_of_host(), before;
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0) return;
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    pthread_sigmask(SIG_BLOCK, &blocked, &before);
    while (worker_count < wanted &&
           pthread_create(&workers[worker_count], &attributes, worker_main, (void *)(uintptr_t)(worker_count + 1)) == 0)
        worker_count++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
}

void scn_fork_gate_enter(void) {
    if (fork_gate_depth++ == 0) pthread_rwlock_rdlock(&fork_gate);
}
void scn_fork_gate_leave(void) {
    if (--fork_gate_depth == 0) pthread_rwlock_unlock(&fork_gate);
}

// A loop that goes on is not waited for: what it writes belongs to a thread that the child does not have.
static void before_fork(void) {
    pthread_rwlock_wrlock(&fork_gate);
    pthread_mutex_lock(&lock);
}
static void after_fork_in_parent(void) {
    pthread_mutex_unlock(&lock);
    pthread_rwlock_unlock(&fork_gate);
}

#ifdef SCN_STATIC_SWIFT_RUNTIME
/// The thread's id as the locks of the Swift runtime know it: kept from the first lock on, 0 before. In a child it is
/// still the parent's, so that the kernel refuses to free a lock that another thread waits for, and both go on asking
/// forever. The runtime as a shared library keeps it to itself.
extern _Thread_local int swift_runtime_thread_id __asm__(
    "_ZZN5swift14threading_impl5linux13ulock_get_tidEvE3tid");
static void forget_thread_id(void) { swift_runtime_thread_id = 0; }
#else
static void forget_thread_id(void) {}
#endif

// The child has none of the workers: forget them, and start new ones at the first loop.
static void after_fork_in_child(void) {
    forget_thread_id();
    worker_count = workers_asked_for = 0;
    current_is_open = 0;
    atomic_store(&active_workers, 0);
    atomic_store(&stopping, 0);
    fork_gate = (pthread_rwlock_t)PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
    pthread_cond_init(&wake, NULL);
    pthread_mutex_init(&lock, NULL);
    pthread_mutex_init(&in_use, NULL);
}

__attribute__((constructor)) static void at_load(void) {
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}
__attribute__((destructor)) static void at_unload(void) {
    if (pthread_mutex_trylock(&in_use) != 0) return;
    if (worker_count) stop_workers();
    pthread_mutex_unlock(&in_use);
}

/// A whole number in 1 ... MAX_THREADS, or 0 for anything else. Further numbers may follow after a comma where it is a
/// list.
static int32_t count_in(const char *text, int is_list) {
    char *end;
    if (*text < '0' || *text > '9') return 0;
    long count = strtol(text, &end, 10);
    if (*end != 0 && !(is_list && *end == ',')) return 0;
    return count < 1 || count > MAX_THREADS ? 0 : (int32_t)count;
}

int32_t scn_pool_first_thread_count(const char *own, const char *openmp, int32_t cpus) {
    if (own && *own) return count_in(own, 0);
    int32_t most = openmp ? count_in(openmp, 1) : 0;
    int32_t count = cpus < 1 ? 1 : cpus > MAX_THREADS ? MAX_THREADS : cpus;
    return most && most < count ? most : count;
}

static void choose_first_count(void) {
    const char *own = getenv("SCN_NUM_THREADS");
    int32_t allowed = scn_cpu_affinity(), quota = scn_cpu_quota("");
    first_count = scn_pool_first_thread_count(own, getenv("OMP_NUM_THREADS"), allowed < quota ? allowed : quota);
    if (first_count == 0)
        snprintf(wrong_count, sizeof wrong_count, "SCN_NUM_THREADS is \"%.64s\"; expected 1 ... %d", own, MAX_THREADS);
}

int32_t scn_pool_thread_count(void) {
    int32_t wanted = atomic_load_explicit(&wanted_threads, memory_order_relaxed);
    if (wanted) return wanted;
    pthread_once(&first_count_once, choose_first_count);
    return first_count ? first_count : 1;
}

const char *scn_pool_error(void) {
    if (atomic_load_explicit(&wanted_threads, memory_order_relaxed)) return NULL;
    pthread_once(&first_count_once, choose_first_count);
    return first_count ? NULL : wrong_count;
}

void scn_pool_set_thread_count(int32_t count) {
    atomic_store_explicit(&wanted_threads, count < 1 ? 1 : count > MAX_THREADS ? MAX_THREADS : count,
                          memory_order_relaxed);
}

void scn_pool_run(int64_t count, int32_t lanes, scn_task task, void *context) {
    int32_t all = scn_pool_thread_count(), threads = lanes < all ? lanes : all;
    if (count <= 1 || threads <= 1 || inside_task || pthread_mutex_trylock(&in_use) != 0) {
        for (int64_t i = 0; i < count; i++) task(context, 0, i);
        return;
    }
    start_workers(all - 1);
    if (threads > worker_count + 1) threads = worker_count + 1;
    int32_t parts = count < threads ? (int32_t)count : threads;
    cut_into_shares(count, parts);
    job work = {task, context, lanes, parts, scn_floating_point_get(), fork_gate_depth > 0};
    announce(&work);
    run_shares(&work, 0);
    pthread_mutex_lock(&lock);
    current_is_open = 0;
    pthread_mutex_unlock(&lock);
    for (int spin = 0; atomic_load_explicit(&active_workers, memory_order_acquire) > 0; spin++) {
        if (spin < SPINS) pause_briefly();
        else sched_yield();
    }
    pthread_mutex_unlock(&in_use);
}

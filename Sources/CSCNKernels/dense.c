// Dense products, by OpenBLAS on the calling thread.
#define _GNU_SOURCE
#include <link.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#include "scn_kernels.h"

// OpenBLAS's own headers are not needed for two functions, and not installed everywhere.
enum { ROW_MAJOR = 101, NOT_TRANSPOSED = 111, TRANSPOSED = 112 };
extern void cblas_sgemm(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float *a,
                        int lda, const float *b, int ldb, float beta, float *c, int ldc);
extern void openblas_set_num_threads(int count);
extern int openblas_get_num_threads(void);
extern const char *openblas_get_corename(void);

/// Rows of one call, which counts them in 32 bits.
enum { ROWS_PER_CALL = 1 << 30 };

// Not part of OpenBLAS's interface, and not in every build of it.
extern void *blas_memory_alloc(int purpose) __attribute__((weak));
extern void blas_memory_free(void *buffer) __attribute__((weak));
extern int blas_thread_shutdown_(void) __attribute__((weak));

// OpenBLAS has a buffer of many megabytes for each call in progress, which it keeps for the next one. It ends the
// process when it has no place for more of them, and asks the system forever for one that cannot be had: calls begin
// where a buffer is there.
enum { MOST_CALLS = 32 };
static const size_t BUFFER = (size_t)160 << 20;  // 128 MB, and something for whoever asks meanwhile
static pthread_mutex_t calls_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t call_ended = PTHREAD_COND_INITIALIZER;
static int calls, buffers;
static int waits_for_none;  // how many threads let no call begin

/// Whether the system has addresses for so many buffers. `flags`: MAP_NORESERVE asks for addresses alone.
static int has_room(int count, int flags) {
    size_t length = (size_t)count * BUFFER;
    void *room = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
    if (room == MAP_FAILED) return 0;
    munmap(room, length);
    return 1;
}

/// With the lock: returns when no call is in progress; none begins until the lock is given up.
static void wait_for_none(void) {
    waits_for_none++;
    while (calls > 0) pthread_cond_wait(&call_ended, &calls_lock);
    waits_for_none--;
    pthread_cond_broadcast(&call_ended);
}

/// Has OpenBLAS make buffers, up to that number and as far as they can be had; it takes those first that it has.
static void make_buffers(int wanted) {
    void *taken[MOST_CALLS];
    int count = 0;
    while (count < wanted && has_room(1, 0) && (taken[count] = blas_memory_alloc(0))) count++;
    if (count > buffers) buffers = count;
    while (count > 0) blas_memory_free(taken[--count]);
}

int32_t scn_dense_products_at_once(int32_t wanted) {
    if (wanted > MOST_CALLS) wanted = MOST_CALLS;
    pthread_mutex_lock(&calls_lock);
    if (!blas_memory_alloc || !blas_memory_free) buffers = MOST_CALLS;
    if (buffers < wanted) {
        wait_for_none();
        make_buffers(wanted);
    }
    int32_t count = buffers < wanted ? buffers : wanted;
    pthread_mutex_unlock(&calls_lock);
    return count;
}

static void begin_call(void) {
    pthread_mutex_lock(&calls_lock);
    while (calls >= buffers || waits_for_none) pthread_cond_wait(&call_ended, &calls_lock);
    calls++;
    pthread_mutex_unlock(&calls_lock);
}
static void end_call(void) {
    pthread_mutex_lock(&calls_lock);
    calls--;
    pthread_cond_broadcast(&call_ended);
    pthread_mutex_unlock(&calls_lock);
}

// A child that comes into being within a call finds OpenBLAS's own locks as they are then.
static void before_fork(void) {
    pthread_mutex_lock(&calls_lock);
    wait_for_none();
}
static void after_fork_in_parent(void) { pthread_mutex_unlock(&calls_lock); }
static void after_fork_in_child(void) {
    calls = waits_for_none = 0;
    pthread_mutex_init(&calls_lock, NULL);
    pthread_cond_init(&call_ended, NULL);
}

/// Whether OpenBLAS came into the process with this library: then it follows in the list of what is loaded, and nobody
/// else has used it yet.
static int find_openblas(struct dl_phdr_info *loaded, size_t size, void *found_self) {
    (void)size;
    uintptr_t own = (uintptr_t)&calls_lock, other = (uintptr_t)openblas_set_num_threads;
    for (int i = 0; i < loaded->dlpi_phnum; i++) {
        uintptr_t start = loaded->dlpi_addr + loaded->dlpi_phdr[i].p_vaddr, length = loaded->dlpi_phdr[i].p_memsz;
        if (loaded->dlpi_phdr[i].p_type != PT_LOAD) continue;
        if (own - start < length) *(int *)found_self = 1;
        if (other - start < length) return *(int *)found_self ? 2 : 1;
    }
    return 0;
}

// The number is one setting for the process: products are cut into pieces by this library's own threads. Those that
// OpenBLAS has begun already would take the host's signals; it makes them anew where somebody asks it for more than
// one. One that waits for a buffer that cannot be had would never end.
__attribute__((constructor)) static void at_load(void) {
    int found_self = 0, threads = openblas_get_num_threads();
    openblas_set_num_threads(1);
    if (threads > 1 && blas_thread_shutdown_ && has_room(threads, MAP_NORESERVE) &&
        dl_iterate_phdr(find_openblas, &found_self) == 2)
        blas_thread_shutdown_();
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

void scn_dense_product(const float *input, int64_t rows, int64_t in_planes, const float *weight,
                       int32_t weight_is_transposed, float *output, int64_t out_planes, int32_t add_to_output) {
    if (rows <= 0 || out_planes <= 0) return;
    if (in_planes <= 0) {
        if (!add_to_output) memset(output, 0, (size_t)rows * (size_t)out_planes * sizeof(float));
        return;
    }
    begin_call();
    for (int64_t first = 0; first < rows; first += ROWS_PER_CALL) {
        int64_t count = rows - first < ROWS_PER_CALL ? rows - first : ROWS_PER_CALL;
        cblas_sgemm(ROW_MAJOR, NOT_TRANSPOSED, weight_is_transposed ? TRANSPOSED : NOT_TRANSPOSED, (int)count,
                    (int)out_planes, (int)in_planes, 1, input + first * in_planes, (int)in_planes, weight,
                    (int)(weight_is_transposed ? in_planes : out_planes), add_to_output ? 1 : 0,
                    output + first * out_planes, (int)out_planes);
    }
    end_call();
}

void scn_dense_product_of_columns(const float *input, int64_t rows, int64_t in_planes, const float *output_gradient,
                                  int64_t out_planes, float *product) {
    if (in_planes <= 0 || out_planes <= 0) return;
    if (rows <= 0) {
        memset(product, 0, (size_t)in_planes * (size_t)out_planes * sizeof(float));
        return;
    }
    begin_call();
    for (int64_t first = 0; first < rows; first += ROWS_PER_CALL) {
        int64_t count = rows - first < ROWS_PER_CALL ? rows - first : ROWS_PER_CALL;
        cblas_sgemm(ROW_MAJOR, TRANSPOSED, NOT_TRANSPOSED, (int)in_planes, (int)out_planes, (int)count, 1,
                    input + first * in_planes, (int)in_planes, output_gradient + first * out_planes, (int)out_planes,
                    first ? 1 : 0, product, (int)out_planes);
    }
    end_call();
}

int32_t scn_dense_product_suits(const scn_kernel_table *table, int64_t weights) {
    // Up to so many, packing and the calls cost more than OpenBLAS's blocking gains: 128 x 128.
    enum { FEW_WEIGHTS = 1 << 14 };
    // The cores of OpenBLAS that use no vectors wider than 128 bits.
    static const char *const narrow[] = {"Katmai", "Coppermine", "Northwood", "Prescott", "Banias", "Atom", "Core2",
                                         "Penryn", "Dunnington", "Nehalem", "Athlon", "Opteron", "Opteron_SSE3",
                                         "Barcelona", "Nano", "Bobcat"};
    if (strcmp(table->name, "generic") == 0) return 1;
    if (weights <= FEW_WEIGHTS) return 0;
    const char *core = openblas_get_corename();
    for (size_t i = 0; i < sizeof narrow / sizeof narrow[0]; i++)
        if (strcmp(core, narrow[i]) == 0) return 0;
    return 1;
}

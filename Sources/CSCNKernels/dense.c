// Dense products, by OpenBLAS on the calling thread.
#include <pthread.h>
#include <string.h>

#include "scn_kernels.h"

// OpenBLAS's own headers are not needed for two functions, and not installed everywhere.
enum { ROW_MAJOR = 101, NOT_TRANSPOSED = 111, TRANSPOSED = 112 };
extern void cblas_sgemm(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float *a,
                        int lda, const float *b, int ldb, float beta, float *c, int ldc);
extern void openblas_set_num_threads(int count);
extern const char *openblas_get_corename(void);

/// Rows of one call, which counts them in 32 bits.
enum { ROWS_PER_CALL = 1 << 30 };

// OpenBLAS has a buffer of many megabytes for each call in progress and ends the process when it runs out of them.
enum { CALLS_AT_ONCE = 32 };
static pthread_mutex_t calls_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t call_ended = PTHREAD_COND_INITIALIZER;
static int calls;

static void begin_call(void) {
    pthread_mutex_lock(&calls_lock);
    while (calls == CALLS_AT_ONCE) pthread_cond_wait(&call_ended, &calls_lock);
    calls++;
    pthread_mutex_unlock(&calls_lock);
}
static void end_call(void) {
    pthread_mutex_lock(&calls_lock);
    calls--;
    pthread_cond_signal(&call_ended);
    pthread_mutex_unlock(&calls_lock);
}

// The threads that were inside are the parent's.
static void after_fork_in_child(void) {
    calls = 0;
    pthread_mutex_init(&calls_lock, NULL);
    pthread_cond_init(&call_ended, NULL);
}

// The setting is global to the process: products are cut into pieces by this library's own threads.
__attribute__((constructor)) static void at_load(void) {
    openblas_set_num_threads(1);
    pthread_atfork(NULL, NULL, after_fork_in_child);
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

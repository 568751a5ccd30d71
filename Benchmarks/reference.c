// The clock, and what rates compare with: a dense product and a copy.
#include <cblas.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"

enum { MAX_REFERENCES = 1 << 16 };

typedef struct {
    double *rates;
    int count;
} rate_list;
static rate_list references[2][THREAD_COUNTS];  // by figure: sgemm, memcpy

/// One thread: the time that it had a core, which is the wall's where nothing else runs, and does not count other
/// programs where something does. Else the wall's, as balance counts.
double time_of(int threads) {
    struct timespec now;
    clock_gettime(threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double quantile(double *values, int count, double part) {
    qsort(values, (size_t)count, sizeof *values, ascending);
    double place = part * (count - 1);
    int below = (int)place, above = below + 1 < count ? below + 1 : below;
    return values[below] + (place - below) * (values[above] - values[below]);
}

static double dense_rate(int threads) {
    static float *a, *b, *c;
    int n = setting.dense_size;
    if (!a) {
        a = random_matrix(n, n).data;
        b = random_matrix(n, n).data;
        c = random_matrix(n, n).data;
    }
    openblas_set_num_threads(threads);
    double begin = time_of(threads);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, n, n, 1, a, n, b, n, 0, c, n);
    double seconds = time_of(threads) - begin;
    // The library under test wants it so: it calls OpenBLAS from threads of its own.
    openblas_set_num_threads(1);
    return 2.0 * n * n * n / seconds;
}

typedef struct {
    char *to;
    const char *from;
    size_t bytes;
} copy_part;

static void *copy(void *context) {
    copy_part *part = context;
    memcpy(part->to, part->from, part->bytes);
    return NULL;
}

static double copy_rate(int threads) {
    static char *from, *to;
    if (!from) {
        from = allocate(setting.copy_bytes);
        to = allocate(setting.copy_bytes);
        memset(from, 1, (size_t)setting.copy_bytes);
        memset(to, 2, (size_t)setting.copy_bytes);
    }
    enum { COPIES = 4 };
    double begin = time_of(threads);
    for (int repetition = 0; repetition < COPIES; repetition++) {
        pthread_t helpers[threads];
        copy_part parts[threads];
        size_t share = (size_t)setting.copy_bytes / (size_t)threads;
        for (int i = 0; i < threads; i++)
            parts[i] = (copy_part){to + share * (size_t)i, from + share * (size_t)i, share};
        for (int i = 1; i < threads; i++)
            if (pthread_create(&helpers[i], NULL, copy, &parts[i])) fail("no thread to be had");
        copy(&parts[0]);
        for (int i = 1; i < threads; i++) pthread_join(helpers[i], NULL);
    }
    return 2.0 * (double)setting.copy_bytes * COPIES / (time_of(threads) - begin);
}

double take_reference(figure share, int thread_index) {
    int threads = setting.thread_counts[thread_index];
    double rate = share == SHARE_OF_SGEMM ? dense_rate(threads) : copy_rate(threads);
    rate_list *list = &references[share][thread_index];
    if (!list->rates) list->rates = allocate(MAX_REFERENCES * (int64_t)sizeof(double));
    if (list->count < MAX_REFERENCES) list->rates[list->count++] = rate;
    return rate;
}

double reference_rate(figure share, int thread_index) {
    rate_list *list = &references[share][thread_index];
    if (!list->count) take_reference(share, thread_index);
    return quantile(list->rates, list->count, 0.5);
}

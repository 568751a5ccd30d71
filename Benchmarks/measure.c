// One way to measure: in turns with a reference, at each thread count, until the time for the line is used up.
//
// The clock of a shared machine wanders by a third within minutes. What is measured and what it is compared with
// therefore take turns, and the figure is the median of the ratios of neighbours.
#include <cblas.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

enum { MAX_LINES = 128, MAX_SAMPLES = 512, MAX_REFERENCES = MAX_LINES * MAX_SAMPLES };

line lines[MAX_LINES];
int line_count;
static int expected_lines;
static double started;

typedef struct {
    double *rates;
    int count;
} rate_list;
static rate_list references[2][THREAD_COUNTS];  // by figure: sgemm, memcpy
static double one_thread_wall, one_thread_cpu;

void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("\nbench: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

void check(scn_status status) {
    if (status != SCN_OK) fail("%s: %s", scn_status_name(status), scn_last_error());
}

static double clock_seconds(clockid_t id) {
    struct timespec now;
    clock_gettime(id, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}
static double now(void) { return clock_seconds(CLOCK_MONOTONIC); }
/// The clock that times work on so many threads. One thread: the time that it had a core, which is the wall's where
/// nothing else runs, and does not count other programs where something does. More: the wall's, as balance counts.
static double time_of(int threads) { return threads == 1 ? clock_seconds(CLOCK_THREAD_CPUTIME_ID) : now(); }

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/// The value at a part of the way (0.5: the median) through `values`, which get sorted.
static double quantile(double *values, int count, double part) {
    qsort(values, (size_t)count, sizeof *values, ascending);
    double place = part * (count - 1);
    int below = (int)place, above = below + 1 < count ? below + 1 : below;
    return values[below] + (place - below) * (values[above] - values[below]);
}

// The references.

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

static double take_reference(figure share, int thread_index) {
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

double cpu_share(void) { return one_thread_wall > 0 ? one_thread_cpu / one_thread_wall : 1; }

// What is measured.

/// Call until the calls together took long enough to be timed well; return the mean seconds of a call.
static double sample(const work *subject, int threads, double long_enough) {
    double total = 0, wall = now(), cpu = time_of(1);
    int calls = 0, in_a_row = 1, may_be_in_a_row = !subject->prepare && !subject->clean;
    check(scn_set_thread_count(threads));
    do {
        if (subject->prepare) subject->prepare(subject->context);
        double begin = time_of(threads);
        for (int i = 0; i < in_a_row; i++) subject->run(subject->context);
        total += time_of(threads) - begin;
        if (subject->clean) subject->clean(subject->context);
        calls += in_a_row;
        // The clock itself takes time: short work is timed in ever longer rows.
        if (may_be_in_a_row) in_a_row *= 2;
    } while (total < long_enough);
    if (threads == 1) {
        one_thread_wall += now() - wall;
        one_thread_cpu += time_of(1) - cpu;
    }
    return total / calls;
}

static double figure_of(const work *subject, double seconds, double reference) {
    switch (subject->figure) {
        case NANOSECONDS: return 1e9 * seconds / subject->amount;
        case MICROSECONDS: return 1e6 * seconds / subject->amount;
        case PER_SECOND: return subject->amount / seconds;
        default: return subject->amount / seconds / reference;
    }
}

void expect_lines(int count) { expected_lines += count; }

static void show_progress(const work *subject) {
    if (!started) started = now();
    double elapsed = now() - started;
    int is_terminal = isatty(STDERR_FILENO);
    fprintf(stderr, "%s[%d/%d] %s, %s", is_terminal ? "\r\033[K" : "", line_count + 1, expected_lines, subject->section,
            subject->name);
    if (line_count) fprintf(stderr, ", %.0f s left", elapsed / line_count * (expected_lines - line_count));
    if (!is_terminal) fputc('\n', stderr);
    fflush(stderr);
}

void measure(work subject) {
    static double seconds[THREAD_COUNTS][MAX_SAMPLES], values[THREAD_COUNTS][MAX_SAMPLES];
    if (line_count == MAX_LINES) fail("more than %d lines", MAX_LINES);
    show_progress(&subject);
    int is_share = subject.figure == SHARE_OF_SGEMM || subject.figure == SHARE_OF_MEMCPY;
    double budget = setting.quick ? 0.3 : 3, long_enough = setting.quick ? 0.005 : 0.03;
    int least = setting.quick ? 3 : 5, repetitions = 0;

    // Caches, the thread pool and the pages of results settle first.
    for (int t = 0; t < setting.count_of_thread_counts; t++) sample(&subject, setting.thread_counts[t], 0);
    for (double begin = now(); repetitions < MAX_SAMPLES && (repetitions < least || now() - begin < budget);
         repetitions++) {
        for (int t = 0; t < setting.count_of_thread_counts; t++) {
            int reference_first = repetitions % 2 == 0;
            double reference = 0;
            if (is_share && reference_first) reference = take_reference(subject.figure, t);
            seconds[t][repetitions] = sample(&subject, setting.thread_counts[t], long_enough);
            if (is_share && !reference_first) reference = take_reference(subject.figure, t);
            values[t][repetitions] = figure_of(&subject, seconds[t][repetitions], reference);
        }
    }

    line *result = &lines[line_count++];
    snprintf(result->section, sizeof result->section, "%s", subject.section);
    snprintf(result->name, sizeof result->name, "%s", subject.name);
    result->figure = subject.figure;
    result->amount = subject.amount;
    for (int t = 0; t < setting.count_of_thread_counts; t++) {
        double typical = quantile(seconds[t], repetitions, 0.5);
        result->at[t] = (measured){
            .value = quantile(values[t], repetitions, 0.5), .low = quantile(values[t], repetitions, 0.25),
            .high = quantile(values[t], repetitions, 0.75), .rate = subject.amount / typical, .seconds = typical,
            .repetitions = repetitions};
    }
    if (line_count == expected_lines && isatty(STDERR_FILENO)) fputs("\r\033[K", stderr);
}

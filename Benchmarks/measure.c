// One way to measure: in turns with a reference, at each thread count, until the time for the line is used up.
//
// The clock of a shared machine wanders by a third within minutes. What is measured and what it is compared with
// therefore take turns, and the figure is the median of the ratios of neighbors.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

enum { MAX_LINES = 256, MAX_SAMPLES = 512, WALL = 0 };

line lines[MAX_LINES];
int line_count;
static int expected_measurements, begun_measurements;
static double expected_seconds, begun_seconds, last_budget, started;
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

double cpu_share(void) { return one_thread_wall > 0 ? one_thread_cpu / one_thread_wall : 1; }

/// Call until the calls together took long enough to be timed well; return the mean seconds of a call.
static double sample(const work *subject, int threads, double long_enough) {
    double total = 0, wall = time_of(WALL), cpu = time_of(1);
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
        one_thread_wall += time_of(WALL) - wall;
        one_thread_cpu += time_of(1) - cpu;
    }
    return total / calls;
}

/// What one repetition found at one thread count.
typedef struct {
    double seconds, companion, reference;
} turn;

static double figure_of(const view *view, const work *companion, turn found) {
    switch (view->figure) {
        case NANOSECONDS: return 1e9 * found.seconds / view->amount;
        case MICROSECONDS: return 1e6 * found.seconds / view->amount;
        case SECONDS: return found.seconds / view->amount;
        case PER_SECOND: return view->amount / found.seconds;
        case TIMES_COMPANION: return found.seconds / view->amount / (found.companion / companion->amount);
        case SHARE_OF_COMPANION:
            return view->amount / found.seconds / (companion->amount / found.companion);
        case SGEMM_OPERATIONS: return found.seconds / view->amount * found.reference;
        case OUTSIDE_COMPANION: return 1 - found.companion / found.seconds;
        default: return view->amount / found.seconds / found.reference;
    }
}

double scaled_budget(double seconds) { return setting.quick ? seconds / 10 : seconds; }

double usual_budget(void) { return scaled_budget(3); }

void expect(int measurements, double seconds) {
    expected_measurements += measurements;
    expected_seconds += seconds;
}

void announce(const char *section, const char *name, double budget) {
    if (!started) started = time_of(WALL);
    begun_seconds += last_budget;
    last_budget = budget;
    double elapsed = time_of(WALL) - started;
    int is_terminal = isatty(STDERR_FILENO);
    fprintf(stderr, "%s[%d/%d] %s, %s", is_terminal ? "\r\033[K" : "", ++begun_measurements, expected_measurements,
            section, name);
    if (begun_seconds > 0)
        fprintf(stderr, ", %.0f s left", elapsed / begun_seconds * (expected_seconds - begun_seconds));
    if (!is_terminal) fputc('\n', stderr);
    fflush(stderr);
}

static line *new_line(const view *view) {
    if (line_count == MAX_LINES) fail("more than %d lines", MAX_LINES);
    line *result = &lines[line_count++];
    *result = (line){.figure = view->figure, .amount = view->amount};
    snprintf(result->section, sizeof result->section, "%s", view->section);
    snprintf(result->name, sizeof result->name, "%s", view->name);
    if (begun_measurements == expected_measurements && isatty(STDERR_FILENO)) fputs("\r\033[K", stderr);
    return result;
}

void record(const char *section, const char *name, figure figure, const double *values) {
    line *result = new_line(&(view){section, name, figure, 1});
    for (int t = 0; t < setting.count_of_thread_counts; t++)
        result->at[t] = (measured){.value = values[t], .low = values[t], .high = values[t], .repetitions = 1};
}

static void add_line(const view *view, const work *companion, turn turns[][MAX_SAMPLES], int repetitions) {
    static double values[MAX_SAMPLES], seconds[MAX_SAMPLES];
    line *result = new_line(view);
    int is_gain = view->figure == GAIN_OVER_SGEMM;
    // A gain belongs to the larger thread count alone.
    for (int t = is_gain; t < setting.count_of_thread_counts; t++) {
        for (int i = 0; i < repetitions; i++) {
            seconds[i] = turns[t][i].seconds;
            values[i] = figure_of(view, companion, turns[t][i]);
            if (is_gain) values[i] /= figure_of(view, companion, turns[0][i]);
        }
        double typical = quantile(seconds, repetitions, 0.5);
        result->at[t] = (measured){
            .value = quantile(values, repetitions, 0.5), .low = quantile(values, repetitions, 0.25),
            .high = quantile(values, repetitions, 0.75), .rate = view->amount / typical, .seconds = typical,
            .repetitions = repetitions};
    }
}

/// The reference that the figures need; -1 for none.
static int reference_of(const view *first, const extra *more) {
    for (int i = -1; i < more->view_count; i++) {
        figure figure = i < 0 ? first->figure : more->views[i].figure;
        if (figure == SHARE_OF_MEMCPY) return SHARE_OF_MEMCPY;
        if (figure == SHARE_OF_SGEMM || figure == SGEMM_OPERATIONS || figure == GAIN_OVER_SGEMM)
            return SHARE_OF_SGEMM;
    }
    return -1;
}

/// One after the other, in one order and the next time in the other.
static turn take_turn(const work *subject, const work *companion, int reference, int thread_index, int backwards) {
    double long_enough = setting.quick ? 0.005 : 0.03;
    int threads = setting.thread_counts[thread_index];
    turn found = {0, 0, 0};
    for (int step = 0; step < 3; step++) {
        int what = backwards ? 2 - step : step;
        if (what == 0 && reference >= 0) found.reference = take_reference((figure)reference, thread_index);
        if (what == 1) found.seconds = sample(subject, threads, long_enough);
        if (what == 2 && companion) found.companion = sample(companion, threads, long_enough);
    }
    return found;
}

void measure_with(work subject, extra more) {
    static turn turns[THREAD_COUNTS][MAX_SAMPLES];
    const view first = {subject.section, subject.name, subject.figure, subject.amount};
    double budget = more.budget > 0 ? more.budget : usual_budget();
    int least = setting.quick || more.budget > 0 ? 3 : 5, repetitions = 0, reference = reference_of(&first, &more);
    announce(subject.section, subject.name, budget);

    // Caches, the thread pool and the pages of results settle first.
    for (int t = 0; t < setting.count_of_thread_counts; t++) {
        sample(&subject, setting.thread_counts[t], 0);
        if (more.companion) sample(more.companion, setting.thread_counts[t], 0);
    }
    for (double begin = time_of(WALL);
         repetitions < MAX_SAMPLES && (repetitions < least || time_of(WALL) - begin < budget); repetitions++)
        for (int t = 0; t < setting.count_of_thread_counts; t++)
            turns[t][repetitions] = take_turn(&subject, more.companion, reference, t, repetitions % 2);

    add_line(&first, more.companion, turns, repetitions);
    for (int i = 0; i < more.view_count; i++) add_line(&more.views[i], more.companion, turns, repetitions);
}

void measure(work subject) { measure_with(subject, (extra){.view_count = 0}); }

void measure_in_operations(work subject) {
    const view operations = {"operations of sgemm in the time of an item", subject.name, SGEMM_OPERATIONS,
                             subject.amount};
    measure_with(subject, (extra){.views = &operations, .view_count = 1});
}

/* What the C test programs share: checks that count, arrays that cannot fail, random numbers. A program ends with
 * `return finish();`, which prints `N passed, N failed`. */
#ifndef SCN_TEST_CHECK_H
#define SCN_TEST_CHECK_H

#include <math.h>
#include <scn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int passed_count, failed_count;

/** Count a check; print it where it failed. Return whether it holds. */
static inline int check(int holds, const char *file, int line, const char *text) {
    if (holds) passed_count++;
    else failed_count++, printf("FAILED %s:%d: %s\n", file, line, text);
    return holds;
}

/** Count a call that must succeed; print the library's message where it did not. */
static inline int check_ok(scn_status status, const char *file, int line, const char *text) {
    if (status != SCN_OK) printf("%s: %s\n", scn_status_name(status), scn_last_error());
    return check(status == SCN_OK, file, line, text);
}

/** Count whether count numbers differ by no more than tolerance times the largest of those wanted. */
static inline int check_near(const char *file, int line, const char *text, const float *got, const double *want,
                             int64_t count, double tolerance) {
    double scale = 1e-2, worst = 0;
    for (int64_t i = 0; i < count; i++) scale = fmax(scale, fabs(want[i]));
    for (int64_t i = 0; i < count; i++) {
        double difference = fabs(got[i] - want[i]);
        if (!(difference <= worst)) worst = difference;
    }
    if (!(worst <= tolerance * scale)) printf("off by %g at scale %g\n", worst, scale);
    return check(worst <= tolerance * scale, file, line, text);
}

#define CHECK(condition) check((condition) != 0, __FILE__, __LINE__, #condition)
#define OK(call) check_ok(call, __FILE__, __LINE__, #call)
#define NEAR(what, got, want, count, tolerance) check_near(__FILE__, __LINE__, what, got, want, count, tolerance)

/** Print the last line and return the exit status. */
static inline int finish(void) {
    printf("%d passed, %d failed\n", passed_count, failed_count);
    return failed_count > 0 || passed_count == 0;
}

/** Return zeroed memory for count elements, at least one; the program ends where there is none. */
static inline void *zeros(int64_t count, size_t element) {
    void *memory = calloc(count > 0 ? (size_t)count : 1, element);
    if (!memory) puts("the test program is out of memory"), exit(2);
    return memory;
}
static inline float *floats(int64_t count) { return (float *)zeros(count, sizeof(float)); }
static inline double *doubles(int64_t count) { return (double *)zeros(count, sizeof(double)); }
static inline int64_t *integers(int64_t count) { return (int64_t *)zeros(count, sizeof(int64_t)); }

/** Return the next of a sequence of numbers spread evenly over 0 ... 2^32 - 1; state: any start (Knuth's MMIX). */
static inline uint32_t next_random(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 32);
}
/** Fill with multiples of 1/64 in -1 ... 1, so that ties and zeros occur. */
static inline void fill_random(float *values, int64_t count, uint64_t seed) {
    uint64_t state = seed;
    for (int64_t i = 0; i < count; i++) values[i] = ((float)(next_random(&state) % 129) - 64.0f) / 64.0f;
}
static inline float *random_floats(int64_t count, uint64_t seed) {
    float *values = floats(count);
    fill_random(values, count, seed);
    return values;
}

#if defined(__SANITIZE_ADDRESS__)
#define IS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_SANITIZED 1
#endif
#endif

/** Return the kilobytes of memory that this process has resident; 0 where the system does not say, and under a
 *  sanitizer,
 * which keeps freed memory for a while. */
static inline long resident_kilobytes(void) {
#ifdef IS_SANITIZED
    return 0;
#endif
    char line[256];
    long kilobytes = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "VmRSS:", 6) == 0) kilobytes = strtol(line + 6, NULL, 10);
    if (file) fclose(file);
    return kilobytes;
}

#endif

/* What the tests of the kernels share: the tables of this cpu, arrays that end where memory ends, matrices with gaps,
 * rulebooks. A case begins with `begin_case`, and `end_case` checks and frees all of its arrays. */
#ifndef SCN_TEST_KERNELS_H
#define SCN_TEST_KERNELS_H

#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "scn_kernels.h"

#define COUNT_OF(array) ((int64_t)(sizeof(array) / sizeof *(array)))

/** Every number of planes that is something special to one of the tables. */
static const int64_t plane_counts[] = {1,  2,  3,  4,  5,  7,  8,  15, 16, 17, 31,
                                       32, 33, 37, 48, 64, 65, 80, 96, 128, 160};

/** What stands where nothing may write: around arrays and between rows. */
static const float guard = -12345.5f;

static char case_name[160];
static const char *table_name = "";

#define SAME(got, want, count) check_same(__LINE__, __FILE__, got, want, count)
#define CLOSE(got, want, count, tolerance) check_near(__FILE__, __LINE__, case_name, got, want, count, tolerance)
#define CLOSE_SUMS(got, want, count, tolerance) check_sums(__LINE__, __FILE__, got, want, count, tolerance)
#define HOLDS(condition) check((condition) != 0, __FILE__, __LINE__, case_name)

// Arrays.

enum { MAX_ARRAYS = 64, GUARD_BYTES = 256, MAX_SLACK = 4 };
typedef struct {
    unsigned char *memory; /* whole pages, the last of them not to be touched */
    size_t length;
    unsigned char *first, *end;
} array;
static array arrays[MAX_ARRAYS];
static int array_count, array_total;

/** The guard's bytes at an address; those of a float where the array has floats. */
static inline unsigned char guard_byte(const unsigned char *at) {
    unsigned char bytes[sizeof guard];
    memcpy(bytes, &guard, sizeof bytes);
    return bytes[(uintptr_t)at % sizeof bytes];
}

/** Zeroed memory for count elements: its end is where memory ends, or up to three elements before, so that most reads
 *  beyond it crash; its address has the alignment of an element and no more. */
static inline void *edge(int64_t count, size_t element) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = (size_t)count * element;
    size_t slack = (size_t)(array_total++ % MAX_SLACK) * element;
    size_t length = (bytes + slack + GUARD_BYTES + page - 1) / page * page + page;
    unsigned char *memory =
        (unsigned char *)mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || array_count == MAX_ARRAYS || mprotect(memory + length - page, page, PROT_NONE))
        puts("the test program is out of memory"), exit(2);
    array made = {memory, length, memory + length - page - slack - bytes, memory + length - page - slack};
    for (unsigned char *p = made.first - GUARD_BYTES; p < memory + length - page; p++) {
        if (p < made.first || p >= made.end) *p = guard_byte(p);
    }
    arrays[array_count++] = made;
    return made.first;
}
static inline float *edge_floats(int64_t count) { return (float *)edge(count, sizeof(float)); }
static inline double *edge_doubles(int64_t count) { return (double *)edge(count, sizeof(double)); }
static inline int64_t *edge_integers(int64_t count) { return (int64_t *)edge(count, sizeof(int64_t)); }

/** Floats in -1 ..< 1 that use all their digits, so that sums of them are rounded. */
static inline float *uneven_floats(int64_t count, uint64_t seed) {
    float *values = edge_floats(count);
    next_random(&seed);
    for (int64_t i = 0; i < count; i++) values[i] = (float)next_random(&seed) / 2147483648.0f - 1.0f;
    return values;
}
/** Multiples of 1/64 in -1 ... 1: short sums of their products are exact, and values repeat. */
static inline float *even_floats(int64_t count, uint64_t seed) {
    float *values = edge_floats(count);
    fill_random(values, count, seed);
    return values;
}
static inline float *copy_of(const float *values, int64_t count) {
    float *copy = edge_floats(count);
    if (count) memcpy(copy, values, (size_t)count * sizeof *copy);
    return copy;
}
static inline float *filled(int64_t count, float value) {
    float *values = edge_floats(count);
    for (int64_t i = 0; i < count; i++) values[i] = value;
    return values;
}
static inline double *doubles_of(const float *values, int64_t count) {
    double *copy = edge_doubles(count);
    for (int64_t i = 0; i < count; i++) copy[i] = values[i];
    return copy;
}

static inline void begin_case(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline void begin_case(const char *format, ...) {
    va_list values;
    va_start(values, format);
    int length = snprintf(case_name, sizeof case_name, "%s: ", table_name);
    vsnprintf(case_name + length, sizeof case_name - (size_t)length, format, values);
    va_end(values);
}

/** Check that nothing wrote around an array of this case, and free them all. */
static inline void end_case(void) {
    int is_intact = 1;
    for (int i = 0; i < array_count; i++) {
        const array *a = &arrays[i];
        const unsigned char *limit = a->memory + a->length - (size_t)sysconf(_SC_PAGESIZE);
        for (const unsigned char *p = a->first - GUARD_BYTES; p < limit; p++)
            is_intact &= (p >= a->first && p < a->end) || *p == guard_byte(p);
        munmap(a->memory, a->length);
    }
    array_count = 0;
    HOLDS(is_intact);
}

/** Count whether floats are the numbers wanted, rounded to floats: NaN where a NaN is wanted. */
static inline int check_same(int line, const char *file, const float *got, const double *want, int64_t count) {
    int64_t different = 0, first = -1;
    for (int64_t i = 0; i < count; i++) {
        if (got[i] == (float)want[i] || (isnan(got[i]) && isnan(want[i]))) continue;
        if (!different++) first = i;
    }
    if (different)
        printf("%lld of %lld differ, first at %lld: is %g, expected %g\n", (long long)different, (long long)count,
               (long long)first, (double)got[first], want[first]);
    return check(different == 0, file, line, case_name);
}

/** The same for doubles, within a tolerance by 1 and each number. */
static inline int check_sums(int line, const char *file, const double *got, const double *want, int64_t count,
                             double tolerance) {
    double worst = 0;
    for (int64_t i = 0; i < count; i++) {
        double error = fabs(got[i] - want[i]) / (1 + fabs(want[i]));
        if (!(error <= worst)) worst = error;
    }
    if (!(worst <= tolerance)) printf("off by %g\n", worst);
    return check(worst <= tolerance, file, line, case_name);
}

static inline int have_same_bits(const float *a, const float *b, int64_t count) {
    return count == 0 || memcmp(a, b, (size_t)count * sizeof *a) == 0;
}

// Matrices whose rows are apart.

typedef struct {
    float *values;
    int64_t rows, planes, stride;
} matrix;

static inline matrix new_matrix(const float *values, int64_t rows, int64_t planes, int64_t gap) {
    matrix m = {NULL, rows, planes, planes + gap};
    int64_t count = rows ? (rows - 1) * m.stride + planes : 0;
    m.values = filled(count, guard);
    for (int64_t i = 0; i < rows * planes; i++)
        m.values[i / planes * m.stride + i % planes] = values ? values[i] : NAN;
    return m;
}

/** The elements without the gaps, which must be intact. */
static inline float *elements_of(matrix m) {
    float *values = edge_floats(m.rows * m.planes);
    int is_intact = 1;
    for (int64_t row = 0; row < m.rows; row++)
        for (int64_t p = 0; p < m.stride; p++) {
            if (p < m.planes) values[row * m.planes + p] = m.values[row * m.stride + p];
            else if (row + 1 < m.rows) is_intact &= m.values[row * m.stride + p] == guard;
        }
    HOLDS(is_intact);
    return values;
}

// Rules.

/** Each output row is in each offset with that chance, and input rows ascend with a gap here and there. */
static inline scn_rules random_rules(int64_t volume, int64_t inputs, int64_t outputs, uint32_t percent, uint64_t seed) {
    int64_t *offsets = edge_integers(volume + 1), most = volume * outputs, count = 0;
    int32_t *input_rows = (int32_t *)zeros(most, sizeof(int32_t));
    int32_t *output_rows = (int32_t *)zeros(most, sizeof(int32_t));
    next_random(&seed);
    for (int64_t k = 0; k < volume; k++) {
        for (int64_t input = 0, output = 0; output < outputs; output++) {
            if (next_random(&seed) % 100 >= percent) continue;
            input += next_random(&seed) % 2;
            if (input >= inputs) break;
            input_rows[count] = (int32_t)input++, output_rows[count++] = (int32_t)output;
        }
        offsets[k + 1] = count;
    }
    int32_t *from = (int32_t *)edge(count, sizeof(int32_t)), *to = (int32_t *)edge(count, sizeof(int32_t));
    if (count) {
        memcpy(from, input_rows, (size_t)count * sizeof *from);
        memcpy(to, output_rows, (size_t)count * sizeof *to);
    }
    free(input_rows), free(output_rows);
    scn_rules rules = {volume, offsets, from, to};
    return rules;
}

/** Say which case ended the program. */
static inline void report_fault(int number) {
    static const char text[] = "\na fault in ";
    ssize_t written = write(1, text, sizeof text - 1) + write(1, case_name, strlen(case_name));
    (void)written;
    signal(number, SIG_DFL);
}

/** Run each test on each table of this cpu, and say which tables those were. */
static inline int run_on_all_tables(void (*const *tests)(const scn_kernel_table *), int64_t count) {
    const scn_kernel_table *table;
    signal(SIGSEGV, report_fault);
    for (int32_t i = 0; (table = scn_kernels_at(i)); i++) {
        printf("%s%s", i ? ", " : "on ", table->name);
        fflush(stdout);
        table_name = table->name;
        for (int64_t test = 0; test < count; test++) tests[test](table);
    }
    printf("\n");
    return finish();
}

#endif

/* What the fuzzers share: a reader that makes numbers and arrays of an input's bytes, and a way to fail that libFuzzer
 * notices. Arrays are as long as the interface says and no longer, so that AddressSanitizer sees whoever reads
 * beyond. */
#ifndef SCN_FUZZ_H
#define SCN_FUZZ_H

#include <math.h>
#include <scn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/** Print what is wrong and end: libFuzzer keeps the input. */
static inline void __attribute__((noreturn, format(printf, 1, 2))) fuzz_fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("FUZZ: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    abort();
}

#define REQUIRE(condition) ((condition) ? (void)0 : fuzz_fail("%s:%d: %s", __FILE__, __LINE__, #condition))
#define REQUIRE_OK(call)                                                                                \
    do {                                                                                                \
        scn_status required_status = (call);                                                            \
        if (required_status != SCN_OK)                                                                  \
            fuzz_fail("%s:%d: %s: %s: %s", __FILE__, __LINE__, #call, scn_status_name(required_status), \
                      scn_last_error());                                                                \
    } while (0)

/* The input. Behind its end there are zeros. */

static const uint8_t *next_byte;
static size_t bytes_left;

static inline void read_from(const uint8_t *bytes, size_t size) { next_byte = bytes, bytes_left = size; }
static inline uint8_t byte(void) {
    if (bytes_left == 0) return 0;
    bytes_left--;
    return *next_byte++;
}
/** Return whether something happens that does in `times` of 256 cases, and never behind the end. */
static inline int rarely(int times) { return byte() >= 256 - times; }

/* Memory that lasts until release_scratch(). */

enum { MOST_SCRATCH = 4096, MOST_FLOATS = 1 << 16 };
static void *scratch_blocks[MOST_SCRATCH];
static int scratch_count;

static inline void *scratch(size_t count, size_t element) {
    REQUIRE(scratch_count < MOST_SCRATCH);
    void *block = malloc(count * element);
    if (!block && count) fuzz_fail("the fuzzer is out of memory");
    if (count) memset(block, 0, count * element);
    return scratch_blocks[scratch_count++] = block;
}
static inline void release_scratch(void) {
    while (scratch_count > 0) free(scratch_blocks[--scratch_count]);
}

/* Numbers, most of them sensible. */

static inline int64_t number_from(const int64_t *odd, int odd_count, int64_t most) {
    uint8_t choice = byte();
    return choice < 232 ? choice % (most + 1) : odd[choice % odd_count];
}
/** Return a size or count: 0 ... most, or rarely one that no call should get. */
static inline int64_t size_number(int64_t most) {
    static const int64_t odd[] = {-1, INT64_MIN, INT64_MAX, INT64_C(1) << 31, INT64_C(1) << 32, INT64_C(1) << 62,
                                  INT32_MAX, 255, 64, INT64_C(1) << 59, INT64_C(1) << 24, 100};
    return number_from(odd, sizeof odd / sizeof odd[0], most);
}
static inline double real_number(void) {
    static const double values[] = {0,   1,     0.5,       0.25,       2,         1e-4,  0.99, 0.9,
                                    -1,  1e-12, INFINITY,  NAN,        -INFINITY, 1e308, -0.0, 5e-324,
                                    3,   1e-46, -0.333333, 3.5e38,     1e30,      1e-30, 100,  16777217,
                                    0.1, 1e6,   -1e9,      0.99999999, 1.0000001, 7};
    return values[byte() % (sizeof values / sizeof values[0])];
}
static inline int32_t integer_from_bytes(void) {
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) value = value << 8 | byte();
    return (int32_t)value;
}
/** Return a flag or a value of an enumeration, rarely a wrong one. */
static inline int32_t choice_of(int count) {
    if (rarely(8)) return integer_from_bytes();
    return byte() % count;
}

/* Arrays, NULL where they would be too long to pay for: whoever needs them must then say so. */

static inline float *some_floats(int64_t count) {
    if (count < 0 || count > MOST_FLOATS || rarely(6)) return NULL;
    float *values = (float *)scratch((size_t)count, sizeof(float));
    uint8_t kind = byte();
    for (int64_t i = 0; i < count; i++)
        values[i] = kind < 192 ? (float)((i * 7 + kind) % 17 - 8) / 8 : kind < 208 ? 0 : (float)real_number();
    return values;
}
static inline int64_t *some_integers(int64_t count, int64_t most) {
    if (count < 0 || count > MOST_FLOATS || rarely(6)) return NULL;
    int64_t *values = (int64_t *)scratch((size_t)count, sizeof(int64_t));
    for (int64_t i = 0; i < count; i++) values[i] = size_number(most);
    return values;
}
/** Return [dimension] sizes from least on; room for one where the dimension is none. */
static inline int64_t *some_sizes(int32_t dimension, int64_t least, int64_t most) {
    if (rarely(6)) return NULL;
    int64_t count = dimension >= 1 && dimension <= SCN_MAX_DIMENSION ? dimension : 1;
    int64_t *values = (int64_t *)scratch((size_t)count, sizeof(int64_t));
    int is_even = byte() & 1;
    for (int64_t i = 0; i < count; i++) {
        values[i] = is_even && i ? values[0] : size_number(most - least);
        if (!(is_even && i) && values[i] >= 0 && values[i] <= most - least) values[i] += least;
    }
    return values;
}
static inline double *some_reals(int64_t count) {
    if (count < 0 || count > MOST_FLOATS || rarely(6)) return NULL;
    double *values = (double *)scratch((size_t)count, sizeof(double));
    for (int64_t i = 0; i < count; i++) values[i] = real_number();
    return values;
}
/** Return a product, or -1 where a factor is negative or the product large. */
static inline int64_t modest_product(const int64_t *factors, int64_t count) {
    int64_t product = 1;
    for (int64_t i = 0; i < count; i++) {
        if (factors[i] < 0) return -1;
        if (factors[i] && product > MOST_FLOATS / factors[i]) product = MOST_FLOATS + 1;
        else product *= factors[i];
    }
    return product > MOST_FLOATS ? -1 : product;
}
static inline int64_t modest_product3(int64_t a, int64_t b, int64_t c) {
    const int64_t factors[] = {a, b, c};
    return modest_product(factors, 3);
}

/* A sum of bits (FNV-1a). */

static inline uint64_t mix(uint64_t sum, const void *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) sum = (sum ^ ((const uint8_t *)bytes)[i]) * UINT64_C(1099511628211);
    return sum;
}

/** Mix in what a module's state holds. */
static inline uint64_t mix_module(uint64_t sum, scn_module *module) {
    int64_t count = 0;
    int32_t training = 0;
    REQUIRE_OK(scn_module_get_training(module, &training));
    REQUIRE_OK(scn_module_state_count(module, &count));
    sum = mix(mix(sum, &count, sizeof count), &training, sizeof training);
    for (int64_t i = 0; i < count; i++) {
        const char *name;
        scn_tensor *tensor;
        int32_t is_parameter, rank;
        int64_t shape[16], elements = 1;
        float *data;
        REQUIRE_OK(scn_module_state(module, i, &name, &tensor, &is_parameter));
        REQUIRE_OK(scn_tensor_rank(tensor, &rank));
        REQUIRE_OK(scn_tensor_shape(tensor, shape, 16));
        REQUIRE_OK(scn_tensor_data(tensor, &data));
        for (int32_t axis = 0; axis < rank; axis++) elements *= shape[axis];
        sum = mix(mix(sum, name, strlen(name)), data, (size_t)(elements < 256 ? elements : 256) * sizeof(float));
        REQUIRE_OK(scn_tensor_release(tensor));
    }
    return sum;
}

/** Return the folder for files: that of the environment variable SCN_FUZZ_FOLDER, or one of this process alone. */
static inline const char *own_folder(void) {
    static char path[256];
    if (!path[0]) {
        const char *given = getenv("SCN_FUZZ_FOLDER");
        if (given) snprintf(path, sizeof path, "%s", given);
        else snprintf(path, sizeof path, "/tmp/scn-fuzz-%ld", (long)getpid());
        mkdir(path, 0700);
    }
    return path;
}

/** Whether a call that fails must leave the whole state as it was, what it drew from the generator included. */
static inline int is_strict(void) {
    static int strict = -1;
    if (strict < 0) strict = getenv("SCN_FUZZ_STRICT") != NULL;
    return strict;
}

#endif

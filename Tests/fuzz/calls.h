/* The handles that a sequence of calls works on, and what must hold after each of its calls: out-parameters of a failed
 * call are NULL or 0, the number of live handles is that of the pool, the generator moves in calls that succeed
 * alone. */
#ifndef SCN_FUZZ_CALLS_H
#define SCN_FUZZ_CALLS_H

#include "../c/outs.h"
#include "fuzz.h"

typedef enum handle_kind { TENSOR, MODULE, OPTIMIZER, GEOMETRY, RULEBOOK, KINDS } handle_kind;
enum { SLOTS = 10, DIMENSION = 2, PLANES = 3 };

/** A live handle. */
typedef struct slot {
    void *handle;
    int owners;
    scn_value_kind kind;  // of tensors
} slot;

static slot pool[KINDS][SLOTS];
static int pool_count[KINDS], live_count, null_outs, watches_state;
static void *released[KINDS];
static int64_t buffers_lent, buffers_returned;

static void *address_of(slot *s) { return s->handle; }

static scn_status release_one(handle_kind kind, void *handle) {
    switch (kind) {
    case TENSOR: return scn_tensor_release((scn_tensor *)handle);
    case MODULE: return scn_module_release((scn_module *)handle);
    case OPTIMIZER: return scn_optimizer_release((scn_optimizer *)handle);
    case GEOMETRY: return scn_geometry_release((scn_geometry *)handle);
    default: return scn_rulebook_release((scn_rulebook *)handle);
    }
}

static void drop(handle_kind kind, int index) {
    slot *s = &pool[kind][index];
    released[kind] = s->handle;
    for (; s->owners > 0; s->owners--) REQUIRE_OK(release_one(kind, s->handle));
    *s = pool[kind][--pool_count[kind]];
    live_count--;
}

/** Take a new handle in; where there is no room, another one goes. */
static void adopt(handle_kind kind, void *handle) {
    if (!handle) return;
    live_count++;
    if (pool_count[kind] == SLOTS) drop(kind, byte() % SLOTS);
    slot *s = &pool[kind][pool_count[kind]++];
    *s = (slot){.handle = handle, .owners = 1};
    if (kind == TENSOR) REQUIRE_OK(scn_tensor_kind((scn_tensor *)handle, &s->kind));
}

/** Return the pool's entry of a handle, or NULL. */
static slot *slot_of(handle_kind kind, void *handle) {
    for (int i = 0; i < pool_count[kind]; i++)
        if (pool[kind][i].handle == handle) return &pool[kind][i];
    return NULL;
}

static void *odd_handle(handle_kind kind) {
    const handle_kind other = (handle_kind)((kind + 1 + byte() % (KINDS - 1)) % KINDS);
    switch (byte() % 4) {
    case 0: return NULL;
    case 1: return released[kind];
    case 2: return pool_count[other] ? pool[other][byte() % pool_count[other]].handle : NULL;
    default: return (void *)((uintptr_t)(uint32_t)integer_from_bytes() << 32 | (uint32_t)integer_from_bytes());
    }
}
/** Return a live handle in most cases, else one that is NULL, released, of another kind, or no handle. */
static void *some(handle_kind kind) {
    if (rarely(12) || !pool_count[kind]) return odd_handle(kind);
    return address_of(&pool[kind][byte() % pool_count[kind]]);
}
static scn_module *a_module(void) { return (scn_module *)some(MODULE); }
static scn_optimizer *an_optimizer(void) { return (scn_optimizer *)some(OPTIMIZER); }
static scn_geometry *a_geometry(void) { return (scn_geometry *)some(GEOMETRY); }
static scn_rulebook *a_rulebook(void) { return (scn_rulebook *)some(RULEBOOK); }
static scn_tensor *a_tensor(void) { return (scn_tensor *)some(TENSOR); }
/** Return a tensor of one kind where there is one, in most cases. */
static scn_tensor *a_tensor_of(scn_value_kind kind) {
    if (rarely(24) || !pool_count[TENSOR]) return a_tensor();
    const int first = byte() % pool_count[TENSOR];
    for (int i = 0; i < pool_count[TENSOR]; i++) {
        slot *s = &pool[TENSOR][(first + i) % pool_count[TENSOR]];
        if (s->kind == kind) return (scn_tensor *)s->handle;
    }
    return a_tensor();
}
static scn_tensor *a_dense(void) { return a_tensor_of(SCN_TENSOR_DENSE); }
static scn_tensor *a_sparse(void) { return a_tensor_of(SCN_TENSOR_SPARSE); }

/** Return an array of handles and its length, 0 ... 3; NULL with an odd length where it could not be paid for. */
static void **some_handles(handle_kind kind, int64_t *count, scn_value_kind tensor_kind) {
    *count = size_number(3);
    if (*count < 0 || *count > 3) return NULL;
    void **handles = (void **)scratch((size_t)*count, sizeof(void *));
    for (int64_t i = 0; i < *count; i++) handles[i] = kind == TENSOR ? a_tensor_of(tensor_kind) : some(kind);
    return handles;
}

/** Return the address of an out-parameter, rarely NULL. */
static void *out(void *address) {
    if (!rarely(4)) return address;
    null_outs++;
    return NULL;
}
#define OUT(address) ((__typeof__(&*(address)))out(address))

/* What a call that fails must leave as it was. */

static uint64_t mix_tensor(uint64_t sum, slot *s) {
    scn_tensor *tensor = (scn_tensor *)s->handle, *gradient;
    int32_t number;
    int64_t shape[16], count = 1;
    float *data;
    if (s->kind == SCN_TENSOR_TABLE) return sum;
    REQUIRE_OK(scn_tensor_get_requires_gradient(tensor, &number));
    sum = mix(sum, &number, sizeof number);
    REQUIRE_OK(scn_tensor_rank(tensor, &number));
    REQUIRE_OK(scn_tensor_shape(tensor, shape, 16));
    REQUIRE_OK(scn_tensor_data(tensor, &data));
    for (int32_t axis = 0; axis < number; axis++) count *= shape[axis];
    if (count > 256) count = 256;
    sum = mix(mix(sum, shape, (size_t)number * sizeof shape[0]), data, (size_t)count * sizeof(float));
    REQUIRE_OK(scn_tensor_gradient(tensor, &gradient));
    if (gradient) {
        REQUIRE_OK(scn_tensor_data(gradient, &data));
        sum = mix(sum, data, (size_t)count * sizeof(float));
        REQUIRE_OK(scn_tensor_release(gradient));
    }
    return sum;
}

/** Mix in a geometry's site sets; behind the last one the count is an error. */
static uint64_t mix_geometry(uint64_t sum, scn_geometry *geometry) {
    int64_t count;
    for (int32_t sites = 0; scn_geometry_site_count(geometry, sites, &count) == SCN_OK; sites++)
        sum = mix(sum, &count, sizeof count);
    return sum;
}

/** Return a sum over all that the pool holds, and over the process's settings. */
static uint64_t state_sum(void) {
    const uint64_t start = UINT64_C(14695981039346656037);
    int64_t counts[6];
    double rate;
    scn_get_forward_counts(&counts[0], &counts[1], &counts[2]);
    counts[3] = scn_get_thread_count(), counts[4] = scn_get_gradient_recording();
    counts[5] = scn_get_autocast();
    uint64_t sum = mix(start, counts, sizeof counts);
    for (int i = 0; i < pool_count[TENSOR]; i++) sum = mix_tensor(sum, &pool[TENSOR][i]);
    for (int i = 0; i < pool_count[MODULE]; i++) sum = mix_module(sum, (scn_module *)pool[MODULE][i].handle);
    for (int i = 0; i < pool_count[GEOMETRY]; i++) sum = mix_geometry(sum, (scn_geometry *)pool[GEOMETRY][i].handle);
    for (int i = 0; i < pool_count[OPTIMIZER]; i++) {
        REQUIRE_OK(scn_optimizer_get_learning_rate((scn_optimizer *)pool[OPTIMIZER][i].handle, &rate));
        sum = mix(sum, &rate, sizeof rate);
    }
    return sum;
}

static uint64_t random_before[4], sum_before;

static void begin_call(void) {
    poison();
    null_outs = 0;
    REQUIRE_OK(scn_get_random_state(random_before));
    if (watches_state) sum_before = state_sum();
}

/** Check what became of a call, and take in the handles that it made. */
static void end_call(const char *call, scn_status status) {
    static int is_loud = -1;
    if (is_loud < 0) is_loud = getenv("SCN_FUZZ_LOUD") != NULL;
    if (is_loud) fprintf(stderr, "%s: %s\n", call, status == SCN_OK ? "" : scn_last_error());
    if ((int)status < 0 || status >= SCN_ERROR_INTERNAL)
        fuzz_fail("%s: %s: %s", call, scn_status_name(status), scn_last_error());
    if (status == SCN_OK) {
        const struct {
            const char *name;
            handle_kind kind;
            void *handle;
        } outs[] = {{"&out_tensor", TENSOR, out_tensor},
                    {"&out_module", MODULE, out_module},
                    {"&out_optimizer", OPTIMIZER, out_optimizer},
                    {"&out_geometry", GEOMETRY, out_geometry},
                    {"&out_rulebook", RULEBOOK, out_rulebook}};
        for (int i = 0; i < KINDS; i++)
            if (strstr(call, outs[i].name) && outs[i].handle != (void *)out_poison) adopt(outs[i].kind, outs[i].handle);
    } else {
        uint64_t random_after[4];
        if (scn_last_error()[0] == 0) fuzz_fail("%s: %s without a message", call, scn_status_name(status));
        if (!null_outs && uncleared(call)) fuzz_fail("%s: %s left %s", call, scn_status_name(status), uncleared(call));
        char message[1100];
        snprintf(message, sizeof message, "%s", scn_last_error());
        REQUIRE_OK(scn_get_random_state(random_after));
        if (is_strict() && memcmp(random_before, random_after, sizeof random_before) != 0)
            fuzz_fail("%s: %s (%s) has moved the generator", call, scn_status_name(status), message);
        if (watches_state && state_sum() != sum_before)
            fuzz_fail("%s: %s (%s) has changed something", call, scn_status_name(status), message);
    }
    if (scn_live_handles() != live_count)
        fuzz_fail("%s: %lld live handles, expected %d", call, (long long)scn_live_handles(), live_count);
}

/* How often each call was made: where the environment variable SCN_FUZZ_TALLY names a file, it says so at the end. */

typedef struct tally {
    const char *call;
    uint64_t succeeded, failed;
    struct tally *next;
} tally;
static tally *tallies;

static void write_tallies(void) {
    FILE *file = fopen(getenv("SCN_FUZZ_TALLY"), "w");
    for (tally *t = tallies; file && t; t = t->next)
        fprintf(file, "%.*s %llu %llu\n", (int)strcspn(t->call, "("), t->call, (unsigned long long)t->succeeded,
                (unsigned long long)t->failed);
    if (file) fclose(file);
}

static void count_call(tally *t, scn_status status) {
    if (!t->succeeded && !t->failed) {
        if (!tallies && getenv("SCN_FUZZ_TALLY")) atexit(write_tallies);
        t->next = tallies, tallies = t;
    }
    if (status == SCN_OK) t->succeeded++;
    else t->failed++;
}

/* Each of these makes one call. */

#define COUNTED(text, status)                     \
    do {                                          \
        static tally counted = {text, 0, 0, NULL}; \
        count_call(&counted, status);             \
    } while (0)
/** A call that can fail. */
#define CALL(call)                       \
    do {                                 \
        begin_call();                    \
        const scn_status status = call;  \
        COUNTED(#call, status);          \
        end_call(#call, status);         \
    } while (0)
/** A call that cannot, with what it must return. */
#define SURE(call, holds)               \
    do {                                \
        REQUIRE(call holds);            \
        COUNTED(#call, SCN_OK);         \
    } while (0)
/** A call that counts an owner more or less. */
#define OWNERS(function, change, kind, type)                    \
    do {                                                        \
        void *handle = some(kind);                              \
        begin_call();                                           \
        const scn_status status = function((type *)handle);     \
        COUNTED(#function, status);                             \
        change(kind, handle, #function, status);                \
    } while (0)

static void retain(handle_kind kind, void *handle, const char *call, scn_status status) {
    slot *s = slot_of(kind, handle);
    if ((status == SCN_OK) != (s != NULL)) fuzz_fail("%s: %s of a handle", call, scn_status_name(status));
    if (s) s->owners++;
    end_call(call, status);
}
/** A handle is released once for each owner. */
static void release(handle_kind kind, void *handle, const char *call, scn_status status) {
    slot *s = slot_of(kind, handle);
    if ((status == SCN_OK) != (s != NULL || !handle)) fuzz_fail("%s: %s of a handle", call, scn_status_name(status));
    if (s && --s->owners == 0) {
        released[kind] = handle, live_count--;
        *s = pool[kind][--pool_count[kind]];
    }
    end_call(call, status);
}

/* Arguments that several calls take. */

static int32_t a_dimension(void) { return rarely(12) ? integer_from_bytes() : rarely(64) ? 1 + byte() % 3 : DIMENSION; }
static int64_t some_planes(void) { return rarely(64) ? size_number(6) : PLANES; }

/** Set an option struct's size, to that of no version in few cases. */
static size_t a_struct_size(size_t right) {
    if (!rarely(16)) return right;
    return rarely(128) ? (size_t)size_number(200) : right & (size_t)byte();
}

static const scn_matrix no_matrix = SCN_MATRIX_INIT;

/** Return a matrix of the shape wanted in most cases, its memory as long as its shape says, or none. */
static scn_matrix *a_matrix(int64_t rows, int64_t planes) {
    const uint8_t oddness = byte();
    if (oddness >= 252) return NULL;
    scn_matrix *matrix = (scn_matrix *)scratch(1, sizeof *matrix);
    *matrix = no_matrix;
    matrix->rows = rarely(12) ? size_number(8) : rows, matrix->planes = rarely(12) ? size_number(8) : planes;
    matrix->data = some_floats(modest_product3(matrix->rows, matrix->planes, 1));
    if (oddness == 251) matrix->type = (scn_element_type)(1 + byte() % 9);
    if (oddness == 250) matrix->row_stride = size_number(8);
    if (oddness == 249) matrix->struct_size = (size_t)size_number(60);
    return matrix;
}
static int64_t rows_of(const scn_matrix *matrix) { return matrix ? matrix->rows : 0; }
static int64_t planes_of(const scn_matrix *matrix) { return matrix ? matrix->planes : 0; }
/** Return [planes] numbers for a matrix. */
static float *plane_floats(const scn_matrix *matrix) { return some_floats(planes_of(matrix)); }

/** Return a text: one of some that mean something, or the input's next bytes. */
static const char *some_text(const char *const *texts, int count) {
    const uint8_t choice = byte();
    if (choice < 224) return texts[choice % count];
    if (choice < 228) return NULL;
    const size_t length = byte();
    char *text = (char *)scratch(length + 1, 1);
    for (size_t i = 0; i < length; i++) text[i] = (char)byte();
    return text;
}

#endif

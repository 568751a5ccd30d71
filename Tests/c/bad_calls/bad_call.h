/* What the programs of calls that must fail share: each call returns the status that the header promises, with a
 * message that names the argument, clears its out-parameters and leaves the process in good health. A line for each is
 * printed. A program calls set_up(), makes its calls with BAD and its kin, calls tear_down() and returns finish(). */
#ifndef SCN_TEST_BAD_CALL_H
#define SCN_TEST_BAD_CALL_H

#include "check.h"
#include "outs.h"

enum { SCN_ERROR_MEMORY_OR_OVERFLOW = -1 };
#define HUGE_SIZE (INT64_C(1) << 62)

/* What the calls work on; they must leave it as it is. */
static scn_tensor *dense, *points, *sparse, *table, *released_tensor;
static scn_module *convolution, *input_layer, *sequential, *released_module;
static scn_optimizer *optimizer, *released_optimizer;
static scn_geometry *geometry, *released_geometry;
static scn_rulebook *rulebook, *released_rulebook;

static const int64_t two_by_three[] = {2, 3}, three[] = {3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3}, field[] = {10, 10};
static const int64_t ones[] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, no_size[] = {3, 0}, minus[] = {3, -1},
                     huge[] = {HUGE_SIZE, HUGE_SIZE};
static const int64_t where[] = {4, 5, 0, 4, 6, 0}, labels[] = {0, 2};
static const uint8_t kept[] = {1, 0};
static float numbers[256];
static scn_matrix two_rows = SCN_MATRIX_INIT, three_rows = SCN_MATRIX_INIT, two_planes = SCN_MATRIX_INIT;
static scn_matrix no_data = SCN_MATRIX_INIT;

static inline void report(int line, const char *call, const char *variant, int expected, const char *word,
                          scn_status status) {
    const char *message = status == SCN_OK ? "" : scn_last_error(), *kept = uncleared(call);
    const char *problem = NULL;
    int is_expected = (int)status == expected;
    if (expected == SCN_ERROR_MEMORY_OR_OVERFLOW)
        is_expected = status == SCN_ERROR_MEMORY || status == SCN_ERROR_OVERFLOW;
    if (!is_expected) problem = "another status";
    else if (!strstr(message, word)) problem = "a message that lacks the word";
    else if (kept) problem = kept;
    printf("%-6s %-26s %s%s: %s\n", problem ? "FAILED" : "ok", scn_status_name(status), call, variant, message);
    if (problem)
        printf("       line %d: %s; expected %s, \"%s\"\n", line, problem,
               expected < 0 ? "memory or overflow" : scn_status_name((scn_status)expected), word);
    if (problem) failed_count++;
    else passed_count++;
}

/** Make a call that must return SCN_ERROR_`status` with a message that has `word` in it. */
#define BAD(status, word, call) (poison(), report(__LINE__, #call, "", SCN_ERROR_##status, word, call))

/** Make a call with a `handle` that is NULL, released, of another kind, and no handle at all. */
#define BAD_HANDLES(type, released, other, word, call)                                                       \
    do {                                                                                                     \
        static const char *const variants[] = {" [NULL]", " [released]", " [another kind]", " [no handle]"}; \
        for (int variant = 0; variant < 4; variant++) {                                                      \
            void *const wrong[] = {NULL, released, other, numbers};                                          \
            type *handle = (type *)wrong[variant];                                                           \
            if (!handle && strstr(#call, "_release(")) continue;                                             \
            poison();                                                                                        \
            report(__LINE__, #call, variants[variant], SCN_ERROR_HANDLE, word, call);                        \
        }                                                                                                    \
    } while (0)
#define BAD_TENSOR(word, call) BAD_HANDLES(scn_tensor, released_tensor, convolution, word, call)
#define BAD_MODULE(word, call) BAD_HANDLES(scn_module, released_module, dense, word, call)
#define BAD_OPTIMIZER(call) BAD_HANDLES(scn_optimizer, released_optimizer, convolution, "optimizer", call)
#define BAD_GEOMETRY(call) BAD_HANDLES(scn_geometry, released_geometry, rulebook, "geometry", call)
#define BAD_RULEBOOK(call) BAD_HANDLES(scn_rulebook, released_rulebook, geometry, "rulebook", call)

static inline scn_filter filter_of(int32_t dimension, const int64_t *size, const int64_t *stride) {
    scn_filter filter = SCN_FILTER_INIT;
    filter.dimension = dimension, filter.size = size, filter.stride = stride;
    return filter;
}

/** Make what the calls work on. */
static inline void set_up(void) {
    scn_filter filter = filter_of(2, three, NULL);
    int32_t sites = 0;
    two_rows = SCN_MATRIX(numbers, 2, 3), three_rows = SCN_MATRIX(numbers, 3, 3);
    two_planes = SCN_MATRIX(numbers, 2, 2), no_data = SCN_MATRIX(NULL, 2, 3);
    OK(scn_tensor_create(two_by_three, 2, NULL, &dense));
    OK(scn_tensor_set_requires_gradient(dense, 1));
    OK(scn_points_create(where, 2, 3, dense, 0, &points));
    OK(scn_input_layer_create(2, field, SCN_INPUT_SUM, &input_layer));
    OK(scn_module_forward(input_layer, points, &sparse));
    OK(scn_table_create(&sparse, 1, &table));
    OK(scn_submanifold_convolution_create(2, 3, 4, three, NULL, &convolution));
    OK(scn_sequential_create(&convolution, 1, &sequential));
    OK(scn_sgd_create(&dense, 1, NULL, &optimizer));
    OK(scn_tensor_geometry(sparse, &geometry, &sites));
    OK(scn_geometry_submanifold(geometry, 0, &filter, &rulebook));
    OK(scn_tensor_create(two_by_three, 2, NULL, &released_tensor));
    OK(scn_identity_create(&released_module));
    OK(scn_sgd_create(&dense, 1, NULL, &released_optimizer));
    OK(scn_geometry_create(2, field, where, 2, 3, 0, SCN_INPUT_SUM, &released_geometry));
    OK(scn_geometry_submanifold(released_geometry, 0, &filter, &released_rulebook));
    OK(scn_tensor_release(released_tensor));
    OK(scn_module_release(released_module));
    OK(scn_optimizer_release(released_optimizer));
    OK(scn_geometry_release(released_geometry));
    OK(scn_rulebook_release(released_rulebook));
}

/** Check that what the calls worked on is as it was and of use; release it, and check that nothing else is left. */
static inline void tear_down(void) {
    OK(scn_tensor_get_requires_gradient(dense, &out_number));
    CHECK(out_number == 1);
    CHECK(two_rows.rows == 2 && three_rows.rows == 3 && two_planes.planes == 2 && no_data.data == NULL);
    OK(scn_module_forward(sequential, sparse, &out_tensor));
    OK(scn_tensor_release(out_tensor));
    OK(scn_tensor_release(dense));
    OK(scn_tensor_release(points));
    OK(scn_tensor_release(sparse));
    OK(scn_tensor_release(table));
    OK(scn_module_release(convolution));
    OK(scn_module_release(input_layer));
    OK(scn_module_release(sequential));
    OK(scn_optimizer_release(optimizer));
    OK(scn_geometry_release(geometry));
    OK(scn_rulebook_release(rulebook));
    CHECK(scn_live_handles() == 0);
    CHECK(scn_memory_in_use() == 0);
}

#endif

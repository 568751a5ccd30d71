/* Calls that must fail: each returns the status that the header promises, with a message that names the argument,
 * clears its out-parameters and leaves the process in good health. Prints one line for each.
 *     bad_calls            all of them, in this one process
 *     bad_calls isa        what an operation returns where SCN_ISA names no instruction set (a child of the above)
 *
 * Long because: one process has to survive every one of these calls. */
#define _POSIX_C_SOURCE 200809L
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

enum { SCN_ERROR_MEMORY_OR_OVERFLOW = -1, FAR = 1 << 30 };
#define HUGE_SIZE (INT64_C(1) << 62)

/* Where the calls store their results. */
static scn_tensor *out_tensor;
static scn_module *out_module;
static scn_optimizer *out_optimizer;
static scn_geometry *out_geometry;
static scn_rulebook *out_rulebook;
static const char *out_text;
static float *out_data;
static int64_t out_count, out_sizes[16];
static int32_t out_number;
static double out_rate;
static float out_loss;
static scn_tensor_kind out_kind;
static const int64_t *out_offsets;
static const int32_t *out_inputs, *out_outputs;

/* What the calls work on; they must leave it as it is. */
static scn_tensor *dense, *points, *sparse, *table, *released_tensor;
static scn_module *convolution, *input_layer, *sequential, *released_module;
static scn_optimizer *optimizer, *released_optimizer;
static scn_geometry *geometry, *released_geometry;
static scn_rulebook *rulebook, *released_rulebook;
static char folder[] = "/tmp/scn-bad-calls-XXXXXX";

static const int64_t two_by_three[] = {2, 3}, three[] = {3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3}, field[] = {10, 10};
static const int64_t ones[] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, no_size[] = {3, 0}, minus[] = {3, -1},
                     huge[] = {HUGE_SIZE, HUGE_SIZE};
static const int64_t where[] = {4, 5, 0, 4, 6, 0}, labels[] = {0, 2};
static const uint8_t kept[] = {1, 0};
static float numbers[64];
static scn_matrix two_rows = {numbers, 2, 3}, three_rows = {numbers, 3, 3}, two_planes = {numbers, 2, 2};
static scn_matrix no_data = {NULL, 2, 3}, negative_rows = {numbers, -2, 3}, endless = {numbers, HUGE_SIZE, HUGE_SIZE};

static void poison(void) {
    out_tensor = (scn_tensor *)numbers, out_module = (scn_module *)numbers, out_optimizer = (scn_optimizer *)numbers;
    out_geometry = (scn_geometry *)numbers, out_rulebook = (scn_rulebook *)numbers;
    out_text = "poison", out_data = numbers, out_offsets = where, out_inputs = out_outputs = &out_number;
    out_count = out_number = 77, out_rate = 77, out_kind = SCN_TENSOR_TABLE;
}

/** Return the first out-parameter named in a call that is neither NULL nor 0; NULL where all are. */
static const char *uncleared(const char *call) {
    const struct {
        const char *name;
        int is_clear;
    } outs[] = {{"&out_tensor", !out_tensor},     {"&out_module", !out_module},     {"&out_optimizer", !out_optimizer},
                {"&out_geometry", !out_geometry}, {"&out_rulebook", !out_rulebook}, {"&out_text", !out_text},
                {"&out_data", !out_data},         {"&out_count", !out_count},       {"&out_number", !out_number},
                {"&out_rate", out_rate == 0},     {"&out_kind", !out_kind},         {"&out_offsets", !out_offsets},
                {"&out_inputs", !out_inputs},     {"&out_outputs", !out_outputs}};
    for (size_t i = 0; i < sizeof outs / sizeof outs[0]; i++)
        if (strstr(call, outs[i].name) && !outs[i].is_clear) return outs[i].name;
    return NULL;
}

static void report(int line, const char *call, const char *variant, int expected, const char *word, scn_status status) {
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

/* ========================================================================================================== Set-up */

static scn_filter filter_of(int32_t dimension, const int64_t *size, const int64_t *stride) {
    scn_filter filter = SCN_FILTER_INIT;
    filter.dimension = dimension, filter.size = size, filter.stride = stride;
    return filter;
}

static void set_up(void) {
    scn_filter filter = filter_of(2, three, NULL);
    int32_t sites = 0;
    if (!mkdtemp(folder)) perror(folder), exit(2);
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

static void tear_down(void) {
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
}

/* ========================================================================================================= Handles */

static void bad_tensor_handles(void) {
    scn_tensor *pair[] = {dense, NULL};
    BAD_TENSOR("features", scn_points_create(where, 2, 3, handle, 0, &out_tensor));
    BAD_TENSOR("features", scn_points_create_batched(where, 1, 3, 2, handle, &out_tensor));
    BAD_TENSOR("sparse", scn_tensor_mask(handle, &out_tensor));
    BAD_TENSOR("table", scn_table_count(handle, &out_count));
    BAD_TENSOR("table", scn_table_get(handle, 0, &out_tensor));
    BAD_TENSOR("tensors", (pair[1] = handle, scn_table_create(pair, 2, &out_tensor)));
    BAD_TENSOR("tensor", scn_tensor_retain(handle));
    BAD_TENSOR("tensor", scn_tensor_release(handle));
    BAD_TENSOR("tensor", scn_tensor_get_kind(handle, &out_kind));
    BAD_TENSOR("tensor", scn_tensor_rank(handle, &out_number));
    BAD_TENSOR("tensor", scn_tensor_shape(handle, out_sizes, 16));
    BAD_TENSOR("tensor", scn_tensor_data(handle, &out_data));
    BAD_TENSOR("tensor", scn_tensor_copy_from(handle, numbers, 6));
    BAD_TENSOR("tensor", scn_tensor_features(handle, &out_tensor));
    BAD_TENSOR("sparse", scn_tensor_with_features(handle, dense, &out_tensor));
    BAD_TENSOR("features", scn_tensor_with_features(sparse, handle, &out_tensor));
    BAD_TENSOR("sparse", scn_tensor_geometry(handle, &out_geometry, &out_number));
    BAD_TENSOR("features", scn_sparse_create(geometry, 0, handle, &out_tensor));
    BAD_TENSOR("tensor", scn_tensor_get_requires_gradient(handle, &out_number));
    BAD_TENSOR("tensor", scn_tensor_set_requires_gradient(handle, 1));
    BAD_TENSOR("tensor", scn_tensor_detach(handle, &out_tensor));
    BAD_TENSOR("tensor", scn_tensor_backward(handle, NULL, 0));
    BAD_TENSOR("tensor", scn_tensor_gradient(handle, &out_tensor));
    BAD_TENSOR("tensor", scn_tensor_zero_gradient(handle));
    BAD_TENSOR("a", scn_tensor_add(handle, dense, &out_tensor));
    BAD_TENSOR("b", scn_tensor_add(dense, handle, &out_tensor));
    BAD_TENSOR("a", scn_tensor_multiply(handle, dense, &out_tensor));
    BAD_TENSOR("b", scn_tensor_multiply(dense, handle, &out_tensor));
    BAD_TENSOR("tensor", scn_tensor_scale(handle, 2, &out_tensor));
    BAD_TENSOR("tensor", scn_tensor_sum(handle, &out_tensor));
    BAD_TENSOR("dense", scn_tensor_reshape(handle, two_by_three, 2, &out_tensor));
    BAD_TENSOR("tensors", (pair[1] = handle, scn_append_tensors(pair + 1, 1, &out_tensor)));
    BAD_TENSOR("x", scn_compare_sparse(handle, sparse, &out_tensor));
    BAD_TENSOR("y", scn_compare_sparse(sparse, handle, &out_tensor));
    BAD_TENSOR("input", scn_module_reweight(convolution, handle, &out_tensor));
    BAD_TENSOR("input", scn_module_rebias(convolution, handle, NULL));
    BAD_TENSOR("logits", scn_cross_entropy(handle, labels, 2, NULL, -100, &out_tensor));
    BAD_TENSOR("logits", scn_binary_cross_entropy(handle, numbers, 6, &out_tensor));
    BAD_TENSOR("input", scn_module_forward(convolution, handle, &out_tensor));
    BAD_TENSOR("input", scn_module_summary(convolution, handle, &out_text));
    BAD_TENSOR("parameters", (pair[1] = handle, scn_sgd_create(pair, 2, NULL, &out_optimizer)));
    BAD_TENSOR("parameters", (pair[1] = handle, scn_adam_create(pair, 2, NULL, &out_optimizer)));
    BAD_TENSOR("parameters", (pair[1] = handle, scn_clip_gradient_norm(pair, 2, 1, &out_rate)));
    BAD_TENSOR("parameters", (pair[1] = handle, scn_gradients_count(pair, 2, &out_count)));
    BAD_TENSOR("parameters", (pair[1] = handle, scn_gradients_get(pair, 2, numbers, 6)));
    BAD_TENSOR("parameters", (pair[1] = handle, scn_gradients_set(pair, 2, numbers, 6)));
}

static void bad_module_handles(void) {
    scn_module *pair[] = {convolution, NULL};
    BAD_MODULE("module", scn_module_forward(handle, sparse, &out_tensor));
    BAD_MODULE("module", scn_module_set_training(handle, 1));
    BAD_MODULE("module", scn_module_get_training(handle, &out_number));
    BAD_MODULE("module", scn_module_set_momentum(handle, 0.5));
    BAD_MODULE("module", scn_module_input_spatial_size(handle, 2, field, out_sizes));
    BAD_MODULE("module", scn_module_state_count(handle, &out_count));
    BAD_MODULE("module", scn_module_state(handle, 0, &out_text, &out_tensor, &out_number));
    BAD_MODULE("module", scn_module_zero_gradients(handle));
    BAD_MODULE("module", scn_module_type(handle, &out_text));
    BAD_MODULE("module", scn_module_architecture(handle, &out_text));
    BAD_MODULE("module", scn_module_description(handle, &out_text));
    BAD_MODULE("module", scn_module_optimize_for_inference(handle, &out_module));
    BAD_MODULE("module", scn_module_summary(handle, sparse, &out_text));
    BAD_MODULE("module", scn_module_retain(handle));
    BAD_MODULE("module", scn_module_release(handle));
    BAD_MODULE("children", (pair[1] = handle, scn_sequential_create(pair, 2, &out_module)));
    BAD_MODULE("children", (pair[1] = handle, scn_checkpointed_sequential_create(pair, 2, &out_module)));
    BAD_MODULE("module", scn_module_reweight(handle, sparse, &out_tensor));
    BAD_MODULE("module", scn_module_rebias(handle, sparse, &out_tensor));
    BAD_MODULE("module", scn_spectral_norm(handle, 1, 1e-12, 1));
    BAD_MODULE("children", (pair[1] = handle, scn_concat_table_create(pair, 2, &out_module)));
    BAD_MODULE("container", scn_module_add(handle, convolution));
    BAD_MODULE("child", scn_module_add(sequential, handle));
    BAD_MODULE("module", scn_module_child_count(handle, &out_count));
    BAD_MODULE("module", scn_module_child(handle, 0, &out_module));
    BAD_MODULE("module", scn_checkpoint_save("/tmp/never-written", handle, NULL));
    BAD_MODULE("module", scn_checkpoint_restore("/tmp/never-read", handle, NULL));
}

static void bad_other_handles(void) {
    scn_filter filter = filter_of(2, three, NULL);
    const char *name = "a";
    BAD_OPTIMIZER(scn_optimizer_step(handle));
    BAD_OPTIMIZER(scn_optimizer_zero_gradients(handle));
    BAD_OPTIMIZER(scn_optimizer_get_learning_rate(handle, &out_rate));
    BAD_OPTIMIZER(scn_optimizer_set_learning_rate(handle, 1));
    BAD_OPTIMIZER(scn_optimizer_retain(handle));
    BAD_OPTIMIZER(scn_optimizer_release(handle));
    BAD(HANDLE, "optimizer", scn_checkpoint_save("/tmp/never-written", sequential, released_optimizer));
    BAD(HANDLE, "optimizer", scn_checkpoint_restore("/tmp/never-read", sequential, (scn_optimizer *)dense));
    BAD(HANDLE, "optimizer", scn_checkpoint_save_named("/tmp/never", &name, &dense, 1, released_optimizer));
    BAD(HANDLE, "tensors", scn_checkpoint_save_named("/tmp/never", &name, &released_tensor, 1, NULL));
    BAD(HANDLE, "tensors", scn_checkpoint_restore_named("/tmp/never", &name, &released_tensor, 1, NULL));
    BAD_GEOMETRY(scn_sparse_create(handle, 0, dense, &out_tensor));
    BAD_GEOMETRY(scn_geometry_retain(handle));
    BAD_GEOMETRY(scn_geometry_release(handle));
    BAD_GEOMETRY(scn_geometry_dimension(handle, &out_number));
    BAD_GEOMETRY(scn_geometry_batch_size(handle, &out_count));
    BAD_GEOMETRY(scn_geometry_input_row_count(handle, &out_count));
    BAD_GEOMETRY(scn_geometry_site_count(handle, 0, &out_count));
    BAD_GEOMETRY(scn_geometry_spatial_size(handle, 0, out_sizes));
    BAD_GEOMETRY(scn_geometry_coordinates(handle, 0, out_sizes, 16));
    BAD_GEOMETRY(scn_geometry_find_sites(handle, field, &out_number));
    BAD_GEOMETRY(scn_geometry_submanifold(handle, 0, &filter, &out_rulebook));
    BAD_GEOMETRY(scn_geometry_strided(handle, 0, &filter, &out_number, &out_rulebook));
    BAD_GEOMETRY(scn_geometry_reverse(handle, 0, &filter, &out_number, &out_rulebook));
    scn_fractional_options windows = SCN_FRACTIONAL_OPTIONS_INIT;
    windows.output_size = two_by_three;
    BAD_GEOMETRY(scn_geometry_full(handle, 0, &filter, &out_number, &out_rulebook));
    BAD_GEOMETRY(scn_geometry_randomized(handle, 0, &filter, &out_number, &out_rulebook));
    BAD_GEOMETRY(scn_geometry_fractional(handle, 0, &windows, 0, &out_number, &out_rulebook));
    BAD_GEOMETRY(scn_global_pooling_forward(handle, 0, SCN_GLOBAL_SUM, &two_rows, &two_rows));
    BAD_GEOMETRY(scn_global_pooling_backward(handle, 0, SCN_GLOBAL_SUM, &two_rows, &two_rows, &two_rows, &two_rows));
    BAD_GEOMETRY(scn_geometry_row_sites(handle, out_sizes, 16));
    BAD_GEOMETRY(scn_geometry_row_counts(handle, out_sizes, 16));
    BAD_GEOMETRY(scn_geometry_permutohedral(handle, 0, &out_rulebook));
    BAD_GEOMETRY(scn_geometry_subset(handle, 0, kept, 2, &out_number, &out_rulebook));
    BAD_GEOMETRY(scn_input_forward(handle, &two_rows, &two_rows));
    BAD_GEOMETRY(scn_input_backward(handle, &two_rows, &two_rows));
    BAD_GEOMETRY(scn_output_forward(handle, &two_rows, &two_rows));
    BAD_GEOMETRY(scn_output_backward(handle, &two_rows, &two_rows));
    BAD_GEOMETRY(scn_sparse_to_dense_forward(handle, 0, &two_rows, numbers, 64));
    BAD_GEOMETRY(scn_sparse_to_dense_backward(handle, 0, numbers, 64, &two_rows));
    BAD_GEOMETRY(scn_group_norm_forward(handle, 0, &two_rows, NULL, NULL, 1, 1e-5, numbers, numbers, &two_rows));
    BAD_GEOMETRY(scn_group_norm_backward(handle, 0, &two_rows, &two_rows, NULL, 1, numbers, numbers, NULL, NULL, &two_rows));
    BAD_GEOMETRY(scn_compare_sparse_forward(handle, 0, &two_rows, geometry, 0, &two_rows, &out_loss, NULL, NULL));
    BAD_GEOMETRY(scn_compare_sparse_forward(geometry, 0, &two_rows, handle, 0, &two_rows, &out_loss, NULL, NULL));
    BAD_RULEBOOK(scn_rulebook_retain(handle));
    BAD_RULEBOOK(scn_rulebook_release(handle));
    BAD_RULEBOOK(scn_rulebook_sizes(handle, &out_count, NULL, NULL, NULL));
    BAD_RULEBOOK(scn_rulebook_rules(handle, &out_offsets, &out_inputs, &out_outputs));
    BAD_RULEBOOK(scn_rulebook_reversed(handle, &out_rulebook));
    BAD_RULEBOOK(scn_convolution_forward(handle, &two_rows, numbers, NULL, 1, &two_rows));
    BAD_RULEBOOK(scn_convolution_backward_input(handle, &two_rows, numbers, 1, &two_rows));
    BAD_RULEBOOK(scn_convolution_backward_weight(handle, &two_rows, &two_rows, 1, numbers, NULL));
    BAD_RULEBOOK(scn_shape_context_forward(handle, &two_rows, &two_rows));
    BAD_RULEBOOK(scn_shape_context_backward(handle, &two_rows, &two_rows));
    BAD_RULEBOOK(scn_max_pooling_forward(handle, &two_rows, 0, &two_rows));
    BAD_RULEBOOK(scn_max_pooling_backward(handle, &two_rows, &two_rows, &two_rows, 0, &two_rows));
    BAD_RULEBOOK(scn_average_pooling_forward(handle, &two_rows, 0, &two_rows));
    BAD_RULEBOOK(scn_average_pooling_backward(handle, &two_rows, 0, &two_rows));
    BAD_RULEBOOK(scn_unpooling_forward(handle, &two_rows, 0, &two_rows));
    BAD_RULEBOOK(scn_unpooling_backward(handle, &two_rows, 0, &two_rows));
}

/* ========================================================================================================= Tensors */

static void bad_tensors(void) {
    const int64_t unpayable[] = {INT64_C(1000000000000000)}, negative[] = {2, -3}, two_inferred[] = {-1, -1};
    const int64_t bad_labels[] = {0, 3};
    const uint64_t no_state[4] = {0, 0, 0, 0};
    const float nan_weights[] = {1, NAN, 1}, negative_weights[] = {1, -1, 1};
    const float targets[] = {0, 1, 0.5f, 0, 1, 1}, nan_targets[] = {0, NAN, 0, 0, 0, 0}, big_targets[] = {0, 1.5f, 0, 0, 0, 0};
    scn_tensor *const with_null[] = {dense, NULL};
    scn_tensor *scalar = NULL, *other = NULL;
    OK(scn_tensor_create(NULL, 0, NULL, &scalar));
    OK(scn_tensor_create(three, 2, NULL, &other));
    BAD(INVALID_ARGUMENT, "shape", scn_tensor_create(NULL, 2, NULL, &out_tensor));
    BAD(INVALID_ARGUMENT, "rank", scn_tensor_create(two_by_three, -1, NULL, &out_tensor));
    BAD(INVALID_ARGUMENT, "rank", scn_tensor_create(two_by_three, 17, NULL, &out_tensor));
    BAD(INVALID_ARGUMENT, "tensor", scn_tensor_create(two_by_three, 2, NULL, NULL));
    BAD(SHAPE, "shape", scn_tensor_create(negative, 2, NULL, &out_tensor));
    BAD(OVERFLOW, "shape", scn_tensor_create(huge, 2, NULL, &out_tensor));
    BAD(MEMORY, "", scn_tensor_create(unpayable, 1, NULL, &out_tensor));
    BAD(MEMORY_OR_OVERFLOW, "", scn_tensor_create(huge, 1, NULL, &out_tensor));
    BAD(INVALID_ARGUMENT, "shape", scn_tensor_allocate(NULL, 2, &out_tensor));
    BAD(INVALID_ARGUMENT, "rank", scn_tensor_allocate(two_by_three, 17, &out_tensor));
    BAD(INVALID_ARGUMENT, "tensor", scn_tensor_allocate(two_by_three, 2, NULL));
    BAD(SHAPE, "shape", scn_tensor_allocate(negative, 2, &out_tensor));
    BAD(OVERFLOW, "shape", scn_tensor_allocate(huge, 2, &out_tensor));
    BAD(MEMORY, "", scn_tensor_allocate(unpayable, 1, &out_tensor));
    BAD(INVALID_ARGUMENT, "data", scn_tensor_borrow(two_by_three, 2, NULL, NULL, NULL, &out_tensor));
    BAD(INVALID_ARGUMENT, "data",
        scn_tensor_borrow(two_by_three, 2, (float *)((char *)numbers + 1), NULL, NULL, &out_tensor));
    BAD(OVERFLOW, "shape", scn_tensor_borrow(huge, 2, numbers, NULL, NULL, &out_tensor));
    BAD(INVALID_ARGUMENT, "coordinates", scn_points_create(NULL, 2, 3, dense, 0, &out_tensor));
    BAD(INVALID_ARGUMENT, "rows", scn_points_create(where, -2, 3, dense, 0, &out_tensor));
    BAD(INVALID_ARGUMENT, "columns", scn_points_create(where, 2, 0, dense, 0, &out_tensor));
    BAD(INVALID_ARGUMENT, "columns", scn_points_create(where, 2, 12, dense, 0, &out_tensor));
    BAD(SHAPE, "features", scn_points_create(where, HUGE_SIZE, 3, dense, 0, &out_tensor));
    BAD(SHAPE, "features", scn_points_create(where, 2, 3, scalar, 0, &out_tensor));
    BAD(SHAPE, "features", scn_points_create(where, 2, 3, sparse, 0, &out_tensor));
    BAD(INVALID_ARGUMENT, "batch_size", scn_points_create(where, 2, 3, dense, -1, &out_tensor));
    BAD(INVALID_ARGUMENT, "tensors", scn_table_create(NULL, 2, &out_tensor));
    BAD(SHAPE, "tensors", scn_table_create(&table, 1, &out_tensor));
    BAD(INVALID_ARGUMENT, "count", scn_table_create(with_null, -1, &out_tensor));
    BAD(SHAPE, "table", scn_table_count(dense, &out_count));
    BAD(INVALID_ARGUMENT, "index", scn_table_get(table, 1, &out_tensor));
    BAD(INVALID_ARGUMENT, "index", scn_table_get(table, -1, &out_tensor));
    BAD(INVALID_ARGUMENT, "rank", scn_tensor_rank(dense, NULL));
    BAD(SHAPE, "tensor", scn_tensor_rank(table, &out_number));
    BAD(INVALID_ARGUMENT, "shape", scn_tensor_shape(dense, NULL, 2));
    BAD(SHAPE, "capacity", scn_tensor_shape(dense, out_sizes, 1));
    BAD(SHAPE, "data", scn_tensor_copy_from(dense, numbers, 7));
    BAD(INVALID_ARGUMENT, "data", scn_tensor_copy_from(dense, NULL, 6));
    BAD(SHAPE, "sparse", scn_tensor_geometry(dense, &out_geometry, &out_number));
    BAD(SHAPE, "sparse", scn_tensor_with_features(dense, dense, &out_tensor));
    BAD(SHAPE, "features", scn_tensor_with_features(sparse, other, &out_tensor));
    BAD(SHAPE, "features", scn_sparse_create(geometry, 0, other, &out_tensor));
    BAD(INVALID_ARGUMENT, "sites", scn_sparse_create(geometry, 9, dense, &out_tensor));
    BAD(STATE, "tensor", scn_tensor_set_requires_gradient(sparse, 0));
    BAD(SHAPE, "gradient", scn_tensor_backward(sparse, numbers, 7));
    BAD(SHAPE, "gradient", scn_tensor_backward(sparse, NULL, 0));
    BAD(SHAPE, "b", scn_tensor_add(dense, other, &out_tensor));
    BAD(SHAPE, "b", scn_tensor_multiply(dense, other, &out_tensor));
    BAD(SHAPE, "b", scn_tensor_add(dense, table, &out_tensor));
    BAD(SHAPE, "tensor", scn_tensor_sum(table, &out_tensor));
    BAD(SHAPE, "shape", scn_tensor_reshape(dense, three, 2, &out_tensor));
    BAD(SHAPE, "shape", scn_tensor_reshape(dense, two_inferred, 2, &out_tensor));
    BAD(OVERFLOW, "shape", scn_tensor_reshape(dense, huge, 2, &out_tensor));
    BAD(INVALID_ARGUMENT, "tensors", scn_append_tensors(NULL, 0, &out_tensor));
    BAD(INVALID_ARGUMENT, "tensors", scn_append_tensors(NULL, 1, &out_tensor));
    BAD(INVALID_ARGUMENT, "count", scn_append_tensors(&sparse, -1, &out_tensor));
    BAD(SHAPE, "tensors[0]", scn_append_tensors(&dense, 1, &out_tensor));
    BAD(INVALID_ARGUMENT, "result", scn_append_tensors(&sparse, 1, NULL));
    BAD(SHAPE, "x", scn_compare_sparse(dense, sparse, &out_tensor));
    BAD(SHAPE, "y", scn_compare_sparse(sparse, table, &out_tensor));
    BAD(INVALID_ARGUMENT, "loss", scn_compare_sparse(sparse, sparse, NULL));
    BAD(INVALID_ARGUMENT, "labels", scn_cross_entropy(dense, NULL, 2, NULL, -100, &out_tensor));
    BAD(SHAPE, "labels", scn_cross_entropy(dense, labels, 1, NULL, -100, &out_tensor));
    BAD(INVALID_ARGUMENT, "row 1", scn_cross_entropy(dense, bad_labels, 2, NULL, -100, &out_tensor));
    BAD(INVALID_ARGUMENT, "class_weights", scn_cross_entropy(dense, labels, 2, nan_weights, -100, &out_tensor));
    BAD(INVALID_ARGUMENT, "class_weights", scn_cross_entropy(dense, labels, 2, negative_weights, -100, &out_tensor));
    BAD(INVALID_ARGUMENT, "targets", scn_binary_cross_entropy(dense, NULL, 6, &out_tensor));
    BAD(SHAPE, "targets", scn_binary_cross_entropy(dense, targets, 5, &out_tensor));
    BAD(INVALID_ARGUMENT, "count", scn_binary_cross_entropy(dense, targets, -1, &out_tensor));
    BAD(OVERFLOW, "targets", scn_binary_cross_entropy(dense, targets, INT64_MAX, &out_tensor));
    BAD(INVALID_ARGUMENT, "element 1", scn_binary_cross_entropy(dense, nan_targets, 6, &out_tensor));
    BAD(INVALID_ARGUMENT, "element 1", scn_binary_cross_entropy(dense, big_targets, 6, &out_tensor));
    BAD(SHAPE, "logits", scn_binary_cross_entropy(table, targets, 6, &out_tensor));
    BAD(INVALID_ARGUMENT, "loss", scn_binary_cross_entropy(dense, targets, 6, NULL));
    BAD(INVALID_ARGUMENT, "count", scn_set_thread_count(0));
    BAD(INVALID_ARGUMENT, "count", scn_set_thread_count(1025));
    BAD(INVALID_ARGUMENT, "state", scn_set_random_state(no_state));
    BAD(INVALID_ARGUMENT, "state", scn_set_random_state(NULL));
    BAD(INVALID_ARGUMENT, "state", scn_get_random_state(NULL));
    BAD(INVALID_ARGUMENT, "on", scn_set_gradient_recording(2));
    BAD(INVALID_ARGUMENT, "multiply_adds", scn_set_forward_counts(-1, 0, 0));
    BAD(INVALID_ARGUMENT, "hidden_states", scn_set_forward_counts(0, INT64_MIN, 0));
    BAD(INVALID_ARGUMENT, "rules", scn_set_forward_counts(0, 0, -1));
    OK(scn_tensor_release(scalar));
    OK(scn_tensor_release(other));
}

/* ========================================================================================================= Modules */

static void bad_containers(void) {
    scn_module *inner = NULL, *outer = NULL, *network = NULL;
    OK(scn_sequential_create(NULL, 0, &inner));
    OK(scn_sequential_create(&inner, 1, &outer));
    BAD(STATE, "child", scn_module_add(inner, inner));
    BAD(STATE, "child", scn_module_add(inner, outer));
    BAD(INVALID_ARGUMENT, "container", scn_module_add(convolution, inner));
    BAD(INVALID_ARGUMENT, "children", scn_sequential_create(NULL, 2, &out_module));
    BAD(INVALID_ARGUMENT, "count", scn_sequential_create(&inner, -1, &out_module));
    BAD(INVALID_ARGUMENT, "index", scn_module_child(outer, 1, &out_module));
    BAD(INVALID_ARGUMENT, "index", scn_module_state(convolution, -1, &out_text, &out_tensor, &out_number));
    BAD(INVALID_ARGUMENT, "index", scn_module_state(convolution, 1, &out_text, &out_tensor, &out_number));
    scn_module_release(inner), scn_module_release(outer);

    int depth = 1, refused = 0;
    OK(scn_identity_create(&network));
    for (int i = 0; i < 10000; i++) {
        scn_status status = scn_sequential_create(&network, 1, &outer);
        if (status == SCN_OK) depth++, scn_module_release(network), network = outer;
        else refused += status == SCN_ERROR_STATE && !outer;
    }
    printf("nesting stopped at depth %d: %s\n", depth, scn_last_error());
    CHECK(depth >= 256 && depth <= 257 && refused == 10001 - depth);
    OK(scn_module_release(network));

    /* Twice the child before, again and again, would be more modules than anyone can count. */
    OK(scn_identity_create(&network));
    scn_status status = SCN_OK;
    for (depth = 0; depth < 60 && status == SCN_OK; depth++) {
        scn_module *const twice[] = {network, network};
        status = scn_sequential_create(twice, 2, &outer);
        if (status == SCN_OK) scn_module_release(network), network = outer;
    }
    CHECK(status == SCN_ERROR_STATE && outer == NULL);
    OK(scn_module_release(network));
}

/** A long chain of recorded operations: replayed and released without a deep recursion. */
static void survive_long_chains(void) {
    enum { LINKS = 200000 };
    scn_tensor *last = NULL, *next = NULL;
    scn_status status = SCN_OK;
    int links = 0;
    OK(scn_tensor_retain(dense));
    for (last = dense, links = 0; links < LINKS && (status = scn_tensor_scale(last, 1, &next)) == SCN_OK; links++)
        scn_tensor_release(last), last = next;
    CHECK(links == LINKS);
    OK(scn_tensor_backward(last, numbers, 6));
    OK(scn_tensor_zero_gradient(dense));
    OK(scn_tensor_release(last));
    OK(scn_tensor_retain(dense));
    for (last = dense, links = 0; links < LINKS && (status = scn_tensor_scale(last, 1, &next)) == SCN_OK; links++)
        scn_tensor_release(last), last = next;
    OK(scn_tensor_release(last));
}

static void bad_layers(void) {
    const int64_t wide[] = {INT64_C(1) << 40, INT64_C(1) << 40};
    scn_convolution_options grouped = SCN_CONVOLUTION_OPTIONS_INIT, dilated = grouped, padded = grouped,
                            unsized = grouped;
    scn_pooling_options dropping = SCN_POOLING_OPTIONS_INIT;
    scn_batch_norm_options epsilon = SCN_BATCH_NORM_OPTIONS_INIT, momentum = epsilon, leak = epsilon;
    grouped.groups = 2, dilated.dilation = no_size, padded.padding = ones, unsized.struct_size = 3;
    dropping.features_to_drop = -1;
    epsilon.epsilon = NAN, momentum.momentum = 1.5, leak.leakiness = -INFINITY;
    BAD(INVALID_ARGUMENT, "dimension", scn_input_layer_create(0, field, SCN_INPUT_SUM, &out_module));
    BAD(INVALID_ARGUMENT, "dimension", scn_input_layer_create(11, three, SCN_INPUT_SUM, &out_module));
    BAD(INVALID_ARGUMENT, "spatial_size", scn_input_layer_create(2, NULL, SCN_INPUT_SUM, &out_module));
    BAD(INVALID_ARGUMENT, "spatial_size", scn_input_layer_create(2, minus, SCN_INPUT_SUM, &out_module));
    BAD(INVALID_ARGUMENT, "mode", scn_input_layer_create(2, field, (scn_input_mode)7, &out_module));
    BAD(INVALID_ARGUMENT, "dimension", scn_output_layer_create(0, &out_module));
    BAD(INVALID_ARGUMENT, "module", scn_flatten_create(NULL));
    BAD(INVALID_ARGUMENT, "dimension", scn_sparse_to_dense_create(11, 4, &out_module));
    BAD(INVALID_ARGUMENT, "planes", scn_sparse_to_dense_create(2, -1, &out_module));
    BAD(INVALID_ARGUMENT, "dimension", scn_submanifold_convolution_create(11, 1, 1, three, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "in_planes", scn_submanifold_convolution_create(2, -1, 1, three, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "out_planes", scn_submanifold_convolution_create(2, 1, -1, three, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "filter_size", scn_submanifold_convolution_create(2, 1, 1, NULL, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "filter size", scn_submanifold_convolution_create(2, 1, 1, no_size, NULL, &out_module));
    BAD(OVERFLOW, "filter of size", scn_submanifold_convolution_create(2, 1, 1, wide, NULL, &out_module));
    BAD(OVERFLOW, "", scn_submanifold_convolution_create(2, HUGE_SIZE, HUGE_SIZE, three, NULL, &out_module));
    BAD(MEMORY, "", scn_submanifold_convolution_create(2, FAR, 1 << 20, three, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "groups", scn_submanifold_convolution_create(2, 3, 4, three, &grouped, &out_module));
    BAD(INVALID_ARGUMENT, "dilation", scn_submanifold_convolution_create(2, 1, 1, three, &dilated, &out_module));
    BAD(INVALID_ARGUMENT, "padding", scn_submanifold_convolution_create(2, 1, 1, three, &padded, &out_module));
    BAD(INVALID_ARGUMENT, "struct_size", scn_submanifold_convolution_create(2, 1, 1, three, &unsized, &out_module));
    BAD(INVALID_ARGUMENT, "filter_stride", scn_convolution_create(2, 1, 1, three, NULL, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "filter stride", scn_convolution_create(2, 1, 1, three, no_size, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "filter size", scn_deconvolution_create(2, 1, 1, minus, ones, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "in_planes", scn_network_in_network_create(-1, 1, 0, &out_module));
    BAD(OVERFLOW, "in_planes", scn_linear_create(HUGE_SIZE, 1, 0, &out_module));
    BAD(OVERFLOW, "", scn_linear_create(INT32_MAX, INT32_MAX, 0, &out_module));
    BAD(INVALID_ARGUMENT, "pool_size", scn_max_pooling_create(2, NULL, ones, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "stride", scn_max_pooling_create(2, three, minus, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "features_to_drop", scn_max_pooling_create(2, three, ones, &dropping, &out_module));
    BAD(INVALID_ARGUMENT, "planes", scn_batch_normalization_create(-1, NULL, &out_module));
    BAD(MEMORY_OR_OVERFLOW, "", scn_batch_normalization_create(HUGE_SIZE, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "epsilon", scn_batch_normalization_create(3, &epsilon, &out_module));
    BAD(INVALID_ARGUMENT, "momentum", scn_batch_normalization_create(3, &momentum, &out_module));
    BAD(INVALID_ARGUMENT, "leakiness", scn_batch_normalization_create(3, &leak, &out_module));
    BAD(INVALID_ARGUMENT, "momentum", scn_module_set_momentum(convolution, NAN));
    BAD(INVALID_ARGUMENT, "momentum", scn_module_set_momentum(sequential, 1.01));
    BAD(INVALID_ARGUMENT, "activation", scn_activation_create((scn_activation)6, 0, &out_module));
    BAD(INVALID_ARGUMENT, "parameter", scn_activation_create(SCN_ACTIVATION_LEAKY_RELU, NAN, &out_module));
    BAD(INVALID_ARGUMENT, "p", scn_dropout_create(NAN, &out_module));
    BAD(INVALID_ARGUMENT, "p", scn_dropout_create(1.01, &out_module));
    BAD(INVALID_ARGUMENT, "p", scn_batchwise_dropout_create(-0.5, &out_module));
    BAD(INVALID_ARGUMENT, "planes", scn_batch_norm_elu_create(0, 1e-4, 0.9, &out_module));
    BAD(INVALID_ARGUMENT, "epsilon", scn_batch_norm_elu_create(2, NAN, 0.9, &out_module));
    BAD(INVALID_ARGUMENT, "momentum", scn_batch_norm_elu_create(2, 1e-4, 2, &out_module));
    BAD(INVALID_ARGUMENT, "planes", scn_mean_only_norm_create(-1, 1, 1, 0.99, &out_module));
    BAD(MEMORY_OR_OVERFLOW, "", scn_mean_only_norm_create(HUGE_SIZE, 1, 1, 0.99, &out_module));
    BAD(INVALID_ARGUMENT, "affine", scn_mean_only_norm_create(2, 2, 1, 0.99, &out_module));
    BAD(INVALID_ARGUMENT, "leakiness", scn_mean_only_norm_create(2, 1, -1, 0.99, &out_module));
    BAD(INVALID_ARGUMENT, "momentum", scn_mean_only_norm_create(2, 1, 1, NAN, &out_module));
    BAD(INVALID_ARGUMENT, "groups", scn_group_norm_create(0, 4, 1e-5, &out_module));
    BAD(INVALID_ARGUMENT, "groups", scn_group_norm_create(3, 4, 1e-5, &out_module));
    BAD(INVALID_ARGUMENT, "planes", scn_group_norm_create(1, 0, 1e-5, &out_module));
    BAD(INVALID_ARGUMENT, "epsilon", scn_group_norm_create(1, 4, 0, &out_module));
    BAD(INVALID_ARGUMENT, "module", scn_verbose_identity_create(NULL));
    BAD(INVALID_ARGUMENT, "module", scn_add_coords_create(NULL));
    BAD(INVALID_ARGUMENT, "children", scn_checkpointed_sequential_create(NULL, 2, &out_module));
    BAD(INVALID_ARGUMENT, "count", scn_checkpointed_sequential_create(&convolution, -1, &out_module));
    BAD(INVALID_ARGUMENT, "n_power_iterations", scn_spectral_norm(convolution, 0, 1e-12, 1));
    BAD(INVALID_ARGUMENT, "n_power_iterations", scn_spectral_norm(convolution, HUGE_SIZE, 1e-12, 1));
    BAD(INVALID_ARGUMENT, "epsilon", scn_spectral_norm(convolution, 1, 0, 1));
    BAD(INVALID_ARGUMENT, "norm", scn_spectral_norm(convolution, 1, 1e-12, NAN));
    BAD(INVALID_ARGUMENT, "module", scn_spectral_norm(input_layer, 1, 1e-12, 1));
    BAD(INVALID_ARGUMENT, "layers", scn_sparse_vgg_net_create(2, 1, NULL, &out_module));
    BAD(FORMAT, "XY", scn_sparse_vgg_net_create(2, 1, "C8 XY MP", &out_module));
    BAD(FORMAT, "C99999999999999999999", scn_sparse_vgg_net_create(2, 1, "C99999999999999999999", &out_module));
    BAD(FORMAT, "C8,8,8,8,8", scn_sparse_vgg_net_create(2, 1, "C8,8,8,8,8", &out_module));
    scn_unet_options unet = SCN_UNET_OPTIONS_INIT;
    const int64_t widths[] = {4, 8}, no_width[] = {4, 0}, wide_levels[] = {INT64_C(1) << 40};
    BAD(INVALID_ARGUMENT, "planes", scn_unet_create(2, 1, NULL, 2, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "planes", scn_unet_create(2, 1, no_width, 2, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "planes", scn_unet_create(2, 1, wide_levels, 1, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "levels", scn_unet_create(2, 1, widths, HUGE_SIZE, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "repetitions", scn_unet_create(2, 0, widths, 2, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "dimension", scn_unet_create(11, 1, widths, 2, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "module", scn_unet_create(2, 1, widths, 2, NULL, NULL));
    unet.leakiness = NAN;
    BAD(INVALID_ARGUMENT, "leakiness", scn_unet_create(2, 1, widths, 2, &unet, &out_module));
    BAD(INVALID_ARGUMENT, "planes", scn_fully_convolutional_net_create(2, 1, NULL, 2, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "planes", scn_fully_convolutional_net_create(2, 1, no_width, 2, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "levels", scn_fully_convolutional_net_create(2, 1, widths, -1, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "repetitions", scn_fully_convolutional_net_create(2, 1001, widths, 2, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "leakiness", scn_fully_convolutional_net_create(2, 1, widths, 2, &unet, &out_module));
    BAD(INVALID_ARGUMENT, "classes",
        scn_fully_convolutional_integrated_linear_create(2, 1, widths, 2, 0, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "dimension",
        scn_fully_convolutional_integrated_linear_create(0, 1, widths, 2, -1, NULL, &out_module));
    unet.leakiness = 0, unet.in_planes = HUGE_SIZE;
    BAD(INVALID_ARGUMENT, "in_planes", scn_unet_create(2, 1, widths, 2, &unet, &out_module));
    BAD(INVALID_ARGUMENT, "stages", scn_sparse_resnet_create(2, 1, NULL, &out_module));
    BAD(FORMAT, "c8", scn_sparse_resnet_create(2, 1, "b8 c8", &out_module));
    BAD(FORMAT, "b99999999999999999999", scn_sparse_resnet_create(2, 1, "b99999999999999999999", &out_module));
    BAD(INVALID_ARGUMENT, "planes", scn_sparse_resnet_create(2, 1, "b9999999999", &out_module));
    BAD(INVALID_ARGUMENT, "repetitions", scn_sparse_resnet_create(2, 1, "b8x1001", &out_module));
    BAD(INVALID_ARGUMENT, "in_planes", scn_sparse_resnet_create(2, -1, "b8", &out_module));
    BAD(INVALID_ARGUMENT, "dimension", scn_sparse_resnet_create(11, 1, "b8", &out_module));
    BAD(INVALID_ARGUMENT, "layers", scn_sparse_densenet_create(2, 1, NULL, &out_module));
    BAD(FORMAT, "MP", scn_sparse_densenet_create(2, 1, "B2x8 MP", &out_module));
    BAD(INVALID_ARGUMENT, "growth_rate", scn_sparse_densenet_create(2, 1, "B2x99999999", &out_module));
    BAD(INVALID_ARGUMENT, "in_planes", scn_sparse_densenet_create(2, 0, "B2x8", &out_module));
    BAD(SHAPE, "dimension", scn_module_input_spatial_size(convolution, 3, three, out_sizes));
    BAD(INVALID_ARGUMENT, "output_size", scn_module_input_spatial_size(convolution, 2, NULL, out_sizes));
}

static void bad_poolings(void) {
    const int64_t wide[] = {INT64_C(1) << 40, INT64_C(1) << 40};
    const double one[] = {2, 1}, nan_ratio[] = {NAN, 2}, good[] = {1.5, 1.5};
    scn_pooling_options dropping = SCN_POOLING_OPTIONS_INIT, dilated = dropping;
    scn_fractional_options ratio = SCN_FRACTIONAL_OPTIONS_INIT, both = ratio, none = ratio, low = ratio, nans = ratio,
                           tiles = ratio, order = ratio, flag = ratio, zero = ratio, size = ratio, many = ratio,
                           drops = ratio, unsized = ratio;
    dropping.features_to_drop = INT64_MIN, dilated.dilation = no_size;
    both.ratio = good, both.output_size = three, low.ratio = one, nans.ratio = nan_ratio;
    tiles.ratio = good, tiles.tiles = 1, tiles.pool_size = three, order.ratio = good, order.order = (scn_window_order)2;
    flag.ratio = good, flag.tiles = 7, zero.output_size = no_size, size.ratio = good, size.pool_size = minus;
    many.output_size = wide, drops.ratio = good, drops.features_to_drop = -1, unsized.ratio = good;
    unsized.struct_size = 12;
    BAD(INVALID_ARGUMENT, "pool_size", scn_average_pooling_create(2, NULL, ones, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "features_to_drop", scn_average_pooling_create(2, three, ones, &dropping, &out_module));
    BAD(INVALID_ARGUMENT, "module", scn_average_pooling_create(2, three, ones, NULL, NULL));
    BAD(INVALID_ARGUMENT, "pool_stride", scn_unpooling_create(2, three, NULL, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "stride", scn_unpooling_create(2, three, minus, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "dimension", scn_randomized_stride_max_pooling_create(11, three, ones, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "dilation", scn_randomized_stride_max_pooling_create(2, three, ones, &dilated, &out_module));
    BAD(INVALID_ARGUMENT, "dimension", scn_global_pooling_create(0, SCN_GLOBAL_SUM, &out_module));
    BAD(INVALID_ARGUMENT, "pooling", scn_global_pooling_create(2, (scn_global_pooling)3, &out_module));
    BAD(INVALID_ARGUMENT, "filter_stride", scn_full_convolution_create(2, 1, 1, three, NULL, NULL, &out_module));
    BAD(OVERFLOW, "filter of size", scn_full_convolution_create(2, 1, 1, wide, ones, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "out_planes",
        scn_randomized_stride_convolution_create(2, 1, 0, three, ones, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "options", scn_fractional_max_pooling_create(2, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "ratio", scn_fractional_max_pooling_create(2, &none, &out_module));
    BAD(INVALID_ARGUMENT, "ratio", scn_fractional_max_pooling_create(2, &both, &out_module));
    BAD(INVALID_ARGUMENT, "ratio", scn_fractional_max_pooling_create(2, &low, &out_module));
    BAD(INVALID_ARGUMENT, "ratio", scn_fractional_max_pooling_create(2, &nans, &out_module));
    BAD(INVALID_ARGUMENT, "dimension", scn_fractional_max_pooling_create(-1, &low, &out_module));
    BAD(INVALID_ARGUMENT, "pool_size", scn_fractional_max_pooling_create(2, &tiles, &out_module));
    BAD(INVALID_ARGUMENT, "order", scn_fractional_max_pooling_create(2, &order, &out_module));
    BAD(INVALID_ARGUMENT, "tiles", scn_fractional_max_pooling_create(2, &flag, &out_module));
    BAD(INVALID_ARGUMENT, "output_size", scn_fractional_max_pooling_create(2, &zero, &out_module));
    BAD(INVALID_ARGUMENT, "size", scn_fractional_max_pooling_create(2, &size, &out_module));
    BAD(OVERFLOW, "windows", scn_fractional_max_pooling_create(2, &many, &out_module));
    BAD(INVALID_ARGUMENT, "features_to_drop", scn_fractional_max_pooling_create(2, &drops, &out_module));
    BAD(INVALID_ARGUMENT, "struct_size", scn_fractional_max_pooling_create(2, &unsized, &out_module));

    scn_filter filter = filter_of(2, three, three), thin = filter_of(3, three, three);
    scn_filter far_filter = filter_of(2, three, wide);
    const int64_t twelve[] = {12, 12}, endless_size[] = {INT64_C(1) << 40, INT64_C(1) << 40};
    scn_fractional_options crowded = SCN_FRACTIONAL_OPTIONS_INIT;
    crowded.output_size = twelve, ratio.ratio = good;
    BAD(SHAPE, "windows", scn_geometry_fractional(geometry, 0, &crowded, 0, &out_number, &out_rulebook));
    BAD(INVALID_ARGUMENT, "is_regular", scn_geometry_fractional(geometry, 0, &ratio, 2, &out_number, &out_rulebook));
    BAD(INVALID_ARGUMENT, "sites", scn_geometry_fractional(geometry, 9, &ratio, 0, &out_number, &out_rulebook));
    BAD(INVALID_ARGUMENT, "output_sites", scn_geometry_fractional(geometry, 0, &ratio, 0, NULL, &out_rulebook));
    BAD(SHAPE, "size", scn_geometry_randomized(geometry, 0, &filter, &out_number, &out_rulebook));
    BAD(SHAPE, "dimension", scn_geometry_randomized(geometry, 0, &thin, &out_number, &out_rulebook));
    BAD(SHAPE, "dimension", scn_geometry_full(geometry, 0, &thin, &out_number, &out_rulebook));
    BAD(INVALID_ARGUMENT, "filter", scn_geometry_full(geometry, 0, NULL, &out_number, &out_rulebook));
    scn_geometry *vast = NULL;
    OK(scn_geometry_create(2, endless_size, where, 2, 3, 0, SCN_INPUT_SUM, &vast));
    filter.stride = ones;
    BAD(OVERFLOW, "windows", scn_geometry_randomized(vast, 0, &filter, &out_number, &out_rulebook));
    BAD(OVERFLOW, "windows", scn_geometry_fractional(vast, 0, &ratio, 0, &out_number, &out_rulebook));
    BAD(OVERFLOW, "", scn_geometry_full(vast, 0, &far_filter, &out_number, &out_rulebook));
    OK(scn_geometry_release(vast));
    BAD(INVALID_ARGUMENT, "features_to_drop", scn_average_pooling_forward(rulebook, &two_rows, 3, &two_rows));
    BAD(SHAPE, "result", scn_average_pooling_forward(rulebook, &two_rows, 1, &two_rows));
    BAD(SHAPE, "input", scn_unpooling_forward(rulebook, &three_rows, 0, &two_rows));
    BAD(INVALID_ARGUMENT, "input", scn_unpooling_forward(rulebook, &no_data, 0, &two_rows));
    BAD(SHAPE, "gradient", scn_average_pooling_backward(rulebook, &two_planes, 0, &two_rows));
    BAD(INVALID_ARGUMENT, "features_to_drop", scn_unpooling_backward(rulebook, &two_planes, -1, &two_rows));
    BAD(INVALID_ARGUMENT, "pooling",
        scn_global_pooling_forward(geometry, 0, (scn_global_pooling)-1, &two_rows, &two_rows));
    BAD(SHAPE, "result", scn_global_pooling_forward(geometry, 0, SCN_GLOBAL_MAX, &two_rows, &two_rows));
    BAD(SHAPE, "output",
        scn_global_pooling_backward(geometry, 0, SCN_GLOBAL_SUM, &two_rows, &two_rows, &two_rows, &two_rows));
    BAD(INVALID_ARGUMENT, "sites", scn_global_pooling_forward(geometry, 7, SCN_GLOBAL_SUM, &two_rows, &two_rows));
}

/** Put coordinates of sample 0 into a field by an input layer. */
static scn_status enter(const int64_t *coordinates, int32_t columns, scn_module *layer) {
    scn_tensor *drawn = NULL;
    scn_status status = scn_points_create(coordinates, 2, columns, dense, 0, &drawn);
    if (status == SCN_OK) status = scn_module_forward(layer, drawn, &out_tensor);
    scn_tensor_release(drawn);
    return status;
}

static void bad_forwards(void) {
    const int64_t outside[] = {4, 5, 0, 4, 10, 0}, negative[] = {4, 5, 0, -1, 5, 0}, batch[] = {4, 5, 0, 4, 5, -1};
    const int64_t late[] = {4, 5, 0, 4, 5, HUGE_SIZE}, twice[] = {4, 5, 0, 4, 5, 0}, four[] = {1, 2, 3, 0, 1, 2, 3, 1};
    const int64_t deep[] = {100000, 100000, 100000}, origin[] = {0, 0, 0, 0, 0, 1},
                  lowest[] = {4, 5, 0, INT64_MIN, 5, 0};
    scn_module *unique, *last_layer, *strided, *back, *deep_input, *leave, *join, *add;
    scn_tensor *far_sparse = NULL;
    OK(scn_input_layer_create(2, field, SCN_INPUT_UNIQUE, &unique));
    OK(scn_submanifold_convolution_create(2, 5, 4, three, NULL, &last_layer));
    OK(scn_convolution_create(2, 3, 4, three, three, NULL, &strided));
    OK(scn_deconvolution_create(2, 3, 4, three, three, NULL, &back));
    OK(scn_input_layer_create(3, deep, SCN_INPUT_SUM, &deep_input));
    OK(scn_sparse_to_dense_create(3, 3, &leave));
    OK(scn_join_table_create(&join));
    OK(scn_add_table_create(&add));
    BAD(COORDINATE, "row 1", enter(outside, 3, input_layer));
    BAD(COORDINATE, "row 1", enter(negative, 3, input_layer));
    BAD(COORDINATE, "row 1", enter(lowest, 3, input_layer));
    BAD(COORDINATE, "row 1", enter(batch, 3, input_layer));
    BAD(COORDINATE, "row 1", enter(late, 3, input_layer));
    BAD(COORDINATE, "row 1", enter(twice, 3, unique));
    BAD(SHAPE, "columns", enter(four, 4, input_layer));
    BAD(SHAPE, "input", scn_module_forward(input_layer, sparse, &out_tensor));
    BAD(SHAPE, "input", scn_module_forward(convolution, dense, &out_tensor));
    BAD(SHAPE, "planes", scn_module_forward(last_layer, sparse, &out_tensor));
    BAD(SHAPE, "size", scn_module_forward(strided, sparse, &out_tensor));
    BAD(STATE, "econvolution", scn_module_forward(back, sparse, &out_tensor));
    BAD(SHAPE, "input", scn_module_forward(join, sparse, &out_tensor));
    BAD(SHAPE, "input", scn_module_forward(add, dense, &out_tensor));
    BAD(INVALID_ARGUMENT, "output", scn_module_forward(convolution, sparse, NULL));
    BAD(SHAPE, "planes", scn_module_reweight(last_layer, sparse, &out_tensor));
    BAD(SHAPE, "input", scn_module_rebias(convolution, table, NULL));
    scn_module *spectral, *group_norm, *checkpointed;
    OK(scn_linear_create(3, 3, 0, &spectral));
    OK(scn_spectral_norm(spectral, 1, 1e-12, 1));
    BAD(STATE, "module", scn_spectral_norm(spectral, 1, 1e-12, 1));
    OK(scn_group_norm_create(1, 5, 1e-5, &group_norm));
    BAD(SHAPE, "planes", scn_module_forward(group_norm, sparse, &out_tensor));
    BAD(SHAPE, "input", scn_module_forward(group_norm, dense, &out_tensor));
    OK(scn_checkpointed_sequential_create(&last_layer, 1, &checkpointed));
    BAD(SHAPE, "planes", scn_module_forward(checkpointed, sparse, &out_tensor));
    OK(scn_module_release(spectral));
    OK(scn_module_release(group_norm));
    OK(scn_module_release(checkpointed));
    BAD(SHAPE, "input", scn_module_summary(sequential, dense, &out_text));
    BAD(INVALID_ARGUMENT, "text", scn_module_summary(sequential, sparse, NULL));
    OK(scn_points_create(origin, 2, 3, dense, 0, &far_sparse));
    scn_tensor *far_points = far_sparse;
    OK(scn_module_forward(deep_input, far_points, &far_sparse));
    BAD(MEMORY, "", scn_module_forward(leave, far_sparse, &out_tensor));
    scn_tensor_release(far_points), scn_tensor_release(far_sparse);
    scn_module *all[] = {unique, last_layer, strided, back, deep_input, leave, join, add};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) OK(scn_module_release(all[i]));
}

static void bad_optimizers(void) {
    scn_sgd_options rate = SCN_SGD_OPTIONS_INIT, momentum = rate, nesterov = rate, decay = rate, sized = rate;
    scn_adam_options beta = SCN_ADAM_OPTIONS_INIT, epsilon = beta;
    scn_tensor *const twice[] = {dense, dense};
    rate.learning_rate = NAN, momentum.momentum = -1, nesterov.nesterov = 1, decay.weight_decay = INFINITY,
    sized.struct_size = 0;
    beta.beta1 = 1, epsilon.epsilon = -1;
    BAD(INVALID_ARGUMENT, "learning_rate", scn_sgd_create(&dense, 1, &rate, &out_optimizer));
    BAD(INVALID_ARGUMENT, "momentum", scn_sgd_create(&dense, 1, &momentum, &out_optimizer));
    BAD(INVALID_ARGUMENT, "nesterov", scn_sgd_create(&dense, 1, &nesterov, &out_optimizer));
    BAD(INVALID_ARGUMENT, "weight_decay", scn_sgd_create(&dense, 1, &decay, &out_optimizer));
    BAD(INVALID_ARGUMENT, "struct_size", scn_sgd_create(&dense, 1, &sized, &out_optimizer));
    BAD(INVALID_ARGUMENT, "parameters", scn_sgd_create(NULL, 1, NULL, &out_optimizer));
    BAD(INVALID_ARGUMENT, "count", scn_sgd_create(&dense, -1, NULL, &out_optimizer));
    BAD(INVALID_ARGUMENT, "parameters", scn_sgd_create(twice, 2, NULL, &out_optimizer));
    BAD(SHAPE, "parameters", scn_sgd_create(&sparse, 1, NULL, &out_optimizer));
    BAD(INVALID_ARGUMENT, "beta1", scn_adam_create(&dense, 1, &beta, &out_optimizer));
    BAD(INVALID_ARGUMENT, "epsilon", scn_adam_create(&dense, 1, &epsilon, &out_optimizer));
    BAD(INVALID_ARGUMENT, "parameters", scn_sgd_create(NULL, 0, NULL, &out_optimizer));
    BAD(INVALID_ARGUMENT, "parameters", scn_adam_create(NULL, 0, NULL, &out_optimizer));
    BAD(INVALID_ARGUMENT, "rate", scn_optimizer_set_learning_rate(optimizer, NAN));
    BAD(INVALID_ARGUMENT, "rate", scn_optimizer_set_learning_rate(optimizer, -1));
    BAD(INVALID_ARGUMENT, "initial_rate", scn_exponential_rate(-1, 0, 0, &out_rate));
    BAD(INVALID_ARGUMENT, "decay", scn_exponential_rate(1, NAN, 0, &out_rate));
    BAD(INVALID_ARGUMENT, "step", scn_exponential_rate(1, 0, -1, &out_rate));
    BAD(INVALID_ARGUMENT, "rate", scn_exponential_rate(1, -1, INT64_MAX, &out_rate));
    BAD(INVALID_ARGUMENT, "rate", scn_exponential_rate(1, 0, 0, NULL));
    BAD(INVALID_ARGUMENT, "factor", scn_step_rate(1, INFINITY, 1, 0, &out_rate));
    BAD(INVALID_ARGUMENT, "step_size", scn_step_rate(1, 0.5, 0, 0, &out_rate));
    BAD(INVALID_ARGUMENT, "final_rate", scn_cosine_rate(1, NAN, 1, 0, 0, &out_rate));
    BAD(INVALID_ARGUMENT, "steps", scn_cosine_rate(1, 0, INT64_MIN, 0, 0, &out_rate));
    BAD(INVALID_ARGUMENT, "warm_up", scn_cosine_rate(1, 0, 3, 3, 0, &out_rate));
    BAD(INVALID_ARGUMENT, "max_norm", scn_clip_gradient_norm(&dense, 1, NAN, &out_rate));
    BAD(INVALID_ARGUMENT, "max_norm", scn_clip_gradient_norm(&dense, 1, -1, &out_rate));
    scn_tensor *result = NULL;
    OK(scn_tensor_scale(dense, 2, &result));
    BAD(INVALID_ARGUMENT, "parameters", scn_gradients_count(NULL, 1, &out_count));
    BAD(INVALID_ARGUMENT, "count", scn_gradients_count(&dense, -1, &out_count));
    BAD(INVALID_ARGUMENT, "elements", scn_gradients_count(&dense, 1, NULL));
    BAD(INVALID_ARGUMENT, "operation", scn_gradients_count(&result, 1, &out_count));
    BAD(SHAPE, "parameters[0]", scn_gradients_count(&sparse, 1, &out_count));
    BAD(INVALID_ARGUMENT, "gradients", scn_gradients_get(&dense, 1, NULL, 6));
    BAD(INVALID_ARGUMENT, "elements", scn_gradients_get(&dense, 1, numbers, -6));
    BAD(SHAPE, "gradients", scn_gradients_get(&dense, 1, numbers, 5));
    BAD(OVERFLOW, "gradients", scn_gradients_get(&dense, 1, numbers, HUGE_SIZE));
    BAD(INVALID_ARGUMENT, "aligned", scn_gradients_get(&dense, 1, (float *)((char *)numbers + 1), 6));
    BAD(INVALID_ARGUMENT, "gradients", scn_gradients_set(&dense, 1, NULL, 6));
    BAD(SHAPE, "gradients", scn_gradients_set(&dense, 1, numbers, 7));
    BAD(INVALID_ARGUMENT, "operation", scn_gradients_set(&result, 1, numbers, 6));
    OK(scn_tensor_release(result));
}

/* ===================================================================================================== Files, JSON */

/** Return the path of a file in the folder; the text stays until the next call but three. */
static const char *in_folder(const char *name) {
    static char paths[4][128];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void write_file(const char *name, const char *bytes, size_t count) {
    FILE *file = fopen(in_folder(name), "wb");
    if (!CHECK(file != NULL)) return;
    CHECK(fwrite(bytes, 1, count, file) == count);
    CHECK(fclose(file) == 0);
}

/** Write a safetensors file: the header's length (0: the true one), the header, and some bytes of data. */
static void write_safetensors(const char *name, uint64_t length, const char *header, size_t data) {
    const size_t header_bytes = strlen(header);
    if (!length) length = header_bytes;
    char *bytes = (char *)zeros((int64_t)(8 + header_bytes + data), 1);
    for (int i = 0; i < 8; i++) bytes[i] = (char)(length >> (8 * i) & 255);
    memcpy(bytes + 8, header, header_bytes);
    write_file(name, bytes, 8 + header_bytes + data);
    free(bytes);
}

/** Return text that begins a module within a module, `depth` times over; escaped as it stands within JSON text. */
static char *nested(int depth, int escaped, const char *before, const char *after) {
    const char *begin =
        escaped ? "{\\\"type\\\":\\\"Sequential\\\",\\\"modules\\\":[" : "{\"type\":\"Sequential\",\"modules\":[";
    char *text = (char *)zeros((int64_t)((size_t)depth * (strlen(begin) + 2) + strlen(before) + strlen(after) + 1), 1);
    char *end = text + sprintf(text, "%s", before);
    for (int i = 0; i < depth; i++) end += sprintf(end, "%s", begin);
    for (int i = 0; i < depth; i++) end += sprintf(end, "]}");
    sprintf(end, "%s", after);
    return text;
}

static void bad_files(void) {
    const char *names[] = {"a", "a"}, *one = "a";
    scn_tensor *const same[] = {dense, dense};
    scn_module *other = NULL;
    char *deep = nested(10000, 1, "{\"__metadata__\":{\"architecture\":\"", "\"}}");
    OK(scn_linear_create(2, 2, 1, &other));
    OK(scn_checkpoint_save(in_folder("good"), sequential, NULL));
    OK(scn_checkpoint_save_named(in_folder("named"), &one, &dense, 1, NULL));
    write_file("empty", "", 0);
    write_file("short", "\20\0\0", 3);
    write_safetensors("truncated", 500, "{\"a\":{\"dtype\":\"F32\"", 0);
    write_safetensors("lies", HUGE_SIZE, "{}", 0);
    write_safetensors("lies more", UINT64_MAX, "{}", 0);
    write_safetensors("no json", 0, "no json!!", 0);
    write_safetensors("overlap", 0,
                      "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
                      "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}",
                      12);
    write_safetensors("beyond", 0, "{\"a\":{\"dtype\":\"F32\",\"shape\":[6],\"data_offsets\":[0,24]}}", 8);
    write_safetensors("negative", 0, "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", 8);
    write_safetensors("product", 0,
                      "{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296,2],\"data_offsets\":[0,0]}}", 0);
    write_safetensors("deep", 0, deep, 0);
    BAD(INVALID_ARGUMENT, "path", scn_checkpoint_open(NULL, &out_module));
    BAD(FILE, "missing", scn_checkpoint_open(in_folder("missing"), &out_module));
    BAD(FILE, folder, scn_checkpoint_open(folder, &out_module));
    BAD(FILE, "/dev/zero", scn_checkpoint_open("/dev/zero", &out_module));
    BAD(FORMAT, "empty", scn_checkpoint_open(in_folder("empty"), &out_module));
    BAD(FORMAT, "short", scn_checkpoint_open(in_folder("short"), &out_module));
    BAD(FORMAT, "truncated", scn_checkpoint_open(in_folder("truncated"), &out_module));
    BAD(FORMAT, "lies", scn_checkpoint_open(in_folder("lies"), &out_module));
    BAD(FORMAT, "lies more", scn_checkpoint_open(in_folder("lies more"), &out_module));
    BAD(FORMAT, "no json", scn_checkpoint_open(in_folder("no json"), &out_module));
    BAD(FORMAT, "overlap", scn_checkpoint_restore_named(in_folder("overlap"), &one, &dense, 1, NULL));
    BAD(FORMAT, "beyond", scn_checkpoint_restore_named(in_folder("beyond"), &one, &dense, 1, NULL));
    BAD(FORMAT, "negative", scn_checkpoint_restore_named(in_folder("negative"), &one, &dense, 1, NULL));
    BAD(FORMAT, "product", scn_checkpoint_restore_named(in_folder("product"), &one, &dense, 1, NULL));
    BAD(FORMAT, "deep", scn_checkpoint_open(in_folder("deep"), &out_module));
    BAD(FORMAT, "architecture", scn_checkpoint_open(in_folder("named"), &out_module));
    BAD(FORMAT, "good", scn_checkpoint_restore(in_folder("good"), other, NULL));
    BAD(FORMAT, "optimizer", scn_checkpoint_restore(in_folder("good"), sequential, optimizer));
    BAD(INVALID_ARGUMENT, "optimizer", scn_checkpoint_save(in_folder("x"), sequential, optimizer));
    BAD(FILE, "no such", scn_checkpoint_save(in_folder("no such/file"), sequential, NULL));
    BAD(FILE, folder, scn_checkpoint_save(folder, sequential, NULL));
    BAD(INVALID_ARGUMENT, "path", scn_checkpoint_save(NULL, sequential, NULL));
    BAD(INVALID_ARGUMENT, "names", scn_checkpoint_save_named(in_folder("x"), NULL, same, 2, NULL));
    BAD(INVALID_ARGUMENT, "names", scn_checkpoint_save_named(in_folder("x"), names, same, 2, NULL));
    BAD(INVALID_ARGUMENT, "count", scn_checkpoint_save_named(in_folder("x"), names, same, -1, NULL));
    const char *const written[] = {"good",    "named",   "empty",  "short",    "truncated", "lies", "lies more",
                                   "no json", "overlap", "beyond", "negative", "product",   "deep"};
    for (size_t i = 0; i < sizeof written / sizeof written[0]; i++) unlink(in_folder(written[i]));
    CHECK(rmdir(folder) == 0);
    scn_module_release(other);
    free(deep);
}

static void bad_architectures(void) {
    char *deep = nested(10000, 0, "", "");
    char *open = (char *)zeros(100001, 1);
    memset(open, '[', 100000);
    BAD(INVALID_ARGUMENT, "json", scn_module_create(NULL, &out_module));
    BAD(FORMAT, "", scn_module_create("", &out_module));
    BAD(FORMAT, "", scn_module_create("{\"type\": \"ReLU\"", &out_module));
    BAD(FORMAT, "type", scn_module_create("{}", &out_module));
    BAD(FORMAT, "type", scn_module_create("{\"type\": 3}", &out_module));
    BAD(FORMAT, "NoSuchLayer", scn_module_create("{\"type\": \"NoSuchLayer\"}", &out_module));
    BAD(FORMAT, "modules", scn_module_create("{\"type\": \"Sequential\", \"modules\": 7}", &out_module));
    BAD(FORMAT, "", scn_module_create("{\"type\": \"Linear\"}", &out_module));
    BAD(FORMAT, "deep", (out_text = deep, scn_module_create(out_text, &out_module)));
    BAD(FORMAT, "deep", (out_text = open, scn_module_create(out_text, &out_module)));
    free(deep), free(open);
}

/* ========================================================================================================= Buffers */

static void bad_geometries(void) {
    const int64_t outside[] = {4, 5, 0, 4, 10, 0}, eleven[11] = {0};
    const int64_t all_huge[] = {HUGE_SIZE, HUGE_SIZE, HUGE_SIZE, HUGE_SIZE, HUGE_SIZE,
                                HUGE_SIZE, HUGE_SIZE, HUGE_SIZE, HUGE_SIZE, HUGE_SIZE};
    scn_filter good = filter_of(2, three, NULL), thin = filter_of(3, three, NULL), none = filter_of(2, NULL, NULL);
    scn_filter zero = filter_of(2, no_size, NULL), wide = filter_of(2, huge, NULL),
               inexact = filter_of(2, three, three);
    scn_filter still = filter_of(2, three, no_size), unsized = good;
    unsized.struct_size = 1;
    BAD(INVALID_ARGUMENT, "dimension", scn_geometry_create(0, field, where, 2, 3, 0, SCN_INPUT_SUM, &out_geometry));
    BAD(INVALID_ARGUMENT, "dimension", scn_geometry_create(11, three, eleven, 1, 11, 0, SCN_INPUT_SUM, &out_geometry));
    BAD(INVALID_ARGUMENT, "spatial_size", scn_geometry_create(2, NULL, where, 2, 3, 0, SCN_INPUT_SUM, &out_geometry));
    BAD(INVALID_ARGUMENT, "coordinates", scn_geometry_create(2, field, NULL, 2, 3, 0, SCN_INPUT_SUM, &out_geometry));
    BAD(INVALID_ARGUMENT, "rows", scn_geometry_create(2, field, where, -1, 3, 0, SCN_INPUT_SUM, &out_geometry));
    BAD(SHAPE, "columns", scn_geometry_create(2, field, where, 1, 4, 0, SCN_INPUT_SUM, &out_geometry));
    BAD(INVALID_ARGUMENT, "batch_size", scn_geometry_create(2, field, where, 2, 3, -1, SCN_INPUT_SUM, &out_geometry));
    BAD(INVALID_ARGUMENT, "mode", scn_geometry_create(2, field, where, 2, 3, 0, (scn_input_mode)5, &out_geometry));
    BAD(COORDINATE, "row 1", scn_geometry_create(2, field, outside, 2, 3, 0, SCN_INPUT_SUM, &out_geometry));
    BAD(OVERFLOW, "", scn_geometry_create(10, all_huge, eleven, 1, 11, 0, SCN_INPUT_SUM, &out_geometry));
    BAD(INVALID_ARGUMENT, "sites", scn_geometry_site_count(geometry, 5, &out_count));
    BAD(INVALID_ARGUMENT, "sites", scn_geometry_site_count(geometry, -1, &out_count));
    BAD(INVALID_ARGUMENT, "spatial_size", scn_geometry_spatial_size(geometry, 0, NULL));
    BAD(SHAPE, "capacity", scn_geometry_coordinates(geometry, 0, out_sizes, 5));
    BAD(STATE, "spatial_size", scn_geometry_find_sites(geometry, three, &out_number));
    BAD(INVALID_ARGUMENT, "filter", scn_geometry_submanifold(geometry, 0, NULL, &out_rulebook));
    BAD(INVALID_ARGUMENT, "size", scn_geometry_submanifold(geometry, 0, &none, &out_rulebook));
    BAD(INVALID_ARGUMENT, "size", scn_geometry_submanifold(geometry, 0, &zero, &out_rulebook));
    BAD(INVALID_ARGUMENT, "struct_size", scn_geometry_submanifold(geometry, 0, &unsized, &out_rulebook));
    BAD(SHAPE, "dimension", scn_geometry_submanifold(geometry, 0, &thin, &out_rulebook));
    BAD(INVALID_ARGUMENT, "sites", scn_geometry_submanifold(geometry, 3, &good, &out_rulebook));
    BAD(OVERFLOW, "size", scn_geometry_submanifold(geometry, 0, &wide, &out_rulebook));
    BAD(INVALID_ARGUMENT, "stride", scn_geometry_submanifold(geometry, 0, &inexact, &out_rulebook));
    BAD(SHAPE, "size", scn_geometry_strided(geometry, 0, &inexact, &out_number, &out_rulebook));
    BAD(INVALID_ARGUMENT, "stride", scn_geometry_strided(geometry, 0, &still, &out_number, &out_rulebook));
    BAD(STATE, "", scn_geometry_reverse(geometry, 0, &good, &out_number, &out_rulebook));
}

static void bad_buffers(void) {
    scn_matrix by_four = {numbers, 2, 4};
    scn_batch_norm_options broken = SCN_BATCH_NORM_OPTIONS_INIT;
    const int64_t bad_labels[] = {0, -1};
    const float targets[] = {0, 1, 0.5f, 0, 1, 1}, bad_targets[] = {0, -1, 0, 0, 0, 0};
    float loss = 0;
    broken.epsilon = 0;
    BAD(INVALID_ARGUMENT, "features", scn_input_forward(geometry, NULL, &two_rows));
    BAD(INVALID_ARGUMENT, "result", scn_input_forward(geometry, &two_rows, NULL));
    BAD(SHAPE, "features", scn_input_forward(geometry, &three_rows, &two_rows));
    BAD(SHAPE, "result", scn_input_forward(geometry, &two_rows, &two_planes));
    BAD(SHAPE, "features", scn_output_forward(geometry, &three_rows, &two_rows));
    BAD(INVALID_ARGUMENT, "input", scn_convolution_forward(rulebook, &no_data, numbers, NULL, 1, &by_four));
    BAD(SHAPE, "input", scn_convolution_forward(rulebook, &negative_rows, numbers, NULL, 1, &by_four));
    BAD(SHAPE, "input", scn_convolution_forward(rulebook, &three_rows, numbers, NULL, 1, &by_four));
    BAD(SHAPE, "result", scn_convolution_forward(rulebook, &two_rows, numbers, NULL, 1, &three_rows));
    BAD(INVALID_ARGUMENT, "weight", scn_convolution_forward(rulebook, &two_rows, NULL, NULL, 1, &by_four));
    BAD(INVALID_ARGUMENT, "groups", scn_convolution_forward(rulebook, &two_rows, numbers, NULL, 0, &by_four));
    BAD(INVALID_ARGUMENT, "groups", scn_convolution_forward(rulebook, &two_rows, numbers, NULL, 2, &by_four));
    BAD(SHAPE, "gradient", scn_convolution_backward_input(rulebook, &three_rows, numbers, 1, &two_rows));
    BAD(INVALID_ARGUMENT, "weight_result",
        scn_convolution_backward_weight(rulebook, &two_rows, &by_four, 1, NULL, NULL));
    BAD(INVALID_ARGUMENT, "features_to_drop", scn_max_pooling_forward(rulebook, &two_rows, 4, &two_rows));
    BAD(SHAPE, "result", scn_max_pooling_forward(rulebook, &two_rows, 1, &two_rows));
    BAD(SHAPE, "output", scn_max_pooling_backward(rulebook, &two_rows, &two_planes, &two_rows, 0, &two_rows));
    BAD(INVALID_ARGUMENT, "epsilon",
        scn_batch_norm_forward_training(&two_rows, NULL, NULL, NULL, NULL, &broken, numbers, numbers, &two_rows));
    BAD(INVALID_ARGUMENT, "saved_mean",
        scn_batch_norm_forward_training(&two_rows, NULL, NULL, NULL, NULL, NULL, NULL, numbers, &two_rows));
    BAD(INVALID_ARGUMENT, "running",
        scn_batch_norm_forward_training(&two_rows, NULL, NULL, numbers, NULL, NULL, numbers, numbers, &two_rows));
    BAD(SHAPE, "result",
        scn_batch_norm_forward_training(&two_rows, NULL, NULL, NULL, NULL, NULL, numbers, numbers, &two_planes));
    BAD(INVALID_ARGUMENT, "running_mean",
        scn_batch_norm_forward_evaluation(&two_rows, NULL, NULL, NULL, numbers, NULL, &two_rows));
    BAD(SHAPE, "gradient",
        scn_batch_norm_backward_training(&two_rows, &two_rows, &two_planes, NULL, numbers, numbers, NULL, NULL, NULL,
                                         &two_rows));
    BAD(SHAPE, "output",
        scn_batch_norm_backward_evaluation(&two_rows, &three_rows, &two_rows, NULL, numbers, numbers, NULL, NULL, NULL,
                                           &two_rows));
    BAD(INVALID_ARGUMENT, "momentum",
        scn_mean_only_norm_forward_training(&two_rows, NULL, NULL, -1, 1, &two_rows));
    BAD(SHAPE, "result", scn_mean_only_norm_forward_training(&two_rows, NULL, NULL, 0.9, 1, &two_planes));
    BAD(INVALID_ARGUMENT, "running_mean", scn_mean_only_norm_forward_evaluation(&two_rows, NULL, NULL, 1, &two_rows));
    BAD(INVALID_ARGUMENT, "leakiness",
        scn_mean_only_norm_forward_evaluation(&two_rows, NULL, numbers, -1, &two_rows));
    BAD(SHAPE, "gradient", scn_mean_only_norm_backward(&two_rows, &two_planes, 1, 1, NULL, &two_rows));
    BAD(INVALID_ARGUMENT, "is_training", scn_mean_only_norm_backward(&two_rows, &two_rows, 2, 1, NULL, &two_rows));
    BAD(INVALID_ARGUMENT, "groups",
        scn_group_norm_forward(geometry, 0, &two_rows, NULL, NULL, 0, 1e-5, numbers, numbers, &two_rows));
    BAD(SHAPE, "groups",
        scn_group_norm_forward(geometry, 0, &two_rows, NULL, NULL, 2, 1e-5, numbers, numbers, &two_rows));
    BAD(INVALID_ARGUMENT, "epsilon",
        scn_group_norm_forward(geometry, 0, &two_rows, NULL, NULL, 1, -1, numbers, numbers, &two_rows));
    BAD(INVALID_ARGUMENT, "saved_mean",
        scn_group_norm_forward(geometry, 0, &two_rows, NULL, NULL, 1, 1e-5, NULL, numbers, &two_rows));
    BAD(SHAPE, "rows", scn_group_norm_forward(geometry, 0, &three_rows, NULL, NULL, 1, 1e-5, numbers, numbers, &three_rows));
    BAD(INVALID_ARGUMENT, "sites",
        scn_group_norm_forward(geometry, 7, &two_rows, NULL, NULL, 1, 1e-5, numbers, numbers, &two_rows));
    BAD(SHAPE, "gradient",
        scn_group_norm_backward(geometry, 0, &two_rows, &two_planes, NULL, 1, numbers, numbers, NULL, NULL, &two_rows));
    BAD(INVALID_ARGUMENT, "saved_inverse_deviation",
        scn_group_norm_backward(geometry, 0, &two_rows, &two_rows, NULL, 1, numbers, NULL, NULL, NULL, &two_rows));
    BAD(SHAPE, "y", scn_compare_sparse_forward(geometry, 0, &two_rows, geometry, 0, &two_planes, &loss, NULL, NULL));
    BAD(SHAPE, "x_result",
        scn_compare_sparse_forward(geometry, 0, &two_rows, geometry, 0, &two_rows, &loss, &two_planes, NULL));
    BAD(SHAPE, "x", scn_compare_sparse_forward(geometry, 0, &three_rows, geometry, 0, &two_rows, &loss, NULL, NULL));
    BAD(INVALID_ARGUMENT, "loss",
        scn_compare_sparse_forward(geometry, 0, &two_rows, geometry, 0, &two_rows, NULL, NULL, NULL));
    BAD(SHAPE, "result", scn_activation_forward(SCN_ACTIVATION_TANH, 0, &two_rows, &three_rows));
    BAD(OVERFLOW, "input", scn_activation_forward(SCN_ACTIVATION_TANH, 0, &endless, &endless));
    BAD(INVALID_ARGUMENT, "activation",
        scn_activation_backward((scn_activation)-1, 0, &two_rows, &two_rows, &two_rows, &two_rows));
    BAD(SHAPE, "result", scn_linear_forward(&two_rows, numbers, 0, NULL, &three_rows));
    BAD(INVALID_ARGUMENT, "weight", scn_linear_forward(&two_rows, NULL, 0, NULL, &two_rows));
    BAD(SHAPE, "result", scn_linear_backward_input(&two_rows, numbers, 0, &three_rows));
    BAD(SHAPE, "gradient", scn_linear_backward_weight(&two_rows, &three_rows, 0, numbers, NULL));
    BAD(SHAPE, "b", scn_add_forward(&two_rows, &three_rows, &two_rows));
    BAD(INVALID_ARGUMENT, "result", scn_add_forward(&two_rows, &two_rows, NULL));
    BAD(INVALID_ARGUMENT, "count", scn_join_forward(&two_rows, 0, &two_rows));
    BAD(INVALID_ARGUMENT, "count", scn_join_forward(&two_rows, -1, &two_rows));
    BAD(INVALID_ARGUMENT, "inputs", scn_join_forward(NULL, 1, &two_rows));
    BAD(SHAPE, "tensor 0", scn_join_forward(&three_rows, 1, &two_rows));
    BAD(SHAPE, "result", scn_join_forward(&two_rows, 1, &two_planes));
    BAD(INVALID_ARGUMENT, "results", scn_join_backward(&two_rows, NULL, 2));
    BAD(SHAPE, "tensor 0", scn_join_backward(&two_rows, &three_rows, 1));
    BAD(SHAPE, "result", scn_sparse_to_dense_forward(geometry, 0, &two_rows, numbers, 64));
    BAD(INVALID_ARGUMENT, "sites", scn_sparse_to_dense_forward(geometry, 4, &two_rows, numbers, 64));
    BAD(SHAPE, "gradient", scn_sparse_to_dense_backward(geometry, 0, numbers, 64, &two_rows));
    BAD(INVALID_ARGUMENT, "row 1", scn_cross_entropy_forward(&two_rows, bad_labels, NULL, -100, &loss, NULL));
    BAD(SHAPE, "gradient", scn_cross_entropy_forward(&two_rows, labels, NULL, -100, &loss, &two_planes));
    BAD(INVALID_ARGUMENT, "targets", scn_binary_cross_entropy_forward(&two_rows, NULL, &loss, NULL));
    BAD(INVALID_ARGUMENT, "element 1", scn_binary_cross_entropy_forward(&two_rows, bad_targets, &loss, NULL));
    BAD(INVALID_ARGUMENT, "loss", scn_binary_cross_entropy_forward(&two_rows, targets, NULL, NULL));
    BAD(SHAPE, "gradient", scn_binary_cross_entropy_forward(&two_rows, targets, &loss, &two_planes));
}

/** Sites from padded samples, dense arrays and points in space, and layers that choose among sites. */
static void bad_site_sources(void) {
    const int64_t outside[] = {4, 5, 4, 10}, twice[] = {4, 5, 4, 5}, cube[] = {1, 2, 2, 2};
    const double edge[] = {1, 1}, no_edge[] = {1, 0}, nan_edge[] = {NAN, 1}, high[] = {0, 0.5}, nowhere_at[] = {0, NAN};
    const double plain[] = {0, 1, 2, 3}, lost[] = {0, 1, NAN, 3}, endless_points[] = {0, 1, INFINITY, 3},
                 apart[] = {0, 0, 1e300, 0};
    const int64_t small[] = {2, 2}, late[] = {0, -1}, far_sample[] = {0, HUGE_SIZE};
    scn_voxelize_options options = SCN_VOXELIZE_OPTIONS_INIT, unsized = options, other = options;
    unsized.struct_size = 5, other.reduction = (scn_voxel_reduction)5;
    BAD(INVALID_ARGUMENT, "dimension", scn_voxelize(0, plain, SCN_POINT_FLOAT64, 2, edge, NULL, &out_geometry));
    BAD(INVALID_ARGUMENT, "dimension", scn_voxelize(11, plain, SCN_POINT_FLOAT64, 2, edge, NULL, &out_geometry));
    BAD(INVALID_ARGUMENT, "points", scn_voxelize(2, NULL, SCN_POINT_FLOAT64, 2, edge, NULL, &out_geometry));
    BAD(INVALID_ARGUMENT, "points",
        scn_voxelize(2, (const char *)plain + 4, SCN_POINT_FLOAT64, 1, edge, NULL, &out_geometry));
    BAD(INVALID_ARGUMENT, "type", scn_voxelize(2, plain, (scn_point_type)2, 2, edge, NULL, &out_geometry));
    BAD(INVALID_ARGUMENT, "rows", scn_voxelize(2, plain, SCN_POINT_FLOAT64, -1, edge, NULL, &out_geometry));
    BAD(OVERFLOW, "points", scn_voxelize(2, plain, SCN_POINT_FLOAT64, HUGE_SIZE, edge, NULL, &out_geometry));
    BAD(INVALID_ARGUMENT, "voxel_size", scn_voxelize(2, plain, SCN_POINT_FLOAT64, 2, NULL, NULL, &out_geometry));
    BAD(INVALID_ARGUMENT, "voxel_size", scn_voxelize(2, plain, SCN_POINT_FLOAT64, 2, no_edge, NULL, &out_geometry));
    BAD(INVALID_ARGUMENT, "voxel_size", scn_voxelize(2, plain, SCN_POINT_FLOAT64, 2, nan_edge, NULL, &out_geometry));
    BAD(INVALID_ARGUMENT, "geometry", scn_voxelize(2, plain, SCN_POINT_FLOAT64, 2, edge, NULL, NULL));
    BAD(INVALID_ARGUMENT, "struct_size", scn_voxelize(2, plain, SCN_POINT_FLOAT64, 2, edge, &unsized, &out_geometry));
    BAD(INVALID_ARGUMENT, "reduction", scn_voxelize(2, plain, SCN_POINT_FLOAT64, 2, edge, &other, &out_geometry));
    BAD(COORDINATE, "row 1", scn_voxelize(2, lost, SCN_POINT_FLOAT64, 2, edge, NULL, &out_geometry));
    BAD(COORDINATE, "row 1", scn_voxelize(2, endless_points, SCN_POINT_FLOAT64, 2, edge, NULL, &out_geometry));
    BAD(OVERFLOW, "row 1", scn_voxelize(2, apart, SCN_POINT_FLOAT64, 2, edge, NULL, &out_geometry));
    options.origin = high;
    BAD(COORDINATE, "row 0", scn_voxelize(2, apart, SCN_POINT_FLOAT64, 2, edge, &options, &out_geometry));
    options.origin = nowhere_at;
    BAD(INVALID_ARGUMENT, "origin", scn_voxelize(2, plain, SCN_POINT_FLOAT64, 2, edge, &options, &out_geometry));
    options.origin = NULL, options.spatial_size = small;
    BAD(COORDINATE, "row 1", scn_voxelize(2, plain, SCN_POINT_FLOAT64, 2, edge, &options, &out_geometry));
    options.spatial_size = no_size;
    BAD(SHAPE, "spatial size", scn_voxelize(2, plain, SCN_POINT_FLOAT64, 2, edge, &options, &out_geometry));
    options.spatial_size = NULL, options.batch_size = -1;
    BAD(INVALID_ARGUMENT, "batch_size", scn_voxelize(2, plain, SCN_POINT_FLOAT64, 2, edge, &options, &out_geometry));
    options.batch_size = 0, options.batch = late;
    BAD(COORDINATE, "row 1", scn_voxelize(2, plain, SCN_POINT_FLOAT64, 2, edge, &options, &out_geometry));
    options.batch = far_sample;
    BAD(COORDINATE, "row 1", scn_voxelize(2, plain, SCN_POINT_FLOAT64, 2, edge, &options, &out_geometry));

    scn_tensor *rank_three = NULL, *padded = NULL, *shallow = NULL;
    scn_module *enter = NULL, *leave = NULL, *to_sparse = NULL, *score = NULL, *lattice = NULL, *context = NULL;
    const int64_t samples[] = {1, 2, 3};
    OK(scn_tensor_create(samples, 3, NULL, &rank_three));
    OK(scn_tensor_create(cube, 4, NULL, &shallow));
    OK(scn_points_create_batched(outside, 1, 2, 2, rank_three, &padded));
    OK(scn_bl_input_layer_create(2, field, SCN_INPUT_SUM, &enter));
    OK(scn_bl_output_layer_create(2, &leave));
    OK(scn_dense_to_sparse_create(3, &to_sparse));
    OK(scn_sparsify_create(2, 5, SCN_SPARSIFY_NONE, &score));
    OK(scn_permutohedral_submanifold_convolution_create(2, 5, 1, NULL, &lattice));
    OK(scn_shape_context_create(2, 5, NULL, &context));
    BAD(COORDINATE, "row 1 of sample 0", scn_module_forward(enter, padded, &out_tensor));
    BAD(SHAPE, "input", scn_module_forward(enter, points, &out_tensor));
    BAD(SHAPE, "input", scn_module_forward(input_layer, padded, &out_tensor));
    BAD(STATE, "BLInputLayer", scn_module_forward(leave, sparse, &out_tensor));
    BAD(SHAPE, "rank 5", scn_module_forward(to_sparse, shallow, &out_tensor));
    BAD(SHAPE, "input", scn_module_forward(to_sparse, sparse, &out_tensor));
    BAD(SHAPE, "planes", scn_module_forward(score, sparse, &out_tensor));
    BAD(SHAPE, "planes", scn_module_forward(lattice, sparse, &out_tensor));
    BAD(SHAPE, "planes", scn_module_forward(context, sparse, &out_tensor));
    BAD(SHAPE, "features", scn_points_create_batched(outside, 1, 3, 2, rank_three, &out_tensor));
    BAD(SHAPE, "features", scn_points_create_batched(outside, 1, 2, 2, dense, &out_tensor));
    BAD(INVALID_ARGUMENT, "coordinates", scn_points_create_batched(NULL, 1, 2, 2, rank_three, &out_tensor));
    BAD(INVALID_ARGUMENT, "dimension", scn_points_create_batched(outside, 1, 2, 0, rank_three, &out_tensor));
    BAD(SHAPE, "sparse", scn_tensor_mask(dense, &out_tensor));
    OK(scn_tensor_release(rank_three)), OK(scn_tensor_release(padded)), OK(scn_tensor_release(shallow));
    scn_module *all[] = {enter, leave, to_sparse, score, lattice, context};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) OK(scn_module_release(all[i]));

    scn_convolution_options grouped = SCN_CONVOLUTION_OPTIONS_INIT, padding = grouped, dilation = grouped;
    grouped.groups = 2, padding.padding = ones, dilation.dilation = ones;
    scn_multiscale_shape_context_options levels = SCN_MULTISCALE_SHAPE_CONTEXT_OPTIONS_INIT, huge_planes = levels;
    levels.layers = 65, huge_planes.planes = HUGE_SIZE;
    BAD(INVALID_ARGUMENT, "dimension", scn_bl_input_layer_create(0, field, SCN_INPUT_SUM, &out_module));
    BAD(INVALID_ARGUMENT, "mode", scn_bl_input_layer_create(2, field, (scn_input_mode)7, &out_module));
    BAD(INVALID_ARGUMENT, "dimension", scn_bl_output_layer_create(11, &out_module));
    BAD(INVALID_ARGUMENT, "dimension", scn_dense_to_sparse_create(-1, &out_module));
    BAD(INVALID_ARGUMENT, "in_planes", scn_sparsify_create(2, 0, SCN_SPARSIFY_NONE, &out_module));
    BAD(INVALID_ARGUMENT, "activation", scn_sparsify_create(2, 3, (scn_sparsify_activation)3, &out_module));
    BAD(INVALID_ARGUMENT, "dimension", scn_sparsify_fcs_create(0, &out_module));
    BAD(INVALID_ARGUMENT, "dimension", scn_permutohedral_submanifold_convolution_create(0, 1, 1, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "in_planes", scn_permutohedral_submanifold_convolution_create(2, 0, 1, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "groups", scn_permutohedral_submanifold_convolution_create(2, 3, 3, &grouped, &out_module));
    BAD(INVALID_ARGUMENT, "padding", scn_permutohedral_submanifold_convolution_create(2, 3, 3, &padding, &out_module));
    BAD(INVALID_ARGUMENT, "dilation", scn_permutohedral_submanifold_convolution_create(2, 3, 3, &dilation, &out_module));
    BAD(INVALID_ARGUMENT, "dimension", scn_permutohedral_offsets(11, out_sizes, 16));
    BAD(SHAPE, "capacity", scn_permutohedral_offsets(2, out_sizes, 13));
    BAD(INVALID_ARGUMENT, "offsets", scn_permutohedral_offsets(2, NULL, 14));
    BAD(INVALID_ARGUMENT, "dimension", scn_permutohedral_basis(0, NULL, NULL));
    BAD(INVALID_ARGUMENT, "in_planes", scn_shape_context_create(2, 0, three, &out_module));
    BAD(INVALID_ARGUMENT, "filter size", scn_shape_context_create(2, 1, no_size, &out_module));
    BAD(OVERFLOW, "planes", scn_shape_context_create(2, HUGE_SIZE, three, &out_module));
    BAD(INVALID_ARGUMENT, "layers", scn_multiscale_shape_context_create(2, &levels, &out_module));
    BAD(OVERFLOW, "planes", scn_multiscale_shape_context_create(2, &huge_planes, &out_module));

    BAD(COORDINATE, "row 1 of sample 0", scn_geometry_create_batched(2, field, outside, 1, 2, SCN_INPUT_SUM, &out_geometry));
    BAD(COORDINATE, "same site", scn_geometry_create_batched(2, field, twice, 1, 2, SCN_INPUT_UNIQUE, &out_geometry));
    BAD(INVALID_ARGUMENT, "length", scn_geometry_create_batched(2, field, twice, 1, -2, SCN_INPUT_SUM, &out_geometry));
    BAD(INVALID_ARGUMENT, "coordinates", scn_geometry_create_batched(2, field, NULL, 1, 2, SCN_INPUT_SUM, &out_geometry));
    BAD(OVERFLOW, "coordinates", scn_geometry_create_batched(2, field, twice, HUGE_SIZE, 8, SCN_INPUT_SUM, &out_geometry));
    BAD(INVALID_ARGUMENT, "data", scn_geometry_create_dense(2, three, NULL, 1, 1, 9, &out_geometry));
    BAD(SHAPE, "count", scn_geometry_create_dense(2, three, numbers, 1, 1, 10, &out_geometry));
    BAD(INVALID_ARGUMENT, "spatial_size", scn_geometry_create_dense(2, no_size, numbers, 1, 1, 0, &out_geometry));
    BAD(INVALID_ARGUMENT, "planes", scn_geometry_create_dense(2, three, numbers, 1, -1, 9, &out_geometry));
    BAD(OVERFLOW, "", scn_geometry_create_dense(2, huge, numbers, 1, 0, 0, &out_geometry));
    BAD(SHAPE, "capacity", scn_geometry_row_sites(geometry, out_sizes, 1));
    BAD(INVALID_ARGUMENT, "sites", scn_geometry_row_sites(geometry, NULL, 2));
    BAD(SHAPE, "capacity", scn_geometry_row_counts(geometry, out_sizes, 1));
    BAD(INVALID_ARGUMENT, "sites", scn_geometry_permutohedral(geometry, 9, &out_rulebook));
    BAD(SHAPE, "count", scn_geometry_subset(geometry, 0, kept, 3, &out_number, &out_rulebook));
    BAD(INVALID_ARGUMENT, "keep", scn_geometry_subset(geometry, 0, NULL, 2, &out_number, &out_rulebook));
    BAD(INVALID_ARGUMENT, "output_sites", scn_geometry_subset(geometry, 0, kept, 2, NULL, &out_rulebook));
    BAD(INVALID_ARGUMENT, "sites", scn_geometry_subset(geometry, -1, kept, 2, &out_number, &out_rulebook));
    BAD(SHAPE, "input", scn_shape_context_forward(rulebook, &three_rows, &two_rows));
    BAD(SHAPE, "result", scn_shape_context_forward(rulebook, &two_rows, &two_rows));
    BAD(SHAPE, "gradient", scn_shape_context_backward(rulebook, &two_rows, &two_rows));
}

/* ================================================================================================= Instruction set */

/** In a child with an unknown SCN_ISA: every operation says so. */
static int isa_child(void) {
    scn_status status = scn_activation_forward(SCN_ACTIVATION_RELU, 0, &two_rows, &two_rows);
    printf("%s: %s\n%s\n", scn_status_name(status), scn_last_error(), scn_cpu_description());
    return !(status == SCN_ERROR_UNSUPPORTED && strstr(scn_last_error(), "SCN_ISA") &&
             strstr(scn_cpu_description(), "SCN_ISA"));
}

static void unknown_instruction_set(const char *program) {
    int status = -1;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        setenv("SCN_ISA", "foo", 1);
        execl(program, program, "isa", (char *)NULL);
        _exit(127);
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "isa") == 0) return isa_child();
    set_up();
    bad_tensor_handles();
    bad_module_handles();
    bad_other_handles();
    bad_tensors();
    bad_containers();
    bad_layers();
    bad_poolings();
    bad_forwards();
    bad_optimizers();
    bad_files();
    bad_architectures();
    bad_geometries();
    bad_buffers();
    bad_site_sources();
    survive_long_chains();
    unknown_instruction_set(argv[0]);

    int32_t recorded = 0;
    OK(scn_tensor_get_requires_gradient(dense, &recorded));
    CHECK(recorded == 1);
    OK(scn_module_forward(sequential, sparse, &out_tensor));
    OK(scn_tensor_release(out_tensor));
    tear_down();
    CHECK(scn_live_handles() == 0);
    CHECK(scn_memory_in_use() == 0);
    return finish();
}

/* The module level through C: tensors, gradients, modules, training, checkpoints, memory.
 *     engine_test [STEPS]      training steps of the memory test, 1000 where not given */
#define _POSIX_C_SOURCE 200809L
#include <unistd.h>

#include "lines.h"

static int is_equal(scn_tensor *tensor, const float *want, int64_t count) {
    float *data = NULL;
    return OK(scn_tensor_data(tensor, &data)) && data && memcmp(data, want, (size_t)count * sizeof *want) == 0;
}

static void test_tensors(void) {
    const int64_t shape[] = {2, 3}, flat[] = {-1}, none[] = {0, 5};
    const float a_values[] = {1, 2, 3, 4, 5, 6}, b_values[] = {6, 5, 4, 3, 2, 1};
    int64_t got[16] = {0};
    int32_t rank = -1, recorded = -1;
    scn_value_kind kind = SCN_TENSOR_TABLE;
    scn_element_type type = SCN_FLOAT64;
    scn_tensor *a, *b, *sum, *product, *scaled, *total, *reshaped, *gradient, *detached, *empty;
    OK(scn_tensor_create(shape, 2, a_values, &a));
    OK(scn_tensor_create(shape, 2, NULL, &b));
    OK(scn_tensor_copy_from(b, b_values, 6));
    OK(scn_tensor_create(none, 2, NULL, &empty));
    OK(scn_tensor_kind(a, &kind));
    OK(scn_tensor_type(a, &type));
    OK(scn_tensor_rank(a, &rank));
    OK(scn_tensor_shape(a, got, 16));
    CHECK(kind == SCN_TENSOR_DENSE && type == SCN_FLOAT32 && rank == 2 && got[0] == 2 && got[1] == 3);
    CHECK(is_equal(a, a_values, 6) && is_equal(b, b_values, 6));

    OK(scn_tensor_set_requires_gradient(a, 1));
    OK(scn_tensor_gradient(a, &gradient));
    CHECK(gradient == NULL);
    OK(scn_tensor_add(a, b, &sum));
    OK(scn_tensor_multiply(sum, a, &product));
    OK(scn_tensor_scale(product, 0.5f, &scaled));
    OK(scn_tensor_reshape(scaled, flat, 1, &reshaped));
    OK(scn_tensor_sum(reshaped, &total));
    const float sevens[] = {7, 7, 7, 7, 7, 7}, value = 73.5f;
    CHECK(is_equal(sum, sevens, 6) && is_equal(total, &value, 1));
    OK(scn_tensor_rank(total, &rank));
    CHECK(rank == 0);
    OK(scn_tensor_get_requires_gradient(total, &recorded));
    CHECK(recorded == 1);
    OK(scn_tensor_detach(product, &detached));
    OK(scn_tensor_get_requires_gradient(detached, &recorded));
    CHECK(recorded == 0);

    OK(scn_tensor_backward(total, NULL, 0));
    CHECK(scn_tensor_backward(total, NULL, 0) == SCN_ERROR_STATE);
    const float want[] = {4, 4.5f, 5, 5.5f, 6, 6.5f}; /* (a + b) * a / 2 by a: a + b / 2 */
    OK(scn_tensor_gradient(a, &gradient));
    CHECK(is_equal(gradient, want, 6));
    scn_tensor_release(gradient);
    OK(scn_tensor_gradient(b, &gradient));
    CHECK(gradient == NULL);
    OK(scn_tensor_zero_gradient(a));
    OK(scn_tensor_gradient(a, &gradient));
    CHECK(gradient == NULL);

    scn_tensor *unrecorded;
    CHECK(scn_get_gradient_recording() == 1);
    OK(scn_set_gradient_recording(0));
    OK(scn_tensor_add(a, b, &unrecorded));
    OK(scn_tensor_get_requires_gradient(unrecorded, &recorded));
    CHECK(recorded == 0 && scn_get_gradient_recording() == 0);
    OK(scn_set_gradient_recording(1));
    CHECK(scn_get_autocast() == SCN_FLOAT32);
    OK(scn_set_autocast(SCN_BFLOAT16));
    CHECK(scn_set_autocast(SCN_FLOAT64) == SCN_ERROR_UNSUPPORTED && scn_get_autocast() == SCN_BFLOAT16);
    CHECK(strstr(scn_last_error(), "type: is 1, expected SCN_FLOAT32 or SCN_BFLOAT16") != NULL);
    OK(scn_set_autocast(SCN_FLOAT32));

    scn_tensor *const both[] = {a, total};
    scn_tensor *table, *second;
    int64_t count = 0;
    OK(scn_table_create(both, 2, &table));
    OK(scn_table_count(table, &count));
    OK(scn_table_tensor(table, 1, &second));
    CHECK(count == 2 && is_equal(second, &value, 1));
    OK(scn_tensor_retain(second));
    OK(scn_tensor_release(second));
    CHECK(is_equal(second, &value, 1));
    OK(scn_tensor_release(second));
    CHECK(scn_tensor_release(second) == SCN_ERROR_HANDLE);
    OK(scn_tensor_release(NULL));

    scn_tensor *all[] = {a, b, empty, sum, product, scaled, reshaped, total, detached, unrecorded, table};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) OK(scn_tensor_release(all[i]));
    CHECK(scn_live_handles() == 0);
}

static void count_release(void *context) { ++*(int *)context; }

/** A buffer on loan: the library's address is the caller's, the optimizer writes into it, and it comes back once. */
static void test_borrow(void) {
    const int64_t shape[] = {3, 1}, coordinates[] = {0, 1, 2};
    float buffer[] = {1, 2, 3}, *data = NULL;
    int released = 0;
    scn_tensor *tensor, *points, *sum, *features;
    scn_optimizer *optimizer;
    OK(scn_tensor_borrow(shape, 2, buffer, count_release, &released, &tensor));
    OK(scn_tensor_data(tensor, &data));
    CHECK(data == buffer);
    OK(scn_tensor_set_requires_gradient(tensor, 1));
    OK(scn_sgd_create(&tensor, 1, NULL, &optimizer));
    OK(scn_tensor_sum(tensor, &sum));
    OK(scn_tensor_backward(sum, NULL, 0));
    OK(scn_optimizer_step(optimizer));
    for (int i = 0; i < 3; i++) CHECK(fabsf(buffer[i] - ((float)i + 0.99f)) < 1e-6f);
    OK(scn_tensor_release(sum));
    OK(scn_optimizer_release(optimizer));
    OK(scn_points_create(coordinates, 3, 1, tensor, 0, &points));
    OK(scn_tensor_release(tensor));
    CHECK(released == 0);
    OK(scn_tensor_features(points, &features));
    OK(scn_tensor_data(features, &data));
    CHECK(data == buffer);
    OK(scn_tensor_release(points));
    CHECK(released == 0);
    OK(scn_tensor_release(features));
    CHECK(released == 1);
    OK(scn_tensor_borrow(shape, 2, buffer, NULL, NULL, &tensor));
    OK(scn_tensor_release(tensor));
    CHECK(released == 1 && scn_live_handles() == 0);
}

/** Sparse tensors and geometry by hand; a module gives the bits of the functional level. */
static void test_sparse(void) {
    const int64_t size[] = {8, 8}, filter_size[] = {3, 3}, shape[] = {4, 2},
                  where[] = {1, 1, 0, 5, 5, 0, 1, 2, 0, 2, 1, 1};
    const float values[] = {1, 2, 3, 4, 5, 6, 7, 8};
    scn_module *enter, *convolution, *leave;
    scn_tensor *features, *points, *sparse, *output, *rows, *weight, *by_rows;
    const char *name = NULL;
    int32_t is_parameter = -1, sites = -1;
    OK(scn_tensor_create(shape, 2, values, &features));
    OK(scn_tensor_set_requires_gradient(features, 1));
    OK(scn_points_create(where, 4, 3, features, 0, &points));
    OK(scn_input_layer_create(2, size, SCN_INPUT_SUM, &enter));
    OK(scn_submanifold_convolution_create(2, 2, 5, filter_size, NULL, &convolution));
    OK(scn_output_layer_create(2, &leave));
    OK(scn_module_forward(enter, points, &sparse));
    OK(scn_module_forward(convolution, sparse, &output));
    OK(scn_module_forward(leave, output, &rows));
    OK(scn_module_state(convolution, 0, &name, &weight, &is_parameter));
    CHECK(strcmp(name, "weight") == 0 && is_parameter == 1);
    OK(scn_module_type(convolution, &name));
    CHECK(strcmp(name, "SubmanifoldConvolution") == 0);

    scn_geometry *geometry;
    scn_rulebook *rulebook;
    scn_filter filter = SCN_FILTER_INIT;
    filter.dimension = 2, filter.size = filter_size;
    float *input_data, *weight_data, *output_data, *row_data, result[4 * 5];
    OK(scn_tensor_geometry(sparse, &geometry, &sites));
    OK(scn_geometry_submanifold(geometry, sites, &filter, &rulebook));
    OK(scn_tensor_data(sparse, &input_data));
    OK(scn_tensor_data(weight, &weight_data));
    OK(scn_tensor_data(output, &output_data));
    OK(scn_tensor_data(rows, &row_data));
    scn_matrix in = SCN_MATRIX(input_data, 4, 2), out = SCN_MATRIX(result, 4, 5);
    OK(scn_convolution_forward(rulebook, &in, weight_data, NULL, 1, &out));
    CHECK(memcmp(result, output_data, sizeof result) == 0);
    /* Sites sort to (1,1) (1,2) (5,5) of sample 0, then (2,1) of sample 1; the rows are in the order given. */
    CHECK(memcmp(row_data + 5, output_data + 10, 5 * sizeof *result) == 0);
    CHECK(memcmp(row_data + 10, output_data + 5, 5 * sizeof *result) == 0);

    const float ones[4 * 5] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    OK(scn_tensor_backward(rows, ones, 20));
    OK(scn_tensor_gradient(features, &by_rows));
    float *gradient = NULL;
    double want = 0;
    OK(scn_tensor_data(by_rows, &gradient));
    for (int plane = 0; plane < 5; plane++) want += weight_data[4 * 2 * 5 + plane]; /* (5, 5) has no neighbor */
    NEAR("the gradient of a lone point", gradient + 2, &want, 1, 1e-6);

    scn_tensor *other, *by_hand, *doubled, *dense;
    const float doubles_of[] = {2, 4, 10, 12, 6, 8, 14, 16};
    OK(scn_tensor_add(sparse, sparse, &doubled));
    CHECK(is_equal(doubled, doubles_of, 8));
    OK(scn_tensor_features(doubled, &dense));
    OK(scn_tensor_with_features(sparse, dense, &other));
    OK(scn_sparse_create(geometry, sites, dense, &by_hand));
    CHECK(is_equal(other, doubles_of, 8) && is_equal(by_hand, doubles_of, 8));

    scn_tensor *all[] = {features, points, sparse, output, rows, weight, by_rows, other, by_hand, doubled, dense};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) OK(scn_tensor_release(all[i]));
    OK(scn_module_release(enter));
    OK(scn_module_release(convolution));
    OK(scn_module_release(leave));
    OK(scn_rulebook_release(rulebook));
    OK(scn_geometry_release(geometry));
    CHECK(scn_live_handles() == 0);
}

/** Containers, names, architecture. */
static void test_modules(void) {
    const int64_t three[] = {3, 3}, two[] = {2, 2}, out[] = {10, 10};
    int64_t in[2] = {0}, count = -1;
    int32_t training = -1, is_parameter = -1;
    const char *name = NULL, *json = NULL, *text = NULL, *json_again = NULL;
    scn_convolution_options options = SCN_CONVOLUTION_OPTIONS_INIT;
    options.bias = 1;
    scn_module *net, *table, *left, *right, *join, *normal, *pool, *again, *child;
    scn_tensor *tensor;
    OK(scn_sequential_create(NULL, 0, &net));
    OK(scn_concat_table_create(NULL, 0, &table));
    OK(scn_submanifold_convolution_create(2, 3, 4, three, &options, &left));
    OK(scn_identity_create(&right));
    OK(scn_join_table_create(&join));
    OK(scn_batch_norm_create(7, NULL, &normal));
    OK(scn_max_pooling_create(2, three, two, NULL, &pool));
    OK(scn_module_add(table, left));
    OK(scn_module_add(table, right));
    OK(scn_module_add(net, table));
    OK(scn_module_add(net, join));
    OK(scn_module_add(net, normal));
    OK(scn_module_add(net, pool));
    scn_module *parts[] = {table, left, right, join, normal, pool};
    for (int i = 0; i < 6; i++) OK(scn_module_release(parts[i]));

    OK(scn_module_input_spatial_size(net, 2, out, in));
    CHECK(in[0] == 21 && in[1] == 21);
    const char *names[] = {"0.0.weight", "0.0.bias", "2.weight", "2.bias", "2.running_mean", "2.running_var"};
    OK(scn_module_state_count(net, &count));
    CHECK(count == 6);
    for (int64_t i = 0; i < count; i++) {
        OK(scn_module_state(net, i, &name, &tensor, &is_parameter));
        CHECK(strcmp(name, names[i]) == 0 && is_parameter == (i < 4));
        OK(scn_tensor_release(tensor));
    }
    OK(scn_module_child_count(net, &count));
    OK(scn_module_child(net, 2, &child));
    OK(scn_module_set_training(net, 0));
    OK(scn_module_get_training(child, &training));
    CHECK(count == 4 && training == 0);
    OK(scn_module_release(child));
    OK(scn_module_architecture(net, &json));
    OK(scn_module_description(net, &text));
    CHECK(strstr(json, "SubmanifoldConvolution") && strstr(text, "SubmanifoldConvolution"));
    OK(scn_module_create(json, &again));
    OK(scn_module_architecture(again, &json_again));
    CHECK(strcmp(json, json_again) == 0);
    OK(scn_module_get_training(again, &training));
    CHECK(training == 1);
    OK(scn_module_release(net));
    OK(scn_module_release(again));
    CHECK(scn_live_handles() == 0);
}

static void test_training(void) {
    for (int adam = 0; adam <= 1; adam++) {
        learner l = lines_learner(1, 0, adam);
        float first = 0, last = 0;
        for (uint64_t step = 0; step < 300; step++) {
            float loss = lines_step(l, 1000 + step);
            if (step < 10) first += loss / 10;
            if (step >= 290) last += loss / 10;
        }
        int correct = lines_correct(l.network, 7) + lines_correct(l.network, 8);
        printf("%s: loss %.4f, after 300 steps %.4f; %d of %d right\n", adam ? "AdamW" : "SGD", first, last, correct,
               2 * LINES_SAMPLES);
        CHECK(first > 0.3 && last < 0.05);
        CHECK(correct == 2 * LINES_SAMPLES);
        lines_release(l);
    }
    CHECK(scn_live_handles() == 0);
}

/** One flat array of gradients: parameters without one, frozen, listed twice, and none at all. */
static void test_flat_gradients(void) {
    const int64_t shape[] = {2, 3}, before = scn_memory_in_use();
    const float ones[] = {1, 2, 3, 4, 5, 6}, new_values[] = {6, 5, 4, 3, 2, 1, -1, -2, -3, -4, -5, -6};
    float flat[12] = {9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9}, *data = NULL;
    scn_tensor *with, *without, *frozen, *scaled, *gradient;
    int64_t elements = 0;
    OK(scn_tensor_create(shape, 2, ones, &with));
    OK(scn_tensor_create(shape, 2, ones, &without));
    OK(scn_tensor_create(shape, 2, ones, &frozen));
    OK(scn_tensor_set_requires_gradient(with, 1));
    OK(scn_tensor_set_requires_gradient(without, 1));
    OK(scn_tensor_scale(with, 2, &scaled));
    OK(scn_tensor_backward(scaled, ones, 6));
    OK(scn_tensor_gradient(with, &gradient));
    OK(scn_tensor_data(gradient, &data));
    scn_tensor *const list[] = {frozen, without, with, without};
    OK(scn_gradients_count(list, 4, &elements));
    CHECK(elements == 12);
    OK(scn_gradients_get(list, 4, flat, 12));
    int wrong = 0;
    for (int i = 0; i < 6; i++) wrong += flat[i] != 0 || flat[6 + i] != 2 * ones[i];
    CHECK(wrong == 0);
    OK(scn_gradients_set(list, 4, new_values, 12));
    CHECK(memcmp(data, new_values + 6, sizeof ones) == 0);
    scn_tensor_release(gradient);
    OK(scn_tensor_gradient(without, &gradient));
    OK(scn_tensor_data(gradient, &data));
    CHECK(memcmp(data, new_values, sizeof ones) == 0);
    scn_tensor_release(gradient);
    OK(scn_tensor_gradient(frozen, &gradient));
    CHECK(gradient == NULL);
    OK(scn_gradients_count(NULL, 0, &elements));
    CHECK(elements == 0);
    OK(scn_gradients_get(NULL, 0, NULL, 0));
    OK(scn_gradients_set(list, 1, NULL, 0));
    scn_tensor_release(with), scn_tensor_release(without), scn_tensor_release(frozen), scn_tensor_release(scaled);
    CHECK(scn_live_handles() == 0);
    CHECK(scn_memory_in_use() <= before);
}

static void test_clipping_and_rates(void) {
    const int64_t shape[] = {2};
    const float values[] = {1, 1}, gradient_values[] = {3, 4}, clipped[] = {0.6f, 0.8f};
    scn_tensor *tensor, *scaled, *gradient;
    scn_optimizer *optimizer;
    double norm = 0, rate = 0;
    OK(scn_tensor_create(shape, 1, values, &tensor));
    OK(scn_tensor_set_requires_gradient(tensor, 1));
    OK(scn_tensor_scale(tensor, 1, &scaled));
    OK(scn_tensor_backward(scaled, gradient_values, 2));
    OK(scn_clip_gradient_norm(&tensor, 1, 1, &norm));
    OK(scn_tensor_gradient(tensor, &gradient));
    float *data = NULL;
    OK(scn_tensor_data(gradient, &data));
    CHECK(fabs(norm - 5) < 1e-6 && fabsf(data[0] - clipped[0]) < 1e-5f && fabsf(data[1] - clipped[1]) < 1e-5f);
    OK(scn_adam_create(&tensor, 1, NULL, &optimizer));
    OK(scn_optimizer_get_learning_rate(optimizer, &rate));
    CHECK(rate == 0.001);
    OK(scn_optimizer_set_learning_rate(optimizer, 0.5));
    OK(scn_optimizer_get_learning_rate(optimizer, &rate));
    CHECK(rate == 0.5);
    OK(scn_optimizer_retain(optimizer));
    OK(scn_optimizer_release(optimizer));
    OK(scn_optimizer_release(optimizer));
    scn_tensor_release(tensor), scn_tensor_release(scaled), scn_tensor_release(gradient);
    CHECK(scn_live_handles() == 0);
}

static void test_random_state(void) {
    uint64_t state[4], after[4];
    OK(scn_manual_seed(5));
    OK(scn_get_random_state(state));
    scn_module_release(lines_network(0));
    OK(scn_get_random_state(after));
    CHECK(memcmp(state, after, sizeof state) != 0);
    OK(scn_set_random_state(state));
    scn_module *first = lines_network(0);
    OK(scn_manual_seed(5));
    scn_module *second = lines_network(0);
    CHECK(state_fingerprint(first) == state_fingerprint(second));
    scn_module_release(first), scn_module_release(second);
}

/** A run that is saved, opened elsewhere and resumed gives the bits of one that was never interrupted. */
static void test_checkpoint(void) {
    char folder[] = "/tmp/scn-engine-test-XXXXXX", path[64], named[64];
    if (!CHECK(mkdtemp(folder) != NULL)) return;
    snprintf(path, sizeof path, "%s/run.safetensors", folder);
    snprintf(named, sizeof named, "%s/named.safetensors", folder);
    for (int adam = 0; adam <= 1; adam++) {
        learner whole = lines_learner(2, 0.3, adam);
        for (uint64_t step = 0; step < 20; step++) lines_step(whole, step);
        OK(scn_checkpoint_save(path, whole.network, whole.optimizer));
        const uint64_t saved = state_fingerprint(whole.network);
        for (uint64_t step = 20; step < 40; step++) lines_step(whole, step);

        scn_module *opened = NULL;
        int32_t training = -1;
        OK(scn_checkpoint_open(path, &opened));
        OK(scn_module_get_training(opened, &training));
        CHECK(training == 0 && state_fingerprint(opened) == saved);
        OK(scn_module_release(opened));

        learner resumed = lines_learner(3, 0.3, adam);
        CHECK(state_fingerprint(resumed.network) != saved);
        OK(scn_checkpoint_restore(path, resumed.network, resumed.optimizer));
        CHECK(state_fingerprint(resumed.network) == saved);
        for (uint64_t step = 20; step < 40; step++) lines_step(resumed, step);
        CHECK(state_fingerprint(resumed.network) == state_fingerprint(whole.network));

        int64_t count = 0;
        scn_tensor **parameters = parameters_of(whole.network, &count);
        scn_tensor **others = parameters_of(resumed.network, &count);
        const char *names[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
        OK(scn_checkpoint_save_named(named, names, parameters, count, whole.optimizer));
        for (uint64_t step = 40; step < 45; step++) lines_step(whole, step);
        OK(scn_checkpoint_restore_named(named, names, others, count, resumed.optimizer));
        for (uint64_t step = 40; step < 45; step++) lines_step(resumed, step);
        CHECK(count == 8 && state_fingerprint(resumed.network) == state_fingerprint(whole.network));
        release_tensors(parameters, count), release_tensors(others, count);
        lines_release(whole), lines_release(resumed);
    }
    unlink(path), unlink(named);
    CHECK(rmdir(folder) == 0); /* nothing else is left there */
    CHECK(scn_live_handles() == 0);
}

/** Memory is as flat after many steps as after a few. */
static void test_memory(uint64_t steps) {
    learner l = lines_learner(4, 0.1, 1);
    int64_t held = 0;
    long resident = 0;
    const int64_t handles = scn_live_handles();
    for (uint64_t step = 0; step < steps; step++) {
        lines_step(l, step);
        if (step == steps / 5) held = scn_memory_in_use(), resident = resident_kilobytes();
    }
    printf("memory after %d steps: %lld bytes held, before %lld; %ld kilobytes resident, before %ld\n", (int)steps,
           (long long)scn_memory_in_use(), (long long)held, resident_kilobytes(), resident);
    CHECK(scn_memory_in_use() == held);
    CHECK(resident_kilobytes() <= resident + 2048);
    CHECK(scn_live_handles() == handles);
    lines_release(l);
}

/// Work that comes once leaves no memory; work that comes again finds its pages, also where less comes in between.
static void test_idle_memory(void) {
    const int64_t shape[] = {40000, 1000}, small_shape[] = {1000, 1000};  // 160 and 4 MB
    float *values = (float *)calloc((size_t)(shape[0] * shape[1]), sizeof *values);
    for (int64_t i = 0; i < shape[0] * shape[1]; i++) values[i] = 1;
    const long resident = resident_kilobytes(), many = resident + 150000, few = resident + 80000;
    const int knows = resident > 0;
    for (int period = 0; period < 20; period++) {
        scn_tensor *tensor;
        const int is_large = period < 2 || period % 2 == 0;
        OK(scn_tensor_create(is_large ? shape : small_shape, 2, values, &tensor));
        if (is_large && knows) CHECK(resident_kilobytes() > many);
        OK(scn_tensor_release(tensor));
        if (period == 0) CHECK(resident_kilobytes() < few);
        if (period > 0 && knows) CHECK(resident_kilobytes() > many);
    }
    for (int period = 0; period < 80; period++) {
        scn_tensor *small;
        OK(scn_tensor_create(small_shape, 2, values, &small));
        OK(scn_tensor_release(small));
    }
    CHECK(resident_kilobytes() < few);
    free(values);
}

int main(int argc, char **argv) {
    const uint64_t steps = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000;
    const int64_t held = scn_memory_in_use();
    test_idle_memory();
    test_tensors();
    test_borrow();
    test_sparse();
    test_modules();
    test_training();
    test_clipping_and_rates();
    test_flat_gradients();
    test_random_state();
    test_checkpoint();
    test_memory(steps);
    CHECK(scn_live_handles() == 0);
    CHECK(scn_memory_in_use() == held);
    return finish();
}

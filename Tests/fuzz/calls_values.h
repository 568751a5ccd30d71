/* Calls of the sections `The library itself` and `Tensors and points`, and of optimizers and checkpoints. */
#ifndef SCN_FUZZ_CALLS_VALUES_H
#define SCN_FUZZ_CALLS_VALUES_H

#include "calls.h"

enum { LIBRARY_CALLS = 14, TENSOR_CALLS = 43, OPTIMIZER_CALLS = 15, CHECKPOINT_CALLS = 5 };

static void call_scope(const uint64_t *words) {
    switch (words[0]) {
    case 250: CALL(scn_scope_begin(NULL)); break;
    case 251: CALL(scn_scope_begin(&words[1])); break;
    case 252: CALL(scn_scope_end(1)); break;
    case 253: CALL(scn_scope_end(0)); break;
    default: CALL(scn_scope_end(integer_from_bytes()));
    }
}

static void call_library(void) {
    int64_t counts[3];
    uint64_t words[4];
    switch (byte() % LIBRARY_CALLS) {
    case 0: SURE(scn_version(), [0] == '0'); break;
    case 1: SURE(scn_abi_version(), == SCN_ABI_VERSION); break;
    case 2: SURE(scn_status_name((scn_status)integer_from_bytes()), [0] != 0); break;
    case 3: SURE(scn_last_error(), != NULL); break;
    case 4: SURE(scn_cpu_description(), [0] != 0); break;
    case 5: SURE(scn_get_thread_count(), >= 1); break;
    case 6: {
        int32_t count = rarely(32) ? integer_from_bytes() : 1 + byte() % 4;
        if (count > 8 && count <= 1024) count = 8;
        CALL(scn_set_thread_count(count));
        break;
    }
    case 7: SURE(scn_live_handles(), == live_count); break;
    case 8: SURE(scn_memory_in_use(), >= 0); break;
    case 9:
        scn_get_forward_counts(OUT(&counts[0]), OUT(&counts[1]), OUT(&counts[2]));
        COUNTED("scn_get_forward_counts", SCN_OK);
        break;
    case 10: CALL(scn_set_forward_counts(size_number(9), size_number(9), size_number(9))); break;
    case 11: CALL(scn_manual_seed((uint64_t)size_number(99))); break;
    case 12: CALL(scn_get_random_state(OUT(words))); break;
    default:
        for (int i = 0; i < 4; i++) words[i] = byte();
        if (words[0] >= 250) call_scope(words);
        else CALL(scn_set_random_state(OUT(words)));
    }
}

static void count_return(void *context) {
    free(context);
    buffers_returned++;
}

static int64_t *a_shape(int32_t *rank) {
    *rank = rarely(12) ? integer_from_bytes() : byte() % 5;
    if (*rank < 0 || *rank > 16) return (int64_t *)some_sizes(1, 0, 4);
    int64_t *shape = (int64_t *)scratch((size_t)*rank, sizeof(int64_t));
    for (int32_t axis = 0; axis < *rank; axis++) shape[axis] = rarely(96) ? size_number(4) : axis == 1 ? PLANES : 2;
    return shape;
}
static int64_t product_of(const int64_t *shape, int32_t rank) {
    return shape && rank >= 0 && rank <= 16 ? modest_product(shape, rank) : -1;
}

/** Return the number of a tensor's elements, -1 where it has none; the handle may be any. */
static int64_t elements_of(scn_tensor *tensor) {
    int32_t rank;
    int64_t shape[16];
    if (scn_tensor_rank(tensor, &rank) != SCN_OK || scn_tensor_shape(tensor, shape, 16) != SCN_OK) return -1;
    return modest_product(shape, rank);
}
static int64_t rows_of_tensor(scn_tensor *tensor) {
    int64_t shape[16] = {0};
    return scn_tensor_shape(tensor, shape, 16) == SCN_OK ? shape[0] : 0;
}

static void borrow(void) {
    int32_t rank;
    const int64_t *shape = a_shape(&rank);
    const int64_t count = product_of(shape, rank);
    float *data = NULL;
    if (count >= 0 && count <= MOST_FLOATS) data = (float *)calloc(count > 0 ? (size_t)count : 1, sizeof(float));
    begin_call();
    const scn_status status = scn_tensor_borrow(shape, rank, data, count_return, data, &out_tensor);
    COUNTED("scn_tensor_borrow", status);
    if (status == SCN_OK) buffers_lent++;
    else free(data);
    end_call("scn_tensor_borrow(&out_tensor)", status);
}

static void points(void) {
    scn_tensor *features = a_dense();
    const int64_t rows = rarely(32) ? size_number(6) : rows_of_tensor(features);
    const int32_t columns = rarely(24) ? (int32_t)size_number(6) : DIMENSION + 1;
    const int64_t *where = columns > 0 ? some_integers(modest_product3(rows, columns, 1), 7) : NULL;
    CALL(scn_points_create(where, rows, columns, features, size_number(3), OUT(&out_tensor)));
}

static void batched_points(void) {
    const int64_t batch_size = rarely(24) ? size_number(3) : 2, length = rarely(24) ? size_number(4) : 2;
    const int32_t dimension = a_dimension();
    const int64_t *where = some_integers(modest_product3(batch_size, length, dimension), 7);
    CALL(scn_points_create_batched(where, batch_size, length, dimension, a_dense(), OUT(&out_tensor)));
}

static void cross_entropy(void) {
    scn_tensor *logits = rarely(128) ? a_sparse() : a_dense();
    const int64_t count = rarely(24) ? size_number(6) : rows_of_tensor(logits);
    const int64_t *labels = some_integers(count, PLANES - 1);
    int64_t shape[16] = {0, 0};
    (void)scn_tensor_shape(logits, shape, 16);
    const float *weights = byte() & 1 ? some_floats(shape[1]) : NULL;
    CALL(scn_cross_entropy(logits, labels, count, weights, byte() & 1 ? -100 : size_number(3), OUT(&out_tensor)));
}

/** Return a tensor of zeros that fits, which the pool owns; NULL where there can be none. */
static scn_tensor *own_zeros(const int64_t *shape, int32_t rank) {
    scn_tensor *tensor = NULL;
    if (scn_tensor_create(shape, rank, NULL, &tensor) == SCN_OK) adopt(TENSOR, tensor);
    return tensor;
}

static void call_along_rulebooks(int which) {
    scn_rulebook *rulebook = rarely(4) ? NULL : a_rulebook();
    int64_t sizes[4] = {1, 1, 1, 1};
    (void)scn_rulebook_sizes(rulebook, &sizes[0], &sizes[1], &sizes[2], &sizes[3]);
    const int64_t weight_shape[] = {sizes[0], 1, PLANES, PLANES}, bias_shape[] = {PLANES}, rules_shape[] = {sizes[1]};
    const int64_t points_shape[] = {2, DIMENSION};
    const int64_t rows_shape[] = {sizes[2]};
    scn_tensor *own = NULL, *second = NULL, *third = NULL;
    switch (which) {
    case 4:
        if (!rarely(64)) own = own_zeros(weight_shape, 4);
        if (byte() & 1) second = own_zeros(bias_shape, 1);
        if (byte() & 1) third = own_zeros(rows_shape, 1);
        CALL(scn_tensor_convolve_normalized(a_tensor(), rulebook, own ? own : a_dense(), second, third,
                                            OUT(&out_tensor)));
        break;
    case 5:
        CALL(scn_combine_sparse(a_sparse(), a_sparse(), (scn_arithmetic)choice_of(4),
                                (scn_site_combination)choice_of(2), OUT(&out_tensor)));
        break;
    case 0:
        if (!rarely(64)) own = own_zeros(weight_shape, 4);
        if (byte() & 1) second = own_zeros(bias_shape, 1);
        CALL(scn_tensor_convolve(a_tensor(), rulebook, own ? own : a_dense(), second, OUT(&out_tensor)));
        break;
    case 1: CALL(scn_tensor_pool(a_tensor(), rulebook, (scn_pooling)choice_of(5), OUT(&out_tensor))); break;
    case 2:
        if (!rarely(64)) own = own_zeros(rules_shape, 1);
        CALL(scn_tensor_sum_along(a_tensor(), rulebook, own ? own : a_dense(), OUT(&out_tensor)));
        break;
    default:
        if (!rarely(64)) own = own_zeros(points_shape, 2);
        CALL(scn_tensor_interpolate(a_sparse(), own ? own : a_dense(), own && byte() & 1 ? some_integers(2, 2) : NULL,
                                    choice_of(2), OUT(&out_tensor)));
    }
}

static void call_tensor(void) {
    scn_tensor *tensor;
    int32_t rank;
    int64_t *shape, count;
    void **handles;
    switch (byte() % TENSOR_CALLS) {
    case 0: {
        shape = a_shape(&rank);
        const float *data = byte() & 1 ? some_floats(product_of(shape, rank)) : NULL;
        CALL(scn_tensor_create(shape, rank, data, OUT(&out_tensor)));
        break;
    }
    case 1: borrow(); break;
    case 2: points(); break;
    case 3: batched_points(); break;
    case 4:
        handles = some_handles(TENSOR, &count, SCN_TENSOR_SPARSE);
        CALL(scn_table_create((scn_tensor *const *)handles, count, OUT(&out_tensor)));
        break;
    case 5: CALL(scn_table_count(a_tensor_of(SCN_TENSOR_TABLE), OUT(&out_count))); break;
    case 6: CALL(scn_table_tensor(a_tensor_of(SCN_TENSOR_TABLE), size_number(2), OUT(&out_tensor))); break;
    case 7: OWNERS(scn_tensor_retain, retain, TENSOR, scn_tensor); break;
    case 8: OWNERS(scn_tensor_release, release, TENSOR, scn_tensor); break;
    case 9: CALL(scn_tensor_kind(a_tensor(), OUT(&out_kind))); break;
    case 10: CALL(scn_tensor_rank(a_tensor(), OUT(&out_number))); break;
    case 11: {
        const int32_t capacity = (int32_t)size_number(16);
        shape = capacity >= 0 && capacity <= 64 ? (int64_t *)scratch((size_t)capacity, sizeof(int64_t)) : NULL;
        CALL(scn_tensor_shape(a_tensor(), shape, capacity));
        break;
    }
    case 12: CALL(scn_tensor_data(a_tensor(), OUT(&out_data))); break;
    case 13:
        tensor = a_tensor(), count = rarely(24) ? size_number(9) : elements_of(tensor);
        CALL(scn_tensor_copy_from(tensor, some_floats(count), count));
        break;
    case 14: CALL(scn_tensor_features(a_tensor(), OUT(&out_tensor))); break;
    case 15: CALL(scn_tensor_with_features(a_sparse(), a_dense(), OUT(&out_tensor))); break;
    case 16: CALL(scn_tensor_geometry(a_sparse(), OUT(&out_geometry), OUT(&out_number))); break;
    case 17: CALL(scn_sparse_create(a_geometry(), (int32_t)size_number(2), a_dense(), OUT(&out_tensor))); break;
    case 18: CALL(scn_tensor_mask(a_sparse(), OUT(&out_tensor))); break;
    case 19: CALL(scn_tensor_get_requires_gradient(a_tensor(), OUT(&out_number))); break;
    case 20: CALL(scn_tensor_set_requires_gradient(a_tensor(), choice_of(2))); break;
    case 21: CALL(scn_tensor_detach(a_tensor(), OUT(&out_tensor))); break;
    case 22:
        tensor = a_tensor(), count = elements_of(tensor);
        if (count == 1 || rarely(24)) CALL(scn_tensor_backward(tensor, NULL, size_number(1)));
        else CALL(scn_tensor_backward(tensor, some_floats(count), count));
        break;
    case 23: CALL(scn_tensor_gradient(a_tensor(), OUT(&out_tensor))); break;
    case 24: CALL(scn_tensor_zero_gradient(a_tensor())); break;
    case 25: SURE(scn_get_gradient_recording(), >= 0); break;
    case 26: CALL(scn_set_gradient_recording(rarely(64) ? choice_of(2) : 1)); break;
    case 27: CALL(scn_tensor_add(a_tensor(), a_tensor(), OUT(&out_tensor))); break;
    case 28: CALL(scn_tensor_multiply(a_tensor(), a_tensor(), OUT(&out_tensor))); break;
    case 29: CALL(scn_tensor_scale(a_tensor(), (float)real_number(), OUT(&out_tensor))); break;
    case 30: CALL(scn_tensor_sum(a_tensor(), OUT(&out_tensor))); break;
    case 31:
        shape = a_shape(&rank);
        CALL(scn_tensor_reshape(a_dense(), shape, rank, OUT(&out_tensor)));
        break;
    case 32:
        handles = some_handles(TENSOR, &count, SCN_TENSOR_SPARSE);
        CALL(scn_append_tensors((scn_tensor *const *)handles, count, OUT(&out_tensor)));
        break;
    case 33: CALL(scn_compare_sparse(a_sparse(), a_sparse(), OUT(&out_tensor))); break;
    case 34: cross_entropy(); break;
    case 35:
        tensor = a_tensor(), count = elements_of(tensor);
        CALL(scn_binary_cross_entropy(tensor, some_floats(count), count, OUT(&out_tensor)));
        break;
    case 36: CALL(scn_tensor_type(a_tensor(), OUT(&out_type))); break;
    case 37: SURE(scn_get_autocast(), <= SCN_BFLOAT16); break;
    case 38: CALL(scn_set_autocast(rarely(16) ? (scn_element_type)choice_of(4) : SCN_FLOAT32)); break;
    default: call_along_rulebooks(byte() % 6);
    }
}

static void **some_parameters(int64_t *count) {
    void **handles = some_handles(TENSOR, count, SCN_TENSOR_DENSE);
    if (handles && *count > 1 && !rarely(64)) *count = 1;
    return handles;
}

static void create_optimizer(void) {
    int64_t count;
    scn_tensor *const *parameters = (scn_tensor *const *)some_parameters(&count);
    const int is_rarely_default = rarely(64);
    const uint8_t kind = byte();
    const int is_default = is_rarely_default || kind & 2;
    if (kind & 1) {
        scn_sgd_options *options = (scn_sgd_options *)scratch(1, sizeof *options);
        *options = (scn_sgd_options)SCN_SGD_OPTIONS_INIT;
        options->struct_size = a_struct_size(sizeof *options), options->learning_rate = real_number();
        options->momentum = real_number(), options->dampening = real_number(), options->weight_decay = real_number();
        options->nesterov = choice_of(2);
        CALL(scn_sgd_create(parameters, count, is_default ? NULL : options, OUT(&out_optimizer)));
    } else {
        scn_adam_options *options = (scn_adam_options *)scratch(1, sizeof *options);
        *options = (scn_adam_options)SCN_ADAM_OPTIONS_INIT;
        options->struct_size = a_struct_size(sizeof *options), options->learning_rate = real_number();
        options->beta1 = real_number(), options->beta2 = real_number(), options->epsilon = real_number();
        options->weight_decay = real_number(), options->decoupled = choice_of(2);
        CALL(scn_adam_create(parameters, count, is_default ? NULL : options, OUT(&out_optimizer)));
    }
}

static void call_optimizer(void) {
    int64_t count, elements = 0;
    void **handles;
    switch (byte() % OPTIMIZER_CALLS) {
    case 0:
    case 1: create_optimizer(); break;
    case 2: CALL(scn_optimizer_step(an_optimizer())); break;
    case 3: CALL(scn_optimizer_zero_gradients(an_optimizer())); break;
    case 4: CALL(scn_optimizer_get_learning_rate(an_optimizer(), OUT(&out_rate))); break;
    case 5: CALL(scn_optimizer_set_learning_rate(an_optimizer(), real_number())); break;
    case 6: OWNERS(scn_optimizer_retain, retain, OPTIMIZER, scn_optimizer); break;
    case 7: OWNERS(scn_optimizer_release, release, OPTIMIZER, scn_optimizer); break;
    case 8: CALL(scn_exponential_rate(real_number(), real_number(), size_number(9), OUT(&out_rate))); break;
    case 9: CALL(scn_step_rate(real_number(), real_number(), size_number(9), size_number(9), OUT(&out_rate))); break;
    case 10:
        CALL(scn_cosine_rate(real_number(), real_number(), size_number(9), size_number(9), size_number(9),
                             OUT(&out_rate)));
        break;
    case 11:
        handles = some_parameters(&count);
        CALL(scn_clip_gradient_norm((scn_tensor *const *)handles, count, real_number(), &out_rate));
        break;
    case 12:
        handles = some_parameters(&count);
        CALL(scn_gradients_count((scn_tensor *const *)handles, count, OUT(&out_count)));
        break;
    case 13:
        handles = some_parameters(&count);
        (void)scn_gradients_count((scn_tensor *const *)handles, count, &elements);
        if (rarely(24)) elements = size_number(9);
        CALL(scn_gradients_get((scn_tensor *const *)handles, count, some_floats(elements), elements));
        break;
    default:
        handles = some_parameters(&count);
        (void)scn_gradients_count((scn_tensor *const *)handles, count, &elements);
        if (rarely(24)) elements = size_number(9);
        CALL(scn_gradients_set((scn_tensor *const *)handles, count, some_floats(elements), elements));
    }
}

static const char *a_path(void) {
    static const char *const names[] = {"a", "b", "", "\xff", "no folder/c", "."};
    const uint8_t choice = byte();
    if (choice >= 252) return NULL;
    char *path = (char *)scratch(400, 1);
    if (choice == 251) return path;
    snprintf(path, 400, "%s/%s", own_folder(), names[choice < 192 ? choice & 1 : choice % 6]);
    return path;
}

static void call_checkpoint(void) {
    static const char *const texts[] = {"weight", "bias", "weight.x", "", "__metadata__", "weight"};
    const char *own_names[3], *path = a_path();
    int64_t count = 0;
    scn_optimizer *optimizer = byte() & 1 ? NULL : an_optimizer();
    scn_tensor *const *tensors;
    for (int i = 0; i < 3; i++) own_names[i] = byte() & 1 ? texts[i] : some_text(texts, 6);
    switch (byte() % CHECKPOINT_CALLS) {
    case 0: CALL(scn_checkpoint_save(path, a_module(), optimizer)); break;
    case 1: CALL(scn_checkpoint_open(path, OUT(&out_module))); break;
    case 2: {
        scn_module *module = a_module();
        if (byte() & 1) CALL(scn_checkpoint_save(path, module, optimizer));
        CALL(scn_checkpoint_restore(path, module, optimizer));
        break;
    }
    default: {
        tensors = (scn_tensor *const *)some_handles(TENSOR, &count, SCN_TENSOR_DENSE);
        const char *const *names = tensors ? own_names : NULL;
        const uint8_t which = byte();
        if (which & 1) CALL(scn_checkpoint_save_named(path, names, tensors, count, optimizer));
        if (which & 2) CALL(scn_checkpoint_restore_named(path, names, tensors, count, optimizer));
    }
    }
}

#endif

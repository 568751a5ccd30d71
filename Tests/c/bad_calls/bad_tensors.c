/* Tensors, tables, losses and settings refuse arguments that they cannot take. */
#include "bad_call.h"

static void bad_tensors(void) {
    const int64_t unpayable[] = {INT64_C(1000000000000000)}, negative[] = {2, -3}, two_inferred[] = {-1, -1};
    const int64_t bad_labels[] = {0, 3};
    const uint64_t no_state[4] = {0, 0, 0, 0};
    const float nan_weights[] = {1, NAN, 1}, negative_weights[] = {1, -1, 1};
    const float targets[] = {0, 1, 0.5f, 0, 1, 1}, nan_targets[] = {0, NAN, 0, 0, 0, 0},
                big_targets[] = {0, 1.5f, 0, 0, 0, 0};
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
    BAD(INVALID_ARGUMENT, "index", scn_table_tensor(table, 1, &out_tensor));
    BAD(INVALID_ARGUMENT, "index", scn_table_tensor(table, -1, &out_tensor));
    BAD(INVALID_ARGUMENT, "type", scn_tensor_type(dense, NULL));
    BAD(SHAPE, "tensor", scn_tensor_type(table, &out_type));
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

int main(void) {
    set_up();
    bad_tensors();
    tear_down();
    return finish();
}

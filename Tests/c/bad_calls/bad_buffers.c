/* Geometries and the operations on plain buffers refuse sizes and pointers that do not fit. */
#include "bad_call.h"

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
    scn_matrix by_four = SCN_MATRIX(numbers, 2, 4), negative_rows = SCN_MATRIX(numbers, -2, 3),
               endless = SCN_MATRIX(numbers, HUGE_SIZE, HUGE_SIZE);
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
    const scn_weight_layout outputs_first = SCN_WEIGHT_OUTPUTS_FIRST, no_layout = (scn_weight_layout)2;
    BAD(INVALID_ARGUMENT, "layout",
        scn_convolution_forward_in_layout(rulebook, &two_rows, numbers, no_layout, NULL, 1, &by_four));
    BAD(INVALID_ARGUMENT, "layout",
        scn_convolution_backward_input_in_layout(rulebook, &by_four, numbers, no_layout, 1, &two_rows));
    BAD(INVALID_ARGUMENT, "layout",
        scn_convolution_backward_weight_in_layout(rulebook, &two_rows, &by_four, no_layout, 1, numbers, NULL));
    BAD(INVALID_ARGUMENT, "groups",
        scn_convolution_forward_in_layout(rulebook, &two_rows, numbers, outputs_first, NULL, 3, &by_four));
    BAD(SHAPE, "gradient",
        scn_convolution_backward_input_in_layout(rulebook, &three_rows, numbers, outputs_first, 1, &two_rows));
    BAD(SHAPE, "gradient", scn_convolution_backward_weight(rulebook, &two_rows, &three_rows, 1, NULL, numbers));
    BAD(INVALID_ARGUMENT, "features_to_drop", scn_max_pooling_forward(rulebook, &two_rows, 4, &two_rows));
    BAD(SHAPE, "result", scn_max_pooling_forward(rulebook, &two_rows, 1, &two_rows));
    BAD(SHAPE, "output", scn_max_pooling_backward(rulebook, &two_rows, &two_planes, &two_rows, 0, &two_rows));
    BAD(INVALID_ARGUMENT, "epsilon",
        scn_batch_norm_forward_training(&two_rows, NULL, NULL, NULL, NULL, &broken, numbers, numbers, &two_rows));
    broken.epsilon = 1e-60;
    BAD(INVALID_ARGUMENT, "epsilon",
        scn_batch_norm_forward_evaluation(&two_rows, NULL, NULL, numbers, numbers, &broken, &two_rows));
    BAD(INVALID_ARGUMENT, "epsilon",
        scn_group_norm_forward(geometry, 0, &two_rows, NULL, NULL, 1, 1e-60, numbers, numbers, &two_rows));
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
    BAD(SHAPE, "rows",
        scn_group_norm_forward(geometry, 0, &three_rows, NULL, NULL, 1, 1e-5, numbers, numbers, &three_rows));
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
    BAD(SHAPE, "result", scn_add_forward(&two_rows, &two_rows, &three_rows));
    BAD(OVERFLOW, "a", scn_add_forward(&endless, &endless, &endless));
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

/** Matrices of a type or layout that this version does not know, and structs of no size. */
static void bad_matrices(void) {
    scn_matrix typed = SCN_MATRIX(numbers, 2, 3), strided = typed, dense_rows = typed, odd = typed;
    const scn_element_type types[] = {SCN_FLOAT64, SCN_BFLOAT16, (scn_element_type)77};
    const int64_t strides[] = {4, 2, -3, INT64_MAX};
    const size_t sizes[] = {0, 4, sizeof odd - 4, sizeof odd + 8, (size_t)-8};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        char word[64];
        typed.type = types[i];
        snprintf(word, sizeof word, "has elements of type %d, expected SCN_FLOAT32", (int)types[i]);
        BAD(UNSUPPORTED, word, scn_add_forward(&two_rows, &two_rows, &typed));
        if (types[i] != SCN_BFLOAT16)
            BAD(UNSUPPORTED, word, scn_convolution_forward(rulebook, &typed, numbers, NULL, 1, &two_rows));
        else OK(scn_convolution_forward(rulebook, &typed, numbers, NULL, 1, &two_rows));
        BAD(UNSUPPORTED, word, scn_join_backward(&two_rows, &typed, 1));
    }
    for (size_t i = 0; i < sizeof strides / sizeof strides[0]; i++) {
        strided.row_stride = strides[i];
        BAD(UNSUPPORTED, "a: row_stride", scn_add_forward(&strided, &two_rows, &two_rows));
        BAD(UNSUPPORTED, "result: row_stride", scn_input_forward(geometry, &two_rows, &strided));
    }
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        odd.struct_size = sizes[i];
        BAD(INVALID_ARGUMENT, "b: struct_size", scn_add_forward(&two_rows, &odd, &two_rows));
        BAD(INVALID_ARGUMENT, "inputs[0]: struct_size", scn_join_forward(&odd, 1, &two_rows));
    }
    dense_rows.row_stride = 3;
    OK(scn_add_forward(&dense_rows, &two_rows, &two_rows));
}

int main(void) {
    set_up();
    bad_geometries();
    bad_buffers();
    bad_matrices();
    tear_down();
    return finish();
}

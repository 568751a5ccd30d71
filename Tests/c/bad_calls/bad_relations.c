/* Fields, chosen sites, relations and what flows along rulebooks refuse what they cannot take. */
#include "bad_call.h"

static void bad_fields(void) {
    const int64_t below[] = {-1, 0}, far_lower[] = {INT64_MAX - 2, 0}, ends[] = {INT64_MIN, 0, INT64_MAX, 0};
    scn_field bounded = SCN_FIELD_INIT, unbounded = SCN_FIELD_INIT, unsized = SCN_FIELD_INIT, flat = SCN_FIELD_INIT,
              thin = SCN_FIELD_INIT, beginning = SCN_FIELD_INIT, endless = SCN_FIELD_INIT, kept = SCN_FIELD_INIT;
    bounded.dimension = unbounded.dimension = unsized.dimension = thin.dimension = beginning.dimension = 2;
    kept.dimension = 2, kept.spatial_size = field, kept.keep_outside = 2;
    endless.dimension = 2, bounded.spatial_size = field, unsized.struct_size = 7, thin.spatial_size = no_size;
    beginning.lower = below, endless.spatial_size = three, endless.lower = far_lower;
    BAD(INVALID_ARGUMENT, "field",
        scn_geometry_create_in_field(NULL, where, 2, 3, 0, SCN_INPUT_SUM, &out_geometry));
    BAD(INVALID_ARGUMENT, "struct_size",
        scn_geometry_create_in_field(&unsized, where, 2, 3, 0, SCN_INPUT_SUM, &out_geometry));
    BAD(INVALID_ARGUMENT, "dimension",
        scn_geometry_create_in_field(&flat, where, 2, 3, 0, SCN_INPUT_SUM, &out_geometry));
    BAD(SHAPE, "spatial_size", scn_geometry_create_in_field(&thin, where, 2, 3, 0, SCN_INPUT_SUM, &out_geometry));
    BAD(INVALID_ARGUMENT, "lower",
        scn_geometry_create_in_field(&beginning, where, 2, 3, 0, SCN_INPUT_SUM, &out_geometry));
    BAD(OVERFLOW, "lower", scn_geometry_create_in_field(&endless, where, 2, 3, 0, SCN_INPUT_SUM, &out_geometry));
    BAD(INVALID_ARGUMENT, "keep_outside",
        scn_geometry_create_in_field(&kept, where, 2, 3, 0, SCN_INPUT_SUM, &out_geometry));
    BAD(INVALID_ARGUMENT, "keep_outside", scn_input_layer_create_in_field(&kept, SCN_INPUT_SUM, &out_module));
    BAD(COORDINATE, "row 0 has -1 on axis 0",
        scn_geometry_create_in_field(&bounded, below, 1, 2, 0, SCN_INPUT_SUM, &out_geometry));
    BAD(OVERFLOW, "more than 64 bits",
        scn_geometry_create_in_field(&unbounded, ends, 2, 2, 0, SCN_INPUT_SUM, &out_geometry));
    BAD(SHAPE, "columns", scn_geometry_create_in_field(&bounded, where, 2, 4, 0, SCN_INPUT_SUM, &out_geometry));
    BAD(INVALID_ARGUMENT, "coordinates",
        scn_geometry_create_in_field(&bounded, NULL, 2, 3, 0, SCN_INPUT_SUM, &out_geometry));
    BAD(INVALID_ARGUMENT, "batch_size",
        scn_geometry_create_in_field(&bounded, where, 2, 3, -1, SCN_INPUT_SUM, &out_geometry));
    BAD(INVALID_ARGUMENT, "mode",
        scn_geometry_create_in_field(&bounded, where, 2, 3, 0, (scn_input_mode)5, &out_geometry));
    BAD(INVALID_ARGUMENT, "field", scn_input_layer_create_in_field(NULL, SCN_INPUT_SUM, &out_module));
    BAD(INVALID_ARGUMENT, "spatial_size", scn_input_layer_create_in_field(&thin, SCN_INPUT_SUM, &out_module));
    BAD(INVALID_ARGUMENT, "lower", scn_input_layer_create_in_field(&beginning, SCN_INPUT_SUM, &out_module));
    BAD(OVERFLOW, "lower", scn_input_layer_create_in_field(&endless, SCN_INPUT_SUM, &out_module));
    BAD(INVALID_ARGUMENT, "mode", scn_input_layer_create_in_field(&bounded, (scn_input_mode)9, &out_module));
    BAD(INVALID_ARGUMENT, "lower", scn_geometry_field(geometry, 0, NULL, &out_number));
    BAD(INVALID_ARGUMENT, "sites", scn_geometry_field(geometry, 5, out_sizes, &out_number));
    BAD(COORDINATE, "row 0", scn_geometry_add_sites(geometry, &bounded, below, 1, 2, &out_number));
    BAD(SHAPE, "columns", scn_geometry_add_sites(geometry, NULL, where, 1, 1, &out_number));
    BAD(INVALID_ARGUMENT, "rows", scn_geometry_add_sites(geometry, NULL, where, -1, 2, &out_number));
    BAD(INVALID_ARGUMENT, "stride", scn_geometry_floor(geometry, 0, no_size, &out_number));
    BAD(INVALID_ARGUMENT, "stride", scn_geometry_floor(geometry, 0, NULL, &out_number));
    BAD(INVALID_ARGUMENT, "combination",
        scn_geometry_combine(geometry, 0, 0, (scn_site_combination)3, &out_number));
    BAD(INVALID_ARGUMENT, "b: is 7", scn_geometry_combine(geometry, 0, 7, SCN_SITES_UNION, &out_number));
    BAD(SHAPE, "columns", scn_geometry_find_rows(geometry, 0, where, 1, 4, out_sizes));
    BAD(INVALID_ARGUMENT, "count", scn_geometry_find_rows(geometry, 0, where, -1, 3, out_sizes));
    BAD(INVALID_ARGUMENT, "rows", scn_geometry_find_rows(geometry, 0, where, 2, 3, NULL));
    BAD(SHAPE, "capacity", scn_geometry_match_sites(geometry, 0, geometry, 0, out_sizes, 1));
}

static void bad_rules(void) {
    const int64_t offsets[] = {0, 0, 1, 1};
    const int64_t far_back[] = {INT64_MAX, 0}, two[] = {2, 2};
    int64_t room[17] = {0};
    scn_filter filter = filter_of(2, three, NULL), bare = filter_of(2, NULL, NULL), endless_filter = filter;
    scn_relation relation = SCN_RELATION_INIT, unsized = relation, deep = relation, empty = relation;
    scn_relation endless = relation, still = relation;
    relation.dimension = 2, relation.volume = 2, relation.offsets = offsets;
    unsized = relation, unsized.struct_size = 3;
    deep = relation, deep.dimension = 3, deep.volume = 1;
    empty = relation, empty.offsets = NULL;
    endless = relation, endless.volume = HUGE_SIZE;
    still = relation, still.input_stride = no_size;
    BAD(INVALID_ARGUMENT, "relation", scn_geometry_between(geometry, 0, 0, NULL, &out_rulebook));
    BAD(INVALID_ARGUMENT, "struct_size", scn_geometry_between(geometry, 0, 0, &unsized, &out_rulebook));
    BAD(SHAPE, "dimension 2, expected 3", scn_geometry_between(geometry, 0, 0, &deep, &out_rulebook));
    BAD(INVALID_ARGUMENT, "relation.offsets", scn_geometry_between(geometry, 0, 0, &empty, &out_rulebook));
    BAD(INVALID_ARGUMENT, "relation.volume", scn_geometry_between(geometry, 0, 0, &endless, &out_rulebook));
    BAD(INVALID_ARGUMENT, "input_stride", scn_geometry_between(geometry, 0, 0, &still, &out_rulebook));
    BAD(INVALID_ARGUMENT, "input_sites", scn_geometry_between(geometry, -1, 0, &relation, &out_rulebook));
    BAD(INVALID_ARGUMENT, "output_sites", scn_geometry_between(geometry, 0, 9, &relation, &out_rulebook));
    BAD(INVALID_ARGUMENT, "rulebook", scn_geometry_between(geometry, 0, 0, &relation, NULL));
    BAD(INVALID_ARGUMENT, "output_sites", scn_geometry_covering(geometry, 0, &relation, NULL, &out_rulebook));
    BAD(SHAPE, "dimension", scn_geometry_covering(geometry, 0, &deep, &out_number, &out_rulebook));
    BAD(INVALID_ARGUMENT, "filter", scn_filter_offsets(NULL, SCN_FILTER_CROSS, NULL, 0, out_sizes));
    BAD(INVALID_ARGUMENT, "filter.size", scn_filter_offsets(&bare, SCN_FILTER_CROSS, NULL, 0, out_sizes));
    BAD(INVALID_ARGUMENT, "shape", scn_filter_offsets(&filter, (scn_filter_shape)3, NULL, 0, out_sizes));
    BAD(SHAPE, "capacity", scn_filter_offsets(&filter, SCN_FILTER_CENTERED, room, 17, out_sizes));
    BAD(INVALID_ARGUMENT, "volume", scn_filter_offsets(&filter, SCN_FILTER_CENTERED, NULL, 0, NULL));
    endless_filter.padding = far_back, endless_filter.dilation = two;
    BAD(OVERFLOW, "padding", scn_filter_offsets(&endless_filter, SCN_FILTER_CENTERED, NULL, 0, out_sizes));
    filter.rounds_down = 2;
    BAD(INVALID_ARGUMENT, "rounds_down", scn_geometry_strided(geometry, 0, &filter, &out_number, &out_rulebook));
}

static void bad_flows(void) {
    const double at[] = {4, 5, 4.5, NAN};
    const int64_t before[] = {-1}, rules[] = {7}, nine[] = {9, 1, 3, 2}, positions[] = {2, 2}, bias_shape[] = {5};
    scn_tensor *weights = NULL, *weight = NULL, *places = NULL, *bias = NULL;
    OK(scn_tensor_create(rules, 1, NULL, &weights));
    OK(scn_tensor_create(nine, 4, NULL, &weight));
    OK(scn_tensor_create(positions, 2, NULL, &places));
    OK(scn_tensor_create(bias_shape, 1, NULL, &bias));
    BAD_TENSOR("features", scn_tensor_convolve(handle, rulebook, weight, NULL, &out_tensor));
    BAD_TENSOR("weight", scn_tensor_convolve(sparse, rulebook, handle, NULL, &out_tensor));
    BAD_TENSOR("features", scn_tensor_pool(handle, rulebook, SCN_POOLING_SUM, &out_tensor));
    BAD_TENSOR("weights", scn_tensor_sum_along(sparse, rulebook, handle, &out_tensor));
    BAD_TENSOR("sparse", scn_tensor_interpolate(handle, places, NULL, 0, &out_tensor));
    BAD_TENSOR("points", scn_tensor_interpolate(sparse, handle, NULL, 0, &out_tensor));
    BAD(HANDLE, "rulebook", scn_tensor_pool(sparse, NULL, SCN_POOLING_SUM, &out_tensor));
    BAD(SHAPE, "weight", scn_tensor_convolve(sparse, rulebook, places, NULL, &out_tensor));
    BAD(SHAPE, "bias", scn_tensor_convolve(sparse, rulebook, weight, bias, &out_tensor));
    BAD_TENSOR("features", scn_tensor_convolve_normalized(handle, rulebook, weight, NULL, NULL, &out_tensor));
    BAD_TENSOR("weight", scn_tensor_convolve_normalized(sparse, rulebook, handle, NULL, NULL, &out_tensor));
    BAD(SHAPE, "bias", scn_tensor_convolve_normalized(sparse, rulebook, weight, bias, NULL, &out_tensor));
    BAD(SHAPE, "site_weights", scn_tensor_convolve_normalized(sparse, rulebook, weight, NULL, bias, &out_tensor));
    BAD(SHAPE, "site_weights", scn_tensor_convolve_normalized(sparse, rulebook, weight, NULL, places, &out_tensor));
    BAD_TENSOR("a", scn_combine_sparse(handle, sparse, SCN_ARITHMETIC_ADD, SCN_SITES_UNION, &out_tensor));
    BAD_TENSOR("b", scn_combine_sparse(sparse, handle, SCN_ARITHMETIC_ADD, SCN_SITES_UNION, &out_tensor));
    BAD(SHAPE, "a", scn_combine_sparse(dense, sparse, SCN_ARITHMETIC_ADD, SCN_SITES_UNION, &out_tensor));
    BAD(INVALID_ARGUMENT, "operation: is 4",
        scn_combine_sparse(sparse, sparse, (scn_arithmetic)4, SCN_SITES_UNION, &out_tensor));
    BAD(INVALID_ARGUMENT, "sites: is 2",
        scn_combine_sparse(sparse, sparse, SCN_ARITHMETIC_ADD, SCN_SITES_DIFFERENCE, &out_tensor));
    BAD(INVALID_ARGUMENT, "result", scn_combine_sparse(sparse, sparse, SCN_ARITHMETIC_ADD, SCN_SITES_UNION, NULL));
    BAD(INVALID_ARGUMENT, "pooling: is 5", scn_tensor_pool(sparse, rulebook, (scn_pooling)5, &out_tensor));
    BAD(SHAPE, "features", scn_tensor_pool(weights, rulebook, SCN_POOLING_MAX, &out_tensor));
    BAD(SHAPE, "weights", scn_tensor_sum_along(sparse, rulebook, weights, &out_tensor));
    BAD(SHAPE, "sparse", scn_tensor_interpolate(dense, places, NULL, 0, &out_tensor));
    BAD(SHAPE, "points", scn_tensor_interpolate(sparse, weights, NULL, 0, &out_tensor));
    BAD(INVALID_ARGUMENT, "rescaled", scn_tensor_interpolate(sparse, places, NULL, 2, &out_tensor));
    OK(scn_tensor_release(weights)), OK(scn_tensor_release(weight)), OK(scn_tensor_release(places));
    OK(scn_tensor_release(bias));

    BAD(COORDINATE, "row 1 has nan", scn_geometry_interpolation(geometry, 0, at, SCN_FLOAT64, 2, NULL, &out_rulebook));
    BAD(INVALID_ARGUMENT, "points", scn_geometry_interpolation(geometry, 0, NULL, SCN_FLOAT32, 2, NULL, &out_rulebook));
    BAD(UNSUPPORTED, "type 2",
        scn_geometry_interpolation(geometry, 0, at, (scn_element_type)2, 1, NULL, &out_rulebook));
    BAD(INVALID_ARGUMENT, "rows", scn_geometry_interpolation(geometry, 0, at, SCN_FLOAT64, -1, NULL, &out_rulebook));
    BAD(COORDINATE, "batch index",
        scn_geometry_interpolation(geometry, 0, at, SCN_FLOAT64, 1, before, &out_rulebook));
    BAD(SHAPE, "input", scn_pooling_forward(rulebook, SCN_POOLING_SUM, &three_rows, &two_rows));
    BAD(SHAPE, "result", scn_pooling_forward(rulebook, SCN_POOLING_SUM, &two_rows, &two_planes));
    BAD(INVALID_ARGUMENT, "pooling", scn_pooling_forward(rulebook, (scn_pooling)-1, &two_rows, &two_rows));
    BAD(INVALID_ARGUMENT, "input", scn_pooling_forward(rulebook, SCN_POOLING_MAX, &no_data, &two_rows));
    BAD(SHAPE, "gradient",
        scn_pooling_backward(rulebook, SCN_POOLING_MEAN, &two_rows, &two_rows, &three_rows, &two_rows));
    BAD(SHAPE, "weights", scn_weighted_sum_forward(rulebook, &three_rows, &two_rows, &two_rows));
    BAD(SHAPE, "weights", scn_weighted_sum_backward_input(rulebook, &three_rows, &two_rows, &two_rows));
    BAD(SHAPE, "result", scn_weighted_sum_backward_weights(rulebook, &two_rows, &two_rows, &three_rows));
    BAD(SHAPE, "rows", scn_interpolation_weights(rulebook, at, SCN_FLOAT64, 1, 2, 0, &two_rows));
    BAD(SHAPE, "rulebook", scn_interpolation_weights(rulebook, at, SCN_FLOAT64, 2, 2, 0, &two_rows));
    BAD(INVALID_ARGUMENT, "dimension",
        scn_interpolation_backward(rulebook, at, SCN_FLOAT64, 2, 11, 0, &two_rows, &two_rows));
}

int main(void) {
    set_up();
    bad_fields();
    bad_rules();
    bad_flows();
    tear_down();
    return finish();
}

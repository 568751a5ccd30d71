/* Padded samples, dense arrays and points in space, and the layers that choose among sites, refuse what has no
 * place. */
#include "bad_call.h"

/** Sites from padded samples, dense arrays and points in space, and layers that choose among sites. */
static void bad_site_sources(void) {
    const int64_t outside[] = {4, 5, 4, 10}, twice[] = {4, 5, 4, 5}, cube[] = {1, 2, 2, 2};
    const double edge[] = {1, 1}, no_edge[] = {1, 0}, nan_edge[] = {NAN, 1}, high[] = {0, 0.5}, nowhere_at[] = {0, NAN};
    const double plain[] = {0, 1, 2, 3}, lost[] = {0, 1, NAN, 3}, endless_points[] = {0, 1, INFINITY, 3},
                 apart[] = {0, 0, 1e300, 0};
    const int64_t small[] = {2, 2}, late[] = {0, -1}, far_sample[] = {0, HUGE_SIZE};
    scn_voxelize_options options = SCN_VOXELIZE_OPTIONS_INIT, unsized = options, other = options;
    unsized.struct_size = 5, other.reduction = (scn_voxel_reduction)5;
    BAD(INVALID_ARGUMENT, "dimension", scn_voxelize(0, plain, SCN_FLOAT64, 2, edge, NULL, &out_geometry));
    BAD(INVALID_ARGUMENT, "dimension", scn_voxelize(11, plain, SCN_FLOAT64, 2, edge, NULL, &out_geometry));
    BAD(INVALID_ARGUMENT, "points", scn_voxelize(2, NULL, SCN_FLOAT64, 2, edge, NULL, &out_geometry));
    BAD(INVALID_ARGUMENT, "points",
        scn_voxelize(2, (const char *)plain + 4, SCN_FLOAT64, 1, edge, NULL, &out_geometry));
    BAD(UNSUPPORTED, "points: have elements of type 2",
        scn_voxelize(2, plain, (scn_element_type)2, 2, edge, NULL, &out_geometry));
    BAD(INVALID_ARGUMENT, "rows", scn_voxelize(2, plain, SCN_FLOAT64, -1, edge, NULL, &out_geometry));
    BAD(OVERFLOW, "points", scn_voxelize(2, plain, SCN_FLOAT64, HUGE_SIZE, edge, NULL, &out_geometry));
    BAD(INVALID_ARGUMENT, "voxel_size", scn_voxelize(2, plain, SCN_FLOAT64, 2, NULL, NULL, &out_geometry));
    BAD(INVALID_ARGUMENT, "voxel_size", scn_voxelize(2, plain, SCN_FLOAT64, 2, no_edge, NULL, &out_geometry));
    BAD(INVALID_ARGUMENT, "voxel_size", scn_voxelize(2, plain, SCN_FLOAT64, 2, nan_edge, NULL, &out_geometry));
    BAD(INVALID_ARGUMENT, "geometry", scn_voxelize(2, plain, SCN_FLOAT64, 2, edge, NULL, NULL));
    BAD(INVALID_ARGUMENT, "struct_size", scn_voxelize(2, plain, SCN_FLOAT64, 2, edge, &unsized, &out_geometry));
    BAD(INVALID_ARGUMENT, "reduction", scn_voxelize(2, plain, SCN_FLOAT64, 2, edge, &other, &out_geometry));
    BAD(COORDINATE, "row 1", scn_voxelize(2, lost, SCN_FLOAT64, 2, edge, NULL, &out_geometry));
    BAD(COORDINATE, "row 1", scn_voxelize(2, endless_points, SCN_FLOAT64, 2, edge, NULL, &out_geometry));
    BAD(OVERFLOW, "row 1", scn_voxelize(2, apart, SCN_FLOAT64, 2, edge, NULL, &out_geometry));
    options.origin = high;
    BAD(COORDINATE, "row 0", scn_voxelize(2, apart, SCN_FLOAT64, 2, edge, &options, &out_geometry));
    options.origin = nowhere_at;
    BAD(INVALID_ARGUMENT, "origin", scn_voxelize(2, plain, SCN_FLOAT64, 2, edge, &options, &out_geometry));
    options.origin = NULL, options.spatial_size = small;
    BAD(COORDINATE, "row 1", scn_voxelize(2, plain, SCN_FLOAT64, 2, edge, &options, &out_geometry));
    options.spatial_size = no_size;
    BAD(SHAPE, "spatial_size", scn_voxelize(2, plain, SCN_FLOAT64, 2, edge, &options, &out_geometry));
    options.spatial_size = NULL, options.batch_size = -1;
    BAD(INVALID_ARGUMENT, "batch_size", scn_voxelize(2, plain, SCN_FLOAT64, 2, edge, &options, &out_geometry));
    options.batch_size = 0, options.batch = late;
    BAD(COORDINATE, "row 1", scn_voxelize(2, plain, SCN_FLOAT64, 2, edge, &options, &out_geometry));
    options.batch = far_sample;
    BAD(COORDINATE, "row 1", scn_voxelize(2, plain, SCN_FLOAT64, 2, edge, &options, &out_geometry));

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
    BAD(INVALID_ARGUMENT, "dilation",
        scn_permutohedral_submanifold_convolution_create(2, 3, 3, &dilation, &out_module));
    BAD(INVALID_ARGUMENT, "dimension", scn_permutohedral_offsets(11, out_sizes, 16));
    BAD(SHAPE, "capacity", scn_permutohedral_offsets(2, out_sizes, 13));
    BAD(INVALID_ARGUMENT, "offsets", scn_permutohedral_offsets(2, NULL, 14));
    BAD(INVALID_ARGUMENT, "dimension", scn_permutohedral_basis(0, NULL, NULL));
    BAD(INVALID_ARGUMENT, "in_planes", scn_shape_context_create(2, 0, three, &out_module));
    BAD(INVALID_ARGUMENT, "filter_size", scn_shape_context_create(2, 1, no_size, &out_module));
    BAD(OVERFLOW, "planes", scn_shape_context_create(2, HUGE_SIZE, three, &out_module));
    BAD(INVALID_ARGUMENT, "layers", scn_multiscale_shape_context_create(2, &levels, &out_module));
    BAD(OVERFLOW, "planes", scn_multiscale_shape_context_create(2, &huge_planes, &out_module));

    BAD(COORDINATE, "row 1 of sample 0",
        scn_geometry_create_batched(2, field, outside, 1, 2, SCN_INPUT_SUM, &out_geometry));
    BAD(COORDINATE, "same site", scn_geometry_create_batched(2, field, twice, 1, 2, SCN_INPUT_UNIQUE, &out_geometry));
    BAD(INVALID_ARGUMENT, "length", scn_geometry_create_batched(2, field, twice, 1, -2, SCN_INPUT_SUM, &out_geometry));
    BAD(INVALID_ARGUMENT, "coordinates",
        scn_geometry_create_batched(2, field, NULL, 1, 2, SCN_INPUT_SUM, &out_geometry));
    BAD(OVERFLOW, "coordinates",
        scn_geometry_create_batched(2, field, twice, HUGE_SIZE, 8, SCN_INPUT_SUM, &out_geometry));
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

int main(void) {
    set_up();
    bad_site_sources();
    tear_down();
    return finish();
}

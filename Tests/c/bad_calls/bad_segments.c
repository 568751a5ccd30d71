/* Segments and voxels in order refuse maps, shapes and options that do not fit. */
#include "bad_call.h"

static void bad_segments(void) {
    const int64_t map[] = {0, 1}, far[] = {0, 2}, low[] = {-2, 0}, cube[] = {2, 2, 2};
    scn_tensor *vectors = NULL, *number = NULL, *deep = NULL;
    OK(scn_tensor_create(two_by_three, 2, NULL, &vectors));
    OK(scn_tensor_create(NULL, 0, NULL, &number));
    OK(scn_tensor_create(cube, 3, NULL, &deep));
    BAD_TENSOR("tensor", scn_tensor_segment_reduce(handle, map, 2, 2, SCN_SEGMENT_SUM, &out_tensor));
    BAD_TENSOR("tensor", scn_tensor_segment_softmax(handle, map, 2, 2, &out_tensor));
    BAD_TENSOR("vectors", scn_tensor_segment_gather(handle, map, 2, &out_tensor));
    BAD_TENSOR("tensor", scn_tensor_segment_pad(handle, map, 2, 2, 1, &out_tensor));
    BAD_TENSOR("tensor", scn_tensor_broadcast(handle, vectors, map, 2, SCN_BROADCAST_ADD, &out_tensor));
    BAD_TENSOR("vectors", scn_tensor_broadcast(dense, handle, map, 2, SCN_BROADCAST_ADD, &out_tensor));
    BAD(INVALID_ARGUMENT, "row 1 has 2",
        scn_tensor_segment_reduce(dense, far, 2, 2, SCN_SEGMENT_SUM, &out_tensor));
    BAD(INVALID_ARGUMENT, "row 0 has -2", scn_tensor_segment_softmax(dense, low, 2, 2, &out_tensor));
    BAD(INVALID_ARGUMENT, "row 1 has 2", scn_tensor_segment_gather(vectors, far, 2, &out_tensor));
    BAD(INVALID_ARGUMENT, "segment_of_row",
        scn_tensor_segment_reduce(dense, NULL, 2, 2, SCN_SEGMENT_SUM, &out_tensor));
    BAD(SHAPE, "count", scn_tensor_segment_reduce(dense, map, 3, 2, SCN_SEGMENT_SUM, &out_tensor));
    BAD(SHAPE, "count", scn_tensor_segment_softmax(dense, map, -2, 2, &out_tensor));
    BAD(SHAPE, "samples", scn_tensor_segment_reduce(dense, NULL, -1, 2, SCN_SEGMENT_SUM, &out_tensor));
    BAD(SHAPE, "tensor", scn_tensor_segment_reduce(number, map, 1, 2, SCN_SEGMENT_SUM, &out_tensor));
    BAD(SHAPE, "tensor", scn_tensor_segment_softmax(table, map, 1, 2, &out_tensor));
    BAD(SHAPE, "tensor", scn_tensor_segment_softmax(points, map, 2, 2, &out_tensor));
    BAD(INVALID_ARGUMENT, "segments", scn_tensor_segment_reduce(dense, map, 2, -1, SCN_SEGMENT_SUM, &out_tensor));
    BAD(INVALID_ARGUMENT, "segments",
        scn_tensor_segment_reduce(dense, map, 2, HUGE_SIZE, SCN_SEGMENT_SUM, &out_tensor));
    BAD(INVALID_ARGUMENT, "reduction",
        scn_tensor_segment_reduce(dense, map, 2, 2, (scn_segment_reduction)3, &out_tensor));
    BAD(INVALID_ARGUMENT, "result", scn_tensor_segment_reduce(dense, map, 2, 2, SCN_SEGMENT_SUM, NULL));
    BAD(INVALID_ARGUMENT, "count", scn_tensor_segment_gather(vectors, map, -1, &out_tensor));
    BAD(OVERFLOW, "segment_of_row", scn_tensor_segment_gather(vectors, map, HUGE_SIZE, &out_tensor));
    BAD(SHAPE, "vectors", scn_tensor_segment_gather(sparse, map, 2, &out_tensor));
    BAD(SHAPE, "vectors", scn_tensor_segment_gather(number, map, 2, &out_tensor));
    BAD(INVALID_ARGUMENT, "most", scn_tensor_segment_pad(dense, map, 2, 2, 0, &out_tensor));
    BAD(OVERFLOW, "most", scn_tensor_segment_pad(dense, map, 2, 2, INT64_C(1) << 40, &out_tensor));
    BAD(OVERFLOW, "rows", scn_tensor_segment_pad(dense, map, 2, 2, HUGE_SIZE, &out_tensor));
    BAD(INVALID_ARGUMENT, "operation", scn_tensor_broadcast(dense, vectors, map, 2, (scn_broadcast)3, &out_tensor));
    BAD(SHAPE, "vectors", scn_tensor_broadcast(dense, deep, map, 2, SCN_BROADCAST_ADD, &out_tensor));
    BAD(SHAPE, "tensor", scn_tensor_broadcast(deep, vectors, map, 2, SCN_BROADCAST_JOIN, &out_tensor));
    BAD(SHAPE, "vectors", scn_tensor_broadcast(sparse, vectors, NULL, -1, SCN_BROADCAST_ADD, &out_tensor));
    OK(scn_tensor_release(vectors)), OK(scn_tensor_release(number)), OK(scn_tensor_release(deep));

    scn_matrix wide = SCN_MATRIX(numbers, 2, 6);
    BAD(SHAPE, "result", scn_segment_reduce_forward(map, SCN_SEGMENT_SUM, &two_rows, &two_planes));
    BAD(INVALID_ARGUMENT, "segment_of_row", scn_segment_reduce_forward(NULL, SCN_SEGMENT_SUM, &two_rows, &three_rows));
    BAD(INVALID_ARGUMENT, "row 1 has 2", scn_segment_reduce_forward(far, SCN_SEGMENT_SUM, &two_rows, &two_rows));
    BAD(INVALID_ARGUMENT, "reduction",
        scn_segment_reduce_forward(map, (scn_segment_reduction)-1, &two_rows, &two_rows));
    BAD(INVALID_ARGUMENT, "input", scn_segment_reduce_forward(map, SCN_SEGMENT_SUM, &no_data, &two_rows));
    BAD(INVALID_ARGUMENT, "input",
        scn_segment_reduce_backward(map, SCN_SEGMENT_MAX, NULL, &two_rows, &two_rows, &two_rows));
    BAD(INVALID_ARGUMENT, "output",
        scn_segment_reduce_backward(map, SCN_SEGMENT_MAX, &two_rows, NULL, &two_rows, &two_rows));
    BAD(SHAPE, "output",
        scn_segment_reduce_backward(map, SCN_SEGMENT_MAX, &two_rows, &three_rows, &two_rows, &two_rows));
    BAD(SHAPE, "result",
        scn_segment_reduce_backward(map, SCN_SEGMENT_SUM, NULL, NULL, &two_rows, &two_planes));
    BAD(SHAPE, "result", scn_segment_softmax_forward(map, 2, &two_rows, &two_planes));
    BAD(INVALID_ARGUMENT, "segments", scn_segment_softmax_forward(map, -1, &two_rows, &two_rows));
    BAD(INVALID_ARGUMENT, "row 1 has 1, expected -1 ... 0", scn_segment_softmax_forward(map, 1, &two_rows, &two_rows));
    BAD(SHAPE, "gradient", scn_segment_softmax_backward(map, 2, &two_rows, &two_planes, &two_rows));
    BAD(SHAPE, "result", scn_segment_gather_forward(map, &two_rows, &two_planes));
    BAD(INVALID_ARGUMENT, "row 0 has -2", scn_segment_gather_forward(low, &two_rows, &two_rows));
    BAD(INVALID_ARGUMENT, "most", scn_segment_pad_forward(map, 0, &two_rows, out_sizes, &wide));
    BAD(SHAPE, "result", scn_segment_pad_forward(map, 3, &two_rows, out_sizes, &wide));
    BAD(INVALID_ARGUMENT, "counts",
        scn_segment_pad_forward(map, 2, &two_rows, (int64_t *)((char *)out_sizes + 4), &wide));
    BAD(SHAPE, "gradient", scn_segment_pad_backward(map, 1, &wide, &two_rows));
}

static void bad_voxels_in_order(void) {
    const double edge[] = {1, 1}, no_edge[] = {1, 0}, plain[] = {0, 1, 2, 3}, lost[] = {0, 1, NAN, 3}, high[] = {0, 2};
    const int64_t small[] = {2, 2}, late[] = {0, -1};
    int64_t sites[6] = {0};
    scn_voxelize_in_order_options options = SCN_VOXELIZE_IN_ORDER_OPTIONS_INIT, other = options, unsized = options;
    unsized.struct_size = 5;
#define VOXELIZE(dimension, points, type, rows, edge, options, capacity, count) \
    scn_voxelize_in_order(dimension, points, type, rows, edge, options, NULL, NULL, sites, capacity, count)
    BAD(INVALID_ARGUMENT, "dimension", VOXELIZE(0, plain, SCN_FLOAT64, 2, edge, NULL, 6, &out_count));
    BAD(INVALID_ARGUMENT, "dimension", VOXELIZE(11, plain, SCN_FLOAT64, 2, edge, NULL, 6, &out_count));
    BAD(INVALID_ARGUMENT, "points", VOXELIZE(2, NULL, SCN_FLOAT64, 2, edge, NULL, 6, &out_count));
    BAD(UNSUPPORTED, "type 2", VOXELIZE(2, plain, (scn_element_type)2, 2, edge, NULL, 6, &out_count));
    BAD(INVALID_ARGUMENT, "rows", VOXELIZE(2, plain, SCN_FLOAT64, -1, edge, NULL, 6, &out_count));
    BAD(OVERFLOW, "points", VOXELIZE(2, plain, SCN_FLOAT64, HUGE_SIZE, edge, NULL, 6, &out_count));
    BAD(INVALID_ARGUMENT, "voxel_size", VOXELIZE(2, plain, SCN_FLOAT64, 2, NULL, NULL, 6, &out_count));
    BAD(INVALID_ARGUMENT, "voxel_size", VOXELIZE(2, plain, SCN_FLOAT64, 2, no_edge, NULL, 6, &out_count));
    BAD(INVALID_ARGUMENT, "voxels", VOXELIZE(2, plain, SCN_FLOAT64, 2, edge, NULL, 6, NULL));
    BAD(INVALID_ARGUMENT, "struct_size", VOXELIZE(2, plain, SCN_FLOAT64, 2, edge, &unsized, 6, &out_count));
    BAD(SHAPE, "capacity", VOXELIZE(2, plain, SCN_FLOAT64, 2, edge, NULL, 5, &out_count));
    BAD(COORDINATE, "row 1", VOXELIZE(2, lost, SCN_FLOAT64, 2, edge, NULL, 6, &out_count));
    BAD(INVALID_ARGUMENT, "voxel_of_point",
        scn_voxelize_in_order(2, plain, SCN_FLOAT64, 2, edge, NULL, (int64_t *)((char *)sites + 4), NULL, NULL, 0,
                              &out_count));
    other.max_voxels = -2;
    BAD(INVALID_ARGUMENT, "max_voxels", VOXELIZE(2, plain, SCN_FLOAT64, 2, edge, &other, 6, &out_count));
    other = options, other.drop_outside = 2;
    BAD(INVALID_ARGUMENT, "drop_outside", VOXELIZE(2, plain, SCN_FLOAT64, 2, edge, &other, 6, &out_count));
    other = options, other.origin = high;
    BAD(COORDINATE, "row 0", VOXELIZE(2, plain, SCN_FLOAT64, 2, edge, &other, 6, &out_count));
    other = options, other.spatial_size = small;
    BAD(COORDINATE, "row 1", VOXELIZE(2, plain, SCN_FLOAT64, 2, edge, &other, 6, &out_count));
    other.spatial_size = no_size;
    BAD(SHAPE, "spatial_size", VOXELIZE(2, plain, SCN_FLOAT64, 2, edge, &other, 6, &out_count));
    other = options, other.batch = late;
    BAD(COORDINATE, "row 1", VOXELIZE(2, plain, SCN_FLOAT64, 2, edge, &other, 6, &out_count));
    CHECK(sites[0] == 0 && sites[5] == 0);
}

int main(void) {
    set_up();
    bad_segments();
    bad_voxels_in_order();
    tear_down();
    return finish();
}

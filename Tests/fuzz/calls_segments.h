/* Calls of the functions on segments, of tensors and over buffers, and of voxels in order. */
#ifndef SCN_FUZZ_CALLS_SEGMENTS_H
#define SCN_FUZZ_CALLS_SEGMENTS_H

#include "calls.h"
#include "calls_values.h"

enum { SEGMENT_CALLS = 16, SEGMENTS = 3 };

/** Return the segment of each row, some of them none. */
static int64_t *some_segments(int64_t rows) {
    int64_t *segments = some_integers(rows, SEGMENTS);
    for (int64_t i = 0; segments && i < rows; i++)
        if (segments[i] == SEGMENTS) segments[i] = -1;
    return segments;
}

static void call_tensor_segments(int which) {
    scn_tensor *tensor = byte() & 1 ? a_sparse() : a_dense();
    const int64_t rows = rows_of_tensor(tensor), count = rarely(32) ? size_number(6) : byte() & 1 ? -1 : rows;
    const int64_t *segment_of_row = count < 0 ? NULL : some_segments(count);
    const int64_t segments = rarely(24) ? size_number(6) : SEGMENTS;
    switch (which) {
    case 0:
        CALL(scn_tensor_segment_reduce(tensor, segment_of_row, count, segments, (scn_segment_reduction)choice_of(3),
                                       OUT(&out_tensor)));
        break;
    case 1: CALL(scn_tensor_segment_softmax(tensor, segment_of_row, count, segments, OUT(&out_tensor))); break;
    case 2: {
        scn_tensor *vectors = a_dense();
        const int64_t most = rows_of_tensor(vectors), length = size_number(5);
        CALL(scn_tensor_segment_gather(vectors, some_integers(length, most > 0 && most < 9 ? most - 1 : 0), length,
                                       OUT(&out_tensor)));
        break;
    }
    case 3:
        CALL(scn_tensor_segment_pad(tensor, segment_of_row, count, segments, size_number(4), OUT(&out_tensor)));
        break;
    default:
        CALL(scn_tensor_broadcast(tensor, a_dense(), segment_of_row, count, (scn_broadcast)choice_of(3),
                                  OUT(&out_tensor)));
    }
}

static void call_buffer_segments(int which) {
    const int64_t count = size_number(6), segments = rarely(24) ? size_number(6) : SEGMENTS, most = size_number(4);
    scn_matrix *rows = a_matrix(count, PLANES), *others = a_matrix(count, PLANES), *more = a_matrix(count, PLANES);
    scn_matrix *vectors = a_matrix(segments, PLANES), *gradient = a_matrix(segments, PLANES);
    const int64_t width = modest_product3(most, PLANES, 1);
    scn_matrix *padded = which > 4 ? a_matrix(segments, width < 0 ? 0 : width) : NULL;
    const scn_matrix *mapped = which == 1 || which == 4 || which == 6 ? others : rows;
    const int64_t *segment_of_row = some_segments(rows_of(mapped));
    const scn_segment_reduction reduction = (scn_segment_reduction)choice_of(3);
    switch (which) {
    case 0: CALL(scn_segment_reduce_forward(segment_of_row, reduction, rows, vectors)); break;
    case 1: {
        const int has_forward = byte() & 1;
        CALL(scn_segment_reduce_backward(segment_of_row, reduction, has_forward ? rows : NULL,
                                         has_forward ? vectors : NULL, gradient, others));
        break;
    }
    case 2: CALL(scn_segment_softmax_forward(segment_of_row, segments, rows, byte() & 1 ? rows : others)); break;
    case 3:
        CALL(scn_segment_softmax_backward(segment_of_row, segments, rows, others, byte() & 1 ? others : more));
        break;
    case 4: CALL(scn_segment_gather_forward(segment_of_row, vectors, others)); break;
    case 5: {
        int64_t *counts = byte() & 1 ? some_integers(rows_of(padded), 0) : NULL;
        CALL(scn_segment_pad_forward(segment_of_row, most, rows, counts, padded));
        break;
    }
    default: CALL(scn_segment_pad_backward(segment_of_row, most, padded, others));
    }
}

static void call_voxels_in_order(void) {
    scn_voxelize_in_order_options *options = (scn_voxelize_in_order_options *)scratch(1, sizeof *options);
    const int32_t dimension = a_dimension();
    const int64_t rows = size_number(6), axes = dimension >= 1 && dimension <= SCN_MAX_DIMENSION ? dimension : -1;
    const int is_double = byte() & 1;
    const int64_t count = modest_product3(rows, axes, 1);
    const void *points = is_double ? (const void *)some_reals(count) : some_floats(count);
    *options = (scn_voxelize_in_order_options)SCN_VOXELIZE_IN_ORDER_OPTIONS_INIT;
    options->struct_size = a_struct_size(sizeof *options), options->origin = byte() & 1 ? some_reals(axes) : NULL;
    options->spatial_size = byte() & 1 ? some_sizes(dimension, 1, 9) : NULL;
    options->batch = byte() & 1 ? some_integers(rows, 2) : NULL;
    options->max_voxels = byte() & 1 ? size_number(3) : -1, options->drop_outside = choice_of(2);
    double *voxel = axes > 0 ? (double *)scratch((size_t)axes, sizeof(double)) : NULL;
    for (int64_t i = 0; i < axes; i++) voxel[i] = rarely(24) ? real_number() : 0.5;
    int64_t *voxel_of_point = byte() & 1 ? some_integers(rows, 0) : NULL;
    int64_t *place_of_point = byte() & 1 ? some_integers(rows, 0) : NULL;
    const int64_t capacity = rarely(24) ? size_number(9) : modest_product3(rows, axes + 1, 1);
    int64_t *coordinates = byte() & 1 ? some_integers(capacity, 0) : NULL;
    CALL(scn_voxelize_in_order(dimension, points, (scn_element_type)(rarely(4) ? 2 : is_double), rows, voxel,
                               byte() & 1 ? options : NULL, voxel_of_point, place_of_point, coordinates, capacity,
                               OUT(&out_count)));
}

static void call_segments(void) {
    const int which = byte() % SEGMENT_CALLS;
    if (which < 5) call_tensor_segments(which);
    else if (which < 12) call_buffer_segments(which - 5);
    else call_voxels_in_order();
}

#endif

// Voxels as detectors want them: numbered as points enter them, with the features of their first points.
#include <stdlib.h>
#include <string.h>

#include "bench.h"

enum { POINT_PLANES = 4, POINTS_OF_VOXEL = 5, DIGIT_BITS = 11, DIGITS = (64 + DIGIT_BITS - 1) / DIGIT_BITS };

typedef struct {
    int64_t rows, voxels;
    float *positions, *features, *padded;
    int64_t *voxel_of_point, *coordinates, *counts;
    uint64_t *keys, *sorted, *scratch;
} subject;

static void voxelize(void *context) {
    static const double edges[DIMENSION] = {2, 2, 2}, origin[DIMENSION] = {0, 0, 0};
    subject *s = context;
    scn_voxelize_in_order_options options = SCN_VOXELIZE_IN_ORDER_OPTIONS_INIT;
    options.origin = origin, options.drop_outside = 1;
    check(scn_voxelize_in_order(DIMENSION, s->positions, SCN_FLOAT32, s->rows, edges, &options, s->voxel_of_point, NULL,
                                s->coordinates, s->rows * (DIMENSION + 1), &s->voxels));
    scn_matrix features = SCN_MATRIX(s->features, s->rows, POINT_PLANES);
    scn_matrix padded = SCN_MATRIX(s->padded, s->voxels, POINTS_OF_VOXEL * POINT_PLANES);
    check(scn_segment_pad_forward(s->voxel_of_point, POINTS_OF_VOXEL, &features, s->counts, &padded));
}

/// The yardstick: as many random keys of 64 bits in order, least significant digit first, on one thread.
static void sort_keys(void *context) {
    static int64_t places[1 << DIGIT_BITS];
    subject *s = context;
    uint64_t *from = s->scratch, *to = s->sorted;
    memcpy(from, s->keys, (size_t)s->rows * sizeof *from);
    for (int digit = 0; digit < DIGITS; digit++) {
        const int shift = digit * DIGIT_BITS;
        int64_t total = 0;
        memset(places, 0, sizeof places);
        for (int64_t i = 0; i < s->rows; i++) places[from[i] >> shift & ((1 << DIGIT_BITS) - 1)]++;
        for (int value = 0; value < 1 << DIGIT_BITS; value++) {
            const int64_t count = places[value];
            places[value] = total;
            total += count;
        }
        for (int64_t i = 0; i < s->rows; i++) to[places[from[i] >> shift & ((1 << DIGIT_BITS) - 1)]++] = from[i];
        uint64_t *swapped = from;
        from = to, to = swapped;
    }
}

void measure_voxels(const points *cloud) {
    const int64_t rows = cloud->rows, floats = (int64_t)sizeof(float), integers = (int64_t)sizeof(int64_t);
    subject s = {.rows = rows};
    s.positions = allocate(rows * DIMENSION * floats), s.features = allocate(rows * POINT_PLANES * floats);
    s.padded = allocate(rows * POINTS_OF_VOXEL * POINT_PLANES * floats);
    s.voxel_of_point = allocate(rows * integers), s.coordinates = allocate(rows * (DIMENSION + 1) * integers);
    s.counts = allocate(rows * integers), s.keys = allocate(rows * integers), s.sorted = allocate(rows * integers);
    s.scratch = allocate(rows * integers);
    for (int64_t row = 0; row < rows; row++) {
        for (int axis = 0; axis < DIMENSION; axis++)
            s.positions[row * DIMENSION + axis] =
                (float)cloud->coordinates[row * (DIMENSION + 1) + axis] + (float)uniform();
        for (int plane = 0; plane < POINT_PLANES; plane++) s.features[row * POINT_PLANES + plane] = (float)uniform();
        s.keys[row] = (uint64_t)(uniform() * 4294967296.0) << 32 | (uint64_t)(uniform() * 4294967296.0);
    }
    const char *name = "padded voxels, 5 points of 4 planes (a point)";
    const work sort = {.name = "", .figure = NANOSECONDS, .amount = (double)rows, .run = sort_keys, .context = &s};
    const view relative = {"over sorting a 64-bit key", name, TIMES_COMPANION, (double)rows};
    measure_with((work){.section = "geometry", .name = name, .figure = NANOSECONDS, .amount = (double)rows,
                        .run = voxelize, .context = &s},
                 (extra){.companion = &sort, .views = &relative, .view_count = 1});
    free(s.positions), free(s.features), free(s.padded), free(s.voxel_of_point), free(s.coordinates), free(s.counts);
    free(s.keys), free(s.sorted), free(s.scratch);
}

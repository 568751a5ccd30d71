/* Segments and voxels in the order of their points, over buffers and on tensors, against loops. */
#include "check.h"

enum { ROWS = 5000, SEGMENTS = 40, PLANES = 7, MOST = 3 };

/** Segments in no order; every ninth row has none, and the last segment has no rows. */
static int64_t *some_segments(uint64_t seed) {
    int64_t *segments = integers(ROWS);
    for (int64_t row = 0; row < ROWS; row++)
        segments[row] = row % 9 == 8 ? -1 : (int64_t)(next_random(&seed) % (SEGMENTS - 1));
    return segments;
}

static int is_same(const float *a, const float *b, int64_t count) {
    return memcmp(a, b, (size_t)count * sizeof *a) == 0;
}

/** Reductions, softmax and the way back; what tensors make is what buffers make. */
static void test_reductions(scn_segment_reduction reduction) {
    const int64_t *segment_of_row = some_segments(5), shape[] = {ROWS, PLANES}, by_segment[] = {SEGMENTS, PLANES};
    float *values = random_floats(ROWS * PLANES, 1), *weights = random_floats(SEGMENTS * PLANES, 2);
    float *result = floats(SEGMENTS * PLANES), *back = floats(ROWS * PLANES), *found;
    double *want = doubles(SEGMENTS * PLANES), *want_back = doubles(ROWS * PLANES);
    int64_t *counts = integers(SEGMENTS);
    for (int64_t row = 0; row < ROWS; row++) {
        const int64_t segment = segment_of_row[row];
        if (segment < 0) continue;
        for (int64_t p = 0; p < PLANES; p++) {
            double *target = &want[segment * PLANES + p], x = values[row * PLANES + p];
            if (reduction == SCN_SEGMENT_MAX) *target = counts[segment] == 0 ? x : fmax(*target, x);
            else *target += x;
        }
        counts[segment]++;
    }
    for (int64_t i = 0; reduction == SCN_SEGMENT_MEAN && i < SEGMENTS * PLANES; i++)
        want[i] /= counts[i / PLANES] ? (double)counts[i / PLANES] : 1;
    for (int64_t i = 0; i < ROWS * PLANES; i++) {
        const int64_t segment = segment_of_row[i / PLANES], place = segment * PLANES + i % PLANES;
        if (segment < 0) continue;
        want_back[i] = weights[place];
        if (reduction == SCN_SEGMENT_MEAN) want_back[i] /= (double)counts[segment];
        if (reduction == SCN_SEGMENT_MAX && values[i] != want[place]) want_back[i] = 0;
    }
    const scn_matrix input = SCN_MATRIX(values, ROWS, PLANES), gradient = SCN_MATRIX(weights, SEGMENTS, PLANES);
    scn_matrix output = SCN_MATRIX(result, SEGMENTS, PLANES), by_input = SCN_MATRIX(back, ROWS, PLANES);
    const int is_max = reduction == SCN_SEGMENT_MAX;
    OK(scn_segment_reduce_forward(segment_of_row, reduction, &input, &output));
    NEAR("reduced", result, want, SEGMENTS * PLANES, 1e-6);
    OK(scn_segment_reduce_backward(segment_of_row, reduction, is_max ? &input : NULL, is_max ? &output : NULL,
                                   &gradient, &by_input));
    NEAR("reduced, backward", back, want_back, ROWS * PLANES, 1e-6);

    scn_tensor *tensor, *reduced, *of_tensor;
    OK(scn_tensor_create(shape, 2, values, &tensor));
    OK(scn_tensor_set_requires_gradient(tensor, 1));
    OK(scn_tensor_segment_reduce(tensor, segment_of_row, ROWS, SEGMENTS, reduction, &reduced));
    OK(scn_tensor_data(reduced, &found));
    CHECK(is_same(found, result, SEGMENTS * PLANES));
    OK(scn_tensor_backward(reduced, weights, SEGMENTS * PLANES));
    OK(scn_tensor_gradient(tensor, &of_tensor));
    OK(scn_tensor_data(of_tensor, &found));
    CHECK(is_same(found, back, ROWS * PLANES));
    OK(scn_tensor_release(tensor)), OK(scn_tensor_release(reduced)), OK(scn_tensor_release(of_tensor));

    // The sum is the gradient of what gives each row its vector, and that is the gradient of the sum.
    if (reduction == SCN_SEGMENT_SUM) {
        float *gathered = floats(ROWS * PLANES);
        scn_matrix rows = SCN_MATRIX(gathered, ROWS, PLANES);
        scn_tensor *vectors, *of_vectors;
        OK(scn_segment_gather_forward(segment_of_row, &gradient, &rows));
        CHECK(is_same(gathered, back, ROWS * PLANES));
        OK(scn_tensor_create(by_segment, 2, weights, &vectors));
        OK(scn_tensor_set_requires_gradient(vectors, 1));
        OK(scn_tensor_segment_gather(vectors, segment_of_row, ROWS, &tensor));
        OK(scn_tensor_data(tensor, &found));
        CHECK(is_same(found, back, ROWS * PLANES));
        OK(scn_tensor_backward(tensor, values, ROWS * PLANES));
        OK(scn_tensor_gradient(vectors, &of_vectors));
        OK(scn_tensor_data(of_vectors, &found));
        CHECK(is_same(found, result, SEGMENTS * PLANES));
        OK(scn_tensor_release(tensor)), OK(scn_tensor_release(vectors)), OK(scn_tensor_release(of_vectors));
        free(gathered);
    }
    free((void *)segment_of_row), free(values), free(weights), free(result), free(back), free(want), free(want_back);
    free(counts);
}

static void test_softmax(void) {
    const int64_t *segment_of_row = some_segments(6), shape[] = {ROWS, PLANES};
    float *values = random_floats(ROWS * PLANES, 3), *weights = random_floats(ROWS * PLANES, 4), *found;
    float *result = floats(ROWS * PLANES), *back = floats(ROWS * PLANES);
    double *want = doubles(ROWS * PLANES), *want_back = doubles(ROWS * PLANES), *sums = doubles(SEGMENTS * PLANES),
           *products = doubles(SEGMENTS * PLANES);
    for (int64_t i = 0; i < ROWS * PLANES; i++) {
        const int64_t segment = segment_of_row[i / PLANES];
        if (segment >= 0) sums[segment * PLANES + i % PLANES] += exp(values[i]);
    }
    for (int64_t i = 0; i < ROWS * PLANES; i++) {
        const int64_t segment = segment_of_row[i / PLANES], place = segment * PLANES + i % PLANES;
        if (segment < 0) continue;
        want[i] = exp(values[i]) / sums[place];
        products[place] += want[i] * weights[i];
    }
    for (int64_t i = 0; i < ROWS * PLANES; i++) {
        const int64_t segment = segment_of_row[i / PLANES];
        if (segment >= 0) want_back[i] = want[i] * (weights[i] - products[segment * PLANES + i % PLANES]);
    }
    const scn_matrix input = SCN_MATRIX(values, ROWS, PLANES), gradient = SCN_MATRIX(weights, ROWS, PLANES);
    scn_matrix output = SCN_MATRIX(result, ROWS, PLANES), by_input = SCN_MATRIX(back, ROWS, PLANES);
    OK(scn_segment_softmax_forward(segment_of_row, SEGMENTS, &input, &output));
    NEAR("softmax", result, want, ROWS * PLANES, 1e-6);
    OK(scn_segment_softmax_backward(segment_of_row, SEGMENTS, &output, &gradient, &by_input));
    NEAR("softmax, backward", back, want_back, ROWS * PLANES, 1e-6);

    scn_tensor *tensor, *soft, *of_tensor;
    OK(scn_tensor_create(shape, 2, values, &tensor));
    OK(scn_tensor_set_requires_gradient(tensor, 1));
    OK(scn_tensor_segment_softmax(tensor, segment_of_row, ROWS, SEGMENTS, &soft));
    OK(scn_tensor_data(soft, &found));
    CHECK(is_same(found, result, ROWS * PLANES));
    OK(scn_tensor_backward(soft, weights, ROWS * PLANES));
    OK(scn_tensor_gradient(tensor, &of_tensor));
    OK(scn_tensor_data(of_tensor, &found));
    CHECK(is_same(found, back, ROWS * PLANES));
    OK(scn_tensor_release(tensor)), OK(scn_tensor_release(soft)), OK(scn_tensor_release(of_tensor));

    // In place, both ways.
    scn_matrix in_place = SCN_MATRIX(values, ROWS, PLANES), gradient_in_place = SCN_MATRIX(weights, ROWS, PLANES);
    OK(scn_segment_softmax_forward(segment_of_row, SEGMENTS, &in_place, &in_place));
    CHECK(is_same(values, result, ROWS * PLANES));
    OK(scn_segment_softmax_backward(segment_of_row, SEGMENTS, &output, &gradient_in_place, &gradient_in_place));
    CHECK(is_same(weights, back, ROWS * PLANES));
    free((void *)segment_of_row), free(values), free(weights), free(result), free(back), free(want), free(want_back);
    free(sums), free(products);
}

static void test_padding(void) {
    const int64_t *segment_of_row = some_segments(7), shape[] = {ROWS, PLANES};
    const int64_t width = MOST * PLANES, all = SEGMENTS * width;
    float *values = random_floats(ROWS * PLANES, 5), *weights = random_floats(all, 6), *found;
    float *result = floats(all), *back = floats(ROWS * PLANES), *want = floats(all), *want_back = floats(ROWS * PLANES);
    int64_t *counts = integers(SEGMENTS), *want_counts = integers(SEGMENTS), sizes[3];
    for (int64_t row = 0; row < ROWS; row++) {
        const int64_t segment = segment_of_row[row];
        if (segment < 0 || want_counts[segment] == MOST) continue;
        const int64_t place = (segment * MOST + want_counts[segment]++) * PLANES;
        memcpy(want + place, values + row * PLANES, PLANES * sizeof *want);
        memcpy(want_back + row * PLANES, weights + place, PLANES * sizeof *want);
    }
    const scn_matrix input = SCN_MATRIX(values, ROWS, PLANES), gradient = SCN_MATRIX(weights, SEGMENTS, width);
    scn_matrix output = SCN_MATRIX(result, SEGMENTS, width), by_input = SCN_MATRIX(back, ROWS, PLANES);
    OK(scn_segment_pad_forward(segment_of_row, MOST, &input, counts, &output));
    CHECK(is_same(result, want, all));
    CHECK(memcmp(counts, want_counts, SEGMENTS * sizeof *counts) == 0);
    OK(scn_segment_pad_forward(segment_of_row, MOST, &input, NULL, &output));
    OK(scn_segment_pad_backward(segment_of_row, MOST, &gradient, &by_input));
    CHECK(is_same(back, want_back, ROWS * PLANES));

    scn_tensor *tensor, *padded, *of_tensor;
    OK(scn_tensor_create(shape, 2, values, &tensor));
    OK(scn_tensor_set_requires_gradient(tensor, 1));
    OK(scn_tensor_segment_pad(tensor, segment_of_row, ROWS, SEGMENTS, MOST, &padded));
    OK(scn_tensor_shape(padded, sizes, 3));
    CHECK(sizes[0] == SEGMENTS && sizes[1] == MOST && sizes[2] == PLANES);
    OK(scn_tensor_data(padded, &found));
    CHECK(is_same(found, want, all));
    OK(scn_tensor_backward(padded, weights, all));
    OK(scn_tensor_gradient(tensor, &of_tensor));
    OK(scn_tensor_data(of_tensor, &found));
    CHECK(is_same(found, want_back, ROWS * PLANES));
    OK(scn_tensor_release(tensor)), OK(scn_tensor_release(padded)), OK(scn_tensor_release(of_tensor));
    free((void *)segment_of_row), free(values), free(weights), free(result), free(back), free(want), free(want_back);
    free(counts), free(want_counts);
}

/** Samples of a sparse tensor as segments: one vector a sample meets its sites. */
static void test_samples(void) {
    const int64_t size[] = {8, 8}, where[] = {1, 2, 1, 1, 3, 0, 6, 6, 1}, shape[] = {3, 2}, two[] = {2, 2};
    const float values[] = {3, 4, 1, 2, 5, 6}, of_samples[] = {10, 20, 30, 40};
    // Rows are sorted: (1, 3) of sample 0, then (1, 2) and (6, 6) of sample 1.
    const float sums[] = {1, 2, 8, 10}, added[] = {11, 22, 33, 44, 35, 46}, multiplied[] = {10, 40, 90, 160, 150, 240};
    const float joined[] = {1, 2, 10, 20, 3, 4, 30, 40, 5, 6, 30, 40};
    const struct {
        scn_broadcast operation;
        const float *want;
        int64_t count;
    } cases[] = {
        {SCN_BROADCAST_ADD, added, 6}, {SCN_BROADCAST_MULTIPLY, multiplied, 6}, {SCN_BROADCAST_JOIN, joined, 12}};
    scn_tensor *features, *points, *sparse, *vectors, *result;
    scn_module *layer;
    scn_value_kind kind;
    float *found;
    OK(scn_tensor_create(shape, 2, values, &features));
    OK(scn_points_create(where, 3, 3, features, 0, &points));
    OK(scn_input_layer_create(2, size, SCN_INPUT_SUM, &layer));
    OK(scn_module_forward(layer, points, &sparse));
    OK(scn_tensor_create(two, 2, of_samples, &vectors));
    for (int i = 0; i < 3; i++) {
        OK(scn_tensor_broadcast(sparse, vectors, NULL, -1, cases[i].operation, &result));
        OK(scn_tensor_kind(result, &kind));
        OK(scn_tensor_data(result, &found));
        CHECK(kind == SCN_TENSOR_SPARSE && is_same(found, cases[i].want, cases[i].count));
        OK(scn_tensor_release(result));
    }
    OK(scn_tensor_segment_reduce(sparse, NULL, -1, 0, SCN_SEGMENT_SUM, &result));
    OK(scn_tensor_data(result, &found));
    CHECK(is_same(found, sums, 4));
    OK(scn_tensor_release(result));
    OK(scn_tensor_segment_softmax(sparse, NULL, -1, 0, &result));
    OK(scn_tensor_kind(result, &kind));
    OK(scn_tensor_data(result, &found));
    CHECK(kind == SCN_TENSOR_SPARSE && found[0] == 1 && found[1] == 1 && fabs(found[2] + found[4] - 1) < 1e-6);
    scn_tensor *all[] = {features, points, sparse, vectors, result};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) OK(scn_tensor_release(all[i]));
    OK(scn_module_release(layer));
}

/** Point by point, looking through the voxels that there are. */
static void test_voxels(int64_t max_voxels, int is_in_samples) {
    enum { POINTS = 400, AXES = 3 };
    const double edges[] = {0.5, 0.25, 1}, origin[] = {-2, -1, -1};
    const int64_t size[] = {8, 8, 4};
    float *points = floats(POINTS * AXES);
    int64_t *batch = integers(POINTS), *want_voxel = integers(POINTS), *want_place = integers(POINTS);
    int64_t *want_sites = integers(POINTS * (AXES + 1)), *counts = integers(POINTS), of_sample[3] = {0}, found = 0;
    int64_t *voxel = integers(POINTS), *place = integers(POINTS), *sites = integers(POINTS * (AXES + 1)), voxels = 0;
    uint64_t seed = 8;
    for (int64_t i = 0; i < POINTS * AXES; i++) {
        const double extent = edges[i % AXES] * (double)size[i % AXES];
        points[i] = (float)(origin[i % AXES] + extent * (1.3 * next_random(&seed) / 4294967296.0 - 0.15));
    }
    points[4] = NAN, points[9] = INFINITY;
    for (int64_t row = 0; row < POINTS; row++) {
        int64_t site[AXES + 1] = {0}, number = 0;
        int is_inside = 1;
        batch[row] = is_in_samples ? row * 3 / POINTS : 0, site[AXES] = batch[row];
        for (int axis = 0; axis < AXES; axis++) {
            const double at = floor(((double)points[row * AXES + axis] - origin[axis]) / edges[axis]);
            if (!(at >= 0 && at < (double)size[axis])) is_inside = 0;
            else site[axis] = (int64_t)at;
        }
        want_voxel[row] = want_place[row] = -1;
        if (!is_inside) continue;
        while (number < found && memcmp(want_sites + number * (AXES + 1), site, sizeof site) != 0) number++;
        if (number == found) {
            if (max_voxels >= 0 && of_sample[batch[row]] == max_voxels) continue;
            of_sample[batch[row]]++;
            memcpy(want_sites + found++ * (AXES + 1), site, sizeof site);
        }
        want_voxel[row] = number, want_place[row] = counts[number]++;
    }
    scn_voxelize_in_order_options options = SCN_VOXELIZE_IN_ORDER_OPTIONS_INIT;
    options.origin = origin, options.spatial_size = size, options.drop_outside = 1, options.max_voxels = max_voxels;
    if (is_in_samples) options.batch = batch;
    OK(scn_voxelize_in_order(AXES, points, SCN_FLOAT32, POINTS, edges, &options, voxel, place, sites,
                             POINTS * (AXES + 1), &voxels));
    CHECK(voxels == found && found > 9);
    CHECK(memcmp(voxel, want_voxel, POINTS * sizeof *voxel) == 0);
    CHECK(memcmp(place, want_place, POINTS * sizeof *place) == 0);
    CHECK(memcmp(sites, want_sites, (size_t)found * (AXES + 1) * sizeof *sites) == 0);
    voxels = 0;
    OK(scn_voxelize_in_order(AXES, points, SCN_FLOAT32, POINTS, edges, &options, NULL, NULL, NULL, 0, &voxels));
    CHECK(voxels == found);
    options.drop_outside = 0;
    CHECK(scn_voxelize_in_order(AXES, points, SCN_FLOAT32, POINTS, edges, &options, voxel, place, sites,
                                POINTS * (AXES + 1), &voxels) == SCN_ERROR_COORDINATE);
    CHECK(voxels == 0 && memcmp(voxel, want_voxel, POINTS * sizeof *voxel) == 0);
    OK(scn_voxelize_in_order(AXES, NULL, SCN_FLOAT64, 0, edges, NULL, NULL, NULL, NULL, 0, &voxels));
    CHECK(voxels == 0);
    free(points), free(batch), free(want_voxel), free(want_place), free(want_sites), free(counts), free(voxel);
    free(place), free(sites);
}

int main(void) {
    for (int threads = 1; threads <= 2; threads++) {
        OK(scn_set_thread_count(threads));
        test_reductions(SCN_SEGMENT_SUM);
        test_reductions(SCN_SEGMENT_MEAN);
        test_reductions(SCN_SEGMENT_MAX);
        test_softmax();
        test_padding();
        test_samples();
        for (int is_in_samples = 0; is_in_samples < 2; is_in_samples++) {
            test_voxels(-1, is_in_samples);
            test_voxels(25, is_in_samples);
        }
    }
    CHECK(scn_live_handles() == 0 && scn_memory_in_use() == 0);
    return finish();
}

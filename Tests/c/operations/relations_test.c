/* Fields that begin anywhere, chosen sites, rulebooks between any two site sets, and what flows along them, at both
 * levels and against naive loops. */
#include "check.h"

enum { DIMENSION = 2, COLUMNS = DIMENSION + 1, SITES = 60, PLANES = 3, OUT_PLANES = 5, OFFSETS = 9, POINTS = 40 };

/** Return the row of a site; -1 where it is none. coordinates: [count, COLUMNS]. */
static int64_t row_of(const int64_t *coordinates, int64_t count, const int64_t *site) {
    for (int64_t row = 0; row < count; row++)
        if (memcmp(coordinates + row * COLUMNS, site, COLUMNS * sizeof *site) == 0) return row;
    return -1;
}
static int64_t *sites_of(scn_geometry *geometry, int32_t sites, int64_t *count) {
    OK(scn_geometry_site_count(geometry, sites, count));
    int64_t *coordinates = integers(*count * COLUMNS);
    OK(scn_geometry_coordinates(geometry, sites, coordinates, *count * COLUMNS));
    return coordinates;
}
/** Return the input row that an output site reads under an offset; -1 for none. */
static int64_t read_by(const int64_t *inputs, int64_t count, const int64_t *output, const int64_t *offset, int64_t a,
                       int64_t b) {
    int64_t site[COLUMNS];
    for (int axis = 0; axis < DIMENSION; axis++) {
        const int64_t place = output[axis] * b + offset[axis];
        if (place % a) return -1;
        site[axis] = place / a;
    }
    site[DIMENSION] = output[DIMENSION];
    return row_of(inputs, count, site);
}

/** Some sites in a field without bounds, a long way from 0. */
static scn_geometry *make_geometry(int64_t origin, uint32_t seed) {
    scn_field field = SCN_FIELD_INIT;
    scn_geometry *geometry = NULL;
    float *drawn = random_floats(SITES * COLUMNS, seed);
    int64_t *where = integers(SITES * COLUMNS);
    for (int i = 0; i < SITES * COLUMNS; i++)
        where[i] = i % COLUMNS < DIMENSION ? origin + (int64_t)floorf(drawn[i] * 6) : drawn[i] > 0;
    field.dimension = DIMENSION;
    OK(scn_geometry_create_in_field(&field, where, SITES, COLUMNS, 2, SCN_INPUT_FIRST, &geometry));
    free(drawn), free(where);
    return geometry;
}

static void test_relation(int64_t origin, int64_t a, int64_t b) {
    static const int64_t strides[4][DIMENSION] = {{0, 0}, {1, 1}, {2, 2}, {3, 3}}, three[] = {3, 3};
    scn_geometry *geometry = make_geometry(origin, 3);
    scn_filter filter = SCN_FILTER_INIT;
    scn_relation relation = SCN_RELATION_INIT;
    scn_rulebook *rulebook = NULL, *covering = NULL;
    int64_t offsets[OFFSETS * DIMENSION], count = 0, outputs = 0, volume = 0, lower[DIMENSION];
    int32_t floor_sites = 0, covered = 0, is_unbounded = 0;
    filter.dimension = DIMENSION, filter.size = three;
    OK(scn_filter_offsets(&filter, SCN_FILTER_CENTERED, offsets, OFFSETS * DIMENSION, &volume));
    CHECK(volume == OFFSETS && offsets[0] == -1 && offsets[1] == -1 && offsets[2] == -1 && offsets[3] == 0);
    int64_t *inputs = sites_of(geometry, 0, &count);
    OK(scn_geometry_field(geometry, 0, lower, &is_unbounded));
    CHECK(is_unbounded == 1 && lower[0] <= origin);
    // Where a stride of the input takes it, in steps of the output's.
    int64_t *chosen = integers(count * COLUMNS);
    for (int64_t i = 0; i < count * COLUMNS; i++)
        chosen[i] = i % COLUMNS < DIMENSION ? (int64_t)floor((double)(inputs[i] * a) / (double)b) : inputs[i];
    OK(scn_geometry_add_sites(geometry, NULL, chosen, count, COLUMNS, &floor_sites));
    int64_t *reached = sites_of(geometry, floor_sites, &outputs);
    if (a == 1) {
        int32_t same = 0;
        OK(scn_geometry_floor(geometry, 0, strides[b], &same));
        CHECK(same == floor_sites);
    }
    relation.dimension = DIMENSION, relation.volume = OFFSETS, relation.offsets = offsets;
    relation.input_stride = strides[a], relation.output_stride = strides[b];
    OK(scn_geometry_between(geometry, 0, floor_sites, &relation, &rulebook));

    int64_t rules = 0, expected = 0, wrong = 0;
    const int64_t *starts = NULL;
    const int32_t *input_rows = NULL, *output_rows = NULL;
    OK(scn_rulebook_sizes(rulebook, NULL, &rules, NULL, NULL));
    OK(scn_rulebook_rules(rulebook, &starts, &input_rows, &output_rows));
    float *features = random_floats(count * PLANES, 5), *weight = random_floats(OFFSETS * PLANES * OUT_PLANES, 6);
    double *sums = doubles(outputs * PLANES), *convolved = doubles(outputs * OUT_PLANES);
    for (int64_t k = 0, rule = 0; k < OFFSETS; k++)
        for (int64_t o = 0; o < outputs; o++) {
            const int64_t i = read_by(inputs, count, reached + o * COLUMNS, offsets + k * DIMENSION, a, b);
            if (i < 0) continue;
            wrong += rule >= rules || input_rows[rule] != i || output_rows[rule] != o || starts[k] > rule;
            rule++, expected++;
            for (int p = 0; p < PLANES; p++) {
                sums[o * PLANES + p] += features[i * PLANES + p];
                for (int q = 0; q < OUT_PLANES; q++)
                    convolved[o * OUT_PLANES + q] += (double)features[i * PLANES + p] *
                                                     weight[(k * PLANES + p) * OUT_PLANES + q];
            }
        }
    CHECK(expected > 0 && rules == expected && wrong == 0);

    float *pooled = floats(outputs * PLANES), *back = floats(count * PLANES);
    scn_matrix from = SCN_MATRIX(features, count, PLANES), to = SCN_MATRIX(pooled, outputs, PLANES);
    scn_matrix byway = SCN_MATRIX(back, count, PLANES);
    OK(scn_pooling_forward(rulebook, SCN_POOLING_SUM, &from, &to));
    NEAR("sums", pooled, sums, outputs * PLANES, 1e-6);
    OK(scn_pooling_backward(rulebook, SCN_POOLING_SUM, &from, &to, &to, &byway));
    double *scattered = doubles(count * PLANES);
    for (int64_t rule = 0; rule < rules; rule++)
        for (int p = 0; p < PLANES; p++)
            scattered[input_rows[rule] * PLANES + p] += pooled[output_rows[rule] * PLANES + p];
    NEAR("gradient of sums", back, scattered, count * PLANES, 1e-5);

    const int64_t feature_shape[] = {count, PLANES}, weight_shape[] = {OFFSETS, 1, PLANES, OUT_PLANES};
    scn_tensor *x = NULL, *w = NULL, *y = NULL, *mean = NULL;
    float *values = NULL;
    OK(scn_tensor_create(feature_shape, 2, features, &x));
    OK(scn_tensor_create(weight_shape, 4, weight, &w));
    OK(scn_tensor_convolve(x, rulebook, w, NULL, &y));
    OK(scn_tensor_data(y, &values));
    NEAR("convolution", values, convolved, outputs * OUT_PLANES, 1e-5);
    OK(scn_tensor_pool(x, rulebook, SCN_POOLING_MEAN, &mean));
    OK(scn_tensor_data(mean, &values));
    for (int64_t o = 0; o < outputs; o++) {
        int met = 0;
        for (int64_t rule = 0; rule < rules; rule++) met += output_rows[rule] == o;
        for (int p = 0; p < PLANES && met; p++) sums[o * PLANES + p] /= met;
    }
    NEAR("means", values, sums, outputs * PLANES, 1e-5);

    OK(scn_geometry_covering(geometry, 0, &relation, &covered, &covering));
    int64_t all = 0, missing = 0;
    int64_t *everywhere = sites_of(geometry, covered, &all);
    for (int64_t o = 0; o < outputs; o++)
        for (int64_t k = 0; k < OFFSETS; k++)
            missing += read_by(inputs, count, reached + o * COLUMNS, offsets + k * DIMENSION, a, b) >= 0 &&
                       row_of(everywhere, all, reached + o * COLUMNS) < 0;
    CHECK(missing == 0);
    int64_t idle = 0;
    for (int64_t o = 0; o < all; o++) {
        int is_read = 0;
        for (int64_t k = 0; k < OFFSETS; k++)
            is_read |= read_by(inputs, count, everywhere + o * COLUMNS, offsets + k * DIMENSION, a, b) >= 0;
        idle += !is_read;
    }
    CHECK(idle == 0);

    OK(scn_tensor_release(x)), OK(scn_tensor_release(w)), OK(scn_tensor_release(y)), OK(scn_tensor_release(mean));
    OK(scn_rulebook_release(rulebook)), OK(scn_rulebook_release(covering)), OK(scn_geometry_release(geometry));
    void *const memory[] = {inputs, chosen, reached, features, weight, sums, convolved, pooled, back, scattered,
                            everywhere};
    for (size_t i = 0; i < sizeof memory / sizeof *memory; i++) free(memory[i]);
}

static void test_sets(void) {
    scn_geometry *geometry = make_geometry(-20, 8), *second = make_geometry(-18, 9);
    int64_t first = 0, others = 0, common = 0;
    int32_t taken = 0, combined = 0;
    int64_t *ours = sites_of(geometry, 0, &first), *theirs = sites_of(second, 0, &others);
    OK(scn_geometry_add_sites(geometry, NULL, theirs, others, COLUMNS, &taken));
    int64_t *rows = integers(first), *found = integers(others);
    OK(scn_geometry_match_sites(geometry, 0, second, 0, rows, first));
    OK(scn_geometry_find_rows(geometry, 0, theirs, others, COLUMNS, found));
    int wrong = 0;
    for (int64_t row = 0; row < first; row++) {
        wrong += rows[row] != row_of(theirs, others, ours + row * COLUMNS);
        common += rows[row] >= 0;
    }
    for (int64_t row = 0; row < others; row++) wrong += found[row] != row_of(ours, first, theirs + row * COLUMNS);
    CHECK(wrong == 0 && common > 0 && common < first);
    const int64_t sizes[] = {first + others - common, common, first - common};
    for (int which = 0; which < 3; which++) {
        int64_t count = 0;
        OK(scn_geometry_combine(geometry, 0, taken, (scn_site_combination)which, &combined));
        OK(scn_geometry_site_count(geometry, combined, &count));
        CHECK(count == sizes[which]);
    }
    OK(scn_geometry_release(geometry)), OK(scn_geometry_release(second));
    free(ours), free(theirs), free(rows), free(found);
}

static void test_interpolation(int rescaled) {
    scn_geometry *geometry = make_geometry(0, 11);
    scn_rulebook *rulebook = NULL;
    int64_t count = 0, rules = 0, samples[POINTS] = {0};
    int64_t *sites = sites_of(geometry, 0, &count);
    float *features = random_floats(count * PLANES, 12), *points = random_floats(POINTS * DIMENSION, 13);
    double *want = doubles(POINTS * PLANES);
    for (int n = 0; n < POINTS; n++) {
        double total = 0;
        samples[n] = n % 2;
        for (int axis = 0; axis < DIMENSION; axis++) points[n * DIMENSION + axis] *= 6;
        for (int64_t row = 0; row < count; row++) {
            double share = sites[row * COLUMNS + DIMENSION] == samples[n];
            for (int axis = 0; axis < DIMENSION; axis++)
                share *= fmax(0, 1 - fabs((double)points[n * DIMENSION + axis] - (double)sites[row * COLUMNS + axis]));
            for (int p = 0; p < PLANES; p++) want[n * PLANES + p] += share * features[row * PLANES + p];
            total += share;
        }
        for (int p = 0; p < PLANES && rescaled && total > 0; p++) want[n * PLANES + p] /= total;
    }
    OK(scn_geometry_interpolation(geometry, 0, points, SCN_FLOAT32, POINTS, samples, &rulebook));
    OK(scn_rulebook_sizes(rulebook, NULL, &rules, NULL, NULL));
    float *weights = floats(rules), *result = floats(POINTS * PLANES);
    scn_matrix factors = SCN_MATRIX(weights, 1, rules), from = SCN_MATRIX(features, count, PLANES);
    scn_matrix to = SCN_MATRIX(result, POINTS, PLANES);
    OK(scn_interpolation_weights(rulebook, points, SCN_FLOAT32, POINTS, DIMENSION, rescaled, &factors));
    OK(scn_weighted_sum_forward(rulebook, &factors, &from, &to));
    NEAR("interpolation", result, want, POINTS * PLANES, 1e-5);

    const int64_t feature_shape[] = {count, PLANES}, point_shape[] = {POINTS, DIMENSION};
    scn_tensor *values = NULL, *sparse = NULL, *places = NULL, *y = NULL;
    float *data = NULL;
    OK(scn_tensor_create(feature_shape, 2, features, &values));
    OK(scn_sparse_create(geometry, 0, values, &sparse));
    OK(scn_tensor_create(point_shape, 2, points, &places));
    OK(scn_tensor_interpolate(sparse, places, samples, rescaled, &y));
    OK(scn_tensor_data(y, &data));
    NEAR("interpolation of tensors", data, want, POINTS * PLANES, 1e-5);
    OK(scn_tensor_release(values)), OK(scn_tensor_release(sparse)), OK(scn_tensor_release(places));
    OK(scn_tensor_release(y)), OK(scn_rulebook_release(rulebook)), OK(scn_geometry_release(geometry));
    free(sites), free(features), free(points), free(want), free(weights), free(result);
}

int main(void) {
    for (int64_t a = 1; a <= 3; a++)
        for (int64_t b = 1; b <= 3; b++) test_relation(a * b == 6 ? 1000000000 : -7, a, b);
    test_sets();
    for (int rescaled = 0; rescaled < 2; rescaled++) test_interpolation(rescaled);
    CHECK(scn_live_handles() == 0);
    return finish();
}

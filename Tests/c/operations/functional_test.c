/* The functional level against naive loops: geometry and rulebooks, then every operation from buffers to buffers,
 * forward and backward. */
#include "naive.h"

#include <string.h>

/* ============================================================================================ Convolution, pooling */

typedef struct filter_case {
    const char *name;
    int submanifold;
    int32_t dimension;
    int64_t size[4], batch;
    uint32_t percent;
    int64_t filter_size[4], stride[4], padding[4], dilation[4];
    planes width;
} filter_case;

static const filter_case filter_cases[] = {
    {"submanifold 3", 1, 2, {9, 8}, 2, 40, {3, 3}, {1, 1}, {0, 0}, {1, 1}, {5, 7, 1}},
    {"submanifold even, groups", 1, 2, {7, 9}, 1, 60, {2, 4}, {1, 1}, {0, 0}, {1, 1}, {6, 9, 3}},
    {"submanifold, depthwise", 1, 3, {6, 5, 7}, 2, 40, {3, 3, 3}, {1, 1, 1}, {0, 0, 0}, {1, 1, 1}, {37, 37, 37}},
    {"submanifold, two planes for one", 1, 2, {9, 8}, 2, 40, {3, 3}, {1, 1}, {0, 0}, {1, 1}, {17, 34, 17}},
    {"submanifold dilated", 1, 3, {6, 5, 7}, 2, 30, {3, 1, 5}, {1, 1, 1}, {0, 0, 0}, {2, 1, 1}, {16, 32, 1}},
    {"submanifold 1-D, wide", 1, 1, {40}, 3, 70, {3}, {1}, {0}, {1}, {64, 48, 2}},
    {"submanifold 4-D", 1, 4, {4, 3, 4, 3}, 2, 50, {3, 3, 3, 3}, {1, 1, 1, 1}, {0, 0, 0, 0}, {1, 1, 1, 1}, {2, 3, 1}},
    {"submanifold, every site", 1, 2, {12, 12}, 2, 100, {5, 3}, {1, 1}, {0, 0}, {1, 1}, {8, 8, 1}},
    {"submanifold, no site", 1, 2, {5, 5}, 1, 0, {3, 3}, {1, 1}, {0, 0}, {1, 1}, {3, 4, 1}},
    {"strided 3/2", 0, 2, {9, 11}, 2, 30, {3, 3}, {2, 2}, {0, 0}, {1, 1}, {4, 6, 2}},
    {"strided 2/2", 0, 3, {6, 4, 8}, 2, 20, {2, 2, 2}, {2, 2, 2}, {0, 0, 0}, {1, 1, 1}, {16, 24, 1}},
    {"strided, depthwise", 0, 2, {9, 11}, 2, 40, {3, 3}, {2, 2}, {0, 0}, {1, 1}, {16, 16, 16}},
    {"strided with gaps", 0, 2, {13, 10}, 1, 50, {1, 2}, {3, 4}, {0, 0}, {1, 1}, {3, 5, 1}},
    {"strided, padded, dilated", 0, 2, {10, 7}, 2, 40, {3, 4}, {2, 3}, {1, 3}, {3, 2}, {7, 33, 1}},
    {"strided by one", 0, 2, {6, 6}, 1, 30, {4, 3}, {1, 1}, {0, 0}, {1, 1}, {17, 2, 1}},
    {"strided, no site", 0, 1, {9}, 1, 0, {3}, {2}, {0}, {1}, {2, 2, 1}},
};
enum { FILTER_CASES = sizeof filter_cases / sizeof filter_cases[0] };

/** Compare a site set of the library with sites. */
static void check_sites(scn_geometry *geometry, int32_t sites, const site_list *want) {
    int64_t count = -1, size[SCN_MAX_DIMENSION], columns = want->dimension + 1;
    OK(scn_geometry_site_count(geometry, sites, &count));
    if (!CHECK(count == want->count)) return;
    int64_t *coordinates = integers(count * columns);
    OK(scn_geometry_coordinates(geometry, sites, coordinates, count * columns));
    CHECK(memcmp(coordinates, want->sites, (size_t)(count * columns) * sizeof *coordinates) == 0);
    OK(scn_geometry_spatial_size(geometry, sites, size));
    CHECK(memcmp(size, want->size, (size_t)want->dimension * sizeof *size) == 0);
    free(coordinates);
}

static int by_offset_then_output(const void *a, const void *b) {
    const rule *x = (const rule *)a, *y = (const rule *)b;
    if (x->offset != y->offset) return x->offset < y->offset ? -1 : 1;
    if (x->output != y->output) return x->output < y->output ? -1 : 1;
    return x->input < y->input ? -1 : x->input > y->input;
}

static void check_rules(scn_rulebook *rulebook, rule_list *want, int64_t input_rows, int64_t output_rows) {
    int64_t volume = -1, rules = -1, inputs = -1, outputs = -1;
    const int64_t *offsets = NULL;
    const int32_t *input = NULL, *output = NULL;
    OK(scn_rulebook_sizes(rulebook, &volume, &rules, &inputs, &outputs));
    CHECK(volume == want->volume && inputs == input_rows && outputs == output_rows);
    OK(scn_rulebook_rules(rulebook, &offsets, &input, &output));
    if (!CHECK(rules == want->count) || !offsets) return;
    CHECK(offsets[0] == 0 && offsets[volume] == rules);
    qsort(want->rules, (size_t)want->count, sizeof *want->rules, by_offset_then_output);
    int64_t same = 0;
    for (int64_t offset = 0; offset < volume; offset++)
        for (int64_t i = offsets[offset]; i < offsets[offset + 1]; i++)
            same += want->rules[i].offset == offset && want->rules[i].input == input[i] &&
                    want->rules[i].output == output[i];
    CHECK(same == rules);
}

static void check_max_pooling(scn_rulebook *rulebook, const rule_list *rules, int64_t planes, int64_t drop,
                              int64_t input_rows, int64_t output_rows) {
    int64_t kept = planes - drop;
    float *input = random_floats(input_rows * planes, 11), *gradient = random_floats(output_rows * kept, 12);
    float *output = random_floats(output_rows * kept, 13), *by_input = random_floats(input_rows * planes, 14);
    double *want = doubles(output_rows * kept), *want_gradient = doubles(input_rows * planes);
    for (int64_t i = 0; i < rules->count; i++)
        for (int64_t plane = 0; plane < kept; plane++) {
            double *to = &want[rules->rules[i].output * kept + plane];
            *to = fmax(*to, input[rules->rules[i].input * planes + plane + drop]);
        }
    for (int64_t i = 0; i < rules->count; i++)
        for (int64_t plane = 0; plane < kept; plane++) {
            int64_t from = rules->rules[i].input * planes + plane + drop, to = rules->rules[i].output * kept + plane;
            if (input[from] == want[to]) want_gradient[from] += gradient[to];
        }
    scn_matrix in = SCN_MATRIX(input, input_rows, planes), out = SCN_MATRIX(output, output_rows, kept);
    scn_matrix by_out = SCN_MATRIX(gradient, output_rows, kept), by_in = SCN_MATRIX(by_input, input_rows, planes);
    OK(scn_max_pooling_forward(rulebook, &in, drop, &out));
    NEAR("max pooling", output, want, output_rows * kept, 0);
    OK(scn_max_pooling_backward(rulebook, &in, &out, &by_out, drop, &by_in));
    NEAR("max pooling, gradient", by_input, want_gradient, input_rows * planes, 1e-6);
    free(input), free(gradient), free(output), free(by_input), free(want), free(want_gradient);
}

/** Create the geometry of some sites, given in reverse. */
static scn_geometry *create_geometry(const site_list *list) {
    scn_geometry *geometry = NULL;
    int64_t columns = list->dimension + 1;
    int64_t *backwards = integers(list->count * columns);
    for (int64_t row = 0; row < list->count; row++)
        memcpy(backwards + row * columns, list->sites + (list->count - 1 - row) * columns,
               (size_t)columns * sizeof(int64_t));
    OK(scn_geometry_create(list->dimension, list->size, backwards, list->count, (int32_t)columns, list->batch,
                           SCN_INPUT_UNIQUE, &geometry));
    free(backwards);
    return geometry;
}

static void test_filter(const filter_case *c, uint64_t seed) {
    printf("%s\n", c->name);
    scn_filter filter = SCN_FILTER_INIT;
    filter.dimension = c->dimension, filter.size = c->filter_size;
    filter.stride = c->stride, filter.padding = c->padding, filter.dilation = c->dilation;
    site_list inputs = random_sites(c->dimension, c->size, c->batch, c->percent, seed);
    site_list outputs = c->submanifold ? inputs : strided_sites(&inputs, &filter);
    rule_list rules = find_rules(&inputs, &outputs, &filter, c->submanifold);

    scn_geometry *geometry = create_geometry(&inputs);
    scn_rulebook *rulebook = NULL, *again = NULL, *reversed = NULL;
    int32_t output_sites = 0, input_sites = -1;
    check_sites(geometry, 0, &inputs);
    if (c->submanifold) {
        filter.stride = filter.padding = NULL;
        OK(scn_geometry_submanifold(geometry, 0, &filter, &rulebook));
        OK(scn_geometry_submanifold(geometry, 0, &filter, &again));
        OK(scn_rulebook_reversed(rulebook, &reversed));
    } else {
        int32_t output_sites_again = -1;
        OK(scn_geometry_strided(geometry, 0, &filter, &output_sites, &rulebook));
        OK(scn_geometry_strided(geometry, 0, &filter, &output_sites_again, &again));
        CHECK(output_sites_again == output_sites);
        OK(scn_geometry_reverse(geometry, output_sites, &filter, &input_sites, &reversed));
        CHECK(input_sites == 0);
    }
    check_sites(geometry, output_sites, &outputs);
    const int64_t *first = NULL, *second = NULL;
    const int32_t *unused_input, *unused_output;
    OK(scn_rulebook_rules(rulebook, &first, &unused_input, &unused_output));
    OK(scn_rulebook_rules(again, &second, &unused_input, &unused_output));
    CHECK(first == second);

    check_rules(rulebook, &rules, inputs.count, outputs.count);
    check_convolution(rulebook, &rules, c->width, inputs.count, outputs.count);
    check_max_pooling(rulebook, &rules, c->width.in, c->width.in > 2 ? 2 : 0, inputs.count, outputs.count);
    reverse_rules(&rules);
    check_rules(reversed, &rules, outputs.count, inputs.count);
    check_convolution(reversed, &rules, c->width, outputs.count, inputs.count);

    scn_rulebook_release(rulebook), scn_rulebook_release(again), scn_rulebook_release(reversed);
    scn_geometry_release(geometry);
    free(rules.rules), free(inputs.sites);
    if (!c->submanifold) free(outputs.sites);
}

/* ================================================================================== Input, output, sparse to dense */

/** Points of which several share a site: `rows` draws from the sites of a list. */
static void test_input_layer(scn_input_mode mode) {
    enum { PLANES = 3 };
    const int64_t size[] = {5, 4};
    site_list list = random_sites(2, size, 2, 45, 21);
    const int64_t rows = mode == SCN_INPUT_UNIQUE ? list.count : 3 * list.count;
    uint64_t state = 5;
    int64_t *site_of_row = integers(rows), *coordinates = integers(rows * 3);
    int64_t *count = integers(list.count), *winner = integers(list.count);
    for (int64_t row = 0; row < rows; row++) {
        int64_t site = row < list.count ? list.count - 1 - row : (int64_t)(next_random(&state) % (uint32_t)list.count);
        site_of_row[row] = site;
        memcpy(coordinates + row * 3, list.sites + site * 3, 3 * sizeof *coordinates);
        if (count[site]++ == 0 || mode == SCN_INPUT_LAST) winner[site] = row;
    }
    const int one_wins = mode == SCN_INPUT_LAST || mode == SCN_INPUT_FIRST;
    float *features = random_floats(rows * PLANES, 22), *by_sites = random_floats(list.count * PLANES, 23);
    float *result = random_floats(list.count * PLANES, 24), *back = random_floats(rows * PLANES, 25);
    double *want = doubles(list.count * PLANES), *want_by_features = doubles(rows * PLANES);
    double *want_rows = doubles(rows * PLANES), *want_by_sites = doubles(list.count * PLANES);
    for (int64_t row = 0; row < rows; row++)
        for (int64_t plane = 0; plane < PLANES; plane++) {
            int64_t site = site_of_row[row], at_site = site * PLANES + plane, at_row = row * PLANES + plane;
            double share = mode == SCN_INPUT_MEAN ? 1.0 / (double)count[site] : 1.0;
            if (one_wins && winner[site] != row) continue;
            want[at_site] += share * features[at_row];
            want_by_features[at_row] = share * by_sites[at_site];
            want_rows[at_row] = by_sites[at_site];
            want_by_sites[at_site] += features[at_row];
        }

    scn_geometry *geometry = NULL;
    int64_t input_rows = -1, batch_size = -1;
    int32_t dimension = -1, found = -1;
    OK(scn_geometry_create(2, size, coordinates, rows, 3, 4, mode, &geometry));
    OK(scn_geometry_input_row_count(geometry, &input_rows));
    OK(scn_geometry_batch_size(geometry, &batch_size));
    OK(scn_geometry_dimension(geometry, &dimension));
    OK(scn_geometry_find_sites(geometry, size, &found));
    CHECK(input_rows == rows && batch_size == 4 && dimension == 2 && found == 0);
    check_sites(geometry, 0, &list);

    scn_matrix by_row = SCN_MATRIX(features, rows, PLANES), site = SCN_MATRIX(by_sites, list.count, PLANES);
    scn_matrix to_sites = SCN_MATRIX(result, list.count, PLANES), to_rows = SCN_MATRIX(back, rows, PLANES);
    OK(scn_input_forward(geometry, &by_row, &to_sites));
    NEAR("input layer", result, want, list.count * PLANES, 1e-6);
    OK(scn_input_backward(geometry, &site, &to_rows));
    NEAR("input layer, gradient", back, want_by_features, rows * PLANES, 1e-6);
    OK(scn_output_forward(geometry, &site, &to_rows));
    NEAR("output layer", back, want_rows, rows * PLANES, 0);
    OK(scn_output_backward(geometry, &by_row, &to_sites));
    NEAR("output layer, gradient", result, want_by_sites, list.count * PLANES, 1e-6);

    scn_geometry_release(geometry);
    free(site_of_row), free(coordinates), free(count), free(winner), free(features), free(by_sites), free(result);
    free(back), free(want), free(want_by_features), free(want_rows), free(want_by_sites), free(list.sites);
}

static void test_sparse_to_dense(void) {
    enum { PLANES = 5, BATCH = 3, VOLUME = 4 * 3 * 5, ALL = BATCH * PLANES * VOLUME };
    const int64_t size[] = {4, 3, 5};
    site_list list = random_sites(3, size, 2, 30, 31);
    list.batch = BATCH; /* the last sample has no site */
    scn_geometry *geometry = create_geometry(&list);
    float *input = random_floats(list.count * PLANES, 32), *dense = random_floats(ALL, 33);
    float *gradient = random_floats(ALL, 34), *by_input = random_floats(list.count * PLANES, 35);
    double *want = doubles(ALL), *want_gradient = doubles(list.count * PLANES);
    for (int64_t row = 0; row < list.count; row++)
        for (int64_t plane = 0; plane < PLANES; plane++) {
            const int64_t *s = list.sites + row * 4;
            int64_t at = ((s[3] * PLANES + plane) * VOLUME) + (s[0] * 3 + s[1]) * 5 + s[2];
            want[at] = input[row * PLANES + plane];
            want_gradient[row * PLANES + plane] = gradient[at];
        }
    scn_matrix in = SCN_MATRIX(input, list.count, PLANES), by_in = SCN_MATRIX(by_input, list.count, PLANES);
    OK(scn_sparse_to_dense_forward(geometry, 0, &in, dense, ALL));
    NEAR("sparse to dense", dense, want, ALL, 0);
    OK(scn_sparse_to_dense_backward(geometry, 0, gradient, ALL, &by_in));
    NEAR("sparse to dense, gradient", by_input, want_gradient, list.count * PLANES, 0);
    scn_geometry_release(geometry);
    free(input), free(dense), free(gradient), free(by_input), free(want), free(want_gradient), free(list.sites);
}

/* ============================================================================ Row by row: linear, loss, batch norm */

static void test_linear(int64_t rows, int64_t in, int64_t out, int transposed) {
    float *input = random_floats(rows * in, 41), *weight = random_floats(in * out, 42), *bias = random_floats(out, 43);
    float *gradient = random_floats(rows * out, 44), *result = random_floats(rows * out, 45);
    float *by_input = random_floats(rows * in, 46), *by_weight = random_floats(in * out, 47), *by_bias = floats(out);
    double *want = doubles(rows * out), *want_input = doubles(rows * in), *want_weight = doubles(in * out);
    double *want_bias = doubles(out);
    for (int64_t row = 0; row < rows; row++)
        for (int64_t b = 0; b < out; b++) {
            double dy = gradient[row * out + b], sum = bias[b];
            want_bias[b] += dy;
            for (int64_t a = 0; a < in; a++) {
                int64_t at = transposed ? b * in + a : a * out + b;
                sum += (double)input[row * in + a] * weight[at];
                want_input[row * in + a] += dy * weight[at];
                want_weight[at] += dy * input[row * in + a];
            }
            want[row * out + b] = sum;
        }
    scn_matrix x = SCN_MATRIX(input, rows, in), y = SCN_MATRIX(result, rows, out);
    scn_matrix by_y = SCN_MATRIX(gradient, rows, out), by_x = SCN_MATRIX(by_input, rows, in);
    OK(scn_linear_forward(&x, weight, transposed, bias, &y));
    NEAR("linear", result, want, rows * out, 1e-5);
    OK(scn_linear_backward_input(&by_y, weight, transposed, &by_x));
    NEAR("linear, gradient by the input", by_input, want_input, rows * in, 1e-5);
    OK(scn_linear_backward_weight(&x, &by_y, transposed, by_weight, by_bias));
    NEAR("linear, gradient by the weight", by_weight, want_weight, in * out, 1e-5);
    NEAR("linear, gradient by the bias", by_bias, want_bias, out, 1e-5);
    memset(by_bias, 0, (size_t)out * sizeof *by_bias);
    OK(scn_linear_backward_weight(&x, &by_y, transposed, NULL, by_bias));
    NEAR("linear, gradient by the bias alone", by_bias, want_bias, out, 1e-5);
    OK(scn_linear_backward_weight(&x, &by_y, transposed, NULL, NULL));
    free(input), free(weight), free(bias), free(gradient), free(result), free(by_input), free(by_weight), free(by_bias);
    free(want), free(want_input), free(want_weight), free(want_bias);
}

static void test_cross_entropy(int weighted, int64_t ignored) {
    enum { ROWS = 37, CLASSES = 6 };
    float *logits = random_floats(ROWS * CLASSES, 51), *weights = random_floats(CLASSES, 52);
    float *gradient = random_floats(ROWS * CLASSES, 53), loss = -1;
    double *want = doubles(ROWS * CLASSES), total = 0, sum = 0;
    int64_t labels[ROWS];
    for (int i = 0; i < ROWS * CLASSES; i++) logits[i] *= 30;
    for (int i = 0; i < CLASSES; i++) weights[i] = weighted ? fabsf(weights[i]) : 1;
    for (int row = 0; row < ROWS; row++) {
        labels[row] = row % 5 == 4 ? ignored : row % CLASSES;
        if (labels[row] != ignored) total += weights[labels[row]];
    }
    for (int row = 0; row < ROWS; row++) {
        const float *x = logits + row * CLASSES;
        double highest = x[0], exponentials = 0;
        if (labels[row] == ignored) continue;
        for (int i = 0; i < CLASSES; i++) highest = fmax(highest, x[i]);
        for (int i = 0; i < CLASSES; i++) exponentials += exp(x[i] - highest);
        sum += weights[labels[row]] * (log(exponentials) + highest - x[labels[row]]);
        for (int i = 0; i < CLASSES; i++)
            want[row * CLASSES + i] =
                weights[labels[row]] / total * (exp(x[i] - highest) / exponentials - (i == labels[row]));
    }
    scn_matrix in = SCN_MATRIX(logits, ROWS, CLASSES), by_in = SCN_MATRIX(gradient, ROWS, CLASSES);
    double mean = sum / total;
    OK(scn_cross_entropy_forward(&in, labels, weighted ? weights : NULL, ignored, &loss, &by_in));
    NEAR("cross entropy", &loss, &mean, 1, 1e-5);
    NEAR("cross entropy, gradient", gradient, want, ROWS * CLASSES, 1e-5);
    for (int row = 0; row < ROWS; row++) labels[row] = ignored;
    OK(scn_cross_entropy_forward(&in, labels, NULL, ignored, &loss, NULL));
    CHECK(loss == 0);
    free(logits), free(weights), free(gradient), free(want);
}

static void test_binary_cross_entropy(void) {
    enum { ROWS = 37, PLANES = 3 };
    float *logits = random_floats(ROWS * PLANES, 54), *targets = random_floats(ROWS * PLANES, 55);
    float *gradient = random_floats(ROWS * PLANES, 56), loss = -1;
    double *want = doubles(ROWS * PLANES), mean = 0;
    for (int i = 0; i < ROWS * PLANES; i++) {
        logits[i] *= 9;
        targets[i] = i % 4 == 0 ? 0 : i % 4 == 1 ? 1 : fabsf(targets[i]);
        const double probability = 1 / (1 + exp(-(double)logits[i])), target = targets[i];
        mean -= (target * log(probability) + (1 - target) * log(1 - probability)) / (ROWS * PLANES);
        want[i] = (probability - target) / (ROWS * PLANES);
    }
    scn_matrix in = SCN_MATRIX(logits, ROWS, PLANES), by_in = SCN_MATRIX(gradient, ROWS, PLANES);
    scn_matrix none = SCN_MATRIX(NULL, 0, PLANES);
    OK(scn_binary_cross_entropy_forward(&in, targets, &loss, &by_in));
    NEAR("binary cross entropy", &loss, &mean, 1, 1e-5);
    NEAR("binary cross entropy, gradient", gradient, want, ROWS * PLANES, 1e-5);
    OK(scn_binary_cross_entropy_forward(&none, NULL, &loss, NULL));
    CHECK(loss == 0);
    free(logits), free(targets), free(gradient), free(want);
}

/** The statistics of one plane, in double precision. */
static void plane_statistics(const float *input, int64_t rows, int64_t planes, int64_t plane, double *mean,
                             double *squares) {
    *mean = *squares = 0;
    for (int64_t row = 0; row < rows; row++) *mean += input[row * planes + plane] / (double)rows;
    for (int64_t row = 0; row < rows; row++) *squares += pow(input[row * planes + plane] - *mean, 2);
}

static void test_batch_norm(int64_t rows, int64_t planes, double leakiness, int training) {
    scn_batch_norm_options options = SCN_BATCH_NORM_OPTIONS_INIT;
    options.leakiness = leakiness, options.momentum = 0.9;
    float *input = random_floats(rows * planes, 61), *weight = random_floats(planes, 62),
          *bias = random_floats(planes, 63);
    float *mean = random_floats(planes, 64), *variance = random_floats(planes, 65), *result = floats(rows * planes);
    float *gradient = random_floats(rows * planes, 66), *by_input = floats(rows * planes), *by_weight = floats(planes);
    float *by_bias = floats(planes), *saved_mean = floats(planes), *saved_inverse = floats(planes);
    double *want = doubles(rows * planes), *want_input = doubles(rows * planes), *want_weight = doubles(planes);
    double *want_bias = doubles(planes), *want_mean = doubles(planes), *want_variance = doubles(planes);
    for (int64_t plane = 0; plane < planes; plane++) {
        double center, squares;
        variance[plane] = fabsf(variance[plane]) + 0.5f;
        plane_statistics(input, rows, planes, plane, &center, &squares);
        double kept = rows > 0 ? 0.9 : 1;
        want_mean[plane] = kept * mean[plane] + 0.1 * center;
        want_variance[plane] = kept * variance[plane] + 0.1 * (rows > 1 ? squares / (double)(rows - 1) : 0);
        double inverse = 1 / sqrt((training ? squares / (double)rows : variance[plane]) + options.epsilon);
        if (!training) center = mean[plane];
        for (int64_t row = 0; row < rows; row++) {
            int64_t at = row * planes + plane;
            double normal = (input[at] - center) * inverse, y = normal * weight[plane] + bias[plane];
            double dy = gradient[at] * (y > 0 ? 1 : leakiness);
            want[at] = y > 0 ? y : leakiness * y;
            want_weight[plane] += dy * normal;
            want_bias[plane] += dy;
        }
        for (int64_t row = 0; row < rows; row++) {
            int64_t at = row * planes + plane;
            double normal = (input[at] - center) * inverse, y = normal * weight[plane] + bias[plane];
            double dy = gradient[at] * (y > 0 ? 1 : leakiness);
            if (training) dy -= (want_bias[plane] + normal * want_weight[plane]) / (double)rows;
            want_input[at] = weight[plane] * inverse * dy;
        }
    }
    scn_matrix x = SCN_MATRIX(input, rows, planes), y = SCN_MATRIX(result, rows, planes);
    scn_matrix by_y = SCN_MATRIX(gradient, rows, planes), by_x = SCN_MATRIX(by_input, rows, planes);
    if (training) {
        OK(scn_batch_norm_forward_training(&x, weight, bias, mean, variance, &options, saved_mean, saved_inverse, &y));
        OK(scn_batch_norm_backward_training(&x, &y, &by_y, weight, saved_mean, saved_inverse, &options, by_weight,
                                            by_bias, &by_x));
        NEAR("running mean", mean, want_mean, planes, 1e-5);
        NEAR("running variance", variance, want_variance, planes, 1e-5);
    } else {
        OK(scn_batch_norm_forward_evaluation(&x, weight, bias, mean, variance, &options, &y));
        OK(scn_batch_norm_backward_evaluation(&x, &y, &by_y, weight, mean, variance, &options, by_weight, by_bias,
                                              &by_x));
    }
    NEAR("batch norm", result, want, rows * planes, 1e-4);
    NEAR("batch norm, gradient by the weight", by_weight, want_weight, planes, 1e-4);
    NEAR("batch norm, gradient by the bias", by_bias, want_bias, planes, 1e-4);
    NEAR("batch norm, gradient by the input", by_input, want_input, rows * planes, 1e-4);
    free(input), free(weight), free(bias), free(mean), free(variance), free(result), free(gradient), free(by_input);
    free(by_weight), free(by_bias), free(saved_mean), free(saved_inverse);
    free(want), free(want_input), free(want_weight), free(want_bias), free(want_mean), free(want_variance);
}

int main(void) {
    const int64_t before = scn_memory_in_use();
    for (int i = 0; i < FILTER_CASES; i++) test_filter(&filter_cases[i], 100 + (uint64_t)i);
    for (int mode = 0; mode <= 4; mode++) test_input_layer((scn_input_mode)mode);
    test_sparse_to_dense();
    for (int transposed = 0; transposed <= 1; transposed++) {
        test_linear(53, 19, 34, transposed);
        test_linear(1, 64, 1, transposed);
        test_linear(0, 3, 4, transposed);
    }
    test_cross_entropy(0, -100);
    test_cross_entropy(1, 3);
    test_binary_cross_entropy();
    const double leaks[] = {1, 0, 0.333};
    for (int i = 0; i < 3; i++) {
        test_batch_norm(41, 19, leaks[i], 1);
        test_batch_norm(41, 19, leaks[i], 0);
        test_batch_norm(1, 5, leaks[i], 1);
        test_batch_norm(0, 5, leaks[i], 1);
    }
    CHECK(scn_live_handles() == 0);
    CHECK(scn_memory_in_use() <= before);
    return finish();
}

/* Average, un-, global and fractional pooling, full convolution and windows displaced at random: the functional level
 * against naive loops over the library's rules, and the modules against the functional level. */
#include "naive.h"

enum { PLANES = 5, DROP = 2, KEPT = PLANES - DROP };

/** Return the library's rules and how many rows they join. */
static rule_list rules_of(scn_rulebook *rulebook, int64_t *input_rows, int64_t *output_rows) {
    rule_list list = {NULL, 0, 0};
    const int64_t *offsets = NULL;
    const int32_t *inputs = NULL, *outputs = NULL;
    OK(scn_rulebook_sizes(rulebook, &list.volume, &list.count, input_rows, output_rows));
    OK(scn_rulebook_rules(rulebook, &offsets, &inputs, &outputs));
    list.rules = (rule *)zeros(list.count, sizeof(rule));
    for (int64_t offset = 0; offset < list.volume; offset++)
        for (int64_t i = offsets[offset]; i < offsets[offset + 1]; i++) {
            rule next = {offset, inputs[i], outputs[i]};
            list.rules[i] = next;
        }
    return list;
}

static void check_sums(scn_rulebook *rulebook, int is_average) {
    int64_t rows_in = 0, rows_out = 0;
    rule_list list = rules_of(rulebook, &rows_in, &rows_out);
    const double scale = is_average ? 1.0 / (double)list.volume : 1;
    float *input = random_floats(rows_in * PLANES, 1), *output = random_floats(rows_out * KEPT, 2);
    float *gradient = random_floats(rows_out * KEPT, 3), *by_input = random_floats(rows_in * PLANES, 4);
    double *want = doubles(rows_out * KEPT), *want_gradient = doubles(rows_in * PLANES);
    for (int64_t i = 0; i < list.count; i++)
        for (int64_t plane = 0; plane < KEPT; plane++) {
            int64_t from = list.rules[i].input * PLANES + DROP + plane, to = list.rules[i].output * KEPT + plane;
            want[to] += scale * input[from];
            want_gradient[from] += scale * gradient[to];
        }
    scn_matrix in = SCN_MATRIX(input, rows_in, PLANES), out = SCN_MATRIX(output, rows_out, KEPT);
    scn_matrix by_out = SCN_MATRIX(gradient, rows_out, KEPT), by_in = SCN_MATRIX(by_input, rows_in, PLANES);
    if (is_average) OK(scn_average_pooling_forward(rulebook, &in, DROP, &out));
    else OK(scn_unpooling_forward(rulebook, &in, DROP, &out));
    NEAR("sums", output, want, rows_out * KEPT, 1e-5);
    if (is_average) OK(scn_average_pooling_backward(rulebook, &by_out, DROP, &by_in));
    else OK(scn_unpooling_backward(rulebook, &by_out, DROP, &by_in));
    NEAR("sums, gradient", by_input, want_gradient, rows_in * PLANES, 1e-5);
    free(list.rules), free(input), free(output), free(gradient), free(by_input), free(want), free(want_gradient);
}

static void check_convolutions(scn_rulebook *rulebook) {
    const planes widths[] = {{6, 4, 2}, {32, 24, 1}};
    int64_t rows_in = 0, rows_out = 0;
    rule_list list = rules_of(rulebook, &rows_in, &rows_out);
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++)
        check_convolution(rulebook, &list, widths[i], rows_in, rows_out);
    free(list.rules);
}

/** Find out whether a rulebook has the rules of a filter whose output reads or, the other way round, writes the
 *  input. */
static void check_full(scn_geometry *geometry, const site_list *list, const scn_filter *filter, int32_t sites,
                       scn_rulebook *rulebook) {
    int64_t rows_in = 0, rows_out = 0, size[SCN_MAX_DIMENSION], good = 0, reached = 0;
    rule_list rules = rules_of(rulebook, &rows_in, &rows_out);
    int64_t columns = list->dimension + 1, *outputs = integers(rows_out * columns);
    OK(scn_geometry_spatial_size(geometry, sites, size));
    OK(scn_geometry_coordinates(geometry, sites, outputs, rows_out * columns));
    CHECK(rows_in == list->count && rules.count == list->count * rules.volume);
    for (int32_t axis = 0; axis < list->dimension; axis++)
        CHECK(size[axis] == (list->size[axis] - 1) * filter->stride[axis] + filter->size[axis]);
    for (int64_t i = 0; i < rules.count; i++) {
        const int64_t *from = list->sites + rules.rules[i].input * columns;
        const int64_t *to = outputs + rules.rules[i].output * columns;
        int64_t offset = 0;
        for (int32_t axis = 0; axis < list->dimension; axis++)
            offset = offset * filter->size[axis] + to[axis] - from[axis] * filter->stride[axis];
        good += offset == rules.rules[i].offset && from[list->dimension] == to[list->dimension];
    }
    for (int64_t row = 0; row < rows_out; row++)
        for (int64_t i = 0; i < rules.count; i++)
            if (rules.rules[i].output == row) {
                reached++;
                break;
            }
    CHECK(good == rules.count && reached == rows_out);
    free(rules.rules), free(outputs);
}

static scn_geometry *create_geometry(const site_list *list) {
    scn_geometry *geometry = NULL;
    OK(scn_geometry_create(list->dimension, list->size, list->sites, list->count, list->dimension + 1, list->batch,
                           SCN_INPUT_UNIQUE, &geometry));
    return geometry;
}

static void test_filter(int32_t dimension, int64_t extent, int64_t filter_size, int64_t stride, uint32_t percent) {
    int64_t extents[SCN_MAX_DIMENSION], sizes[SCN_MAX_DIMENSION], strides[SCN_MAX_DIMENSION];
    for (int32_t axis = 0; axis < dimension; axis++)
        extents[axis] = extent, sizes[axis] = filter_size, strides[axis] = stride;
    printf("dimension %d, size %d, filter %d, stride %d\n", (int)dimension, (int)extent, (int)filter_size, (int)stride);
    scn_filter filter = SCN_FILTER_INIT;
    filter.dimension = dimension, filter.size = sizes, filter.stride = strides;
    site_list list = random_sites(dimension, extents, 2, percent, 41);
    scn_geometry *geometry = create_geometry(&list);
    scn_rulebook *down = NULL, *up = NULL, *full = NULL, *random = NULL, *again = NULL, *reversed = NULL;
    int32_t coarse = -1, fine = -1, larger = -1, displaced = -1, same = -1;
    OK(scn_geometry_strided(geometry, 0, &filter, &coarse, &down));
    OK(scn_geometry_reverse(geometry, coarse, &filter, &fine, &up));
    check_sums(down, 1);
    check_sums(up, 0);
    OK(scn_geometry_full(geometry, 0, &filter, &larger, &full));
    check_full(geometry, &list, &filter, larger, full);
    check_convolutions(full);
    OK(scn_geometry_randomized(geometry, 0, &filter, &displaced, &random));
    OK(scn_geometry_randomized(geometry, 0, &filter, &same, &again));
    CHECK(displaced == same);
    check_convolutions(random);
    check_sums(random, 1);
    OK(scn_rulebook_reversed(random, &reversed));
    check_convolutions(reversed);
    check_sums(reversed, 0);
    scn_rulebook *all[] = {down, up, full, random, again, reversed};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) OK(scn_rulebook_release(all[i]));
    OK(scn_geometry_release(geometry));
    free(list.sites);
}

static void test_global(scn_global_pooling pooling) {
    enum { BATCH = 4 };
    const int64_t size[] = {6, 7};
    site_list list = random_sites(2, size, BATCH - 1, 40, 51);
    list.batch = BATCH; /* the last sample has no site */
    scn_geometry *geometry = create_geometry(&list);
    float *input = random_floats(list.count * PLANES, 52), *by_input = random_floats(list.count * PLANES, 53);
    float output[BATCH * PLANES], gradient[BATCH * PLANES];
    double *want = doubles(BATCH * PLANES), *want_gradient = doubles(list.count * PLANES);
    int64_t count[BATCH] = {0};
    fill_random(gradient, BATCH * PLANES, 54);
    for (int64_t i = 0; i < list.count * PLANES; i++) input[i] -= 2; /* maxima below zero */
    for (int64_t row = 0; row < list.count; row++) {
        int64_t sample = list.sites[row * 3 + 2];
        for (int64_t plane = 0; plane < PLANES; plane++) {
            double *to = &want[sample * PLANES + plane], from = input[row * PLANES + plane];
            *to = pooling != SCN_GLOBAL_MAX ? *to + from : count[sample] ? fmax(*to, from) : from;
        }
        count[sample]++;
    }
    for (int64_t i = 0; i < BATCH * PLANES; i++)
        if (pooling == SCN_GLOBAL_AVERAGE && count[i / PLANES]) want[i] /= (double)count[i / PLANES];
    for (int64_t i = 0; i < list.count * PLANES; i++) {
        int64_t sample = list.sites[i / PLANES * 3 + 2], at = sample * PLANES + i % PLANES;
        double share = pooling == SCN_GLOBAL_AVERAGE ? 1.0 / (double)count[sample] : 1;
        if (pooling != SCN_GLOBAL_MAX || input[i] == want[at]) want_gradient[i] = share * gradient[at];
    }
    scn_matrix in = SCN_MATRIX(input, list.count, PLANES), out = SCN_MATRIX(output, BATCH, PLANES);
    scn_matrix by_out = SCN_MATRIX(gradient, BATCH, PLANES), by_in = SCN_MATRIX(by_input, list.count, PLANES);
    OK(scn_global_pooling_forward(geometry, 0, pooling, &in, &out));
    NEAR("global pooling", output, want, BATCH * PLANES, 1e-6);
    OK(scn_global_pooling_backward(geometry, 0, pooling, &in, &out, &by_out, &by_in));
    NEAR("global pooling, gradient", by_input, want_gradient, list.count * PLANES, 1e-6);
    OK(scn_geometry_release(geometry));
    free(input), free(by_input), free(want), free(want_gradient), free(list.sites);
}

/** The modules, in evaluation, against the functional level. */
static void test_modules(void) {
    enum { ROWS = 60 };
    const int64_t size[] = {15, 15}, three[] = {3, 3}, two[] = {2, 2}, shape[] = {ROWS, PLANES};
    const double ratio[] = {1.5, 1.25};
    int64_t *where = integers(ROWS * 3), got[4];
    for (int64_t row = 0; row < ROWS; row++) where[row * 3] = row / 15, where[row * 3 + 1] = row % 15;
    float *values = random_floats(ROWS * PLANES, 61);
    scn_tensor *features = NULL, *points = NULL, *sparse = NULL, *result = NULL;
    scn_module *enter = NULL, *module = NULL;
    scn_geometry *geometry = NULL;
    scn_rulebook *rulebook = NULL;
    int32_t sites = -1, larger = -1;
    OK(scn_tensor_create(shape, 2, values, &features));
    OK(scn_points_create(where, ROWS, 3, features, 3, &points));
    OK(scn_input_layer_create(2, size, SCN_INPUT_UNIQUE, &enter));
    OK(scn_module_forward(enter, points, &sparse));
    OK(scn_tensor_geometry(sparse, &geometry, &sites));

    scn_fractional_options options = SCN_FRACTIONAL_OPTIONS_INIT;
    options.ratio = ratio;
    OK(scn_geometry_fractional(geometry, 0, &options, 1, &sites, &rulebook));
    OK(scn_geometry_spatial_size(geometry, sites, got));
    CHECK(got[0] == 10 && got[1] == 12);
    OK(scn_rulebook_release(rulebook));
    OK(scn_geometry_fractional(geometry, 0, &options, 0, &larger, &rulebook));
    OK(scn_rulebook_release(rulebook));
    OK(scn_fractional_max_pooling_create(2, &options, &module));
    OK(scn_module_set_training(module, 0));
    OK(scn_module_forward(module, sparse, &result));
    int32_t pooled = -1;
    scn_geometry *same = NULL;
    OK(scn_tensor_geometry(result, &same, &pooled));
    CHECK(pooled == sites);
    OK(scn_geometry_release(same));
    OK(scn_tensor_release(result));
    OK(scn_module_release(module));

    scn_status (*const poolings[])(int32_t, const int64_t *, const int64_t *, const scn_pooling_options *,
                                   scn_module **) = {scn_max_pooling_create, scn_average_pooling_create,
                                                     scn_randomized_stride_max_pooling_create};
    for (int i = 0; i < 3; i++) {
        scn_module *up = NULL;
        scn_tensor *back = NULL;
        OK(poolings[i](2, three, two, NULL, &module));
        OK(scn_module_forward(module, sparse, &result));
        OK(scn_unpooling_create(2, three, two, NULL, &up));
        OK(scn_module_forward(up, result, &back));
        OK(scn_tensor_shape(back, got, 4));
        CHECK(got[0] == ROWS || i == 2); /* displaced windows may leave gaps, but their input sites are all there */
        CHECK(got[1] == PLANES);
        OK(scn_tensor_release(back));
        OK(scn_tensor_release(result));
        OK(scn_module_release(up));
        OK(scn_module_release(module));
    }
    for (int pooling = 0; pooling <= 2; pooling++) {
        OK(scn_global_pooling_create(2, (scn_global_pooling)pooling, &module));
        OK(scn_module_forward(module, sparse, &result));
        OK(scn_tensor_shape(result, got, 4));
        CHECK(got[0] == 3 && got[1] == PLANES);
        OK(scn_tensor_release(result));
        OK(scn_module_release(module));
    }
    scn_status (*const convolutions[])(int32_t, int64_t, int64_t, const int64_t *, const int64_t *,
                                       const scn_convolution_options *, scn_module **) = {
        scn_full_convolution_create, scn_randomized_stride_convolution_create};
    for (int i = 0; i < 2; i++) {
        OK(convolutions[i](2, PLANES, 4, three, two, NULL, &module));
        OK(scn_module_forward(module, sparse, &result));
        OK(scn_tensor_geometry(result, &same, &pooled));
        OK(scn_geometry_spatial_size(same, pooled, got));
        CHECK(got[0] == (i == 0 ? 31 : 7));
        OK(scn_geometry_release(same));
        OK(scn_tensor_release(result));
        OK(scn_module_release(module));
    }
    OK(scn_geometry_release(geometry));
    OK(scn_tensor_release(features)), OK(scn_tensor_release(points)), OK(scn_tensor_release(sparse));
    OK(scn_module_release(enter));
    free(where), free(values);
}

int main(void) {
    const int64_t before = scn_memory_in_use();
    test_filter(1, 31, 3, 2, 50);
    test_filter(1, 31, 3, 1, 50);
    test_filter(2, 12, 2, 2, 40);
    test_filter(2, 9, 3, 1, 30);
    test_filter(3, 7, 3, 2, 20);
    test_filter(4, 4, 2, 2, 20);
    test_filter(6, 2, 2, 2, 60);
    test_filter(2, 9, 3, 2, 0);
    for (int pooling = 0; pooling <= 2; pooling++) test_global((scn_global_pooling)pooling);
    test_modules();
    CHECK(scn_live_handles() == 0);
    CHECK(scn_memory_in_use() <= before);
    return finish();
}

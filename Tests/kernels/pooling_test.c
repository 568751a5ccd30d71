/* Pooling over one run of rules, and over all of them tile by tile, against loops. */
#include "kernels.h"

/** Few different values, so that some are tied; a few that are no numbers where that is asked for. */
static float *tied_floats(int64_t count, uint64_t seed, int has_odd_values) {
    float *values = edge_floats(count);
    next_random(&seed);
    for (int64_t i = 0; i < count; i++) {
        uint32_t number = next_random(&seed);
        values[i] = (float)(number % 4) - 1.5f;
        if (!has_odd_values || number / 4 % 8 != 0) continue;
        values[i] = number / 32 % 2 ? NAN : number / 64 % 2 ? INFINITY : -INFINITY;
    }
    return values;
}

static void pool(const scn_kernel_table *table, int64_t planes, int64_t outputs, int has_odd_values) {
    int64_t inputs = 2 * outputs;
    uint64_t seed = (uint64_t)(planes + outputs);
    begin_case("pooling, %lld planes, %lld rows%s", (long long)planes, (long long)outputs,
               has_odd_values ? ", NaN and infinities" : "");
    scn_rules rules = random_rules(1, inputs, outputs, 70, seed);
    int64_t count = rules.offsets[1];
    const float *x = tied_floats(inputs * planes, seed + 1, has_odd_values);
    const float *y = tied_floats(outputs * planes, seed + 2, has_odd_values);
    const float *g = even_floats(outputs * planes, seed + 3), *gx = even_floats(inputs * planes, seed + 4);
    matrix input = new_matrix(x, inputs, planes, 2), output = new_matrix(y, outputs, planes, 3);
    matrix sums = new_matrix(y, outputs, planes, 3), gradient = new_matrix(g, outputs, planes, 3);
    matrix input_gradient = new_matrix(gx, inputs, planes, 2);
    table->max_pooling_forward(count, rules.input_rows, rules.output_rows, input.values, input.stride, output.values,
                               output.stride, planes);
    table->add_rows(count, rules.input_rows, rules.output_rows, input.values, input.stride, sums.values, sums.stride,
                    planes, 0.25f);
    table->max_pooling_backward(count, rules.input_rows, rules.output_rows, input.values, output.values,
                                gradient.values, input_gradient.values, input.stride, output.stride, planes);
    double *largest = doubles_of(y, outputs * planes), *sum = doubles_of(y, outputs * planes);
    double *back = doubles_of(gx, inputs * planes);
    for (int64_t r = 0; r < count; r++)
        for (int64_t p = 0; p < planes; p++) {
            int64_t i = rules.input_rows[r] * planes + p, o = rules.output_rows[r] * planes + p;
            if (isnan(x[i]) || x[i] > largest[o]) largest[o] = x[i];
            sum[o] += 0.25 * (double)x[i];
            if (x[i] == largest[o] || (isnan(x[i]) && isnan(largest[o]))) back[i] += g[o];
        }
    SAME(elements_of(output), largest, outputs * planes);
    SAME(elements_of(sums), sum, outputs * planes);
    SAME(elements_of(input_gradient), back, inputs * planes);
    end_case();
}

static void any_planes(const scn_kernel_table *table) {
    static const int64_t row_counts[] = {0, 1, 2, 5, 100};
    for (int64_t a = 0; a < COUNT_OF(plane_counts); a++)
        for (int64_t b = 0; b < COUNT_OF(row_counts); b++)
            for (int odd = 0; odd < 2; odd++) pool(table, plane_counts[a], row_counts[b], odd);
}

/** The same rules with each pair of neighboring rows made one, so that rows repeat within an offset. */
static scn_rules repeating(scn_rules rules) {
    int64_t count = rules.offsets[rules.volume];
    int32_t *from = (int32_t *)edge(count, sizeof *from), *to = (int32_t *)edge(count, sizeof *to);
    for (int64_t r = 0; r < count; r++) from[r] = rules.input_rows[r] / 2, to[r] = rules.output_rows[r] / 2;
    return (scn_rules){rules.volume, rules.offsets, from, to};
}

/** tile_rows: 0 for rows that repeat within an offset. */
static void pool_over_rules(const scn_kernel_table *table, int64_t planes, int64_t outputs, int64_t volume,
                            int64_t tile_rows, int has_odd_values) {
    int64_t inputs = 2 * outputs;
    uint64_t seed = (uint64_t)(planes + outputs + volume);
    float start = has_odd_values ? -INFINITY : 0;
    begin_case("pooling over %lld offsets, %lld planes, %lld rows, tiles of %lld%s", (long long)volume,
               (long long)planes, (long long)outputs, (long long)tile_rows,
               has_odd_values ? ", NaN and infinities" : "");
    scn_rules rules = random_rules(volume, inputs, outputs, 60, seed);
    if (tile_rows == 0) rules = repeating(rules);
    scn_rules reversed = {volume, rules.offsets, rules.output_rows, rules.input_rows};
    const float *x = tied_floats(inputs * planes, seed + 1, has_odd_values);
    const float *g = even_floats(outputs * planes, seed + 3), *old = even_floats(inputs * planes, seed + 4);
    matrix input = new_matrix(x, inputs, planes, 2), output = new_matrix(g, outputs, planes, 3);
    matrix gradient = new_matrix(g, outputs, planes, 3), input_gradient = new_matrix(old, inputs, planes, 2);
    int64_t *cursors = edge_integers(volume);
    int32_t rows_ascend = tile_rows > 0;
    for (int half = !rows_ascend; half < 2; half++) {
        int64_t first = rows_ascend && half ? outputs / 2 : 0, end = half ? outputs : outputs / 2;
        table->max_pooling_rules(&rules, rows_ascend, first, end, input.values, input.stride, start, output.values,
                                 output.stride, planes, rows_ascend ? tile_rows : outputs, cursors);
    }
    for (int half = !rows_ascend; half < 2; half++) {
        int64_t first = rows_ascend && half ? inputs / 2 : 0, end = half ? inputs : inputs / 2;
        table->max_pooling_rules_backward(&reversed, rows_ascend, first, end, input.values, output.values,
                                          gradient.values, input_gradient.values, input.stride, output.stride, planes,
                                          rows_ascend ? tile_rows : inputs, cursors);
    }
    double *largest = edge_doubles(outputs * planes), *back = edge_doubles(inputs * planes);
    for (int64_t i = 0; i < outputs * planes; i++) largest[i] = start;
    for (int64_t i = 0; i < inputs * planes; i++) back[i] = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int64_t r = 0; r < rules.offsets[volume]; r++)
            for (int64_t p = 0; p < planes; p++) {
                int64_t i = rules.input_rows[r] * planes + p, o = rules.output_rows[r] * planes + p;
                if (pass == 0 && (isnan(x[i]) || x[i] > largest[o])) largest[o] = x[i];
                if (pass == 1 && (x[i] == largest[o] || (isnan(x[i]) && isnan(largest[o])))) back[i] += g[o];
            }
    SAME(elements_of(output), largest, outputs * planes);
    SAME(elements_of(input_gradient), back, inputs * planes);
    end_case();
}

static void any_planes_over_rules(const scn_kernel_table *table) {
    // Rows, volume, rows of a tile.
    static const int64_t shapes[][3] = {{0, 3, 4}, {1, 1, 1}, {5, 27, 2}, {100, 8, 7}, {100, 3, 64}, {100, 8, 0}};
    for (int64_t a = 0; a < COUNT_OF(plane_counts); a++)
        for (int64_t b = 0; b < COUNT_OF(shapes); b++)
            for (int odd = 0; odd < 2; odd++)
                pool_over_rules(table, plane_counts[a], shapes[b][0], shapes[b][1], shapes[b][2], odd);
}

/** Two rules that reach one output: both of the tied inputs receive its whole gradient. */
static void tied_maxima_all_receive_the_gradient(const scn_kernel_table *table) {
    static const int32_t from[] = {0, 1, 2}, to[] = {0, 0, 0};
    begin_case("tied maxima");
    float *input = filled(60, 1), *gradient = edge_floats(60);
    double *want = edge_doubles(60);
    for (int i = 0; i < 60; i++) input[i] = i < 40 ? 1 : 0, want[i] = i < 40 ? 2 : 0;
    table->max_pooling_backward(3, from, to, input, filled(20, 1), filled(20, 2), gradient, 20, 20, 20);
    SAME(gradient, want, 60);
    end_case();
}

int main(void) {
    static void (*const tests[])(const scn_kernel_table *) = {any_planes, any_planes_over_rules,
                                                             tied_maxima_all_receive_the_gradient};
    return run_on_all_tables(tests, COUNT_OF(tests));
}

/* Convolutions in groups, depthwise ones among them, and their gradients by weights: against loops over rules, groups
 * and planes, and bit by bit against each group by itself. */
#include "kernels.h"

typedef struct {
    int64_t count, in, out;
} plane_groups;

/** Every kind of groups: depthwise, with several planes out or in for one, narrow ones that fill a vector of one of the
 *  tables and that do not, and wide ones. */
static const plane_groups kinds[] = {
    {1, 1, 1},  {2, 1, 1},  {3, 1, 1},  {8, 1, 1},  {15, 1, 1}, {16, 1, 1}, {17, 1, 1},  {32, 1, 1},  {37, 1, 1},
    {64, 1, 1}, {65, 1, 1}, {130, 1, 1}, {3, 1, 2},  {17, 1, 3}, {9, 1, 8},  {5, 1, 9},   {16, 2, 1},  {7, 3, 1},
    {9, 8, 1},  {4, 12, 1}, {8, 2, 2},  {37, 2, 2}, {12, 3, 3}, {3, 4, 4},  {16, 4, 4},  {7, 5, 5},   {10, 6, 6},
    {5, 7, 7},  {8, 8, 8},  {3, 2, 5},  {11, 4, 3}, {6, 7, 2},  {2, 8, 3},  {4, 9, 9},   {3, 16, 16}, {2, 17, 37},
    {4, 33, 5}};

typedef struct {
    scn_rules rules;
    int64_t inputs, outputs;
    plane_groups groups;
    const float *input, *weight, *bias;
} problem;

static int64_t in_planes(const problem *p) { return p->groups.count * p->groups.in; }
static int64_t out_planes(const problem *p) { return p->groups.count * p->groups.out; }
static int64_t matrix_size(const problem *p) { return p->groups.in * p->groups.out; }

static problem new_problem(plane_groups groups, int64_t volume, int64_t inputs, int64_t outputs, uint32_t percent,
                           int has_bias, uint64_t seed) {
    problem p = {random_rules(volume, inputs, outputs, percent, seed), inputs, outputs, groups, NULL, NULL, NULL};
    p.input = uneven_floats(inputs * in_planes(&p), seed + 1);
    p.weight = uneven_floats(volume * groups.count * matrix_size(&p), seed + 2);
    if (has_bias) p.bias = uneven_floats(out_planes(&p), seed + 3);
    return p;
}

/** The weights of `count` groups from the first on, packed, from transposed matrices where that is asked for. */
static const float *pack(const scn_kernel_table *table, const problem *p, int64_t first, int64_t count,
                         int is_transposed) {
    int64_t in = p->groups.in, out = p->groups.out, size = table->convolution_packed_size(count, in, out);
    int64_t weights = count * matrix_size(p);
    float *packed = edge_floats(size * p->rules.volume), *matrices = edge_floats(weights);
    for (int64_t k = 0; k < p->rules.volume; k++) {
        const float *weight = p->weight + (k * p->groups.count + first) * matrix_size(p);
        for (int64_t i = 0; i < weights; i++) {
            int64_t element = i % (in * out);
            matrices[is_transposed ? i - element + element % out * in + element / out : i] = weight[i];
        }
        table->convolution_pack(matrices, count, in, out, is_transposed ? 1 : out, is_transposed ? in : 1,
                                packed + k * size);
    }
    return packed;
}

/** The output with the rows cut at `cuts`, which ascend. */
static float *run(const scn_kernel_table *table, const problem *p, const int64_t *cuts, int64_t count, int64_t gap,
                  int is_transposed, float leakiness) {
    const float *packed = pack(table, p, 0, p->groups.count, is_transposed);
    matrix x = new_matrix(p->input, p->inputs, in_planes(p), gap);
    matrix y = new_matrix(NULL, p->outputs, out_planes(p), gap);
    int64_t *cursors = edge_integers(p->rules.volume), first = 0;
    for (int64_t i = 0; i <= count; i++) {
        int64_t end = i < count ? cuts[i] : p->outputs;
        table->convolution_rows(&p->rules, first, end, x.values, x.stride, p->groups.count, p->groups.in, packed,
                                p->bias, leakiness, y.values, y.stride, p->groups.out, cursors);
        first = end;
    }
    return elements_of(y);
}

/** The same, each group by itself. */
static float *run_one_by_one(const scn_kernel_table *table, const problem *p) {
    matrix y = new_matrix(NULL, p->outputs, out_planes(p), 0);
    for (int64_t group = 0; group < p->groups.count; group++) {
        const float *packed = pack(table, p, group, 1, 0);
        int64_t *cursors = edge_integers(p->rules.volume);
        table->convolution_rows(&p->rules, 0, p->outputs, p->input + group * p->groups.in, in_planes(p), 1,
                                p->groups.in, packed, p->bias ? p->bias + group * p->groups.out : NULL, 1,
                                y.values + group * p->groups.out, y.stride, p->groups.out, cursors);
    }
    return elements_of(y);
}

static const double *expected_output(const problem *p) {
    int64_t in = p->groups.in, out = p->groups.out, planes = out_planes(p);
    double *y = edge_doubles(p->outputs * planes);
    for (int64_t i = 0; p->bias && i < p->outputs * planes; i++) y[i] = p->bias[i % planes];
    for (int64_t k = 0; k < p->rules.volume; k++)
        for (int64_t r = p->rules.offsets[k]; r < p->rules.offsets[k + 1]; r++)
            for (int64_t plane = 0; plane < planes; plane++)
                for (int64_t i = 0; i < in; i++) {
                    int64_t group = plane / out, weight = ((k * p->groups.count + group) * in + i) * out + plane % out;
                    y[p->rules.output_rows[r] * planes + plane] +=
                        (double)p->input[p->rules.input_rows[r] * in_planes(p) + group * in + i] * p->weight[weight];
                }
    return y;
}

static void name_case(const char *what, plane_groups groups, int64_t rows) {
    begin_case("%s, %lld groups of %lld -> %lld planes, %lld rows", what, (long long)groups.count,
               (long long)groups.in, (long long)groups.out, (long long)rows);
}

static void all_kinds(const scn_kernel_table *table) {
    static const int64_t row_counts[] = {0, 1, 2, 29, 300};
    for (int64_t c = 0; c < COUNT_OF(kinds); c++)
        for (int64_t r = 0; r < COUNT_OF(row_counts); r++) {
            int64_t rows = row_counts[r];
            name_case("output", kinds[c], rows);
            problem p = new_problem(kinds[c], 5, 2 * rows, rows, 60, c % 2 == 0, (uint64_t)(c + rows));
            const double *want = expected_output(&p);
            int64_t count = rows * out_planes(&p);
            CLOSE(run(table, &p, NULL, 0, 3, 0, 1), want, count, 1e-5);
            CLOSE(run(table, &p, NULL, 0, 0, 1, 1), want, count, 1e-5);
            end_case();
        }
}

/** More rows than a tile, cut anywhere: the bits are those of the groups one by one. */
static void bits_do_not_depend_on_cuts_or_groups(const scn_kernel_table *table) {
    static const int64_t some[] = {1, 2, 3, 7, 150, 1299}, empty[] = {0, 100, 100, 200};
    for (int64_t c = 0; c < COUNT_OF(kinds); c++) {
        enum { ROWS = 1300, MOST_GROUPS = 9 };
        name_case("bits", kinds[c], ROWS);
        problem p = new_problem(kinds[c], 4, ROWS + 100, ROWS, 60, 1, (uint64_t)c);
        const float *whole = run(table, &p, NULL, 0, 2, 0, 1);
        int64_t count = ROWS * out_planes(&p);
        HOLDS(have_same_bits(run(table, &p, some, COUNT_OF(some), 0, 0, 1), whole, count));
        HOLDS(have_same_bits(run(table, &p, empty, COUNT_OF(empty), 0, 0, 1), whole, count));
        if (kinds[c].count <= MOST_GROUPS) HOLDS(have_same_bits(run_one_by_one(table, &p), whole, count));
        end_case();
    }
}

static void activations_come_last(const scn_kernel_table *table) {
    static const int64_t cuts[] = {1, 200};
    static const float leakinesses[] = {0, 0.25f, 3};
    for (int64_t c = 0; c < COUNT_OF(kinds); c++)
        for (int64_t l = 0; l < COUNT_OF(leakinesses); l++) {
            enum { ROWS = 310 };
            float leakiness = leakinesses[l];
            name_case("activation", kinds[c], ROWS);
            problem p = new_problem(kinds[c], 5, 100, ROWS, 20, 1, (uint64_t)c);
            int64_t count = ROWS * out_planes(&p);
            float *sums = run(table, &p, NULL, 0, 3, 0, 1);
            for (int64_t i = 0; i < count; i++) sums[i] = sums[i] > 0 ? sums[i] : leakiness * sums[i];
            SAME(run(table, &p, cuts, 2, 3, 0, leakiness), doubles_of(sums, count), count);
            end_case();
        }
}

/** Tiles of so many rows that no padded copy of them has room. */
static void many_offsets_with_few_rules(const scn_kernel_table *table) {
    static const plane_groups some[] = {{3, 1, 1}, {37, 1, 1}, {16, 1, 1}, {5, 3, 3}, {2, 2, 1}, {2, 9, 9}};
    static const int64_t cut = 7;
    for (int64_t c = 0; c < COUNT_OF(some); c++) {
        name_case("59049 offsets", some[c], 20);
        problem p = new_problem(some[c], 59049, 40, 20, 2, 1, 5);
        CLOSE(run(table, &p, &cut, 1, 3, 0, 1), expected_output(&p), 20 * out_planes(&p), 1e-4);
        end_case();
    }
}

/** What is not finite reaches the planes of its group in the rows that its rules reach, and nothing else. */
static void infinities_stay_in_their_groups(const scn_kernel_table *table) {
    static const float odd_values[] = {NAN, INFINITY};
    for (int64_t c = 0; c < COUNT_OF(kinds); c++)
        for (int64_t v = 0; v < COUNT_OF(odd_values); v++) {
            enum { ROWS = 29 };
            name_case("not finite", kinds[c], ROWS);
            problem p = new_problem(kinds[c], 3, 2 * ROWS, ROWS, 60, 1, (uint64_t)c);
            float *input = copy_of(p.input, 2 * ROWS * in_planes(&p));
            input[17 * in_planes(&p) + in_planes(&p) / 2] = odd_values[v];
            p.input = input;
            const double *want = expected_output(&p);
            const float *got = run(table, &p, NULL, 0, 1, 0, 1);
            for (int64_t i = 0; i < ROWS * out_planes(&p); i++)
                if (!HOLDS(isnan(want[i]) ? isnan(got[i])
                                          : isinf(want[i]) ? got[i] == (float)want[i]
                                                           : fabs((double)got[i] - want[i]) < 1e-4))
                    break;
            end_case();
        }
}

/** The gradient by weights in parts of the rows, added to what is there, with a gap between its rows and without. */
static void weight_gradients(const scn_kernel_table *table) {
    static const int64_t row_counts[] = {0, 1, 5, 700}, gaps[] = {0, 3};
    enum { VOLUME = 4 };
    for (int64_t c = 0; c < COUNT_OF(kinds); c++)
        for (int64_t r = 0; r < COUNT_OF(row_counts); r++)
            for (int64_t g = 0; g < COUNT_OF(gaps); g++) {
                int64_t rows = row_counts[r], groups = kinds[c].count, in = kinds[c].in, out = kinds[c].out;
                name_case("gradient by weights", kinds[c], rows);
                problem p = new_problem(kinds[c], VOLUME, 2 * rows, rows, 60, 0, (uint64_t)(c + rows));
                int64_t ins = in_planes(&p), outs = out_planes(&p), weights = VOLUME * groups * in * out;
                const float *gradient = uneven_floats(rows * outs, 9), *start = uneven_floats(weights, 10);
                matrix x = new_matrix(p.input, 2 * rows, ins, gaps[g]), y = new_matrix(gradient, rows, outs, 2);
                matrix result = new_matrix(start, VOLUME * ins, out, gaps[g]);
                matrix runs = new_matrix(start, VOLUME * ins, out, gaps[g]);
                int64_t *cursors = edge_integers(VOLUME), cuts[] = {0, rows / 3, rows};
                for (int part = 0; part < 2; part++)
                    table->convolution_weight_gradient_rows(&p.rules, cuts[part], cuts[part + 1], x.values, x.stride,
                                                            groups, in, y.values, y.stride, out, result.values,
                                                            groups * in * result.stride, result.stride, cursors);
                double *want = doubles_of(start, weights);
                for (int64_t k = 0; k < VOLUME; k++) {
                    int64_t first = p.rules.offsets[k], end = p.rules.offsets[k + 1];
                    table->convolution_weight_gradient(end - first, p.rules.input_rows + first,
                                                       p.rules.output_rows + first, x.values, x.stride, groups, in,
                                                       y.values, y.stride, out, runs.values + k * ins * runs.stride,
                                                       runs.stride);
                    for (int64_t rule = first; rule < end; rule++)
                        for (int64_t i = 0; i < ins; i++)
                            for (int64_t o = 0; o < out; o++)
                                want[(k * ins + i) * out + o] +=
                                    (double)p.input[p.rules.input_rows[rule] * ins + i] *
                                    gradient[p.rules.output_rows[rule] * outs + i / in * out + o];
                }
                CLOSE(elements_of(result), want, weights, 1e-5);
                CLOSE(elements_of(runs), want, weights, 1e-5);
                end_case();
            }
}

int main(void) {
    static void (*const tests[])(const scn_kernel_table *) = {
        all_kinds, bits_do_not_depend_on_cuts_or_groups, activations_come_last, many_offsets_with_few_rules,
        infinities_stay_in_their_groups, weight_gradients};
    return run_on_all_tables(tests, COUNT_OF(tests));
}

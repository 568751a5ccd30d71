/* Convolutions over rules and their gradients by weights, against loops over rules, planes in and planes out. */
#include "kernels.h"

/** A convolution with everything around it. */
typedef struct {
    scn_rules rules;
    int64_t inputs, outputs, in, out;
    const float *input, *weight, *bias;
} problem;

static problem new_problem(int64_t volume, int64_t inputs, int64_t outputs, int64_t in, int64_t out, uint32_t percent,
                           int has_bias, uint64_t seed) {
    problem p = {random_rules(volume, inputs, outputs, percent, seed), inputs, outputs, in, out, NULL, NULL, NULL};
    p.input = uneven_floats(inputs * in, seed + 1);
    p.weight = uneven_floats(volume * in * out, seed + 2);
    if (has_bias) p.bias = uneven_floats(out, seed + 3);
    return p;
}

/** Pack the weights, from a transposed copy where that is asked for. */
static const float *pack(const scn_kernel_table *table, const problem *p, int is_transposed) {
    int64_t size = table->convolution_packed_size(1, p->in, p->out), weights = p->in * p->out;
    float *packed = edge_floats(size * p->rules.volume), *transposed = edge_floats(weights);
    for (int64_t k = 0; k < p->rules.volume; k++) {
        const float *weight = p->weight + k * weights;
        for (int64_t i = 0; i < weights; i++) transposed[i % p->out * p->in + i / p->out] = weight[i];
        table->convolution_pack(is_transposed ? transposed : weight, 1, p->in, p->out, is_transposed ? 1 : p->out,
                                is_transposed ? p->in : 1, packed + k * size);
    }
    return packed;
}

/** The output with the rows cut at `cuts`, which ascend. */
static float *run(const scn_kernel_table *table, const problem *p, const int64_t *cuts, int64_t count, int64_t gap,
                  int is_transposed, float leakiness) {
    const float *packed = pack(table, p, is_transposed);
    matrix x = new_matrix(p->input, p->inputs, p->in, gap), y = new_matrix(NULL, p->outputs, p->out, gap);
    int64_t *cursors = edge_integers(p->rules.volume), first = 0;
    for (int64_t i = 0; i <= count; i++) {
        int64_t end = i < count ? cuts[i] : p->outputs;
        table->convolution_rows(&p->rules, first, end, x.values, x.stride, 1, p->in, packed, p->bias, leakiness,
                                y.values, y.stride, p->out, cursors);
        first = end;
    }
    return elements_of(y);
}

static const double *expected_output(const problem *p) {
    double *y = edge_doubles(p->outputs * p->out);
    for (int64_t i = 0; p->bias && i < p->outputs * p->out; i++) y[i] = p->bias[i % p->out];
    for (int64_t k = 0; k < p->rules.volume; k++)
        for (int64_t r = p->rules.offsets[k]; r < p->rules.offsets[k + 1]; r++)
            for (int64_t i = 0; i < p->in; i++)
                for (int64_t o = 0; o < p->out; o++)
                    y[p->rules.output_rows[r] * p->out + o] +=
                        (double)p->input[p->rules.input_rows[r] * p->in + i] * p->weight[(k * p->in + i) * p->out + o];
    return y;
}

static void any_planes(const scn_kernel_table *table) {
    for (int64_t a = 0; a < COUNT_OF(plane_counts); a++)
        for (int64_t b = 0; b < COUNT_OF(plane_counts); b++) {
            int64_t in = plane_counts[a], out = plane_counts[b];
            begin_case("%lld -> %lld planes", (long long)in, (long long)out);
            problem p = new_problem(2, 30, 23, in, out, 60, out % 2 == 0, (uint64_t)(in * 1000 + out));
            CLOSE(run(table, &p, NULL, 0, 3, 0, 1), expected_output(&p), p.outputs * out, 1e-5);
            end_case();
        }
}

static void any_number_of_rules(const scn_kernel_table *table) {
    static const int64_t row_counts[] = {0, 1, 2, 5, 6, 7, 8, 13, 14, 15, 16, 17, 29, 100, 1500};
    static const int64_t planes[] = {4, 8, 12, 16, 20, 33, 48, 64};
    for (int64_t a = 0; a < COUNT_OF(row_counts); a++)
        for (int64_t b = 0; b < COUNT_OF(planes); b++) {
            int64_t rows = row_counts[a], n = planes[b];
            begin_case("%lld rows of %lld planes", (long long)rows, (long long)n);
            problem p = new_problem(5, 2 * rows, rows, n, n, 60, 1, (uint64_t)(rows + n));
            CLOSE(run(table, &p, NULL, 0, 0, 1, 1), expected_output(&p), rows * n, 1e-5);
            end_case();
        }
}

/** The activation is that of the finished sums, bit by bit, in rows with rules and without. */
static void activations_come_last(const scn_kernel_table *table) {
    static const int64_t cuts[] = {1, 700};
    static const struct { int64_t planes; uint32_t percent; } cases[] = {{1, 60}, {16, 60}, {37, 5}, {64, 60}};
    static const float leakinesses[] = {0, 0.25f, 3};
    for (int64_t c = 0; c < COUNT_OF(cases); c++)
        for (int64_t l = 0; l < COUNT_OF(leakinesses); l++) {
            int64_t planes = cases[c].planes, count = 1100 * planes;
            float leakiness = leakinesses[l];
            begin_case("activation after %lld planes, leakiness %g", (long long)planes, (double)leakiness);
            problem p = new_problem(9, 400, 1100, 5, planes, cases[c].percent, 1, (uint64_t)planes);
            float *sums = run(table, &p, NULL, 0, 3, 0, 1);
            for (int64_t i = 0; i < count; i++) sums[i] = sums[i] > 0 ? sums[i] : leakiness * sums[i];
            SAME(run(table, &p, cuts, 2, 3, 0, leakiness), doubles_of(sums, count), count);
            SAME(run(table, &p, NULL, 0, 0, 0, leakiness), doubles_of(sums, count), count);
            end_case();
        }
}

static void many_offsets_with_few_rules(const scn_kernel_table *table) {
    static const int64_t cut = 7;
    begin_case("59049 offsets");
    problem p = new_problem(59049, 40, 20, 3, 5, 2, 1, 5);
    CLOSE(run(table, &p, &cut, 1, 3, 0, 1), expected_output(&p), 20 * 5, 1e-4);
    end_case();
}

static void bits_do_not_depend_on_the_cut(const scn_kernel_table *table) {
    static const int64_t planes[][2] = {{3, 16},  {16, 4},  {16, 16}, {16, 37}, {32, 32},
                                        {33, 48}, {64, 64}, {80, 80}, {17, 160}};
    static const int64_t some[] = {1, 2, 3, 7, 150, 299}, empty[] = {0, 100, 100, 200};
    int64_t each[299];
    for (int64_t i = 0; i < 299; i++) each[i] = i + 1;
    for (int64_t c = 0; c < COUNT_OF(planes); c++) {
        int64_t count = 300 * planes[c][1];
        begin_case("cuts, %lld -> %lld planes", (long long)planes[c][0], (long long)planes[c][1]);
        problem p = new_problem(9, 400, 300, planes[c][0], planes[c][1], 60, 1, (uint64_t)planes[c][0]);
        const float *whole = run(table, &p, NULL, 0, 3, 0, 1);
        HOLDS(have_same_bits(run(table, &p, some, COUNT_OF(some), 0, 0, 1), whole, count));
        HOLDS(have_same_bits(run(table, &p, empty, COUNT_OF(empty), 0, 0, 1), whole, count));
        HOLDS(have_same_bits(run(table, &p, each, COUNT_OF(each), 0, 0, 1), whole, count));
        end_case();
    }
}

/** What is not finite reaches the rows that its rules reach, and no others. */
static void infinities_stay_in_their_rows(const scn_kernel_table *table) {
    static const float odd_values[] = {NAN, INFINITY, -INFINITY};
    static const int64_t planes[] = {1, 3, 16, 37, 64};
    for (int64_t c = 0; c < COUNT_OF(planes); c++)
        for (int64_t v = 0; v < COUNT_OF(odd_values); v++) {
            int64_t n = planes[c], rows = 29;
            begin_case("%g in %lld planes", (double)odd_values[v], (long long)n);
            problem p = new_problem(3, 2 * rows, rows, n, n, 60, 1, (uint64_t)n);
            float *input = copy_of(p.input, 2 * rows * n);
            input[17 * n + n / 2] = odd_values[v];
            p.input = input;
            const double *want = expected_output(&p);
            const float *got = run(table, &p, NULL, 0, 1, 0, 1);
            for (int64_t i = 0; i < rows * n; i++)
                if (!HOLDS(isnan(want[i]) ? isnan(got[i])
                                          : isinf(want[i]) ? got[i] == (float)want[i]
                                                           : fabs((double)got[i] - want[i]) < 1e-5 * (double)(n + 1)))
                    break;
            // An activation without a slope makes 0 of what is negative, minus infinity too, and keeps NaN.
            const float *activated = run(table, &p, NULL, 0, 1, 0, 0);
            for (int64_t i = 0; i < rows * n; i++)
                if (!HOLDS(isnan(got[i]) ? isnan(activated[i]) : activated[i] == (got[i] < 0 ? 0 : got[i]))) break;
            end_case();
        }
}

static void weight_gradient(const scn_kernel_table *table, int64_t in, int64_t out, int64_t rows) {
    uint64_t seed = (uint64_t)(in * 1000 + out);
    begin_case("gradient by weights, %lld x %lld planes, %lld rows", (long long)in, (long long)out, (long long)rows);
    scn_rules rules = random_rules(1, 2 * rows, rows, 80, seed);
    int64_t count = rules.offsets[1];
    const float *input = uneven_floats(2 * rows * in, seed + 1), *gradient = uneven_floats(rows * out, seed + 2);
    const float *start = uneven_floats(in * out, seed + 3);
    matrix x = new_matrix(input, 2 * rows, in, 1), g = new_matrix(gradient, rows, out, 5);
    matrix result = new_matrix(start, in, out, 2);
    table->convolution_weight_gradient(count, rules.input_rows, rules.output_rows, x.values, x.stride, 1, in,
                                       g.values, g.stride, out, result.values, result.stride);
    double *want = doubles_of(start, in * out);
    for (int64_t r = 0; r < count; r++)
        for (int64_t i = 0; i < in; i++)
            for (int64_t o = 0; o < out; o++)
                want[i * out + o] +=
                    (double)input[rules.input_rows[r] * in + i] * gradient[rules.output_rows[r] * out + o];
    CLOSE(elements_of(result), want, in * out, 1e-5);
    end_case();
}

static void weight_gradients(const scn_kernel_table *table) {
    static const int64_t row_counts[] = {0, 1, 2, 5, 100, 5000}, planes[] = {3, 16, 37, 64};
    for (int64_t a = 0; a < COUNT_OF(plane_counts); a++)
        for (int64_t b = 0; b < COUNT_OF(plane_counts); b++)
            weight_gradient(table, plane_counts[a], plane_counts[b], 19);
    for (int64_t a = 0; a < COUNT_OF(row_counts); a++)
        for (int64_t b = 0; b < COUNT_OF(planes); b++) weight_gradient(table, planes[b], planes[b], row_counts[a]);
}

static void weight_gradients_of_all_offsets(const scn_kernel_table *table) {
    static const int64_t planes[][2] = {{3, 16}, {16, 5}, {33, 37}, {64, 64}, {160, 48}}, row_counts[] = {0, 1, 5, 700};
    enum { VOLUME = 5, GAP = 3 };
    for (int64_t c = 0; c < COUNT_OF(planes); c++)
        for (int64_t a = 0; a < COUNT_OF(row_counts); a++) {
            int64_t in = planes[c][0], out = planes[c][1], rows = row_counts[a];
            begin_case("gradient by all weights, %lld x %lld planes, %lld rows", (long long)in, (long long)out,
                       (long long)rows);
            scn_rules rules = random_rules(VOLUME, 2 * rows, rows, 50, (uint64_t)(in + rows));
            const float *input = uneven_floats(2 * rows * in, 1), *gradient = uneven_floats(rows * out, 2);
            const float *start = filled(VOLUME * in * out, 1);
            matrix result = new_matrix(start, VOLUME * in, out, GAP);
            int64_t *cursors = edge_integers(VOLUME), cuts[] = {0, rows / 3, rows};
            for (int part = 0; part < 2; part++)
                table->convolution_weight_gradient_rows(&rules, cuts[part], cuts[part + 1], input, in, 1, in, gradient,
                                                        out, out, result.values, in * (out + GAP), out + GAP, cursors);
            double *want = doubles_of(start, VOLUME * in * out);
            for (int64_t k = 0; k < VOLUME; k++)
                for (int64_t r = rules.offsets[k]; r < rules.offsets[k + 1]; r++)
                    for (int64_t i = 0; i < in; i++)
                        for (int64_t o = 0; o < out; o++)
                            want[(k * in + i) * out + o] +=
                                (double)input[rules.input_rows[r] * in + i] * gradient[rules.output_rows[r] * out + o];
            CLOSE(elements_of(result), want, VOLUME * in * out, 1e-5);
            end_case();
        }
}

int main(void) {
    static void (*const tests[])(const scn_kernel_table *) = {
        any_planes, any_number_of_rules, activations_come_last, many_offsets_with_few_rules,
        bits_do_not_depend_on_the_cut, infinities_stay_in_their_rows, weight_gradients,
        weight_gradients_of_all_offsets};
    return run_on_all_tables(tests, COUNT_OF(tests));
}

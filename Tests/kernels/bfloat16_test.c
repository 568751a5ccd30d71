/* Conversions to bfloat16 and back, and the products of bfloat16 that this cpu has instructions for, against loops over
 * rules in double: the operands are rounded, so products are exact and only float32 sums are off. */
#include "kernels.h"

static uint16_t *edge_halves(int64_t count) { return (uint16_t *)edge(count, sizeof(uint16_t)); }

/** Bit by bit what rounding to nearest even means. */
static uint16_t rounded(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if (isnan(x)) return (uint16_t)(bits >> 16 | 0x40);
    uint32_t low = bits & 0xFFFF, high = bits >> 16;
    return (uint16_t)(high + (low > 0x8000 || (low == 0x8000 && (high & 1))));
}
static float widened(uint16_t half) {
    uint32_t bits = (uint32_t)half << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}
static uint16_t *rounded_copy(const float *values, int64_t count) {
    uint16_t *halves = edge_halves(count);
    for (int64_t i = 0; i < count; i++) halves[i] = rounded(values[i]);
    return halves;
}

/** Every upper half with lower halves around the middle; infinities, NaN, denormals and zeros are among them. */
static void conversions(const scn_kernel_table *table) {
    static const uint32_t low[] = {0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF};
    for (int64_t l = 0; l < COUNT_OF(low); l++) {
        begin_case("lower half %x", low[l]);
        int64_t count = 65536 + l;
        float *values = edge_floats(count), *back = edge_floats(count);
        for (int64_t i = 0; i < count; i++) {
            uint32_t bits = (uint32_t)(i % 65536) << 16 | low[l];
            memcpy(values + i, &bits, sizeof bits);
        }
        uint16_t *got = edge_halves(count), *want = rounded_copy(values, count);
        table->round_to_bfloat16(values, count, got);
        HOLDS(memcmp(got, want, (size_t)count * sizeof *got) == 0);
        table->widen_bfloat16(got, count, back);
        for (int64_t i = 0; i < count; i++) values[i] = widened(want[i]);
        HOLDS(have_same_bits(back, values, count));
        /* Sums with numbers far and near; NaN may be any. */
        uint16_t *others = edge_halves(count), *sums = edge_halves(count);
        for (int64_t i = 0; i < count; i++) {
            others[i] = want[i * 7919 % count];
            back[i] = values[i] + widened(others[i]);
        }
        uint16_t *expected = rounded_copy(back, count);
        table->add_bfloat16(want, others, count, sums);
        int64_t wrong = 0;
        for (int64_t i = 0; i < count; i++)
            wrong += isnan(back[i]) ? !isnan(widened(sums[i])) : sums[i] != expected[i];
        HOLDS(wrong == 0);
        end_case();
    }
}

typedef struct {
    scn_rules rules;
    int64_t inputs, outputs, groups, in, out; /* planes of a group */
    const uint16_t *input, *gradient, *weight;
    const float *unrounded, *bias;
} problem;

static problem new_problem(int64_t volume, int64_t inputs, int64_t outputs, int64_t groups, int64_t in, int64_t out,
                           uint32_t percent, int has_bias, uint64_t seed) {
    problem p = {.rules = random_rules(volume, inputs, outputs, percent, seed), .inputs = inputs, .outputs = outputs,
                 .groups = groups, .in = in, .out = out};
    p.input = rounded_copy(uneven_floats(inputs * groups * in, seed + 1), inputs * groups * in);
    p.gradient = rounded_copy(uneven_floats(outputs * groups * out, seed + 4), outputs * groups * out);
    p.unrounded = uneven_floats(volume * groups * in * out, seed + 2);
    p.weight = rounded_copy(p.unrounded, volume * groups * in * out);
    if (has_bias) p.bias = uneven_floats(groups * out, seed + 3);
    return p;
}

/** Rows with `gap` elements between them that nothing may touch. */
static uint16_t *spread(const uint16_t *values, int64_t rows, int64_t planes, int64_t gap) {
    uint16_t *result = edge_halves(rows ? (rows - 1) * (planes + gap) + planes : 0);
    for (int64_t row = 0; row < rows; row++) {
        if (values) memcpy(result + row * (planes + gap), values + row * planes, (size_t)planes * sizeof *values);
        for (int64_t p = 0; p < gap && row + 1 < rows; p++) result[row * (planes + gap) + planes + p] = 0x7FC1;
    }
    return result;
}

static const void *pack(const scn_bfloat16_products *products, const problem *p, int is_transposed) {
    int64_t size = products->packed_size(p->groups, p->in, p->out), weights = p->groups * p->in * p->out;
    unsigned char *packed = (unsigned char *)edge(size / 4 * p->rules.volume, 4);
    float *transposed = edge_floats(weights);
    for (int64_t k = 0; k < p->rules.volume; k++) {
        const float *weight = p->unrounded + k * weights;
        for (int64_t i = 0; i < weights; i++) {
            int64_t group = i / (p->in * p->out), place = i % (p->in * p->out);
            transposed[group * p->in * p->out + place % p->out * p->in + place / p->out] = weight[i];
        }
        products->pack(is_transposed ? transposed : weight, p->groups, p->in, p->out, is_transposed ? 1 : p->out,
                       is_transposed ? p->in : 1, packed + k * size);
    }
    return packed;
}

/** The output as float32, with the rows cut at `cuts`; in bfloat16 it must be that, rounded. */
static float *run(const scn_bfloat16_products *products, const problem *p, const int64_t *cuts, int64_t count,
                  int64_t gap, int is_transposed, float leakiness) {
    int64_t in = p->groups * p->in, out = p->groups * p->out, *cursors = edge_integers(p->rules.volume), first = 0;
    const void *packed = pack(products, p, is_transposed);
    const uint16_t *x = spread(p->input, p->inputs, in, gap);
    uint16_t *y16 = spread(NULL, p->outputs, out, gap);
    matrix y = new_matrix(NULL, p->outputs, out, gap);
    void *scratch = edge(products->scratch_size(p->rules.volume, p->groups, p->in, p->out), 1);
    for (int64_t i = 0; i <= count; i++) {
        int64_t end = i < count ? cuts[i] : p->outputs;
        scn_output floats = {.float32 = y.values}, rounds = {.bfloat16 = y16};
        products->convolution_rows(&p->rules, first, end, x, in + gap, p->groups, p->in, packed, p->bias, leakiness,
                                   floats, y.stride, p->out, cursors, scratch);
        products->convolution_rows(&p->rules, first, end, x, in + gap, p->groups, p->in, packed, p->bias, leakiness,
                                   rounds, out + gap, p->out, cursors, scratch);
        first = end;
    }
    int is_intact = 1;
    for (int64_t row = 0; row + 1 < p->outputs; row++)
        for (int64_t g = 0; g < gap; g++) is_intact &= y16[row * (out + gap) + out + g] == 0x7FC1;
    HOLDS(is_intact);
    float *values = elements_of(y);
    int is_rounded = 1;
    for (int64_t i = 0; i < p->outputs * out; i++) {
        is_rounded &= y16[i / out * (out + gap) + i % out] == rounded(values[i]);
    }
    HOLDS(is_rounded);
    return values;
}

static const double *expected_output(const problem *p) {
    int64_t in = p->groups * p->in, out = p->groups * p->out;
    double *y = edge_doubles(p->outputs * out);
    for (int64_t i = 0; p->bias && i < p->outputs * out; i++) y[i] = p->bias[i % out];
    for (int64_t k = 0; k < p->rules.volume; k++)
        for (int64_t r = p->rules.offsets[k]; r < p->rules.offsets[k + 1]; r++)
            for (int64_t o = 0; o < out; o++)
                for (int64_t i = 0; i < p->in; i++) {
                    int64_t group = o / p->out;
                    y[p->rules.output_rows[r] * out + o] +=
                        (double)widened(p->input[p->rules.input_rows[r] * in + group * p->in + i]) *
                        widened(p->weight[((k * p->groups + group) * p->in + i) * p->out + o % p->out]);
                }
    return y;
}

static const double *expected_gradient(const problem *p) {
    int64_t in = p->groups * p->in, out = p->groups * p->out;
    double *g = edge_doubles(p->rules.volume * in * p->out);
    for (int64_t k = 0; k < p->rules.volume; k++)
        for (int64_t r = p->rules.offsets[k]; r < p->rules.offsets[k + 1]; r++)
            for (int64_t i = 0; i < in; i++)
                for (int64_t o = 0; o < p->out; o++)
                    g[(k * in + i) * p->out + o] +=
                        (double)widened(p->input[p->rules.input_rows[r] * in + i]) *
                        widened(p->gradient[p->rules.output_rows[r] * out + i / p->in * p->out + o]);
    return g;
}

static float *gradient(const scn_bfloat16_products *products, const problem *p, int64_t gap) {
    int64_t in = p->groups * p->in, out = p->groups * p->out, *cursors = edge_integers(p->rules.volume);
    const uint16_t *x = spread(p->input, p->inputs, in, gap), *g = spread(p->gradient, p->outputs, out, gap);
    matrix result = new_matrix(filled(p->rules.volume * in * p->out, 0), p->rules.volume * in, p->out, gap);
    void *scratch = edge(products->scratch_size(p->rules.volume, p->groups, p->in, p->out), 1);
    products->convolution_weight_gradient_rows(&p->rules, 0, p->outputs, x, in + gap, p->groups, p->in, g, out + gap,
                                               p->out, result.values, p->groups * p->in * result.stride, result.stride,
                                               cursors, scratch);
    return elements_of(result);
}

static void any_planes(const scn_bfloat16_products *products) {
    for (int64_t a = 0; a < COUNT_OF(plane_counts); a++)
        for (int64_t b = 0; b < COUNT_OF(plane_counts); b++) {
            int64_t in = plane_counts[a], out = plane_counts[b];
            begin_case("%lld -> %lld planes", (long long)in, (long long)out);
            problem p = new_problem(2, 30, 23, 1, in, out, 60, out % 2 == 0, (uint64_t)(in * 1000 + out));
            CLOSE(run(products, &p, NULL, 0, 3, out % 3 == 0, 1), expected_output(&p), p.outputs * out, 1e-5);
            CLOSE(gradient(products, &p, 3), expected_gradient(&p), 2 * in * out, 1e-5);
            end_case();
        }
}

static void any_number_of_rules(const scn_bfloat16_products *products) {
    static const int64_t row_counts[] = {0, 1, 2, 15, 16, 17, 29, 31, 32, 33, 100, 600, 1500};
    static const int64_t planes[] = {3, 16, 37, 64, 100};
    for (int64_t a = 0; a < COUNT_OF(row_counts); a++)
        for (int64_t b = 0; b < COUNT_OF(planes); b++) {
            int64_t rows = row_counts[a], n = planes[b];
            begin_case("%lld rows of %lld planes", (long long)rows, (long long)n);
            problem p = new_problem(5, 2 * rows, rows, 1, n, n, 60, 1, (uint64_t)(rows + n));
            CLOSE(run(products, &p, NULL, 0, 0, 0, 1), expected_output(&p), rows * n, 1e-5);
            CLOSE(gradient(products, &p, 0), expected_gradient(&p), 5 * n * n, 1e-4);
            end_case();
        }
}

static void groups_and_activations(const scn_bfloat16_products *products) {
    static const int64_t groups[] = {1, 2, 3}, planes[] = {16, 20, 70};
    for (int64_t a = 0; a < COUNT_OF(groups); a++)
        for (int64_t b = 0; b < COUNT_OF(planes); b++) {
            int64_t out = planes[b] / 2 + 8, count = 90 * groups[a] * out;
            begin_case("%lld groups of %lld planes", (long long)groups[a], (long long)planes[b]);
            problem p = new_problem(4, 100, 90, groups[a], planes[b], out, 50, 1, (uint64_t)(groups[a] + planes[b]));
            float *sums = run(products, &p, NULL, 0, 1, 0, 1);
            CLOSE(sums, expected_output(&p), count, 1e-5);
            CLOSE(gradient(products, &p, 1), expected_gradient(&p), 4 * groups[a] * planes[b] * out, 1e-5);
            for (int64_t i = 0; i < count; i++) sums[i] = sums[i] > 0 ? sums[i] : 0.25f * sums[i];
            SAME(run(products, &p, NULL, 0, 0, 0, 0.25f), doubles_of(sums, count), count);
            end_case();
        }
}

/** A row's bits do not depend on where the rows are cut, nor on what other rows hold. */
static void cuts_and_neighbors(const scn_bfloat16_products *products) {
    static const int64_t cuts[] = {1, 2, 17, 33, 400, 401, 977};
    static const int64_t planes[] = {5, 16, 33, 64, 96};
    for (int64_t b = 0; b < COUNT_OF(planes); b++) {
        int64_t n = planes[b], count = 1100 * n;
        begin_case("cuts, %lld planes", (long long)n);
        problem p = new_problem(27, 1200, 1100, 1, n, n, 40, 1, (uint64_t)n);
        float *whole = run(products, &p, NULL, 0, 0, 0, 1);
        HOLDS(have_same_bits(whole, run(products, &p, cuts, COUNT_OF(cuts), 2, 0, 1), count));
        uint16_t *input = rounded_copy(filled(p.inputs * n, 0), p.inputs * n);
        memcpy(input, p.input, (size_t)(p.inputs * n) * sizeof *input);
        for (int64_t i = 0; i < n; i++) input[500 * n + i] = 0x7FC0;
        p.input = input;
        float *poisoned = run(products, &p, NULL, 0, 0, 0, 1);
        int is_apart = 1;
        for (int64_t row = 0; row < p.outputs; row++) {
            int meets = 0;
            for (int64_t r = 0; r < p.rules.offsets[27]; r++)
                meets |= p.rules.output_rows[r] == row && p.rules.input_rows[r] == 500;
            for (int64_t o = 0; o < n; o++)
                is_apart &= meets ? isnan(poisoned[row * n + o]) : poisoned[row * n + o] == whole[row * n + o];
        }
        HOLDS(is_apart);
        end_case();
    }
}

/** Rules that join row r with row r, by the functions for dense products. */
static void dense(const scn_bfloat16_products *products) {
    static const int64_t row_counts[] = {0, 1, 16, 255, 256, 257, 700};
    static const int64_t planes[] = {1, 16, 37, 64, 130};
    for (int64_t a = 0; a < COUNT_OF(row_counts); a++)
        for (int64_t b = 0; b < COUNT_OF(planes); b++) {
            int64_t rows = row_counts[a], in = planes[b], out = planes[COUNT_OF(planes) - 1 - b];
            begin_case("%lld rows, %lld -> %lld planes", (long long)rows, (long long)in, (long long)out);
            int64_t ends[] = {0, rows};
            int32_t *same = (int32_t *)edge(rows, sizeof(int32_t));
            for (int64_t row = 0; row < rows; row++) same[row] = (int32_t)row;
            problem p = new_problem(1, rows, rows, 1, in, out, 100, 1, (uint64_t)(rows + in));
            p.rules = (scn_rules){1, ends, same, same};
            void *scratch = edge(products->scratch_size(1, 1, in, out), 1);
            matrix y = new_matrix(NULL, rows, out, 2);
            uint16_t *halves = edge_halves(rows * out);
            const void *packed = pack(products, &p, 0);
            scn_output floats = {.float32 = y.values}, rounds = {.bfloat16 = halves};
            products->dense_rows(p.input, in, rows, in, packed, p.bias, 0.5f, floats, y.stride, out, scratch);
            products->dense_rows(p.input, in, rows, in, packed, p.bias, 0.5f, rounds, out, out, scratch);
            float *got = elements_of(y);
            double *want = edge_doubles(rows * out);
            const double *sums = expected_output(&p);
            int is_rounded = 1;
            for (int64_t i = 0; i < rows * out; i++) {
                want[i] = sums[i] > 0 ? sums[i] : 0.5 * sums[i];
                is_rounded &= halves[i] == rounded(got[i]);
            }
            HOLDS(is_rounded);
            CLOSE(got, want, rows * out, 1e-5);
            float *by_weight = filled(in * out, 0);
            products->dense_weight_gradient(p.input, in, rows, in, p.gradient, out, out, by_weight, out, scratch);
            CLOSE(by_weight, expected_gradient(&p), in * out, 1e-4);
            end_case();
        }
}

int main(void) {
    static void (*const of_tables[])(const scn_kernel_table *) = {conversions};
    static void (*const of_products[])(const scn_bfloat16_products *) = {
        any_planes, any_number_of_rules, groups_and_activations, cuts_and_neighbors, dense};
    const scn_bfloat16_products *products;
    signal(SIGSEGV, report_fault);
    for (int32_t i = 0; (products = scn_bfloat16_at(i)); i++) {
        printf("%s%s", i ? ", " : "products on ", products->name);
        fflush(stdout);
        table_name = products->name;
        for (int64_t test = 0; test < COUNT_OF(of_products); test++) of_products[test](products);
        printf(scn_bfloat16_at(i + 1) ? "" : "; conversions ");
    }
    return run_on_all_tables(of_tables, COUNT_OF(of_tables));
}

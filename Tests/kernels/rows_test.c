/* Layer normalization and leaky ReLUs with a leak for each plane, against loops. */
#include "kernels.h"

static const int64_t row_counts[] = {0, 1, 2, 5, 130};

static void normalize(const scn_kernel_table *table, int is_affine, int64_t planes, int64_t rows) {
    const double epsilon = 1e-3;
    int64_t count = rows * planes;
    uint64_t seed = (uint64_t)(planes + rows);
    begin_case("layer norm%s, %lld planes, %lld rows", is_affine ? ", affine" : "", (long long)planes, (long long)rows);
    float *x = uneven_floats(count, seed), *g = uneven_floats(count, seed + 1);
    float *weight = is_affine ? uneven_floats(planes, seed + 2) : NULL;
    float *bias = is_affine ? uneven_floats(planes, seed + 3) : NULL;
    float *y = edge_floats(count), *back = edge_floats(count), *in_place = copy_of(x, count);
    double *sum_product = edge_doubles(planes), *sum_gradient = edge_doubles(planes);
    double *outputs = edge_doubles(count), *gradients = edge_doubles(count);
    double *products = edge_doubles(planes), *sums = edge_doubles(planes);
    /* What is there is added to. */
    for (int64_t p = 0; p < planes; p++) sum_product[p] = products[p] = 1, sum_gradient[p] = sums[p] = -2;
    table->layer_norm(x, rows, planes, epsilon, weight, bias, y);
    table->layer_norm(in_place, rows, planes, epsilon, weight, bias, in_place);
    table->layer_norm_backward(x, g, rows, planes, epsilon, weight, sum_product, sum_gradient, back);
    for (int64_t row = 0; row < rows; row++) {
        const float *values = x + row * planes, *slopes = g + row * planes;
        double mean = 0, variance = 0, slope_mean = 0, product_mean = 0;
        for (int64_t p = 0; p < planes; p++) mean += values[p] / (double)planes;
        for (int64_t p = 0; p < planes; p++) variance += (values[p] - mean) * (values[p] - mean) / (double)planes;
        double inverse = 1 / sqrt(variance + epsilon);
        for (int64_t p = 0; p < planes; p++) {
            double hat = (values[p] - mean) * inverse, slope = slopes[p] * (weight ? (double)weight[p] : 1);
            outputs[row * planes + p] = hat * (weight ? (double)weight[p] : 1) + (bias ? (double)bias[p] : 0);
            slope_mean += slope / (double)planes, product_mean += slope * hat / (double)planes;
            products[p] += slopes[p] * hat, sums[p] += slopes[p];
        }
        for (int64_t p = 0; p < planes; p++) {
            double hat = (values[p] - mean) * inverse, slope = slopes[p] * (weight ? (double)weight[p] : 1);
            gradients[row * planes + p] = (slope - slope_mean - hat * product_mean) * inverse;
        }
    }
    CLOSE(y, outputs, count, 1e-6);
    HOLDS(have_same_bits(y, in_place, count));
    CLOSE(back, gradients, count, 1e-5);
    CLOSE_SUMS(sum_product, products, planes, 1e-9);
    CLOSE_SUMS(sum_gradient, sums, planes, 1e-12);
    end_case();
}

static void layer_norms(const scn_kernel_table *table) {
    for (int is_affine = 0; is_affine <= 1; is_affine++)
        for (int64_t a = 0; a < COUNT_OF(plane_counts); a++)
            for (int64_t b = 0; b < COUNT_OF(row_counts); b++)
                normalize(table, is_affine, plane_counts[a], row_counts[b]);
}

static void exponentials(const scn_kernel_table *table) {
    static const int64_t counts[] = {1, 2, 3, 7, 8, 9, 15, 16, 17, 20, 33, 100};
    for (int64_t c = 0; c < COUNT_OF(counts) * 4; c++) {
        int64_t planes = counts[c / 4];
        begin_case("exponentials, %lld planes, kind %lld", (long long)planes, (long long)(c % 4));
        float *x = uneven_floats(planes, (uint64_t)c), *y = edge_floats(planes), largest, again;
        double *want = edge_doubles(planes), greatest = -INFINITY, total = 0;
        for (int64_t p = 0; p < planes; p++) x[p] = c % 4 == 1 ? 40 * x[p] : c % 4 == 2 ? x[p] - 300 : x[p];
        if (c % 4 == 3) x[planes / 2] = NAN;
        if (c % 4 == 1) x[planes - 1] = -INFINITY;
        if (c % 4 == 1) x[0] = 50;
        for (int64_t p = 0; p < planes; p++) greatest = x[p] > greatest ? (double)x[p] : greatest;
        for (int64_t p = 0; p < planes; p++) total += want[p] = exp(x[p] - greatest);
        const double sum = table->exponentials_of_row(x, planes, &largest, y);
        HOLDS(table->exponentials_of_row(x, planes, &again, NULL) == sum || isnan(sum));
        if (c % 4 == 3) {
            HOLDS(isnan(sum));
        } else {
            CLOSE(y, want, planes, 3e-7);
            HOLDS(largest == (float)greatest && again == largest && fabs(sum - total) <= 3e-7 * total);
        }
        table->exponentials_of_row(x, planes, &again, x);
        HOLDS(have_same_bits(x, y, planes));
        end_case();
    }
}

static void leaks_of_planes(const scn_kernel_table *table) {
    for (int64_t c = 0; c < COUNT_OF(plane_counts) * COUNT_OF(row_counts); c++) {
        int64_t planes = plane_counts[c / COUNT_OF(row_counts)], rows = row_counts[c % COUNT_OF(row_counts)];
        int64_t count = rows * planes;
        uint64_t seed = (uint64_t)(planes + rows);
        begin_case("leaks, %lld planes, %lld rows", (long long)planes, (long long)rows);
        float *x = uneven_floats(count, seed), *g = uneven_floats(count, seed + 1);
        float *leaks = uneven_floats(planes, seed + 2), *y = edge_floats(count), *back = edge_floats(count);
        double *sums = edge_doubles(planes), *want_sums = edge_doubles(planes);
        double *outputs = edge_doubles(count), *gradients = edge_doubles(count);
        for (int64_t p = 0; p < planes; p++) sums[p] = want_sums[p] = 3;
        if (count) x[count / 2] = NAN;
        table->prelu(x, rows, planes, leaks, y);
        table->prelu_backward(x, g, rows, planes, leaks, sums, back);
        for (int64_t i = 0; i < count; i++) {
            double leak = leaks[i % planes];
            outputs[i] = x[i] > 0 ? (double)x[i] : (double)(x[i] * leaks[i % planes]);
            gradients[i] = x[i] > 0 ? g[i] : g[i] * leak;
            if (!(x[i] > 0)) want_sums[i % planes] += (double)(x[i] * g[i]);
        }
        SAME(y, outputs, count);
        CLOSE(back, gradients, count, 1e-7);
        for (int64_t p = 0; p < planes; p++)
            HOLDS(isnan(want_sums[p]) ? isnan(sums[p]) : fabs(sums[p] - want_sums[p]) < 1e-9);
        end_case();
    }
}

int main(void) {
    static void (*const tests[])(const scn_kernel_table *) = {layer_norms, exponentials, leaks_of_planes};
    return run_on_all_tables(tests, COUNT_OF(tests));
}

/* Moments of columns and batch normalization, against loops. */
#include "kernels.h"

static void moments(const scn_kernel_table *table) {
    static const int64_t row_counts[] = {0, 1, 2, 5, 100, 1000};
    for (int64_t c = 0; c < COUNT_OF(plane_counts) * COUNT_OF(row_counts); c++) {
        int64_t planes = plane_counts[c / COUNT_OF(row_counts)], rows = row_counts[c % COUNT_OF(row_counts)];
        begin_case("moments, %lld planes, %lld rows", (long long)planes, (long long)rows);
        const float *x = uneven_floats(rows * planes, (uint64_t)(planes + rows));
        double *mean = edge_doubles(planes), *squares = edge_doubles(planes), *sum = edge_doubles(planes);
        double *sums = edge_doubles(planes), *means = edge_doubles(planes), *about = edge_doubles(planes);
        matrix strided = new_matrix(x, rows, planes, 1);
        table->column_moments(x, rows, planes, mean, squares);
        table->column_sums(strided.values, strided.stride, rows, planes, sum);
        for (int64_t i = 0; i < rows * planes; i++) sums[i % planes] += x[i];
        for (int64_t p = 0; p < planes; p++) means[p] = rows ? sums[p] / (double)rows : 0;
        for (int64_t i = 0; i < rows * planes; i++)
            about[i % planes] += (x[i] - means[i % planes]) * (x[i] - means[i % planes]);
        CLOSE_SUMS(mean, means, planes, 1e-14);
        CLOSE_SUMS(squares, about, planes, 1e-6);
        CLOSE_SUMS(sum, sums, planes, 1e-14);
        end_case();
    }
}

/** An outlier in the first row must not spoil what is measured from it. */
static void moments_survive_a_far_mean(const scn_kernel_table *table) {
    enum { ROWS = 20000, PLANES = 19 };
    begin_case("moments far from zero");
    float *x = uneven_floats(ROWS * PLANES, 9);
    for (int64_t i = 0; i < ROWS * PLANES; i++) x[i] = 1000 + 0.01f * x[i];
    x[3] = -1e6f;
    double *mean = edge_doubles(PLANES), *squares = edge_doubles(PLANES);
    table->column_moments(x, ROWS, PLANES, mean, squares);
    for (int64_t p = 0; p < PLANES; p++) {
        double sum = 0, about = 0;
        for (int64_t row = 0; row < ROWS; row++) sum += x[row * PLANES + p];
        for (int64_t row = 0; row < ROWS; row++)
            about += (x[row * PLANES + p] - sum / ROWS) * (x[row * PLANES + p] - sum / ROWS);
        HOLDS(fabs(mean[p] - sum / ROWS) < 1e-9);
        HOLDS(fabs(squares[p] / about - 1) < 1e-5);
    }
    end_case();
}

static void normalize(const scn_kernel_table *table, float leakiness, int64_t planes, int64_t rows) {
    int64_t count = rows * planes;
    uint64_t seed = (uint64_t)(planes + rows);
    begin_case("batch norm, leakiness %g, %lld planes, %lld rows", (double)leakiness, (long long)planes,
               (long long)rows);
    float *x = uneven_floats(count, seed), *values = copy_of(x, count), *g = uneven_floats(count, seed + 1);
    const float *mean = uneven_floats(planes, seed + 2), *a = uneven_floats(planes, seed + 3);
    const float *b = uneven_floats(planes, seed + 4), *c = uneven_floats(planes, seed + 5);
    float *y = edge_floats(count), *input_gradient = edge_floats(count), *scaled = edge_floats(count);
    double *sum = edge_doubles(planes), *product = edge_doubles(planes);
    table->batch_norm_apply(x, rows, planes, mean, a, b, leakiness, y);
    float *from_input = edge_floats(count);
    double *sum_from_input = edge_doubles(planes), *product_from_input = edge_doubles(planes);
    table->batch_norm_backward_sums(x, y, g, rows, planes, mean, NULL, NULL, leakiness, sum, product);
    table->batch_norm_backward_sums(x, NULL, g, rows, planes, mean, a, b, leakiness, sum_from_input,
                                    product_from_input);
    table->batch_norm_backward_apply(x, y, g, rows, planes, mean, NULL, NULL, leakiness, a, b, c, input_gradient);
    table->batch_norm_backward_apply(x, NULL, g, rows, planes, mean, a, b, leakiness, a, b, c, from_input);
    table->scaled_backward_apply(y, g, rows, planes, leakiness, a, scaled);
    table->batch_norm_apply(x, rows, planes, mean, a, b, leakiness, x);
    double *outputs = edge_doubles(count), *back = edge_doubles(count), *scales = edge_doubles(count);
    double *sums = edge_doubles(planes), *products = edge_doubles(planes);
    for (int64_t i = 0; i < count; i++) {
        int64_t p = i % planes;
        double centered = (double)values[i] - mean[p], linear = centered * a[p] + b[p];
        double gradient = g[i] * (leakiness == 1 || y[i] > 0 ? 1 : (double)leakiness);
        outputs[i] = linear > 0 ? linear : linear * (double)leakiness;
        sums[p] += gradient, products[p] += gradient * centered;
        scales[i] = gradient * a[p];
        back[i] = gradient * a[p] + centered * b[p] + c[p];
    }
    CLOSE(y, outputs, count, 1e-6);
    HOLDS(have_same_bits(x, y, count));
    CLOSE_SUMS(sum, sums, planes, 1e-5);
    CLOSE_SUMS(product, products, planes, 1e-5);
    CLOSE(input_gradient, back, count, 1e-6);
    CLOSE(scaled, scales, count, 1e-6);
    HOLDS(have_same_bits(from_input, input_gradient, count));
    HOLDS(memcmp(sum_from_input, sum, (size_t)planes * sizeof *sum) == 0);
    HOLDS(memcmp(product_from_input, product, (size_t)planes * sizeof *product) == 0);
    end_case();
}

static void any_planes(const scn_kernel_table *table) {
    static const float leakinesses[] = {0, 0.333f, 1};
    static const int64_t row_counts[] = {0, 1, 2, 5, 130};
    for (int64_t l = 0; l < COUNT_OF(leakinesses); l++)
        for (int64_t a = 0; a < COUNT_OF(plane_counts); a++)
            for (int64_t b = 0; b < COUNT_OF(row_counts); b++)
                normalize(table, leakinesses[l], plane_counts[a], row_counts[b]);
}

/** Without a slope, what is negative becomes 0, minus infinity too; NaN stays, and its gradient passes. */
static void what_is_not_finite(const scn_kernel_table *table) {
    for (int64_t a = 0; a < COUNT_OF(plane_counts); a++) {
        int64_t planes = plane_counts[a];
        begin_case("batch norm of NaN and infinities, %lld planes", (long long)planes);
        float *x = edge_floats(3 * planes), *y = edge_floats(3 * planes), *back = edge_floats(3 * planes);
        double *want = edge_doubles(3 * planes), *passed = edge_doubles(3 * planes);
        for (int64_t i = 0; i < 3 * planes; i++) {
            x[i] = i % 3 == 0 ? NAN : i % 3 == 1 ? INFINITY : -INFINITY;
            want[i] = i % 3 == 0 ? (double)NAN : i % 3 == 1 ? (double)INFINITY : 0;
            passed[i] = i % 3 == 2 ? 0 : 2;
        }
        table->batch_norm_apply(x, 3, planes, filled(planes, 1), filled(planes, 2), filled(planes, 3), 0, y);
        table->scaled_backward_apply(y, filled(3 * planes, 1), 3, planes, 0, filled(planes, 2), back);
        SAME(y, want, 3 * planes);
        SAME(back, passed, 3 * planes);
        end_case();
    }
}

int main(void) {
    static void (*const tests[])(const scn_kernel_table *) = {moments, moments_survive_a_far_mean, any_planes,
                                                              what_is_not_finite};
    return run_on_all_tables(tests, COUNT_OF(tests));
}

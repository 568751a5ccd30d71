/* Element by element: arithmetic, activations, optimizers, against loops. */
#include "kernels.h"

static const int64_t counts[] = {0, 1, 2, 3, 5, 7, 8, 15, 16, 17, 31, 33, 64, 100, 1000};

/** The output of each is its first operand as well. */
static void arithmetic(const scn_kernel_table *table) {
    for (int64_t c = 0; c < COUNT_OF(counts); c++) {
        int64_t n = counts[c];
        begin_case("arithmetic on %lld elements", (long long)n);
        const float *a = uneven_floats(n, 1), *b = uneven_floats(n, 2);
        float *sum = copy_of(a, n), *product = copy_of(a, n), *scaled = copy_of(a, n), *divided = copy_of(a, n);
        float *quotient = copy_of(a, n);
        float *leaky = copy_of(a, n), *back = copy_of(a, n);
        double *sums = edge_doubles(n), *products = edge_doubles(n), *scales = edge_doubles(n);
        double *ratios = edge_doubles(n);
        double *quotients = edge_doubles(n), *leakies = edge_doubles(n), *backs = edge_doubles(n), squares = 0;
        table->add(sum, b, n, sum);
        table->multiply(product, b, n, product);
        table->quotients(quotient, b, n, quotient);
        table->scale(scaled, 2.5f, n, scaled);
        table->divide(divided, 3, n, divided);
        table->leaky_relu(leaky, n, 0.25f, leaky);
        table->leaky_relu_backward(b, back, n, 0.25f, back);
        for (int64_t i = 0; i < n; i++) {
            double x = a[i], y = b[i];
            sums[i] = x + y, products[i] = x * y, scales[i] = 2.5 * x, quotients[i] = x / 3, ratios[i] = x / y;
            leakies[i] = x > 0 ? x : x / 4, backs[i] = y > 0 ? x : x / 4;
            squares += x * x;
        }
        SAME(sum, sums, n);
        SAME(product, products, n);
        SAME(quotient, ratios, n);
        SAME(scaled, scales, n);
        SAME(divided, quotients, n);
        SAME(leaky, leakies, n);
        SAME(back, backs, n);
        HOLDS(fabs(table->sum_of_squares(a, n) - squares) <= 1e-12 * (1 + squares));
        end_case();
    }
}

/** Numbers of every kind, over and over. */
static float *odd_floats(int64_t count) {
    static const float kinds[] = {NAN, INFINITY, -INFINITY, 0.0f, -0.0f, 1e-42f, -1e-42f, 2.5f, -2.5f, 3e38f, -3e38f};
    float *values = edge_floats(count);
    for (int64_t i = 0; i < count; i++) values[i] = kinds[i % COUNT_OF(kinds)];
    return values;
}

static void what_is_not_finite(const scn_kernel_table *table) {
    for (int64_t c = 0; c < COUNT_OF(counts); c++) {
        int64_t n = counts[c];
        begin_case("NaN and infinities in %lld elements", (long long)n);
        const float *x = odd_floats(n);
        float *relu = copy_of(x, n), *back = filled(n, 3), *leaky = copy_of(x, n), *added = copy_of(x, n);
        double *relus = edge_doubles(n), *backs = edge_doubles(n), *leakies = edge_doubles(n), *sums = edge_doubles(n);
        table->leaky_relu(relu, n, 0, relu);
        table->leaky_relu_backward(x, back, n, 0, back);
        table->leaky_relu(leaky, n, 0.5f, leaky);
        table->add(added, x, n, added);
        for (int64_t i = 0; i < n; i++) {
            relus[i] = x[i] < 0 ? 0 : x[i];
            backs[i] = x[i] <= 0 ? 0 : 3;
            leakies[i] = x[i] > 0 ? x[i] : 0.5 * (double)x[i];
            sums[i] = (float)(2 * (double)x[i]);
        }
        SAME(relu, relus, n);
        SAME(back, backs, n);
        SAME(leaky, leakies, n);
        SAME(added, sums, n);
        end_case();
    }
}

static void steps_and_marks(const scn_kernel_table *table) {
    static const struct { int64_t stride; float least; } cases[] = {{1, 0}, {3, 0.25f}};
    for (int64_t c = 0; c < COUNT_OF(counts); c++) {
        int64_t n = counts[c];
        begin_case("steps and marks of %lld elements", (long long)n);
        float *x = even_floats(3 * n, 1), *step = edge_floats(3 * n);
        double *steps = edge_doubles(3 * n);
        if (n > 2) x[0] = NAN, x[3] = INFINITY, x[6] = 0;
        table->step(x, 3 * n, step);
        for (int64_t i = 0; i < 3 * n; i++) steps[i] = x[i] > 0;
        SAME(step, steps, 3 * n);
        for (int64_t k = 0; k < COUNT_OF(cases); k++) {
            uint8_t *marks = (uint8_t *)edge(n, 1);
            int differs = 0;
            table->mark_above(x, cases[k].stride, n, cases[k].least, marks);
            for (int64_t i = 0; i < n; i++) differs |= marks[i] != (x[i * cases[k].stride] > cases[k].least);
            HOLDS(!differs);
        }
        end_case();
    }
}

static void rows_are_copied(const scn_kernel_table *table) {
    for (int64_t a = 0; a < COUNT_OF(plane_counts); a++)
        for (int64_t rows = 0; rows < 6; rows += 5) {
            int64_t planes = plane_counts[a];
            begin_case("copies of %lld rows of %lld planes", (long long)rows, (long long)planes);
            const float *x = odd_floats(rows * planes);
            matrix from = new_matrix(x, rows, planes, 2), to = new_matrix(NULL, rows, planes, 5);
            table->copy_rows(rows, from.values, from.stride, to.values, to.stride, planes);
            HOLDS(have_same_bits(elements_of(to), x, rows * planes));
            end_case();
        }
}

static void sgd(const scn_kernel_table *table) {
    for (int64_t c = 0; c < 4 * COUNT_OF(counts); c++) {
        int64_t n = counts[c / 4];
        int nesterov = c % 2, has_velocity = c / 2 % 2;
        begin_case("SGD on %lld elements%s%s", (long long)n, nesterov ? ", Nesterov" : "",
                   has_velocity ? ", momentum" : "");
        float *parameter = uneven_floats(n, 1), *velocity = uneven_floats(n, 2);
        double *p = doubles_of(parameter, n), *v = edge_doubles(n);
        for (int step = 0; step < 3; step++) {
            const float *g = uneven_floats(n, 3 + (uint64_t)step);
            table->sgd_step(parameter, g, has_velocity ? velocity : NULL, n, 0.1f, 0.9f, 0.25f, 0.01f, nesterov,
                            step == 0);
            for (int64_t i = 0; i < n; i++) {
                double d = g[i] + 0.01 * p[i];
                v[i] = step == 0 ? d : 0.9 * v[i] + 0.75 * d;
                p[i] -= 0.1 * (!has_velocity ? d : nesterov ? d + 0.9 * v[i] : v[i]);
            }
        }
        CLOSE(parameter, p, n, 1e-6);
        if (has_velocity) CLOSE(velocity, v, n, 1e-6);
        end_case();
    }
}

static void adam(const scn_kernel_table *table) {
    for (int64_t c = 0; c < 2 * COUNT_OF(counts); c++) {
        int64_t n = counts[c / 2];
        int decoupled = c % 2;
        double power1 = 1, power2 = 1;
        begin_case("%s on %lld elements", decoupled ? "AdamW" : "Adam", (long long)n);
        float *parameter = uneven_floats(n, 1), *first = edge_floats(n), *second = edge_floats(n);
        double *p = doubles_of(parameter, n), *m = edge_doubles(n), *s = edge_doubles(n);
        for (int step = 0; step < 3; step++) {
            const float *gradient = uneven_floats(n, 2 + (uint64_t)step);
            power1 *= 0.9, power2 *= 0.99;
            table->adam_step(parameter, gradient, first, second, n, 0.1f, 0.9f, 0.99f, 1e-3f, 0.05f, decoupled,
                             (float)(1 - power1), (float)(1 - power2));
            for (int64_t i = 0; i < n; i++) {
                double g = gradient[i];
                if (decoupled) p[i] -= 0.1 * 0.05 * p[i];
                else g += 0.05 * p[i];
                m[i] = 0.9 * m[i] + 0.1 * g;
                s[i] = 0.99 * s[i] + 0.01 * g * g;
                p[i] -= 0.1 * (m[i] / (1 - power1)) / (sqrt(s[i] / (1 - power2)) + 1e-3);
            }
        }
        CLOSE(parameter, p, n, 1e-5);
        CLOSE(first, m, n, 1e-5);
        CLOSE(second, s, n, 1e-5);
        end_case();
    }
}

/** A decay of 0 is none: 0 times an infinite parameter would be NaN. */
static void no_decay_leaves_infinite_parameters_alone(const scn_kernel_table *table) {
    static const int64_t sizes[] = {1, 5, 37};
    for (int64_t c = 0; c < COUNT_OF(sizes); c++) {
        int64_t n = sizes[c];
        begin_case("infinite parameters, %lld elements", (long long)n);
        const float *gradient = filled(n, 1);
        float *plain = filled(n, INFINITY), *fast = filled(n, INFINITY), *adaptive = filled(n, INFINITY);
        float *first = edge_floats(n), *second = edge_floats(n);
        table->sgd_step(plain, gradient, NULL, n, 0.1f, 0, 0, 0, 0, 1);
        table->sgd_step(fast, gradient, first, n, 0.1f, 0.9f, 0, 0, 1, 1);
        table->adam_step(adaptive, gradient, first, second, n, 0.1f, 0.9f, 0.99f, 1e-3f, 0, 0, 0.1f, 0.01f);
        for (int64_t i = 0; i < n; i++) {
            HOLDS(plain[i] == INFINITY && fast[i] == INFINITY && adaptive[i] == INFINITY);
            HOLDS(isfinite(first[i]) && isfinite(second[i]));
        }
        end_case();
    }
}

/** Values known to more digits than a float has, at -1, 0, 1 and far out. */
static void smooth_activations(const scn_kernel_table *table) {
    static const float input[] = {-100, -1, 0, 1, 100};
    static const struct { scn_smooth_activation kind; double values[5]; } known[] = {
        {SCN_ELU, {-1, -0.632120558828558, 0, 1, 100}},
        {SCN_SELU, {-1.758099340847377, -1.111330737812563, 0, 1.0507009873554805, 105.07009873554805}},
        {SCN_TANH, {-1, -0.761594155955765, 0, 0.761594155955765, 1}},
        {SCN_SIGMOID, {0, 0.268941421369995, 0.5, 0.731058578630005, 1}},
        {SCN_GELU, {0, -0.158655253931457, 0, 0.841344746068543, 100}},
        {SCN_SILU, {0, -0.268941421369995, 0, 0.731058578630005, 100}},
        {SCN_HARD_SWISH, {0, -1.0 / 3, 0, 2.0 / 3, 100}},
        {SCN_SOFTPLUS, {0, 0.313261687518223, 0.693147180559945, 1.313261687518223, 100}}};
    static const int64_t counts[] = {1, 3, 15, 40, 67};
    const float step = 1.0f / 64;
    for (int64_t k = 0; k < COUNT_OF(known); k++) {
        scn_smooth_activation kind = known[k].kind;
        begin_case("smooth activation %d", (int)kind);
        float *values = copy_of(input, 5);
        table->smooth_activation(kind, values, 5, values);
        CLOSE(values, known[k].values, 5, 1e-6);
        end_case();
        // Backward is the slope of forward.
        for (int64_t c = 0; c < COUNT_OF(counts); c++) {
            int64_t points = counts[c];
            begin_case("slope of smooth activation %d, %lld points", (int)kind, (long long)points);
            float *at = edge_floats(points), *above = edge_floats(points), *below = edge_floats(points);
            float *output = edge_floats(points), *gradient = filled(points, 3);
            double *slopes = edge_doubles(points);
            for (int64_t i = 0; i < points; i++) {
                at[i] = (float)i / 8 - 2.53125f;
                above[i] = at[i] + step, below[i] = at[i] - step;
            }
            table->smooth_activation(kind, at, points, output);
            table->smooth_activation(kind, above, points, above);
            table->smooth_activation(kind, below, points, below);
            table->smooth_activation_backward(kind, at, output, gradient, points, gradient);
            for (int64_t i = 0; i < points; i++) slopes[i] = 3 * ((double)above[i] - below[i]) / (2 * (double)step);
            CLOSE(gradient, slopes, points, 1e-3);
            end_case();
        }
    }
}

/** Against libm over all of what a float's exponential can be, and limits where numbers have none. */
static void smooth_activations_far_out(const scn_kernel_table *table) {
    enum { COUNT = 4001 };
    begin_case("exponentials");
    float *x = edge_floats(COUNT), *y = edge_floats(COUNT), *limits = edge_floats(3);
    double *sigmoids = edge_doubles(COUNT), *tangents = edge_doubles(COUNT), *gelus = edge_doubles(COUNT);
    for (int64_t i = 0; i < COUNT; i++) {
        x[i] = (float)(i - COUNT / 2) / 16;
        sigmoids[i] = 1 / (1 + exp(-(double)x[i]));
        tangents[i] = tanh((double)x[i]);
        gelus[i] = x[i] * erfc(-x[i] / sqrt(2)) / 2;
    }
    table->smooth_activation(SCN_SIGMOID, x, COUNT, y);
    CLOSE(y, sigmoids, COUNT, 2e-7);
    for (int64_t i = 0; i < COUNT; i++) HOLDS(sigmoids[i] < 1e-37 || fabs(y[i] / sigmoids[i] - 1) < 1e-6);
    table->smooth_activation(SCN_TANH, x, COUNT, y);
    CLOSE(y, tangents, COUNT, 4e-7);
    table->smooth_activation(SCN_GELU, x, COUNT, y);
    CLOSE(y, gelus, COUNT, 4e-7);
    for (int kind = SCN_ELU; kind <= SCN_SOFTPLUS; kind++) {
        limits[0] = -INFINITY, limits[1] = NAN, limits[2] = INFINITY;
        table->smooth_activation((scn_smooth_activation)kind, limits, 3, limits);
        HOLDS(isnan(limits[1]));
        HOLDS(limits[0] <= 0 && limits[0] > -2);
        HOLDS(kind == SCN_TANH || kind == SCN_SIGMOID ? limits[2] == 1 : isinf(limits[2]));
    }
    end_case();
}

int main(void) {
    static void (*const tests[])(const scn_kernel_table *) = {
        arithmetic, what_is_not_finite, steps_and_marks, rows_are_copied, sgd, adam,
        no_decay_leaves_infinite_parameters_alone, smooth_activations, smooth_activations_far_out};
    return run_on_all_tables(tests, COUNT_OF(tests));
}

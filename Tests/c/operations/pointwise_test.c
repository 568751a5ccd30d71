/* The functional level of group norm, mean-only norm and compare against the modules and the tape; activations,
 * checkpointed sequential, data-dependent initialization, spectral norm, appending, from C. */
#include <float.h>

#include "check.h"

enum { ROWS = 30, PLANES = 6, SAMPLES = 3, GROUPS = 2 };

/** Return a sparse tensor on ROWS - skipped sites of a 16 x 16 field, with features that want a gradient in *leaf. */
static scn_tensor *cloud(int skipped, uint64_t seed, scn_tensor **leaf) {
    const int64_t size[] = {16, 16}, shape[] = {ROWS - skipped, PLANES};
    int64_t where[3 * ROWS];
    float *values = random_floats(ROWS * PLANES, seed);
    scn_tensor *points = NULL, *sparse = NULL, *result = NULL;
    scn_module *layer = NULL;
    for (int i = 0; i < ROWS - skipped; i++) {
        int cell = (i + skipped) * 5;
        where[3 * i] = cell / 16 % 16, where[3 * i + 1] = cell % 16, where[3 * i + 2] = i % SAMPLES;
    }
    OK(scn_tensor_create(shape, 2, values, leaf));
    OK(scn_tensor_set_requires_gradient(*leaf, 1));
    OK(scn_input_layer_create(2, size, SCN_INPUT_UNIQUE, &layer));
    OK(scn_points_create(where, ROWS - skipped, 3, *leaf, SAMPLES, &points));
    OK(scn_module_forward(layer, points, &sparse));
    OK(scn_tensor_with_features(sparse, *leaf, &result));
    scn_module_release(layer), scn_tensor_release(points), scn_tensor_release(sparse);
    free(values);
    return result;
}

static const float *data_of(scn_tensor *tensor) {
    float *data = NULL;
    OK(scn_tensor_data(tensor, &data));
    return data;
}

/** Check that a tensor's gradient has these bits, and forget it. */
static void check_gradient(scn_tensor *tensor, const float *want, int64_t count) {
    scn_tensor *gradient = NULL;
    OK(scn_tensor_gradient(tensor, &gradient));
    if (!CHECK(gradient != NULL)) return;
    double *wanted = doubles(count);
    for (int64_t i = 0; i < count; i++) wanted[i] = want[i];
    NEAR("gradient", data_of(gradient), wanted, count, 1e-5);
    OK(scn_tensor_zero_gradient(tensor));
    OK(scn_tensor_release(gradient));
    free(wanted);
}

/** A module on x, and what the functional level makes of the same: output and gradient by the input. */
static void check_module(scn_module *module, scn_tensor *x, scn_tensor *leaf, const float *output,
                         const float *gradient, const float *by_input) {
    scn_tensor *result = NULL;
    OK(scn_module_forward(module, x, &result));
    CHECK(memcmp(data_of(result), output, sizeof(float) * ROWS * PLANES) == 0);
    OK(scn_tensor_backward(result, gradient, ROWS * PLANES));
    check_gradient(leaf, by_input, ROWS * PLANES);
    OK(scn_tensor_release(result));
}

static void test_norms(void) {
    scn_tensor *leaf = NULL, *x = cloud(0, 1, &leaf);
    scn_geometry *geometry = NULL;
    scn_module *module = NULL;
    int32_t sites = 0;
    float *input = random_floats(ROWS * PLANES, 1), *gradient = random_floats(ROWS * PLANES, 2);
    float output[ROWS * PLANES], by_input[ROWS * PLANES], by_weight[PLANES], by_bias[PLANES], running[PLANES] = {0};
    float mean[SAMPLES * PLANES], inverse[SAMPLES * PLANES];
    scn_matrix in = SCN_MATRIX(input, ROWS, PLANES), out = SCN_MATRIX(output, ROWS, PLANES);
    scn_matrix g = SCN_MATRIX(gradient, ROWS, PLANES), by_in = SCN_MATRIX(by_input, ROWS, PLANES);
    OK(scn_tensor_geometry(x, &geometry, &sites));

    OK(scn_group_norm_forward(geometry, sites, &in, NULL, NULL, GROUPS, 1e-5, mean, inverse, &out));
    OK(scn_group_norm_backward(geometry, sites, &in, &g, NULL, GROUPS, mean, inverse, by_weight, by_bias, &by_in));
    OK(scn_group_norm_create(GROUPS, PLANES, 1e-5, &module));
    check_module(module, x, leaf, output, gradient, by_input);
    scn_module_release(module);

    /* An instance normalization is one of as many groups as planes. */
    OK(scn_group_norm_forward(geometry, sites, &in, NULL, NULL, PLANES, 1e-5, mean, inverse, &out));
    OK(scn_group_norm_backward(geometry, sites, &in, &g, NULL, PLANES, mean, inverse, by_weight, by_bias, &by_in));
    OK(scn_instance_norm_create(PLANES, 1e-5, 0, &module));
    check_module(module, x, leaf, output, gradient, by_input);
    scn_module_release(module);

    OK(scn_mean_only_norm_forward_training(&in, NULL, running, 0.99, 0.5, &out));
    OK(scn_mean_only_norm_backward(&out, &g, 1, 0.5, by_bias, &by_in));
    OK(scn_mean_only_norm_create(PLANES, 0, 0.5, 0.99, &module));
    check_module(module, x, leaf, output, gradient, by_input);
    OK(scn_module_set_training(module, 0));
    OK(scn_mean_only_norm_forward_evaluation(&in, NULL, running, 0.5, &out));
    OK(scn_mean_only_norm_backward(&out, &g, 0, 0.5, NULL, &by_in));
    check_module(module, x, leaf, output, gradient, by_input);
    scn_module_release(module);

    scn_geometry_release(geometry), scn_tensor_release(x), scn_tensor_release(leaf);
    free(input), free(gradient);
}

static double activate(scn_activation activation, double leak, double x) {
    const double alpha = 1.6732632423543772848170429916717, scale = 1.0507009873554804934193349852946;
    switch (activation) {
    case SCN_ACTIVATION_RELU: return x > 0 ? x : 0;
    case SCN_ACTIVATION_LEAKY_RELU: return x > 0 ? x : leak * x;
    case SCN_ACTIVATION_ELU: return x > 0 ? x : exp(x) - 1;
    case SCN_ACTIVATION_SELU: return scale * (x > 0 ? x : alpha * (exp(x) - 1));
    case SCN_ACTIVATION_TANH: return tanh(x);
    case SCN_ACTIVATION_SIGMOID: return 1 / (1 + exp(-x));
    case SCN_ACTIVATION_GELU: return x * erfc(-x / sqrt(2)) / 2;
    case SCN_ACTIVATION_SILU: return x / (1 + exp(-x));
    case SCN_ACTIVATION_HARD_SWISH: return x * fmin(fmax(x + 3, 0), 6) / 6;
    case SCN_ACTIVATION_SOFTPLUS: return log1p(exp(x));
    }
    return 0;
}

/** The values and gradients of an activation's module against its function and that function's slope. */
static void test_activation(scn_activation activation) {
    enum { ALL = 29 * 3 };
    const int64_t shape[] = {29, 3};
    float *input = random_floats(ALL, 71), *gradient = random_floats(ALL, 72), *slopes = floats(ALL);
    double *want = doubles(ALL);
    scn_tensor *x = NULL, *y = NULL;
    scn_module *module = NULL;
    for (int i = 0; i < ALL; i++) {
        if (input[i] == 0) input[i] = 0.5f;
        want[i] = activate(activation, 0.25, input[i] *= 4);
        double above = activate(activation, 0.25, input[i] + 1e-6), below = activate(activation, 0.25, input[i] - 1e-6);
        slopes[i] = (float)(gradient[i] * (above - below) / 2e-6);
    }
    OK(scn_tensor_create(shape, 2, input, &x));
    OK(scn_tensor_set_requires_gradient(x, 1));
    OK(scn_activation_create(activation, 0.25, &module));
    OK(scn_module_forward(module, x, &y));
    NEAR("activation", data_of(y), want, ALL, 1e-6);
    OK(scn_tensor_backward(y, gradient, ALL));
    check_gradient(x, slopes, ALL);
    scn_tensor_release(x), scn_tensor_release(y), scn_module_release(module);
    free(input), free(gradient), free(slopes), free(want);
}

/** With the least epsilon, planes of one value keep finite results and gradients. */
static void test_least_epsilon(void) {
    scn_batch_norm_options options = SCN_BATCH_NORM_OPTIONS_INIT;
    float input[ROWS * PLANES], result[ROWS * PLANES], by_input[ROWS * PLANES], saved[2][PLANES];
    const float means[PLANES] = {0}, variances[PLANES] = {0};
    scn_matrix in = SCN_MATRIX(input, ROWS, PLANES), out = SCN_MATRIX(result, ROWS, PLANES);
    scn_matrix back = SCN_MATRIX(by_input, ROWS, PLANES);
    options.epsilon = FLT_MIN;
    for (int i = 0; i < ROWS * PLANES; i++) input[i] = 3;
    OK(scn_batch_norm_forward_training(&in, NULL, NULL, NULL, NULL, &options, saved[0], saved[1], &out));
    OK(scn_batch_norm_backward_training(&in, &out, &in, NULL, saved[0], saved[1], &options, NULL, NULL, &back));
    CHECK(isfinite(saved[1][0]));
    for (int i = 0; i < ROWS * PLANES; i++) CHECK(result[i] == 0 && isfinite(by_input[i]));
    OK(scn_batch_norm_forward_evaluation(&in, NULL, NULL, means, variances, &options, &out));
    for (int i = 0; i < ROWS * PLANES; i++) CHECK(isfinite(result[i]) && result[i] > 1e18f);
}

static void test_compare_and_append(void) {
    enum { SKIPPED = 9, FEWER = ROWS - SKIPPED };
    scn_tensor *leaves[2] = {NULL, NULL}, *pair[2], *loss = NULL, *both = NULL;
    scn_geometry *geometries[2] = {NULL, NULL};
    int32_t sites[2] = {0, 0};
    int64_t shape[2] = {0, 0};
    float by_x[ROWS * PLANES], by_y[FEWER * PLANES], value = -1;
    pair[0] = cloud(0, 3, &leaves[0]), pair[1] = cloud(SKIPPED, 4, &leaves[1]);
    for (int i = 0; i < 2; i++) OK(scn_tensor_geometry(pair[i], &geometries[i], &sites[i]));
    float *x = random_floats(ROWS * PLANES, 3), *y = random_floats(FEWER * PLANES, 4);
    scn_matrix in_x = SCN_MATRIX(x, ROWS, PLANES), in_y = SCN_MATRIX(y, FEWER, PLANES);
    scn_matrix out_x = SCN_MATRIX(by_x, ROWS, PLANES), out_y = SCN_MATRIX(by_y, FEWER, PLANES);
    OK(scn_compare_sparse_forward(geometries[0], sites[0], &in_x, geometries[1], sites[1], &in_y, &value, &out_x,
                                  &out_y));
    OK(scn_compare_sparse(pair[0], pair[1], &loss));
    CHECK(value > 0 && *data_of(loss) == value);
    OK(scn_tensor_backward(loss, NULL, 1));
    check_gradient(leaves[0], by_x, ROWS * PLANES);
    check_gradient(leaves[1], by_y, FEWER * PLANES);
    OK(scn_append_tensors(pair, 2, &both));
    OK(scn_tensor_shape(both, shape, 2));
    CHECK(shape[0] == ROWS + FEWER && shape[1] == PLANES);
    CHECK(memcmp(data_of(both), x, sizeof(float) * ROWS * PLANES) == 0);
    CHECK(memcmp(data_of(both) + ROWS * PLANES, y, sizeof(float) * FEWER * PLANES) == 0);
    for (int i = 0; i < 2; i++)
        scn_geometry_release(geometries[i]), scn_tensor_release(pair[i]), scn_tensor_release(leaves[i]);
    scn_tensor_release(loss), scn_tensor_release(both);
    free(x), free(y);
}

/** Make a sequence of the first kind (checkpointed or not) from the same seed. */
static scn_module *network(int checkpointed) {
    const int64_t three[] = {3, 3};
    scn_convolution_options options = SCN_CONVOLUTION_OPTIONS_INIT;
    scn_module *layers[5], *net = NULL;
    options.bias = 1;
    OK(scn_manual_seed(7));
    OK(scn_submanifold_convolution_create(2, PLANES, 4, three, &options, &layers[0]));
    OK(scn_batch_norm_elu_create(4, 1e-4, 0.9, &layers[1]));
    OK(scn_batchwise_dropout_create(0.3, &layers[2]));
    OK(scn_linear_create(4, PLANES, 1, &layers[3]));
    OK(scn_module_add_spectral_norm(layers[3], 2, 1e-12, 1));
    OK(scn_dropout_create(0.3, &layers[4]));
    OK((checkpointed ? scn_checkpointed_sequential_create : scn_sequential_create)(layers, 5, &net));
    for (int i = 0; i < 5; i++) scn_module_release(layers[i]);
    return net;
}

static void test_checkpointed(void) {
    float outputs[2][ROWS * PLANES], gradients[2][ROWS * PLANES];
    float *gradient = random_floats(ROWS * PLANES, 5);
    for (int checkpointed = 0; checkpointed < 2; checkpointed++) {
        scn_tensor *leaf = NULL, *x = cloud(0, 6, &leaf), *y = NULL, *by_leaf = NULL;
        scn_module *net = network(checkpointed);
        OK(scn_module_forward(net, x, &y));
        memcpy(outputs[checkpointed], data_of(y), sizeof outputs[0]);
        OK(scn_tensor_backward(y, gradient, ROWS * PLANES));
        OK(scn_tensor_gradient(leaf, &by_leaf));
        memcpy(gradients[checkpointed], data_of(by_leaf), sizeof gradients[0]);
        scn_tensor_release(leaf), scn_tensor_release(x), scn_tensor_release(y), scn_tensor_release(by_leaf);
        scn_module_release(net);
    }
    CHECK(memcmp(outputs[0], outputs[1], sizeof outputs[0]) == 0);
    CHECK(memcmp(gradients[0], gradients[1], sizeof gradients[0]) == 0);
    free(gradient);
}

static void test_reweight(void) {
    scn_tensor *leaf = NULL, *x = cloud(0, 8, &leaf), *y = NULL;
    scn_module *layer = NULL;
    OK(scn_linear_create(PLANES, 3, 1, &layer));
    for (int only_bias = 0; only_bias < 2; only_bias++) {
        OK(only_bias ? scn_module_rebias(layer, x, &y) : scn_module_reweight(layer, x, &y));
        for (int plane = 0; plane < 3; plane++) {
            double mean = 0, squares = 0;
            for (int row = 0; row < ROWS; row++) mean += data_of(y)[row * 3 + plane] / ROWS;
            for (int row = 0; row < ROWS; row++) squares += pow(data_of(y)[row * 3 + plane] - mean, 2);
            CHECK(fabs(mean) < 1e-5 && fabs(sqrt(squares / (ROWS - 1)) - 1) < 1e-4);
        }
        OK(scn_tensor_release(y));
    }
    OK(scn_module_rebias(layer, x, NULL));
    scn_module_release(layer), scn_tensor_release(x), scn_tensor_release(leaf);
}

int main(void) {
    test_norms();
    for (int activation = 0; activation <= 9; activation++) test_activation((scn_activation)activation);
    test_least_epsilon();
    test_compare_and_append();
    test_checkpointed();
    test_reweight();
    CHECK(scn_live_handles() == 0);
    CHECK(scn_memory_in_use() == 0);
    return finish();
}

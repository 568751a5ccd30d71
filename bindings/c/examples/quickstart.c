#include <scn.h>
#include <stdio.h>
#include <stdlib.h>

static void check(scn_status status) {
    if (status == SCN_OK) return;
    fprintf(stderr, "%s: %s\n", scn_status_name(status), scn_last_error());
    exit(1);
}

int main(void) {
    const int64_t field[] = {16, 16}, three[] = {3, 3}, two[] = {2, 2};
    const int64_t sites[] = {4, 5, 0, 5, 6, 0, 9, 2, 1}; /* y, x, sample */
    const int64_t labels[] = {0, 1};                     /* one for each sample */
    const int64_t features_shape[] = {3, 1};
    const float feature_values[] = {1, 2, 3};
    scn_batch_norm_options relu = SCN_BATCH_NORM_OPTIONS_INIT;
    scn_sgd_options options = SCN_SGD_OPTIONS_INIT;
    scn_module *layers[7], *network;
    scn_tensor *parameters[5], *features, *points;
    scn_optimizer *sgd;
    int64_t entries, count = 0;

    check(scn_manual_seed(1));
    relu.leakiness = 0;
    check(scn_input_layer_create(2, field, SCN_INPUT_SUM, &layers[0]));
    check(scn_submanifold_convolution_create(2, 1, 8, three, NULL, &layers[1]));
    check(scn_batch_norm_create(8, &relu, &layers[2]));
    check(scn_max_pooling_create(2, two, two, NULL, &layers[3]));
    check(scn_sparse_to_dense_create(2, 8, &layers[4]));
    check(scn_flatten_create(&layers[5]));
    check(scn_linear_create(8 * 8 * 8, 2, 1, &layers[6]));
    check(scn_sequential_create(layers, 7, &network));
    for (int i = 0; i < 7; i++) check(scn_module_release(layers[i]));

    check(scn_module_state_count(network, &entries));
    for (int64_t i = 0; i < entries; i++) { /* running statistics are state, but no parameters */
        const char *name;
        int32_t is_parameter;
        scn_tensor *tensor;
        check(scn_module_state(network, i, &name, &tensor, &is_parameter));
        if (is_parameter) parameters[count++] = tensor;
        else check(scn_tensor_release(tensor));
    }
    options.learning_rate = 0.01;
    options.momentum = 0.9;
    check(scn_sgd_create(parameters, count, &options, &sgd));
    check(scn_tensor_create(features_shape, 2, feature_values, &features));
    check(scn_points_create(sites, 3, 3, features, 0, &points));

    for (int step = 0; step < 10; step++) {
        scn_tensor *logits, *loss;
        float *value;
        check(scn_optimizer_zero_gradients(sgd));
        check(scn_module_forward(network, points, &logits));
        check(scn_cross_entropy(logits, labels, 2, NULL, -100, &loss));
        check(scn_tensor_backward(loss, NULL, 0));
        check(scn_optimizer_step(sgd));
        check(scn_tensor_data(loss, &value));
        printf("step %d: loss %.4f\n", step, *value);
        check(scn_tensor_release(loss));
        check(scn_tensor_release(logits));
    }

    for (int64_t i = 0; i < count; i++) check(scn_tensor_release(parameters[i]));
    check(scn_tensor_release(points));
    check(scn_tensor_release(features));
    check(scn_optimizer_release(sgd));
    check(scn_module_release(network));
    return scn_live_handles() == 0 ? 0 : 1;
}

/* Ready networks, what a forward pass counts, summaries and learning rates, through the C interface. */
#include "check.h"

enum { POINTS = 60, SIDE = 15, PLANES = 3 };

/** Return points on a diagonal pattern of two samples, one row a site. */
static scn_tensor *make_points(void) {
    const int64_t shape[] = {POINTS, PLANES};
    int64_t where[3 * POINTS];
    float values[PLANES * POINTS];
    scn_tensor *features, *points;
    for (int i = 0; i < POINTS; i++) {
        where[3 * i] = i / 2 % SIDE, where[3 * i + 1] = (i / 2 * 4 + i / 30) % SIDE, where[3 * i + 2] = i % 2;
        for (int j = 0; j < PLANES; j++) values[PLANES * i + j] = (float)((i * 7 + j * 5) % 11) / 11;
    }
    OK(scn_tensor_create(shape, 2, values, &features));
    OK(scn_points_create(where, POINTS, 3, features, 0, &points));
    OK(scn_tensor_release(features));
    return points;
}

/** Run a network behind an input layer, forward and backward; check the planes and size that come out; release it. */
static void run(scn_module *body, int64_t planes, int64_t side) {
    const int64_t size[] = {SIDE, SIDE};
    int64_t shape[2] = {0, 0}, out_size[2] = {0, 0}, before = 0, after = 0;
    int32_t sites = 0;
    const char *text = NULL;
    scn_module *layers[2], *net;
    scn_tensor *points = make_points(), *output, *sum;
    scn_geometry *geometry;
    OK(scn_input_layer_create(2, size, SCN_INPUT_SUM, &layers[0]));
    layers[1] = body;
    OK(scn_sequential_create(layers, 2, &net));
    OK(scn_module_forward(net, points, &output));
    OK(scn_tensor_shape(output, shape, 2));
    OK(scn_tensor_geometry(output, &geometry, &sites));
    OK(scn_geometry_spatial_size(geometry, sites, out_size));
    CHECK(shape[1] == planes && out_size[0] == side && out_size[1] == side);
    OK(scn_tensor_sum(output, &sum));
    OK(scn_tensor_backward(sum, NULL, 1));
    scn_get_forward_counts(&before, NULL, NULL);
    OK(scn_module_summary(net, points, &text));
    scn_get_forward_counts(&after, NULL, NULL);
    CHECK(before == after && strstr(text, "multiply-adds") && strstr(text, "\ntotal"));
    OK(scn_tensor_release(points)), OK(scn_tensor_release(output)), OK(scn_tensor_release(sum));
    OK(scn_geometry_release(geometry));
    OK(scn_module_release(layers[0])), OK(scn_module_release(body)), OK(scn_module_release(net));
}

static void test_networks(void) {
    const int64_t planes[] = {PLANES, 5, 7}, three[] = {3, 3};
    scn_unet_options options = SCN_UNET_OPTIONS_INIT;
    scn_module *body;
    OK(scn_sparse_resnet_create(2, PLANES, "b4x2 b5x1/2", &body));
    run(body, 5, 7);
    OK(scn_sparse_densenet_create(2, PLANES, "B2x4 T3/2:6 B1x4", &body));
    run(body, 10, 7);
    options.downsample_size = three, options.residual_blocks = 1, options.leakiness = 0.1;
    OK(scn_unet_create(2, 1, planes, 3, &options, &body));
    run(body, PLANES, SIDE);
    OK(scn_fully_convolutional_net_create(2, 1, planes, 3, &options, &body));
    run(body, PLANES + 5 + 7, SIDE);
    OK(scn_fully_convolutional_integrated_linear_create(2, 1, planes, 3, 11, &options, &body));
    run(body, 11, SIDE);
    OK(scn_fully_convolutional_integrated_linear_create(2, 2, planes, 3, -1, &options, &body));
    run(body, PLANES, SIDE);
    CHECK(scn_live_handles() == 0);
}

static void test_counts(void) {
    const int64_t size[] = {SIDE, SIDE};
    int64_t multiply_adds = -1, hidden_states = -1, rules = -1;
    scn_module *layers[2], *net;
    scn_tensor *points = make_points(), *output;
    OK(scn_input_layer_create(2, size, SCN_INPUT_UNIQUE, &layers[0]));
    OK(scn_network_in_network_create(PLANES, 4, 0, &layers[1]));
    OK(scn_sequential_create(layers, 2, &net));
    OK(scn_set_forward_counts(0, 0, 5));
    OK(scn_module_forward(net, points, &output));
    scn_get_forward_counts(&multiply_adds, &hidden_states, &rules);
    CHECK(multiply_adds == POINTS * PLANES * 4 && hidden_states == POINTS * 4 && rules == 5);
    scn_get_forward_counts(NULL, NULL, NULL);
    OK(scn_tensor_release(points)), OK(scn_tensor_release(output));
    OK(scn_module_release(layers[0])), OK(scn_module_release(layers[1])), OK(scn_module_release(net));
    CHECK(scn_live_handles() == 0);
}

static void test_learning_rates(void) {
    double rate = 0;
    OK(scn_exponential_rate(0.1, 0.04, 10, &rate));
    CHECK(fabs(rate - 0.1 * exp(-0.4)) < 1e-15);
    OK(scn_step_rate(1, 0.5, 10, 29, &rate));
    CHECK(rate == 0.25);
    OK(scn_cosine_rate(1, 0, 12, 2, 0, &rate));
    CHECK(fabs(rate - 1.0 / 3) < 1e-15);
    OK(scn_cosine_rate(1, 0, 12, 2, 7, &rate));
    CHECK(fabs(rate - 0.5) < 1e-15);
    OK(scn_cosine_rate(1, 0.25, 12, 2, 12, &rate));
    CHECK(rate == 0.25);
}

int main(void) {
    test_networks();
    test_counts();
    test_learning_rates();
    CHECK(scn_memory_in_use() == 0);
    return finish();
}

/* Layers, containers and networks refuse settings that they cannot have and inputs that do not fit them. */
#include "bad_call.h"

static void bad_containers(void) {
    scn_module *inner = NULL, *outer = NULL, *network = NULL;
    OK(scn_sequential_create(NULL, 0, &inner));
    OK(scn_sequential_create(&inner, 1, &outer));
    BAD(STATE, "child", scn_module_add(inner, inner));
    BAD(STATE, "child", scn_module_add(inner, outer));
    BAD(INVALID_ARGUMENT, "container", scn_module_add(convolution, inner));
    BAD(INVALID_ARGUMENT, "children", scn_sequential_create(NULL, 2, &out_module));
    BAD(INVALID_ARGUMENT, "count", scn_sequential_create(&inner, -1, &out_module));
    BAD(INVALID_ARGUMENT, "index", scn_module_child(outer, 1, &out_module));
    BAD(INVALID_ARGUMENT, "index", scn_module_state(convolution, -1, &out_text, &out_tensor, &out_number));
    BAD(INVALID_ARGUMENT, "index", scn_module_state(convolution, 1, &out_text, &out_tensor, &out_number));
    scn_module_release(inner), scn_module_release(outer);

    int depth = 1, refused = 0;
    OK(scn_identity_create(&network));
    for (int i = 0; i < 10000; i++) {
        scn_status status = scn_sequential_create(&network, 1, &outer);
        if (status == SCN_OK) depth++, scn_module_release(network), network = outer;
        else refused += status == SCN_ERROR_STATE && !outer;
    }
    printf("nesting stopped at depth %d: %s\n", depth, scn_last_error());
    CHECK(depth >= 256 && depth <= 257 && refused == 10001 - depth);
    OK(scn_module_release(network));

    /* Twice the child before, again and again, would be more modules than anyone can count. */
    OK(scn_identity_create(&network));
    scn_status status = SCN_OK;
    for (depth = 0; depth < 60 && status == SCN_OK; depth++) {
        scn_module *const twice[] = {network, network};
        status = scn_sequential_create(twice, 2, &outer);
        if (status == SCN_OK) scn_module_release(network), network = outer;
    }
    CHECK(status == SCN_ERROR_STATE && outer == NULL);
    OK(scn_module_release(network));
}

/** A long chain of recorded operations: replayed and released without a deep recursion. */
static void survive_long_chains(void) {
    enum { LINKS = 200000 };
    scn_tensor *last = NULL, *next = NULL;
    scn_status status = SCN_OK;
    int links = 0;
    OK(scn_tensor_retain(dense));
    for (last = dense, links = 0; links < LINKS && (status = scn_tensor_scale(last, 1, &next)) == SCN_OK; links++)
        scn_tensor_release(last), last = next;
    CHECK(links == LINKS);
    OK(scn_tensor_backward(last, numbers, 6));
    OK(scn_tensor_zero_gradient(dense));
    OK(scn_tensor_release(last));
    OK(scn_tensor_retain(dense));
    for (last = dense, links = 0; links < LINKS && (status = scn_tensor_scale(last, 1, &next)) == SCN_OK; links++)
        scn_tensor_release(last), last = next;
    OK(scn_tensor_release(last));
}

static void bad_layers(void) {
    enum { FAR = 1 << 30 };
    const int64_t wide[] = {INT64_C(1) << 40, INT64_C(1) << 40};
    scn_convolution_options grouped = SCN_CONVOLUTION_OPTIONS_INIT, dilated = grouped, padded = grouped,
                            unsized = grouped;
    scn_pooling_options dropping = SCN_POOLING_OPTIONS_INIT;
    scn_batch_norm_options epsilon = SCN_BATCH_NORM_OPTIONS_INIT, momentum = epsilon, leak = epsilon;
    grouped.groups = 2, dilated.dilation = no_size, padded.padding = ones, unsized.struct_size = 3;
    dropping.features_to_drop = -1;
    epsilon.epsilon = NAN, momentum.momentum = 1.5, leak.leakiness = -INFINITY;
    BAD(INVALID_ARGUMENT, "dimension", scn_input_layer_create(0, field, SCN_INPUT_SUM, &out_module));
    BAD(INVALID_ARGUMENT, "dimension", scn_input_layer_create(11, three, SCN_INPUT_SUM, &out_module));
    BAD(INVALID_ARGUMENT, "spatial_size", scn_input_layer_create(2, NULL, SCN_INPUT_SUM, &out_module));
    BAD(INVALID_ARGUMENT, "spatial_size", scn_input_layer_create(2, minus, SCN_INPUT_SUM, &out_module));
    BAD(INVALID_ARGUMENT, "mode", scn_input_layer_create(2, field, (scn_input_mode)7, &out_module));
    BAD(INVALID_ARGUMENT, "dimension", scn_output_layer_create(0, &out_module));
    BAD(INVALID_ARGUMENT, "module", scn_flatten_create(NULL));
    BAD(INVALID_ARGUMENT, "dimension", scn_sparse_to_dense_create(11, 4, &out_module));
    BAD(INVALID_ARGUMENT, "planes", scn_sparse_to_dense_create(2, -1, &out_module));
    BAD(INVALID_ARGUMENT, "dimension", scn_submanifold_convolution_create(11, 1, 1, three, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "in_planes", scn_submanifold_convolution_create(2, -1, 1, three, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "out_planes", scn_submanifold_convolution_create(2, 1, -1, three, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "filter_size", scn_submanifold_convolution_create(2, 1, 1, NULL, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "filter_size", scn_submanifold_convolution_create(2, 1, 1, no_size, NULL, &out_module));
    BAD(OVERFLOW, "filter of size", scn_submanifold_convolution_create(2, 1, 1, wide, NULL, &out_module));
    BAD(OVERFLOW, "", scn_submanifold_convolution_create(2, HUGE_SIZE, HUGE_SIZE, three, NULL, &out_module));
    BAD(MEMORY, "", scn_submanifold_convolution_create(2, FAR, 1 << 20, three, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "groups", scn_submanifold_convolution_create(2, 3, 4, three, &grouped, &out_module));
    BAD(INVALID_ARGUMENT, "dilation", scn_submanifold_convolution_create(2, 1, 1, three, &dilated, &out_module));
    BAD(INVALID_ARGUMENT, "padding", scn_submanifold_convolution_create(2, 1, 1, three, &padded, &out_module));
    BAD(INVALID_ARGUMENT, "struct_size", scn_submanifold_convolution_create(2, 1, 1, three, &unsized, &out_module));
    scn_convolution_onto_options onto = SCN_CONVOLUTION_ONTO_OPTIONS_INIT;
    BAD(INVALID_ARGUMENT, "dimension", scn_convolution_onto_create(11, 1, 1, three, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "filter_size", scn_convolution_onto_create(2, 1, 1, NULL, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "filter_size", scn_convolution_onto_create(2, 1, 1, no_size, NULL, &out_module));
    BAD(OVERFLOW, "filter of size", scn_convolution_onto_create(2, 1, 1, wide, NULL, &out_module));
    onto.shape = (scn_filter_shape)3;
    BAD(INVALID_ARGUMENT, "shape: is 3", scn_convolution_onto_create(2, 1, 1, three, &onto, &out_module));
    onto.shape = SCN_FILTER_CROSS, onto.output_stride = no_size;
    BAD(INVALID_ARGUMENT, "output_stride", scn_convolution_onto_create(2, 1, 1, three, &onto, &out_module));
    onto.output_stride = NULL, onto.normalized = 2;
    BAD(INVALID_ARGUMENT, "normalized: is 2", scn_convolution_onto_create(2, 1, 1, three, &onto, &out_module));
    onto.normalized = 0, onto.groups = 3;
    BAD(INVALID_ARGUMENT, "groups", scn_convolution_onto_create(2, 3, 4, three, &onto, &out_module));
    BAD(INVALID_ARGUMENT, "filter_stride", scn_convolution_create(2, 1, 1, three, NULL, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "filter_stride", scn_convolution_create(2, 1, 1, three, no_size, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "filter_size", scn_deconvolution_create(2, 1, 1, minus, ones, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "in_planes", scn_network_in_network_create(-1, 1, 0, &out_module));
    BAD(OVERFLOW, "in_planes", scn_linear_create(HUGE_SIZE, 1, 0, &out_module));
    BAD(OVERFLOW, "", scn_linear_create(INT32_MAX, INT32_MAX, 0, &out_module));
    BAD(INVALID_ARGUMENT, "pool_size", scn_max_pooling_create(2, NULL, ones, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "stride", scn_max_pooling_create(2, three, minus, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "features_to_drop", scn_max_pooling_create(2, three, ones, &dropping, &out_module));
    BAD(INVALID_ARGUMENT, "planes", scn_batch_norm_create(-1, NULL, &out_module));
    BAD(MEMORY_OR_OVERFLOW, "", scn_batch_norm_create(HUGE_SIZE, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "epsilon", scn_batch_norm_create(3, &epsilon, &out_module));
    epsilon.epsilon = 1e-60; /* float32 would have zero, and then a small number without all its digits */
    BAD(INVALID_ARGUMENT, "1e-60, expected 1.1754944e-38", scn_batch_norm_create(3, &epsilon, &out_module));
    epsilon.epsilon = 1.1e-38;
    BAD(INVALID_ARGUMENT, "epsilon", scn_batch_norm_create(3, &epsilon, &out_module));
    epsilon.epsilon = 1e39;
    BAD(INVALID_ARGUMENT, "epsilon", scn_batch_norm_create(3, &epsilon, &out_module));
    BAD(INVALID_ARGUMENT, "momentum", scn_batch_norm_create(3, &momentum, &out_module));
    BAD(INVALID_ARGUMENT, "leakiness", scn_batch_norm_create(3, &leak, &out_module));
    leak.leakiness = 1e39;
    BAD(INVALID_ARGUMENT, "leakiness", scn_batch_norm_create(3, &leak, &out_module));
    BAD(INVALID_ARGUMENT, "momentum", scn_module_set_momentum(convolution, NAN));
    BAD(INVALID_ARGUMENT, "momentum", scn_module_set_momentum(sequential, 1.01));
    BAD(INVALID_ARGUMENT, "activation", scn_activation_create((scn_activation)10, 0, &out_module));
    BAD(INVALID_ARGUMENT, "parameter", scn_activation_create(SCN_ACTIVATION_LEAKY_RELU, NAN, &out_module));
    BAD(INVALID_ARGUMENT, "p", scn_dropout_create(NAN, &out_module));
    BAD(INVALID_ARGUMENT, "p", scn_dropout_create(1.01, &out_module));
    BAD(INVALID_ARGUMENT, "p", scn_batchwise_dropout_create(-0.5, &out_module));
    BAD(INVALID_ARGUMENT, "planes", scn_batch_norm_elu_create(0, 1e-4, 0.9, &out_module));
    BAD(INVALID_ARGUMENT, "epsilon", scn_batch_norm_elu_create(2, NAN, 0.9, &out_module));
    BAD(INVALID_ARGUMENT, "epsilon", scn_batch_norm_elu_create(2, 1e-60, 0.9, &out_module));
    BAD(INVALID_ARGUMENT, "momentum", scn_batch_norm_elu_create(2, 1e-4, 2, &out_module));
    BAD(INVALID_ARGUMENT, "planes", scn_mean_only_norm_create(-1, 1, 1, 0.99, &out_module));
    BAD(MEMORY_OR_OVERFLOW, "", scn_mean_only_norm_create(HUGE_SIZE, 1, 1, 0.99, &out_module));
    BAD(INVALID_ARGUMENT, "affine", scn_mean_only_norm_create(2, 2, 1, 0.99, &out_module));
    BAD(INVALID_ARGUMENT, "leakiness", scn_mean_only_norm_create(2, 1, -1, 0.99, &out_module));
    BAD(INVALID_ARGUMENT, "leakiness", scn_mean_only_norm_create(2, 1, 1e39, 0.99, &out_module));
    BAD(INVALID_ARGUMENT, "momentum", scn_mean_only_norm_create(2, 1, 1, NAN, &out_module));
    BAD(INVALID_ARGUMENT, "groups", scn_group_norm_create(0, 4, 1e-5, &out_module));
    BAD(INVALID_ARGUMENT, "groups", scn_group_norm_create(3, 4, 1e-5, &out_module));
    BAD(INVALID_ARGUMENT, "planes", scn_group_norm_create(1, 0, 1e-5, &out_module));
    BAD(INVALID_ARGUMENT, "epsilon", scn_group_norm_create(1, 4, 0, &out_module));
    BAD(INVALID_ARGUMENT, "epsilon", scn_group_norm_create(1, 4, 1e-60, &out_module));
    BAD(INVALID_ARGUMENT, "planes", scn_instance_norm_create(0, 1e-5, 1, &out_module));
    BAD(INVALID_ARGUMENT, "epsilon", scn_instance_norm_create(4, -1, 1, &out_module));
    BAD(INVALID_ARGUMENT, "affine", scn_instance_norm_create(4, 1e-5, 2, &out_module));
    BAD(INVALID_ARGUMENT, "planes", scn_layer_norm_create(-1, 1e-5, 1, &out_module));
    BAD(INVALID_ARGUMENT, "epsilon", scn_layer_norm_create(4, NAN, 1, &out_module));
    BAD(INVALID_ARGUMENT, "affine", scn_layer_norm_create(4, 1e-5, -1, &out_module));
    BAD(INVALID_ARGUMENT, "module", scn_layer_norm_create(4, 1e-5, 1, NULL));
    BAD(INVALID_ARGUMENT, "planes", scn_prelu_create(0, 0.25, &out_module));
    BAD(INVALID_ARGUMENT, "leak", scn_prelu_create(1, INFINITY, &out_module));
    BAD(INVALID_ARGUMENT, "module", scn_verbose_identity_create(NULL));
    BAD(INVALID_ARGUMENT, "module", scn_add_coords_create(NULL));
    BAD(INVALID_ARGUMENT, "children", scn_checkpointed_sequential_create(NULL, 2, &out_module));
    BAD(INVALID_ARGUMENT, "count", scn_checkpointed_sequential_create(&convolution, -1, &out_module));
    BAD(INVALID_ARGUMENT, "n_power_iterations", scn_module_add_spectral_norm(convolution, 0, 1e-12, 1));
    BAD(INVALID_ARGUMENT, "n_power_iterations", scn_module_add_spectral_norm(convolution, HUGE_SIZE, 1e-12, 1));
    BAD(INVALID_ARGUMENT, "epsilon", scn_module_add_spectral_norm(convolution, 1, 0, 1));
    BAD(INVALID_ARGUMENT, "epsilon", scn_module_add_spectral_norm(convolution, 1, 1e-60, 1));
    BAD(INVALID_ARGUMENT, "norm", scn_module_add_spectral_norm(convolution, 1, 1e-12, 1e-60));
    BAD(INVALID_ARGUMENT, "norm", scn_module_add_spectral_norm(convolution, 1, 1e-12, NAN));
    BAD(INVALID_ARGUMENT, "module", scn_module_add_spectral_norm(input_layer, 1, 1e-12, 1));
    BAD(INVALID_ARGUMENT, "layers", scn_sparse_vgg_net_create(2, 1, NULL, &out_module));
    BAD(FORMAT, "XY", scn_sparse_vgg_net_create(2, 1, "C8 XY MP", &out_module));
    BAD(FORMAT, "C99999999999999999999", scn_sparse_vgg_net_create(2, 1, "C99999999999999999999", &out_module));
    BAD(FORMAT, "C8,8,8,8,8", scn_sparse_vgg_net_create(2, 1, "C8,8,8,8,8", &out_module));
    scn_unet_options unet = SCN_UNET_OPTIONS_INIT;
    const int64_t widths[] = {4, 8}, no_width[] = {4, 0}, wide_levels[] = {INT64_C(1) << 40};
    BAD(INVALID_ARGUMENT, "planes", scn_unet_create(2, 1, NULL, 2, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "planes", scn_unet_create(2, 1, no_width, 2, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "planes", scn_unet_create(2, 1, wide_levels, 1, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "levels", scn_unet_create(2, 1, widths, HUGE_SIZE, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "repetitions", scn_unet_create(2, 0, widths, 2, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "dimension", scn_unet_create(11, 1, widths, 2, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "module", scn_unet_create(2, 1, widths, 2, NULL, NULL));
    unet.leakiness = NAN;
    BAD(INVALID_ARGUMENT, "leakiness", scn_unet_create(2, 1, widths, 2, &unet, &out_module));
    BAD(INVALID_ARGUMENT, "planes", scn_fully_convolutional_net_create(2, 1, NULL, 2, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "planes", scn_fully_convolutional_net_create(2, 1, no_width, 2, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "levels", scn_fully_convolutional_net_create(2, 1, widths, -1, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "repetitions", scn_fully_convolutional_net_create(2, 1001, widths, 2, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "leakiness", scn_fully_convolutional_net_create(2, 1, widths, 2, &unet, &out_module));
    BAD(INVALID_ARGUMENT, "classes",
        scn_fully_convolutional_integrated_linear_create(2, 1, widths, 2, 0, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "dimension",
        scn_fully_convolutional_integrated_linear_create(0, 1, widths, 2, -1, NULL, &out_module));
    unet.leakiness = 0, unet.in_planes = HUGE_SIZE;
    BAD(INVALID_ARGUMENT, "in_planes", scn_unet_create(2, 1, widths, 2, &unet, &out_module));
    BAD(INVALID_ARGUMENT, "stages", scn_sparse_resnet_create(2, 1, NULL, &out_module));
    BAD(FORMAT, "c8", scn_sparse_resnet_create(2, 1, "b8 c8", &out_module));
    BAD(FORMAT, "b99999999999999999999", scn_sparse_resnet_create(2, 1, "b99999999999999999999", &out_module));
    BAD(INVALID_ARGUMENT, "planes", scn_sparse_resnet_create(2, 1, "b9999999999", &out_module));
    BAD(INVALID_ARGUMENT, "repetitions", scn_sparse_resnet_create(2, 1, "b8x1001", &out_module));
    BAD(INVALID_ARGUMENT, "in_planes", scn_sparse_resnet_create(2, -1, "b8", &out_module));
    BAD(INVALID_ARGUMENT, "dimension", scn_sparse_resnet_create(11, 1, "b8", &out_module));
    BAD(INVALID_ARGUMENT, "layers", scn_sparse_densenet_create(2, 1, NULL, &out_module));
    BAD(FORMAT, "MP", scn_sparse_densenet_create(2, 1, "B2x8 MP", &out_module));
    BAD(INVALID_ARGUMENT, "growth_rate", scn_sparse_densenet_create(2, 1, "B2x99999999", &out_module));
    BAD(INVALID_ARGUMENT, "in_planes", scn_sparse_densenet_create(2, 0, "B2x8", &out_module));
    BAD(SHAPE, "dimension", scn_module_input_spatial_size(convolution, 3, three, out_sizes));
    BAD(INVALID_ARGUMENT, "output_size", scn_module_input_spatial_size(convolution, 2, NULL, out_sizes));
}

/** Put coordinates of sample 0 into a field by an input layer. */
static scn_status enter(const int64_t *coordinates, int32_t columns, scn_module *layer) {
    scn_tensor *drawn = NULL;
    scn_status status = scn_points_create(coordinates, 2, columns, dense, 0, &drawn);
    if (status == SCN_OK) status = scn_module_forward(layer, drawn, &out_tensor);
    scn_tensor_release(drawn);
    return status;
}

static void bad_forwards(void) {
    const int64_t outside[] = {4, 5, 0, 4, 10, 0}, negative[] = {4, 5, 0, -1, 5, 0}, batch[] = {4, 5, 0, 4, 5, -1};
    const int64_t late[] = {4, 5, 0, 4, 5, HUGE_SIZE}, twice[] = {4, 5, 0, 4, 5, 0}, four[] = {1, 2, 3, 0, 1, 2, 3, 1};
    const int64_t deep[] = {100000, 100000, 100000}, origin[] = {0, 0, 0, 0, 0, 1},
                  lowest[] = {4, 5, 0, INT64_MIN, 5, 0};
    scn_module *unique, *last_layer, *strided, *back, *deep_input, *leave, *join, *add;
    scn_tensor *far_sparse = NULL;
    OK(scn_input_layer_create(2, field, SCN_INPUT_UNIQUE, &unique));
    OK(scn_submanifold_convolution_create(2, 5, 4, three, NULL, &last_layer));
    OK(scn_convolution_create(2, 3, 4, three, three, NULL, &strided));
    OK(scn_deconvolution_create(2, 3, 4, three, three, NULL, &back));
    OK(scn_input_layer_create(3, deep, SCN_INPUT_SUM, &deep_input));
    OK(scn_sparse_to_dense_create(3, 3, &leave));
    OK(scn_join_table_create(&join));
    OK(scn_add_table_create(&add));
    BAD(COORDINATE, "row 1", enter(outside, 3, input_layer));
    BAD(COORDINATE, "row 1", enter(negative, 3, input_layer));
    BAD(COORDINATE, "row 1", enter(lowest, 3, input_layer));
    BAD(COORDINATE, "row 1", enter(batch, 3, input_layer));
    BAD(COORDINATE, "row 1", enter(late, 3, input_layer));
    BAD(COORDINATE, "row 1", enter(twice, 3, unique));
    BAD(SHAPE, "columns", enter(four, 4, input_layer));
    BAD(SHAPE, "input", scn_module_forward(input_layer, sparse, &out_tensor));
    BAD(SHAPE, "input", scn_module_forward(convolution, dense, &out_tensor));
    BAD(SHAPE, "planes", scn_module_forward(last_layer, sparse, &out_tensor));
    BAD(SHAPE, "size", scn_module_forward(strided, sparse, &out_tensor));
    BAD(STATE, "econvolution", scn_module_forward(back, sparse, &out_tensor));
    BAD(SHAPE, "input", scn_module_forward(join, sparse, &out_tensor));
    BAD(SHAPE, "input", scn_module_forward(add, dense, &out_tensor));
    BAD(INVALID_ARGUMENT, "output", scn_module_forward(convolution, sparse, NULL));
    BAD(SHAPE, "planes", scn_module_reweight(last_layer, sparse, &out_tensor));
    BAD(SHAPE, "input", scn_module_rebias(convolution, table, NULL));
    scn_module *spectral, *group_norm, *checkpointed;
    OK(scn_linear_create(3, 3, 0, &spectral));
    OK(scn_module_add_spectral_norm(spectral, 1, 1e-12, 1));
    BAD(STATE, "module", scn_module_add_spectral_norm(spectral, 1, 1e-12, 1));
    OK(scn_group_norm_create(1, 5, 1e-5, &group_norm));
    BAD(SHAPE, "planes", scn_module_forward(group_norm, sparse, &out_tensor));
    BAD(SHAPE, "input", scn_module_forward(group_norm, dense, &out_tensor));
    OK(scn_checkpointed_sequential_create(&last_layer, 1, &checkpointed));
    BAD(SHAPE, "planes", scn_module_forward(checkpointed, sparse, &out_tensor));
    OK(scn_module_release(spectral));
    OK(scn_module_release(group_norm));
    OK(scn_module_release(checkpointed));
    BAD(SHAPE, "input", scn_module_summary(sequential, dense, &out_text));
    BAD(INVALID_ARGUMENT, "text", scn_module_summary(sequential, sparse, NULL));
    OK(scn_points_create(origin, 2, 3, dense, 0, &far_sparse));
    scn_tensor *far_points = far_sparse;
    OK(scn_module_forward(deep_input, far_points, &far_sparse));
    BAD(MEMORY, "", scn_module_forward(leave, far_sparse, &out_tensor));
    scn_tensor_release(far_points), scn_tensor_release(far_sparse);
    scn_module *all[] = {unique, last_layer, strided, back, deep_input, leave, join, add};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) OK(scn_module_release(all[i]));
}

int main(void) {
    set_up();
    bad_containers();
    survive_long_chains();
    bad_layers();
    bad_forwards();
    tear_down();
    return finish();
}

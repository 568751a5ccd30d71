/* Calls of the section `Modules`. */
#ifndef SCN_FUZZ_CALLS_MODULES_H
#define SCN_FUZZ_CALLS_MODULES_H

#include "calls.h"

enum { MODULE_CALLS = 26, SMALL_LAYER_CALLS = 34, FILTER_LAYER_CALLS = 15, NETWORK_CALLS = 7 };

static void children(int which) {
    int64_t count;
    scn_module *const *modules = (scn_module *const *)some_handles(MODULE, &count, SCN_TENSOR_DENSE);
    if (which == 0) CALL(scn_sequential_create(modules, count, OUT(&out_module)));
    else if (which == 1) CALL(scn_checkpointed_sequential_create(modules, count, OUT(&out_module)));
    else CALL(scn_concat_table_create(modules, count, OUT(&out_module)));
}

static const char *const architectures[] = {
    "{\"type\":\"ReLU\"}",
    "{\"type\":\"Sequential\",\"modules\":[{\"type\":\"BatchNormalization\",\"planes\":3},{\"type\":\"Dropout\"}]}",
    "{\"type\":\"NetworkInNetwork\",\"in\":3,\"out\":3,\"bias\":true,\"spectral_norm\":{}}",
    "{\"type\":\"Sequential\",\"modules\":[{\"type\":\"InputLayer\",\"dimension\":2,\"spatial_size\":[8,8],\"mode\":3},"
    "{\"type\":\"Convolution\",\"dimension\":2,\"in\":3,\"out\":3,\"filter_size\":2,\"stride\":2},{\"type\":\"UnPooling\","
    "\"dimension\":2,\"pool_size\":2,\"pool_stride\":2},{\"type\":\"OutputLayer\",\"dimension\":2}]}",
    "{\"type\":\"ConcatTable\",\"modules\":[{\"type\":\"Identity\"},{\"type\":\"Tanh\"}]}",
    "{\"type\":\"Convolution\",\"dimension\":0}", "[", ""};

static void describe_layers(uint8_t which) {
    static char completed[400];
    int64_t *length;
    if (which % 3 == 0) {
        CALL(scn_layer_types(OUT(&out_text)));
        return;
    }
    length = OUT(&out_count);
    CALL(scn_complete_architecture(some_text(architectures, 8), which % 3 == 1 ? completed : NULL,
                                   which % 3 == 1 ? (int64_t)sizeof completed : 0, length));
}

static void call_module(void) {
    const uint8_t number = byte(), which = number % MODULE_CALLS;
    int64_t size[SCN_MAX_DIMENSION] = {0}, *output_size;
    int32_t dimension;
    switch (which) {
    case 0:
    case 1:
    case 2: CALL(scn_module_forward(a_module(), a_tensor(), OUT(&out_tensor))); break;
    case 3: CALL(scn_module_set_training(a_module(), choice_of(2))); break;
    case 4: CALL(scn_module_get_training(a_module(), OUT(&out_number))); break;
    case 5: CALL(scn_module_set_momentum(a_module(), real_number())); break;
    case 6:
        dimension = a_dimension(), output_size = some_sizes(dimension, 1, 5);
        CALL(scn_module_input_spatial_size(a_module(), dimension, output_size, OUT(size)));
        break;
    case 7: CALL(scn_module_state_count(a_module(), OUT(&out_count))); break;
    case 8:
        CALL(scn_module_state(a_module(), size_number(4), OUT(&out_text), OUT(&out_tensor), OUT(&out_number)));
        break;
    case 9: CALL(scn_module_reweight(a_module(), a_tensor(), OUT(&out_tensor))); break;
    case 10: CALL(scn_module_rebias(a_module(), a_tensor(), &out_tensor)); break;
    case 11: CALL(scn_module_add_spectral_norm(a_module(), size_number(3), real_number(), real_number())); break;
    case 12: CALL(scn_module_zero_gradients(a_module())); break;
    case 13: CALL(scn_module_type(a_module(), OUT(&out_text))); break;
    case 14: CALL(scn_module_architecture(a_module(), OUT(&out_text))); break;
    case 15: CALL(scn_module_description(a_module(), OUT(&out_text))); break;
    case 16: CALL(scn_module_summary(a_module(), a_tensor(), OUT(&out_text))); break;
    case 17: CALL(scn_module_create(some_text(architectures, 8), OUT(&out_module))); break;
    case 18:
        if (number < MODULE_CALLS) CALL(scn_module_optimize_for_inference(a_module(), OUT(&out_module)));
        else
            CALL(scn_module_optimize_for_inference_in(a_module(), (scn_element_type)(number / MODULE_CALLS % 4),
                                                      OUT(&out_module)));
        break;
    case 19: OWNERS(scn_module_retain, retain, MODULE, scn_module); break;
    case 20: OWNERS(scn_module_release, release, MODULE, scn_module); break;
    case 21: children(byte() % 3); break;
    case 22: CALL(scn_module_add(a_module(), a_module())); break;
    case 23: CALL(scn_module_child_count(a_module(), OUT(&out_count))); break;
    case 24: CALL(scn_module_child(a_module(), size_number(2), OUT(&out_module))); break;
    default: describe_layers(byte());
    }
}

static void call_small_layer(void) {
    const uint8_t which = byte() % SMALL_LAYER_CALLS;
    const int32_t dimension = a_dimension();
    scn_batch_norm_options *norm;
    switch (which) {
    case 0: CALL(scn_add_table_create(OUT(&out_module))); break;
    case 1: CALL(scn_join_table_create(OUT(&out_module))); break;
    case 2: CALL(scn_identity_create(OUT(&out_module))); break;
    case 3: CALL(scn_verbose_identity_create(OUT(&out_module))); break;
    case 4: CALL(scn_add_coords_create(OUT(&out_module))); break;
    case 5:
        CALL(scn_input_layer_create(dimension, some_sizes(dimension, 1, 9), (scn_input_mode)choice_of(5),
                                    OUT(&out_module)));
        break;
    case 6: CALL(scn_output_layer_create(dimension, OUT(&out_module))); break;
    case 7: CALL(scn_sparse_to_dense_create(dimension, some_planes(), OUT(&out_module))); break;
    case 8:
        CALL(scn_bl_input_layer_create(dimension, some_sizes(dimension, 1, 9), (scn_input_mode)choice_of(5),
                                       OUT(&out_module)));
        break;
    case 9: CALL(scn_bl_output_layer_create(dimension, OUT(&out_module))); break;
    case 10: CALL(scn_dense_to_sparse_create(dimension, OUT(&out_module))); break;
    case 11:
        CALL(scn_sparsify_create(dimension, some_planes(), (scn_sparsify_activation)choice_of(3), OUT(&out_module)));
        break;
    case 12: CALL(scn_sparsify_fcs_create(dimension, OUT(&out_module))); break;
    case 13: CALL(scn_flatten_create(OUT(&out_module))); break;
    case 14: CALL(scn_network_in_network_create(some_planes(), some_planes(), choice_of(2), OUT(&out_module))); break;
    case 15: CALL(scn_linear_create(some_planes(), some_planes(), choice_of(2), OUT(&out_module))); break;
    case 16: CALL(scn_global_pooling_create(dimension, (scn_global_pooling)choice_of(3), OUT(&out_module))); break;
    case 17:
    case 18:
        norm = (scn_batch_norm_options *)scratch(1, sizeof *norm);
        *norm = (scn_batch_norm_options)SCN_BATCH_NORM_OPTIONS_INIT;
        norm->struct_size = a_struct_size(sizeof *norm);
        if (rarely(128)) norm->epsilon = real_number(), norm->momentum = real_number();
        norm->affine = choice_of(2), norm->leakiness = real_number();
        CALL(scn_batch_norm_create(some_planes(), byte() & 1 ? norm : NULL, OUT(&out_module)));
        break;
    case 19: CALL(scn_batch_norm_elu_create(some_planes(), real_number(), real_number(), OUT(&out_module))); break;
    case 20:
        CALL(scn_mean_only_norm_create(some_planes(), choice_of(2), real_number(), real_number(), OUT(&out_module)));
        break;
    case 21: CALL(scn_group_norm_create(1 + size_number(2), some_planes(), real_number(), OUT(&out_module))); break;
    case 22: CALL(scn_activation_create((scn_activation)choice_of(10), real_number(), OUT(&out_module))); break;
    case 23: CALL(scn_dropout_create(real_number(), OUT(&out_module))); break;
    case 24: CALL(scn_batchwise_dropout_create(real_number(), OUT(&out_module))); break;
    case 25:
        CALL(scn_shape_context_create(dimension, some_planes(), byte() & 1 ? NULL : some_sizes(dimension, 1, 3),
                                      OUT(&out_module)));
        break;
    case 26: {
        const int64_t capacity = size_number(400);
        int64_t *offsets =
            capacity >= 0 && capacity <= 400 ? (int64_t *)scratch((size_t)capacity, sizeof(int64_t)) : NULL;
        CALL(scn_permutohedral_offsets(dimension, offsets, capacity));
        break;
    }
    case 27:
        CALL(scn_instance_norm_create(some_planes(), rarely(8) ? real_number() : 1e-5, choice_of(2), OUT(&out_module)));
        break;
    case 28:
        CALL(scn_layer_norm_create(some_planes(), rarely(8) ? real_number() : 1e-5, choice_of(2), OUT(&out_module)));
        break;
    case 29: CALL(scn_prelu_create(some_planes(), real_number(), OUT(&out_module))); break;
    case 33: {
        scn_field *field = (scn_field *)scratch(1, sizeof *field);
        *field = (scn_field)SCN_FIELD_INIT;
        field->struct_size = a_struct_size(sizeof *field), field->dimension = dimension;
        if (byte() & 1) field->spatial_size = some_sizes(dimension, 1, 9), field->lower = some_sizes(dimension, 0, 3);
        CALL(scn_input_layer_create_in_field(rarely(4) ? NULL : field, (scn_input_mode)choice_of(5), OUT(&out_module)));
        break;
    }
    default: {
        const size_t count = dimension >= 1 && dimension <= SCN_MAX_DIMENSION ? (size_t)(dimension * dimension) : 1;
        double *basis = (double *)scratch(count, sizeof(double)), *inverse = (double *)scratch(count, sizeof(double));
        CALL(scn_permutohedral_basis(dimension, OUT(basis), OUT(inverse)));
    }
    }
}

static const scn_convolution_options *convolution_options(int32_t dimension) {
    scn_convolution_options *options = (scn_convolution_options *)scratch(1, sizeof *options);
    *options = (scn_convolution_options)SCN_CONVOLUTION_OPTIONS_INIT;
    if (byte() & 1) return NULL;
    options->struct_size = a_struct_size(sizeof *options), options->bias = choice_of(2);
    if (rarely(64)) options->groups = size_number(3);
    if (rarely(64)) options->padding = some_sizes(dimension, 0, 2);
    if (rarely(64)) options->dilation = some_sizes(dimension, 1, 2);
    return options;
}
static const scn_pooling_options *pooling_options(int32_t dimension) {
    scn_pooling_options *options = (scn_pooling_options *)scratch(1, sizeof *options);
    *options = (scn_pooling_options)SCN_POOLING_OPTIONS_INIT;
    if (byte() & 1) return NULL;
    options->struct_size = a_struct_size(sizeof *options);
    if (rarely(64)) options->features_to_drop = size_number(3);
    if (rarely(64)) options->padding = some_sizes(dimension, 0, 2);
    if (rarely(64)) options->dilation = some_sizes(dimension, 1, 2);
    return options;
}
static const scn_fractional_options *fractional_options(int32_t dimension) {
    scn_fractional_options *options = (scn_fractional_options *)scratch(1, sizeof *options);
    *options = (scn_fractional_options)SCN_FRACTIONAL_OPTIONS_INIT;
    options->struct_size = a_struct_size(sizeof *options);
    if (byte() & 1) options->output_size = some_sizes(dimension, 1, 4);
    else options->ratio = some_reals(dimension >= 1 && dimension <= SCN_MAX_DIMENSION ? dimension : 1);
    options->tiles = choice_of(2), options->order = (scn_window_order)choice_of(2);
    if (!options->tiles) options->pool_size = some_sizes(dimension, 1, 3);
    if (rarely(64)) options->features_to_drop = size_number(3);
    return options;
}

static const scn_convolution_onto_options *convolution_onto_options(int32_t dimension) {
    scn_convolution_onto_options *options = (scn_convolution_onto_options *)scratch(1, sizeof *options);
    *options = (scn_convolution_onto_options)SCN_CONVOLUTION_ONTO_OPTIONS_INIT;
    if (byte() & 1) return NULL;
    options->struct_size = a_struct_size(sizeof *options);
    options->shape = (scn_filter_shape)choice_of(3), options->normalized = choice_of(2);
    if (rarely(16)) options->groups = size_number(3);
    if (byte() & 1) options->dilation = some_sizes(dimension, 1, 2);
    if (byte() & 1) options->input_stride = some_sizes(dimension, 1, 2);
    if (byte() & 1) options->output_stride = some_sizes(dimension, 1, 2);
    return options;
}

static void call_filter_layer(void) {
    const uint8_t which = byte() % FILTER_LAYER_CALLS;
    const int32_t dimension = a_dimension();
    const int64_t in = some_planes(), out_planes = some_planes();
    const int64_t *size = some_sizes(dimension, 1, 3), *stride = some_sizes(dimension, 1, 2);
    const scn_convolution_options *options = convolution_options(dimension);
    const scn_pooling_options *pooling = pooling_options(dimension);
    switch (which) {
    case 0:
    case 1:
        CALL(scn_submanifold_convolution_create(dimension, in, out_planes, size, options, OUT(&out_module)));
        break;
    case 2:
    case 3: CALL(scn_convolution_create(dimension, in, out_planes, size, stride, options, OUT(&out_module))); break;
    case 4: CALL(scn_deconvolution_create(dimension, in, out_planes, size, stride, options, OUT(&out_module))); break;
    case 5:
        CALL(scn_full_convolution_create(dimension, in, out_planes, size, stride, options, OUT(&out_module)));
        break;
    case 6:
        CALL(scn_randomized_stride_convolution_create(dimension, in, out_planes, size, stride, options,
                                                      OUT(&out_module)));
        break;
    case 7:
        CALL(scn_permutohedral_submanifold_convolution_create(dimension, in, out_planes, options, OUT(&out_module)));
        break;
    case 8:
    case 9: CALL(scn_max_pooling_create(dimension, size, stride, pooling, OUT(&out_module))); break;
    case 10: CALL(scn_average_pooling_create(dimension, size, stride, pooling, OUT(&out_module))); break;
    case 11: CALL(scn_unpooling_create(dimension, size, stride, pooling, OUT(&out_module))); break;
    case 12: CALL(scn_randomized_stride_max_pooling_create(dimension, size, stride, pooling, OUT(&out_module))); break;
    case 13:
        CALL(scn_convolution_onto_create(dimension, in, out_planes, size, convolution_onto_options(dimension),
                                         OUT(&out_module)));
        break;
    default: CALL(scn_fractional_max_pooling_create(dimension, fractional_options(dimension), OUT(&out_module)));
    }
}

static void call_network(void) {
    static const char *const vgg[] = {"C3",           "C3 MP",  "C4/2 C3", "MP3/2 C3", "C3,2",
                                      "C3,2,2 MP2/2", "C3/2:4", "C0 C-1",  "X"};
    static const char *const resnet[] = {"b3", "b3x2", "b4x1/2", "b3 b4/2", "b3x2/2 b4", "b0", "b1001x"};
    static const char *const densenet[] = {"B1x2", "B2x2 T", "B1x2 T:3", "AP2/2 B1x2", "MP2/2", "T3/2:2", "B0x0", "T/"};
    const uint8_t which = byte() % NETWORK_CALLS;
    const int32_t dimension = rarely(24) ? a_dimension() : 1 + byte() % 2;
    const int64_t levels = rarely(24) ? size_number(3) : 1 + byte() % 2, repetitions = rarely(24) ? size_number(2) : 1;
    const int64_t *planes = levels >= 0 && levels <= 3 ? some_integers(levels, 4) : NULL;
    scn_unet_options *options = (scn_unet_options *)scratch(1, sizeof *options);
    *options = (scn_unet_options)SCN_UNET_OPTIONS_INIT;
    options->struct_size = a_struct_size(sizeof *options), options->residual_blocks = choice_of(2);
    if (rarely(64)) options->downsample_size = some_sizes(dimension, 1, 3);
    if (rarely(64)) options->downsample_stride = some_sizes(dimension, 1, 2);
    if (rarely(64)) options->leakiness = real_number(), options->in_planes = size_number(4);
    if (byte() & 1) options = NULL;
    switch (which) {
    case 0: CALL(scn_sparse_vgg_net_create(dimension, some_planes(), some_text(vgg, 9), OUT(&out_module))); break;
    case 1: CALL(scn_sparse_resnet_create(dimension, some_planes(), some_text(resnet, 7), OUT(&out_module))); break;
    case 2: CALL(scn_sparse_densenet_create(dimension, some_planes(), some_text(densenet, 8), OUT(&out_module))); break;
    case 3: CALL(scn_unet_create(dimension, repetitions, planes, levels, options, OUT(&out_module))); break;
    case 4:
        CALL(scn_fully_convolutional_net_create(dimension, repetitions, planes, levels, options, OUT(&out_module)));
        break;
    case 5:
        CALL(scn_fully_convolutional_integrated_linear_create(dimension, repetitions, planes, levels,
                                                              rarely(64) ? size_number(3) : -1, options,
                                                              OUT(&out_module)));
        break;
    default: {
        scn_multiscale_shape_context_options *context =
            (scn_multiscale_shape_context_options *)scratch(1, sizeof *context);
        *context = (scn_multiscale_shape_context_options)SCN_MULTISCALE_SHAPE_CONTEXT_OPTIONS_INIT;
        context->struct_size = a_struct_size(sizeof *context), context->planes = some_planes();
        context->layers = size_number(3), context->batch_norm = choice_of(2);
        if (rarely(64)) context->filter_size = some_sizes(dimension, 1, 3);
        if (rarely(64)) context->downsample_size = some_sizes(dimension, 1, 3);
        if (rarely(64)) context->downsample_stride = some_sizes(dimension, 1, 2);
        CALL(scn_multiscale_shape_context_create(dimension, rarely(32) ? NULL : context, OUT(&out_module)));
    }
    }
}

#endif

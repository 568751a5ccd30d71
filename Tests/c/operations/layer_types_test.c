/* What the library says of its layers, and that C's defaults are what it says. */
#include "check.h"

static const int64_t THREES[] = {3, 3}, TWOS[] = {2, 2};

/** Check that a module is what an architecture without optional arguments makes; releases the module. */
static void check_same(scn_status status, scn_module *made, const char *json) {
    scn_module *named = NULL;
    const char *of_made = "", *of_named = "";
    if (!OK(status) || !OK(scn_module_create(json, &named))) return;
    OK(scn_module_architecture(made, &of_made));
    OK(scn_module_architecture(named, &of_named));
    if (!CHECK(strcmp(of_made, of_named) == 0)) printf("%s\n%s\n", of_made, of_named);
    OK(scn_module_release(made));
    OK(scn_module_release(named));
}
#define SAME(json, call)                  \
    do {                                  \
        const scn_status status = (call); \
        check_same(status, made, json);   \
    } while (0)

static void test_defaults_are_those_of_the_table(void) {
    scn_module *made = NULL;
    const scn_convolution_options convolution = SCN_CONVOLUTION_OPTIONS_INIT;
    const scn_pooling_options pooling = SCN_POOLING_OPTIONS_INIT;
    scn_fractional_options fractional = SCN_FRACTIONAL_OPTIONS_INIT;
    const double ratio[] = {1.5, 1.5};
    fractional.ratio = ratio;
    for (int is_null = 0; is_null < 2; is_null++) {
        const scn_convolution_options *options = is_null ? NULL : &convolution;
        SAME("{\"type\":\"SubmanifoldConvolution\",\"dimension\":2,\"in_planes\":4,\"out_planes\":6,\"filter_size\":3}",
             scn_submanifold_convolution_create(2, 4, 6, THREES, options, &made));
        SAME("{\"type\":\"Convolution\",\"dimension\":2,\"in_planes\":4,\"out_planes\":6,\"filter_size\":3,"
             "\"filter_stride\":2}",
             scn_convolution_create(2, 4, 6, THREES, TWOS, options, &made));
        SAME("{\"type\":\"Deconvolution\",\"dimension\":2,\"nIn\":4,\"nOut\":6,\"filter_size\":3,\"filter_stride\":2}",
             scn_deconvolution_create(2, 4, 6, THREES, TWOS, options, &made));
        SAME("{\"type\":\"FullConvolution\",\"dimension\":2,\"in\":4,\"out\":6,\"filter_size\":3,\"stride\":2}",
             scn_full_convolution_create(2, 4, 6, THREES, TWOS, options, &made));
        SAME("{\"type\":\"PermutohedralSubmanifoldConvolution\",\"dimension\":2,\"in_planes\":4,\"out_planes\":6}",
             scn_permutohedral_submanifold_convolution_create(2, 4, 6, options, &made));
        SAME("{\"type\":\"MaxPooling\",\"dimension\":2,\"pool_size\":3,\"pool_stride\":2}",
             scn_max_pooling_create(2, THREES, TWOS, is_null ? NULL : &pooling, &made));
        SAME("{\"type\":\"AveragePooling\",\"dimension\":2,\"pool_size\":3,\"pool_stride\":2}",
             scn_average_pooling_create(2, THREES, TWOS, is_null ? NULL : &pooling, &made));
        SAME("{\"type\":\"UnPooling\",\"dimension\":2,\"pool_size\":3,\"pool_stride\":2}",
             scn_unpooling_create(2, THREES, TWOS, is_null ? NULL : &pooling, &made));
    }
    SAME("{\"type\":\"FractionalMaxPooling\",\"dimension\":2,\"ratio\":1.5}",
         scn_fractional_max_pooling_create(2, &fractional, &made));
    SAME("{\"type\":\"ShapeContext\",\"dimension\":2,\"in_planes\":3}",
         scn_shape_context_create(2, 3, NULL, &made));
}

static void test_networks_have_names_too(void) {
    scn_module *made = NULL;
    const int64_t planes[] = {4, 8};
    const scn_unet_options levels = SCN_UNET_OPTIONS_INIT;
    const scn_multiscale_shape_context_options contexts = SCN_MULTISCALE_SHAPE_CONTEXT_OPTIONS_INIT;
    SAME("{\"type\":\"UNet\",\"dimension\":2,\"repetitions\":1,\"planes\":[4,8]}",
         scn_unet_create(2, 1, planes, 2, &levels, &made));
    SAME("{\"type\":\"FullyConvolutionalNet\",\"dimension\":2,\"reps\":1,\"nPlanes\":[4,8]}",
         scn_fully_convolutional_net_create(2, 1, planes, 2, &levels, &made));
    SAME("{\"type\":\"FullConvolutionalNetIntegratedLinear\",\"dimension\":2,\"reps\":1,\"nPlanes\":[4,8],\"nClasses\":3}",
         scn_fully_convolutional_integrated_linear_create(2, 1, planes, 2, 3, &levels, &made));
    SAME("{\"type\":\"MultiscaleShapeContext\",\"dimension\":2}",
         scn_multiscale_shape_context_create(2, &contexts, &made));
    SAME("{\"type\":\"SparseVggNet\",\"dimension\":2,\"in_planes\":3,\"layers\":\"C8 MP C16\"}",
         scn_sparse_vgg_net_create(2, 3, "C8 MP C16", &made));
    SAME("{\"type\":\"SparseResNet\",\"dimension\":2,\"in_planes\":3,\"stages\":\"b8x2/2\"}",
         scn_sparse_resnet_create(2, 3, "b8x2/2", &made));
    SAME("{\"type\":\"SparseDenseNet\",\"dimension\":2,\"in_planes\":3,\"layers\":\"B2x4 T\"}",
         scn_sparse_densenet_create(2, 3, "B2x4 T", &made));
    CHECK(scn_module_create("{\"type\":\"UNet\",\"dimension\":2,\"repetitions\":1,\"planes\":[4,0]}", &made) ==
          SCN_ERROR_INVALID_ARGUMENT);
    CHECK(strcmp(scn_last_error(), "planes[1]: is 0, expected 1 ... 1048576") == 0 && !made);
}

static void test_the_table(void) {
    const char *json = NULL, *again = NULL;
    OK(scn_layer_types(&json));
    OK(scn_layer_types(&again));
    CHECK(json == again && json[0] == '[' && strstr(json, "\"type\":\"SubmanifoldConvolution\""));
    CHECK(scn_layer_types(NULL) == SCN_ERROR_INVALID_ARGUMENT);
}

static void test_completed_architectures(void) {
    const char *large = "{\"type\":\"NetworkInNetwork\",\"nIn\":1000000,\"nOut\":1000000}";
    const char *completed =
        "{\"type\":\"NetworkInNetwork\",\"in_planes\":1000000,\"out_planes\":1000000,\"bias\":false}";
    const int64_t memory = scn_memory_in_use();
    uint64_t before[4], after[4];
    char text[200] = "untouched";
    int64_t length = -1;
    OK(scn_get_random_state(before));
    OK(scn_complete_architecture(large, NULL, 0, &length));
    CHECK(length == (int64_t)strlen(completed) + 1);
    CHECK(scn_complete_architecture(large, text, length - 1, &length) == SCN_ERROR_SHAPE && length == 0);
    CHECK(strcmp(text, "untouched") == 0);
    OK(scn_complete_architecture(large, text, sizeof text, &length));
    CHECK(strcmp(text, completed) == 0 && length == (int64_t)strlen(completed) + 1);
    OK(scn_get_random_state(after));
    CHECK(memcmp(before, after, sizeof before) == 0 && scn_memory_in_use() == memory);
    CHECK(scn_complete_architecture(NULL, text, sizeof text, &length) == SCN_ERROR_INVALID_ARGUMENT);
    CHECK(scn_complete_architecture(large, NULL, 10, &length) == SCN_ERROR_INVALID_ARGUMENT);
    CHECK(scn_complete_architecture(large, text, -1, &length) == SCN_ERROR_INVALID_ARGUMENT);
    CHECK(scn_complete_architecture(large, text, sizeof text, NULL) == SCN_ERROR_INVALID_ARGUMENT);
    CHECK(scn_complete_architecture("{\"type\":\"Linear\"}", text, sizeof text, &length) == SCN_ERROR_FORMAT);
    CHECK(strcmp(scn_last_error(), "json: in_planes: is missing, which a Linear needs") == 0);
    CHECK(scn_complete_architecture("{\"type\":\"Linear\",\"nIn\":0,\"nOut\":1}", text, sizeof text, &length) ==
          SCN_ERROR_INVALID_ARGUMENT);
    CHECK(strcmp(scn_last_error(), "nIn: is 0, expected at least 1") == 0);
}

int main(void) {
    test_the_table();
    test_defaults_are_those_of_the_table();
    test_networks_have_names_too();
    test_completed_architectures();
    CHECK(scn_live_handles() == 0);
    return finish();
}

/* A call that fails changes nothing: statistics, the generator, counts, geometries; and random numbers come once,
 * whatever other threads do meanwhile. */
#include <pthread.h>

#include "lines.h"

static scn_module *module_of(const char *json) {
    scn_module *module = NULL;
    OK(scn_module_create(json, &module));
    return module;
}

static scn_tensor *tensor_of(int64_t rows, int64_t planes, const float *values) {
    const int64_t shape[] = {rows, planes};
    scn_tensor *tensor = NULL;
    OK(scn_tensor_create(shape, 2, values, &tensor));
    return tensor;
}

/** All that a failing call may have changed. */
typedef struct {
    uint64_t random[4];
    int64_t counts[3];
    double state;
} world;

static world seen(scn_module *module) {
    world now;
    int64_t entries = 0, shape[16];
    memset(&now, 0, sizeof now);
    OK(scn_get_random_state(now.random));
    scn_get_forward_counts(&now.counts[0], &now.counts[1], &now.counts[2]);
    if (module) OK(scn_module_state_count(module, &entries));
    for (int64_t i = 0; i < entries; i++) {
        const char *name;
        scn_tensor *tensor;
        int32_t is_parameter, rank;
        float *data;
        int64_t count = 1;
        OK(scn_module_state(module, i, &name, &tensor, &is_parameter));
        OK(scn_tensor_rank(tensor, &rank));
        OK(scn_tensor_shape(tensor, shape, 16));
        for (int32_t axis = 0; axis < rank; axis++) count *= shape[axis];
        OK(scn_tensor_data(tensor, &data));
        for (int64_t k = 0; k < count; k++) now.state = now.state * 1.000001 + data[k];
        OK(scn_tensor_release(tensor));
    }
    return now;
}

static int is_same(world a, world b) { return memcmp(&a, &b, sizeof a) == 0; }

static const float eight[] = {1, 2, 3, 4, 5, 6, 7, 9};

/** Layers that work, and behind them one that cannot: 3 planes where 2 come. */
static void test_late_failures(void) {
    const char *layers[] = {
        "{\"type\":\"BatchNormalization\",\"planes\":2}",
        "{\"type\":\"MeanOnlyBNLeakyReLU\",\"planes\":2}",
        "{\"type\":\"Dropout\"}",
        "{\"type\":\"BatchwiseDropout\"}",
        "{\"type\":\"Linear\",\"in\":2,\"out\":2}",
        "{\"type\":\"Linear\",\"in\":2,\"out\":2,\"spectral_norm\":{}}",
        "{\"type\":\"CheckpointedSequential\",\"modules\":[{\"type\":\"Dropout\"},"
        "{\"type\":\"BatchNormalization\",\"planes\":2},{\"type\":\"Linear\",\"in\":2,\"out\":2,\"spectral_norm\":{}}]}",
    };
    scn_tensor *input = tensor_of(4, 2, eight), *output;
    OK(scn_tensor_set_requires_gradient(input, 1));
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        char text[1000];
        snprintf(text, sizeof text,
                 "{\"type\":\"Sequential\",\"modules\":[%s,{\"type\":\"Linear\",\"in\":3,\"out\":1}]}",
                 layers[i]);
        scn_module *network = module_of(text);
        world before = seen(network);
        CHECK(scn_module_forward(network, input, &output) == SCN_ERROR_SHAPE && !output);
        CHECK(is_same(before, seen(network)));
        CHECK(scn_module_reweight(network, input, &output) == SCN_ERROR_SHAPE && !output);
        CHECK(is_same(before, seen(network)));
        scn_module *layer;
        OK(scn_module_child(network, 0, &layer));
        OK(scn_module_forward(layer, input, &output));
        CHECK(!is_same(before, seen(network))); /* so the check above can fail */
        OK(scn_tensor_release(output));
        OK(scn_module_release(layer));
        OK(scn_module_release(network));
    }
    OK(scn_tensor_release(input));
}

static void test_failed_geometry(void) {
    const int64_t where[] = {0, 0, 0, 1, 1, 0, 3, 1, 0}, size[] = {8, 8}, two[] = {2, 2};
    const char *convolutions[] = {"Convolution", "RandomizedStrideConvolution"};
    for (int i = 0; i < 2; i++) {
        scn_geometry *geometry;
        scn_tensor *features = tensor_of(3, 2, eight), *sparse, *output;
        char text[1000];
        int64_t count;
        snprintf(text, sizeof text,
                 "{\"type\":\"Sequential\",\"modules\":[{\"type\":\"%s\",\"dimension\":2,\"in\":2,\"out\":2,"
                 "\"filter_size\":[2,2],\"stride\":[2,2]},{\"type\":\"Linear\",\"in\":3,\"out\":1}]}",
                 convolutions[i]);
        scn_module *network = module_of(text);
        OK(scn_geometry_create(2, size, where, 3, 3, 0, SCN_INPUT_SUM, &geometry));
        OK(scn_sparse_create(geometry, 0, features, &sparse));
        world before = seen(network);
        CHECK(scn_module_forward(network, sparse, &output) == SCN_ERROR_SHAPE);
        CHECK(scn_geometry_site_count(geometry, 1, &count) == SCN_ERROR_INVALID_ARGUMENT);
        CHECK(is_same(before, seen(network)));
        if (i == 0) { /* what was removed can be made */
            scn_filter filter = SCN_FILTER_INIT;
            scn_rulebook *rulebook;
            int32_t sites;
            filter.dimension = 2, filter.size = two, filter.stride = two;
            CHECK(scn_geometry_reverse(geometry, 0, &filter, &sites, &rulebook) == SCN_ERROR_STATE);
            OK(scn_geometry_strided(geometry, 0, &filter, &sites, &rulebook));
            CHECK(sites == 1);
            OK(scn_geometry_site_count(geometry, 1, &count));
            OK(scn_rulebook_release(rulebook));
        }
        OK(scn_tensor_release(sparse));
        OK(scn_tensor_release(features));
        OK(scn_geometry_release(geometry));
        OK(scn_module_release(network));
    }
}

static void test_failed_constructors(void) {
    const int64_t planes[] = {4, 8}, bad[] = {3, 0}, size[] = {8, 8}, where[] = {0, 0, 0, 1, 1, 0};
    const int64_t three[] = {3, 3}, two[] = {2, 2}, many[] = {20, 20};
    const double voxel[] = {.5, .5};
    const float points[] = {1, 2, 3, NAN};
    scn_unet_options unet = SCN_UNET_OPTIONS_INIT;
    scn_filter filter = SCN_FILTER_INIT;
    scn_fractional_options fractional = SCN_FRACTIONAL_OPTIONS_INIT;
    scn_voxelize_options voxelize = SCN_VOXELIZE_OPTIONS_INIT;
    scn_module *module, *linear = module_of("{\"type\":\"Linear\",\"in\":2,\"out\":2}");
    scn_geometry *geometry, *none;
    scn_rulebook *rulebook;
    int32_t sites;
    OK(scn_geometry_create(2, size, where, 2, 3, 0, SCN_INPUT_SUM, &geometry));
    world before = seen(linear);
    CHECK(scn_module_create("{\"type\":\"Sequential\",\"modules\":[{\"type\":\"Linear\",\"in\":2,\"out\":2},"
                            "{\"type\":\"Nope\"}]}", &module) == SCN_ERROR_FORMAT);
    CHECK(scn_module_create("{\"type\":\"Linear\",\"in\":2,\"out\":2,\"spectral_norm\":{\"n_power_iterations\":0}}",
                            &module) != SCN_OK);
    unet.downsample_stride = bad;
    CHECK(scn_unet_create(2, 1, planes, 2, &unet, &module) != SCN_OK);
    unet.downsample_stride = NULL, unet.leakiness = -1;
    CHECK(scn_unet_create(2, 1, planes, 2, &unet, &module) != SCN_OK);
    CHECK(scn_sparse_vgg_net_create(2, 1, "C4 C8 MP2/0", &module) != SCN_OK);
    CHECK(scn_module_add_spectral_norm(linear, 1, 1e-12, -1) != SCN_OK);
    filter.dimension = 2, filter.size = three, filter.stride = two;
    CHECK(scn_geometry_randomized(geometry, 0, &filter, &sites, &rulebook) != SCN_OK && sites == 0);
    fractional.output_size = many;
    CHECK(scn_geometry_fractional(geometry, 0, &fractional, 0, &sites, &rulebook) != SCN_OK && sites == 0);
    voxelize.reduction = SCN_VOXEL_RANDOM;
    CHECK(scn_voxelize(2, points, SCN_FLOAT32, 2, voxel, &voxelize, &none) == SCN_ERROR_COORDINATE);
    CHECK(is_same(before, seen(linear)));
    OK(scn_geometry_release(geometry));
    OK(scn_module_release(linear));
}

static void test_scopes(void) {
    scn_module *network =
        module_of("{\"type\":\"Sequential\",\"modules\":[{\"type\":\"BatchNormalization\",\"planes\":2},"
                  "{\"type\":\"Dropout\"},{\"type\":\"Linear\",\"in\":2,\"out\":2}]}");
    scn_tensor *input = tensor_of(4, 2, eight), *output;
    const uint64_t seed = 5;
    uint64_t own[4], again[4];
    world before = seen(network);
    CHECK(scn_scope_end(1) == SCN_ERROR_STATE);
    OK(scn_scope_begin(NULL));
    OK(scn_module_forward(network, input, &output));
    OK(scn_tensor_release(output));
    CHECK(!is_same(before, seen(network)));
    CHECK(scn_scope_end(2) == SCN_ERROR_INVALID_ARGUMENT);
    OK(scn_scope_end(0));
    CHECK(is_same(before, seen(network)));

    /* What a host sets belongs to its scope, too. */
    OK(scn_scope_begin(NULL));
    OK(scn_module_forward(network, input, &output));
    OK(scn_tensor_release(output));
    OK(scn_set_forward_counts(3, 2, 1));
    OK(scn_manual_seed(6));
    world inside = seen(NULL);
    CHECK(inside.counts[0] == 3 && inside.counts[1] == 2 && inside.counts[2] == 1);
    OK(scn_scope_end(0));
    CHECK(is_same(before, seen(network)));
    OK(scn_scope_begin(NULL));
    OK(scn_set_forward_counts(3, 2, 1));
    OK(scn_manual_seed(6));
    OK(scn_scope_end(1));
    CHECK(is_same(inside, seen(NULL)));
    OK(scn_set_forward_counts(before.counts[0], before.counts[1], before.counts[2]));
    OK(scn_set_random_state(before.random));

    /* A stream of its own moves on over the scopes inside, and leaves the generator as it is. */
    for (int round = 0; round < 2; round++) {
        OK(scn_scope_begin(&seed));
        OK(scn_module_release(module_of("{\"type\":\"Linear\",\"in\":2,\"out\":2}")));
        OK(scn_scope_begin(NULL));
        OK(scn_module_release(module_of("{\"type\":\"Linear\",\"in\":2,\"out\":2}")));
        OK(scn_scope_end(1));
        OK(scn_get_random_state(round ? again : own));
        OK(scn_scope_end(1));
    }
    CHECK(memcmp(own, again, sizeof own) == 0 && memcmp(own, before.random, sizeof own) != 0);
    CHECK(is_same(before, seen(network)));

    OK(scn_scope_begin(NULL));
    OK(scn_module_forward(network, input, &output));
    OK(scn_tensor_release(output));
    OK(scn_scope_end(1));
    CHECK(!is_same(before, seen(network)));
    /* What a scope made and put back works on, in numbers of its own. */
    const int64_t where[] = {0, 0, 0, 1, 1, 0, 6, 3, 0}, size[] = {8, 8}, three[] = {3, 3}, two[] = {2, 2},
                  one[] = {1, 1};
    scn_geometry *geometry, *same;
    scn_tensor *features = tensor_of(3, 2, eight), *sparse, *coarse, *fine, *other;
    scn_module *down, *down3, *convolution;
    int32_t sites, again_sites;
    int64_t count, other_count;
    OK(scn_geometry_create(2, size, where, 3, 3, 0, SCN_INPUT_SUM, &geometry));
    OK(scn_sparse_create(geometry, 0, features, &sparse));
    OK(scn_convolution_create(2, 2, 2, two, two, NULL, &down));
    OK(scn_convolution_create(2, 2, 2, three, one, NULL, &down3));
    OK(scn_submanifold_convolution_create(2, 2, 2, three, NULL, &convolution));
    OK(scn_scope_begin(NULL));
    OK(scn_module_forward(down, sparse, &coarse));
    OK(scn_scope_end(0));
    CHECK(scn_geometry_site_count(geometry, 1, &count) == SCN_ERROR_INVALID_ARGUMENT);
    OK(scn_module_forward(down3, sparse, &other)); /* now site set 1 is another one */
    OK(scn_module_forward(convolution, coarse, &fine));
    OK(scn_tensor_geometry(fine, &same, &sites));
    OK(scn_geometry_site_count(same, sites, &count));
    OK(scn_geometry_site_count(same, 1, &other_count));
    CHECK(count == 2 && sites == 2 && other_count > count);
    OK(scn_geometry_release(same));
    OK(scn_tensor_geometry(coarse, &same, &again_sites));
    CHECK(again_sites == sites);
    OK(scn_geometry_release(same));
    scn_tensor *tensors[] = {features, sparse, coarse, fine, other};
    for (int i = 0; i < 5; i++) OK(scn_tensor_release(tensors[i]));
    scn_module *modules[] = {down, down3, convolution};
    for (int i = 0; i < 3; i++) OK(scn_module_release(modules[i]));
    OK(scn_geometry_release(geometry));

    int64_t depth = 0;
    while (depth < 100000 && scn_scope_begin(NULL) == SCN_OK) depth++;
    CHECK(depth == 10000);
    while (depth-- > 0) OK(scn_scope_end(0));
    OK(scn_tensor_release(input));
    OK(scn_module_release(network));
}

/* Masks of 64 elements, drawn by two threads with networks of their own while a third opens checkpoints and
 * optimizes. */
enum { ROUNDS = 4000, WIDTH = 64 };
static uint64_t masks[2 * ROUNDS];
static int stopping;

static void *drawing(void *first) {
    const char *kinds[] = {"{\"type\":\"Dropout\"}",
                           "{\"type\":\"CheckpointedSequential\",\"modules\":[{\"type\":\"Dropout\"}]}"};
    float ones[WIDTH], *values;
    uint64_t *mask = (uint64_t *)first;
    scn_module *modules[2] = {module_of(kinds[0]), module_of(kinds[1])};
    for (int i = 0; i < WIDTH; i++) ones[i] = 1;
    scn_tensor *input = tensor_of(1, WIDTH, ones), *output;
    scn_tensor_set_requires_gradient(input, 1);
    for (int i = 0; i < ROUNDS; i++) {
        if (scn_module_forward(modules[i % 2], input, &output) != SCN_OK) break;
        scn_tensor_data(output, &values);
        for (int k = 0; k < WIDTH; k++) mask[i] = mask[i] << 1 | (values[k] != 0);
        scn_tensor_release(output);
    }
    scn_tensor_release(input);
    scn_module_release(modules[0]);
    scn_module_release(modules[1]);
    return NULL;
}

static void *opening(void *path) {
    const uint64_t seed = 1;
    while (!__atomic_load_n(&stopping, __ATOMIC_SEQ_CST)) {
        scn_module *module = NULL, *optimized = NULL;
        if (scn_scope_begin(&seed) != SCN_OK || scn_checkpoint_open((const char *)path, &module) != SCN_OK ||
            scn_module_optimize_for_inference(module, &optimized) != SCN_OK)
            break;
        scn_module_release(module_of("{\"type\":\"Linear\",\"in\":20,\"out\":20}"));
        scn_scope_end(1);
        scn_module_release(optimized);
        scn_module_release(module);
    }
    return NULL;
}

static int compare(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void test_numbers_come_once(void) {
    char path[] = "failure_test.safetensors";
    scn_module *linear = module_of("{\"type\":\"Linear\",\"in\":30,\"out\":30}"), *made;
    uint64_t before[4], after[4];
    OK(scn_checkpoint_save(path, linear, NULL));
    OK(scn_get_random_state(before));
    OK(scn_module_optimize_for_inference(linear, &made));
    OK(scn_module_release(made));
    OK(scn_checkpoint_open(path, &made));
    OK(scn_module_release(made));
    OK(scn_get_random_state(after));
    CHECK(memcmp(before, after, sizeof before) == 0);

    pthread_t threads[3];
    pthread_create(&threads[2], NULL, opening, path);
    for (int i = 0; i < 2; i++) pthread_create(&threads[i], NULL, drawing, masks + i * ROUNDS);
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    __atomic_store_n(&stopping, 1, __ATOMIC_SEQ_CST);
    pthread_join(threads[2], NULL);
    qsort(masks, 2 * ROUNDS, sizeof *masks, compare);
    int twice = 0;
    for (int i = 1; i < 2 * ROUNDS; i++) twice += masks[i] == masks[i - 1];
    CHECK(masks[0] != 0 && twice == 0);
    OK(scn_module_release(linear));
    remove(path);
}

int main(void) {
    OK(scn_manual_seed(11));
    test_late_failures();
    test_failed_geometry();
    test_failed_constructors();
    test_scopes();
    test_numbers_come_once();
    CHECK(scn_live_handles() == 0);
    return finish();
}

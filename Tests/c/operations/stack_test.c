/* The library keeps to the stack that docs/threads.md says a thread needs: all that nests, as deep as it may. An
 * argument is the size to try, in kilobytes; what each part took is printed then. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"

enum { DEPTH = 256, SITES = 12, LONG_CHAIN = 100000 };
static int64_t side = 8;
#ifdef IS_SANITIZED
static size_t stack_bytes = (size_t)16 << 20; /* Sanitizers put guards around what is on the stack. */
#else
static size_t stack_bytes = (size_t)512 << 10;
#endif

typedef void (*part)(void);

static void *run_part(void *function) {
    (*(part *)function)();
    return NULL;
}

/** Run a part on a thread whose stack has a page below it that nobody may touch. */
static void run(const char *name, part function, int prints) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    pthread_t thread;
    pthread_attr_t attributes;
    char *memory = (char *)mmap(NULL, stack_bytes + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (!CHECK(memory != (char *)MAP_FAILED && mprotect(memory, page, PROT_NONE) == 0)) return;
    memset(memory + page, 0xA5, stack_bytes);
    CHECK(pthread_attr_init(&attributes) == 0);
    CHECK(pthread_attr_setstack(&attributes, memory + page, stack_bytes) == 0);
    printf("%s\n", name);
    fflush(stdout);
    if (CHECK(pthread_create(&thread, &attributes, run_part, &function) == 0)) CHECK(pthread_join(thread, NULL) == 0);
    size_t untouched = 0;
    while (untouched < stack_bytes && (unsigned char)memory[page + untouched] == 0xA5) untouched++;
    if (prints) printf("  %zu KB\n", (stack_bytes - untouched) >> 10);
    pthread_attr_destroy(&attributes);
    munmap(memory, stack_bytes + page);
}

static scn_tensor *make_points(int64_t planes) {
    const int64_t shape[] = {SITES, planes};
    int64_t where[SITES * 3];
    float *values = random_floats(SITES * planes, 3);
    scn_tensor *features = NULL, *points = NULL;
    for (int64_t i = 0; i < SITES; i++)
        where[3 * i] = i % side, where[3 * i + 1] = i * 5 % side, where[3 * i + 2] = i / 6;
    OK(scn_tensor_create(shape, 2, values, &features));
    OK(scn_tensor_set_requires_gradient(features, 1));
    OK(scn_points_create(where, SITES, 3, features, 0, &points));
    OK(scn_tensor_release(features));
    free(values);
    return points;
}

typedef scn_status (*container)(scn_module *const *children, int64_t count, scn_module **module);

/** Return `innermost` and an input layer, inside so many containers. Takes the module. */
static scn_module *nest(scn_module *innermost, container create, int depth) {
    const int64_t size[] = {side, side};
    scn_module *layers[2] = {NULL, innermost}, *outer = NULL;
    for (int i = 0; i < depth; i++) {
        OK(create(&layers[1], 1, &outer));
        OK(scn_module_release(layers[1]));
        layers[1] = outer;
    }
    OK(scn_input_layer_create(2, size, SCN_INPUT_SUM, &layers[0]));
    OK(scn_sequential_create(layers, 2, &outer));
    OK(scn_module_release(layers[0])), OK(scn_module_release(layers[1]));
    return outer;
}

/** Do with a module what can be done with one; releases it. */
static void use(scn_module *module, int64_t planes, int saves) {
    scn_tensor *points = make_points(planes), *output = NULL, *sum = NULL, *faster = NULL;
    scn_module *copy = NULL, *fast = NULL;
    const char *text = NULL;
    for (int training = 1; training >= 0; training--) {
        OK(scn_module_set_training(module, training));
        OK(scn_module_forward(module, points, &output));
        if (training)
            OK(scn_tensor_sum(output, &sum)), OK(scn_tensor_backward(sum, NULL, 1)), OK(scn_tensor_release(sum));
        OK(scn_tensor_release(output));
    }
    OK(scn_module_zero_gradients(module));
    OK(scn_module_description(module, &text));
    OK(scn_module_summary(module, points, &text));
    OK(scn_module_optimize_for_inference(module, &fast));
    OK(scn_set_gradient_recording(0));
    OK(scn_module_forward(fast, points, &faster));
    OK(scn_set_gradient_recording(1));
    OK(scn_tensor_release(faster)), OK(scn_module_release(fast));
    OK(scn_module_architecture(module, &text));
    OK(scn_module_create(text, &copy));
    OK(scn_module_release(copy));
    if (saves) {
        const char *path = "stack_test.safetensors";
        OK(scn_checkpoint_save(path, module, NULL));
        OK(scn_checkpoint_open(path, &copy));
        OK(scn_checkpoint_restore(path, copy, NULL));
        OK(scn_module_release(copy));
        unlink(path);
    }
    OK(scn_tensor_release(points)), OK(scn_module_release(module));
}

/** Return a convolution with a norm and an activation. */
static scn_module *block(void) {
    const int64_t three[] = {3, 3};
    scn_module *layers[3], *module = NULL;
    OK(scn_submanifold_convolution_create(2, 2, 2, three, NULL, &layers[0]));
    OK(scn_batch_norm_create(2, NULL, &layers[1]));
    OK(scn_activation_create(SCN_ACTIVATION_ELU, 0, &layers[2]));
    OK(scn_sequential_create(layers, 3, &module));
    for (int i = 0; i < 3; i++) OK(scn_module_release(layers[i]));
    return module;
}

static void nested_sequentials(void) { use(nest(block(), scn_sequential_create, DEPTH - 3), 2, 1); }

static void nested_checkpointed(void) { use(nest(block(), scn_checkpointed_sequential_create, DEPTH - 3), 2, 1); }

/** Each level is what comes of the next one inside, added to its input, as in residual networks. */
static scn_status residual(scn_module *const *children, int64_t count, scn_module **module) {
    scn_module *branches[2] = {NULL, count == 1 ? children[0] : NULL}, *parts[2] = {NULL, NULL};
    OK(scn_identity_create(&branches[0]));
    OK(scn_concat_table_create(branches, 2, &parts[0]));
    OK(scn_add_table_create(&parts[1]));
    scn_status status = scn_sequential_create(parts, 2, module);
    OK(scn_module_release(branches[0])), OK(scn_module_release(parts[0])), OK(scn_module_release(parts[1]));
    return status;
}
static void nested_residuals(void) { use(nest(block(), residual, DEPTH / 2 - 2), 2, 1); }

static void too_deep(void) {
    scn_module *module = nest(block(), scn_sequential_create, DEPTH - 3), *outer = NULL;
    CHECK(scn_sequential_create(&module, 1, &outer) == SCN_ERROR_STATE);
    OK(scn_module_release(module));
}

static void deep_texts(void) {
    enum { LEVELS = 100000 };
    static const char open[] = "{\"type\": \"Sequential\", \"modules\": [";
    char *text = (char *)zeros(LEVELS * (int64_t)sizeof open, 1);
    scn_module *module = NULL;
    for (int levels = 250; levels <= LEVELS; levels *= 20) {
        text[0] = 0;
        char *end = text;
        for (int i = 0; i < levels; i++) memcpy(end, open, sizeof open), end += sizeof open - 1;
        CHECK(scn_module_create(text, &module) == SCN_ERROR_FORMAT);
    }
    memset(text, '[', LEVELS);
    CHECK(scn_module_create(text, &module) == SCN_ERROR_FORMAT);
    free(text);
}

/** Networks of all kinds; the layers that they are made of come with them. */
static void networks(void) {
    const int64_t planes[] = {2, 3, 4};
    scn_unet_options options = SCN_UNET_OPTIONS_INIT;
    scn_multiscale_shape_context_options contexts = SCN_MULTISCALE_SHAPE_CONTEXT_OPTIONS_INIT;
    scn_module *modules[6];
    options.residual_blocks = 1;
    contexts.planes = 2;
    OK(scn_unet_create(2, 2, planes, 3, &options, &modules[0]));
    OK(scn_fully_convolutional_net_create(2, 1, planes, 2, NULL, &modules[1]));
    OK(scn_multiscale_shape_context_create(2, &contexts, &modules[2]));
    OK(scn_sparse_vgg_net_create(2, 2, "C4 C4,4,4 MP3/2 C6", &modules[3]));
    OK(scn_sparse_resnet_create(2, 2, "b4x2 b5x2/2", &modules[4]));
    OK(scn_sparse_densenet_create(2, 2, "B2x4 T3/2:6 B1x4", &modules[5]));
    for (int i = 0; i < 6; i++) {
        side = i < 3 ? 8 : 15;
        use(nest(modules[i], scn_sequential_create, 1), 2, 1);
    }
    side = 8;
}

/** The other layers, one by one; the one that takes most is inside of the deepest nest of checkpointed sequentials. */
static void other_layers(void) {
    const int64_t two[] = {2, 2};
    scn_fractional_options fractional = SCN_FRACTIONAL_OPTIONS_INIT;
    const double ratio[] = {1.4, 1.4};
    scn_module *layers[9];
    fractional.ratio = ratio;
    OK(scn_group_norm_create(1, 2, 1e-5, &layers[0]));
    OK(scn_mean_only_norm_create(2, 1, 0.5, 0.9, &layers[1]));
    OK(scn_permutohedral_submanifold_convolution_create(2, 2, 2, NULL, &layers[2]));
    OK(scn_sparsify_create(2, 2, SCN_SPARSIFY_SIGMOID, &layers[3]));
    OK(scn_randomized_stride_convolution_create(2, 2, 2, two, two, NULL, &layers[4]));
    OK(scn_fractional_max_pooling_create(2, &fractional, &layers[5]));
    OK(scn_full_convolution_create(2, 2, 2, two, two, NULL, &layers[6]));
    OK(scn_dropout_create(0.5, &layers[7]));
    OK(scn_global_pooling_create(2, SCN_GLOBAL_MAX, &layers[8]));
    OK(scn_module_add_spectral_norm(layers[6], 1, 1e-12, 1));
    for (int i = 0; i < 9; i++) use(nest(layers[i], scn_checkpointed_sequential_create, i == 6 ? DEPTH - 2 : 1), 2, 0);
}

/** A product large enough for OpenBLAS, and its gradients. */
static void dense_products(void) {
    const int64_t shape[] = {600, 200};
    float *values = random_floats(600 * 200, 5);
    scn_tensor *input = NULL, *output = NULL, *sum = NULL;
    scn_module *linear = NULL;
    OK(scn_tensor_create(shape, 2, values, &input)), OK(scn_tensor_set_requires_gradient(input, 1));
    OK(scn_linear_create(200, 200, 1, &linear));
    OK(scn_module_forward(linear, input, &output)), OK(scn_tensor_sum(output, &sum));
    OK(scn_tensor_backward(sum, NULL, 1));
    OK(scn_tensor_release(input)), OK(scn_tensor_release(output)), OK(scn_tensor_release(sum));
    OK(scn_module_release(linear));
    free(values);
}

static void long_chain(void) {
    const int64_t shape = 1;
    scn_tensor *tensor = NULL, *next = NULL;
    OK(scn_tensor_create(&shape, 1, NULL, &tensor)), OK(scn_tensor_set_requires_gradient(tensor, 1));
    for (int i = 0; i < LONG_CHAIN && scn_tensor_scale(tensor, 1, &next) == SCN_OK; i++) {
        scn_tensor_release(tensor);
        tensor = next;
    }
    OK(scn_tensor_scale(tensor, 1, &next));
    OK(scn_tensor_backward(next, NULL, 1));
    OK(scn_tensor_release(next)), OK(scn_tensor_release(tensor));
    OK(scn_tensor_create(&shape, 1, NULL, &tensor)), OK(scn_tensor_set_requires_gradient(tensor, 1));
    for (int i = 0; i < LONG_CHAIN && scn_tensor_scale(tensor, 1, &next) == SCN_OK; i++) {
        scn_tensor_release(tensor);
        tensor = next;
    }
    OK(scn_tensor_release(tensor));
}

/** Many sites in many dimensions: sorting, merging, rulebooks. */
static void geometry(void) {
    enum { POINTS = 3000, DIMENSION = 6 };
    const int64_t size[] = {8, 8, 8, 8, 8, 8}, two[] = {2, 2, 2, 2, 2, 2}, shape[] = {POINTS, 1};
    int64_t *where = integers(POINTS * DIMENSION);
    uint64_t state = 4;
    scn_module *layers[5], *net = NULL;
    scn_tensor *features = NULL, *input = NULL, *output = NULL, *sum = NULL;
    for (int i = 0; i < POINTS * DIMENSION; i++) where[i] = next_random(&state) % 8;
    OK(scn_input_layer_create(DIMENSION, size, SCN_INPUT_MEAN, &layers[0]));
    OK(scn_convolution_create(DIMENSION, 1, 2, two, two, NULL, &layers[1]));
    OK(scn_deconvolution_create(DIMENSION, 2, 2, two, two, NULL, &layers[2]));
    OK(scn_submanifold_convolution_create(DIMENSION, 2, 2, two, NULL, &layers[3]));
    OK(scn_output_layer_create(DIMENSION, &layers[4]));
    OK(scn_sequential_create(layers, 5, &net));
    OK(scn_tensor_create(shape, 2, NULL, &features));
    OK(scn_points_create(where, POINTS, DIMENSION, features, 0, &input));
    OK(scn_module_forward(net, input, &output)), OK(scn_tensor_sum(output, &sum)),
        OK(scn_tensor_backward(sum, NULL, 1));
    for (int i = 0; i < 5; i++) OK(scn_module_release(layers[i]));
    OK(scn_module_release(net)), OK(scn_tensor_release(features)), OK(scn_tensor_release(input));
    OK(scn_tensor_release(output)), OK(scn_tensor_release(sum));
    free(where);
}

int main(int argc, char **argv) {
    if (argc > 1) stack_bytes = (size_t)strtol(argv[1], NULL, 10) << 10;
    run("dense products", dense_products, argc > 1);
    run("networks", networks, argc > 1);
    run("geometry", geometry, argc > 1);
    run("a long chain", long_chain, argc > 1);
    run("deep texts", deep_texts, argc > 1);
    run("modules too deep", too_deep, argc > 1);
    run("nested sequentials", nested_sequentials, argc > 1);
    run("nested residuals", nested_residuals, argc > 1);
    run("nested checkpointed sequentials", nested_checkpointed, argc > 1);
    run("other layers", other_layers, argc > 1);
    CHECK(scn_live_handles() == 0);
    return finish();
}

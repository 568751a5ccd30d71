/* Any bytes as an architecture: refused with a message, or a module whose text makes the same module again, which takes
 * the inputs of every kind or refuses them, and goes through evaluation, optimizing and a backward pass. */
#include "fuzz.h"

enum { DIMENSIONS = 4 };

/** The inputs that modules get: points of 1 to 4 dimensions, batched points, two dense tensors, and a table. */
static scn_tensor *inputs[DIMENSIONS + 4];
enum { INPUTS = sizeof inputs / sizeof inputs[0] };

static scn_tensor *dense(const int64_t *shape, int32_t rank) {
    const int64_t count = modest_product(shape, rank);
    float *data = (float *)scratch((size_t)count, sizeof(float));
    scn_tensor *tensor;
    for (int64_t i = 0; i < count; i++) data[i] = (float)(i * 5 % 11 - 4) / 4;
    REQUIRE_OK(scn_tensor_create(shape, rank, data, &tensor));
    return tensor;
}

static void make_inputs(uint8_t planes) {
    const int64_t rows = 6, shape[] = {rows, planes}, batched[] = {2, 3, planes}, picture[] = {2, planes, 4, 4};
    scn_tensor *features = dense(shape, 2), *batched_features = dense(batched, 3);
    int64_t coordinates[6 * (DIMENSIONS + 1)];
    REQUIRE_OK(scn_tensor_set_requires_gradient(features, 1));
    for (int32_t dimension = 1; dimension <= DIMENSIONS; dimension++) {
        for (int64_t row = 0; row < rows; row++)
            for (int32_t axis = 0; axis <= dimension; axis++)
                coordinates[row * (dimension + 1) + axis] = axis < dimension ? (row * (axis + 2) + axis) % 4 : row % 2;
        REQUIRE_OK(scn_points_create(coordinates, rows, dimension + 1, features, 0, &inputs[dimension - 1]));
    }
    REQUIRE_OK(scn_points_create_batched(coordinates, 2, 3, 2, batched_features, &inputs[DIMENSIONS]));
    inputs[DIMENSIONS + 1] = dense(picture, 4);
    inputs[DIMENSIONS + 2] = features;
    REQUIRE_OK(scn_table_create(&inputs[DIMENSIONS + 1], 2, &inputs[DIMENSIONS + 3]));
    REQUIRE_OK(scn_tensor_release(batched_features));
}

/** Make a second module of the first one's text; it must have the same text and as much state. */
static void round_trip(scn_module *module) {
    const char *text, *again;
    scn_module *twin;
    int64_t count, twin_count;
    REQUIRE_OK(scn_module_architecture(module, &text));
    REQUIRE_OK(scn_module_create(text, &twin));
    REQUIRE_OK(scn_module_architecture(twin, &again));
    if (strcmp(text, again) != 0) fuzz_fail("the text of a module's text differs:\n%s\n%s", text, again);
    REQUIRE_OK(scn_module_state_count(module, &count));
    REQUIRE_OK(scn_module_state_count(twin, &twin_count));
    REQUIRE(count == twin_count);
    REQUIRE_OK(scn_module_release(twin));
}

static void forward(scn_module *module, scn_tensor *input) {
    scn_tensor *output = NULL, *sum = NULL;
    scn_value_kind kind;
    const char *text = "";
    uint64_t before[4], after[4], state = 0;
    int64_t handles = scn_live_handles();
    if (is_strict()) state = mix_module(0, module);
    REQUIRE_OK(scn_get_random_state(before));
    if (scn_module_forward(module, input, &output) != SCN_OK) {
        REQUIRE(output == NULL && scn_last_error()[0] != 0 && scn_live_handles() == handles);
        REQUIRE_OK(scn_get_random_state(after));
        if (is_strict()) REQUIRE(memcmp(before, after, sizeof before) == 0 && mix_module(0, module) == state);
        return;
    }
    REQUIRE_OK(scn_tensor_kind(output, &kind));
    if (kind == SCN_TENSOR_DENSE || kind == SCN_TENSOR_SPARSE) {
        int32_t requires_gradient;
        REQUIRE_OK(scn_tensor_sum(output, &sum));
        REQUIRE_OK(scn_tensor_get_requires_gradient(sum, &requires_gradient));
        if (requires_gradient) REQUIRE_OK(scn_tensor_backward(sum, NULL, 0));
        REQUIRE_OK(scn_tensor_release(sum));
    }
    REQUIRE_OK(scn_tensor_release(output));
    (void)scn_module_summary(module, input, &text);
    REQUIRE(scn_live_handles() == handles);
}

static void use(scn_module *module, uint8_t flags) {
    const char *text;
    scn_module *optimized = NULL;
    REQUIRE_OK(scn_module_description(module, &text));
    round_trip(module);
    if (flags & 1) REQUIRE_OK(scn_module_set_training(module, 0));
    for (int i = 0; i < INPUTS; i++) forward(module, inputs[i]);
    REQUIRE_OK(scn_module_set_training(module, 0));
    if (scn_module_optimize_for_inference(module, &optimized) == SCN_OK) {
        round_trip(optimized);
        REQUIRE_OK(scn_set_gradient_recording(0));
        for (int i = 0; i < INPUTS; i++) {
            scn_tensor *plain = NULL, *fast = NULL;
            scn_status plain_status = scn_module_forward(module, inputs[i], &plain);
            scn_status fast_status = scn_module_forward(optimized, inputs[i], &fast);
            if (plain_status != fast_status)
                fuzz_fail("input %d: %s plain, %s optimized (%s)", i, scn_status_name(plain_status),
                          scn_status_name(fast_status), scn_last_error());
            REQUIRE_OK(scn_tensor_release(plain));
            REQUIRE_OK(scn_tensor_release(fast));
        }
        REQUIRE_OK(scn_set_gradient_recording(1));
        REQUIRE_OK(scn_module_release(optimized));
    }
}

/** bytes: flags, then the text. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    if (size == 0) return 0;
    uint64_t before[4], after[4];
    scn_module *module = (scn_module *)bytes;
    char *text = (char *)scratch(size, 1);
    memcpy(text, bytes + 1, size - 1);
    REQUIRE_OK(scn_manual_seed(1));
    REQUIRE_OK(scn_set_thread_count(bytes[0] & 2 ? 2 : 1));
    REQUIRE_OK(scn_get_random_state(before));
    scn_status status = scn_module_create(text, &module);
    REQUIRE_OK(scn_get_random_state(after));
    if (status == SCN_OK) {
        make_inputs((uint8_t)(1 + bytes[0] % 4));
        use(module, bytes[0]);
        for (int i = 0; i < INPUTS; i++) REQUIRE_OK(scn_tensor_release(inputs[i]));
        REQUIRE_OK(scn_module_release(module));
    } else {
        REQUIRE(module == NULL && scn_last_error()[0] != 0 && status != SCN_ERROR_INTERNAL);
        if (is_strict()) REQUIRE(memcmp(before, after, sizeof before) == 0);
    }
    REQUIRE(scn_live_handles() == 0 && scn_memory_in_use() == 0);
    release_scratch();
    return 0;
}

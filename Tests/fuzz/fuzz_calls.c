/* Any bytes as a sequence of calls over the whole of scn.h: with handles that live, were released or never were, NULLs,
 * odd structs and shapes. calls.h says what must hold after each call; at the end everything is released and nothing is
 * left. scripts/check/fuzz.py checks that each function of the header is called, and succeeds, in the seeds. New calls
 * go to the end of their switch, so that the inputs kept go on meaning what they did. */
#include "calls_functional.h"
#include "calls_modules.h"
#include "calls_segments.h"
#include "calls_values.h"

enum { MOST_CALLS = 160 };

/** Put one handle of each kind, and tensors of each kind, into the pool. */
static void fill_pool(void) {
    const int64_t shape[] = {3, PLANES}, batched[] = {2, 2, PLANES}, size[] = {8, 8},
                  where[] = {1, 2, 0, 1, 3, 0, 6, 6, 1}, three[] = {3, 3};
    const float values[] = {1, -2, 3, 0, 0.5f, 2, -1, 4, 0.25f};
    scn_tensor *features, *points, *sparse, *batched_features;
    scn_module *input_layer, *convolution, *norm, *sequential;
    scn_geometry *geometry;
    scn_rulebook *rulebook;
    scn_optimizer *optimizer;
    scn_filter filter = SCN_FILTER_INIT;
    int32_t sites;
    filter.dimension = DIMENSION, filter.size = three;
    REQUIRE_OK(scn_tensor_create(shape, 2, values, &features));
    REQUIRE_OK(scn_tensor_create(batched, 3, NULL, &batched_features));
    REQUIRE_OK(scn_tensor_set_requires_gradient(features, 1));
    REQUIRE_OK(scn_points_create(where, 3, DIMENSION + 1, features, 0, &points));
    REQUIRE_OK(scn_input_layer_create(DIMENSION, size, SCN_INPUT_SUM, &input_layer));
    REQUIRE_OK(scn_submanifold_convolution_create(DIMENSION, PLANES, PLANES, three, NULL, &convolution));
    REQUIRE_OK(scn_batch_norm_create(PLANES, NULL, &norm));
    scn_module *const children[] = {input_layer, convolution, norm};
    REQUIRE_OK(scn_sequential_create(children, 3, &sequential));
    REQUIRE_OK(scn_module_forward(input_layer, points, &sparse));
    REQUIRE_OK(scn_tensor_geometry(sparse, &geometry, &sites));
    REQUIRE_OK(scn_geometry_submanifold(geometry, 0, &filter, &rulebook));
    REQUIRE_OK(scn_sgd_create(&features, 1, NULL, &optimizer));
    adopt(TENSOR, features), adopt(TENSOR, points), adopt(TENSOR, sparse), adopt(TENSOR, batched_features);
    adopt(MODULE, sequential), adopt(MODULE, input_layer), adopt(MODULE, convolution), adopt(MODULE, norm);
    adopt(GEOMETRY, geometry), adopt(RULEBOOK, rulebook), adopt(OPTIMIZER, optimizer);
}

static void one_call(void) {
    const uint8_t section = byte() % 32;
    if (section < 2) call_library();
    else if (section < 9) call_tensor();
    else if (section < 14) call_module();
    else if (section < 18) call_small_layer();
    else if (section < 21) call_filter_layer();
    else if (section < 22) call_network();
    else if (section < 24) call_optimizer();
    else if (section < 25) call_checkpoint();
    else if (section < 28) call_geometry();
    else if (section < 29) call_rulebook();
    else if (section < 31) call_buffers();
    else call_segments();
}

/** bytes: flags (bit 0: begin with handles; bit 1: watch what failed calls change, where that is asked for), then
 *  calls. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    if (size < 2) return 0;
    read_from(bytes, size);
    const uint8_t flags = byte();
    char path[400];
    REQUIRE_OK(scn_manual_seed(0));
    REQUIRE_OK(scn_set_forward_counts(0, 0, 0));
    REQUIRE_OK(scn_set_thread_count(2));
    REQUIRE_OK(scn_set_gradient_recording(1));
    REQUIRE_OK(scn_set_autocast(SCN_FLOAT32));
    if (flags & 1) fill_pool();
    watches_state = flags & 2 && is_strict();
    for (int i = 0; i < MOST_CALLS && bytes_left > 0; i++) {
        one_call();
        release_scratch();
    }
    while (scn_scope_end(0) == SCN_OK) continue;
    for (int kind = 0; kind < KINDS; kind++)
        while (pool_count[kind] > 0) drop((handle_kind)kind, pool_count[kind] - 1);
    if (scn_live_handles() != 0 || scn_memory_in_use() != 0)
        fuzz_fail("%lld handles and %lld bytes are left", (long long)scn_live_handles(),
                  (long long)scn_memory_in_use());
    if (buffers_lent != buffers_returned) fuzz_fail("a buffer on loan was not given back");
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%c", own_folder(), "ab"[i]);
        unlink(path);
    }
    memset(released, 0, sizeof released);
    return 0;
}

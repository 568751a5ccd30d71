/* What different threads may do at once, all of it at once, for ThreadSanitizer: networks, handles, geometries that
 * tensors of several threads share, the generator, counts, the number of threads, checkpoints, errors. */
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "check.h"

enum { ROUNDS = 150, ROWS = 24, PLANES = 3 };

static scn_tensor *shared_sparse;  // each thread has a tensor of its own on this one's geometry
static atomic_int failures;

/** Count a call of a thread that must succeed. */
static void done(scn_status status) {
    if (status == SCN_OK) return;
    atomic_fetch_add(&failures, 1);
    fprintf(stderr, "%s: %s\n", scn_status_name(status), scn_last_error());
}

static scn_tensor *some_points(uint64_t seed) {
    const int64_t shape[] = {ROWS, PLANES};
    int64_t where[ROWS * 3];
    float values[ROWS * PLANES];
    scn_tensor *features = NULL, *points = NULL;
    uint64_t state = seed;
    for (int i = 0; i < ROWS * 3; i++) where[i] = next_random(&state) % (i % 3 == 2 ? 2 : 16);
    fill_random(values, ROWS * PLANES, seed);
    done(scn_tensor_create(shape, 2, values, &features));
    done(scn_tensor_set_requires_gradient(features, 1));
    done(scn_points_create(where, ROWS, 3, features, 0, &points));
    scn_tensor_release(features);
    return points;
}

static scn_module *some_network(void) {
    static const char text[] =
        "{\"type\":\"Sequential\",\"modules\":[{\"type\":\"InputLayer\",\"dimension\":2,\"spatial_size\":[16,16],\"mode\":3},"
        "{\"type\":\"SubmanifoldConvolution\",\"dimension\":2,\"in\":3,\"out\":8,\"filter_size\":3,\"spectral_norm\":{}},"
        "{\"type\":\"CheckpointedSequential\",\"modules\":["
        "{\"type\":\"BatchNormalization\",\"planes\":8},{\"type\":\"Dropout\"}]},"
        "{\"type\":\"RandomizedStrideConvolution\",\"dimension\":2,\"in\":8,\"out\":8,\"filter_size\":2,\"stride\":2},"
        "{\"type\":\"GlobalAveragePooling\",\"dimension\":2},{\"type\":\"Linear\",\"in\":8,\"out\":2}]}";
    scn_module *module = NULL;
    done(scn_module_create(text, &module));
    return module;
}

static void *train(void *argument) {
    const uint64_t seed = (uint64_t)(uintptr_t)argument;
    scn_module *network = some_network(), *opened = NULL, *fast = NULL;
    char path[64];
    snprintf(path, sizeof path, "/tmp/scn-threads-%ld-%d", (long)getpid(), (int)seed);
    for (int round = 0; round < ROUNDS; round++) {
        scn_tensor *points = some_points(seed * 1000 + (uint64_t)round), *result = NULL, *sum = NULL;
        done(scn_module_forward(network, points, &result));
        done(scn_tensor_sum(result, &sum));
        done(scn_tensor_backward(sum, NULL, 0));
        done(scn_module_zero_gradients(network));
        scn_tensor_release(points), scn_tensor_release(result), scn_tensor_release(sum);
        if (round % 10) continue;
        done(scn_checkpoint_save(path, network, NULL));
        done(scn_checkpoint_open(path, &opened));
        done(scn_module_optimize_for_inference(network, &fast));
        scn_module_release(opened), scn_module_release(fast);
    }
    unlink(path);
    scn_module_release(network);
    return NULL;
}

/** Ask for rulebooks of a geometry that other threads ask, too, through a sparse tensor of this thread's own. */
static void *share_geometry(void *argument) {
    const int64_t sizes[][2] = {{3, 3}, {1, 3}, {2, 2}, {3, 1}}, two[] = {2, 2};
    scn_tensor *own = (scn_tensor *)argument;
    for (int round = 0; round < ROUNDS; round++) {
        scn_module *layer = NULL;
        scn_tensor *result = NULL;
        if (round & 1) done(scn_submanifold_convolution_create(2, PLANES, 4, sizes[round / 2 % 4], NULL, &layer));
        else done(scn_convolution_create(2, PLANES, 4, two, two, NULL, &layer));
        done(scn_module_forward(layer, own, &result));
        scn_tensor_release(result), scn_module_release(layer);
    }
    return NULL;
}

static void *change_settings(void *argument) {
    (void)argument;
    for (int round = 0; round < 4 * ROUNDS; round++) {
        uint64_t state[4];
        int64_t counts[3];
        done(scn_set_thread_count(1 + round % 4));
        done(scn_get_random_state(state));
        if (round % 8 == 0) done(scn_manual_seed((uint64_t)round));
        if (round % 8 == 4) done(scn_set_random_state(state));
        scn_get_forward_counts(&counts[0], &counts[1], &counts[2]);
        if (round % 16 == 0) done(scn_set_forward_counts(0, 0, 0));
        if (scn_live_handles() < 0 || scn_memory_in_use() < 0 || scn_get_thread_count() < 1)
            atomic_fetch_add(&failures, 1);
        (void)scn_cpu_description();
    }
    return NULL;
}

/** Make and release handles, and use those that other threads have released. */
static void *churn_handles(void *argument) {
    static _Atomic(scn_tensor *) last;
    (void)argument;
    for (int round = 0; round < 20 * ROUNDS; round++) {
        const int64_t shape = 1 + round % 5;
        scn_tensor *tensor = NULL, *stale = atomic_load(&last);
        float *data;
        done(scn_tensor_create(&shape, 1, NULL, &tensor));
        done(scn_tensor_retain(tensor));
        done(scn_tensor_release(tensor));
        done(scn_tensor_data(tensor, &data));
        done(scn_tensor_release(tensor));
        int32_t rank;
        if (stale && scn_tensor_rank(stale, &rank) == SCN_OK) atomic_fetch_add(&failures, 1);
        atomic_store(&last, tensor);
    }
    return NULL;
}

int main(void) {
    enum { TRAINERS = 3, SHARERS = 2, CHURNERS = 2, THREADS = TRAINERS + SHARERS + CHURNERS + 1 };
    pthread_t threads[THREADS];
    scn_module *input_layer = NULL;
    scn_tensor *own[SHARERS], *features = NULL, *points = some_points(7);
    const int64_t size[] = {16, 16};
    int count = 0;
    OK(scn_input_layer_create(2, size, SCN_INPUT_SUM, &input_layer));
    OK(scn_module_forward(input_layer, points, &shared_sparse));
    OK(scn_tensor_features(shared_sparse, &features));
    for (int i = 0; i < SHARERS; i++) OK(scn_tensor_with_features(shared_sparse, features, &own[i]));
    for (uintptr_t i = 0; i < TRAINERS; i++)
        CHECK(pthread_create(&threads[count++], NULL, train, (void *)(i + 1)) == 0);
    for (int i = 0; i < SHARERS; i++) CHECK(pthread_create(&threads[count++], NULL, share_geometry, own[i]) == 0);
    for (int i = 0; i < CHURNERS; i++) CHECK(pthread_create(&threads[count++], NULL, churn_handles, NULL) == 0);
    CHECK(pthread_create(&threads[count++], NULL, change_settings, NULL) == 0);
    for (int i = 0; i < count; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < SHARERS; i++) OK(scn_tensor_release(own[i]));
    OK(scn_tensor_release(features));
    OK(scn_tensor_release(points));
    OK(scn_tensor_release(shared_sparse));
    OK(scn_module_release(input_layer));
    CHECK(failures == 0);
    CHECK(scn_live_handles() == 0);
    return finish();
}

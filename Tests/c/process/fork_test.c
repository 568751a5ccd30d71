/* Children that use a part of the library for the first time, on several threads at once: each ends. So does each that
 * comes into being while other threads are in the middle of a loop or a product, and it computes the same. */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

enum { CHILDREN = 40, THREADS = 4, SECONDS_OF_A_CHILD = 20 };

static pthread_barrier_t start;

/** One network of many types, used once. */
static void *use_everything(void *context) {
    const int64_t size[] = {8, 8}, where[] = {4, 5, 0, 4, 6, 0, 1, 2, 1}, shape[] = {3, 2}, planes[] = {2, 3};
    scn_module *layers[3] = {NULL, NULL, NULL}, *net = NULL;
    scn_tensor *features = NULL, *points = NULL, *dense = NULL, *sum = NULL;
    int *failed = (int *)context;
    pthread_barrier_wait(&start);
    *failed = scn_unet_create(2, 1, planes, 2, NULL, &layers[1]) || scn_sparse_to_dense_create(2, 2, &layers[2]) ||
              scn_input_layer_create(2, size, SCN_INPUT_SUM, &layers[0]) || scn_sequential_create(layers, 3, &net) ||
              scn_tensor_create(shape, 2, NULL, &features) || scn_points_create(where, 3, 3, features, 0, &points) ||
              scn_module_forward(net, points, &dense) || scn_tensor_sum(dense, &sum) ||
              scn_tensor_backward(sum, NULL, 0);
    for (int i = 0; i < 3; i++) scn_module_release(layers[i]);
    scn_module_release(net);
    scn_tensor_release(features), scn_tensor_release(points), scn_tensor_release(dense), scn_tensor_release(sum);
    return NULL;
}

static int child(void) {
    pthread_t threads[THREADS];
    int failed[THREADS + 1] = {0}, any = 0;
    alarm(SECONDS_OF_A_CHILD);
    pthread_barrier_init(&start, NULL, THREADS + 1);
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, use_everything, &failed[i]) != 0) return 1;
    use_everything(&failed[THREADS]);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i <= THREADS; i++) any |= failed[i];
    return any || scn_live_handles() != 0;
}

/* Large enough for the pool of threads, and for OpenBLAS. */
enum { ROWS = 6000, PLANES = 160, FORKS = 30, BUSY_THREADS = 2 };
static float *values, *weight;
static volatile int stops;

/** Return a hash of a product, of the gradient by its weight and of what a batch norm makes of it; 0 where something
 *  failed. */
static uint64_t compute(void) {
    float *result = floats(ROWS * PLANES), *gradient = floats(PLANES * PLANES), *saved = floats(2 * PLANES);
    scn_matrix input = SCN_MATRIX(values, ROWS, PLANES), output = SCN_MATRIX(result, ROWS, PLANES);
    const scn_batch_norm_options options = SCN_BATCH_NORM_OPTIONS_INIT;
    uint64_t sum = 14695981039346656037u;
    int failed =
        scn_linear_forward(&input, weight, 0, NULL, &output) ||
        scn_linear_backward_weight(&input, &output, 0, gradient, NULL) ||
        scn_batch_norm_forward_training(&output, NULL, NULL, NULL, NULL, &options, saved, saved + PLANES, &output);
    for (int64_t i = 0; i < ROWS * PLANES; i++) {
        uint32_t bits[2];
        memcpy(&bits[0], &result[i], 4), memcpy(&bits[1], &gradient[i % (PLANES * PLANES)], 4);
        sum = (sum ^ bits[0] ^ (uint64_t)bits[1] << 32) * 1099511628211u;
    }
    free(result), free(gradient), free(saved);
    return failed ? 0 : sum;
}

/** Make the rulebook of a filter of size 3; return the number of its rules, 0 where something failed. */
static int64_t count_rules(void) {
    enum { SIDE = 150 };
    const int64_t size[] = {SIDE, SIDE}, three[] = {3, 3};
    int64_t *where = integers(SIDE * SIDE * 2), volume, in, out, rules = 0;
    scn_filter filter = SCN_FILTER_INIT;
    scn_geometry *geometry = NULL;
    scn_rulebook *rulebook = NULL;
    filter.dimension = 2, filter.size = three;
    for (int64_t i = 0; i < SIDE * SIDE; i++) where[2 * i] = i / SIDE, where[2 * i + 1] = i % SIDE;
    if (scn_geometry_create(2, size, where, SIDE * SIDE, 2, 0, SCN_INPUT_UNIQUE, &geometry) ||
        scn_geometry_submanifold(geometry, 0, &filter, &rulebook) ||
        scn_rulebook_sizes(rulebook, &volume, &rules, &in, &out))
        rules = 0;
    scn_rulebook_release(rulebook), scn_geometry_release(geometry);
    free(where);
    return rules;
}

/** Compute for as long as it is wanted; store the last hash, or 0 where they differed. */
static void *keep_computing(void *argument) {
    uint64_t *found = (uint64_t *)argument;
    *found = compute();
    const int64_t rules = count_rules();
    while (!stops)
        if (compute() != *found || count_rules() != rules || rules == 0) *found = 0;
    return NULL;
}

static void test_busy_parent(void) {
    pthread_t threads[BUSY_THREADS];
    uint64_t found[BUSY_THREADS] = {0};
    int good = 0;
    values = random_floats(ROWS * PLANES, 1), weight = random_floats(PLANES * PLANES, 2);
    OK(scn_set_thread_count(3));
    const uint64_t expected = compute();
    const int64_t rules = count_rules();
    for (int i = 0; i < BUSY_THREADS; i++) CHECK(pthread_create(&threads[i], NULL, keep_computing, &found[i]) == 0);
    fflush(stdout);
    for (int i = 0; i < FORKS; i++) {
        int status = -1;
        const pid_t id = fork();
        if (id == 0) {
            alarm(SECONDS_OF_A_CHILD);
            _exit(compute() != expected || count_rules() != rules || compute() != expected);
        }
        if (id > 0 && waitpid(id, &status, 0) == id && status == 0) good++;
        else printf("child %d of a busy parent: status %d\n", i, status);
    }
    stops = 1;
    for (int i = 0; i < BUSY_THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0 && found[i] == expected);
    CHECK(expected != 0 && good == FORKS);
    free(values), free(weight);
}

int main(void) {
    const int64_t shape = 1;
    scn_tensor *tensor = NULL;
    int status = 0;
    OK(scn_tensor_create(&shape, 1, NULL, &tensor));
    OK(scn_tensor_release(tensor));
    fflush(stdout);
    for (int i = 0; i < CHILDREN && status == 0; i++) {
        pid_t id = fork();
        if (id == 0) _exit(child());
        if (id < 0 || waitpid(id, &status, 0) != id) status = -1;
        if (status) printf("child %d: status %d\n", i, status);
    }
    CHECK(status == 0);
    test_busy_parent();
    return finish();
}

/* Threads: networks trained in several threads at once have the bits of those trained one after the other; the number
 * of threads that operations use changes no bit; a child after fork() trains on like its parent. */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lines.h"

enum { THREADS = 4, STEPS = 40 };

/** What one thread works on and what became of it: checks count in plain variables, so they wait until it ended. */
typedef struct worker {
    learner trained;
    uint64_t seed;
    scn_status status;
    int message_is_own;
} worker;

/** Take one step of training without a check. */
static scn_status quiet_step(learner l, scn_tensor *points, const int64_t *labels) {
    scn_tensor *logits = NULL, *loss = NULL;
    scn_status status = scn_optimizer_zero_gradients(l.optimizer);
    if (status == SCN_OK) status = scn_module_forward(l.network, points, &logits);
    if (status == SCN_OK) status = scn_cross_entropy(logits, labels, LINES_SAMPLES, NULL, -100, &loss);
    if (status == SCN_OK) status = scn_tensor_backward(loss, NULL, 0);
    if (status == SCN_OK) status = scn_optimizer_step(l.optimizer);
    scn_tensor_release(logits), scn_tensor_release(loss);
    return status;
}

static scn_tensor *batches[STEPS];
static int64_t batch_labels[STEPS][LINES_SAMPLES];

static void release_batches(void) {
    for (int step = 0; step < STEPS; step++) scn_tensor_release(batches[step]);
}

/** Train on own points: the batches' points are shared by no two threads, for one handle is its thread's alone. */
static void *train(void *argument) {
    worker *w = (worker *)argument;
    char expected[32];
    for (int step = 0; step < STEPS && w->status == SCN_OK; step++) {
        int64_t labels[LINES_SAMPLES], coordinates[LINES_SAMPLES][3];
        float ones[LINES_SAMPLES];
        const int64_t shape[] = {LINES_SAMPLES, 1};
        uint64_t state = w->seed * 1000 + (uint64_t)step;
        scn_tensor *features = NULL, *points = NULL;
        for (int64_t sample = 0; sample < LINES_SAMPLES; sample++) {
            labels[sample] = sample % LINES_CLASSES;
            coordinates[sample][0] = next_random(&state) % LINES_SIZE, coordinates[sample][1] = labels[sample];
            coordinates[sample][2] = sample, ones[sample] = 1;
        }
        w->status = scn_tensor_create(shape, 2, ones, &features);
        if (w->status == SCN_OK)
            w->status = scn_points_create(coordinates[0], LINES_SAMPLES, 3, features, LINES_SAMPLES, &points);
        if (w->status == SCN_OK) w->status = quiet_step(w->trained, points, labels);
        scn_tensor_release(features), scn_tensor_release(points);
    }
    /* The last error is this thread's: the count that it names is the one that this thread passed. */
    snprintf(expected, sizeof expected, "%d", (int)(2000 + w->seed));
    w->message_is_own = 1;
    for (int i = 0; i < 1000; i++)
        if (scn_set_thread_count((int32_t)(2000 + w->seed)) == SCN_OK || !strstr(scn_last_error(), expected))
            w->message_is_own = 0;
    return NULL;
}

static void test_several_at_once(void) {
    uint64_t serial[THREADS];
    worker workers[THREADS];
    pthread_t threads[THREADS];
    for (int at_once = 0; at_once <= 1; at_once++) {
        for (int i = 0; i < THREADS; i++) {
            worker w = {lines_learner(10 + (uint64_t)i, 0, i % 2), (uint64_t)i, SCN_OK, 0};
            workers[i] = w;
        }
        for (int i = 0; i < THREADS; i++) {
            if (at_once) CHECK(pthread_create(&threads[i], NULL, train, &workers[i]) == 0);
            else train(&workers[i]);
        }
        for (int i = 0; i < THREADS; i++) {
            if (at_once) CHECK(pthread_join(threads[i], NULL) == 0);
            CHECK(workers[i].status == SCN_OK && workers[i].message_is_own);
            uint64_t bits = state_fingerprint(workers[i].trained.network);
            if (at_once) CHECK(bits == serial[i]);
            serial[i] = bits;
            lines_release(workers[i].trained);
        }
    }
}

/** Train from a seed for some steps on the drawn batches; return the bits. */
static uint64_t train_bits(learner l, int first, int count) {
    for (int step = first; step < first + count; step++) OK(quiet_step(l, batches[step], batch_labels[step]));
    return state_fingerprint(l.network);
}

static void test_thread_counts(void) {
    uint64_t bits[4] = {0};
    const int32_t at_first = scn_get_thread_count();
    for (int32_t count = 1; count <= 3; count++) {
        OK(scn_set_thread_count(count));
        CHECK(scn_get_thread_count() == count);
        learner l = lines_learner(20, 0.2, 0);
        bits[count] = train_bits(l, 0, STEPS);
        lines_release(l);
    }
    CHECK(bits[1] == bits[2] && bits[2] == bits[3]);
    OK(scn_set_thread_count(at_first));
}

/** One large convolution, forward and backward, shared out among threads for certain. */
static uint64_t large_bits(void) {
    enum { SIDE = 160, PLANES = 24 };
    const int64_t size[] = {SIDE, SIDE}, three[] = {3, 3}, shape[] = {SIDE * SIDE, PLANES};
    int64_t *coordinates = integers(SIDE * SIDE * 2);
    float *values = random_floats(SIDE * SIDE * PLANES, 9), *data = NULL;
    uint64_t hash = 14695981039346656037u;
    scn_module *layers[3], *net = NULL;
    scn_tensor *features = NULL, *points = NULL, *output = NULL, *gradient = NULL;
    for (int i = 0; i < SIDE * SIDE; i++) coordinates[2 * i] = i / SIDE, coordinates[2 * i + 1] = i % SIDE;
    OK(scn_manual_seed(6));
    OK(scn_input_layer_create(2, size, SCN_INPUT_UNIQUE, &layers[0]));
    OK(scn_submanifold_convolution_create(2, PLANES, PLANES, three, NULL, &layers[1]));
    OK(scn_batch_norm_create(PLANES, NULL, &layers[2]));
    OK(scn_sequential_create(layers, 3, &net));
    OK(scn_tensor_create(shape, 2, values, &features));
    OK(scn_tensor_set_requires_gradient(features, 1));
    OK(scn_points_create(coordinates, SIDE * SIDE, 2, features, 1, &points));
    OK(scn_module_forward(net, points, &output));
    OK(scn_tensor_backward(output, values, SIDE * SIDE * PLANES));
    OK(scn_tensor_gradient(features, &gradient));
    scn_tensor *const results[] = {output, gradient};
    for (int i = 0; i < 2; i++) {
        OK(scn_tensor_data(results[i], &data));
        for (size_t byte = 0; data && byte < SIDE * SIDE * PLANES * sizeof *data; byte++)
            hash = (hash ^ ((const unsigned char *)data)[byte]) * 1099511628211u;
    }
    for (int i = 0; i < 3; i++) scn_module_release(layers[i]);
    scn_module_release(net), scn_tensor_release(features), scn_tensor_release(points);
    scn_tensor_release(output), scn_tensor_release(gradient);
    free(coordinates), free(values);
    return hash;
}

static void test_large(void) {
    const int32_t at_first = scn_get_thread_count();
    uint64_t bits[4] = {0};
    for (int32_t count = 1; count <= 3; count++) {
        OK(scn_set_thread_count(count));
        bits[count] = large_bits();
    }
    CHECK(bits[1] == bits[2] && bits[2] == bits[3]);
    OK(scn_set_thread_count(at_first));
}

static void test_fork(void) {
    OK(scn_set_thread_count(2));
    learner l = lines_learner(30, 0.2, 1);
    const uint64_t large = large_bits();
    train_bits(l, 0, STEPS / 2);
    int ends[2], status = -1;
    uint64_t child_bits[2] = {0};
    if (!CHECK(pipe(ends) == 0)) return;
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        failed_count = 0;
        const uint64_t bits[] = {train_bits(l, STEPS / 2, STEPS / 2), large_bits()};
        lines_release(l), release_batches();
        _exit(failed_count || write(ends[1], bits, sizeof bits) != sizeof bits);
    }
    close(ends[1]);
    const uint64_t bits = train_bits(l, STEPS / 2, STEPS / 2);
    CHECK(child > 0 && read(ends[0], child_bits, sizeof child_bits) == sizeof child_bits);
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK(child_bits[0] == bits && child_bits[1] == large);
    CHECK(large_bits() == large);
    close(ends[0]);
    lines_release(l);
}

int main(void) {
    for (int step = 0; step < STEPS; step++) batches[step] = lines_draw((uint64_t)step, batch_labels[step]);
    test_several_at_once();
    test_thread_counts();
    test_large();
    test_fork();
    release_batches();
    CHECK(scn_live_handles() == 0);
    return finish();
}

/* Children that use a part of the library for the first time, on several threads at once: each ends. */
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
    return finish();
}

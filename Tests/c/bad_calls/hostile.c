/* Arguments at the edge of what integers hold, and hosts that fork, nest and thread without mercy: every call
 * returns. */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

enum { SECONDS_OF_A_CHILD = 10, FORKS = 40, FORKING_THREADS = 3, BACKWARD_THREADS = 4, BACKWARD_PASSES = 200 };

#define FAILS(call, expected) CHECK((call) == (expected) && scn_last_error()[0] != 0)

static scn_geometry *line_geometry(int64_t size, int64_t sites) {
    int64_t *where = integers(2 * sites);
    scn_geometry *geometry = NULL;
    for (int64_t i = 0; i < sites; i++) where[2 * i] = i;
    OK(scn_geometry_create(1, &size, where, sites, 2, 0, SCN_INPUT_SUM, &geometry));
    free(where);
    return geometry;
}

static void sizes_beside_a_zero(void) {
    const int64_t size[] = {INT64_C(1) << 61, 2}, no_rows[] = {0, 4}, rows[] = {0, INT64_C(1) << 59, 1};
    scn_module *input = NULL, *dense = NULL, *flatten = NULL, *linear = NULL;
    scn_tensor *features = NULL, *points = NULL, *sparse = NULL, *wide = NULL, *product = NULL, *flat = NULL;
    OK(scn_input_layer_create(2, size, SCN_INPUT_SUM, &input));
    OK(scn_sparse_to_dense_create(2, 4, &dense));
    OK(scn_flatten_create(&flatten));
    OK(scn_linear_create(1, 1000, 1, &linear));
    OK(scn_tensor_create(no_rows, 2, NULL, &features));
    OK(scn_points_create(NULL, 0, 3, features, 0, &points));
    OK(scn_module_forward(input, points, &sparse));
    OK(scn_module_forward(dense, sparse, &wide));
    FAILS(scn_module_forward(flatten, wide, &flat), SCN_ERROR_OVERFLOW);
    scn_tensor_release(features), scn_tensor_release(wide);
    OK(scn_tensor_create(rows, 3, NULL, &features));
    OK(scn_module_forward(linear, features, &product));
    FAILS(scn_module_forward(flatten, product, &flat), SCN_ERROR_OVERFLOW);
    scn_tensor_release(features), scn_tensor_release(points), scn_tensor_release(sparse), scn_tensor_release(product);
    scn_module_release(input), scn_module_release(dense), scn_module_release(flatten), scn_module_release(linear);
}

static void matrices_beside_a_zero(void) {
    float one = 1;
    scn_matrix planes = SCN_MATRIX(NULL, 0, INT64_MAX), half = SCN_MATRIX(NULL, 0, INT64_C(1) << 62);
    scn_matrix none = SCN_MATRIX(NULL, 0, 1), rows = SCN_MATRIX(NULL, INT64_MAX, 0);
    scn_matrix payable_rows = SCN_MATRIX(NULL, INT64_C(1) << 58, 0), no_rows = SCN_MATRIX(NULL, 0, INT64_C(1) << 60);
    scn_geometry *geometry = line_geometry(10, 0);
    const int64_t size = 1;
    scn_filter filter = SCN_FILTER_INIT;
    scn_rulebook *rulebook = NULL;
    scn_matrix *const wide[] = {&planes, &half, &rows};
    for (int i = 0; i < 3; i++) {
        FAILS(scn_batch_norm_forward_evaluation(wide[i], NULL, NULL, &one, &one, NULL, wide[i]), SCN_ERROR_OVERFLOW);
        FAILS(scn_batch_norm_forward_training(wide[i], NULL, NULL, NULL, NULL, NULL, &one, &one, wide[i]),
              SCN_ERROR_OVERFLOW);
        FAILS(scn_mean_only_norm_forward_evaluation(wide[i], NULL, &one, 1, wide[i]), SCN_ERROR_OVERFLOW);
    }
    OK(scn_batch_norm_forward_training(&payable_rows, NULL, NULL, NULL, NULL, NULL, &one, &one, &payable_rows));
    OK(scn_batch_norm_forward_evaluation(&payable_rows, NULL, NULL, &one, &one, NULL, &payable_rows));
    OK(scn_batch_norm_backward_training(&payable_rows, &payable_rows, &payable_rows, NULL, &one, &one, NULL, NULL, NULL,
                                        &payable_rows));
    scn_matrix most = SCN_MATRIX(NULL, 0, (INT64_C(1) << 61) - 1);
    FAILS(scn_batch_norm_backward_training(&most, &most, &most, NULL, &one, &one, NULL, NULL, NULL, &most),
          SCN_ERROR_OVERFLOW);
    FAILS(scn_batch_norm_backward_evaluation(&most, &most, &most, NULL, &one, &one, NULL, NULL, NULL, &most),
          SCN_ERROR_OVERFLOW);
    filter.dimension = 1, filter.size = &size;
    OK(scn_geometry_submanifold(geometry, 0, &filter, &rulebook));
    FAILS(scn_convolution_forward(rulebook, &no_rows, &one, NULL, 1, &none), SCN_ERROR_OVERFLOW);
    FAILS(scn_convolution_backward_input(rulebook, &no_rows, &one, 1, &none), SCN_ERROR_OVERFLOW);
    scn_rulebook_release(rulebook), scn_geometry_release(geometry);
}

/** Half of a pointer, and counts of handles that no memory holds. */
static void structs_and_counts(void) {
    const int64_t size = 3, dilation = 1;
    scn_convolution_options options = SCN_CONVOLUTION_OPTIONS_INIT;
    scn_filter filter = SCN_FILTER_INIT;
    scn_geometry *geometry = line_geometry(10, 1);
    scn_module *module = NULL;
    scn_rulebook *rulebook = NULL;
    scn_tensor *table = NULL, *const none[] = {NULL, NULL};
    scn_optimizer *optimizer = NULL;
    options.dilation = &dilation;
    filter.dimension = 1, filter.size = &size, filter.dilation = &dilation;
    for (size_t bytes = 0; bytes < sizeof options; bytes++) {
        options.struct_size = bytes;
        if (bytes % 8 || bytes == 0)
            FAILS(scn_submanifold_convolution_create(1, 1, 1, &size, &options, &module), SCN_ERROR_INVALID_ARGUMENT);
    }
    for (size_t bytes = 0; bytes < sizeof filter; bytes++) {
        filter.struct_size = bytes;
        if (bytes % 8 || bytes == 0)
            FAILS(scn_geometry_submanifold(geometry, 0, &filter, &rulebook), SCN_ERROR_INVALID_ARGUMENT);
    }
    FAILS(scn_table_create(none, INT64_C(1) << 58, &table), SCN_ERROR_HANDLE);
    FAILS(scn_sgd_create(none, INT64_C(1) << 40, NULL, &optimizer), SCN_ERROR_HANDLE);
    FAILS(scn_sequential_create(NULL, INT64_MAX, &module), SCN_ERROR_OVERFLOW);
    scn_geometry_release(geometry);
}

/** Filters whose rules nobody can pay for are refused in time; the largest extents work. */
static void extreme_filters(void) {
    const int64_t sizes[] = {1, 2, 3, 1000}, dilations[] = {1, INT64_MAX / 4, INT64_MAX};
    const int64_t strides[] = {1, INT64_MAX / 2, INT64_MAX}, paddings[] = {0, INT64_MAX / 4, INT64_MAX};
    const int64_t endless = INT32_MAX, many = 1 << 20, one = 1, size = INT64_MAX, where[] = {INT64_MAX - 1, 0, 0, 0};
    scn_filter filter = SCN_FILTER_INIT;
    scn_geometry *edge = NULL, *line = line_geometry(INT64_C(1) << 40, 20000);
    scn_rulebook *rulebook = NULL;
    int32_t sites;
    OK(scn_geometry_create(1, &size, where, 2, 2, 0, SCN_INPUT_SUM, &edge));
    filter.dimension = 1, filter.stride = &one;
    filter.size = &endless;
    FAILS(scn_geometry_strided(line, 0, &filter, &sites, &rulebook), SCN_ERROR_OVERFLOW);
    filter.size = &many, filter.padding = &many;
    FAILS(scn_geometry_strided(line, 0, &filter, &sites, &rulebook), SCN_ERROR_OVERFLOW);
    for (int i = 0; i < 4 * 3 * 3 * 3; i++) {
        filter.size = &sizes[i % 4], filter.dilation = &dilations[i / 4 % 3];
        filter.stride = &strides[i / 12 % 3], filter.padding = &paddings[i / 36];
        scn_status status = scn_geometry_strided(edge, 0, &filter, &sites, &rulebook);
        CHECK(status == SCN_OK || status == SCN_ERROR_SHAPE || status == SCN_ERROR_OVERFLOW);
        scn_rulebook_release(rulebook);
    }
    filter.stride = filter.padding = NULL, filter.dilation = NULL, filter.size = &endless;
    FAILS(scn_geometry_submanifold(line, 0, &filter, &rulebook), SCN_ERROR_OVERFLOW);
    scn_geometry_release(edge), scn_geometry_release(line);
}

/** A table inside a table inside a table would take the stack down with it. */
static void nested_tables(void) {
    const int64_t shape = 1;
    scn_module *identity = NULL, *branches = NULL;
    scn_tensor *tensor = NULL, *table = NULL, *nested = NULL;
    OK(scn_identity_create(&identity));
    OK(scn_concat_table_create(&identity, 1, &branches));
    OK(scn_tensor_create(&shape, 1, NULL, &tensor));
    OK(scn_module_forward(branches, tensor, &table));
    FAILS(scn_module_forward(branches, table, &nested), SCN_ERROR_SHAPE);
    scn_tensor_release(tensor), scn_tensor_release(table);
    scn_module_release(identity), scn_module_release(branches);
}

static void endless_words(void) {
    const int64_t bytes = 30000000;
    char *text = (char *)zeros(bytes + 1, 1);
    scn_module *module = NULL;
    for (int64_t i = 0; i < bytes; i++) text[i] = "C1 "[i % 3];
    FAILS(scn_sparse_vgg_net_create(1, 1, text, &module), SCN_ERROR_STATE);
    memset(text, '[', (size_t)bytes);
    FAILS(scn_module_create(text, &module), SCN_ERROR_FORMAT);
    memset(text, '9', (size_t)bytes);
    FAILS(scn_module_create(text, &module), SCN_ERROR_FORMAT);
    FAILS(scn_checkpoint_open(text, &module), SCN_ERROR_FILE);
    free(text);
}

/** A second pass through a shared part leaves the other records as they were. */
static void shared_records(void) {
    const int64_t shape = 1;
    const float value = 3;
    scn_tensor *leaf = NULL, *trunk = NULL, *a = NULL, *b = NULL, *gradient = NULL;
    float *values = NULL;
    OK(scn_tensor_create(&shape, 1, &value, &leaf));
    OK(scn_tensor_set_requires_gradient(leaf, 1));
    OK(scn_tensor_scale(leaf, 2, &trunk));
    OK(scn_tensor_scale(trunk, 5, &a));
    OK(scn_tensor_scale(trunk, 7, &b));
    OK(scn_tensor_backward(a, NULL, 0));
    FAILS(scn_tensor_backward(b, NULL, 0), SCN_ERROR_STATE);
    OK(scn_tensor_gradient(leaf, &gradient));
    OK(scn_tensor_data(gradient, &values));
    CHECK(values[0] == 10);
    scn_tensor_release(gradient), scn_tensor_release(leaf), scn_tensor_release(trunk);
    scn_tensor_release(a), scn_tensor_release(b);
}

static void *add_gradients(void *context) {
    scn_tensor *leaf = (scn_tensor *)context;
    for (int i = 0; i < BACKWARD_PASSES; i++) {
        scn_tensor *sum = NULL;
        scn_tensor_sum(leaf, &sum);
        scn_tensor_backward(sum, NULL, 0);
        scn_tensor_release(sum);
    }
    return NULL;
}

/** Passes from different tensors meet in one parameter: none is lost. */
static void gradients_from_threads(void) {
    const int64_t shape = 5;
    pthread_t threads[BACKWARD_THREADS];
    scn_tensor *leaf = NULL, *gradient = NULL;
    float *values = NULL;
    OK(scn_tensor_create(&shape, 1, NULL, &leaf));
    OK(scn_tensor_set_requires_gradient(leaf, 1));
    for (int i = 0; i < BACKWARD_THREADS; i++) CHECK(pthread_create(&threads[i], NULL, add_gradients, leaf) == 0);
    for (int i = 0; i < BACKWARD_THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    OK(scn_tensor_gradient(leaf, &gradient));
    OK(scn_tensor_data(gradient, &values));
    CHECK(values[0] == BACKWARD_THREADS * BACKWARD_PASSES && values[4] == values[0]);
    scn_tensor_release(gradient), scn_tensor_release(leaf);
}

static pthread_mutex_t ending_lock = PTHREAD_MUTEX_INITIALIZER;
static int is_ending;

static int ends(void) {
    pthread_mutex_lock(&ending_lock);
    int result = is_ending;
    pthread_mutex_unlock(&ending_lock);
    return result;
}

/** What a thread does while another forks: handles, the generator, and rules in a geometry that they share. */
static void *keep_locks_busy(void *context) {
    scn_geometry *geometry = (scn_geometry *)context;
    const int64_t shape = 1;
    for (int64_t size = 3; !ends(); size = size % 64 + 1) {
        scn_tensor *tensor = NULL;
        scn_rulebook *rulebook = NULL;
        scn_filter filter = SCN_FILTER_INIT;
        filter.dimension = 1, filter.size = &size;
        scn_tensor_create(&shape, 1, NULL, &tensor);
        scn_tensor_release(tensor);
        scn_manual_seed(1);
        scn_geometry_submanifold(geometry, 0, &filter, &rulebook);
        scn_rulebook_release(rulebook);
    }
    return NULL;
}

/** A child finds no lock held, whatever the other threads of its parent were doing. */
static void forks_among_threads(void) {
    const int64_t shape = 1, size = 2;
    pthread_t threads[FORKING_THREADS];
    scn_geometry *geometry = line_geometry(3000, 3000);
    scn_filter filter = SCN_FILTER_INIT;
    filter.dimension = 1;
    /* The Swift runtime's own first-time locks are not the library's to guard: everything is used once before. */
    for (int64_t warm_up = 2; warm_up < 6; warm_up++) {
        scn_rulebook *rulebook = NULL;
        filter.size = &warm_up;
        OK(scn_geometry_submanifold(geometry, 0, &filter, &rulebook));
        scn_rulebook_release(rulebook);
    }
    filter.size = &size;
    OK(scn_manual_seed(1));
    for (int i = 0; i < FORKING_THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, keep_locks_busy, geometry) == 0);
    struct timespec moment = {0, 20000000};
    nanosleep(&moment, NULL);
    fflush(stdout);
    int status = 0;
    for (int i = 0; i < FORKS && status == 0; i++) {
        pid_t child = fork();
        if (child == 0) {
            scn_tensor *tensor = NULL;
            scn_rulebook *rulebook = NULL;
            alarm(SECONDS_OF_A_CHILD);
            int failed = scn_tensor_create(&shape, 1, NULL, &tensor) || scn_tensor_release(tensor) ||
                         scn_manual_seed(1) || scn_geometry_submanifold(geometry, 0, &filter, &rulebook);
            _exit(failed);
        }
        if (child < 0 || waitpid(child, &status, 0) != child) status = -1;
    }
    CHECK(status == 0);
    pthread_mutex_lock(&ending_lock);
    is_ending = 1;
    pthread_mutex_unlock(&ending_lock);
    for (int i = 0; i < FORKING_THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    scn_geometry_release(geometry);
}

int main(void) {
    sizes_beside_a_zero();
    matrices_beside_a_zero();
    structs_and_counts();
    extreme_filters();
    nested_tables();
    endless_words();
    shared_records();
    gradients_from_threads();
    forks_among_threads();
    CHECK(scn_live_handles() == 0);
    CHECK(scn_memory_in_use() == 0);
    return finish();
}

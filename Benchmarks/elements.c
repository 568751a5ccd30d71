// Work that memory limits, as a share of the speed at which memcpy moves the same bytes: each matrix counts once.
#include <stdlib.h>

#include "bench.h"

typedef struct {
    scn_matrix input, output, gradient, result;
    scn_matrix weight, bias, mean, variance, saved_mean, saved_inverse_deviation, weight_result, bias_result;
    scn_batch_norm_options options;
    scn_rulebook *pooling;
    scn_matrix pooled, pooled_gradient;
    scn_tensor *a, *b, *table, *sum;
    scn_module *join, *relu;
} subject;

static void norm_forward(void *context) {
    subject *s = context;
    check(scn_batch_norm_forward_training(&s->input, s->weight.data, s->bias.data, s->mean.data, s->variance.data,
                                          &s->options, s->saved_mean.data, s->saved_inverse_deviation.data,
                                          &s->output));
}
static void norm_evaluation(void *context) {
    subject *s = context;
    check(scn_batch_norm_forward_evaluation(&s->input, s->weight.data, s->bias.data, s->mean.data, s->variance.data,
                                            &s->options, &s->result));
}
static void norm_backward(void *context) {
    subject *s = context;
    check(scn_batch_norm_backward_training(&s->input, &s->output, &s->gradient, s->weight.data, s->saved_mean.data,
                                           s->saved_inverse_deviation.data, &s->options, s->weight_result.data,
                                           s->bias_result.data, &s->result));
}
static void relu(void *context) {
    subject *s = context;
    check(scn_module_forward(s->relu, s->a, &s->sum));
}
static void add(void *context) {
    subject *s = context;
    check(scn_tensor_add(s->a, s->b, &s->sum));
}
static void join(void *context) {
    subject *s = context;
    check(scn_module_forward(s->join, s->table, &s->sum));
}
static void release_sum(void *context) {
    subject *s = context;
    check(scn_tensor_release(s->sum));
}
static void pool_forward(void *context) {
    subject *s = context;
    check(scn_max_pooling_forward(s->pooling, &s->input, 0, &s->pooled));
}
static void pool_backward(void *context) {
    subject *s = context;
    check(scn_max_pooling_backward(s->pooling, &s->input, &s->pooled, &s->pooled_gradient, 0, &s->result));
}

static scn_tensor *sparse_tensor(scn_geometry *geometry, const scn_matrix *matrix) {
    scn_tensor *features, *sparse;
    const int64_t shape[] = {matrix->rows, matrix->planes};
    check(scn_tensor_create(shape, 2, matrix->data, &features));
    check(scn_sparse_create(geometry, 0, features, &sparse));
    check(scn_tensor_release(features));
    return sparse;
}

void measure_elements(const points *sites) {
    scn_filter filter = filter_of(DIMENSION, 2, 2);
    scn_geometry *geometry = geometry_of(sites);
    int32_t pooled_sites;
    int64_t rows = sites->rows, pooled_rows;
    subject s = {.options = SCN_BATCH_NORM_OPTIONS_INIT};
    s.options.leakiness = 0;
    check(scn_geometry_strided(geometry, 0, &filter, &pooled_sites, &s.pooling));
    check(scn_geometry_site_count(geometry, pooled_sites, &pooled_rows));
    scn_matrix *matrices[] = {&s.input, &s.output, &s.gradient, &s.result};
    scn_matrix *vectors[] = {&s.weight,     &s.bias, &s.mean, &s.variance, &s.saved_mean, &s.saved_inverse_deviation,
                             &s.weight_result, &s.bias_result};
    enum { MATRICES = sizeof matrices / sizeof *matrices, VECTORS = sizeof vectors / sizeof *vectors };
    for (int i = 0; i < MATRICES; i++) *matrices[i] = random_matrix(rows, ELEMENT_PLANES);
    for (int i = 0; i < VECTORS; i++) *vectors[i] = random_matrix(1, ELEMENT_PLANES);
    for (int i = 0; i < ELEMENT_PLANES; i++) ((float *)s.variance.data)[i] = 1;
    s.pooled = random_matrix(pooled_rows, ELEMENT_PLANES);
    s.pooled_gradient = random_matrix(pooled_rows, ELEMENT_PLANES);
    s.a = sparse_tensor(geometry, &s.input);
    s.b = sparse_tensor(geometry, &s.output);
    scn_tensor *pair[] = {s.a, s.b};
    check(scn_table_create(pair, 2, &s.table));
    check(scn_join_table_create(&s.join));
    check(scn_activation_create(SCN_ACTIVATION_RELU, 0, &s.relu));

    double matrix = (double)(rows * ELEMENT_PLANES) * sizeof(float);
    double pooling = (double)((rows + pooled_rows) * ELEMENT_PLANES) * sizeof(float);
    const char *section = "32 planes, by memory";
    measure((work){section, "batch norm + ReLU forward", SHARE_OF_MEMCPY, 3 * matrix, NULL, norm_forward, NULL, &s});
    measure((work){section, "batch norm + ReLU backward", SHARE_OF_MEMCPY, 5 * matrix, NULL, norm_backward, NULL, &s});
    measure((work){section, "batch norm + ReLU evaluation", SHARE_OF_MEMCPY, 2 * matrix, NULL, norm_evaluation, NULL,
                   &s});
    measure((work){section, "ReLU, with a new result", SHARE_OF_MEMCPY, 2 * matrix, NULL, relu, release_sum, &s});
    measure((work){section, "add, with a new result", SHARE_OF_MEMCPY, 3 * matrix, NULL, add, release_sum, &s});
    measure((work){section, "join, with a new result", SHARE_OF_MEMCPY, 4 * matrix, NULL, join, release_sum, &s});
    measure((work){section, "max pooling 2/2 forward", SHARE_OF_MEMCPY, pooling, NULL, pool_forward, NULL, &s});
    measure((work){section, "max pooling 2/2 backward", SHARE_OF_MEMCPY, 2 * pooling, NULL, pool_backward, NULL, &s});

    for (int i = 0; i < MATRICES; i++) free_matrix(matrices[i]);
    for (int i = 0; i < VECTORS; i++) free_matrix(vectors[i]);
    free_matrix(&s.pooled);
    free_matrix(&s.pooled_gradient);
    check(scn_module_release(s.join));
    check(scn_module_release(s.relu));
    check(scn_tensor_release(s.table));
    check(scn_tensor_release(s.a));
    check(scn_tensor_release(s.b));
    check(scn_rulebook_release(s.pooling));
    check(scn_geometry_release(geometry));
}

/* A small problem to train on: pictures of one horizontal, vertical or diagonal line in 19 x 19, to be told apart. */
#ifndef SCN_TEST_LINES_H
#define SCN_TEST_LINES_H

#include "check.h"

enum { LINES_SIZE = 19, LINES_CLASSES = 3, LINES_SAMPLES = 24, LINES_LENGTH = 9 };

typedef struct learner {
    scn_module *network;
    scn_optimizer *optimizer;
} learner;

/** Collect the parameters of a module; the caller releases each and frees the array. */
static inline scn_tensor **parameters_of(scn_module *module, int64_t *count) {
    int64_t entries = 0;
    *count = 0;
    OK(scn_module_state_count(module, &entries));
    scn_tensor **parameters = (scn_tensor **)zeros(entries, sizeof *parameters);
    for (int64_t i = 0; i < entries; i++) {
        const char *name = NULL;
        int32_t is_parameter = 0;
        scn_tensor *tensor = NULL;
        OK(scn_module_state(module, i, &name, &tensor, &is_parameter));
        if (is_parameter) parameters[(*count)++] = tensor;
        else scn_tensor_release(tensor);
    }
    return parameters;
}

static inline void release_tensors(scn_tensor **tensors, int64_t count) {
    for (int64_t i = 0; i < count; i++) scn_tensor_release(tensors[i]);
    free(tensors);
}

/** Create the network. Its spatial sizes: 19, then 9 and 4 after the poolings. */
static inline scn_module *lines_network(double dropout) {
    scn_module *parts[6] = {NULL}, *network = NULL;
    const int64_t size[] = {LINES_SIZE, LINES_SIZE};
    OK(scn_input_layer_create(2, size, SCN_INPUT_MEAN, &parts[0]));
    OK(scn_sparse_vgg_net_create(2, 1, "C8 MP3/2 C16 MP3/2", &parts[1]));
    OK(scn_dropout_create(dropout, &parts[2]));
    OK(scn_sparse_to_dense_create(2, 16, &parts[3]));
    OK(scn_flatten_create(&parts[4]));
    OK(scn_linear_create(16 * 4 * 4, LINES_CLASSES, 1, &parts[5]));
    OK(scn_sequential_create(parts, 6, &network));
    for (int i = 0; i < 6; i++) scn_module_release(parts[i]);
    return network;
}

/** Create a network from a seed and an optimizer for it: Adam, or SGD with Nesterov momentum. */
static inline learner lines_learner(uint64_t seed, double dropout, int adam) {
    learner result = {NULL, NULL};
    OK(scn_manual_seed(seed));
    result.network = lines_network(dropout);
    int64_t count = 0;
    scn_tensor **parameters = parameters_of(result.network, &count);
    if (adam) {
        scn_adam_options options = SCN_ADAM_OPTIONS_INIT;
        options.learning_rate = 0.01, options.weight_decay = 1e-4, options.decoupled = 1;
        OK(scn_adam_create(parameters, count, &options, &result.optimizer));
    } else {
        scn_sgd_options options = SCN_SGD_OPTIONS_INIT;
        options.learning_rate = 0.05, options.momentum = 0.9, options.nesterov = 1, options.weight_decay = 1e-4;
        OK(scn_sgd_create(parameters, count, &options, &result.optimizer));
    }
    release_tensors(parameters, count);
    return result;
}

static inline void lines_release(learner l) {
    OK(scn_optimizer_release(l.optimizer));
    OK(scn_module_release(l.network));
}

/** Draw a batch of lines; labels: [LINES_SAMPLES]. Sample s has label s % 3. */
static inline scn_tensor *lines_draw(uint64_t seed, int64_t *labels) {
    int64_t coordinates[LINES_SAMPLES * LINES_LENGTH][3];
    float ones[LINES_SAMPLES * LINES_LENGTH];
    const int64_t rows = LINES_SAMPLES * LINES_LENGTH, shape[] = {LINES_SAMPLES * LINES_LENGTH, 1};
    for (int64_t sample = 0; sample < LINES_SAMPLES; sample++) {
        int64_t kind = labels[sample] = sample % LINES_CLASSES;
        int64_t y = next_random(&seed) % (LINES_SIZE - LINES_LENGTH),
                x = next_random(&seed) % (LINES_SIZE - LINES_LENGTH);
        for (int64_t step = 0; step < LINES_LENGTH; step++) {
            int64_t *site = coordinates[sample * LINES_LENGTH + step];
            site[0] = y + (kind == 0 ? 0 : step), site[1] = x + (kind == 1 ? 0 : step), site[2] = sample;
        }
    }
    for (int64_t i = 0; i < rows; i++) ones[i] = 1;
    scn_tensor *features = NULL, *points = NULL;
    OK(scn_tensor_create(shape, 2, ones, &features));
    OK(scn_points_create(coordinates[0], rows, 3, features, LINES_SAMPLES, &points));
    scn_tensor_release(features);
    return points;
}

/** Take one step of training; return the loss before it. */
static inline float lines_step(learner l, uint64_t seed) {
    int64_t labels[LINES_SAMPLES];
    scn_tensor *points = lines_draw(seed, labels), *logits = NULL, *loss = NULL;
    float *value = NULL, result = NAN;
    OK(scn_optimizer_zero_gradients(l.optimizer));
    OK(scn_module_forward(l.network, points, &logits));
    OK(scn_cross_entropy(logits, labels, LINES_SAMPLES, NULL, -100, &loss));
    OK(scn_tensor_backward(loss, NULL, 0));
    OK(scn_optimizer_step(l.optimizer));
    OK(scn_tensor_data(loss, &value));
    if (value) result = *value;
    scn_tensor_release(points), scn_tensor_release(logits), scn_tensor_release(loss);
    return result;
}

/** Return how many of a fresh batch the network tells right, in evaluation mode without recording. */
static inline int lines_correct(scn_module *network, uint64_t seed) {
    int64_t labels[LINES_SAMPLES];
    int32_t was_training = 1, correct = 0;
    scn_tensor *points = lines_draw(seed, labels), *logits = NULL;
    float *values = NULL;
    OK(scn_module_get_training(network, &was_training));
    OK(scn_module_set_training(network, 0));
    OK(scn_set_gradient_recording(0));
    if (OK(scn_module_forward(network, points, &logits))) OK(scn_tensor_data(logits, &values));
    for (int64_t sample = 0; values && sample < LINES_SAMPLES; sample++) {
        const float *row = values + sample * LINES_CLASSES;
        int64_t best = row[1] > row[0] ? 1 : 0;
        if (row[2] > row[best]) best = 2;
        correct += best == labels[sample];
    }
    OK(scn_set_gradient_recording(1));
    OK(scn_module_set_training(network, was_training));
    scn_tensor_release(points), scn_tensor_release(logits);
    return correct;
}

/** Return a number that depends on every bit of a module's state (FNV-1a). */
static inline uint64_t state_fingerprint(scn_module *module) {
    uint64_t hash = 14695981039346656037u;
    int64_t entries = 0;
    OK(scn_module_state_count(module, &entries));
    for (int64_t i = 0; i < entries; i++) {
        const char *name = NULL;
        int32_t is_parameter = 0, rank = 0;
        int64_t shape[16] = {0}, count = 1;
        scn_tensor *tensor = NULL;
        float *data = NULL;
        OK(scn_module_state(module, i, &name, &tensor, &is_parameter));
        OK(scn_tensor_rank(tensor, &rank));
        OK(scn_tensor_shape(tensor, shape, 16));
        OK(scn_tensor_data(tensor, &data));
        for (int32_t axis = 0; axis < rank; axis++) count *= shape[axis];
        for (int64_t byte = 0; byte < count * (int64_t)sizeof(float); byte++)
            hash = (hash ^ ((const unsigned char *)data)[byte]) * 1099511628211u;
        scn_tensor_release(tensor);
    }
    return hash;
}

#endif

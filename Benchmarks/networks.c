// A net that reads handwritten digits: training, inference, and what a call of a layer costs without much to do.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

enum { FIELD = 63, BOX = 40, BATCH = 64, BATCHES = 8, DIGIT_SITES = 200, PLANES = 3, CLASSES = 10 };
// Long enough for every sample: a curve visits some points more than once.
enum { MAX_ROWS = BATCH * 4 * DIGIT_SITES };

/// Digits as rows of points with features (1, dx, dy) along a curve.
typedef struct {
    int64_t rows, samples;
    int64_t coordinates[MAX_ROWS][3];
    float features[MAX_ROWS][PLANES];
    int64_t labels[BATCH];
} batch;

typedef struct {
    scn_module *net, *layer;
    scn_optimizer *optimizer;
    batch *batches;
    int next;
    scn_tensor *sparse;
} subject;

/// Draw a closed curve on about DIGIT_SITES sites of a box in the field's middle.
static void draw(batch *into) {
    static unsigned char drawn[BOX][BOX];
    double a = 1 + floor(3 * uniform()), b = 1 + floor(3 * uniform()), phase = 6.28 * uniform(), wobble = uniform();
    int64_t sample = into->samples++, sites = 0, first = into->rows;
    memset(drawn, 0, sizeof drawn);
    for (int step = 0; sites < DIGIT_SITES && into->rows - first < MAX_ROWS / BATCH; step++) {
        double t = 0.02 * step;
        double x = sin(a * t) + 0.3 * sin(5.1 * t * wobble), y = cos(b * t + phase) + 0.3 * cos(4.3 * t);
        int column = (int)(BOX * (x + 1.31) / 2.62), row = (int)(BOX * (y + 1.31) / 2.62);
        if (drawn[row][column]) continue;
        drawn[row][column] = 1;
        sites++;
        int64_t *place = into->coordinates[into->rows];
        place[0] = (FIELD - BOX) / 2 + row;
        place[1] = (FIELD - BOX) / 2 + column;
        place[2] = sample;
        float *features = into->features[into->rows++];
        features[0] = 1;
        features[1] = (float)cos(a * t);
        features[2] = (float)sin(b * t);
    }
    into->labels[sample] = (int64_t)(uniform() * CLASSES);
}

static scn_tensor *points_of(const batch *digits) {
    scn_tensor *features, *points;
    const int64_t shape[] = {digits->rows, PLANES};
    check(scn_tensor_create(shape, 2, digits->features[0], &features));
    check(scn_points_create(digits->coordinates[0], digits->rows, 3, features, digits->samples, &points));
    check(scn_tensor_release(features));
    return points;
}

static scn_tensor *apply(scn_module *net, const batch *digits) {
    scn_tensor *points = points_of(digits), *logits;
    check(scn_module_forward(net, points, &logits));
    check(scn_tensor_release(points));
    return logits;
}

static void train(void *context) {
    subject *s = context;
    const batch *digits = &s->batches[s->next++ % BATCHES];
    scn_tensor *logits = apply(s->net, digits), *loss;
    check(scn_cross_entropy(logits, digits->labels, digits->samples, NULL, -100, &loss));
    check(scn_tensor_backward(loss, NULL, 1));
    check(scn_optimizer_step(s->optimizer));
    check(scn_optimizer_zero_gradients(s->optimizer));
    check(scn_tensor_release(loss));
    check(scn_tensor_release(logits));
}
static void infer(void *context) {
    subject *s = context;
    check(scn_tensor_release(apply(s->net, &s->batches[s->next++ % BATCHES])));
}
static void apply_layer(void *context) {
    subject *s = context;
    scn_tensor *result;
    check(scn_module_forward(s->layer, s->sparse, &result));
    check(scn_tensor_release(result));
}

static scn_module *make_net(void) {
    enum { LAYERS = 5, LAST_PLANES = 64, LAST_FIELD = 3 };
    static const int64_t field[] = {FIELD, FIELD};
    scn_module *layers[LAYERS], *net;
    check(scn_input_layer_create(2, field, SCN_INPUT_MEAN, &layers[0]));
    check(scn_sparse_vgg_net_create(2, PLANES, "C16 C16 MP C32 C32 MP C48 C48 MP C64 C64 MP", &layers[1]));
    check(scn_sparse_to_dense_create(2, LAST_PLANES, &layers[2]));
    check(scn_flatten_create(&layers[3]));
    check(scn_linear_create(LAST_PLANES * LAST_FIELD * LAST_FIELD, CLASSES, 1, &layers[4]));
    check(scn_sequential_create(layers, LAYERS, &net));
    for (int i = 0; i < LAYERS; i++) check(scn_module_release(layers[i]));
    return net;
}

scn_optimizer *make_optimizer(scn_module *net) {
    int64_t count, parameters = 0;
    check(scn_module_state_count(net, &count));
    scn_tensor **tensors = allocate(count * (int64_t)sizeof *tensors);
    for (int64_t i = 0; i < count; i++) {
        int32_t is_parameter;
        const char *name;
        scn_tensor *tensor;
        check(scn_module_state(net, i, &name, &tensor, &is_parameter));
        if (is_parameter) tensors[parameters++] = tensor;
        else check(scn_tensor_release(tensor));
    }
    scn_sgd_options options = SCN_SGD_OPTIONS_INIT;
    options.learning_rate = 0.01;
    options.momentum = 0.9;
    options.nesterov = 1;
    scn_optimizer *optimizer;
    check(scn_sgd_create(tensors, parameters, &options, &optimizer));
    for (int64_t i = 0; i < parameters; i++) check(scn_tensor_release(tensors[i]));
    free(tensors);
    return optimizer;
}

/// One digit's sites as a sparse tensor of 16 planes, whose submanifold rulebook is made in the first call.
static scn_tensor *one_digit(const batch *digit) {
    static const int64_t field[] = {FIELD, FIELD};
    scn_geometry *geometry;
    scn_tensor *features, *sparse;
    int64_t shape[] = {0, 16};
    check(scn_geometry_create(2, field, digit->coordinates[0], digit->rows, 3, 1, SCN_INPUT_SUM, &geometry));
    check(scn_geometry_site_count(geometry, 0, &shape[0]));
    scn_matrix values = random_matrix(shape[0], shape[1]);
    check(scn_tensor_create(shape, 2, values.data, &features));
    check(scn_sparse_create(geometry, 0, features, &sparse));
    free_matrix(&values);
    check(scn_tensor_release(features));
    check(scn_geometry_release(geometry));
    return sparse;
}

void measure_networks(void) {
    static const int64_t three[] = {3, 3};
    subject s = {.net = make_net(), .batches = allocate(BATCHES * (int64_t)sizeof(batch))};
    s.optimizer = make_optimizer(s.net);
    for (int i = 0; i < BATCHES; i++) {
        s.batches[i].rows = s.batches[i].samples = 0;
        while (s.batches[i].samples < BATCH) draw(&s.batches[i]);
    }
    const char *section = "digits, VGG of 16 to 64 planes";
    measure_in_operations((work){section, "training step, batch of 64", PER_SECOND, BATCH, NULL, train, NULL, &s});
    check(scn_module_set_training(s.net, 0));
    check(scn_set_gradient_recording(0));
    measure_in_operations((work){section, "inference, batch of 64", PER_SECOND, BATCH, NULL, infer, NULL, &s});

    for (int i = 0; i < BATCHES; i++) {
        s.batches[i].rows = s.batches[i].samples = 0;
        draw(&s.batches[i]);
    }
    section = "one digit of 200 sites";
    measure_in_operations((work){section, "inference of the net above", MICROSECONDS, 1, NULL, infer, NULL, &s});
    s.sparse = one_digit(&s.batches[0]);
    check(scn_activation_create(SCN_ACTIVATION_RELU, 0, &s.layer));
    measure_in_operations((work){section, "ReLU, 16 planes (a call)", MICROSECONDS, 1, NULL, apply_layer, NULL, &s});
    check(scn_module_release(s.layer));
    check(scn_submanifold_convolution_create(2, 16, 16, three, NULL, &s.layer));
    measure_in_operations((work){section, "submanifold 3x3, 16 -> 16 planes (a call)", MICROSECONDS, 1, NULL,
                                 apply_layer, NULL, &s});
    check(scn_module_release(s.layer));
    check(scn_tensor_release(s.sparse));
    check(scn_optimizer_release(s.optimizer));
    check(scn_module_release(s.net));
    check(scn_set_gradient_recording(1));
    free(s.batches);
}

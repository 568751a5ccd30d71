// Two U-Nets on the scenes: training steps and inferences, and how much of them is not convolution.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"

enum { CLASSES = 8 };

const unet_plan unet_plans[UNETS] = {{"32 ... 160", 5, {32, 64, 96, 128, 160}, 24, 12},
                                     {"16 ... 96", 6, {16, 32, 48, 64, 80, 96}, 10, 6}};

unet prepare_unet(const points *cloud) {
    unet result = {NULL, NULL, cloud, random_matrix(cloud->rows, UNET_INPUT_PLANES).data,
                   allocate(cloud->rows * (int64_t)sizeof(int64_t)), 0};
    for (int64_t i = 0; i < cloud->rows; i++) result.labels[i] = (int64_t)(uniform() * CLASSES);
    return result;
}

void build_unet(unet *subject, const unet_plan *plan) {
    enum { LAYERS = 6 };
    static const int64_t three[] = {3, 3, 3};
    const int64_t planes = plan->planes[0];
    scn_module *layers[LAYERS];
    scn_batch_norm_options norm = SCN_BATCH_NORM_OPTIONS_INIT;
    norm.leakiness = 0;
    check(scn_input_layer_create(DIMENSION, subject->cloud->spatial_size, SCN_INPUT_MEAN, &layers[0]));
    check(scn_submanifold_convolution_create(DIMENSION, UNET_INPUT_PLANES, planes, three, NULL, &layers[1]));
    check(scn_unet_create(DIMENSION, 1, plan->planes, plan->levels, NULL, &layers[2]));
    check(scn_batch_norm_create(planes, &norm, &layers[3]));
    check(scn_output_layer_create(DIMENSION, &layers[4]));
    check(scn_linear_create(planes, CLASSES, 1, &layers[5]));
    check(scn_sequential_create(layers, LAYERS, &subject->net));
    for (int i = 0; i < LAYERS; i++) check(scn_module_release(layers[i]));
    subject->optimizer = make_optimizer(subject->net);
}

static void release_net(unet *subject) {
    check(scn_optimizer_release(subject->optimizer));
    check(scn_module_release(subject->net));
    subject->optimizer = NULL;
    subject->net = NULL;
}

static scn_tensor *logits_of(const unet *s) {
    scn_tensor *features, *points, *logits;
    const int64_t shape[] = {s->cloud->rows, UNET_INPUT_PLANES};
    check(scn_tensor_borrow(shape, 2, s->features, NULL, NULL, &features));
    check(scn_points_create(s->cloud->coordinates, s->cloud->rows, DIMENSION + 1, features, s->cloud->batch_size,
                            &points));
    check(scn_tensor_release(features));
    check(scn_module_forward(s->net, points, &logits));
    check(scn_tensor_release(points));
    return logits;
}

void train_unet(void *context) {
    unet *s = context;
    scn_tensor *logits = logits_of(s), *loss;
    float *value;
    check(scn_cross_entropy(logits, s->labels, s->cloud->rows, NULL, -100, &loss));
    check(scn_tensor_release(logits));
    check(scn_tensor_backward(loss, NULL, 1));
    check(scn_optimizer_step(s->optimizer));
    check(scn_optimizer_zero_gradients(s->optimizer));
    check(scn_tensor_data(loss, &value));
    s->loss = *value;
    if (!isfinite(s->loss)) fail("the loss of a U-Net is not finite");
    check(scn_tensor_release(loss));
}

void apply_unet(void *context) { check(scn_tensor_release(logits_of(context))); }

void free_unet(unet *subject) {
    if (subject->net) release_net(subject);
    free(subject->features);
    free(subject->labels);
}

void expect_unets(void) {
    for (int i = 0; i < UNETS; i++)
        expect(4, scaled_budget(2 * unet_plans[i].training_budget + 2 * unet_plans[i].inference_budget));
}

static void measure_step(unet *subject, unet_convolutions *alone, const unet_plan *plan, int is_training,
                         int has_gain) {
    char name[40], with_arithmetic[64];
    const double arithmetic = unet_arithmetic(alone, is_training);
    snprintf(name, sizeof name, "%s planes, %s", plan->name, is_training ? "training step" : "inference");
    snprintf(with_arithmetic, sizeof with_arithmetic, "%s, %.1f GFLOP", name, 1e-9 * arithmetic);
    work step = {"U-Net, time", name, SECONDS, 1, NULL, is_training ? train_unet : apply_unet, NULL, subject};
    work convolutions = step;
    convolutions.run = is_training ? run_training_convolutions : run_inference_convolutions;
    convolutions.context = alone;
    const view views[] = {{"U-Net, convolutions' arithmetic", with_arithmetic, SHARE_OF_SGEMM, arithmetic},
                          {"U-Net, time outside convolutions", name, OUTSIDE_COMPANION, 1},
                          {"gain of 2 threads, over sgemm's own", name, GAIN_OVER_SGEMM, arithmetic}};
    double budget = is_training ? plan->training_budget : plan->inference_budget;
    measure_with(step, (extra){&convolutions, views, has_gain ? 3 : 2, scaled_budget(budget)});
}

void train_unet_in_bfloat16(void *context) {
    check(scn_set_autocast(SCN_BFLOAT16));
    train_unet(context);
    check(scn_set_autocast(SCN_FLOAT32));
}

/// A training step or an inference with bfloat16 inside, over one of float32.
static void measure_in_bfloat16(unet *single, unet *half, const unet_plan *plan, double arithmetic, int is_training) {
    char name[60];
    const work companion = {
        .amount = arithmetic, .run = is_training ? train_unet : apply_unet, .context = single};
    snprintf(name, sizeof name, "U-Net, %s planes, %s", plan->name, is_training ? "training step" : "inference");
    work rounded = companion;
    rounded.section = "bfloat16, over float32";
    rounded.name = name;
    rounded.figure = SHARE_OF_COMPANION;
    rounded.run = is_training ? train_unet_in_bfloat16 : apply_unet;
    rounded.context = half;
    const double budget = is_training ? plan->training_budget : plan->inference_budget;
    measure_with(rounded, (extra){.companion = &companion, .budget = scaled_budget(budget)});
}

void measure_unets(const points *cloud) {
    unet subject = prepare_unet(cloud);
    for (int i = 0; i < UNETS; i++) {
        const unet_plan *plan = &unet_plans[i];
        unet_convolutions *alone = make_unet_convolutions(plan, cloud);
        build_unet(&subject, plan);
        measure_step(&subject, alone, plan, 1, i == LARGER_UNET && setting.count_of_thread_counts > 1);
        measure_in_bfloat16(&subject, &subject, plan, unet_arithmetic(alone, 1), 1);
        scn_module *trained = subject.net;
        unet half = subject;
        check(scn_module_optimize_for_inference(trained, &subject.net));
        check(scn_module_optimize_for_inference_in(trained, SCN_BFLOAT16, &half.net));
        check(scn_module_release(trained));
        check(scn_set_gradient_recording(0));
        measure_step(&subject, alone, plan, 0, 0);
        measure_in_bfloat16(&subject, &half, plan, unet_arithmetic(alone, 0), 0);
        check(scn_module_release(half.net));
        check(scn_set_gradient_recording(1));
        release_net(&subject);
        free_unet_convolutions(alone);
    }
    free_unet(&subject);
}

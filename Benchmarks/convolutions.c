// Submanifold 3x3x3 convolutions, rulebook given, as a share of the rate of a dense product.
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"

typedef struct {
    scn_rulebook *rulebook;
    scn_matrix input, output, weight, weight_result;
} convolution;

static void forward(void *context) {
    convolution *c = context;
    check(scn_convolution_forward(c->rulebook, &c->input, c->weight.data, NULL, 1, &c->output));
}
static void backward_input(void *context) {
    convolution *c = context;
    check(scn_convolution_backward_input(c->rulebook, &c->output, c->weight.data, 1, &c->input));
}
static void backward_weight(void *context) {
    convolution *c = context;
    check(scn_convolution_backward_weight(c->rulebook, &c->input, &c->output, 1, c->weight_result.data, NULL));
}

enum { PLANE_COUNTS = 8 };
static const int64_t planes[PLANE_COUNTS][2] = {{3, 16},  {16, 16}, {32, 32},   {37, 37},
                                                {48, 48}, {64, 64}, {80, 80}, {128, 128}};

/// How planes in between compare with the straight line between the shares of their neighbors.
static void record_odd_planes(const char *pass, double shares[PLANE_COUNTS][THREAD_COUNTS]) {
    static const struct { int odd, below, above; } places[] = {{3, 2, 4}, {4, 2, 5}, {6, 5, 7}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const int odd = places[i].odd, below = places[i].below, above = places[i].above;
        double part = (double)(planes[odd][0] - planes[below][0]) / (double)(planes[above][0] - planes[below][0]);
        double values[THREAD_COUNTS] = {0};
        char name[64];
        for (int t = 0; t < setting.count_of_thread_counts; t++)
            values[t] = shares[odd][t] / ((1 - part) * shares[below][t] + part * shares[above][t]);
        snprintf(name, sizeof name, "%d between %d and %d, %s", (int)planes[odd][0], (int)planes[below][0],
                 (int)planes[above][0], pass);
        record("odd planes, over the line between neighbors", name, RATIO, values);
    }
}

void measure_convolutions(const points *sites) {
    static const struct { const char *section, *name; void (*run)(void *); } passes[] = {
        {"convolution forward", "forward", forward},
        {"convolution, gradient by input", "by input", backward_input},
        {"convolution, gradient by weights", "by weights", backward_weight}};
    scn_filter filter = filter_of(DIMENSION, 3, 1);
    scn_geometry *geometry = geometry_of(sites);
    convolution c;
    int64_t volume, rules;
    check(scn_geometry_submanifold(geometry, 0, &filter, &c.rulebook));
    check(scn_rulebook_sizes(c.rulebook, &volume, &rules, NULL, NULL));
    for (size_t pass = 0; pass < sizeof passes / sizeof *passes; pass++) {
        double shares[PLANE_COUNTS][THREAD_COUNTS];
        for (size_t i = 0; i < PLANE_COUNTS; i++) {
            char name[64];
            const line *result = &lines[line_count];
            int64_t in = planes[i][0], out = planes[i][1];
            snprintf(name, sizeof name, "%lld -> %lld planes", (long long)in, (long long)out);
            c.input = random_matrix(sites->rows, in);
            c.output = random_matrix(sites->rows, out);
            c.weight = random_matrix(volume * in, out);
            c.weight_result = random_matrix(volume * in, out);
            const view gain = {"gain of 2 threads, over sgemm's own", "64 -> 64 planes, convolution forward",
                               GAIN_OVER_SGEMM, 2.0 * (double)(rules * in * out)};
            int has_gain = passes[pass].run == forward && in == 64 && setting.count_of_thread_counts > 1;
            measure_with((work){.section = passes[pass].section, .name = name, .figure = SHARE_OF_SGEMM,
                                .amount = gain.amount, .run = passes[pass].run, .context = &c},
                         (extra){.views = &gain, .view_count = has_gain});
            for (int t = 0; t < setting.count_of_thread_counts; t++) shares[i][t] = result->at[t].value;
            free_matrix(&c.input);
            free_matrix(&c.output);
            free_matrix(&c.weight);
            free_matrix(&c.weight_result);
        }
        record_odd_planes(passes[pass].name, shares);
    }
    check(scn_rulebook_release(c.rulebook));
    check(scn_geometry_release(geometry));
}

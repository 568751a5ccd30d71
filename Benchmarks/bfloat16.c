// Submanifold 3x3x3 convolutions of bfloat16 over the same of float32, and a U-Net for inference of either.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

typedef struct {
    scn_rulebook *rulebook;
    scn_matrix input, output;
    const float *weight;
    float *weight_result;
} convolution;

static void forward(void *context) {
    convolution *c = context;
    check(scn_convolution_forward(c->rulebook, &c->input, c->weight, NULL, 1, &c->output));
}
static void backward_input(void *context) {
    convolution *c = context;
    check(scn_convolution_backward_input(c->rulebook, &c->output, c->weight, 1, &c->input));
}
static void backward_weight(void *context) {
    convolution *c = context;
    check(scn_convolution_backward_weight(c->rulebook, &c->input, &c->output, 1, c->weight_result, NULL));
}
static const struct { const char *name; void (*run)(void *); } passes[] = {
    {"forward", forward}, {"by input", backward_input}, {"by weights", backward_weight}};

/// The upper halves of a matrix's elements, in memory of its own.
static scn_matrix rounded(const scn_matrix *matrix) {
    scn_matrix result = *matrix;
    const int64_t count = matrix->rows * matrix->planes;
    uint16_t *halves = allocate(count * (int64_t)sizeof(uint16_t));
    for (int64_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, (const float *)matrix->data + i, sizeof bits);
        halves[i] = (uint16_t)(bits >> 16);
    }
    result.type = SCN_BFLOAT16;
    result.data = halves;
    return result;
}

void measure_bfloat16(const points *sites) {
    static const int64_t plane_counts[] = {32, 64, 128};
    scn_filter filter = filter_of(DIMENSION, 3, 1);
    scn_geometry *geometry = geometry_of(sites);
    scn_rulebook *rulebook;
    int64_t volume, rules;
    check(scn_geometry_submanifold(geometry, 0, &filter, &rulebook));
    check(scn_rulebook_sizes(rulebook, &volume, &rules, NULL, NULL));
    for (size_t i = 0; i < sizeof plane_counts / sizeof *plane_counts; i++) {
        const int64_t planes = plane_counts[i];
        const double operations = 2.0 * (double)(rules * planes * planes);
        scn_matrix weight = random_matrix(volume * planes, planes);
        scn_matrix weight_result = random_matrix(volume * planes, planes);
        convolution single = {rulebook, random_matrix(sites->rows, planes), random_matrix(sites->rows, planes),
                              weight.data, weight_result.data};
        convolution half = single;
        half.input = rounded(&single.input), half.output = rounded(&single.output);
        for (size_t pass = 0; pass < sizeof passes / sizeof *passes; pass++) {
            char name[64];
            const work companion = {.amount = operations, .run = passes[pass].run, .context = &single};
            snprintf(name, sizeof name, "%lld planes, %s", (long long)planes, passes[pass].name);
            measure_with((work){.section = "bfloat16, over float32", .name = name, .figure = SHARE_OF_COMPANION,
                                .amount = operations, .run = passes[pass].run, .context = &half},
                         (extra){.companion = &companion});
        }
        free_matrix(&half.input), free_matrix(&half.output);
        free_matrix(&single.input), free_matrix(&single.output);
        free_matrix(&weight), free_matrix(&weight_result);
    }
    check(scn_rulebook_release(rulebook));
    check(scn_geometry_release(geometry));
}

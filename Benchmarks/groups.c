// Submanifold 3x3x3 convolutions in groups, rulebook given: depthwise ones as a share of the speed at which memcpy
// moves as many bytes, others against the convolution of one group's planes without groups.
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"

typedef struct {
    scn_rulebook *rulebook;
    int64_t groups;
    scn_matrix input, output, weight, weight_result;
} convolution;

static void forward(void *context) {
    convolution *c = context;
    check(scn_convolution_forward(c->rulebook, &c->input, c->weight.data, NULL, c->groups, &c->output));
}
static void backward_input(void *context) {
    convolution *c = context;
    check(scn_convolution_backward_input(c->rulebook, &c->output, c->weight.data, c->groups, &c->input));
}
static void backward_weight(void *context) {
    convolution *c = context;
    check(scn_convolution_backward_weight(c->rulebook, &c->input, &c->output, c->groups, c->weight_result.data, NULL));
}

static const struct { const char *name; void (*run)(void *); } passes[] = {
    {"forward", forward}, {"by input", backward_input}, {"by weights", backward_weight}};
enum { PASSES = sizeof passes / sizeof *passes };

static convolution new_convolution(scn_rulebook *rulebook, int64_t rows, int64_t volume, int64_t groups,
                                   int64_t planes) {
    return (convolution){rulebook, groups, random_matrix(rows, groups * planes), random_matrix(rows, groups * planes),
                         random_matrix(volume * groups * planes, planes),
                         random_matrix(volume * groups * planes, planes)};
}

static void free_convolution(convolution *c) {
    free_matrix(&c->input);
    free_matrix(&c->output);
    free_matrix(&c->weight);
    free_matrix(&c->weight_result);
}

void measure_groups(const points *sites) {
    static const int64_t depthwise[] = {32, 64};
    static const int64_t grouped[][2] = {{4, 16}, {4, 64}, {16, 4}};
    scn_filter filter = filter_of(DIMENSION, 3, 1);
    scn_geometry *geometry = geometry_of(sites);
    scn_rulebook *rulebook;
    int64_t volume, rules, rows = sites->rows;
    char name[64];
    check(scn_geometry_submanifold(geometry, 0, &filter, &rulebook));
    check(scn_rulebook_sizes(rulebook, &volume, &rules, NULL, NULL));
    for (size_t i = 0; i < sizeof depthwise / sizeof *depthwise; i++) {
        int64_t planes = depthwise[i];
        convolution c = new_convolution(rulebook, rows, volume, planes, 1);
        // A row read for each rule, and a row written, or for the weights read, for each site.
        double bytes = (double)((rules + rows) * planes) * sizeof(float);
        for (int pass = 0; pass < PASSES; pass++) {
            snprintf(name, sizeof name, "%lld planes, %s", (long long)planes, passes[pass].name);
            measure((work){"depthwise, a row a rule and a row a site", name, SHARE_OF_MEMCPY, bytes, NULL,
                           passes[pass].run, NULL, &c});
        }
        free_convolution(&c);
    }
    for (size_t i = 0; i < sizeof grouped / sizeof *grouped; i++) {
        int64_t groups = grouped[i][0], planes = grouped[i][1];
        double operations = 2.0 * (double)(rules * planes * planes);
        convolution all = new_convolution(rulebook, rows, volume, groups, planes);
        convolution one = new_convolution(rulebook, rows, volume, 1, planes);
        for (int pass = 0; pass < PASSES; pass++) {
            const work companion = {.amount = operations, .run = passes[pass].run, .context = &one};
            snprintf(name, sizeof name, "%lld groups of %lld planes, %s", (long long)groups, (long long)planes,
                     passes[pass].name);
            measure_with((work){.section = "groups, over one of them without groups", .name = name,
                                .figure = SHARE_OF_COMPANION, .amount = (double)groups * operations,
                                .run = passes[pass].run, .context = &all},
                         (extra){.companion = &companion});
        }
        free_convolution(&all);
        free_convolution(&one);
    }
    check(scn_rulebook_release(rulebook));
    check(scn_geometry_release(geometry));
}

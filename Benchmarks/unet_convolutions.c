// The convolutions of a U-Net without the rest: the same rulebooks, the same planes, one after the other.
#include <stdlib.h>

#include "bench.h"

// A first one; at each level but the last two submanifold ones, one down and one up; at the last level one.
enum { MOST_CONVOLUTIONS = 1 + 5 * 4 + 1 };

typedef struct {
    scn_rulebook *rulebook;
    scn_matrix input, gradient, weight, weight_result;
    double arithmetic;  ///< of one pass
    int needs_input_gradient;
} convolution;

struct unet_convolutions {
    int count;
    convolution all[MOST_CONVOLUTIONS];
    float *output, *input_result;  ///< room for the largest
    int64_t largest;
};

/// rulebook: the list's from here on.
static void add(unet_convolutions *to, scn_rulebook *rulebook, int64_t in, int64_t out) {
    int64_t volume, rules, input_rows, output_rows;
    check(scn_rulebook_sizes(rulebook, &volume, &rules, &input_rows, &output_rows));
    convolution *c = &to->all[to->count];
    // The points' features are no parameters: the first convolution stops there.
    *c = (convolution){rulebook, random_matrix(input_rows, in), random_matrix(output_rows, out),
                       random_matrix(volume * in, out), random_matrix(volume * in, out),
                       2.0 * (double)(rules * in * out), to->count > 0};
    to->count++;
    if (input_rows * in > to->largest) to->largest = input_rows * in;
    if (output_rows * out > to->largest) to->largest = output_rows * out;
}

static void add_submanifold(unet_convolutions *to, scn_geometry *geometry, int32_t sites, int64_t in, int64_t out) {
    scn_filter filter = filter_of(DIMENSION, 3, 1);
    scn_rulebook *rulebook;
    check(scn_geometry_submanifold(geometry, sites, &filter, &rulebook));
    add(to, rulebook, in, out);
}

static void add_level(unet_convolutions *to, scn_geometry *geometry, int32_t sites, const int64_t *planes, int levels) {
    add_submanifold(to, geometry, sites, planes[0], planes[0]);
    if (levels == 1) return;
    scn_filter filter = filter_of(DIMENSION, 2, 2);
    scn_rulebook *down, *up;
    int32_t below, above;
    check(scn_geometry_strided(geometry, sites, &filter, &below, &down));
    check(scn_geometry_reverse(geometry, below, &filter, &above, &up));
    add(to, down, planes[0], planes[1]);
    add_level(to, geometry, below, planes + 1, levels - 1);
    add(to, up, planes[1], planes[0]);
    add_submanifold(to, geometry, sites, 2 * planes[0], planes[0]);
}

unet_convolutions *make_unet_convolutions(const unet_plan *plan, const points *cloud) {
    unet_convolutions *all = allocate(sizeof *all);
    all->count = 0;
    all->largest = 0;
    scn_geometry *geometry = geometry_of(cloud);
    add_submanifold(all, geometry, 0, UNET_INPUT_PLANES, plan->planes[0]);
    add_level(all, geometry, 0, plan->planes, plan->levels);
    check(scn_geometry_release(geometry));
    all->output = random_matrix(all->largest, 1).data;
    all->input_result = random_matrix(all->largest, 1).data;
    return all;
}

double unet_arithmetic(const unet_convolutions *all, int is_training) {
    double total = 0;
    for (int i = 0; i < all->count; i++) {
        int passes = is_training ? 2 + all->all[i].needs_input_gradient : 1;
        total += passes * all->all[i].arithmetic;
    }
    return total;
}

static void forward(unet_convolutions *all, convolution *c) {
    scn_matrix output = SCN_MATRIX(all->output, c->gradient.rows, c->gradient.planes);
    check(scn_convolution_forward(c->rulebook, &c->input, c->weight.data, NULL, 1, &output));
}

static void backward(unet_convolutions *all, convolution *c) {
    scn_matrix input_result = SCN_MATRIX(all->input_result, c->input.rows, c->input.planes);
    if (c->needs_input_gradient)
        check(scn_convolution_backward_input(c->rulebook, &c->gradient, c->weight.data, 1, &input_result));
    check(scn_convolution_backward_weight(c->rulebook, &c->input, &c->gradient, 1, c->weight_result.data, NULL));
}

void run_inference_convolutions(void *context) {
    unet_convolutions *all = context;
    for (int i = 0; i < all->count; i++) forward(all, &all->all[i]);
}

void run_training_convolutions(void *context) {
    unet_convolutions *all = context;
    run_inference_convolutions(all);
    for (int i = all->count - 1; i >= 0; i--) backward(all, &all->all[i]);
}

void free_unet_convolutions(unet_convolutions *all) {
    for (int i = 0; i < all->count; i++) {
        convolution *c = &all->all[i];
        check(scn_rulebook_release(c->rulebook));
        free_matrix(&c->input);
        free_matrix(&c->gradient);
        free_matrix(&c->weight);
        free_matrix(&c->weight_result);
    }
    free(all->output);
    free(all->input_result);
    free(all);
}

/* Sparse convolution as its definition reads: every output site asks, at every filter offset, for the input site there,
 * found by looking through all sites. Nothing of it comes from the library but the struct that describes a filter; the
 * comparison at the end is with the library. */
#ifndef SCN_TEST_NAIVE_H
#define SCN_TEST_NAIVE_H

#include "check.h"

/** Sites in order: by batch index, then by coordinates, the last axis fastest. */
typedef struct site_list {
    int32_t dimension;
    int64_t size[SCN_MAX_DIMENSION];
    int64_t batch, count;
    int64_t *sites; /* [count, dimension + 1], batch index last */
} site_list;

/** Input row and output row that meet at a filter offset. */
typedef struct rule {
    int64_t offset, input, output;
} rule;
typedef struct rule_list {
    rule *rules;
    int64_t count, volume;
} rule_list;

/** Step to the next position of a grid, the last axis fastest; return 0 after the last. */
static inline int next_position(int32_t dimension, const int64_t *size, int64_t *position) {
    for (int32_t axis = dimension - 1; axis >= 0; axis--) {
        if (++position[axis] < size[axis]) return 1;
        position[axis] = 0;
    }
    return 0;
}

static inline int64_t product(const int64_t *sizes, int32_t count) {
    int64_t result = 1;
    for (int32_t i = 0; i < count; i++) result *= sizes[i];
    return result;
}

/** Return the row of a site, -1 where it is not active. */
static inline int64_t find_site(const site_list *list, const int64_t *coordinates, int64_t batch) {
    int32_t d = list->dimension;
    for (int64_t row = 0; row < list->count; row++) {
        const int64_t *site = list->sites + row * (d + 1);
        if (site[d] == batch && memcmp(site, coordinates, (size_t)d * sizeof *site) == 0) return row;
    }
    return -1;
}

static inline void append_site(site_list *list, const int64_t *coordinates, int64_t batch) {
    int64_t *site = list->sites + list->count++ * (list->dimension + 1);
    memcpy(site, coordinates, (size_t)list->dimension * sizeof *site);
    site[list->dimension] = batch;
}

static inline site_list empty_sites(int32_t dimension, const int64_t *size, int64_t batch) {
    site_list list = {0, {0}, 0, 0, NULL};
    list.dimension = dimension;
    list.batch = batch;
    memcpy(list.size, size, (size_t)dimension * sizeof *size);
    list.sites = integers(batch * product(size, dimension) * (dimension + 1));
    return list;
}

/** Make each position of the grid active with probability percent / 100. */
static inline site_list random_sites(int32_t dimension, const int64_t *size, int64_t batch, uint32_t percent,
                                     uint64_t seed) {
    site_list list = empty_sites(dimension, size, batch);
    for (int64_t sample = 0; sample < batch; sample++) {
        int64_t position[SCN_MAX_DIMENSION] = {0};
        do {
            if (next_random(&seed) % 100 < percent) append_site(&list, position, sample);
        } while (next_position(dimension, size, position));
    }
    return list;
}

/** Return the input row that an output site sees at a tap of the filter, -1 where there is none. */
static inline int64_t input_row(const site_list *inputs, const scn_filter *filter, int submanifold,
                                const int64_t *output_site, int64_t batch, const int64_t *tap) {
    int64_t position[SCN_MAX_DIMENSION] = {0};
    for (int32_t axis = 0; axis < inputs->dimension; axis++) {
        int64_t stride = filter->stride ? filter->stride[axis] : 1,
                padding = filter->padding ? filter->padding[axis] : 0;
        int64_t dilation = filter->dilation ? filter->dilation[axis] : 1;
        int64_t center = submanifold ? filter->size[axis] / 2 : 0;
        position[axis] = output_site[axis] * stride - padding + (tap[axis] - center) * dilation;
    }
    return find_site(inputs, position, batch);
}

/** Return the sites that a strided filter makes active. */
static inline site_list strided_sites(const site_list *inputs, const scn_filter *filter) {
    int64_t size[SCN_MAX_DIMENSION] = {0};
    for (int32_t axis = 0; axis < inputs->dimension; axis++) {
        int64_t padding = filter->padding ? filter->padding[axis] : 0;
        int64_t reach = (filter->dilation ? filter->dilation[axis] : 1) * (filter->size[axis] - 1) + 1;
        size[axis] = (inputs->size[axis] + 2 * padding - reach) / (filter->stride ? filter->stride[axis] : 1) + 1;
    }
    site_list outputs = empty_sites(inputs->dimension, size, inputs->batch);
    for (int64_t sample = 0; sample < inputs->batch; sample++) {
        int64_t position[SCN_MAX_DIMENSION] = {0};
        do {
            int64_t tap[SCN_MAX_DIMENSION] = {0}, found = -1;
            do {
                found = input_row(inputs, filter, 0, position, sample, tap);
            } while (found < 0 && next_position(inputs->dimension, filter->size, tap));
            if (found >= 0) append_site(&outputs, position, sample);
        } while (next_position(inputs->dimension, size, position));
    }
    return outputs;
}

/** Return all rules between two lists of sites. */
static inline rule_list find_rules(const site_list *inputs, const site_list *outputs, const scn_filter *filter,
                                   int submanifold) {
    int32_t d = inputs->dimension;
    rule_list list = {NULL, 0, product(filter->size, d)};
    list.rules = (rule *)zeros(list.volume * outputs->count, sizeof(rule));
    for (int64_t row = 0; row < outputs->count; row++) {
        const int64_t *site = outputs->sites + row * (d + 1);
        int64_t tap[SCN_MAX_DIMENSION] = {0}, offset = 0;
        do {
            int64_t found = input_row(inputs, filter, submanifold, site, site[d], tap);
            rule next = {offset, found, row};
            if (found >= 0) list.rules[list.count++] = next;
            offset++;
        } while (next_position(d, filter->size, tap));
    }
    return list;
}

/** Exchange the input and output of every rule. */
static inline void reverse_rules(rule_list *list) {
    for (int64_t i = 0; i < list->count; i++) {
        int64_t input = list->rules[i].input;
        list->rules[i].input = list->rules[i].output;
        list->rules[i].output = input;
    }
}

/** The planes of a convolution. */
typedef struct planes {
    int64_t in, out, groups;
} planes;

typedef struct convolution_results {
    double *output, *input_gradient, *weight_gradient, *bias_gradient;
} convolution_results;

/** Convolve and differentiate: weight [volume, groups, in / groups, out / groups], gradient shaped as the output. */
static inline convolution_results convolve(const rule_list *list, planes p, const float *input, int64_t input_rows,
                                           const float *weight, const float *bias, const float *gradient,
                                           int64_t output_rows) {
    int64_t in = p.in / p.groups, out = p.out / p.groups;
    convolution_results r = {doubles(output_rows * p.out), doubles(input_rows * p.in),
                             doubles(list->volume * p.groups * in * out), doubles(p.out)};
    for (int64_t row = 0; row < output_rows; row++)
        for (int64_t plane = 0; plane < p.out; plane++) {
            r.output[row * p.out + plane] = bias ? bias[plane] : 0;
            r.bias_gradient[plane] += gradient[row * p.out + plane];
        }
    for (int64_t i = 0; i < list->count; i++)
        for (int64_t group = 0; group < p.groups; group++)
            for (int64_t a = 0; a < in; a++)
                for (int64_t b = 0; b < out; b++) {
                    int64_t from = list->rules[i].input * p.in + group * in + a;
                    int64_t to = list->rules[i].output * p.out + group * out + b;
                    int64_t with = ((list->rules[i].offset * p.groups + group) * in + a) * out + b;
                    r.output[to] += (double)input[from] * weight[with];
                    r.input_gradient[from] += (double)gradient[to] * weight[with];
                    r.weight_gradient[with] += (double)gradient[to] * input[from];
                }
    return r;
}

static inline void free_results(convolution_results r) {
    free(r.output), free(r.input_gradient), free(r.weight_gradient), free(r.bias_gradient);
}

/** Where an element of a weight [volume, groups, in / groups, out / groups] is in [out, volume, in / groups]. */
static inline int64_t outputs_first(int64_t element, int64_t volume, planes p) {
    int64_t in = p.in / p.groups, out = p.out / p.groups;
    int64_t o = element % out, i = element / out % in, group = element / (out * in) % p.groups;
    return ((group * out + o) * volume + element / (out * p.in)) * in + i;
}

/** The same operations with a weight in the other layout. */
static inline void check_outputs_first(scn_rulebook *rulebook, int64_t volume, planes p, const scn_matrix *in,
                                const scn_matrix *by_out, const float *weight, const float *bias,
                                const convolution_results *want) {
    const scn_weight_layout layout = SCN_WEIGHT_OUTPUTS_FIRST;
    int64_t weights = volume * p.in * p.out / p.groups;
    float *turned = random_floats(weights, 9);
    double *wanted = (double *)malloc((size_t)weights * sizeof *wanted + 1);
    for (int64_t element = 0; element < weights; element++) {
        turned[outputs_first(element, volume, p)] = weight[element];
        wanted[outputs_first(element, volume, p)] = want->weight_gradient[element];
    }
    float *output = random_floats(by_out->rows * p.out, 5), *input_gradient = random_floats(in->rows * p.in, 6);
    float *weight_gradient = random_floats(weights, 7), *bias_gradient = random_floats(p.out, 8);
    scn_matrix out = SCN_MATRIX(output, by_out->rows, p.out), by_in = SCN_MATRIX(input_gradient, in->rows, p.in);
    OK(scn_convolution_forward_in_layout(rulebook, in, turned, layout, bias, p.groups, &out));
    NEAR("outputs first", output, want->output, by_out->rows * p.out, 1e-5);
    OK(scn_convolution_backward_input_in_layout(rulebook, by_out, turned, layout, p.groups, &by_in));
    NEAR("outputs first, gradient by the input", input_gradient, want->input_gradient, in->rows * p.in, 1e-5);
    OK(scn_convolution_backward_weight_in_layout(rulebook, in, by_out, layout, p.groups, weight_gradient,
                                                 bias_gradient));
    NEAR("outputs first, gradient by the weight", weight_gradient, wanted, weights, 1e-5);
    NEAR("outputs first, gradient by the bias", bias_gradient, want->bias_gradient, p.out, 1e-5);
    free(turned), free(wanted), free(output), free(input_gradient), free(weight_gradient), free(bias_gradient);
}

/** A convolution along a rulebook and its gradients against those along the rules that it has. */
static inline void check_convolution(scn_rulebook *rulebook, const rule_list *rules, planes p, int64_t input_rows,
                              int64_t output_rows) {
    int64_t weights = rules->volume * p.in * p.out / p.groups;
    float *input = random_floats(input_rows * p.in, 1), *weight = random_floats(weights, 2);
    float *bias = random_floats(p.out, 3), *gradient = random_floats(output_rows * p.out, 4);
    float *output = random_floats(output_rows * p.out, 5), *input_gradient = random_floats(input_rows * p.in, 6);
    float *weight_gradient = random_floats(weights, 7), *bias_gradient = random_floats(p.out, 8);
    scn_matrix in = SCN_MATRIX(input, input_rows, p.in), out = SCN_MATRIX(output, output_rows, p.out);
    scn_matrix by_out = SCN_MATRIX(gradient, output_rows, p.out), by_in = SCN_MATRIX(input_gradient, input_rows, p.in);

    convolution_results want = convolve(rules, p, input, input_rows, weight, bias, gradient, output_rows);
    OK(scn_convolution_forward(rulebook, &in, weight, bias, p.groups, &out));
    NEAR("convolution", output, want.output, output_rows * p.out, 1e-5);
    OK(scn_convolution_backward_input(rulebook, &by_out, weight, p.groups, &by_in));
    NEAR("convolution, gradient by the input", input_gradient, want.input_gradient, input_rows * p.in, 1e-5);
    OK(scn_convolution_backward_weight(rulebook, &in, &by_out, p.groups, weight_gradient, bias_gradient));
    NEAR("convolution, gradient by the weight", weight_gradient, want.weight_gradient, weights, 1e-5);
    NEAR("convolution, gradient by the bias", bias_gradient, want.bias_gradient, p.out, 1e-5);
    memset(bias_gradient, 0, (size_t)p.out * sizeof *bias_gradient);
    OK(scn_convolution_backward_weight(rulebook, &in, &by_out, p.groups, NULL, bias_gradient));
    NEAR("gradient by the bias alone", bias_gradient, want.bias_gradient, p.out, 1e-5);
    OK(scn_convolution_backward_weight(rulebook, &in, &by_out, p.groups, NULL, NULL));
    check_outputs_first(rulebook, rules->volume, p, &in, &by_out, weight, bias, &want);
    free_results(want);

    want = convolve(rules, p, input, input_rows, weight, NULL, gradient, output_rows);
    OK(scn_convolution_forward(rulebook, &in, weight, NULL, p.groups, &out));
    NEAR("convolution without a bias", output, want.output, output_rows * p.out, 1e-5);
    OK(scn_convolution_backward_weight(rulebook, &in, &by_out, p.groups, weight_gradient, NULL));
    NEAR("gradient by the weight alone", weight_gradient, want.weight_gradient, weights, 1e-5);
    free_results(want);
    free(input), free(weight), free(bias), free(gradient);
    free(output), free(input_gradient), free(weight_gradient), free(bias_gradient);
}

#endif

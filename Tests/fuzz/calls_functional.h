/* Calls of the sections of the functional level: geometry, rulebooks, and buffers to buffers. */
#ifndef SCN_FUZZ_CALLS_FUNCTIONAL_H
#define SCN_FUZZ_CALLS_FUNCTIONAL_H

#include "calls.h"
#include "calls_modules.h"

enum { GEOMETRY_CALLS = 35, RULEBOOK_CALLS = 7, BUFFER_CALLS = 45 };

/** What a geometry or rulebook says of itself; modest numbers where it is none. */
typedef struct extent {
    int64_t rows, sites, batch_size, volume, input_rows, output_rows;
} extent;

static int32_t a_site_set(void) { return rarely(24) ? integer_from_bytes() : rarely(64) ? byte() % 3 : 0; }

static extent extent_of_geometry(scn_geometry *geometry, int32_t sites) {
    extent e = {2, 2, 1, 1, 2, 2};
    (void)scn_geometry_input_row_count(geometry, &e.rows);
    (void)scn_geometry_site_count(geometry, sites, &e.sites);
    (void)scn_geometry_batch_size(geometry, &e.batch_size);
    return e;
}
static extent extent_of_rulebook(scn_rulebook *rulebook) {
    extent e = {2, 2, 1, 1, 2, 2};
    (void)scn_rulebook_sizes(rulebook, &e.volume, NULL, &e.input_rows, &e.output_rows);
    return e;
}

static const scn_filter *a_filter(int is_plain) {
    scn_filter *filter = (scn_filter *)scratch(1, sizeof *filter);
    *filter = (scn_filter)SCN_FILTER_INIT;
    filter->struct_size = a_struct_size(sizeof *filter), filter->dimension = a_dimension();
    filter->size = some_sizes(filter->dimension, 1, 3);
    if (!is_plain || rarely(24)) filter->stride = some_sizes(filter->dimension, 1, 2);
    if (!is_plain && rarely(96)) filter->padding = some_sizes(filter->dimension, 0, 2);
    if (rarely(96)) filter->dilation = some_sizes(filter->dimension, 1, 2);
    if (!is_plain && rarely(96)) filter->rounds_down = choice_of(2);
    return rarely(4) ? NULL : filter;
}

static void create_geometry(int which) {
    const int32_t dimension = a_dimension();
    const int64_t *size = some_sizes(dimension, 1, 9), batch_size = size_number(3), rows = size_number(6);
    const scn_input_mode mode = (scn_input_mode)choice_of(5);
    const int64_t axes = dimension >= 1 && dimension <= SCN_MAX_DIMENSION ? dimension : -1;
    if (which == 0) {
        const int32_t columns = rarely(24) ? (int32_t)size_number(5) : dimension + 1;
        const int64_t *where = columns > 0 ? some_integers(modest_product3(rows, columns, 1), 7) : NULL;
        CALL(scn_geometry_create(dimension, size, where, rows, columns, batch_size, mode, OUT(&out_geometry)));
    } else if (which == 1) {
        const int64_t *where = some_integers(modest_product3(batch_size, rows, axes), 7);
        CALL(scn_geometry_create_batched(dimension, size, where, batch_size, rows, mode, OUT(&out_geometry)));
    } else if (which == 2) {
        const int64_t planes = some_planes();
        const int64_t count = size && axes > 0 ? modest_product3(batch_size, planes, modest_product(size, axes)) : -1;
        const int64_t passed = rarely(12) ? size_number(99) : count;
        CALL(scn_geometry_create_dense(dimension, size, some_floats(passed), batch_size, planes, passed,
                                       OUT(&out_geometry)));
    } else {
        scn_voxelize_options *options = (scn_voxelize_options *)scratch(1, sizeof *options);
        const int is_double = byte() & 1;
        const int64_t count = modest_product3(rows, axes, 1);
        const void *points = is_double ? (const void *)some_reals(count) : some_floats(count);
        uint64_t *seed = (uint64_t *)scratch(1, sizeof *seed);
        *options = (scn_voxelize_options)SCN_VOXELIZE_OPTIONS_INIT;
        options->struct_size = a_struct_size(sizeof *options), options->reduction = (scn_voxel_reduction)choice_of(5);
        options->seed = byte() & 1 ? seed : NULL, options->origin = byte() & 1 ? some_reals(axes) : NULL;
        options->batch = byte() & 1 ? some_integers(rows, 2) : NULL, options->batch_size = size_number(3);
        options->spatial_size = byte() & 1 ? some_sizes(dimension, 1, 9) : NULL;
        const double *voxel = rarely(64) ? some_reals(axes) : NULL;
        if (!voxel && axes > 0) {
            double *ones = (double *)scratch((size_t)axes, sizeof(double));
            for (int64_t i = 0; i < axes; i++) ones[i] = 0.5;
            voxel = ones;
        }
        CALL(scn_voxelize(dimension, points, (scn_element_type)(rarely(4) ? 2 : is_double), rows, voxel,
                          byte() & 1 ? options : NULL, OUT(&out_geometry)));
    }
}

static const scn_field *a_field(int32_t dimension) {
    scn_field *field = (scn_field *)scratch(1, sizeof *field);
    *field = (scn_field)SCN_FIELD_INIT;
    field->struct_size = a_struct_size(sizeof *field), field->dimension = dimension;
    field->spatial_size = byte() & 1 ? some_sizes(dimension, 1, 9) : NULL;
    if (field->spatial_size ? byte() & 1 : rarely(12)) field->lower = some_sizes(dimension, -4, 0);
    return rarely(4) ? NULL : field;
}

static const scn_relation *a_relation(int32_t dimension) {
    scn_relation *relation = (scn_relation *)scratch(1, sizeof *relation);
    const int64_t volume = size_number(4), count = modest_product3(volume, dimension, 1);
    *relation = (scn_relation)SCN_RELATION_INIT;
    relation->struct_size = a_struct_size(sizeof *relation), relation->dimension = dimension;
    relation->volume = volume;
    int64_t *offsets = some_integers(count, 4);
    for (int64_t i = 0; offsets && i < count; i++) offsets[i] -= 2;
    relation->offsets = offsets;
    if (byte() & 1) relation->input_stride = some_sizes(dimension, 1, 2);
    if (byte() & 1) relation->output_stride = some_sizes(dimension, 1, 2);
    return rarely(4) ? NULL : relation;
}

/** Site sets that are chosen or combined, and rulebooks between any two. */
static void call_sites(int which, scn_geometry *geometry, int32_t sites) {
    int32_t dimension = DIMENSION, more = 0;
    (void)scn_geometry_dimension(geometry, &dimension);
    const extent e = extent_of_geometry(geometry, sites);
    const int64_t rows = size_number(6);
    const int32_t columns = rarely(24) ? (int32_t)size_number(5) : dimension + 1, other = a_site_set();
    int64_t *where = columns > 0 ? some_integers(modest_product3(rows, columns, 1), 7) : NULL;
    switch (which) {
    case 0:
        CALL(scn_geometry_create_in_field(a_field(a_dimension()), where, rows, columns, size_number(3),
                                          (scn_input_mode)choice_of(5), OUT(&out_geometry)));
        break;
    case 1: {
        int64_t *lower = (int64_t *)scratch(SCN_MAX_DIMENSION, sizeof(int64_t));
        CALL(scn_geometry_field(geometry, sites, OUT(lower), OUT(&out_number)));
        break;
    }
    case 2:
        CALL(scn_geometry_add_sites(geometry, byte() & 1 ? a_field(dimension) : NULL, where, rows, columns,
                                    OUT(&out_number)));
        break;
    case 3: CALL(scn_geometry_floor(geometry, sites, some_sizes(dimension, 1, 3), OUT(&out_number))); break;
    case 4:
        CALL(scn_geometry_combine(geometry, sites, other, (scn_site_combination)choice_of(3), OUT(&out_number)));
        break;
    case 5: CALL(scn_geometry_find_rows(geometry, sites, where, rows, columns, some_integers(rows, 0))); break;
    case 6: {
        const int64_t capacity = rarely(24) ? size_number(9) : e.sites;
        scn_geometry *second = byte() & 1 ? geometry : a_geometry();
        CALL(scn_geometry_match_sites(geometry, sites, second, other, some_integers(capacity, 0), capacity));
        break;
    }
    case 7: {
        if (byte() & 1 && scn_geometry_floor(geometry, sites, some_sizes(dimension, 1, 2), &more) != SCN_OK) more = 0;
        CALL(scn_geometry_between(geometry, sites, byte() & 1 ? more : other, a_relation(dimension),
                                  OUT(&out_rulebook)));
        break;
    }
    case 8:
        CALL(scn_geometry_covering(geometry, sites, a_relation(dimension), OUT(&out_number), OUT(&out_rulebook)));
        break;
    case 9: {
        const int64_t capacity = byte() & 1 ? 0 : size_number(300);
        int64_t *offsets = capacity ? some_integers(capacity, 0) : NULL;
        CALL(scn_filter_offsets(a_filter(0), (scn_filter_shape)choice_of(3), offsets, capacity, OUT(&out_count)));
        break;
    }
    default: {
        const int is_double = byte() & 1;
        const int64_t count = modest_product3(rows, dimension, 1);
        const void *points = is_double ? (const void *)some_reals(count) : some_floats(count);
        CALL(scn_geometry_interpolation(geometry, sites, points, (scn_element_type)(rarely(4) ? 2 : is_double), rows,
                                        byte() & 1 ? some_integers(rows, 2) : NULL, OUT(&out_rulebook)));
    }
    }
}

static void call_geometry(void) {
    const uint8_t which = byte() % GEOMETRY_CALLS;
    scn_geometry *geometry = which < 8 ? NULL : a_geometry();
    const int32_t sites = a_site_set();
    const extent e = extent_of_geometry(geometry, sites);
    int64_t count = rarely(24) ? size_number(9) : which == 11 ? e.rows : e.sites;
    switch (which) {
    case 0:
    case 1: create_geometry(0); break;
    case 2: create_geometry(1); break;
    case 3: create_geometry(2); break;
    case 4: create_geometry(3); break;
    case 5: OWNERS(scn_geometry_retain, retain, GEOMETRY, scn_geometry); break;
    case 6: OWNERS(scn_geometry_release, release, GEOMETRY, scn_geometry); break;
    case 7: CALL(scn_geometry_dimension(a_geometry(), OUT(&out_number))); break;
    case 8: CALL(scn_geometry_batch_size(geometry, OUT(&out_count))); break;
    case 9: CALL(scn_geometry_input_row_count(geometry, OUT(&out_count))); break;
    case 10: CALL(scn_geometry_site_count(geometry, sites, OUT(&out_count))); break;
    case 11: CALL(scn_geometry_row_sites(geometry, some_integers(count, 0), count)); break;
    case 12: CALL(scn_geometry_row_counts(geometry, some_integers(count, 0), count)); break;
    case 13: {
        int64_t *size = (int64_t *)scratch(SCN_MAX_DIMENSION, sizeof(int64_t));
        CALL(scn_geometry_spatial_size(geometry, sites, OUT(size)));
        break;
    }
    case 14: {
        const int64_t capacity = rarely(24) ? count : modest_product3(count, DIMENSION + 1, 1);
        CALL(scn_geometry_coordinates(geometry, sites, some_integers(capacity, 0), capacity));
        break;
    }
    case 15: {
        int64_t *size = (int64_t *)scratch(SCN_MAX_DIMENSION, sizeof(int64_t));
        if (rarely(64) || scn_geometry_spatial_size(geometry, sites, size) != SCN_OK)
            for (int i = 0; i < SCN_MAX_DIMENSION; i++) size[i] = size_number(9);
        CALL(scn_geometry_find_sites(geometry, rarely(4) ? NULL : size, OUT(&out_number)));
        break;
    }
    case 16: CALL(scn_geometry_submanifold(geometry, sites, a_filter(1), OUT(&out_rulebook))); break;
    case 17: CALL(scn_geometry_permutohedral(geometry, sites, OUT(&out_rulebook))); break;
    case 18: CALL(scn_geometry_strided(geometry, sites, a_filter(0), OUT(&out_number), OUT(&out_rulebook))); break;
    case 19: CALL(scn_geometry_full(geometry, sites, a_filter(0), OUT(&out_number), OUT(&out_rulebook))); break;
    case 20: CALL(scn_geometry_randomized(geometry, sites, a_filter(0), OUT(&out_number), OUT(&out_rulebook))); break;
    case 21: {
        int32_t dimension = DIMENSION;
        (void)scn_geometry_dimension(geometry, &dimension);
        const scn_fractional_options *options = fractional_options(dimension > 0 ? dimension : DIMENSION);
        CALL(scn_geometry_fractional(geometry, sites, options, choice_of(2), OUT(&out_number), OUT(&out_rulebook)));
        break;
    }
    case 22: {
        const scn_filter *filter = a_filter(0);
        int32_t from = sites;
        if (byte() & 1) {
            CALL(scn_geometry_strided(geometry, sites, filter, &out_number, &out_rulebook));
            from = out_number;
        }
        CALL(scn_geometry_reverse(geometry, from, filter, OUT(&out_number), OUT(&out_rulebook)));
        break;
    }
    case 23: {
        uint8_t *keep = count >= 0 && count <= MOST_FLOATS ? (uint8_t *)scratch((size_t)count, 1) : NULL;
        for (int64_t i = 0; keep && i < count; i++) keep[i] = byte() & 1;
        CALL(scn_geometry_subset(geometry, sites, keep, count, OUT(&out_number), OUT(&out_rulebook)));
        break;
    }
    default: call_sites(which - 24, geometry, sites);
    }
}

static void call_rulebook(void) {
    int64_t sizes[4];
    switch (byte() % RULEBOOK_CALLS) {
    case 0: OWNERS(scn_rulebook_retain, retain, RULEBOOK, scn_rulebook); break;
    case 1: OWNERS(scn_rulebook_release, release, RULEBOOK, scn_rulebook); break;
    case 2:
        CALL(scn_rulebook_sizes(a_rulebook(), OUT(&sizes[0]), OUT(&sizes[1]), OUT(&sizes[2]), OUT(&sizes[3])));
        break;
    case 3:
    case 4: CALL(scn_rulebook_rules(a_rulebook(), OUT(&out_offsets), OUT(&out_inputs), OUT(&out_outputs))); break;
    default: CALL(scn_rulebook_reversed(a_rulebook(), OUT(&out_rulebook)));
    }
}

/** Return the weights of a convolution, as many as the shapes say. */
static float *convolution_weights(const extent *e, int64_t in, int64_t out_planes, int64_t groups) {
    if (groups < 1 || groups > 64 || in < 0 || out_planes < 0) return some_floats(8);
    return some_floats(modest_product3(e->volume, in / groups, out_planes));
}

static void call_convolution(int which) {
    scn_rulebook *rulebook = a_rulebook();
    const extent e = extent_of_rulebook(rulebook);
    const int64_t groups = rarely(64) ? size_number(3) : 1, drop = rarely(64) ? size_number(3) : 0;
    const int64_t kept = drop >= 0 && drop <= PLANES ? PLANES - drop : PLANES;
    scn_matrix *input = a_matrix(e.input_rows, PLANES), *output = a_matrix(e.output_rows, which > 4 ? kept : PLANES);
    scn_matrix *gradient = a_matrix(e.output_rows, which > 4 ? kept : PLANES), *result = a_matrix(e.input_rows, PLANES);
    const int64_t wide_planes = modest_product3(e.volume, PLANES, 1);
    scn_matrix *wide = which == 3 || which == 4 ? a_matrix(e.output_rows, wide_planes < 0 ? 0 : wide_planes) : NULL;
    const int in_layout = which < 3 && byte() & 1;
    const scn_weight_layout layout = (scn_weight_layout)(in_layout ? byte() % 3 : 0);
    float *weight, *bias;
    switch (which) {
    case 0:
        weight = convolution_weights(&e, planes_of(input), planes_of(output), groups);
        bias = byte() & 1 ? plane_floats(output) : NULL;
        if (in_layout) CALL(scn_convolution_forward_in_layout(rulebook, input, weight, layout, bias, groups, output));
        else CALL(scn_convolution_forward(rulebook, input, weight, bias, groups, output));
        break;
    case 1:
        weight = convolution_weights(&e, planes_of(result), planes_of(gradient), groups);
        if (in_layout)
            CALL(scn_convolution_backward_input_in_layout(rulebook, gradient, weight, layout, groups, result));
        else CALL(scn_convolution_backward_input(rulebook, gradient, weight, groups, result));
        break;
    case 2:
        weight = convolution_weights(&e, planes_of(input), planes_of(gradient), groups);
        bias = byte() & 1 ? plane_floats(gradient) : NULL;
        if (in_layout)
            CALL(scn_convolution_backward_weight_in_layout(rulebook, input, gradient, layout, groups, weight, bias));
        else CALL(scn_convolution_backward_weight(rulebook, input, gradient, groups, weight, bias));
        break;
    case 3: CALL(scn_shape_context_forward(rulebook, input, wide)); break;
    case 4: CALL(scn_shape_context_backward(rulebook, wide, result)); break;
    case 5: CALL(scn_max_pooling_forward(rulebook, input, drop, output)); break;
    case 6: CALL(scn_max_pooling_backward(rulebook, input, output, gradient, drop, result)); break;
    case 7: CALL(scn_average_pooling_forward(rulebook, input, drop, output)); break;
    case 8: CALL(scn_average_pooling_backward(rulebook, gradient, drop, result)); break;
    case 9: CALL(scn_unpooling_forward(rulebook, input, drop, output)); break;
    default: CALL(scn_unpooling_backward(rulebook, gradient, drop, result));
    }
}

static void call_norm(int which) {
    const int64_t rows = size_number(6);
    scn_matrix *input = a_matrix(rows, PLANES), *output = a_matrix(rows, PLANES), *gradient = a_matrix(rows, PLANES);
    scn_matrix *result = byte() & 1 ? output : a_matrix(rows, PLANES);
    const scn_matrix *shape = which == 5 || which == 6 ? output : input;
    scn_batch_norm_options *options = (scn_batch_norm_options *)scratch(1, sizeof *options);
    *options = (scn_batch_norm_options)SCN_BATCH_NORM_OPTIONS_INIT;
    options->struct_size = a_struct_size(sizeof *options);
    if (rarely(96)) options->epsilon = real_number(), options->momentum = real_number();
    options->leakiness = byte() & 1 ? 0 : real_number();
    if (byte() & 1) options = NULL;
    const float *weight = byte() & 1 ? plane_floats(shape) : NULL, *bias = byte() & 1 ? plane_floats(shape) : NULL;
    float *mean = plane_floats(shape), *variance = plane_floats(shape), *saved = plane_floats(shape);
    float *deviation = plane_floats(shape);
    float *weight_result = byte() & 1 ? plane_floats(shape) : NULL,
          *bias_result = byte() & 1 ? plane_floats(shape) : NULL;
    const double momentum = rarely(96) ? real_number() : 0.9, leakiness = rarely(96) ? real_number() : 0;
    switch (which) {
    case 0:
        if (byte() & 1) mean = variance = NULL;
        CALL(scn_batch_norm_forward_training(input, weight, bias, mean, variance, options, saved, deviation, result));
        break;
    case 1: CALL(scn_batch_norm_forward_evaluation(input, weight, bias, mean, variance, options, result)); break;
    case 2:
        CALL(scn_batch_norm_backward_training(input, output, gradient, weight, saved, deviation, options, weight_result,
                                              bias_result, result));
        break;
    case 3:
        CALL(scn_batch_norm_backward_evaluation(input, output, gradient, weight, mean, variance, options, weight_result,
                                                bias_result, result));
        break;
    case 4: CALL(scn_mean_only_norm_forward_training(input, bias, mean, momentum, leakiness, result)); break;
    case 5: CALL(scn_mean_only_norm_forward_evaluation(input, input == NULL ? NULL : plane_floats(input),
                                                       plane_floats(input), leakiness, result)); break;
    default: CALL(scn_mean_only_norm_backward(output, gradient, choice_of(2), leakiness, bias_result, result));
    }
}

static void call_geometric(int which) {
    scn_geometry *geometry = a_geometry();
    const int32_t sites = a_site_set();
    const extent e = extent_of_geometry(geometry, sites);
    int64_t size[SCN_MAX_DIMENSION] = {0};
    int32_t dimension = 0;
    const scn_global_pooling pooling = (scn_global_pooling)choice_of(3);
    scn_matrix *rows = a_matrix(e.rows, PLANES), *at_sites = a_matrix(e.sites, PLANES),
               *samples = a_matrix(e.batch_size, PLANES);
    scn_matrix *result = a_matrix(e.sites, PLANES), *gradient = a_matrix(e.batch_size, PLANES);
    const int64_t groups = rarely(64) ? size_number(4) : byte() & 1 ? 1 : PLANES;
    const int64_t statistics = groups >= 0 && groups < 99 ? modest_product3(e.batch_size, groups, 1) : 0;
    int64_t count = -1;
    if (scn_geometry_dimension(geometry, &dimension) == SCN_OK &&
        scn_geometry_spatial_size(geometry, sites, size) == SCN_OK)
        count = modest_product3(e.batch_size, planes_of(at_sites), modest_product(size, dimension));
    if (rarely(12)) count = size_number(99);
    switch (which) {
    case 0: CALL(scn_input_forward(geometry, rows, at_sites)); break;
    case 1: CALL(scn_input_backward(geometry, at_sites, rows)); break;
    case 2: CALL(scn_output_forward(geometry, at_sites, rows)); break;
    case 3: CALL(scn_output_backward(geometry, rows, at_sites)); break;
    case 4: CALL(scn_global_pooling_forward(geometry, sites, pooling, at_sites, samples)); break;
    case 5: CALL(scn_global_pooling_backward(geometry, sites, pooling, at_sites, samples, gradient, result)); break;
    case 6:
        CALL(scn_group_norm_forward(geometry, sites, at_sites, plane_floats(at_sites), plane_floats(at_sites), groups,
                                    rarely(64) ? real_number() : 1e-5, some_floats(statistics), some_floats(statistics),
                                    result));
        break;
    case 7:
        CALL(scn_group_norm_backward(geometry, sites, at_sites, a_matrix(e.sites, PLANES), plane_floats(at_sites),
                                     groups, some_floats(statistics), some_floats(statistics), plane_floats(at_sites),
                                     plane_floats(at_sites), result));
        break;
    case 8: CALL(scn_sparse_to_dense_forward(geometry, sites, at_sites, some_floats(count), count)); break;
    case 9: CALL(scn_sparse_to_dense_backward(geometry, sites, some_floats(count), count, at_sites)); break;
    default: {
        scn_geometry *other = a_geometry();
        const int32_t other_sites = a_site_set();
        const extent o = extent_of_geometry(other, other_sites);
        scn_matrix *y = a_matrix(o.sites, PLANES);
        CALL(scn_compare_sparse_forward(geometry, sites, at_sites, other, other_sites, y, some_floats(1),
                                        byte() & 1 ? result : NULL, byte() & 1 ? a_matrix(o.sites, PLANES) : NULL));
    }
    }
}

static void call_dense_operation(int which) {
    const int64_t rows = size_number(6), in = some_planes(), out_planes = some_planes();
    scn_matrix *a = a_matrix(rows, in), *b = a_matrix(rows, in), *result = byte() & 1 ? a : a_matrix(rows, in);
    scn_matrix *product = a_matrix(rows, out_planes), *gradient = a_matrix(rows, out_planes);
    float *weight = some_floats(modest_product3(planes_of(a), planes_of(which == 1 ? product : gradient), 1));
    const int32_t is_transposed = choice_of(2);
    const int64_t count = size_number(3);
    scn_matrix *several = count >= 0 && count <= 3 ? (scn_matrix *)scratch((size_t)count, sizeof *several) : NULL;
    int64_t planes = 0;
    for (int64_t i = 0; several && i < count; i++) {
        const scn_matrix *one = a_matrix(rows, byte() % 3);
        several[i] = one ? *one : no_matrix;
        if (several[i].planes >= 0 && several[i].planes < 99) planes += several[i].planes;
    }
    switch (which) {
    case 0: CALL(scn_add_forward(a, b, result)); break;
    case 1:
        CALL(scn_linear_forward(a, weight, is_transposed, byte() & 1 ? plane_floats(product) : NULL, product));
        break;
    case 2: CALL(scn_linear_backward_input(gradient, weight, is_transposed, a)); break;
    case 3:
        CALL(
            scn_linear_backward_weight(a, gradient, is_transposed, weight, byte() & 1 ? plane_floats(gradient) : NULL));
        break;
    case 4: CALL(scn_join_forward(several, count, a_matrix(rows, planes))); break;
    case 5: CALL(scn_join_backward(a_matrix(rows, planes), several, count)); break;
    case 6: {
        const int64_t *labels = some_integers(rows_of(a), PLANES - 1);
        CALL(scn_cross_entropy_forward(a, labels, byte() & 1 ? plane_floats(a) : NULL,
                                       byte() & 1 ? -100 : size_number(3), some_floats(1), byte() & 1 ? b : NULL));
        break;
    }
    case 7: {
        const float *targets = some_floats(modest_product3(rows_of(a), planes_of(a), 1));
        CALL(scn_binary_cross_entropy_forward(a, targets, some_floats(1), byte() & 1 ? b : NULL));
        break;
    }
    default: {
        const int32_t rank = rarely(12) ? integer_from_bytes() : byte() % 4;
        int64_t *shape = some_integers(rank >= 0 && rank <= 16 ? rank : -1, 4);
        CALL(scn_tensor_allocate(shape, rank, OUT(&out_tensor)));
        if (out_tensor && out_tensor != (scn_tensor *)out_poison) {
            const slot *s = slot_of(TENSOR, out_tensor);
            int64_t elements = modest_product(shape, rank);
            float *data;
            if (!s || elements < 0) break;
            REQUIRE_OK(scn_tensor_data(out_tensor, &data));
            memset(data, 0, (size_t)elements * sizeof(float));
        }
    }
    }
}

/** What flows along any rulebook. */
static void call_along(int which) {
    scn_rulebook *rulebook = a_rulebook();
    const extent e = extent_of_rulebook(rulebook);
    int64_t rules = 0;
    (void)scn_rulebook_sizes(rulebook, NULL, &rules, NULL, NULL);
    scn_matrix *input = a_matrix(e.input_rows, PLANES), *output = a_matrix(e.output_rows, PLANES);
    scn_matrix *gradient = a_matrix(e.output_rows, PLANES), *result = a_matrix(e.input_rows, PLANES);
    scn_matrix *weights = a_matrix(1, rules < MOST_FLOATS ? rules : 1);
    const scn_pooling pooling = (scn_pooling)choice_of(5);
    const int is_double = byte() & 1;
    const int32_t dimension = rarely(24) ? a_dimension() : DIMENSION, rescaled = choice_of(2);
    const int64_t count = modest_product3(e.output_rows, dimension, 1);
    const void *points = which < 5 ? NULL : is_double ? (const void *)some_reals(count) : some_floats(count);
    const scn_element_type type = (scn_element_type)is_double;
    switch (which) {
    case 0: CALL(scn_pooling_forward(rulebook, pooling, input, output)); break;
    case 1: CALL(scn_pooling_backward(rulebook, pooling, input, output, gradient, result)); break;
    case 2: CALL(scn_weighted_sum_forward(rulebook, weights, input, output)); break;
    case 3: CALL(scn_weighted_sum_backward_input(rulebook, weights, gradient, result)); break;
    case 4: CALL(scn_weighted_sum_backward_weights(rulebook, input, gradient, weights)); break;
    case 5:
        CALL(scn_interpolation_weights(rulebook, points, type, e.output_rows, dimension, rescaled, weights));
        break;
    default:
        CALL(scn_interpolation_backward(rulebook, points, type, e.output_rows, dimension, rescaled, weights,
                                        a_matrix(e.output_rows, dimension)));
    }
}

static void call_buffers(void) {
    const int which = byte() % BUFFER_CALLS;
    if (which < 11) call_convolution(which);
    else if (which < 18) call_norm(which - 11);
    else if (which < 29) call_geometric(which - 18);
    else if (which < 38) call_dense_operation(which - 29);
    else call_along(which - 38);
}

#endif

/* Layers and rulebooks of pooling, and of windows at random or of fractional size, refuse what they cannot take. */
#include "bad_call.h"

static void bad_poolings(void) {
    const int64_t wide[] = {INT64_C(1) << 40, INT64_C(1) << 40};
    const double one[] = {2, 1}, nan_ratio[] = {NAN, 2}, good[] = {1.5, 1.5};
    scn_pooling_options dropping = SCN_POOLING_OPTIONS_INIT, dilated = dropping;
    scn_fractional_options ratio = SCN_FRACTIONAL_OPTIONS_INIT, both = ratio, none = ratio, low = ratio, nans = ratio,
                           tiles = ratio, order = ratio, flag = ratio, zero = ratio, size = ratio, many = ratio,
                           drops = ratio, unsized = ratio;
    dropping.features_to_drop = INT64_MIN, dilated.dilation = no_size;
    both.ratio = good, both.output_size = three, low.ratio = one, nans.ratio = nan_ratio;
    tiles.ratio = good, tiles.tiles = 1, tiles.pool_size = three, order.ratio = good, order.order = (scn_window_order)2;
    flag.ratio = good, flag.tiles = 7, zero.output_size = no_size, size.ratio = good, size.pool_size = minus;
    many.output_size = wide, drops.ratio = good, drops.features_to_drop = -1, unsized.ratio = good;
    unsized.struct_size = 12;
    BAD(INVALID_ARGUMENT, "pool_size", scn_average_pooling_create(2, NULL, ones, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "features_to_drop", scn_average_pooling_create(2, three, ones, &dropping, &out_module));
    BAD(INVALID_ARGUMENT, "module", scn_average_pooling_create(2, three, ones, NULL, NULL));
    BAD(INVALID_ARGUMENT, "pool_stride", scn_unpooling_create(2, three, NULL, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "stride", scn_unpooling_create(2, three, minus, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "dimension", scn_randomized_stride_max_pooling_create(11, three, ones, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "dilation", scn_randomized_stride_max_pooling_create(2, three, ones, &dilated, &out_module));
    BAD(INVALID_ARGUMENT, "dimension", scn_global_pooling_create(0, SCN_GLOBAL_SUM, &out_module));
    BAD(INVALID_ARGUMENT, "pooling", scn_global_pooling_create(2, (scn_global_pooling)3, &out_module));
    BAD(INVALID_ARGUMENT, "filter_stride", scn_full_convolution_create(2, 1, 1, three, NULL, NULL, &out_module));
    BAD(OVERFLOW, "filter of size", scn_full_convolution_create(2, 1, 1, wide, ones, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "out_planes",
        scn_randomized_stride_convolution_create(2, 1, 0, three, ones, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "options", scn_fractional_max_pooling_create(2, NULL, &out_module));
    BAD(INVALID_ARGUMENT, "ratio", scn_fractional_max_pooling_create(2, &none, &out_module));
    BAD(INVALID_ARGUMENT, "ratio", scn_fractional_max_pooling_create(2, &both, &out_module));
    BAD(INVALID_ARGUMENT, "ratio", scn_fractional_max_pooling_create(2, &low, &out_module));
    BAD(INVALID_ARGUMENT, "ratio", scn_fractional_max_pooling_create(2, &nans, &out_module));
    BAD(INVALID_ARGUMENT, "dimension", scn_fractional_max_pooling_create(-1, &low, &out_module));
    BAD(INVALID_ARGUMENT, "pool_size", scn_fractional_max_pooling_create(2, &tiles, &out_module));
    BAD(INVALID_ARGUMENT, "order", scn_fractional_max_pooling_create(2, &order, &out_module));
    BAD(INVALID_ARGUMENT, "tiles", scn_fractional_max_pooling_create(2, &flag, &out_module));
    BAD(INVALID_ARGUMENT, "output_size", scn_fractional_max_pooling_create(2, &zero, &out_module));
    BAD(INVALID_ARGUMENT, "size", scn_fractional_max_pooling_create(2, &size, &out_module));
    BAD(OVERFLOW, "windows", scn_fractional_max_pooling_create(2, &many, &out_module));
    BAD(INVALID_ARGUMENT, "features_to_drop", scn_fractional_max_pooling_create(2, &drops, &out_module));
    BAD(INVALID_ARGUMENT, "struct_size", scn_fractional_max_pooling_create(2, &unsized, &out_module));

    scn_filter filter = filter_of(2, three, three), thin = filter_of(3, three, three);
    scn_filter far_filter = filter_of(2, three, wide);
    const int64_t twelve[] = {12, 12}, endless_size[] = {INT64_C(1) << 40, INT64_C(1) << 40};
    scn_fractional_options crowded = SCN_FRACTIONAL_OPTIONS_INIT;
    crowded.output_size = twelve, ratio.ratio = good;
    BAD(SHAPE, "windows", scn_geometry_fractional(geometry, 0, &crowded, 0, &out_number, &out_rulebook));
    BAD(INVALID_ARGUMENT, "is_regular", scn_geometry_fractional(geometry, 0, &ratio, 2, &out_number, &out_rulebook));
    BAD(INVALID_ARGUMENT, "sites", scn_geometry_fractional(geometry, 9, &ratio, 0, &out_number, &out_rulebook));
    BAD(INVALID_ARGUMENT, "output_sites", scn_geometry_fractional(geometry, 0, &ratio, 0, NULL, &out_rulebook));
    BAD(SHAPE, "size", scn_geometry_randomized(geometry, 0, &filter, &out_number, &out_rulebook));
    BAD(SHAPE, "dimension", scn_geometry_randomized(geometry, 0, &thin, &out_number, &out_rulebook));
    BAD(SHAPE, "dimension", scn_geometry_full(geometry, 0, &thin, &out_number, &out_rulebook));
    BAD(INVALID_ARGUMENT, "filter", scn_geometry_full(geometry, 0, NULL, &out_number, &out_rulebook));
    scn_geometry *vast = NULL;
    OK(scn_geometry_create(2, endless_size, where, 2, 3, 0, SCN_INPUT_SUM, &vast));
    filter.stride = ones;
    BAD(OVERFLOW, "windows", scn_geometry_randomized(vast, 0, &filter, &out_number, &out_rulebook));
    BAD(OVERFLOW, "windows", scn_geometry_fractional(vast, 0, &ratio, 0, &out_number, &out_rulebook));
    BAD(OVERFLOW, "", scn_geometry_full(vast, 0, &far_filter, &out_number, &out_rulebook));
    OK(scn_geometry_release(vast));
    BAD(INVALID_ARGUMENT, "features_to_drop", scn_average_pooling_forward(rulebook, &two_rows, 3, &two_rows));
    BAD(SHAPE, "result", scn_average_pooling_forward(rulebook, &two_rows, 1, &two_rows));
    BAD(SHAPE, "input", scn_unpooling_forward(rulebook, &three_rows, 0, &two_rows));
    BAD(INVALID_ARGUMENT, "input", scn_unpooling_forward(rulebook, &no_data, 0, &two_rows));
    BAD(SHAPE, "gradient", scn_average_pooling_backward(rulebook, &two_planes, 0, &two_rows));
    BAD(INVALID_ARGUMENT, "features_to_drop", scn_unpooling_backward(rulebook, &two_planes, -1, &two_rows));
    BAD(INVALID_ARGUMENT, "pooling",
        scn_global_pooling_forward(geometry, 0, (scn_global_pooling)-1, &two_rows, &two_rows));
    BAD(SHAPE, "result", scn_global_pooling_forward(geometry, 0, SCN_GLOBAL_MAX, &two_rows, &two_rows));
    BAD(SHAPE, "output",
        scn_global_pooling_backward(geometry, 0, SCN_GLOBAL_SUM, &two_rows, &two_rows, &two_rows, &two_rows));
    BAD(INVALID_ARGUMENT, "sites", scn_global_pooling_forward(geometry, 7, SCN_GLOBAL_SUM, &two_rows, &two_rows));
}

int main(void) {
    set_up();
    bad_poolings();
    tear_down();
    return finish();
}

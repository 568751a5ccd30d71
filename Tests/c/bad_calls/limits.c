/* Sizes at the end of 64 bits: each call gives a result or an error, and the process goes on. */
#include "bad_call.h"

/** A shape without elements hides how long its other axes are, until an operation puts another number for its zero. */
static void zero_axes(void) {
    const int64_t none[] = {0, (int64_t)1 << 60, 0}, one[] = {1, (int64_t)1 << 60, 0}, sixteen[] = {16, 2};
    const int64_t segment_of_row[16] = {0};
    scn_tensor *empty, *vectors, *rows;
    OK(scn_tensor_create(none, 3, NULL, &empty));
    OK(scn_tensor_create(one, 3, NULL, &vectors));
    OK(scn_tensor_create(sixteen, 2, NULL, &rows));
    BAD(OVERFLOW, "shape", scn_tensor_segment_reduce(empty, NULL, 0, 16, SCN_SEGMENT_SUM, &out_tensor));
    BAD(OVERFLOW, "shape", scn_tensor_segment_gather(vectors, segment_of_row, 16, &out_tensor));
    BAD(OVERFLOW, "shape", scn_tensor_segment_pad(empty, NULL, 0, 16, 1, &out_tensor));
    BAD(OVERFLOW, "shape",
        scn_tensor_broadcast(rows, vectors, segment_of_row, 16, SCN_BROADCAST_ADD, &out_tensor));
    OK(scn_tensor_release(empty));
    OK(scn_tensor_release(vectors));
    OK(scn_tensor_release(rows));
}

/** Two windows over the largest field: the second begins at its middle or behind. */
static void fractional_windows(void) {
    const int64_t size[] = {INT64_MAX - 1}, site[] = {INT64_MAX - 2}, two[] = {2};
    scn_fractional_options options = SCN_FRACTIONAL_OPTIONS_INIT;
    scn_geometry *line;
    scn_rulebook *windows;
    int32_t level = 0;
    int64_t coordinates[2] = {0};
    options.output_size = two;
    OK(scn_geometry_create(1, size, site, 1, 1, 0, SCN_INPUT_SUM, &line));
    OK(scn_geometry_fractional(line, 0, &options, 1, &level, &windows));
    OK(scn_geometry_coordinates(line, level, coordinates, 2));
    CHECK(coordinates[0] == 1 && coordinates[1] == 0);
    OK(scn_rulebook_release(windows));
    OK(scn_geometry_release(line));
}

/** Along an axis of one tap, no dilation is too large. */
static void dilated_axes(void) {
    const int64_t size[] = {100, 8}, sites[] = {7, 3, 50, 0}, taps[] = {1, 3}, padding[] = {5, 0}, every[] = {1, 1};
    const int64_t far[] = {INT64_MAX, 1};
    scn_filter filter = filter_of(2, taps, every);
    scn_geometry *plane;
    scn_rulebook *rules;
    int32_t level = 0;
    int64_t count = 0;
    filter.padding = padding, filter.dilation = far;
    OK(scn_geometry_create(2, size, sites, 2, 2, 0, SCN_INPUT_SUM, &plane));
    OK(scn_geometry_full(plane, 0, &filter, &level, &rules));
    OK(scn_geometry_site_count(plane, level, &count));
    CHECK(count == 6);
    OK(scn_rulebook_release(rules));
    OK(scn_geometry_release(plane));
}

static void rows_of_no_planes(void) {
    scn_matrix parts[] = {SCN_MATRIX(NULL, (int64_t)1 << 60, 0), SCN_MATRIX(NULL, (int64_t)1 << 60, 0)};
    scn_matrix joined = SCN_MATRIX(NULL, (int64_t)1 << 60, 0);
    OK(scn_join_forward(parts, 2, &joined));
    OK(scn_join_backward(&joined, parts, 2));
}

/** A rate of decay that float32 takes for 1 would keep the first moments for ever. */
static void decay_of_moments(void) {
    scn_adam_options options = SCN_ADAM_OPTIONS_INIT;
    scn_optimizer *made;
    options.beta2 = 0.99999999;
    BAD(INVALID_ARGUMENT, "beta2", scn_adam_create(&dense, 1, &options, &made));
}

int main(void) {
    set_up();
    zero_axes();
    fractional_windows();
    dilated_axes();
    rows_of_no_planes();
    decay_of_moments();
    tear_down();
    return finish();
}

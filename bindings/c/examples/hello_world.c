/* SparseConvNet's hello-world: two messages, drawn in 2-D, go through a small VGG net and come out as a 2 x 32 x 10
 * x 10 array. The Python and the Swift hello-world print the same lines.
 *
 *     cc hello_world.c $(pkg-config --cflags --libs scn) -o hello_world
 *
 * 1. Seed the generator with 0.
 * 2. Make the network, its parts in this order: SparseVggNet on 1 plane, "C8 C8 MP3/2 C16 C16 MP3/2 C24 C24 MP3/2"; a
 *    submanifold convolution 24 -> 32 of size 3 without a bias; batch normalization with ReLU; sparse to dense with 32
 *    planes.
 * 3. Ask it for the input spatial size that gives a 10 x 10 output; make an input layer of that size, which adds up.
 * 4. Each character that is not a blank is a point with the feature 1: that in row r and column c of message m is at
 *    (40 + r, 24 + c) of sample m. Apply input layer and network, in training mode.
 * 5. Print the sizes, the sum of the output's values, the sum of their squares (both added up in order, in double
 *    precision), and the largest value with its index in the output. */
#include <scn.h>
#include <stdio.h>

enum { ROWS = 7, SITES_AT_MOST = 2 * ROWS * 40 };

static const char *const messages[2][ROWS] = {
    {
        "H   H EEEEE L     L      OOO ",
        "H   H E     L     L     O   O",
        "H   H E     L     L     O   O",
        "HHHHH EEEE  L     L     O   O",
        "H   H E     L     L     O   O",
        "H   H E     L     L     O   O",
        "H   H EEEEE LLLLL LLLLL  OOO ",
    },
    {
        "W   W  OOO  RRRR  L     DDDD      )  ",
        "W   W O   O R   R L     D   D  :   ) ",
        "W   W O   O R   R L     D   D  :    )",
        "W W W O   O RRRR  L     D   D       )",
        "W W W O   O R R   L     D   D  :    )",
        "WW WW O   O R  R  L     D   D  :   ) ",
        "W   W  OOO  R   R LLLLL DDDD      )  ",
    },
};

/** Draw the messages: points [count, 3], a feature of 1 each. */
static scn_status draw(scn_tensor **points) {
    int64_t sites[SITES_AT_MOST][3], count = 0;
    float ones[SITES_AT_MOST];
    for (int64_t sample = 0; sample < 2; sample++)
        for (int64_t row = 0; row < ROWS; row++)
            for (int64_t column = 0; messages[sample][row][column]; column++) {
                if (messages[sample][row][column] == ' ') continue;
                sites[count][0] = 40 + row, sites[count][1] = 24 + column, sites[count][2] = sample;
                ones[count++] = 1;
            }
    const int64_t shape[] = {count, 1};
    scn_tensor *features = NULL;
    scn_status status = scn_tensor_create(shape, 2, ones, &features);
    if (status == SCN_OK) status = scn_points_create(sites[0], count, 3, features, 0, points);
    scn_tensor_release(features);
    return status;
}

static scn_status create_network(scn_module **network) {
    const int64_t three[] = {3, 3};
    scn_batch_norm_options relu = SCN_BATCH_NORM_OPTIONS_INIT;
    scn_module *parts[4] = {NULL, NULL, NULL, NULL};
    scn_status status = scn_sparse_vgg_net_create(2, 1, "C8 C8 MP3/2 C16 C16 MP3/2 C24 C24 MP3/2", &parts[0]);
    relu.leakiness = 0;
    if (status == SCN_OK) status = scn_submanifold_convolution_create(2, 24, 32, three, NULL, &parts[1]);
    if (status == SCN_OK) status = scn_batch_norm_create(32, &relu, &parts[2]);
    if (status == SCN_OK) status = scn_sparse_to_dense_create(2, 32, &parts[3]);
    if (status == SCN_OK) status = scn_sequential_create(parts, 4, network);
    for (int i = 0; i < 4; i++) scn_module_release(parts[i]);
    return status;
}

static scn_status print_output(scn_tensor *output) {
    int64_t shape[4] = {0}, count, largest = 0;
    float *values = NULL;
    double sum = 0, squares = 0;
    scn_status status = scn_tensor_shape(output, shape, 4);
    if (status == SCN_OK) status = scn_tensor_data(output, &values);
    if (status != SCN_OK) return status;
    count = shape[0] * shape[1] * shape[2] * shape[3];
    for (int64_t i = 0; i < count; i++) {
        sum += values[i];
        squares += (double)values[i] * values[i];
        if (values[i] > values[largest]) largest = i;
    }
    printf("output: %d x %d x %d x %d\n", (int)shape[0], (int)shape[1], (int)shape[2], (int)shape[3]);
    printf("sum: %.6g\n", sum);
    printf("sum of squares: %.6g\n", squares);
    printf("maximum: %.6g at %d\n", values[largest], (int)largest);
    return SCN_OK;
}

int main(void) {
    const int64_t output_size[] = {10, 10};
    int64_t size[2] = {0, 0};
    scn_module *network = NULL, *input_layer = NULL;
    scn_tensor *points = NULL, *sparse = NULL, *output = NULL;
    scn_status status = scn_manual_seed(0);
    if (status == SCN_OK) status = create_network(&network);
    if (status == SCN_OK) status = scn_module_input_spatial_size(network, 2, output_size, size);
    if (status == SCN_OK) printf("input spatial size: %d x %d\n", (int)size[0], (int)size[1]);
    if (status == SCN_OK) status = scn_input_layer_create(2, size, SCN_INPUT_SUM, &input_layer);
    if (status == SCN_OK) status = draw(&points);
    if (status == SCN_OK) status = scn_module_forward(input_layer, points, &sparse);
    if (status == SCN_OK) status = scn_module_forward(network, sparse, &output);
    if (status == SCN_OK) status = print_output(output);
    if (status != SCN_OK) fprintf(stderr, "%s: %s\n", scn_status_name(status), scn_last_error());
    scn_module_release(network), scn_module_release(input_layer);
    scn_tensor_release(points), scn_tensor_release(sparse), scn_tensor_release(output);
    return status != SCN_OK;
}

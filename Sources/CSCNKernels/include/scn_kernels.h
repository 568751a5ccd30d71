/// Float loops, one table of functions per instruction set, chosen once at run time.
///
/// Matrices are row-major float32; `stride` counts elements from one row to the next. Buffers need no alignment.
/// bfloat16, the upper half of a float32, is passed as uint16_t.
/// Nothing here allocates, locks or starts threads; callers cut the work and give each piece to one thread.
/// For one table, a result depends only on the values: not on how the caller cuts rows into pieces.
#ifndef SCN_KERNELS_H
#define SCN_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(hidden)

/// The rules of one convolution: those of filter offset k are `offsets[k] ..< offsets[k + 1]`, and output rows ascend
/// strictly within an offset. To run it backwards, swap the columns; input rows ascend strictly too where that is
/// possible.
typedef struct {
    int64_t volume;
    const int64_t *_Nonnull offsets;       // [volume + 1]
    const int32_t *_Nonnull input_rows;    // [rules]
    const int32_t *_Nonnull output_rows;   // [rules]
} scn_rules;

/// What becomes of the rows that fall on one site. SCN_LARGEST_ROW: the maximum of each plane, NaN where one is.
typedef enum {
    SCN_SUM_OF_ROWS,
    SCN_MEAN_OF_ROWS,
    SCN_FIRST_ROW,
    SCN_LAST_ROW,
    SCN_LARGEST_ROW
} scn_site_rows;

/// Activations that need more than a comparison and a product: ELU; SELU; tanh; 1 / (1 + e^-x), the sigmoid; x times
/// the normal distribution function (GELU); x * sigmoid(x) (SiLU); x * min(max(x + 3, 0), 6) / 6 (hard swish); log(1 +
/// e^x) (softplus).
typedef enum {
    SCN_ELU,
    SCN_SELU,
    SCN_TANH,
    SCN_SIGMOID,
    SCN_GELU,
    SCN_SILU,
    SCN_HARD_SWISH,
    SCN_SOFTPLUS
} scn_smooth_activation;

/// Bits of a key that go to another place: those of `mask` after a shift right by `from`, shifted left by `to`; both
/// are below 64.
typedef struct {
    uint64_t from;
    uint64_t mask;
    uint64_t to;
} scn_key_part;

enum { SCN_MATCH_SLACK = 8 };

typedef struct {
    const char *_Nonnull name;  // "generic", "avx2" or "avx512"

    // Convolution: output[o] (+)= sum over rules (i, o) of offset k, ascending k, of input[i] * weight[k]. Planes are
    // those of a group, groups lie side by side in a row, and each has its own in x out weights.

    /// Floats that one filter offset takes when packed.
    int64_t (*_Nonnull convolution_packed_size)(int64_t groups, int64_t in_planes, int64_t out_planes);
    /// Packs the weight matrices of one filter offset: those of the groups follow each other, and element (i, o) of one
    /// lies at i * in_stride + o * out_stride in it.
    void (*_Nonnull convolution_pack)(const float *_Nonnull weight, int64_t groups, int64_t in_planes,
                                      int64_t out_planes, int64_t in_stride, int64_t out_stride,
                                      float *_Nonnull packed);
    /// Computes output rows first_row ..< end_row: each starts from bias (zeros where NULL), gets the sum of its rules,
    /// and then, while its tile is in the cache, y > 0 ? y : leakiness * y; leakiness 1 is no activation. `packed`
    /// holds volume packed offsets, one after the other. `cursors` is scratch of volume elements.
    void (*_Nonnull convolution_rows)(const scn_rules *_Nonnull rules, int64_t first_row, int64_t end_row,
                                      const float *_Nonnull input, int64_t input_stride, int64_t groups,
                                      int64_t in_planes, const float *_Nonnull packed, const float *_Nullable bias,
                                      float leakiness, float *_Nonnull output, int64_t output_stride,
                                      int64_t out_planes, int64_t *_Nonnull cursors);
    /// weight_gradient[i * gradient_stride + o] += sum over count rules of input[input_rows[r]][i] *
    /// output_gradient[output_rows[r]][o], in an order fixed by count, groups and planes alone; the matrices of the
    /// groups follow each other, in_planes rows each.
    void (*_Nonnull convolution_weight_gradient)(int64_t count, const int32_t *_Nonnull input_rows,
                                                 const int32_t *_Nonnull output_rows, const float *_Nonnull input,
                                                 int64_t input_stride, int64_t groups, int64_t in_planes,
                                                 const float *_Nonnull output_gradient, int64_t output_stride,
                                                 int64_t out_planes, float *_Nonnull weight_gradient,
                                                 int64_t gradient_stride);
    /// The same for the rules of output rows first_row ..< end_row at every filter offset, a tile of rows at a time, so
    /// that rows are read from memory once and not once an offset, in an order fixed by the rules, the two rows, groups
    /// and planes. Those of an offset begin at k * offset_stride. `cursors` is scratch of volume elements.
    void (*_Nonnull convolution_weight_gradient_rows)(const scn_rules *_Nonnull rules, int64_t first_row,
                                                      int64_t end_row, const float *_Nonnull input,
                                                      int64_t input_stride, int64_t groups, int64_t in_planes,
                                                      const float *_Nonnull output_gradient, int64_t output_stride,
                                                      int64_t out_planes, float *_Nonnull weight_gradient,
                                                      int64_t offset_stride, int64_t gradient_stride,
                                                      int64_t *_Nonnull cursors);

    // Dense products, by the same loops.

    /// y = bias (zeros where NULL) + input[row] * weight, weight packed by convolution_pack; output[row] = y > 0 ? y :
    /// leakiness * y, leakiness 1 is no activation. A row's bits do not depend on the other rows.
    void (*_Nonnull dense_rows)(const float *_Nonnull input, int64_t input_stride, int64_t rows, int64_t in_planes,
                                const float *_Nonnull packed, const float *_Nullable bias, float leakiness,
                                float *_Nonnull output, int64_t output_stride, int64_t out_planes);
    /// weight_gradient[i * gradient_stride + o] += sum over rows of input[row][i] * output_gradient[row][o].
    void (*_Nonnull dense_weight_gradient)(const float *_Nonnull input, int64_t input_stride, int64_t rows,
                                           int64_t in_planes, const float *_Nonnull output_gradient,
                                           int64_t output_stride, int64_t out_planes, float *_Nonnull weight_gradient,
                                           int64_t gradient_stride);

    // Pooling over one run of rules, or over all of them, planes of the given matrices.

    /// output[o] = max(output[o], input[i]), NaN where either is.
    void (*_Nonnull max_pooling_forward)(int64_t count, const int32_t *_Nonnull input_rows,
                                         const int32_t *_Nonnull output_rows, const float *_Nonnull input,
                                         int64_t input_stride, float *_Nonnull output, int64_t output_stride,
                                         int64_t planes);
    /// input_gradient[i] += output_gradient[o] where input[i] == output[o] or both are NaN.
    void (*_Nonnull max_pooling_backward)(int64_t count, const int32_t *_Nonnull input_rows,
                                          const int32_t *_Nonnull output_rows, const float *_Nonnull input,
                                          const float *_Nonnull output, const float *_Nonnull output_gradient,
                                          float *_Nonnull input_gradient, int64_t input_stride,
                                          int64_t output_stride, int64_t planes);
    /// output[o] = max(start, input[i]) over the rules (i, o) of every offset, NaN where any is, for output rows
    /// first_row ..< end_row, tile_rows of them at a time. rows_ascend 0: output rows repeat within an offset, and the
    /// rows are all that there are and one tile. Scratch: `cursors` of volume elements.
    void (*_Nonnull max_pooling_rules)(const scn_rules *_Nonnull rules, int32_t rows_ascend, int64_t first_row,
                                       int64_t end_row, const float *_Nonnull input, int64_t input_stride, float start,
                                       float *_Nonnull output, int64_t output_stride, int64_t planes,
                                       int64_t tile_rows, int64_t *_Nonnull cursors);
    /// input_gradient[i] = the sum of output_gradient[o] over the rules where input[i] == output[o] or both are NaN,
    /// for input rows first_row ..< end_row, from rules the other way round; otherwise as max_pooling_rules.
    void (*_Nonnull max_pooling_rules_backward)(const scn_rules *_Nonnull reversed, int32_t rows_ascend,
                                                int64_t first_row, int64_t end_row, const float *_Nonnull input,
                                                const float *_Nonnull output, const float *_Nonnull output_gradient,
                                                float *_Nonnull input_gradient, int64_t input_stride,
                                                int64_t output_stride, int64_t planes, int64_t tile_rows,
                                                int64_t *_Nonnull cursors);
    /// output[o] += scale * input[i] for each rule, where few rules meet an output row.
    void (*_Nonnull add_rows)(int64_t count, const int32_t *_Nonnull input_rows, const int32_t *_Nonnull output_rows,
                              const float *_Nonnull input, int64_t input_stride, float *_Nonnull output,
                              int64_t output_stride, int64_t planes, float scale);

    // Sums over many rows, added in double.

    /// output[o] = factor * the sum of input[i] over the rules (i, o) of every offset k, whose input planes begin at
    /// k * offset_stride, offsets ascending, for output rows first_row ..< end_row, at most tile_rows of them at a
    /// time. rows_ascend 0: output rows repeat within an offset, and the rows are all that there are and one tile.
    /// Scratch: `cursors` of volume elements, `starts` of tile_rows + 1, `places` of capacity, which a row's rules fit
    /// and where output rows repeat all rules.
    void (*_Nonnull sum_rules)(const scn_rules *_Nonnull rules, int32_t rows_ascend, int64_t first_row, int64_t end_row,
                               const float *_Nonnull input, int64_t input_stride, int64_t offset_stride,
                               int64_t planes, double factor, float *_Nonnull output, int64_t output_stride,
                               int64_t tile_rows, int64_t capacity, int64_t *_Nonnull cursors,
                               int64_t *_Nonnull starts, int64_t *_Nonnull places);
    /// output[s] = what `which` says of the input rows rows[starts[s]] ..< rows[starts[s + 1]], zeros where there is
    /// none; input and output without gaps.
    void (*_Nonnull combine_site_rows)(int64_t sites, const int64_t *_Nonnull starts, const int32_t *_Nonnull rows,
                                       scn_site_rows which, const float *_Nonnull input, int64_t planes,
                                       float *_Nonnull output);
    /// sum[p] = sum over the listed rows of input[row][p]; input without gaps.
    void (*_Nonnull listed_row_sums)(int64_t count, const int32_t *_Nonnull rows, const float *_Nonnull input,
                                     int64_t planes, double *_Nonnull sum);
    /// The way back: output[row] = input[site_of_row[row]], divided by the number of the site's rows where `which` says
    /// so, for rows first_row ..< end_row; zeros where the site is -1 or `which` says that another row counts. For sums
    /// `starts` and `rows` may be NULL. `which` is not SCN_LARGEST_ROW.
    void (*_Nonnull spread_site_rows)(int64_t first_row, int64_t end_row, const int32_t *_Nonnull site_of_row,
                                      const int64_t *_Nullable starts, const int32_t *_Nullable rows,
                                      scn_site_rows which, const float *_Nonnull input, int64_t planes,
                                      float *_Nonnull output);
    /// output[row] = the sum of weights[r] * input[sources[r]] over r in starts[row] ..< starts[row + 1].
    void (*_Nonnull weighted_row_sums)(int64_t rows, const int64_t *_Nonnull starts, const int32_t *_Nonnull sources,
                                       const float *_Nonnull weights, const float *_Nonnull input,
                                       int64_t input_stride, float *_Nonnull output, int64_t output_stride,
                                       int64_t planes);
    /// products[r] = the sum over planes of a[a_rows[r]] * b[b_rows[r]].
    void (*_Nonnull row_products)(int64_t count, const int32_t *_Nonnull a_rows, const int32_t *_Nonnull b_rows,
                                  const float *_Nonnull a, int64_t a_stride, const float *_Nonnull b,
                                  int64_t b_stride, int64_t planes, float *_Nonnull products);

    // Rows first_row ..< end_row and what their segments have, row s of a matrix being that of segment s. Matrices
    // without gaps; the result is zeros where segment_of_row is -1, and may take the place of a matrix of rows.

    /// The way back from SCN_LARGEST_ROW: result[row] = output_gradient[s] where input[row] == output[s] or both are
    /// NaN, else 0.
    void (*_Nonnull largest_row_backward)(int64_t first_row, int64_t end_row, const int32_t *_Nonnull segment_of_row,
                                          const float *_Nonnull input, const float *_Nonnull output,
                                          const float *_Nonnull output_gradient, int64_t planes,
                                          float *_Nonnull result);
    /// result[row] = e^(input[row] - largest[s]), no difference above 0.
    void (*_Nonnull segment_exponentials)(int64_t first_row, int64_t end_row, const int32_t *_Nonnull segment_of_row,
                                          const float *_Nonnull input, const float *_Nonnull largest, int64_t planes,
                                          float *_Nonnull result);
    /// result[row] = input[row] / divisors[s].
    void (*_Nonnull divide_by_segment)(int64_t first_row, int64_t end_row, const int32_t *_Nonnull segment_of_row,
                                       const float *_Nonnull input, const float *_Nonnull divisors, int64_t planes,
                                       float *_Nonnull result);
    /// result[row] = output[row] * (output_gradient[row] - sums[s]).
    void (*_Nonnull segment_softmax_backward)(int64_t first_row, int64_t end_row,
                                              const int32_t *_Nonnull segment_of_row, const float *_Nonnull output,
                                              const float *_Nonnull output_gradient, const float *_Nonnull sums,
                                              int64_t planes, float *_Nonnull result);
    /// sum[p] = sum over rows of input[row][p].
    void (*_Nonnull column_sums)(const float *_Nonnull input, int64_t input_stride, int64_t rows, int64_t planes,
                                 double *_Nonnull sum);

    // Batch normalization, rows x planes contiguous.

    /// mean[p], and the sum of squared deviations from it, of these rows: two passes, for a stable sum.
    void (*_Nonnull column_moments)(const float *_Nonnull input, int64_t rows, int64_t planes, double *_Nonnull mean,
                                    double *_Nonnull squares);
    /// y = (x - mean[p]) * scale[p] + shift[p]; output = y > 0 ? y : leakiness * y. In place allowed.
    void (*_Nonnull batch_norm_apply)(const float *_Nonnull input, int64_t rows, int64_t planes,
                                      const float *_Nonnull mean, const float *_Nonnull scale,
                                      const float *_Nonnull shift, float leakiness, float *_Nonnull output);
    /// With g = output_gradient * (output > 0 ? 1 : leakiness) (the sign of output tells y's, leakiness >= 0; where
    /// leakiness is 0, g = output <= 0 ? 0 : output_gradient; where it is 1, g = output_gradient): sum_gradient[p] =
    /// sum of g, sum_product[p] = sum of g * (x - mean[p]). output NULL: y is computed again from scale and shift,
    /// those of the forward pass, which are not read otherwise.
    void (*_Nonnull batch_norm_backward_sums)(const float *_Nonnull input, const float *_Nullable output,
                                              const float *_Nonnull output_gradient, int64_t rows, int64_t planes,
                                              const float *_Nonnull mean, const float *_Nullable scale,
                                              const float *_Nullable shift, float leakiness,
                                              double *_Nonnull sum_gradient, double *_Nonnull sum_product);
    /// input_gradient = g * a[p] + (x - mean[p]) * b[p] + c[p], g as above.
    void (*_Nonnull batch_norm_backward_apply)(const float *_Nonnull input, const float *_Nullable output,
                                               const float *_Nonnull output_gradient, int64_t rows, int64_t planes,
                                               const float *_Nonnull mean, const float *_Nullable scale,
                                               const float *_Nullable shift, float leakiness,
                                               const float *_Nonnull a, const float *_Nonnull b,
                                               const float *_Nonnull c, float *_Nonnull input_gradient);
    /// input_gradient = g * scale[p], g as above.
    void (*_Nonnull scaled_backward_apply)(const float *_Nonnull output, const float *_Nonnull output_gradient,
                                           int64_t rows, int64_t planes, float leakiness,
                                           const float *_Nonnull scale, float *_Nonnull input_gradient);

    // Rows by themselves, rows x planes contiguous. In place allowed.

    /// Layer normalization: (x - mean) / sqrt(variance + epsilon) of each row, its variance biased, times weight and
    /// plus bias [planes], NULL for ones and zeros.
    void (*_Nonnull layer_norm)(const float *_Nonnull input, int64_t rows, int64_t planes, double epsilon,
                                const float *_Nullable weight, const float *_Nullable bias, float *_Nonnull output);
    /// input_gradient, and what is added to two sums [planes]: over rows of the gradient times the normalized input,
    /// and of the gradient.
    void (*_Nonnull layer_norm_backward)(const float *_Nonnull input, const float *_Nonnull output_gradient,
                                         int64_t rows, int64_t planes, double epsilon, const float *_Nullable weight,
                                         double *_Nonnull sum_product, double *_Nonnull sum_gradient,
                                         float *_Nonnull input_gradient);
    /// output = e^(x - largest), NULL where not wanted, of one row of at least one plane; largest is its largest
    /// number. Returns the sum of the exponentials, added in double; NaN where the row has one.
    double (*_Nonnull exponentials_of_row)(const float *_Nonnull input, int64_t planes, float *_Nonnull largest,
                                           float *_Nullable output);
    /// x > 0 ? x : leaks[p] * x.
    void (*_Nonnull prelu)(const float *_Nonnull input, int64_t rows, int64_t planes, const float *_Nonnull leaks,
                           float *_Nonnull output);
    /// input_gradient, and what is added to a sum [planes]: over rows of x * gradient where x is not above 0.
    void (*_Nonnull prelu_backward)(const float *_Nonnull input, const float *_Nonnull output_gradient, int64_t rows,
                                    int64_t planes, const float *_Nonnull leaks, double *_Nonnull sum_product,
                                    float *_Nonnull input_gradient);

    // Element by element. In place allowed.

    void (*_Nonnull add)(const float *_Nonnull a, const float *_Nonnull b, int64_t count, float *_Nonnull output);
    /// output = a * scale.
    void (*_Nonnull scale)(const float *_Nonnull a, float scale, int64_t count, float *_Nonnull output);
    /// output = a / divisor.
    void (*_Nonnull divide)(const float *_Nonnull a, float divisor, int64_t count, float *_Nonnull output);
    /// output = a * b.
    void (*_Nonnull multiply)(const float *_Nonnull a, const float *_Nonnull b, int64_t count,
                              float *_Nonnull output);
    /// output = a / b.
    void (*_Nonnull quotients)(const float *_Nonnull a, const float *_Nonnull b, int64_t count,
                               float *_Nonnull output);
    /// output[row][p] = input[row][p].
    void (*_Nonnull copy_rows)(int64_t rows, const float *_Nonnull input, int64_t input_stride,
                               float *_Nonnull output, int64_t output_stride, int64_t planes);
    /// output = a > 0 ? 1 : 0.
    void (*_Nonnull step)(const float *_Nonnull a, int64_t count, float *_Nonnull output);
    /// marks[row] = input[row][0] > least.
    void (*_Nonnull mark_above)(const float *_Nonnull input, int64_t input_stride, int64_t rows, float least,
                                uint8_t *_Nonnull marks);
    /// From float32 to bfloat16, to the nearest, to even where two are; NaN stays NaN. Not in place.
    void (*_Nonnull round_to_bfloat16)(const float *_Nonnull a, int64_t count, uint16_t *_Nonnull output);
    /// From bfloat16 to float32. Not in place.
    void (*_Nonnull widen_bfloat16)(const uint16_t *_Nonnull a, int64_t count, float *_Nonnull output);
    /// output = a + b of bfloat16, computed in float32 and rounded. In place allowed.
    void (*_Nonnull add_bfloat16)(const uint16_t *_Nonnull a, const uint16_t *_Nonnull b, int64_t count,
                                  uint16_t *_Nonnull output);
    /// Sum of squares, accumulated in double.
    double (*_Nonnull sum_of_squares)(const float *_Nonnull a, int64_t count);
    /// x > 0 ? x : leakiness * x.
    void (*_Nonnull leaky_relu)(const float *_Nonnull input, int64_t count, float leakiness, float *_Nonnull output);
    /// input_gradient = input > 0 ? output_gradient : leakiness * output_gradient, or, where leakiness is 0, input <= 0
    /// ? 0 : output_gradient, which passes where input is NaN.
    void (*_Nonnull leaky_relu_backward)(const float *_Nonnull input, const float *_Nonnull output_gradient,
                                         int64_t count, float leakiness, float *_Nonnull input_gradient);
    /// Each of scn_smooth_activation. At -inf the limit; NaN stays.
    void (*_Nonnull smooth_activation)(scn_smooth_activation kind, const float *_Nonnull input, int64_t count,
                                       float *_Nonnull output);
    /// input_gradient = output_gradient * the derivative at input.
    void (*_Nonnull smooth_activation_backward)(scn_smooth_activation kind, const float *_Nonnull input,
                                                const float *_Nonnull output, const float *_Nonnull output_gradient,
                                                int64_t count, float *_Nonnull input_gradient);

    // Optimizers: one step over count parameters.

    /// g = gradient + weight_decay * p, or gradient where weight_decay is 0; velocity = momentum * velocity + (1 -
    /// dampening) * g (on the first step velocity = g); d = nesterov ? g + momentum * velocity : velocity; p -= rate *
    /// d. velocity NULL: d = g.
    void (*_Nonnull sgd_step)(float *_Nonnull parameter, const float *_Nonnull gradient, float *_Nullable velocity,
                              int64_t count, float rate, float momentum, float dampening, float weight_decay,
                              int32_t nesterov, int32_t first_step);
    /// Adam (Kingma and Ba, 2015); decoupled != 0: AdamW (Loshchilov and Hutter, 2019). correction1 = 1 - beta1^t,
    /// correction2 = 1 - beta2^t.
    void (*_Nonnull adam_step)(float *_Nonnull parameter, const float *_Nonnull gradient, float *_Nonnull first_moment,
                               float *_Nonnull second_moment, int64_t count, float rate, float beta1, float beta2,
                               float epsilon, float weight_decay, int32_t decoupled, float correction1,
                               float correction2);

    // Keys of sites, and rulebooks.

    /// moved[i] = base + the sum of the parts of keys[i] - origin, modulo 2^64; at least one part. `moved` may be
    /// `keys` where there is one.
    void (*_Nonnull move_key_parts)(int64_t count, const uint64_t *_Nonnull keys, uint64_t origin, uint64_t base,
                                    const scn_key_part *_Nonnull parts, int64_t part_count, uint64_t *_Nonnull moved);

    /// The pairs i | o << 32, ascending, where inputs[i] == outputs[o] + delta, of inputs first_input ..< end_input and
    /// outputs first_output ..< end_output: both ascend strictly, and so do the sums, which do not wrap. Returns their
    /// number; up to SCN_MATCH_SLACK words beyond them are written, too. NULL where vectors are no faster.
    int64_t (*_Nullable match_keys)(const uint64_t *_Nonnull inputs, int64_t first_input, int64_t end_input,
                                    const uint64_t *_Nonnull outputs, int64_t first_output, int64_t end_output,
                                    uint64_t delta, uint64_t *_Nonnull pairs);
} scn_kernel_table;

/// Where sums in float32 go: one of the two, rounded to bfloat16 or as they are.
typedef struct {
    float *_Nullable float32;
    uint16_t *_Nullable bfloat16;
} scn_output;

/// Products of bfloat16 by instructions that multiply it, with sums in float32: what scn_kernel_table says of the
/// functions of these names, but that features, their gradients and packed weights are bfloat16. Bias and gradients by
/// the weight are float32. Denormals count as zeros. Groups that are narrow for float32's loops are none of this
/// table's work. `packed` is aligned to 4 bytes, to 64 for speed; `scratch` holds scratch_size bytes.
typedef struct {
    const char *_Nonnull name;  // "avx512bf16" or "amx"

    /// Bytes that one filter offset takes when packed.
    int64_t (*_Nonnull packed_size)(int64_t groups, int64_t in_planes, int64_t out_planes);
    /// Rounds and packs the float32 weights of one filter offset.
    void (*_Nonnull pack)(const float *_Nonnull weight, int64_t groups, int64_t in_planes, int64_t out_planes,
                          int64_t in_stride, int64_t out_stride, void *_Nonnull packed);
    /// Bytes of scratch that the functions below need for such sizes; those of dense products have a volume of 1.
    int64_t (*_Nonnull scratch_size)(int64_t volume, int64_t groups, int64_t in_planes, int64_t out_planes);
    void (*_Nonnull convolution_rows)(const scn_rules *_Nonnull rules, int64_t first_row, int64_t end_row,
                                      const uint16_t *_Nonnull input, int64_t input_stride, int64_t groups,
                                      int64_t in_planes, const void *_Nonnull packed, const float *_Nullable bias,
                                      float leakiness, scn_output output, int64_t output_stride, int64_t out_planes,
                                      int64_t *_Nonnull cursors, void *_Nonnull scratch);
    void (*_Nonnull convolution_weight_gradient_rows)(const scn_rules *_Nonnull rules, int64_t first_row,
                                                      int64_t end_row, const uint16_t *_Nonnull input,
                                                      int64_t input_stride, int64_t groups, int64_t in_planes,
                                                      const uint16_t *_Nonnull output_gradient,
                                                      int64_t output_stride, int64_t out_planes,
                                                      float *_Nonnull weight_gradient, int64_t offset_stride,
                                                      int64_t gradient_stride, int64_t *_Nonnull cursors,
                                                      void *_Nonnull scratch);
    void (*_Nonnull dense_rows)(const uint16_t *_Nonnull input, int64_t input_stride, int64_t rows,
                                int64_t in_planes, const void *_Nonnull packed, const float *_Nullable bias,
                                float leakiness, scn_output output, int64_t output_stride, int64_t out_planes,
                                void *_Nonnull scratch);
    void (*_Nonnull dense_weight_gradient)(const uint16_t *_Nonnull input, int64_t input_stride, int64_t rows,
                                           int64_t in_planes, const uint16_t *_Nonnull output_gradient,
                                           int64_t output_stride, int64_t out_planes,
                                           float *_Nonnull weight_gradient, int64_t gradient_stride,
                                           void *_Nonnull scratch);
} scn_bfloat16_products;

/// The table of the best instruction set that this cpu has, or of the one that the environment variable SCN_ISA names
/// ("generic", "avx2", "avx512", and "avx512bf16" and "amx", whose float32 is avx512's); chosen at the first call. NULL
/// where SCN_ISA names none that this cpu has: scn_kernels_error() then says so.
const scn_kernel_table *_Nullable scn_kernels(void);
const char *_Nonnull scn_kernels_error(void);
/// Each instruction set that this cpu has, for tests: index 0 is generic; NULL past the last.
const scn_kernel_table *_Nullable scn_kernels_at(int32_t index);

/// The products of bfloat16 of the instruction set in use, or NULL where it has none, or none that is faster than
/// float32's on rounded values. Chosen at the first call, which asks the system for AMX's registers where the cpu has
/// AMX; a system that refuses them is no error.
const scn_bfloat16_products *_Nullable scn_bfloat16(void);
/// Each that this cpu and system have, for tests; NULL past the last.
const scn_bfloat16_products *_Nullable scn_bfloat16_at(int32_t index);

// Dense products: OpenBLAS, which is set to one thread when this library loads. Planes below 2^31.

/// Whether OpenBLAS is the faster way to a product with so many weights (planes in times planes out) on this cpu, with
/// the instruction set that `table` stands for; else dense_rows and dense_weight_gradient are. Releases older than the
/// cpu fall back to SSE3, at a fifth of its speed.
int32_t scn_dense_product_suits(const scn_kernel_table *_Nonnull table, int64_t weights);

/// How many products may go on at once, of those wanted: OpenBLAS has a buffer of 128 MB for each, and 0 is returned
/// where not one can be had; then the two functions below must not be called.
int32_t scn_dense_products_at_once(int32_t wanted);

/// output [rows, out] (+)= input [rows, in] * weight, weight [in, out] or, transposed, [out, in].
/// add_to_output: 0 overwrites, 1 adds.
void scn_dense_product(const float *_Nonnull input, int64_t rows, int64_t in_planes, const float *_Nonnull weight,
                       int32_t weight_is_transposed, float *_Nonnull output, int64_t out_planes,
                       int32_t add_to_output);
/// product [in, out] = input [rows, in]^T * output_gradient [rows, out].
void scn_dense_product_of_columns(const float *_Nonnull input, int64_t rows, int64_t in_planes,
                                  const float *_Nonnull output_gradient, int64_t out_planes, float *_Nonnull product);

#pragma GCC visibility pop
#endif

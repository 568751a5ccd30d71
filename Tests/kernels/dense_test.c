/* Dense products, by a table's own loops and by a BLAS, against loops. */
#include "kernels.h"

static void rows_of_a_table(const scn_kernel_table *table) {
    static const int64_t planes[][2] = {{1, 1}, {3, 16}, {16, 37}, {33, 5}, {64, 64}, {37, 160}};
    static const int64_t row_counts[] = {0, 1, 2, 5, 100, 600};
    enum { GAP = 3 };
    for (int64_t c = 0; c < COUNT_OF(planes); c++)
        for (int64_t a = 0; a < COUNT_OF(row_counts); a++) {
            int64_t in = planes[c][0], out = planes[c][1], rows = row_counts[a];
            uint64_t seed = (uint64_t)(rows + in);
            begin_case("dense, %lld -> %lld planes, %lld rows", (long long)in, (long long)out, (long long)rows);
            const float *x = uneven_floats(rows * in, seed), *weight = uneven_floats(in * out, seed + 1);
            const float *bias = uneven_floats(out, seed + 2), *g = uneven_floats(rows * out, seed + 3);
            float *packed = edge_floats(table->convolution_packed_size(1, in, out));
            table->convolution_pack(weight, 1, in, out, out, 1, packed);
            matrix output = new_matrix(NULL, rows, out, GAP), gradient = new_matrix(weight, in, out, GAP);
            table->dense_rows(x, in, rows, in, packed, bias, 1, output.values, out + GAP, out);
            table->dense_weight_gradient(x, in, rows, in, g, out, out, gradient.values, out + GAP);
            double *products = edge_doubles(rows * out), *sums = doubles_of(weight, in * out);
            for (int64_t row = 0; row < rows; row++)
                for (int64_t o = 0; o < out; o++) {
                    products[row * out + o] = bias[o];
                    for (int64_t i = 0; i < in; i++) {
                        products[row * out + o] += (double)x[row * in + i] * weight[i * out + o];
                        sums[i * out + o] += (double)x[row * in + i] * g[row * out + o];
                    }
                }
            const float *whole = elements_of(output);
            CLOSE(whole, products, rows * out, 1e-5);
            CLOSE(elements_of(gradient), sums, in * out, 1e-5);
            if (rows > 0) {  // A row by itself has the same bits.
                float *alone = edge_floats(out);
                const float *last = copy_of(x + (rows - 1) * in, in);
                table->dense_rows(last, in, 1, in, packed, bias, 1, alone, out, out);
                HOLDS(have_same_bits(alone, whole + (rows - 1) * out, out));
            }
            end_case();
        }
}

static void products_of_a_blas(void) {
    static const int64_t row_counts[] = {0, 1, 2, 5, 100}, ins[] = {0, 1, 3, 16, 33}, outs[] = {0, 1, 7, 32};
    begin_case("products at once");
    HOLDS(scn_dense_products_at_once(1) == 1);
    for (int64_t c = 0; c < COUNT_OF(row_counts) * COUNT_OF(ins) * COUNT_OF(outs); c++) {
        int64_t rows = row_counts[c / COUNT_OF(outs) / COUNT_OF(ins)], in = ins[c / COUNT_OF(outs) % COUNT_OF(ins)];
        int64_t out = outs[c % COUNT_OF(outs)];
        begin_case("product, %lld -> %lld planes, %lld rows", (long long)in, (long long)out, (long long)rows);
        const float *x = uneven_floats(rows * in, 1), *weight = uneven_floats(in * out, 2);
        const float *start = uneven_floats(rows * out, 3);
        for (int32_t choice = 0; choice < 4; choice++) {
            int32_t is_transposed = choice % 2, adds = choice / 2;
            float *output = copy_of(start, rows * out);
            double *want = edge_doubles(rows * out);
            scn_dense_product(x, rows, in, weight, is_transposed, output, out, adds);
            for (int64_t i = 0; i < rows * out; i++) {
                if (adds) want[i] = start[i];
                for (int64_t k = 0; k < in; k++)
                    want[i] += (double)x[i / out * in + k] *
                               weight[is_transposed ? i % out * in + k : k * out + i % out];
            }
            CLOSE(output, want, rows * out, 1e-5);
        }
        float *product = filled(in * out, NAN);
        double *want = edge_doubles(in * out);
        scn_dense_product_of_columns(x, rows, in, start, out, product);
        for (int64_t i = 0; i < in * out; i++)
            for (int64_t row = 0; row < rows; row++)
                want[i] += (double)x[row * in + i / out] * start[row * out + i % out];
        CLOSE(product, want, in * out, 1e-5);
        end_case();
    }
}

int main(void) {
    static void (*const tests[])(const scn_kernel_table *) = {rows_of_a_table};
    products_of_a_blas();
    return run_on_all_tables(tests, COUNT_OF(tests));
}

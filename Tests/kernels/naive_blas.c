/* The part of OpenBLAS that the kernels call, as loops: for a machine whose OpenBLAS is not at hand. It shows that
 * products are asked for with the right sizes, strides and transpositions, and nothing about OpenBLAS. */
#include <stdint.h>

enum { TRANSPOSED = 112 };

void cblas_sgemm(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float *a, int lda,
                 const float *b, int ldb, float beta, float *c, int ldc);
void cblas_sgemm(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float *a, int lda,
                 const float *b, int ldb, float beta, float *c, int ldc) {
    (void)order;
    for (int64_t row = 0; row < m; row++)
        for (int64_t column = 0; column < n; column++) {
            double sum = 0;
            for (int64_t i = 0; i < k; i++)
                sum += (double)a[transpose_a == TRANSPOSED ? i * lda + row : row * lda + i] *
                       b[transpose_b == TRANSPOSED ? column * ldb + i : i * ldb + column];
            float *out = c + row * ldc + column;
            *out = (float)(alpha * sum + (beta == 0 ? 0 : (double)beta * *out));
        }
}

void openblas_set_num_threads(int count);
void openblas_set_num_threads(int count) { (void)count; }
int openblas_get_num_threads(void);
int openblas_get_num_threads(void) { return 1; }
const char *openblas_get_corename(void);
const char *openblas_get_corename(void) { return "naive loops"; }

/* Adding and joining matrices at the functional level, in memory that the library allocates. */
#include "check.h"

static scn_matrix matrix(float *data, int64_t rows, int64_t planes) {
    scn_matrix result = {data, rows, planes};
    return result;
}

/** Sums, planes side by side and apart again, into memory of the library's. */
static void test_add_and_join(int64_t rows) {
    enum { A = 3, B = 70, BOTH = A + B };
    const int64_t shape[] = {rows, BOTH};
    float *a = random_floats(rows * A, 81), *b = random_floats(rows * B, 82), *back_a = floats(rows * A),
          *back_b = floats(rows * B), *joined, *sum = floats(rows * A);
    scn_tensor *memory;
    OK(scn_tensor_allocate(shape, 2, &memory));
    OK(scn_tensor_data(memory, &joined));
    scn_matrix parts[] = {matrix(a, rows, A), matrix(b, rows, B)};
    scn_matrix apart[] = {matrix(back_a, rows, A), matrix(back_b, rows, B)};
    scn_matrix side_by_side = matrix(joined, rows, BOTH), total = matrix(sum, rows, A);
    OK(scn_join_forward(parts, 2, &side_by_side));
    int wrong = 0;
    for (int64_t row = 0; row < rows; row++) {
        wrong += memcmp(joined + row * BOTH, a + row * A, A * sizeof *a) != 0;
        wrong += memcmp(joined + row * BOTH + A, b + row * B, B * sizeof *b) != 0;
    }
    CHECK(wrong == 0);
    OK(scn_join_backward(&side_by_side, apart, 2));
    CHECK(memcmp(back_a, a, (size_t)(rows * A) * sizeof *a) == 0);
    CHECK(memcmp(back_b, b, (size_t)(rows * B) * sizeof *b) == 0);
    OK(scn_add_forward(&parts[0], &apart[0], &total));
    for (int64_t i = 0; i < rows * A; i++) wrong += sum[i] != 2 * a[i];
    OK(scn_add_forward(&parts[0], &parts[0], &parts[0]));
    CHECK(wrong == 0 && memcmp(sum, a, (size_t)(rows * A) * sizeof *a) == 0);
    OK(scn_tensor_release(memory));
    free(a), free(b), free(back_a), free(back_b), free(sum);
}

int main(void) {
    const int64_t before = scn_memory_in_use();
    test_add_and_join(0);
    test_add_and_join(37);
    test_add_and_join(5000);
    CHECK(scn_live_handles() == 0);
    CHECK(scn_memory_in_use() <= before);
    return finish();
}

/* Adding and joining matrices at the functional level, in memory that the library allocates. */
#include "check.h"

/** Sums, planes side by side and apart again, into memory of the library's. */
static void test_add_and_join(int64_t rows) {
    enum { A = 3, B = 70, BOTH = A + B };
    const int64_t shape[] = {rows, BOTH};
    float *a = random_floats(rows * A, 81), *b = random_floats(rows * B, 82), *back_a = floats(rows * A),
          *back_b = floats(rows * B), *joined, *sum = floats(rows * A);
    scn_tensor *memory;
    OK(scn_tensor_allocate(shape, 2, &memory));
    OK(scn_tensor_data(memory, &joined));
    scn_matrix parts[] = {SCN_MATRIX(a, rows, A), SCN_MATRIX(b, rows, B)};
    scn_matrix apart[] = {SCN_MATRIX(back_a, rows, A), SCN_MATRIX(back_b, rows, B)};
    scn_matrix side_by_side = SCN_MATRIX(joined, rows, BOTH), total = SCN_MATRIX(sum, rows, A);
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

/** What a program compiled against a header of fewer members passes. */
typedef struct smaller_matrix {
    size_t struct_size;
    scn_element_type type;
    void *data;
    int64_t rows, planes;
} smaller_matrix;

/** Arrays of matrices are as far apart as their own size says. */
static void test_smaller_structs(void) {
    float a[] = {1, 2}, b[] = {3, 4, 5, 6}, joined[6] = {0}, back_a[2] = {0}, back_b[4] = {0};
    const float expected[] = {1, 3, 4, 2, 5, 6};
    const smaller_matrix parts[] = {{sizeof parts[0], SCN_FLOAT32, a, 2, 1}, {sizeof parts[0], SCN_FLOAT32, b, 2, 2}};
    const smaller_matrix apart[] = {{sizeof apart[0], SCN_FLOAT32, back_a, 2, 1},
                                    {sizeof apart[0], SCN_FLOAT32, back_b, 2, 2}};
    scn_matrix result = SCN_MATRIX(joined, 2, 3), mixed[] = {SCN_MATRIX(a, 2, 1), SCN_MATRIX(b, 2, 2)};
    CHECK(sizeof parts[0] < sizeof result);
    OK(scn_join_forward((const scn_matrix *)(const void *)parts, 2, &result));
    CHECK(memcmp(joined, expected, sizeof joined) == 0);
    OK(scn_join_backward(&result, (const scn_matrix *)(const void *)apart, 2));
    CHECK(memcmp(back_a, a, sizeof a) == 0 && memcmp(back_b, b, sizeof b) == 0);
    mixed[1].struct_size = sizeof parts[0];
    CHECK(scn_join_forward(mixed, 2, &result) == SCN_ERROR_INVALID_ARGUMENT);
    CHECK(strstr(scn_last_error(), "inputs[1]: struct_size") != NULL);
    CHECK(memcmp(joined, expected, sizeof joined) == 0);
}

int main(void) {
    const int64_t before = scn_memory_in_use();
    test_add_and_join(0);
    test_add_and_join(37);
    test_add_and_join(5000);
    test_smaller_structs();
    CHECK(scn_live_handles() == 0);
    CHECK(scn_memory_in_use() <= before);
    return finish();
}

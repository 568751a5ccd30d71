/* Operations on plain buffers of bfloat16, against those on float32. */
#include "check.h"

#include <string.h>

enum { ROUNDED_PLANES = 2, ROUNDED_ROWS = 6 };

/** Small whole numbers are the same in both types, and so are their sums. */
typedef struct rounded {
    float exact[ROUNDED_ROWS * ROUNDED_PLANES];
    uint16_t half[ROUNDED_ROWS * ROUNDED_PLANES];
    scn_matrix in_float32, in_bfloat16;
} rounded;

static void round_numbers(rounded *r, int64_t rows, int first) {
    for (int i = 0; i < ROUNDED_ROWS * ROUNDED_PLANES; i++) {
        uint32_t bits;
        r->exact[i] = (float)((i * 5 + first) % 7 - 2);
        memcpy(&bits, &r->exact[i], sizeof bits);
        r->half[i] = (uint16_t)(bits >> 16);
    }
    r->in_float32 = SCN_MATRIX(r->exact, rows, ROUNDED_PLANES);
    r->in_bfloat16 = SCN_MATRIX(NULL, rows, ROUNDED_PLANES);
    r->in_bfloat16.data = r->half, r->in_bfloat16.type = SCN_BFLOAT16;
}

static scn_matrix *of_type(rounded *r, int is_rounded) { return is_rounded ? &r->in_bfloat16 : &r->in_float32; }

static void check_rounded(int operation, const rounded *r) {
    for (int64_t i = 0; i < r->in_float32.rows * ROUNDED_PLANES; i++) {
        uint32_t bits = (uint32_t)r->half[i] << 16;
        float value;
        memcpy(&value, &bits, sizeof value);
        CHECK(value == r->exact[i]);
        if (value != r->exact[i]) printf("operation %d: %g, expected %g\n", operation, value, r->exact[i]);
    }
}

/** Points, poolings and their reverse take and give bfloat16. */
static void test_rounded_matrices(void) {
    const int64_t size[] = {8}, where[] = {1, 6, 1, 2, 7, 6}, two[] = {2};
    const int64_t result_rows[] = {4, ROUNDED_ROWS, ROUNDED_ROWS, 4, 3, 4, 3, 4, 4, 3};
    scn_geometry *line;
    scn_rulebook *rules, *back;
    scn_filter filter = SCN_FILTER_INIT;
    int32_t level;
    rounded points, sites, coarse, result;
    filter.dimension = 1, filter.size = two, filter.stride = two;
    OK(scn_geometry_create(1, size, where, ROUNDED_ROWS, 1, 0, SCN_INPUT_SUM, &line));
    OK(scn_geometry_strided(line, 0, &filter, &level, &rules));
    OK(scn_rulebook_reversed(rules, &back));
    round_numbers(&points, ROUNDED_ROWS, 0);
    round_numbers(&sites, 4, 1);
    round_numbers(&coarse, 3, 3);
    for (int operation = 0; operation < 10; operation++) {
        round_numbers(&result, result_rows[operation], 6);
        for (int is_rounded = 0; is_rounded <= 1; is_rounded++) {
            const scn_matrix *p = of_type(&points, is_rounded), *s = of_type(&sites, is_rounded);
            const scn_matrix *c = of_type(&coarse, is_rounded);
            scn_matrix *r = of_type(&result, is_rounded);
            switch (operation) {
            case 0: OK(scn_input_forward(line, p, r)); break;
            case 1: OK(scn_input_backward(line, s, r)); break;
            case 2: OK(scn_output_forward(line, s, r)); break;
            case 3: OK(scn_output_backward(line, p, r)); break;
            case 4: OK(scn_max_pooling_forward(rules, s, 0, r)); break;
            case 5: OK(scn_max_pooling_backward(rules, s, c, c, 0, r)); break;
            case 6: OK(scn_average_pooling_forward(rules, s, 0, r)); break;
            case 7: OK(scn_average_pooling_backward(rules, c, 0, r)); break;
            case 8: OK(scn_unpooling_forward(back, c, 0, r)); break;
            default: OK(scn_unpooling_backward(back, s, 0, r)); break;
            }
        }
        check_rounded(operation, &result);
    }
    OK(scn_rulebook_release(back));
    OK(scn_rulebook_release(rules));
    OK(scn_geometry_release(line));
}

int main(void) {
    test_rounded_matrices();
    CHECK(scn_live_handles() == 0);
    return finish();
}

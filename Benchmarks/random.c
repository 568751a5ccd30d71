// Numbers and memory for everything that is measured.
#include <stdlib.h>

#include "bench.h"

double uniform(void) {
    // xorshift64* (Vigna, 2016)
    static uint64_t state = 0x9E3779B97F4A7C15;
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (double)((state * 0x2545F4914F6CDD1D) >> 11) * 0x1p-53;
}

void *allocate(int64_t bytes) {
    void *memory = aligned_alloc(64, (size_t)(bytes + 63) / 64 * 64);
    if (!memory) fail("out of memory: %lld bytes asked for", (long long)bytes);
    return memory;
}

scn_matrix random_matrix(int64_t rows, int64_t planes) {
    scn_matrix matrix = SCN_MATRIX(allocate(rows * planes * (int64_t)sizeof(float)), rows, planes);
    float *values = matrix.data;
    for (int64_t i = 0; i < rows * planes; i++) values[i] = (float)(2 * uniform() - 1);
    return matrix;
}

void free_matrix(scn_matrix *matrix) {
    free(matrix->data);
    matrix->data = NULL;
}

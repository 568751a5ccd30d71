/* Products where OpenBLAS cannot have its buffers, or not all that it would use: right, and the same for any number of
 * threads. Each limit is for a child process, since OpenBLAS keeps the buffers that it has. */
#define _POSIX_C_SOURCE 200809L
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

enum { ROWS = 2000, IN = 200, OUT = 150 };
static float *input_values, *weight;

/** A product and its gradient by the weight, computed in double: sums over IN and ROWS. */
static void check_against_loops(const float *output, const float *by_weight, const float *output_gradient) {
    double *expected = doubles(IN * OUT);
    for (int row = 0; row < ROWS; row += 501) {
        for (int out = 0; out < OUT; out++) {
            expected[out] = 0;
            for (int in = 0; in < IN; in++)
                expected[out] += (double)input_values[row * IN + in] * weight[in * OUT + out];
        }
        NEAR("a product", output + row * OUT, expected, OUT, 1e-5);
    }
    memset(expected, 0, IN * OUT * sizeof(double));
    for (int row = 0; row < ROWS; row++)
        for (int in = 0; in < IN; in++)
            for (int out = 0; out < OUT; out++)
                expected[in * OUT + out] += (double)input_values[row * IN + in] * output_gradient[row * OUT + out];
    NEAR("a gradient", by_weight, expected, IN * OUT, 1e-5);
    free(expected);
}

static uint64_t hash(const float *values, int64_t count, uint64_t sum) {
    for (int64_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        sum = (sum ^ bits) * 1099511628211u;
    }
    return sum;
}

static uint64_t product(int32_t threads) {
    float *output = floats(ROWS * OUT), *by_weight = floats(IN * OUT);
    scn_matrix input_matrix = SCN_MATRIX(input_values, ROWS, IN), output_matrix = SCN_MATRIX(output, ROWS, OUT);
    OK(scn_set_thread_count(threads));
    OK(scn_linear_forward(&input_matrix, weight, 0, NULL, &output_matrix));
    OK(scn_linear_backward_weight(&input_matrix, &output_matrix, 0, by_weight, NULL));
    check_against_loops(output, by_weight, output);
    const uint64_t sum = hash(by_weight, IN * OUT, hash(output, ROWS * OUT, 14695981039346656037u));
    free(output), free(by_weight);
    return sum;
}

static uint64_t megabytes_in_use(void) {
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%lu", &pages) != 1) pages = 0;
    if (file) fclose(file);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE) >> 20;
}

/** Return the hash that a child with so many megabytes of addresses more finds on 1, 4 and again 1 threads. */
static uint64_t with_limit(int64_t megabytes) {
    int ends[2], status = -1;
    uint64_t sum = 0;
    if (!CHECK(pipe(ends) == 0)) return 0;
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        struct rlimit limit;
        passed_count = failed_count = 0;
        alarm(60);
        CHECK(getrlimit(RLIMIT_AS, &limit) == 0);
        limit.rlim_cur = (rlim_t)((megabytes_in_use() + (uint64_t)megabytes) << 20);
        CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
        sum = product(1);
        CHECK(product(4) == sum && product(1) == sum && product(3) == sum);
        CHECK(write(ends[1], &sum, sizeof sum) == sizeof sum);
        fflush(stdout);
        _exit(failed_count != 0);
    }
    close(ends[1]);
    CHECK(child > 0 && read(ends[0], &sum, sizeof sum) == sizeof sum);
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    if (status) printf("with %d MB more: status %d\n", (int)megabytes, status);
    close(ends[0]);
    return sum;
}

int main(void) {
    const int64_t shape = 1 << 20;
    scn_tensor *tensor = NULL;
    input_values = random_floats(ROWS * IN, 1), weight = random_floats(IN * OUT, 2);
    /* The library maps addresses for its own use before the limit. */
    OK(scn_tensor_create(&shape, 1, NULL, &tensor)), OK(scn_tensor_release(tensor));
#ifndef IS_SANITIZED
    const uint64_t own = with_limit(8);
    CHECK(with_limit(100) == own);
    const uint64_t one = with_limit(200);
    CHECK(with_limit(400) == one);
    CHECK(with_limit(3000) == one);
    CHECK(product(4) == one);
#endif
    product(2);
    free(input_values), free(weight);
    return finish();
}

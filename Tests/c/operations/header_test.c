/* The header comes first and twice, so it needs no other header before it and guards itself. Compiled as C99 and as
 * C++17 with -Wall -Wextra -pedantic -Werror. What it says of itself is what the library says. */
#include <scn.h>
#include <scn.h>

#include "check.h"

int main(void) {
    char version[64];
    snprintf(version, sizeof version, "%d.%d.%d", SCN_VERSION_MAJOR, SCN_VERSION_MINOR, SCN_VERSION_PATCH);
    CHECK(strcmp(scn_version(), version) == 0);
    CHECK(scn_abi_version() == SCN_ABI_VERSION);
    CHECK(sizeof(scn_status) == sizeof(int));

    const char *names[] = {"SCN_OK",
                           "SCN_ERROR_INVALID_ARGUMENT",
                           "SCN_ERROR_SHAPE",
                           "SCN_ERROR_COORDINATE",
                           "SCN_ERROR_HANDLE",
                           "SCN_ERROR_MEMORY",
                           "SCN_ERROR_OVERFLOW",
                           "SCN_ERROR_FILE",
                           "SCN_ERROR_FORMAT",
                           "SCN_ERROR_STATE",
                           "SCN_ERROR_UNSUPPORTED",
                           "SCN_ERROR_INTERNAL"};
    for (int status = 0; status <= SCN_ERROR_INTERNAL; status++)
        CHECK(strcmp(scn_status_name((scn_status)status), names[status]) == 0);
    CHECK(strcmp(scn_status_name((scn_status)12), "unknown status") == 0);
    CHECK(strcmp(scn_status_name((scn_status)15), "unknown status") == 0);

    scn_convolution_options convolution = SCN_CONVOLUTION_OPTIONS_INIT;
    scn_pooling_options pooling = SCN_POOLING_OPTIONS_INIT;
    scn_batch_norm_options batch_norm = SCN_BATCH_NORM_OPTIONS_INIT;
    scn_sgd_options sgd = SCN_SGD_OPTIONS_INIT;
    scn_adam_options adam = SCN_ADAM_OPTIONS_INIT;
    scn_filter filter = SCN_FILTER_INIT;
    CHECK(convolution.struct_size == sizeof convolution && convolution.groups == 1 && convolution.bias == 0);
    CHECK(convolution.padding == NULL && convolution.dilation == NULL);
    CHECK(pooling.struct_size == sizeof pooling && pooling.features_to_drop == 0);
    CHECK(batch_norm.struct_size == sizeof batch_norm && batch_norm.epsilon == 1e-4 && batch_norm.momentum == 0.99);
    CHECK(batch_norm.affine == 1 && batch_norm.leakiness == 1);
    CHECK(sgd.struct_size == sizeof sgd && sgd.learning_rate == 0.01 && sgd.momentum == 0 && sgd.nesterov == 0);
    CHECK(adam.struct_size == sizeof adam && adam.beta1 == 0.9 && adam.beta2 == 0.999 && adam.decoupled == 0);
    CHECK(filter.struct_size == sizeof filter && filter.dimension == 0 && filter.size == NULL);

    CHECK(strcmp(scn_last_error(), "") == 0);
    CHECK(strstr(scn_cpu_description(), ", ") != NULL);
    CHECK(scn_get_thread_count() >= 1);
    CHECK(scn_live_handles() == 0);
    CHECK(scn_memory_in_use() >= 0);
    return finish();
}

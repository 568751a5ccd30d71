/* Under a limit on addresses, what was released is no hindrance to what is larger; what does not fit is an error. */
#define _POSIX_C_SOURCE 200809L
#include <sys/resource.h>

#include "check.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(undefined_behavior_sanitizer)
#define ADDRESSES_ARE_SHORT 0 /* The sanitizer takes more of them than there is memory. */
#endif
#endif
#ifndef ADDRESSES_ARE_SHORT
#define ADDRESSES_ARE_SHORT 1
#endif

#define MEGABYTE (INT64_C(1) << 20)

static scn_status allocate(int64_t megabytes, scn_tensor **tensor) {
    const int64_t shape = megabytes * MEGABYTE / 4;
    return scn_tensor_allocate(&shape, 1, tensor);
}

int main(void) {
    const int64_t sizes[] = {300, 1100, 1300, 1500, 900, 1600};
    scn_tensor *small = NULL, *large = NULL;
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_AS, &limit) == 0);
    limit.rlim_cur = (rlim_t)(3500 * MEGABYTE);
    if (ADDRESSES_ARE_SHORT) CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
    for (int i = 0; i < 6; i++) {
        float *values = NULL;
        OK(allocate(sizes[i], &large));
        OK(scn_tensor_data(large, &values));
        if (values) values[0] = values[sizes[i] * MEGABYTE / 4 - 1] = 1;
        OK(scn_tensor_release(large));
    }
    OK(allocate(10, &small));
    if (ADDRESSES_ARE_SHORT) CHECK(allocate(4000, &large) == SCN_ERROR_MEMORY && scn_last_error()[0] != 0);
    OK(allocate(1700, &large));
    OK(scn_tensor_release(large));
    OK(scn_tensor_release(small));
    CHECK(scn_live_handles() == 0);
    CHECK(scn_memory_in_use() == 0);
    return finish();
}

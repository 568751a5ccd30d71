/* Any bytes as a checkpoint: opened, restored into modules with an optimizer, restored by names; a file that is refused
 * changes nothing, one that opens can be saved and opens again. */
#include <sys/mman.h>

#include "fuzz.h"

/* The file is in memory: on a disk, making it again takes longer than reading it. */
static int memory_file = -1;
static char path[300], copy[300];

static void write_all(const void *bytes, size_t size) { REQUIRE(write(memory_file, bytes, size) == (ssize_t)size); }

/** Write the file. flags: bit 0, put the header's length before it, the header ending at the first zero byte; bit 1,
 *  fill up with zeros to the size that the next two bytes say. */
static void write_file(uint8_t flags, const uint8_t *bytes, size_t size) {
    static const uint8_t zeros[1 << 16];
    size_t fill = 0;
    REQUIRE(ftruncate(memory_file, 0) == 0 && lseek(memory_file, 0, SEEK_SET) == 0);
    if (flags & 2 && size >= 2) fill = (size_t)(bytes[0] << 8 | bytes[1]), bytes += 2, size -= 2;
    if (flags & 1) {
        const uint8_t *end = (const uint8_t *)memchr(bytes, 0, size);
        const uint64_t length = end ? (uint64_t)(end - bytes) : size;
        write_all(&length, sizeof length);
        write_all(bytes, length);
        size -= length, bytes += length;
        if (size) size--, bytes++;
    }
    write_all(bytes, size);
    write_all(zeros, fill);
}

/** Make a small network with a norm, a spectral norm and a bias; which: 0 ... 1. */
static scn_module *network(int which) {
    static const char *const texts[] = {
        "{\"type\":\"Sequential\",\"modules\":[{\"type\":\"InputLayer\",\"dimension\":2,\"spatial_size\":[8,8],\"mode\":3},"
        "{\"type\":\"SubmanifoldConvolution\",\"dimension\":2,\"in\":1,\"out\":2,\"filter_size\":[3,3],\"bias\":true},"
        "{\"type\":\"BatchNormalization\",\"planes\":2}]}",
        "{\"type\":\"Linear\",\"in\":2,\"out\":2,\"spectral_norm\":{}}"};
    scn_module *module;
    REQUIRE_OK(scn_module_create(texts[which], &module));
    return module;
}

static int64_t parameters_of(scn_module *module, scn_tensor **parameters) {
    int64_t entries, count = 0;
    REQUIRE_OK(scn_module_state_count(module, &entries));
    for (int64_t i = 0; i < entries; i++) {
        const char *name;
        int32_t is_parameter;
        scn_tensor *tensor;
        REQUIRE_OK(scn_module_state(module, i, &name, &tensor, &is_parameter));
        if (is_parameter) parameters[count++] = tensor;
        else REQUIRE_OK(scn_tensor_release(tensor));
    }
    return count;
}

/** Whoever refuses a file leaves the module, the optimizer and the generator as they were. */
static void restore(int which, int optimizer_kind) {
    scn_module *module = network(which);
    scn_tensor *parameters[8];
    scn_optimizer *optimizer = NULL;
    uint64_t before[4], after[4], state = mix_module(0, module);
    double rate = 0, rate_after = 0;
    int64_t count = parameters_of(module, parameters);
    if (optimizer_kind == 1) REQUIRE_OK(scn_sgd_create(parameters, count, NULL, &optimizer));
    if (optimizer_kind == 2) REQUIRE_OK(scn_adam_create(parameters, count, NULL, &optimizer));
    if (optimizer) REQUIRE_OK(scn_optimizer_get_learning_rate(optimizer, &rate));
    REQUIRE_OK(scn_get_random_state(before));
    scn_status status = scn_checkpoint_restore(path, module, optimizer);
    if (status != SCN_OK) {
        REQUIRE(status != SCN_ERROR_INTERNAL && scn_last_error()[0] != 0);
        REQUIRE_OK(scn_get_random_state(after));
        REQUIRE(memcmp(before, after, sizeof before) == 0 && mix_module(0, module) == state);
        if (optimizer) REQUIRE_OK(scn_optimizer_get_learning_rate(optimizer, &rate_after));
        REQUIRE(rate == rate_after);
    } else if (optimizer) {
        (void)scn_optimizer_step(optimizer);
    }
    for (int64_t i = 0; i < count; i++) REQUIRE_OK(scn_tensor_release(parameters[i]));
    REQUIRE_OK(scn_optimizer_release(optimizer));
    REQUIRE_OK(scn_module_release(module));
}

static void restore_named(void) {
    static const char *const names[] = {"weight", "bias"};
    const int64_t weight[] = {2, 2}, bias[] = {2};
    scn_tensor *tensors[2];
    REQUIRE_OK(scn_tensor_create(weight, 2, NULL, &tensors[0]));
    REQUIRE_OK(scn_tensor_create(bias, 1, NULL, &tensors[1]));
    if (scn_checkpoint_restore_named(path, names, tensors, 2, NULL) != SCN_OK)
        for (int i = 0; i < 2; i++) {
            float *data;
            REQUIRE_OK(scn_tensor_data(tensors[i], &data));
            REQUIRE(data[0] == 0 && data[1] == 0);
        }
    for (int i = 0; i < 2; i++) REQUIRE_OK(scn_tensor_release(tensors[i]));
}

static void open_and_save(void) {
    scn_module *module = (scn_module *)path, *twin;
    uint64_t before[4], after[4];
    REQUIRE_OK(scn_get_random_state(before));
    scn_status status = scn_checkpoint_open(path, &module);
    REQUIRE_OK(scn_get_random_state(after));
    if (is_strict()) REQUIRE(memcmp(before, after, sizeof before) == 0);
    if (status != SCN_OK) {
        REQUIRE(module == NULL && status != SCN_ERROR_INTERNAL && scn_last_error()[0] != 0);
        return;
    }
    REQUIRE_OK(scn_checkpoint_save(copy, module, NULL));
    REQUIRE_OK(scn_checkpoint_open(copy, &twin));
    REQUIRE(mix_module(0, module) == mix_module(0, twin));
    REQUIRE_OK(scn_module_release(twin));
    REQUIRE_OK(scn_module_release(module));
}

/** bytes: flags, those of write_file and what is restored from bit 2 on; then the file. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    if (size == 0) return 0;
    if (memory_file < 0) {
        memory_file = memfd_create("checkpoint", 0);
        REQUIRE(memory_file >= 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", memory_file);
        snprintf(copy, sizeof copy, "%s/copy", own_folder());
    }
    REQUIRE_OK(scn_manual_seed(1));
    write_file(bytes[0], bytes + 1, size - 1);
    open_and_save();
    const int kind = bytes[0] >> 2 & 7;
    if (kind < 6) restore(kind / 3, kind % 3);
    else restore_named();
    REQUIRE(scn_live_handles() == 0 && scn_memory_in_use() == 0);
    return 0;
}

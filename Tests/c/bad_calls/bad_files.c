/* Checkpoints and architectures that are damaged, endless or lie about themselves are refused. */
#define _POSIX_C_SOURCE 200809L
#include <sys/stat.h>
#include <unistd.h>

#include "bad_call.h"

static char folder[] = "/tmp/scn-bad-files-XXXXXX";

/** Return the path of a file in the folder; the text stays until the next call but three. */
static const char *in_folder(const char *name) {
    static char paths[4][128];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void write_file(const char *name, const char *bytes, size_t count) {
    FILE *file = fopen(in_folder(name), "wb");
    if (!CHECK(file != NULL)) return;
    CHECK(fwrite(bytes, 1, count, file) == count);
    CHECK(fclose(file) == 0);
}

/** Write a safetensors file: the header's length (0: the true one), the header, and some bytes of data. */
static void write_safetensors(const char *name, uint64_t length, const char *header, size_t data) {
    const size_t header_bytes = strlen(header);
    if (!length) length = header_bytes;
    char *bytes = (char *)zeros((int64_t)(8 + header_bytes + data), 1);
    for (int i = 0; i < 8; i++) bytes[i] = (char)(length >> (8 * i) & 255);
    memcpy(bytes + 8, header, header_bytes);
    write_file(name, bytes, 8 + header_bytes + data);
    free(bytes);
}

/** Return text that begins a module within a module, `depth` times over; escaped as it stands within JSON text. */
static char *nested(int depth, int escaped, const char *before, const char *after) {
    const char *begin =
        escaped ? "{\\\"type\\\":\\\"Sequential\\\",\\\"modules\\\":[" : "{\"type\":\"Sequential\",\"modules\":[";
    char *text = (char *)zeros((int64_t)((size_t)depth * (strlen(begin) + 2) + strlen(before) + strlen(after) + 1), 1);
    char *end = text + sprintf(text, "%s", before);
    for (int i = 0; i < depth; i++) end += sprintf(end, "%s", begin);
    for (int i = 0; i < depth; i++) end += sprintf(end, "]}");
    sprintf(end, "%s", after);
    return text;
}

static void bad_files(void) {
    const char *names[] = {"a", "a"}, *one = "a";
    scn_tensor *const same[] = {dense, dense};
    scn_module *other = NULL;
    if (!mkdtemp(folder)) perror(folder), exit(2);
    char *deep = nested(10000, 1, "{\"__metadata__\":{\"architecture\":\"", "\"}}");
    OK(scn_linear_create(2, 2, 1, &other));
    OK(scn_checkpoint_save(in_folder("good"), sequential, NULL));
    OK(scn_checkpoint_save_named(in_folder("named"), &one, &dense, 1, NULL));
    write_file("empty", "", 0);
    write_file("short", "\20\0\0", 3);
    write_safetensors("truncated", 500, "{\"a\":{\"dtype\":\"F32\"", 0);
    write_safetensors("lies", HUGE_SIZE, "{}", 0);
    write_safetensors("lies more", UINT64_MAX, "{}", 0);
    write_file("zip", "PK\3\4\0\0\10\10\0\0", 10);
    write_file("pickle", "\200\2\212\12l\374\234F\371 ", 10);
    write_safetensors("no json", 0, "no json!!", 0);
    write_safetensors("overlap", 0,
                      "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
                      "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}",
                      12);
    write_safetensors("beyond", 0, "{\"a\":{\"dtype\":\"F32\",\"shape\":[6],\"data_offsets\":[0,24]}}", 8);
    write_safetensors("negative", 0, "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", 8);
    write_safetensors("product", 0,
                      "{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296,2],\"data_offsets\":[0,0]}}", 0);
    write_safetensors("rate", 0,
                      "{\"__metadata__\":{\"generator\":\"1\",\"optimizer\":"
                      "\"{\\\"type\\\":\\\"SGD\\\",\\\"learning_rate\\\":-1,\\\"steps\\\":[0]}\"},"
                      "\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}}",
                      24);
    write_safetensors("deep", 0, deep, 0);
    BAD(INVALID_ARGUMENT, "path", scn_checkpoint_open(NULL, &out_module));
    BAD(FILE, "missing", scn_checkpoint_open(in_folder("missing"), &out_module));
    BAD(FILE, folder, scn_checkpoint_open(folder, &out_module));
    BAD(FILE, "/dev/zero", scn_checkpoint_open("/dev/zero", &out_module));
    BAD(FORMAT, "empty", scn_checkpoint_open(in_folder("empty"), &out_module));
    BAD(FORMAT, "short", scn_checkpoint_open(in_folder("short"), &out_module));
    BAD(FORMAT, "truncated", scn_checkpoint_open(in_folder("truncated"), &out_module));
    BAD(FORMAT, "lies", scn_checkpoint_open(in_folder("lies"), &out_module));
    BAD(FORMAT, "lies more", scn_checkpoint_open(in_folder("lies more"), &out_module));
    BAD(FORMAT, "from_torch_checkpoint", scn_checkpoint_open(in_folder("zip"), &out_module));
    BAD(FORMAT, "from_torch_checkpoint", scn_checkpoint_restore(in_folder("pickle"), sequential, NULL));
    BAD(FORMAT, "no json", scn_checkpoint_open(in_folder("no json"), &out_module));
    BAD(FORMAT, "overlap", scn_checkpoint_restore_named(in_folder("overlap"), &one, &dense, 1, NULL));
    BAD(FORMAT, "beyond", scn_checkpoint_restore_named(in_folder("beyond"), &one, &dense, 1, NULL));
    BAD(FORMAT, "negative", scn_checkpoint_restore_named(in_folder("negative"), &one, &dense, 1, NULL));
    BAD(FORMAT, "product", scn_checkpoint_restore_named(in_folder("product"), &one, &dense, 1, NULL));
    BAD(FORMAT, "learning_rate", scn_checkpoint_restore_named(in_folder("rate"), &one, &dense, 1, optimizer));
    BAD(FORMAT, "deep", scn_checkpoint_open(in_folder("deep"), &out_module));
    BAD(FORMAT, "architecture", scn_checkpoint_open(in_folder("named"), &out_module));
    BAD(FORMAT, "good", scn_checkpoint_restore(in_folder("good"), other, NULL));
    BAD(FORMAT, "optimizer", scn_checkpoint_restore(in_folder("good"), sequential, optimizer));
    BAD(INVALID_ARGUMENT, "optimizer", scn_checkpoint_save(in_folder("x"), sequential, optimizer));
    BAD(FILE, "no such", scn_checkpoint_save(in_folder("no such/file"), sequential, NULL));
    BAD(FILE, folder, scn_checkpoint_save(folder, sequential, NULL));
    BAD(INVALID_ARGUMENT, "path", scn_checkpoint_save(NULL, sequential, NULL));
    BAD(INVALID_ARGUMENT, "names", scn_checkpoint_save_named(in_folder("x"), NULL, same, 2, NULL));
    BAD(INVALID_ARGUMENT, "names", scn_checkpoint_save_named(in_folder("x"), names, same, 2, NULL));
    BAD(INVALID_ARGUMENT, "count", scn_checkpoint_save_named(in_folder("x"), names, same, -1, NULL));
    const char *const written[] = {"good",    "named",   "empty",  "short",    "truncated", "lies", "lies more",
                                   "no json", "overlap", "beyond", "negative", "product",   "deep", "rate",
                                   "zip",     "pickle"};
    for (size_t i = 0; i < sizeof written / sizeof written[0]; i++) unlink(in_folder(written[i]));
    CHECK(rmdir(folder) == 0);
    scn_module_release(other);
    free(deep);
}

static void bad_architectures(void) {
    char *deep = nested(10000, 0, "", "");
    char *open = (char *)zeros(100001, 1);
    memset(open, '[', 100000);
    BAD(INVALID_ARGUMENT, "json", scn_module_create(NULL, &out_module));
    BAD(FORMAT, "", scn_module_create("", &out_module));
    BAD(FORMAT, "", scn_module_create("{\"type\": \"ReLU\"", &out_module));
    BAD(FORMAT, "type", scn_module_create("{}", &out_module));
    BAD(FORMAT, "type", scn_module_create("{\"type\": 3}", &out_module));
    BAD(FORMAT, "NoSuchLayer", scn_module_create("{\"type\": \"NoSuchLayer\"}", &out_module));
    BAD(FORMAT, "modules", scn_module_create("{\"type\": \"Sequential\", \"modules\": 7}", &out_module));
    BAD(FORMAT, "", scn_module_create("{\"type\": \"Linear\"}", &out_module));
    BAD(FORMAT, "deep", (out_text = deep, scn_module_create(out_text, &out_module)));
    BAD(FORMAT, "deep", (out_text = open, scn_module_create(out_text, &out_module)));
    free(deep), free(open);
}

int main(void) {
    set_up();
    bad_files();
    bad_architectures();
    tear_down();
    return finish();
}

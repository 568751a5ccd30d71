/* Paths that are no text, saves that are killed or find no room, and files and texts that ask for more than there is:
 * an error each, a file that is whole, and no end of the process. */
#define _XOPEN_SOURCE 700
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

#ifdef IS_SANITIZED
#define ADDRESSES_ARE_SHORT 0 /* The sanitizer takes more of them than there is memory. */
#else
#define ADDRESSES_ARE_SHORT 1
#endif

static char folder[] = "/tmp/scn-files-XXXXXX";

/** Return the number of entries of the current folder. */
static int entries(void) {
    int count = -2; /* . and .. */
    DIR *listing = opendir(".");
    if (!listing) return -1;
    while (readdir(listing)) count++;
    closedir(listing);
    return count;
}

/** Count a call that must fail with a status and a message that has `text` in it. */
static void fails(scn_status status, scn_status wanted, const char *text, int line) {
    const int good = status == wanted && strstr(scn_last_error(), text) != NULL;
    if (!good) printf("%s: %s\n", scn_status_name(status), status == SCN_OK ? "" : scn_last_error());
    check(good, __FILE__, line, text);
}
#define FAILS(status, text, call) fails(call, SCN_ERROR_##status, text, __LINE__)

/** Count whether a child process that runs `body` ends by itself with status 0. */
static void in_child(const char *name, void (*body)(const void *), const void *argument) {
    int status = 0;
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        body(argument);
        fflush(stdout);
        _exit(failed_count > 0);
    }
    waitpid(child, &status, 0);
    if (!WIFEXITED(status)) printf("%s: ended by signal %d\n", name, WTERMSIG(status));
    check(WIFEXITED(status) && WEXITSTATUS(status) == 0, __FILE__, __LINE__, name);
}

static void paths(void) {
    scn_module *linear = NULL, *opened = NULL;
    char name[8], long_path[6000];
    OK(scn_linear_create(2, 3, 1, &linear));
    OK(scn_checkpoint_save("caf\xe9.st", linear, NULL));
    CHECK(access("caf\xe9.st", F_OK) == 0);
    OK(scn_checkpoint_open("caf\xe9.st", &opened));
    OK(scn_checkpoint_restore("caf\xe9.st", linear, NULL));
    OK(scn_module_release(opened));
    FAILS(FILE, "na\\xefve.st: cannot be opened: No such file", scn_checkpoint_open("na\xefve.st", &opened));
    FAILS(FILE, "a\\x0ab: ", scn_checkpoint_restore("a\nb", linear, NULL));
    FAILS(FILE, "path: is empty, expected the path of a file", scn_checkpoint_open("", &opened));
    FAILS(FILE, "path: is empty", scn_checkpoint_restore("", linear, NULL));
    FAILS(FILE, "path: is empty", scn_checkpoint_save("", linear, NULL));
    memset(long_path, 'x', sizeof long_path - 1);
    long_path[sizeof long_path - 1] = 0;
    FAILS(FILE, "longer than the 4095 bytes", scn_checkpoint_save(long_path, linear, NULL));
    long_path[4000] = 0;
    FAILS(FILE, "x: cannot be opened: File name too long", scn_checkpoint_open(long_path, &opened));

    /* A link whose target is no text, relative and then from another folder; a chain; a loop; one that hangs. */
    CHECK(symlink("caf\xe9.st", "link") == 0 && unlink("caf\xe9.st") == 0);
    OK(scn_checkpoint_save("link", linear, NULL));
    CHECK(access("caf\xe9.st", F_OK) == 0);
    CHECK(mkdir("d\xfc", 0700) == 0 && symlink("../link", "d\xfc/l0") == 0);
    OK(scn_checkpoint_save("d\xfc/l0", linear, NULL));
    OK(scn_checkpoint_open("d\xfc/l0", &opened));
    OK(scn_module_release(opened));
    for (int i = 1; i <= 45; i++) {
        char target[8];
        snprintf(name, sizeof name, "l%d", i), snprintf(target, sizeof target, "l%d", i - 1);
        CHECK(symlink(i == 1 ? "link" : target, name) == 0);
    }
    OK(scn_checkpoint_save("l30", linear, NULL));
    FAILS(FILE, "Too many levels of symbolic links", scn_checkpoint_save("l45", linear, NULL));
    FAILS(FILE, "Too many levels of symbolic links", scn_checkpoint_open("l45", &opened));
    for (int i = 1; i <= 45; i++) snprintf(name, sizeof name, "l%d", i), CHECK(unlink(name) == 0);
    CHECK(unlink("d\xfc/l0") == 0 && rmdir("d\xfc") == 0 && unlink("link") == 0 && unlink("caf\xe9.st") == 0);

    CHECK(mkfifo("fifo", 0600) == 0);
    FAILS(FILE, "is not a regular file", scn_checkpoint_save("fifo", linear, NULL));
    FAILS(FILE, "is not a regular file", scn_checkpoint_open("fifo", &opened));
    FAILS(FILE, "is not a regular file", scn_checkpoint_save("/dev/null", linear, NULL));
    FAILS(FILE, "is a directory", scn_checkpoint_save(".", linear, NULL));
    FAILS(FILE, "no such/file: cannot be written: No such file", scn_checkpoint_save("no such/file", linear, NULL));
    FAILS(FILE, "fifo/file: cannot be written: Not a directory", scn_checkpoint_save("fifo/file", linear, NULL));
    CHECK(unlink("fifo") == 0);
    FAILS(FILE, "cannot be written", scn_checkpoint_save("/proc/scn.st", linear, NULL));
    CHECK(entries() == 0);
    OK(scn_module_release(linear));
}

static void save_for_ever(const void *argument) {
    scn_module *linear = NULL;
    (void)argument;
    OK(scn_linear_create(1500, 1500, 0, &linear));
    for (;;) OK(scn_checkpoint_save("net.st", linear, NULL));
}

/** Saves that are killed leave the old file or the new one, and the next save removes what they left beside it. */
static void killed_saves(void) {
    scn_module *linear = NULL, *opened = NULL;
    int leftovers = 0;
    OK(scn_linear_create(1500, 1500, 0, &linear));
    OK(scn_checkpoint_save("net.st", linear, NULL));
    for (int i = 0; i < 8; i++) {
        fflush(stdout);
        const pid_t child = fork();
        if (child == 0) save_for_ever(NULL), _exit(1);
        const struct timespec pause = {0, 30000000 + 7000000 * i};
        nanosleep(&pause, NULL);
        CHECK(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
        OK(scn_checkpoint_open("net.st", &opened));
        OK(scn_module_release(opened));
        leftovers += entries() > 1;
        if (i % 4 == 3) {
            OK(scn_checkpoint_save("net.st", linear, NULL));
            CHECK(entries() == 1);
        }
    }
    printf("%d of 8 killed saves left a file\n", leftovers);

    OK(scn_module_release(linear));
    OK(scn_linear_create(300, 300, 0, &linear));

    /* Two processes that save at the same time leave each other's temporary file alone. */
    pid_t savers[2];
    for (int i = 0; i < 2; i++) {
        fflush(stdout);
        savers[i] = fork();
        if (savers[i] == 0) {
            for (int round = 0; round < 8; round++) OK(scn_checkpoint_save(i ? "a.st" : "b.st", linear, NULL));
            fflush(stdout);
            _exit(failed_count > 0);
        }
    }
    for (int i = 0; i < 2; i++) {
        int status = 1;
        waitpid(savers[i], &status, 0);
        CHECK(status == 0);
    }
    CHECK(entries() == 3);
    CHECK(unlink("net.st") == 0 && unlink("a.st") == 0 && unlink("b.st") == 0);
    OK(scn_module_release(linear));
}

/** A limit on the size of files is an error, and the old file stays. */
static void little_room(const void *argument) {
    scn_module *large = NULL, *small = NULL, *opened = NULL;
    const struct rlimit limit = {100000, 100000};
    (void)argument;
    OK(scn_linear_create(200, 200, 0, &large));
    OK(scn_linear_create(20, 20, 0, &small));
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    OK(scn_checkpoint_save("net.st", small, NULL));
    FAILS(FILE, "net.st: cannot be written: File too large", scn_checkpoint_save("net.st", large, NULL));
    CHECK(entries() == 1);
    OK(scn_checkpoint_open("net.st", &opened));
    CHECK(unlink("net.st") == 0);
}

static void write_header(const char *header, size_t data) {
    const uint64_t length = strlen(header);
    FILE *file = fopen("header.st", "wb");
    if (!CHECK(file != NULL)) return;
    for (int i = 0; i < 8; i++) fputc((int)(length >> (8 * i) & 255), file);
    CHECK(fwrite(header, 1, length, file) == length);
    for (size_t i = 0; i < data; i++) fputc(0, file);
    CHECK(fclose(file) == 0);
}

/** Return `count` numbered copies of `format`, between two texts. */
static char *repeated(const char *before, const char *format, int count, const char *after) {
    char *text = (char *)zeros((int64_t)(strlen(before) + strlen(after) + (size_t)count * (strlen(format) + 8) + 1), 1);
    char *end = text + sprintf(text, "%s", before);
    for (int i = 0; i < count; i++) end += sprintf(end, format, i);
    sprintf(end, "%s", after);
    return text;
}

/** A small file whose architecture is large is refused before anything is made of it; the generator stays as it is. */
static void amplification(void) {
    scn_module *module = NULL;
    uint64_t before[4], after[4];
    char *deep = repeated("{\"__metadata__\":{\"architecture\":\"{\\\"type\\\":\\\"Sequential\\\",\\\"modules\\\":[",
                          "{\\\"type\\\":\\\"Linear\\\",\\\"in\\\":%d,\\\"out\\\":1500},", 60, "{}]}\"}}");
    const char *const headers[] = {
        "{\"__metadata__\":{\"architecture\":\"{\\\"type\\\":\\\"Linear\\\",\\\"in\\\":20000,\\\"out\\\":20000}\"}}",
        "{\"__metadata__\":{\"architecture\":\"{\\\"type\\\":\\\"Linear\\\",\\\"in\\\":20000,\\\"out\\\":20000,"
        "\\\"bias\\\":false}\"},\"weight\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}",
        "{\"__metadata__\":{\"architecture\":\"{\\\"type\\\":\\\"Linear\\\",\\\"in\\\":20000,\\\"out\\\":20000,"
        "\\\"bias\\\":false,\\\"spectral_norm\\\":{}}\"},\"weight\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,"
        "0]},\"weight_u\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},\"weight_orig\":{\"dtype\":\"F32\","
        "\"shape\":[0],\"data_offsets\":[0,0]}}",
        "{\"__metadata__\":{\"architecture\":\"{\\\"type\\\":\\\"BatchNormalization\\\",\\\"planes\\\":2000000000}\"}}",
        "{\"__metadata__\":{\"architecture\":\"{\\\"type\\\":\\\"InferenceNetwork\\\",\\\"modules\\\":[{\\\"type\\\":"
        "\\\"SubmanifoldConvolution\\\",\\\"dimension\\\":10,\\\"in\\\":2000,\\\"out\\\":2000,\\\"filter_size\\\":4}]}\"}"
        "}",
        deep};
    OK(scn_get_random_state(before));
    const long resident = resident_kilobytes();
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        write_header(headers[i], 0);
        const clock_t start = clock();
        FAILS(FORMAT, "header.st: ", scn_checkpoint_open("header.st", &module));
        CHECK(module == NULL && (double)(clock() - start) / CLOCKS_PER_SEC < 1);
    }
    CHECK(resident == 0 || resident_kilobytes() - resident < 2000);
    OK(scn_get_random_state(after));
    CHECK(memcmp(before, after, sizeof before) == 0);
    CHECK(unlink("header.st") == 0);
    free(deep);
}

/** What a process does that gets so many more megabytes of addresses than it has. */
typedef struct {
    long megabytes;
    const char *json;      /* for scn_module_create; NULL: opens header.st */
    int may_succeed;       /* where memory suffices */
} demand;

/** Let the process have so many more megabytes of addresses than it has. */
static void limit_addresses(long megabytes) {
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file != NULL && fscanf(file, "%ld", &pages) == 1);
    if (file) fclose(file);
    struct rlimit limit = {0, 0};
    limit.rlim_cur = limit.rlim_max = (rlim_t)pages * 4096 + (rlim_t)megabytes * 1048576;
    if (ADDRESSES_ARE_SHORT) CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
}

static void under_limit(const void *argument) {
    const demand *wanted = (const demand *)argument;
    limit_addresses(wanted->megabytes);
    scn_module *module = NULL;
    const scn_status status =
        wanted->json ? scn_module_create(wanted->json, &module) : scn_checkpoint_open("header.st", &module);
    if (!CHECK(status == SCN_ERROR_MEMORY || status == SCN_ERROR_FORMAT || (status == SCN_OK && wanted->may_succeed)))
        printf("%s: %s\n", scn_status_name(status), scn_last_error());
}

static void at_all_limits(const char *name, const char *json, int may_succeed) {
    static const long limits[] = {4, 16, 64, 256};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        const demand wanted = {limits[i], json, may_succeed};
        in_child(name, under_limit, &wanted);
    }
}

/** Headers and texts of many values end in a status, however little memory there is. */
static void large_texts(void) {
    static const struct {
        const char *name, *before, *format;
        int count;
        const char *after;
    } headers[] = {
        {"many numbers", "{\"a\":{\"dtype\":\"F32\",\"shape\":[", "0,", 500000, "0],\"data_offsets\":[0,0]}}"},
        {"many empty arrays", "{\"__metadata__\":{\"a\":[", "[],", 600000, "[]]}}"},
        {"a long string", "{\"__metadata__\":{\"architecture\":\"", "xxxxxxxxxxxxxxxx", 400000, "\"}}"},
        {"a long name", "{\"", "xxxxxxxxxxxxxxxx", 400000,
         "\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,1]}}"},
        {"a long type", "{\"a\":{\"dtype\":\"", "xxxxxxxxxxxxxxxx", 400000,
         "\",\"shape\":[0],\"data_offsets\":[0,0]}}"},
        {"a long number", "{\"a\":{\"shape\":[0.", "1234567812345678", 400000, "]}}"},
        {"many tensors", "{", "\"%d\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},", 100000,
         "\"x\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}"},
        {"many keys", "{\"__metadata__\":{", "\"%d\":\"\",", 200000, "\"x\":\"\"}}"},
        {"many objects", "{\"__metadata__\":{\"architecture\":\"{\\\"type\\\":\\\"Sequential\\\",\\\"modules\\\":[",
         "{},", 600000, "{}]}\"}}"},
        {"many modules", "{\"__metadata__\":{\"architecture\":\"{\\\"type\\\":\\\"Sequential\\\",\\\"modules\\\":[",
         "{\\\"type\\\":\\\"ReLU\\\"},", 101000, "{\\\"type\\\":\\\"ReLU\\\"}]}\"}}"},
    };
    static const struct {
        const char *name, *before, *format;
        int count;
        const char *after;
        int may_succeed;
    } texts[] = {
        {"text of many objects", "{\"type\":\"Sequential\",\"modules\":[", "{},", 600000, "{}]}", 0},
        {"text of many modules", "{\"type\":\"Sequential\",\"modules\":[",
         "{\"type\":\"BatchNormalization\",\"planes\":1},", 90000, "{\"type\":\"ReLU\"}]}", 1},
        {"text of many sizes", "{\"type\":\"InputLayer\",\"dimension\":2,\"mode\":3,\"spatial_size\":[", "7,", 600000,
         "7]}", 0},
        {"text of one long name", "{\"type\":\"", "xxxxxxxxxxxxxxxx", 400000, "\"}", 0},
    };
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        char *header = repeated(headers[i].before, headers[i].format, headers[i].count, headers[i].after);
        write_header(header, 0);
        free(header);
        at_all_limits(headers[i].name, NULL, 0);
    }
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char *text = repeated(texts[i].before, texts[i].format, texts[i].count, texts[i].after);
        at_all_limits(texts[i].name, text, texts[i].may_succeed);
        free(text);
    }
    CHECK(unlink("header.st") == 0);
}

/** Lists of names that are endless, or many, under a limit. */
static void many_names(const void *argument) {
    enum { COUNT = 400000 };
    const char **names = (const char **)zeros(COUNT, sizeof *names);
    scn_tensor **tensors = (scn_tensor **)zeros(COUNT, sizeof *tensors), *tensor = NULL;
    char *name = (char *)zeros(17000001, 1);
    const int64_t shape = 1;
    (void)argument;
    OK(scn_tensor_create(&shape, 1, NULL, &tensor));
    memset(name, 'x', 17000000);
    for (int i = 0; i < COUNT; i++) names[i] = name + 16990000, tensors[i] = tensor;
    limit_addresses(200);
    if (ADDRESSES_ARE_SHORT) {
        FAILS(MEMORY, "400000 names", scn_checkpoint_save_named("x.st", names, tensors, COUNT, NULL));
        FAILS(MEMORY, "400000 names", scn_checkpoint_restore_named("x.st", names, tensors, COUNT, NULL));
    }
    names[0] = "caf\xe9";
    FAILS(INVALID_ARGUMENT, "names[0]: is not UTF-8", scn_checkpoint_save_named("x.st", names, tensors, 2, NULL));
    scn_module *module = NULL;
    FAILS(FORMAT, "layers: ", scn_sparse_vgg_net_create(2, 1, name, &module));
    if (ADDRESSES_ARE_SHORT) {
        limit_addresses(40);
        FAILS(MEMORY, "layers may take 68000000 bytes", scn_sparse_vgg_net_create(2, 1, name, &module));
    }
    CHECK(entries() == 0);
}

int main(void) {
    if (!mkdtemp(folder) || chdir(folder)) return perror(folder), 2;
    paths();
    killed_saves();
    in_child("a limit on the size of files", little_room, NULL);
    amplification();
    large_texts();
    in_child("names", many_names, NULL);
    CHECK(scn_live_handles() == 0);
    CHECK(entries() == 0 && chdir("/") == 0 && rmdir(folder) == 0);
    return finish();
}

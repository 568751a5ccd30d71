/* What a host has and the library keeps: its signals, its floating-point environment, its standard output, and the cpus
 * and the memory that it may use. Each part is a child process, for what it changes holds for the whole of one. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <fcntl.h>
#include <fenv.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include "check.h"

/** Run a part in a child process. */
static void run(const char *name, void (*part)(void)) {
    int status = -1;
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        passed_count = failed_count = 0;
        alarm(120);
        part();
        fflush(stdout);
        _exit(failed_count > 0 || passed_count == 0);
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    if (!CHECK(status == 0)) printf("%s: status %d\n", name, status);
}

/** Return the features that a layer makes of [rows, planes], which goes; and the gradient by the input, if wanted. */
static void apply(scn_module *layer, const float *values, int64_t rows, int64_t planes, float *result,
                  float *gradient) {
    const int64_t shape[] = {rows, planes};
    int64_t out[2] = {0, 0};
    float *data = NULL;
    scn_tensor *input = NULL, *output = NULL, *by_input = NULL;
    OK(scn_tensor_create(shape, 2, values, &input));
    OK(scn_tensor_set_requires_gradient(input, 1));
    OK(scn_module_forward(layer, input, &output));
    OK(scn_tensor_shape(output, out, 2));
    OK(scn_tensor_data(output, &data));
    memcpy(result, data, (size_t)(out[0] * out[1]) * sizeof(float));
    if (gradient) {
        OK(scn_tensor_backward(output, result, out[0] * out[1]));
        OK(scn_tensor_gradient(input, &by_input));
        OK(scn_tensor_data(by_input, &data));
        memcpy(gradient, data, (size_t)(rows * planes) * sizeof(float));
    }
    OK(scn_tensor_release(input)), OK(scn_tensor_release(output)), OK(scn_tensor_release(by_input));
}

/** Work that is cut among threads. */
static void use_threads(void) {
    enum { ROWS = 40000, PLANES = 8 };
    scn_module *layer = NULL;
    float *values = random_floats(ROWS * PLANES, 2), *result = floats(ROWS * PLANES);
    OK(scn_set_thread_count(4));
    OK(scn_batch_norm_create(PLANES, NULL, &layer));
    apply(layer, values, ROWS, PLANES, result, NULL);
    OK(scn_module_release(layer));
    free(values), free(result);
}

/* Signals. */

/** Return the signals that a thread of this process blocks, from 1 in the lowest bit on. */
static unsigned long long blocked_by(const char *thread) {
    char path[300], line[256];
    unsigned long long set = 0;
    snprintf(path, sizeof path, "/proc/self/task/%s/status", thread);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file)) (void)sscanf(line, "SigBlk: %llx", &set);
    if (file) fclose(file);
    return set;
}

static unsigned long long bit(int number) { return 1ULL << (number - 1); }

static void test_signals(void) {
    const int of_host[] = {SIGHUP,  SIGINT,  SIGTERM, SIGALRM,      SIGCHLD,
                           SIGUSR1, SIGPIPE, SIGPROF, SIGRTMIN + 2, SIGRTMAX};
    const int of_thread[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    sigset_t usr1, before, after;
    int others = 0, got = 0;
    use_threads();
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    use_threads();
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    for (int i = 1; i < NSIG; i++) CHECK(sigismember(&before, i) == 0 && sigismember(&after, i) == 0);
    DIR *folder = opendir("/proc/self/task");
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        if (entry->d_name[0] == '.' || strtol(entry->d_name, NULL, 10) == getpid()) continue;
        /* A thread that has not begun yet still blocks everything. */
        unsigned long long blocked = blocked_by(entry->d_name);
        for (int i = 0; i < 1000 && blocked & bit(SIGSEGV); i++) usleep(10000), blocked = blocked_by(entry->d_name);
        for (size_t i = 0; i < sizeof of_host / sizeof of_host[0]; i++) CHECK(blocked & bit(of_host[i]));
        for (size_t i = 0; i < sizeof of_thread / sizeof of_thread[0]; i++) CHECK(!(blocked & bit(of_thread[i])));
        others++;
    }
    if (folder) closedir(folder);
    CHECK(others >= 1);
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &usr1, NULL);
    for (int i = 0; i < 20; i++) CHECK(kill(getpid(), SIGUSR1) == 0 && sigwait(&usr1, &got) == 0 && got == SIGUSR1);
}

/* The floating-point environment. */

static uint64_t hash(const float *values, int64_t count) {
    uint64_t sum = 14695981039346656037u;
    for (int64_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        sum = (sum ^ bits) * 1099511628211u;
    }
    return sum;
}

enum { ROWS = 20000, PLANES = 8, WIDE_ROWS = 3000, WIDE = 160 };

/** Return a hash of what layers of all kinds of loops make of some values, and of their gradients. */
static uint64_t results(float scale) {
    const scn_activation activations[] = {SCN_ACTIVATION_LEAKY_RELU, SCN_ACTIVATION_ELU, SCN_ACTIVATION_TANH,
                                          SCN_ACTIVATION_SIGMOID};
    const int64_t size[] = {200, 200}, three[] = {3, 3}, shape[] = {ROWS, PLANES};
    float *values = random_floats(WIDE_ROWS * WIDE, 7), *result = floats(WIDE_ROWS * WIDE),
          *gradient = floats(WIDE_ROWS * WIDE);
    int64_t *where = integers(ROWS * 2);
    uint64_t sum = 0;
    scn_module *layer = NULL, *layers[3];
    scn_tensor *features = NULL, *points = NULL, *output = NULL, *by_features = NULL;
    float *data = NULL;
    for (int64_t i = 0; i < WIDE_ROWS * WIDE; i++) values[i] = scale * (values[i] + (float)(i % 997) / 991);
    for (int i = 0; i < 6; i++) {
        int64_t rows = i == 5 ? WIDE_ROWS : ROWS, planes = i == 5 ? WIDE : PLANES;
        OK(scn_manual_seed(3));
        if (i < 4) OK(scn_activation_create(activations[i], 0.25, &layer));
        else if (i == 4) OK(scn_batch_norm_create(PLANES, NULL, &layer));
        else OK(scn_linear_create(WIDE, WIDE, 1, &layer));
        apply(layer, values, rows, planes, result, gradient);
        sum = sum * 31 + hash(result, rows * planes);
        sum = sum * 31 + hash(gradient, rows * planes);
        OK(scn_module_release(layer));
    }
    for (int64_t i = 0; i < ROWS; i++) where[2 * i] = i / 200, where[2 * i + 1] = i % 200;
    OK(scn_manual_seed(3));
    OK(scn_input_layer_create(2, size, SCN_INPUT_MEAN, &layers[0]));
    OK(scn_submanifold_convolution_create(2, PLANES, PLANES, three, NULL, &layers[1]));
    OK(scn_output_layer_create(2, &layers[2]));
    OK(scn_sequential_create(layers, 3, &layer));
    OK(scn_tensor_create(shape, 2, values, &features)), OK(scn_tensor_set_requires_gradient(features, 1));
    OK(scn_points_create(where, ROWS, 2, features, 0, &points));
    OK(scn_module_forward(layer, points, &output));
    OK(scn_tensor_data(output, &data));
    sum = sum * 31 + hash(data, ROWS * PLANES);
    OK(scn_tensor_backward(output, data, ROWS * PLANES));
    OK(scn_tensor_gradient(features, &by_features)), OK(scn_tensor_data(by_features, &data));
    sum = sum * 31 + hash(data, ROWS * PLANES);
    for (int i = 0; i < 3; i++) OK(scn_module_release(layers[i]));
    OK(scn_module_release(layer)), OK(scn_tensor_release(points)), OK(scn_tensor_release(features));
    OK(scn_tensor_release(output)), OK(scn_tensor_release(by_features));
    free(values), free(result), free(gradient), free(where);
    return sum;
}

/** Return the hash, which must be the same for any number of threads. */
static uint64_t results_on_threads(float scale) {
    uint64_t alone;
    OK(scn_set_thread_count(1));
    alone = results(scale);
    OK(scn_set_thread_count(4));
    for (int i = 0; i < 3; i++) CHECK(results(scale) == alone);
    return alone;
}

static void test_rounding(void) {
    const int modes[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    uint64_t found[4];
    use_threads();
    for (int i = 0; i < 4; i++) {
        CHECK(fesetround(modes[i]) == 0);
        found[i] = results_on_threads(1);
        CHECK(fegetround() == modes[i]);
        for (int j = 0; j < i; j++) CHECK(found[i] != found[j]);
    }
    CHECK(fesetround(FE_TONEAREST) == 0);
    CHECK(results_on_threads(1) == found[0]);
}

static void test_denormals(void) {
#if defined(__x86_64__)
    enum { FLUSH = 0x8040, MANY = 400000 };
    const unsigned before = _mm_getcsr();
    float *values = floats(MANY), *result = floats(MANY);
    int64_t kept = 0;
    scn_module *layer = NULL;
    const uint64_t plain = results_on_threads(1e-38f);
    for (int i = 0; i < MANY; i++) values[i] = -1e-39f * (float)(i % 7 + 1);
    OK(scn_activation_create(SCN_ACTIVATION_LEAKY_RELU, 0.25, &layer));
    _mm_setcsr(before | FLUSH);
    CHECK(results_on_threads(1e-38f) != plain);
    apply(layer, values, MANY / 8, 8, result, NULL);
    CHECK((_mm_getcsr() & FLUSH) == FLUSH);
    _mm_setcsr(before);
    for (int i = 0; i < MANY; i++) kept += result[i] != 0;
    CHECK(kept == 0);
    CHECK(results_on_threads(1e-38f) == plain);
    apply(layer, values, MANY / 8, 8, result, NULL);
    for (int i = 0; i < MANY; i++) kept += result[i] != 0;
    CHECK(kept == MANY);
    OK(scn_module_release(layer));
    free(values), free(result);
#else
    CHECK(1);
#endif
}

/** Exceptions that the host lets trap do not, and those that were raised are not seen. */
static void test_exceptions(void) {
    const float infinity = (float)HUGE_VAL;
    scn_module *layer = NULL;
    float *values = floats(80000), *result = floats(80000);
    for (int i = 0; i < 80000; i++) values[i] = i % 3 == 0 ? infinity : i % 3 == 1 ? -infinity : 3e38f;
    for (int32_t threads = 1; threads <= 4; threads += 3) {
        OK(scn_set_thread_count(threads));
        OK(scn_batch_norm_create(8, NULL, &layer));
        CHECK(feclearexcept(FE_ALL_EXCEPT) == 0);
        CHECK(feenableexcept(FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW) != -1);
        apply(layer, values, 10000, 8, result, NULL);
        CHECK(fegetexcept() == (FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW));
        CHECK(fetestexcept(FE_ALL_EXCEPT) == 0);
        CHECK(fedisableexcept(FE_ALL_EXCEPT) != -1);
        CHECK(isnan(result[0]));
        OK(scn_module_release(layer));
    }
    free(values), free(result);
}

/* Standard output. */

static void print_once(scn_status *status) {
    const int64_t shape = 3;
    scn_module *verbose = NULL;
    scn_tensor *tensor = NULL, *same = NULL;
    OK(scn_verbose_identity_create(&verbose));
    OK(scn_tensor_create(&shape, 1, NULL, &tensor));
    *status = scn_module_forward(verbose, tensor, &same);
    OK(scn_tensor_release(tensor)), OK(scn_tensor_release(same)), OK(scn_module_release(verbose));
}

static void test_printing(void) {
    static const char line[] = "before\ndense tensor: 3\n";
    const int output = dup(1);
    int ends[2];
    char text[100] = {0};
    scn_status status = SCN_OK;
    sigset_t waiting;
    struct rlimit limit;
    /* What the host has printed itself comes first. */
    if (!CHECK(pipe(ends) == 0 && dup2(ends[1], 1) == 1)) return;
    printf("before\n");
    print_once(&status);
    dup2(output, 1);
    CHECK(status == SCN_OK && read(ends[0], text, sizeof text) == (ssize_t)strlen(line) && strcmp(text, line) == 0);
    /* Nobody reads. */
    close(ends[0]);
    dup2(ends[1], 1);
    print_once(&status);
    dup2(output, 1);
    CHECK(status == SCN_OK);
    CHECK(fflush(stdout) == 0 && ferror(stdout) == 0);
    /* The file may not grow. */
    const int file = open("host_test.txt", O_CREAT | O_WRONLY | O_TRUNC, 0600);
    CHECK(file >= 0 && getrlimit(RLIMIT_FSIZE, &limit) == 0);
    limit.rlim_cur = 0;
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    dup2(file, 1);
    print_once(&status);
    dup2(output, 1);
    limit.rlim_cur = limit.rlim_max;
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    CHECK(status == SCN_OK);
    unlink("host_test.txt");
    CHECK(sigpending(&waiting) == 0 && !sigismember(&waiting, SIGPIPE) && !sigismember(&waiting, SIGXFSZ));
    pthread_sigmask(SIG_SETMASK, NULL, &waiting);
    CHECK(!sigismember(&waiting, SIGPIPE) && !sigismember(&waiting, SIGXFSZ));
}

/* The number of threads at first. */

static void test_affinity(void) {
    cpu_set_t all, one;
    int cpu = 0;
    CHECK(sched_getaffinity(0, sizeof all, &all) == 0);
    while (!CPU_ISSET(cpu, &all)) cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    CHECK(sched_setaffinity(0, sizeof one, &one) == 0);
    CHECK(scn_get_thread_count() == 1);
}

static void test_count_of_environment(void) {
    setenv("SCN_NUM_THREADS", "7", 1), setenv("OMP_NUM_THREADS", "1", 1);
    CHECK(scn_get_thread_count() == 7);
    use_threads();
}

static void test_count_of_openmp(void) {
    setenv("OMP_NUM_THREADS", "1,4", 1);
    CHECK(scn_get_thread_count() == 1);
    use_threads();
}

static void test_wrong_count(void) {
    const int64_t shape = 4;
    scn_module *layer = NULL;
    scn_tensor *tensor = NULL, *output = NULL;
    setenv("SCN_NUM_THREADS", "all", 1);
    CHECK(scn_get_thread_count() == 1);
    OK(scn_tensor_create(&shape, 1, NULL, &tensor));
    OK(scn_activation_create(SCN_ACTIVATION_RELU, 0, &layer));
    CHECK(scn_module_forward(layer, tensor, &output) == SCN_ERROR_UNSUPPORTED);
    CHECK(strstr(scn_last_error(), "SCN_NUM_THREADS is \"all\"; expected 1 ... 1024"));
    OK(scn_set_thread_count(2));
    OK(scn_module_forward(layer, tensor, &output));
    OK(scn_tensor_release(tensor)), OK(scn_tensor_release(output)), OK(scn_module_release(layer));
}

/* A control group with 300 MB. */

#define MEGABYTE (INT64_C(1) << 20)
static char group[500];

static int write_file(const char *name, const char *text) {
    char path[600];
    snprintf(path, sizeof path, "%s/%s", group, name);
    const int file = open(path, O_WRONLY);
    const int good = file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text);
    if (file >= 0) close(file);
    return good;
}

/** Make a group inside of this process's own; 0 where it may not. */
static int make_group(void) {
    static const char *const places[] = {"/sys/fs/cgroup/memory", "/sys/fs/cgroup"};
    static const char *const limits[] = {"memory.limit_in_bytes", "memory.max"};
    char line[400], *path;
    for (int version = 0; version < 2; version++) {
        FILE *file = fopen("/proc/self/cgroup", "r");
        while (file && fgets(line, sizeof line, file)) {
            line[strcspn(line, "\n")] = 0;
            if (!(path = strstr(line, version == 0 ? ":memory:" : "0::"))) continue;
            path = strrchr(path, ':') + 1;
            snprintf(group, sizeof group, "%s%s/scn-host-test-%d", places[version], path, (int)getpid());
            if (mkdir(group, 0700) == 0) {
                if (write_file(limits[version], "314572800")) return fclose(file), 1;
                rmdir(group);
            }
        }
        if (file) fclose(file);
    }
    return 0;
}

static scn_status allocate(int64_t megabytes, scn_tensor **tensor) {
    const int64_t shape = megabytes * MEGABYTE / 4;
    return scn_tensor_create(&shape, 1, NULL, tensor);
}

static void test_memory_of_group(void) {
    scn_tensor *tensors[40] = {NULL};
    int count = 0;
    CHECK(write_file("cgroup.procs", "0"));
    CHECK(allocate(1024, &tensors[0]) == SCN_ERROR_MEMORY);
    CHECK(allocate(290, &tensors[0]) == SCN_OK);
    CHECK(scn_tensor_release(tensors[0]) == SCN_OK);
    while (count < 40 && allocate(20, &tensors[count]) == SCN_OK) count++;
    CHECK(count >= 12 && count <= 15);
    for (int i = 0; i < count; i++) scn_tensor_release(tensors[i]);
    OK(allocate(200, &tensors[0])), OK(scn_tensor_release(tensors[0]));
}

int main(void) {
    run("affinity", test_affinity);
    run("SCN_NUM_THREADS", test_count_of_environment);
    run("OMP_NUM_THREADS", test_count_of_openmp);
    run("wrong SCN_NUM_THREADS", test_wrong_count);
    run("signals", test_signals);
    run("rounding", test_rounding);
    run("denormal numbers", test_denormals);
    run("exceptions", test_exceptions);
    run("printing", test_printing);
#ifdef IS_SANITIZED
    const int has_group = 0; /* There is no arena then, which asks for what is left. */
#else
    const int has_group = make_group();
#endif
    if (has_group) {
        run("memory of a control group", test_memory_of_group);
        CHECK(rmdir(group) == 0);
    } else {
        puts("memory of a control group: none can be made here; LimitsTests has the same from files");
    }
    return finish();
}

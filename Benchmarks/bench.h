// What the files of this program share: one way to measure, and the work that is measured.
#ifndef SCN_BENCH_H
#define SCN_BENCH_H

#include <scn.h>
#include <stdint.h>

enum { THREAD_COUNTS = 2, DIMENSION = 3, COLUMNS = DIMENSION + 1 };

/// The environment variable that holds which kernels OpenBLAS would have used, where this program chose others.
#define OPENBLAS_OWN_CHOICE "SCN_BENCH_OPENBLAS_OWN_CHOICE"

// measure.c

/// How a figure is made of the seconds that a call took.
typedef enum {
    SHARE_OF_SGEMM,   ///< amount: floating-point operations; the rate over that of a large cblas_sgemm
    SHARE_OF_MEMCPY,  ///< amount: bytes read and written; the rate over that of memcpy
    NANOSECONDS,      ///< amount: items; nanoseconds an item
    MICROSECONDS,     ///< amount: items; microseconds an item
    PER_SECOND        ///< amount: items; items a second
} figure;

typedef struct {
    const char *section;
    const char *name;
    figure figure;
    double amount;
    void (*prepare)(void *context);  ///< before each call, not timed; or NULL
    void (*run)(void *context);
    void (*clean)(void *context);  ///< after each call, not timed; or NULL
    void *context;
} work;

/// What was measured at one thread count: the median, and the quartiles around it.
typedef struct {
    double value, low, high;
    double rate;     ///< of the amount, median: FLOP/s, bytes/s, items/s
    double seconds;  ///< of a call, median
    int repetitions;
} measured;

typedef struct {
    char section[64], name[64];
    figure figure;
    double amount;
    measured at[THREAD_COUNTS];
} line;

typedef struct {
    int quick;
    const char *data;  ///< the folder with tabletop/train, or NULL
    const char *json;
    int dense_size;  ///< rows, columns and depth of the dense product that is the reference
    int64_t copy_bytes;  ///< that the copy which is the other reference copies: a matrix of `measure_elements`
    int thread_counts[THREAD_COUNTS];
    int count_of_thread_counts;
} settings;
extern settings setting;

extern line lines[];
extern int line_count;

/// Announce how many calls of `measure` will follow, for the time left.
void expect_lines(int count);
/// Measure at each thread count, in turns with the reference where the figure is a share, and add a line.
void measure(work subject);
/// The median of all reference rates of this run so far, FLOP/s or bytes/s.
double reference_rate(figure share, int thread_index);
/// The part of the time for which this process got a core while it measured one thread.
double cpu_share(void);
/// End the program with the library's message where a call failed.
void check(scn_status status);
void fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

// random.c

/// Numbers that are the same on every machine: uniform in [0, 1).
double uniform(void);
void *allocate(int64_t bytes);
/// A matrix in memory of its own, with numbers in [-1, 1).
scn_matrix random_matrix(int64_t rows, int64_t planes);
void free_matrix(scn_matrix *matrix);

// surface.c

/// Points on surfaces in several scenes (the batch index, last) as voxels: several points can share one.
typedef struct {
    int64_t rows;
    int64_t (*coordinates)[COLUMNS];
    int64_t spatial_size[DIMENSION];
    int64_t batch_size;
} points;

/// The four scenes: real ones of `setting.data`, or points on made-up surfaces of about the same number of sites.
points load_points(void);
/// The distinct sites of points, sorted, as points.
points sites_of(const points *cloud);
scn_geometry *geometry_of(const points *cloud);
/// The number of rules of a 3x3x3 submanifold filter.
int64_t rules_of(const points *sites);

// The work, a file each.
void measure_convolutions(const points *sites);
void measure_geometry(const points *cloud, const points *sites);
void measure_elements(const points *sites);
enum { ELEMENT_PLANES = 32 };
void measure_networks(void);
enum { CONVOLUTION_LINES = 24, GEOMETRY_LINES = 4, ELEMENT_LINES = 9, NETWORK_LINES = 5 };

// report.c
void print_table(const points *sites, int64_t rules);
void write_json(const points *sites, int64_t rules);

#endif

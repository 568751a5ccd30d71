// What the files of this program share: one way to measure, and the work that is measured.
#ifndef SCN_BENCH_H
#define SCN_BENCH_H

#include <scn.h>
#include <stdint.h>

enum { THREAD_COUNTS = 2, DIMENSION = 3 };

/// The environment variable that holds which kernels OpenBLAS would have used, where this program chose others.
#define OPENBLAS_OWN_CHOICE "SCN_BENCH_OPENBLAS_OWN_CHOICE"

// measure.c

/// How a figure is made of the seconds that a call took.
typedef enum {
    SHARE_OF_SGEMM,   ///< amount: floating-point operations; the rate over that of a large cblas_sgemm
    SHARE_OF_MEMCPY,  ///< amount: bytes read and written; the rate over that of memcpy
    NANOSECONDS,      ///< amount: items; nanoseconds an item
    MICROSECONDS,     ///< amount: items; microseconds an item
    PER_SECOND,       ///< amount: items; items a second
    SECONDS,          ///< amount: items; seconds an item
    TIMES_COMPANION,  ///< amount: items; the seconds of an item over those of the companion
    SHARE_OF_COMPANION,  ///< amount: floating-point operations; the rate over that of the companion
    OUTSIDE_COMPANION,  ///< the part of the seconds that goes beyond those of the companion, a part of the call
    SGEMM_OPERATIONS,  ///< amount: items; the floating-point operations of sgemm in the time of an item
    GAIN_OVER_SGEMM,  ///< amount: floating-point operations; the gain of more threads over sgemm's gain of them
    RATIO,            ///< of other figures
    MEGABYTES         ///< nothing that is timed
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

/// A further figure of the same calls.
typedef struct {
    const char *section;
    const char *name;
    figure figure;
    double amount;
} view;

typedef struct {
    const work *companion;  ///< what takes turns with the work, for the figures that compare with it; or NULL
    const view *views;
    int view_count;
    double budget;  ///< about how many seconds to measure for; 0: as long as most
} extra;

/// What was measured at one thread count: the median, and the quartiles around it. No repetitions: nothing was.
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
    const char *only;  ///< the part to measure, or NULL for all
    int dense_size;  ///< rows, columns and depth of the dense product that is the reference
    int64_t copy_bytes;  ///< that the copy which is the other reference copies: a matrix of `measure_elements`
    int thread_counts[THREAD_COUNTS];
    int count_of_thread_counts;
    const char *steps_folder;  ///< not NULL: this process is there to make steps when it is asked to
    int memory_threads;  ///< not 0: this process is there to find out the memory of a step on so many threads
    int is_in_bfloat16;  ///< whether that step is
} settings;
extern settings setting;

extern line lines[];
extern int line_count;

/// So many seconds, or fewer where a glance will do.
double scaled_budget(double seconds);
/// The seconds that a measurement takes where nothing else is said.
double usual_budget(void);
/// Announce how many measurements will follow, and about how many seconds they take, for the time left.
void expect(int measurements, double seconds);
/// Measure at each thread count, in turns with the reference where the figure is a share, and add a line.
void measure(work subject);
/// The same with a line more for each view.
void measure_with(work subject, extra more);
/// The same with a line for the time in operations of sgemm: a cost that does not move with the clock.
void measure_in_operations(work subject);
/// Show that something is under way which takes about so many seconds.
void announce(const char *section, const char *name, double budget);
/// Add a line of values, one for each thread count, that were not timed themselves.
void record(const char *section, const char *name, figure figure, const double *values);
/// The part of the time for which this process got a core while it measured one thread.
double cpu_share(void);
/// End the program with the library's message where a call failed.
void check(scn_status status);
void fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

// reference.c

/// The clock that times work on so many threads, in seconds; that on the wall for any number but 1.
double time_of(int threads);
/// The value at a part of the way (0.5: the median) through `values`, which get sorted.
double quantile(double *values, int count, double part);
/// Measure the rate of the reference once, FLOP/s (SHARE_OF_SGEMM) or bytes/s (SHARE_OF_MEMCPY).
double take_reference(figure share, int thread_index);
/// The median of all reference rates of this run so far.
double reference_rate(figure share, int thread_index);

// random.c

/// Numbers that are the same on every machine: uniform in [0, 1).
double uniform(void);
void *allocate(int64_t bytes);
/// A matrix in memory of its own, with numbers in [-1, 1).
scn_matrix random_matrix(int64_t rows, int64_t planes);
void free_matrix(scn_matrix *matrix);

// points.c

/// Points in several samples (the batch index, last) of a space of any dimension: several can share one site.
typedef struct {
    int dimension;
    int64_t rows;
    int64_t *coordinates;  ///< [rows, dimension + 1]
    int64_t spatial_size[SCN_MAX_DIMENSION];
    int64_t batch_size;
} points;

/// Room for so many points.
points new_points(int dimension, int64_t rows, int64_t batch_size);
void free_points(points *cloud);
/// Make the spatial size such that all points lie within, and that strides of 2 come out even six times.
void fit_spatial_size(points *cloud);
scn_geometry *geometry_of(const points *cloud);
/// The distinct sites of points, sorted, as points.
points sites_of(const points *cloud);
/// The same points in random order.
points shuffled(const points *cloud);
/// A filter of one size and stride on all axes; it refers to memory that is there until the next call.
scn_filter filter_of(int dimension, int64_t size, int64_t stride);
/// The number of rules of a submanifold filter of size 3.
int64_t rules_of(const points *sites);

// surface.c

/// The four scenes: real ones of `setting.data`, or points on made-up surfaces of about the same number of sites.
points load_points(void);

// shapes.c

/// Exactly so many sites of a wavy sheet in three dimensions that stands at a slant.
points make_sheet(int64_t sites);
/// Pen strokes: about so many sites of curves in two dimensions, in a batch of 64.
points make_strokes(int64_t sites);
/// A moving sphere: its surface in three dimensions, and time as the fourth.
points make_moving_sphere(void);
/// Exactly so many sites of ten dimensions in small clusters.
points make_clusters(int64_t sites);

// unets.c

/// A U-Net of one VGG-style block a level.
typedef struct {
    const char *name;
    int levels;
    int64_t planes[6];
    double training_budget, inference_budget;  ///< seconds to measure for
} unet_plan;
enum { UNETS = 2, LARGER_UNET = 0, UNET_INPUT_PLANES = 3 };
extern const unet_plan unet_plans[UNETS];

/// A U-Net behind an input layer and a first convolution, with what a step needs.
typedef struct {
    scn_module *net;
    scn_optimizer *optimizer;
    const points *cloud;
    float *features;
    int64_t *labels;
    float loss;  ///< of the last training step
} unet;
/// The points' features and labels alone; no net yet.
unet prepare_unet(const points *cloud);
void build_unet(unet *subject, const unet_plan *plan);
/// One training step, or one inference, on a new geometry; context: unet.
void train_unet(void *context);
/// The training step with bfloat16 between the layers.
void train_unet_in_bfloat16(void *context);
void apply_unet(void *context);
void free_unet(unet *subject);

// unet_convolutions.c

/// The convolutions of a U-Net alone, on the rulebooks that its layers use.
typedef struct unet_convolutions unet_convolutions;
unet_convolutions *make_unet_convolutions(const unet_plan *plan, const points *cloud);
/// The floating-point operations of the convolutions, as many as the rules ask for.
double unet_arithmetic(const unet_convolutions *all, int is_training);
/// All convolutions of a training step, or of an inference, with nothing between; context: unet_convolutions.
void run_training_convolutions(void *context);
void run_inference_convolutions(void *context);
void free_unet_convolutions(unet_convolutions *all);

// memory.c

/// The memory of the machine, or what a limit leaves of it, in bytes.
double memory_of_machine(void);
/// Run a training step of the larger U-Net in a process of its own and add a line on the memory that it took.
void measure_memory(void);
/// What that process does: print the bytes above its start.
void print_step_memory(void);

// torch_steps.c

/// Write the larger U-Net, its points, features and labels into `setting.steps_folder`; then, for each number of
/// threads on the standard input, make one training step and print its seconds and its loss.
void answer_steps(void);

// networks.c

/// Stochastic gradient descent with momentum over all parameters.
scn_optimizer *make_optimizer(scn_module *net);

// The work, a file each.
void measure_convolutions(const points *sites);
void measure_groups(const points *sites);
void measure_bfloat16(const points *sites);
void measure_geometry(const points *cloud, const points *sites);
/// Voxels of detectors, of points in the sites of a cloud.
void measure_voxels(const points *cloud);
void measure_relations(const points *sites);
void measure_elements(const points *sites);
enum { ELEMENT_PLANES = 32 };
void measure_networks(void);
enum {
    CONVOLUTION_LINES = 24,
    GROUP_LINES = 15,
    BFLOAT16_LINES = 9,
    GEOMETRY_LINES = 6,
    RELATION_LINES = 6,
    ELEMENT_LINES = 8,
    NETWORK_LINES = 5,
    MEMORY_LINES = 2
};
void measure_unets(const points *cloud);
void expect_unets(void);
/// Rulebooks of other dimensions and numbers of sites.
void measure_sizes(const points *sites);
void expect_sizes(void);

// report.c
/// Say at the end that something was not measured, and why.
void leave_out(const char *what);
void print_table(const points *sites, int64_t rules);
void write_json(const points *sites, int64_t rules);

#endif

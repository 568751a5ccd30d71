// Sorting of input and building of rulebooks. A geometry keeps what it made: each call gets a new one.
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"

typedef struct {
    const points *cloud;
    scn_geometry *geometry;
    scn_rulebook *rulebook;
} subject;

static void create(void *context) {
    subject *s = context;
    s->geometry = geometry_of(s->cloud);
}
static void submanifold(void *context) {
    subject *s = context;
    scn_filter filter = filter_of(s->cloud->dimension, 3, 1);
    check(scn_geometry_submanifold(s->geometry, 0, &filter, &s->rulebook));
}
static void strided(void *context) {
    subject *s = context;
    scn_filter filter = filter_of(s->cloud->dimension, 2, 2);
    int32_t output_sites;
    check(scn_geometry_strided(s->geometry, 0, &filter, &output_sites, &s->rulebook));
}
/// Windows that overlap, as those of a VGG net's steps down.
static void overlapping(void *context) {
    static const int64_t ones[SCN_MAX_DIMENSION] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    subject *s = context;
    scn_filter filter = filter_of(s->cloud->dimension, 3, 2);
    int32_t output_sites;
    filter.padding = ones;
    check(scn_geometry_strided(s->geometry, 0, &filter, &output_sites, &s->rulebook));
}
static void release(void *context) {
    subject *s = context;
    check(scn_rulebook_release(s->rulebook));
    check(scn_geometry_release(s->geometry));
    s->rulebook = NULL;
}

void measure_geometry(const points *cloud, const points *sites) {
    const char *section = "geometry";
    points random_order = shuffled(cloud);
    subject s = {cloud, NULL, NULL};
    work sorting = {.section = section, .name = "sort input, in its order (a point)", .figure = NANOSECONDS,
                    .amount = (double)cloud->rows, .run = create, .clean = release, .context = &s};
    measure_in_operations(sorting);
    s.cloud = &random_order;
    sorting.name = "sort input, shuffled (a point)";
    measure_in_operations(sorting);
    free_points(&random_order);

    s.cloud = sites;
    measure_in_operations((work){section, "submanifold 3x3x3 rulebook (a rule)", NANOSECONDS, (double)rules_of(sites),
                                 create, submanifold, release, &s});
    measure_in_operations((work){section, "strided 2/2 rulebook (a site)", NANOSECONDS, (double)sites->rows, create,
                                 strided, release, &s});
    measure_in_operations((work){section, "strided 3/2 rulebook, padding 1 (a site)", NANOSECONDS,
                                 (double)sites->rows, create, overlapping, release, &s});
}

// Other dimensions and numbers of sites.

/// Offset k and its mirror image have the same rules, and the center needs no merging: half of the others are visited.
static double merge_steps(const points *sites) {
    double volume = 1;
    for (int axis = 0; axis < sites->dimension; axis++) volume *= 3;
    return (double)sites->rows * (volume - 1) / 2;
}

static work merging(subject *s, const char *name) {
    return (work){"submanifold 3^d rulebook, a merge step", name, NANOSECONDS, merge_steps(s->cloud), create,
                  submanifold, release, s};
}

enum { SIZES = 7, SIZE_FIGURES = 3, LARGEST_SIZE = 10000000 };
static const double LARGEST_NEEDS = 8.0 * (1 << 30), SIZE_BUDGET = 1.5, LARGEST_BUDGET = 5, TEN_AXES_BUDGET = 5;

static int is_largest_possible(void) { return !setting.quick && memory_of_machine() >= LARGEST_NEEDS; }

void expect_sizes(void) {
    expect(SIZE_FIGURES * (SIZES - 1) + 1, scaled_budget(SIZE_BUDGET * SIZE_FIGURES * (SIZES - 1) + TEN_AXES_BUDGET));
    if (is_largest_possible()) expect(SIZE_FIGURES, LARGEST_BUDGET * SIZE_FIGURES);
}

/// The three costs of one set of sites; the merging also in terms of that of `yardstick`, where that is another.
static void measure_size(const points *sites, const char *name, const points *yardstick, double budget) {
    points random_order = shuffled(sites);
    subject s = {sites, NULL, NULL}, unsorted = {&random_order, NULL, NULL}, other = {yardstick, NULL, NULL};
    work merge = merging(&s, name), companion = merging(&other, "");
    view relative = {"a merge step, over one of the scenes", name, TIMES_COMPANION, merge.amount};
    int is_other = yardstick != sites;
    double rows = (double)sites->rows;
    measure_with(merge, (extra){is_other ? &companion : NULL, &relative, is_other, budget});
    measure_with((work){"sort shuffled sites, a site", name, NANOSECONDS, rows, NULL, create, release, &unsorted},
                 (extra){.budget = budget});
    measure_with((work){"strided 2/2 rulebook, a site", name, NANOSECONDS, rows, create, strided, release, &s},
                 (extra){.budget = budget});
    free_points(&random_order);
}

/// "3-D, 1,000,000 sites: a sheet"
static void name_size(char name[64], const points *sites, const char *what) {
    char digits[24], count[32];
    int length = snprintf(digits, sizeof digits, "%lld", (long long)sites->rows), end = 0;
    for (int i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0) count[end++] = ',';
        count[end++] = digits[i];
    }
    count[end] = 0;
    snprintf(name, 64, "%d-D, %s sites: %s", sites->dimension, count, what);
}

/// Measure the sites of `made`, and free it.
static void measure_made(points made, const char *what, const points *yardstick, double budget) {
    char name[64];
    points sites = sites_of(&made);
    free_points(&made);
    name_size(name, &sites, what);
    measure_size(&sites, name, yardstick, budget);
    free_points(&sites);
}

void measure_sizes(const points *scenes) {
    char name[64];
    double budget = scaled_budget(SIZE_BUDGET);
    name_size(name, scenes, "the scenes");
    measure_size(scenes, name, scenes, budget);
    for (int64_t sites = 10000; sites < LARGEST_SIZE; sites *= 10)
        measure_made(make_sheet(sites), "a sheet", scenes, budget);
    if (is_largest_possible())
        measure_made(make_sheet(LARGEST_SIZE), "a sheet", scenes, LARGEST_BUDGET);
    else if (setting.quick)
        leave_out("3-D, 10,000,000 sites: not with --quick");
    else
        leave_out("3-D, 10,000,000 sites: needs a machine with 8 GB of memory");
    measure_made(make_strokes(scenes->rows), "pen strokes", scenes, budget);
    measure_made(make_moving_sphere(), "a moving sphere", scenes, budget);

    points clusters = make_clusters(10000);
    subject s = {&clusters, NULL, NULL};
    name_size(name, &clusters, "3^10 offsets");
    measure_with((work){"submanifold rulebook in ten dimensions", name, SECONDS, 1, create, submanifold, release, &s},
                 (extra){.budget = scaled_budget(TEN_AXES_BUDGET)});
    free_points(&clusters);
}

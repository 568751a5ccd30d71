// Sorting of input and building of rulebooks. A geometry keeps what it made: each call gets a new one.
#include <stdlib.h>
#include <string.h>

#include "bench.h"

static const int64_t three[] = {3, 3, 3}, two[] = {2, 2, 2};

typedef struct {
    const points *cloud;
    scn_geometry *geometry;
    scn_rulebook *rulebook;
    scn_filter filter;
} subject;

static void create(void *context) {
    subject *s = context;
    s->geometry = geometry_of(s->cloud);
}
static void submanifold(void *context) {
    subject *s = context;
    check(scn_geometry_submanifold(s->geometry, 0, &s->filter, &s->rulebook));
}
static void strided(void *context) {
    subject *s = context;
    int32_t output_sites;
    check(scn_geometry_strided(s->geometry, 0, &s->filter, &output_sites, &s->rulebook));
}
static void release(void *context) {
    subject *s = context;
    check(scn_rulebook_release(s->rulebook));
    check(scn_geometry_release(s->geometry));
    s->rulebook = NULL;
}

int64_t rules_of(const points *sites) {
    subject s = {sites, NULL, NULL, {sizeof s.filter, DIMENSION, three, NULL, NULL, NULL}};
    int64_t rules;
    create(&s);
    submanifold(&s);
    check(scn_rulebook_sizes(s.rulebook, NULL, &rules, NULL, NULL));
    release(&s);
    return rules;
}

/// The same points in random order.
static points shuffled(const points *cloud) {
    points result = *cloud;
    int64_t row[COLUMNS], bytes = cloud->rows * (int64_t)sizeof *cloud->coordinates;
    result.coordinates = memcpy(allocate(bytes), cloud->coordinates, (size_t)bytes);
    for (int64_t i = cloud->rows - 1; i > 0; i--) {
        int64_t j = (int64_t)(uniform() * (double)(i + 1));
        memcpy(row, result.coordinates[i], sizeof row);
        memcpy(result.coordinates[i], result.coordinates[j], sizeof row);
        memcpy(result.coordinates[j], row, sizeof row);
    }
    return result;
}

void measure_geometry(const points *cloud, const points *sites) {
    const char *section = "geometry";
    points random_order = shuffled(cloud);
    subject s = {cloud, NULL, NULL, SCN_FILTER_INIT};
    work sorting = {.section = section, .name = "sort input, in its order (a point)", .figure = NANOSECONDS,
                    .amount = (double)cloud->rows, .run = create, .clean = release, .context = &s};
    measure(sorting);
    s.cloud = &random_order;
    sorting.name = "sort input, shuffled (a point)";
    measure(sorting);
    free(random_order.coordinates);

    s.cloud = sites;
    s.filter.dimension = DIMENSION;
    s.filter.size = three;
    measure((work){section, "submanifold 3x3x3 rulebook (a rule)", NANOSECONDS, (double)rules_of(sites), create,
                   submanifold, release, &s});
    s.filter.size = s.filter.stride = two;
    measure((work){section, "strided 2/2 rulebook (a site)", NANOSECONDS, (double)sites->rows, create, strided, release,
                   &s});
}

// Rulebooks between any two site sets, and interpolation at points between sites.
#include <stdlib.h>

#include "bench.h"

enum { MOST_OFFSETS = 27 };

typedef struct {
    const points *sites;
    int64_t chosen_rows;
    int64_t *chosen;
    int64_t offsets[MOST_OFFSETS * DIMENSION];
    scn_relation relation;
    int is_floor;
    scn_geometry *geometry;
    int32_t output_sites;
    scn_rulebook *rulebook;
    float *positions;
    int64_t *samples;
    scn_matrix features, result, weights;
} subject;

/// The relation of a filter of this shape; reads every `stride`-th place.
static void relate(subject *s, int64_t size, scn_filter_shape shape, int64_t stride) {
    static int64_t strides[DIMENSION];
    scn_filter filter = filter_of(DIMENSION, size, 1);
    scn_relation relation = SCN_RELATION_INIT;
    check(scn_filter_offsets(&filter, shape, s->offsets, MOST_OFFSETS * DIMENSION, &relation.volume));
    for (int axis = 0; axis < DIMENSION; axis++) strides[axis] = stride;
    relation.dimension = DIMENSION, relation.offsets = s->offsets, relation.output_stride = strides;
    s->relation = relation, s->is_floor = stride > 1;
}

/// A geometry in which both site sets are, the second one chosen or the floor of the first by the stride.
static void prepare(void *context) {
    subject *s = context;
    s->geometry = geometry_of(s->sites);
    s->output_sites = 0;
    if (s->is_floor)
        check(scn_geometry_floor(s->geometry, 0, s->relation.output_stride, &s->output_sites));
    else if (s->chosen)
        check(scn_geometry_add_sites(s->geometry, NULL, s->chosen, s->chosen_rows, DIMENSION + 1, &s->output_sites));
}
static void between(void *context) {
    subject *s = context;
    check(scn_geometry_between(s->geometry, 0, s->output_sites, &s->relation, &s->rulebook));
}
static void interpolation(void *context) {
    subject *s = context;
    check(scn_geometry_interpolation(s->geometry, 0, s->positions, SCN_FLOAT32, s->sites->rows, s->samples,
                                     &s->rulebook));
}
static void sum_along(void *context) {
    subject *s = context;
    check(scn_weighted_sum_forward(s->rulebook, &s->weights, &s->features, &s->result));
}
static void release(void *context) {
    subject *s = context;
    check(scn_rulebook_release(s->rulebook));
    check(scn_geometry_release(s->geometry));
    s->rulebook = NULL, s->geometry = NULL;
}

static double rules(subject *s, void (*make)(void *)) {
    int64_t count;
    prepare(s), make(s);
    check(scn_rulebook_sizes(s->rulebook, NULL, &count, NULL, NULL));
    release(s);
    return (double)count;
}

static void measure_relation(const char *name, subject *s) {
    measure_in_operations((work){.section = "geometry", .name = name, .figure = NANOSECONDS,
                                 .amount = rules(s, between), .prepare = prepare, .run = between, .clean = release,
                                 .context = s});
}

void measure_relations(const points *sites) {
    const int columns = DIMENSION + 1;
    subject s = {.sites = sites};
    relate(&s, 3, SCN_FILTER_CROSS, 1);
    measure_relation("cross of 7 rulebook (a rule)", &s);

    // Half of the sites, each one place beside where it is.
    s.chosen = allocate(sites->rows * columns * (int64_t)sizeof *s.chosen);
    for (int64_t row = 0; row < sites->rows; row += 2, s.chosen_rows++)
        for (int column = 0; column < columns; column++)
            s.chosen[s.chosen_rows * columns + column] = sites->coordinates[row * columns + column] + (column == 0);
    relate(&s, 3, SCN_FILTER_CENTERED, 1);
    measure_relation("3x3x3 rulebook onto chosen sites (a rule)", &s);
    free(s.chosen), s.chosen = NULL;
    relate(&s, 2, SCN_FILTER_CORNER, 2);
    measure_relation("2x2x2 rulebook onto the floor by 2 (a rule)", &s);
    relate(&s, 3, SCN_FILTER_CENTERED, 2);
    measure_relation("3x3x3 rulebook onto the floor by 2 (a rule)", &s);
    s.is_floor = 0;

    // A point beside each site.
    s.positions = allocate(sites->rows * DIMENSION * (int64_t)sizeof *s.positions);
    s.samples = allocate(sites->rows * (int64_t)sizeof *s.samples);
    for (int64_t row = 0; row < sites->rows; row++) {
        for (int axis = 0; axis < DIMENSION; axis++)
            s.positions[row * DIMENSION + axis] =
                (float)((double)sites->coordinates[row * columns + axis] + uniform() - 0.5);
        s.samples[row] = sites->coordinates[row * columns + DIMENSION];
    }
    measure_in_operations((work){"geometry", "interpolation rulebook (a point)", NANOSECONDS, (double)sites->rows,
                                 prepare, interpolation, release, &s});

    const double count = rules(&s, interpolation);
    prepare(&s), interpolation(&s);
    s.features = random_matrix(sites->rows, ELEMENT_PLANES), s.result = random_matrix(sites->rows, ELEMENT_PLANES);
    s.weights = random_matrix(1, (int64_t)count);
    check(scn_interpolation_weights(s.rulebook, s.positions, SCN_FLOAT32, sites->rows, DIMENSION, 0, &s.weights));
    measure((work){"geometry", "interpolation of 32 planes, a row read a rule", SHARE_OF_MEMCPY,
                   (count + (double)sites->rows) * ELEMENT_PLANES * sizeof(float), NULL, sum_along, NULL, &s});
    release(&s);
    free_matrix(&s.features), free_matrix(&s.result), free_matrix(&s.weights);
    free(s.positions), free(s.samples);
}

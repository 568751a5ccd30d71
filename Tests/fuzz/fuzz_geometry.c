/* Any sites in a geometry, and rulebooks of all kinds on it, held against a definition that shares no code with the
 * library: each rule joins two sites as the header says, none comes twice, and their number is that of all such
 * pairs. */
#include "fuzz.h"

/* More than these nobody checks. */
enum { MOST_ROWS = 48, MOST_SITES = 1 << 10, MOST_RULES = 1 << 18, MOST_TAPS = 300 };

/** A site set as numbers. */
typedef struct site_set {
    int32_t dimension;
    int64_t count, size[SCN_MAX_DIMENSION], *coordinates;  // [count, dimension + 1]
} site_set;

/** A filter as numbers. */
typedef struct taps {
    int64_t size[SCN_MAX_DIMENSION], stride[SCN_MAX_DIMENSION], padding[SCN_MAX_DIMENSION], dilation[SCN_MAX_DIMENSION];
} taps;

static int32_t dimension;

/** Read a site set; check that its sites ascend and lie in the field. */
static site_set sites_of(scn_geometry *geometry, int32_t sites) {
    site_set set = {.dimension = dimension};
    int64_t batch_size;
    REQUIRE_OK(scn_geometry_site_count(geometry, sites, &set.count));
    REQUIRE_OK(scn_geometry_spatial_size(geometry, sites, set.size));
    REQUIRE_OK(scn_geometry_batch_size(geometry, &batch_size));
    const int64_t columns = dimension + 1, capacity = set.count * columns;
    set.coordinates = (int64_t *)scratch((size_t)capacity, sizeof(int64_t));
    if (capacity > 0) {
        int64_t short_of[1] = {7};
        REQUIRE(scn_geometry_coordinates(geometry, sites, short_of, capacity == 1 ? 0 : 1) == SCN_ERROR_SHAPE);
    }
    REQUIRE_OK(scn_geometry_coordinates(geometry, sites, set.coordinates, capacity));
    for (int64_t row = 0; row < set.count; row++) {
        const int64_t *site = set.coordinates + row * columns, *last = site - columns;
        for (int32_t axis = 0; axis < dimension; axis++) REQUIRE(site[axis] >= 0 && site[axis] < set.size[axis]);
        REQUIRE(site[dimension] >= 0 && site[dimension] < batch_size);
        if (row == 0) continue;
        int order = (site[dimension] > last[dimension]) - (site[dimension] < last[dimension]);
        for (int32_t axis = 0; axis < dimension && order == 0; axis++)
            order = (site[axis] > last[axis]) - (site[axis] < last[axis]);
        REQUIRE(order > 0);
    }
    return set;
}

/** What a filter of some kind says of an input, an output and a tap on one axis. */
typedef int64_t (*relation)(int64_t input, int64_t output, int64_t tap, const taps *filter, int32_t axis);

static int64_t same_sites(int64_t input, int64_t output, int64_t tap, const taps *filter, int32_t axis) {
    return input == output + (tap - filter->size[axis] / 2) * filter->dilation[axis];
}
static int64_t strided(int64_t input, int64_t output, int64_t tap, const taps *filter, int32_t axis) {
    return input == output * filter->stride[axis] - filter->padding[axis] + tap * filter->dilation[axis];
}
static int64_t full(int64_t input, int64_t output, int64_t tap, const taps *filter, int32_t axis) {
    return output == input * filter->stride[axis] - filter->padding[axis] + tap * filter->dilation[axis];
}

/** Return how many taps of an axis lead from an input to some place of the output field. */
static int64_t ways_out(int64_t input, int64_t output_size, const taps *filter, int32_t axis, int is_full) {
    int64_t ways = 0;
    for (int64_t tap = 0; tap < filter->size[axis]; tap++) {
        const int64_t reach = filter->padding[axis] - tap * filter->dilation[axis], stride = filter->stride[axis];
        if (is_full) {
            const int64_t output = input * stride - reach;
            ways += output >= 0 && output < output_size;
        } else {
            const int64_t scaled = input + reach;
            ways += scaled >= 0 && scaled % stride == 0 && scaled / stride < output_size;
        }
    }
    return ways;
}

/** Return the number of rules of a filter that makes its own output sites. */
static int64_t rules_wanted(const site_set *from, const site_set *to, const taps *filter, int is_full) {
    int64_t wanted = 0;
    for (int64_t row = 0; row < from->count; row++) {
        int64_t ways = 1;
        for (int32_t axis = 0; axis < dimension && ways; axis++)
            ways *= ways_out(from->coordinates[row * (dimension + 1) + axis], to->size[axis], filter, axis, is_full);
        wanted += ways;
    }
    return wanted;
}

/** Return the number of rules of a submanifold filter: pairs of sites whose difference is a tap on each axis. */
static int64_t pairs_wanted(const site_set *set, const taps *filter) {
    int64_t wanted = 0;
    for (int64_t i = 0; i < set->count; i++)
        for (int64_t o = 0; o < set->count; o++) {
            const int64_t *input = set->coordinates + i * (dimension + 1),
                          *output = set->coordinates + o * (dimension + 1);
            int meets = input[dimension] == output[dimension];
            for (int32_t axis = 0; axis < dimension && meets; axis++) {
                const int64_t step = input[axis] - output[axis], dilation = filter->dilation[axis];
                const int64_t tap = step / dilation + filter->size[axis] / 2;
                meets = step % dilation == 0 && tap >= 0 && tap < filter->size[axis];
            }
            wanted += meets;
        }
    return wanted;
}

/** Check a rulebook's rules. wanted: their number, or -1 where not known; relation: NULL where not known. */
static void check_rules(scn_rulebook *rulebook, const site_set *from, const site_set *to, const taps *filter,
                        relation holds, int64_t wanted) {
    int64_t volume, rules, inputs, outputs;
    const int64_t *offsets;
    const int32_t *input_rows, *output_rows;
    REQUIRE_OK(scn_rulebook_sizes(rulebook, &volume, &rules, &inputs, &outputs));
    REQUIRE_OK(scn_rulebook_rules(rulebook, &offsets, &input_rows, &output_rows));
    REQUIRE(inputs == from->count && outputs == to->count && offsets[0] == 0 && offsets[volume] == rules);
    if (wanted >= 0 && wanted != rules)
        fuzz_fail("%lld rules, expected %lld", (long long)rules, (long long)wanted);
    if (rules > MOST_RULES) return;
    for (int64_t offset = 0; offset < volume; offset++) {
        REQUIRE(offsets[offset] <= offsets[offset + 1]);
        for (int64_t rule = offsets[offset]; rule < offsets[offset + 1]; rule++) {
            const int32_t i = input_rows[rule], o = output_rows[rule];
            REQUIRE(i >= 0 && i < from->count && o >= 0 && o < to->count);
            if (rule > offsets[offset]) REQUIRE(i > input_rows[rule - 1] || o > output_rows[rule - 1]);
            const int64_t *input = from->coordinates + i * (dimension + 1),
                          *output = to->coordinates + o * (dimension + 1);
            REQUIRE(input[dimension] == output[dimension]);
            int64_t rest = offset;
            for (int32_t axis = dimension - 1; holds && axis >= 0; axis--) {
                REQUIRE(holds(input[axis], output[axis], rest % filter->size[axis], filter, axis));
                rest /= filter->size[axis];
            }
        }
    }
}

/** Check that a reversed rulebook has the same rules, from the other side. */
static void check_reversed(scn_rulebook *rulebook) {
    scn_rulebook *reversed;
    const int64_t *offsets[2];
    const int32_t *inputs[2], *outputs[2];
    int64_t volume, rules;
    REQUIRE_OK(scn_rulebook_reversed(rulebook, &reversed));
    REQUIRE_OK(scn_rulebook_sizes(reversed, &volume, &rules, NULL, NULL));
    REQUIRE_OK(scn_rulebook_rules(rulebook, &offsets[0], &inputs[0], &outputs[0]));
    REQUIRE_OK(scn_rulebook_rules(reversed, &offsets[1], &inputs[1], &outputs[1]));
    for (int64_t offset = 0; offset <= volume; offset++) REQUIRE(offsets[0][offset] == offsets[1][offset]);
    for (int64_t rule = 0; rule < rules; rule++)
        REQUIRE(inputs[0][rule] == outputs[1][rule] && outputs[0][rule] == inputs[1][rule]);
    REQUIRE_OK(scn_rulebook_release(reversed));
}

/** Convolve ones with weights of one: each output is the number of its rules. */
static void check_convolution(scn_rulebook *rulebook) {
    int64_t volume, rules, inputs, outputs;
    const int64_t *offsets;
    const int32_t *input_rows, *output_rows;
    REQUIRE_OK(scn_rulebook_sizes(rulebook, &volume, &rules, &inputs, &outputs));
    REQUIRE_OK(scn_rulebook_rules(rulebook, &offsets, &input_rows, &output_rows));
    if (volume > MOST_RULES || rules > MOST_RULES) return;
    float *ones = (float *)scratch((size_t)(inputs > volume ? inputs : volume), sizeof(float));
    float *sums = (float *)scratch((size_t)outputs, sizeof(float)),
          *counts = (float *)scratch((size_t)outputs, sizeof(float));
    for (int64_t i = 0; i < inputs || i < volume; i++) ones[i] = 1;
    for (int64_t rule = 0; rule < rules; rule++) counts[output_rows[rule]]++;
    const scn_matrix input = SCN_MATRIX(ones, inputs, 1);
    scn_matrix result = SCN_MATRIX(sums, outputs, 1);
    REQUIRE_OK(scn_convolution_forward(rulebook, &input, ones, NULL, 1, &result));
    REQUIRE(memcmp(sums, counts, (size_t)outputs * sizeof(float)) == 0);
}

static void refused(scn_rulebook *rulebook, int32_t sites) {
    REQUIRE(rulebook == NULL && sites == 0 && scn_last_error()[0] != 0);
}

/** Whether the definition's numbers fit into integers, and its taps can be paid for. */
static int is_modest(const taps *filter, const site_set *from, const site_set *to) {
    const int64_t far = INT64_C(1) << 40;
    for (int32_t axis = 0; axis < dimension; axis++)
        if (filter->size[axis] > MOST_TAPS || filter->dilation[axis] > far || filter->padding[axis] > far ||
            filter->stride[axis] > 1 << 20 || from->size[axis] > far || to->size[axis] > far)
            return 0;
    return 1;
}
static int64_t site_count(scn_geometry *geometry, int32_t sites) {
    int64_t count;
    REQUIRE_OK(scn_geometry_site_count(geometry, sites, &count));
    return count;
}

static taps read_filter(scn_filter *filter) {
    const int64_t most = dimension <= 4 ? 3 : 2;  // 3^10 offsets take seconds
    const int64_t *arrays[] = {some_sizes(dimension, 1, most), some_sizes(dimension, 1, 3), some_sizes(dimension, 0, 2),
                               some_sizes(dimension, 1, 2)};
    taps result;
    *filter = (scn_filter)SCN_FILTER_INIT;
    filter->dimension = dimension, filter->size = arrays[0], filter->stride = arrays[1], filter->padding = arrays[2];
    filter->dilation = arrays[3];
    for (int32_t axis = 0; axis < dimension; axis++) {
        result.size[axis] = arrays[0] ? arrays[0][axis] : 1, result.stride[axis] = arrays[1] ? arrays[1][axis] : 1;
        result.padding[axis] = arrays[2] ? arrays[2][axis] : 0, result.dilation[axis] = arrays[3] ? arrays[3][axis] : 1;
    }
    return result;
}

/** Ask for one rulebook on a site set; return the site set that it leads to, or -1. */
static int32_t one_rulebook(scn_geometry *geometry, int32_t sites) {
    scn_filter filter;
    scn_fractional_options fractional = SCN_FRACTIONAL_OPTIONS_INIT;
    const taps numbers = read_filter(&filter);
    scn_rulebook *rulebook = (scn_rulebook *)&filter;
    int32_t output = sites;
    scn_status status;
    const uint8_t kind = byte() % 8;
    const site_set from = sites_of(geometry, sites);
    uint8_t *keep;
    switch (kind) {
    case 0:
        filter.stride = filter.padding = NULL;
        status = scn_geometry_submanifold(geometry, sites, &filter, &rulebook);
        break;
    case 1: status = scn_geometry_permutohedral(geometry, sites, &rulebook); break;
    case 2: status = scn_geometry_strided(geometry, sites, &filter, &output, &rulebook); break;
    case 3: status = scn_geometry_full(geometry, sites, &filter, &output, &rulebook); break;
    case 4: status = scn_geometry_randomized(geometry, sites, &filter, &output, &rulebook); break;
    case 5:
        fractional.ratio = byte() % 2 ? some_reals(dimension) : NULL;
        fractional.output_size = fractional.ratio ? NULL : some_sizes(dimension, 1, 3);
        fractional.tiles = byte() % 2, fractional.order = (scn_window_order)choice_of(2);
        fractional.pool_size = fractional.tiles ? NULL : some_sizes(dimension, 1, dimension <= 4 ? 3 : 2);
        status = scn_geometry_fractional(geometry, sites, &fractional, choice_of(2), &output, &rulebook);
        break;
    case 6: status = scn_geometry_reverse(geometry, sites, &filter, &output, &rulebook); break;
    default:
        keep = (uint8_t *)scratch((size_t)from.count, 1);
        for (int64_t row = 0; row < from.count; row++) keep[row] = byte() & 1;
        status = scn_geometry_subset(geometry, sites, keep, from.count, &output, &rulebook);
    }
    if (status != SCN_OK) {
        REQUIRE(status != SCN_ERROR_INTERNAL);
        refused(rulebook, kind == 0 || kind == 1 ? 0 : output);
        return -1;
    }
    if (site_count(geometry, output) > MOST_SITES) {
        REQUIRE_OK(scn_rulebook_release(rulebook));
        return -1;
    }
    const site_set to = sites_of(geometry, output);
    if (kind == 0 && is_modest(&numbers, &from, &to))
        check_rules(rulebook, &from, &to, &numbers, same_sites, pairs_wanted(&from, &numbers));
    else if (kind == 2 && is_modest(&numbers, &from, &to))
        check_rules(rulebook, &from, &to, &numbers, strided, rules_wanted(&from, &to, &numbers, 0));
    else if (kind == 3 && is_modest(&numbers, &from, &to))
        check_rules(rulebook, &from, &to, &numbers, full, rules_wanted(&from, &to, &numbers, 1));
    else if (kind != 4) check_rules(rulebook, &from, &to, &numbers, NULL, -1);
    check_reversed(rulebook);
    check_convolution(rulebook);
    REQUIRE_OK(scn_rulebook_release(rulebook));
    return output;
}

/** Check that the rows that a geometry was made of are at the sites that it says. */
static void check_rows(scn_geometry *geometry, const int64_t *coordinates, int32_t columns, int64_t rows) {
    const site_set set = sites_of(geometry, 0);
    int64_t *row_sites = (int64_t *)scratch((size_t)rows, sizeof(int64_t)), count;
    int64_t *counts = (int64_t *)scratch((size_t)set.count, sizeof(int64_t));
    REQUIRE_OK(scn_geometry_input_row_count(geometry, &count));
    REQUIRE(count == rows);
    REQUIRE_OK(scn_geometry_row_sites(geometry, row_sites, rows));
    REQUIRE_OK(scn_geometry_row_counts(geometry, counts, set.count));
    for (int64_t row = 0; row < rows; row++) {
        REQUIRE(row_sites[row] >= 0 && row_sites[row] < set.count);
        const int64_t *site = set.coordinates + row_sites[row] * (dimension + 1), *wanted = coordinates + row * columns;
        for (int32_t axis = 0; axis < columns; axis++) REQUIRE(site[axis] == wanted[axis]);
        counts[row_sites[row]]--;
    }
    for (int64_t site = 0; site < set.count; site++) REQUIRE(counts[site] == 0);
}

static scn_geometry *from_coordinates(void) {
    const int64_t most = byte() % 2 ? 3 : 12, rows = size_number(MOST_ROWS);
    const int64_t *size = some_sizes(dimension, 1, most + 1);
    const int32_t columns = rarely(8) ? integer_from_bytes() : dimension + (byte() & 1);
    const int64_t *where =
        columns >= 1 && columns <= 16 ? some_integers(modest_product3(rows, columns, 1), most) : NULL;
    scn_geometry *geometry = (scn_geometry *)&most;
    scn_status status = scn_geometry_create(dimension, size, where, rows, columns, size_number(3),
                                            (scn_input_mode)choice_of(5), &geometry);
    if (status == SCN_OK) {
        if (rows > 0) check_rows(geometry, where, columns, rows);
        return geometry;
    }
    REQUIRE(geometry == NULL && status != SCN_ERROR_INTERNAL && scn_last_error()[0] != 0);
    return NULL;
}

static scn_geometry *from_batches(void) {
    const int64_t batch_size = size_number(4), length = size_number(8), factors[] = {batch_size, length, dimension};
    const int64_t *size = some_sizes(dimension, 1, 6), *where = some_integers(modest_product(factors, 3), 5);
    scn_geometry *geometry = (scn_geometry *)&batch_size;
    scn_status status = scn_geometry_create_batched(dimension, size, where, batch_size, length,
                                                    (scn_input_mode)choice_of(5), &geometry);
    if (status != SCN_OK) REQUIRE(geometry == NULL && status != SCN_ERROR_INTERNAL);
    return geometry;
}

static scn_geometry *from_dense(void) {
    const int64_t batch_size = size_number(2), planes = size_number(2), *size = some_sizes(dimension, 1, 3);
    int64_t count = modest_product3(batch_size, planes, 1);
    if (size && dimension >= 1 && dimension <= SCN_MAX_DIMENSION && count >= 0)
        count = modest_product3(count, modest_product(size, dimension), 1);
    const float *data = some_floats(count);
    scn_geometry *geometry = (scn_geometry *)&batch_size;
    scn_status status = scn_geometry_create_dense(dimension, size, data, batch_size, planes, count, &geometry);
    if (status != SCN_OK) REQUIRE(geometry == NULL && status != SCN_ERROR_INTERNAL);
    return geometry;
}

/** Voxels, held against the definition where the numbers are doubles. */
static scn_geometry *from_points(void) {
    const int64_t rows = size_number(MOST_ROWS);
    const int is_double = byte() & 1;
    const int64_t count = rows >= 0 && rows <= MOST_ROWS && dimension >= 1 && dimension <= SCN_MAX_DIMENSION
                              ? rows * dimension
                              : -1;
    const double *doubles = is_double ? some_reals(count) : NULL, *voxel = some_reals(dimension >= 1 ? dimension : 1);
    const float *floats = is_double ? NULL : some_floats(count);
    const uint64_t seed = byte();
    scn_voxelize_options options = SCN_VOXELIZE_OPTIONS_INIT;
    options.reduction = (scn_voxel_reduction)choice_of(5), options.seed = byte() & 1 ? &seed : NULL;
    options.origin = byte() & 1 ? some_reals(dimension >= 1 ? dimension : 1) : NULL;
    options.batch = byte() & 1 ? some_integers(rows <= MOST_ROWS ? rows : -1, 3) : NULL;
    options.batch_size = size_number(3), options.spatial_size = byte() & 1 ? some_sizes(dimension, 1, 12) : NULL;
    const int is_by_default = rarely(16);
    scn_geometry *geometry = (scn_geometry *)&seed;
    scn_status status = scn_voxelize(dimension, is_double ? (const void *)doubles : floats,
                                     is_double ? SCN_FLOAT64 : SCN_FLOAT32, rows, voxel,
                                     is_by_default ? NULL : &options, &geometry);
    if (status != SCN_OK) REQUIRE(geometry == NULL && status != SCN_ERROR_INTERNAL && scn_last_error()[0] != 0);
    if (!geometry || !doubles || !options.origin || is_by_default || rows == 0) return geometry;
    const site_set set = sites_of(geometry, 0);
    int64_t *row_sites = (int64_t *)scratch((size_t)rows, sizeof(int64_t));
    REQUIRE_OK(scn_geometry_row_sites(geometry, row_sites, rows));
    for (int64_t row = 0; row < rows; row++)
        for (int32_t axis = 0; axis < dimension; axis++) {
            const double place = floor((doubles[row * dimension + axis] - options.origin[axis]) / voxel[axis]);
            REQUIRE(set.coordinates[row_sites[row] * (dimension + 1) + axis] == (int64_t)place);
        }
    return geometry;
}

/** bytes: the dimension, how the geometry comes about, its numbers, then rulebooks. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    read_from(bytes, size);
    REQUIRE_OK(scn_manual_seed(byte()));
    REQUIRE_OK(scn_set_thread_count(1 + byte() % 2));
    dimension = rarely(8) ? integer_from_bytes() : 1 + byte() % (byte() % 8 ? 4 : SCN_MAX_DIMENSION);
    scn_geometry *geometry = NULL;
    switch (byte() % 4) {
    case 0: geometry = from_coordinates(); break;
    case 1: geometry = from_batches(); break;
    case 2: geometry = from_dense(); break;
    default: geometry = from_points();
    }
    int32_t sites = 0;
    for (int step = 0; geometry && site_count(geometry, 0) <= MOST_SITES && step < 12 && bytes_left > 0; step++) {
        const int32_t next = one_rulebook(geometry, sites);
        if (next >= 0) sites = byte() % 4 ? next : 0;
    }
    REQUIRE_OK(scn_geometry_release(geometry));
    REQUIRE(scn_live_handles() == 0 && scn_memory_in_use() == 0);
    release_scratch();
    return 0;
}

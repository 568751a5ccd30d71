/* Sums over many rows, by rules and by sites, against loops; they are added in double and rounded once. And what rows
 * make of what their segments have. */
#include "kernels.h"

/** Tiles of every kind: one row, some, all of them; room for the rules of one row, or of all. */
static void sum_over_rules(const scn_kernel_table *table, int64_t volume, int64_t planes, int64_t inputs,
                           int64_t outputs, int64_t offset_stride) {
    int64_t stride = volume * planes + 1, middle = outputs / 3, bounds[] = {0, middle, outputs};
    const int64_t tiles[][2] = {{1, volume}, {7, volume}, {64, 3 * volume}, {100, 100 * volume}};
    uint64_t seed = (uint64_t)(planes + outputs + volume);
    begin_case("sums over %lld offsets, %lld planes, %lld rows", (long long)volume, (long long)planes,
               (long long)outputs);
    scn_rules rules = random_rules(volume, inputs, outputs, 60, seed);
    const float *input = uneven_floats(inputs * stride, seed + 1);
    double *want = edge_doubles(outputs * planes);
    for (int64_t k = 0; k < volume; k++)
        for (int64_t r = rules.offsets[k]; r < rules.offsets[k + 1]; r++)
            for (int64_t p = 0; p < planes; p++)
                want[rules.output_rows[r] * planes + p] += input[rules.input_rows[r] * stride + k * offset_stride + p];
    for (int64_t i = 0; i < outputs * planes; i++) want[i] *= 0.125;
    for (int64_t t = 0; t < COUNT_OF(tiles); t++) {
        matrix output = new_matrix(NULL, outputs, planes, 2);
        int64_t *cursors = edge_integers(volume), *starts = edge_integers(tiles[t][0] + 1);
        int64_t *places = edge_integers(tiles[t][1]);
        for (int part = 0; part < 2; part++)
            table->sum_rules(&rules, 1, bounds[part], bounds[part + 1], input, stride, offset_stride, planes, 0.125,
                             output.values, output.stride, tiles[t][0], tiles[t][1], cursors, starts, places);
        SAME(elements_of(output), want, outputs * planes);
    }
    end_case();
}

static void sums_over_rules(const scn_kernel_table *table) {
    static const int64_t volumes[] = {1, 9, 40}, sizes[][2] = {{1, 0}, {1, 1}, {30, 25}, {90, 70}};
    for (int64_t v = 0; v < COUNT_OF(volumes); v++)
        for (int64_t a = 0; a < COUNT_OF(plane_counts); a++)
            for (int64_t s = 0; s < COUNT_OF(sizes); s++)
                for (int has_stride = 0; has_stride < 2; has_stride++)
                    sum_over_rules(table, volumes[v], plane_counts[a], sizes[s][0], sizes[s][1],
                                   has_stride ? plane_counts[a] : 0);
}

/** Where output rows repeat within an offset they are summed rule after rule. */
static void output_rows_may_repeat(const scn_kernel_table *table) {
    static const int32_t from[] = {0, 1, 2, 3, 4, 0}, to[] = {1, 1, 0, 1, 0, 2};
    static const int64_t offsets[] = {0, 4, 6};
    const scn_rules rules = {2, offsets, from, to};
    for (int64_t a = 0; a < COUNT_OF(plane_counts); a++) {
        int64_t planes = plane_counts[a];
        begin_case("rows that repeat, %lld planes", (long long)planes);
        const float *input = even_floats(5 * planes, 1);
        float *output = filled(4 * planes, NAN);
        double *want = edge_doubles(4 * planes);
        for (int r = 0; r < 6; r++)
            for (int64_t p = 0; p < planes; p++) want[to[r] * planes + p] += input[from[r] * planes + p];
        table->sum_rules(&rules, 0, 0, 4, input, planes, 0, planes, 1, output, planes, 4, 6, edge_integers(2),
                         edge_integers(5), edge_integers(6));
        SAME(output, want, 4 * planes);
        end_case();
    }
}

enum { SITES = 12 };
typedef struct {
    int64_t rows, starts[SITES + 1];
    int32_t *site_of_row, *order;
} placement;

/** Sites of no row to 40 in random order; every third row is padding and belongs to none. */
static placement place_rows(void) {
    static const int64_t counts[SITES] = {1, 3, 0, 1, 1, 40, 2, 1, 1, 1, 7, 0};
    placement result = {0, {0}, NULL, NULL};
    uint64_t seed = 3;
    for (int site = 0; site < SITES; site++) result.starts[site + 1] = result.starts[site] + counts[site];
    int64_t owned = result.starts[SITES], found = 0;
    result.rows = owned + owned / 2;
    result.site_of_row = (int32_t *)edge(result.rows, sizeof(int32_t));
    result.order = (int32_t *)edge(owned, sizeof(int32_t));
    for (int64_t row = 0; row < result.rows; row++) {
        result.site_of_row[row] = -1;
        if (row % 3 != 2 && found < owned) result.order[found++] = (int32_t)row;
    }
    for (int64_t i = 0; i < owned; i++) {
        int64_t other = next_random(&seed) % (uint32_t)owned;
        int32_t row = result.order[i];
        result.order[i] = result.order[other], result.order[other] = row;
    }
    for (int site = 0; site < SITES; site++)
        for (int64_t i = result.starts[site]; i < result.starts[site + 1]; i++)
            result.site_of_row[result.order[i]] = site;
    return result;
}

static void sites_combine_their_rows_and_spread_them(const scn_kernel_table *table) {
    static const scn_site_rows kinds[] = {SCN_SUM_OF_ROWS, SCN_MEAN_OF_ROWS, SCN_FIRST_ROW, SCN_LAST_ROW,
                                         SCN_LARGEST_ROW};
    for (int64_t c = 0; c < COUNT_OF(plane_counts) * COUNT_OF(kinds); c++) {
        int64_t planes = plane_counts[c / COUNT_OF(kinds)];
        scn_site_rows which = kinds[c % COUNT_OF(kinds)];
        begin_case("rows of sites, %lld planes, kind %d", (long long)planes, (int)which);
        placement at = place_rows();
        const float *values = uneven_floats(at.rows * planes, 1), *sites = uneven_floats(SITES * planes, 2);
        float *output = filled(SITES * planes, NAN), *spread = filled(at.rows * planes, NAN);
        int64_t bounds[] = {0, 5, at.rows};
        table->combine_site_rows(SITES, at.starts, at.order, which, values, planes, output);
        if (which == SCN_LARGEST_ROW) {
            double *largest = edge_doubles(SITES * planes);
            for (int64_t i = 0; i < SITES * planes; i++) {
                const int64_t *range = at.starts + i / planes;
                for (int64_t r = range[0]; r < range[1]; r++) {
                    const double x = values[at.order[r] * planes + i % planes];
                    largest[i] = r == range[0] ? x : fmax(largest[i], x);
                }
            }
            SAME(output, largest, SITES * planes);
            end_case();
            continue;
        }
        for (int part = 0; part < 2; part++)
            table->spread_site_rows(bounds[part], bounds[part + 1], at.site_of_row, at.starts, at.order, which, sites,
                                    planes, spread);
        double *combined = edge_doubles(SITES * planes), *back = edge_doubles(at.rows * planes);
        for (int site = 0; site < SITES; site++) {
            int64_t first = at.starts[site], end = at.starts[site + 1], count = end - first;
            if (which == SCN_FIRST_ROW && count) end = first + 1;
            if (which == SCN_LAST_ROW && count) first = end - 1;
            for (int64_t p = 0; p < planes; p++) {
                double sum = 0, whole = sites[site * planes + p];
                for (int64_t i = first; i < end; i++) {
                    sum += values[at.order[i] * planes + p];
                    back[at.order[i] * planes + p] = which == SCN_MEAN_OF_ROWS ? whole / (double)count : whole;
                }
                combined[site * planes + p] = which == SCN_MEAN_OF_ROWS ? count ? sum * (1 / (double)count) : 0 : sum;
            }
        }
        SAME(output, combined, SITES * planes);
        SAME(spread, back, at.rows * planes);
        end_case();
    }
}

static void listed_rows_add_up(const scn_kernel_table *table) {
    for (int64_t a = 0; a < COUNT_OF(plane_counts); a++) {
        int64_t planes = plane_counts[a];
        begin_case("listed rows, %lld planes", (long long)planes);
        placement at = place_rows();
        const float *values = uneven_floats(at.rows * planes, 1);
        double *sum = edge_doubles(planes), *want = edge_doubles(planes);
        for (int64_t r = 0; r < at.starts[SITES]; r++)
            for (int64_t p = 0; p < planes; p++) want[p] += values[at.order[r] * planes + p];
        table->listed_row_sums(at.starts[SITES], at.order, values, planes, sum);
        CLOSE_SUMS(sum, want, planes, 1e-12);
        table->listed_row_sums(0, at.order, values, planes, sum);
        memset(want, 0, (size_t)planes * sizeof *want);
        CLOSE_SUMS(sum, want, planes, 0);
        end_case();
    }
}

/** What rows make of what their segments have; rows of no segment become zeros, whatever they are. */
static void rows_meet_their_segments(const scn_kernel_table *table) {
    for (int64_t a = 0; a < COUNT_OF(plane_counts); a++) {
        int64_t planes = plane_counts[a];
        begin_case("rows and segments, %lld planes", (long long)planes);
        placement at = place_rows();
        int64_t count = at.rows * planes, bounds[] = {0, 5, at.rows};
        float *rows = even_floats(count, 1), *others = even_floats(count, 2);
        float *segments = even_floats(SITES * planes, 3);
        const float *gradient = uneven_floats(SITES * planes, 4);
        float *results[4], *above = filled(SITES * planes, 1.5f);
        double *want[4];
        for (int64_t i = 0; i < COUNT_OF(results); i++) results[i] = filled(count, NAN), want[i] = edge_doubles(count);
        segments[0] = NAN, above[SITES * planes - 1] = INFINITY;
        for (int64_t i = 0; i < count; i++) {
            const int64_t site = at.site_of_row[i / planes], place = site * planes + i % planes;
            if (site < 0) {
                rows[i] = NAN;
                continue;
            }
            if (place == 0) rows[i] = NAN;
            const double x = rows[i];
            want[0][i] = x == segments[place] || (isnan(x) && isnan(segments[place])) ? gradient[place] : 0;
            want[1][i] = exp(x - above[place]), want[2][i] = (float)(rows[i] / segments[place]);
            want[3][i] = rows[i] * (others[i] - segments[place]);
        }
        for (int part = 0; part < 2; part++) {
            const int64_t first = bounds[part], end = bounds[part + 1];
            table->largest_row_backward(first, end, at.site_of_row, rows, segments, gradient, planes, results[0]);
            table->segment_exponentials(first, end, at.site_of_row, rows, above, planes, results[1]);
            table->divide_by_segment(first, end, at.site_of_row, rows, segments, planes, results[2]);
            table->segment_softmax_backward(first, end, at.site_of_row, rows, others, segments, planes, results[3]);
        }
        SAME(results[0], want[0], count);
        SAME(results[2], want[2], count);
        SAME(results[3], want[3], count);
        for (int64_t i = 0; i < count; i++)
            if (isnan(want[1][i]) && isnan(results[1][i])) want[1][i] = results[1][i] = 0;
        CLOSE(results[1], want[1], count, 3e-7);
        end_case();
    }
}

int main(void) {
    static void (*const tests[])(const scn_kernel_table *) = {sums_over_rules, output_rows_may_repeat,
                                                              sites_combine_their_rows_and_spread_them,
                                                              listed_rows_add_up, rows_meet_their_segments};
    return run_on_all_tables(tests, COUNT_OF(tests));
}

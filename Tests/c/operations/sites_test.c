/* Where sites come from and which of them stay: voxels of points, padded samples, dense arrays, subsets; the lattice
 * A_d and shape contexts. At both levels, against naive loops. */
#include "check.h"

enum { POINTS = 500, PLANES = 3, VOXELS = 4, SIDE = 4, CELLS = SIDE * SIDE, PADDED = 6 };

/** Return the row of a site; -1 where it is none. coordinates: [count, columns]. */
static int64_t row_of(const int64_t *coordinates, int64_t count, int64_t columns, const int64_t *site) {
    for (int64_t row = 0; row < count; row++)
        if (memcmp(coordinates + row * columns, site, (size_t)columns * sizeof *site) == 0) return row;
    return -1;
}

static void test_voxels(scn_element_type type, scn_voxel_reduction reduction) {
    const double size[] = {0.5, 0.25}, origin[] = {-1, -1.5};
    const int64_t spatial_size[] = {VOXELS + 1, 2 * VOXELS + 7};
    const uint64_t seed = 5;
    float *points = random_floats(POINTS * 2, 1), *features = random_floats(POINTS * PLANES, 2);
    double *precise = doubles(POINTS * 2);
    int64_t *batch = integers(POINTS), *voxel_of = integers(POINTS), voxels = 0;
    for (int i = 0; i < POINTS * 2; i++) precise[i] = points[i];
    for (int i = 0; i < POINTS; i++) batch[i] = i % 2;
    scn_voxelize_options options = SCN_VOXELIZE_OPTIONS_INIT;
    options.reduction = reduction, options.seed = &seed, options.origin = origin, options.batch = batch;
    options.batch_size = 3, options.spatial_size = spatial_size;
    scn_geometry *geometry = NULL;
    const void *data = type == SCN_FLOAT32 ? (const void *)points : precise;
    OK(scn_voxelize(2, data, type, POINTS, size, &options, &geometry));
    OK(scn_geometry_site_count(geometry, 0, &voxels));
    int64_t *coordinates = integers(voxels * 3), *counts = integers(voxels), *found = integers(voxels), samples = 0;
    OK(scn_geometry_coordinates(geometry, 0, coordinates, voxels * 3));
    OK(scn_geometry_row_sites(geometry, voxel_of, POINTS));
    OK(scn_geometry_row_counts(geometry, counts, voxels));
    OK(scn_geometry_batch_size(geometry, &samples));
    CHECK(samples == 3);
    float *combined = floats(voxels * PLANES);
    double *want = doubles(voxels * PLANES);
    scn_matrix from = SCN_MATRIX(features, POINTS, PLANES), to = SCN_MATRIX(combined, voxels, PLANES);
    OK(scn_input_forward(geometry, &from, &to));
    int misplaced = 0, strangers = 0;
    for (int i = 0; i < POINTS; i++) {
        const int64_t site[] = {(int64_t)floor((precise[2 * i] + 1) / 0.5),
                                (int64_t)floor((precise[2 * i + 1] + 1.5) / 0.25), batch[i]};
        const int64_t voxel = row_of(coordinates, voxels, 3, site);
        misplaced += voxel < 0 || voxel != voxel_of[i];
        if (voxel < 0) continue;
        for (int p = 0; p < PLANES; p++) {
            double *target = want + voxel * PLANES + p, value = features[i * PLANES + p];
            if (reduction == SCN_VOXEL_SUM || reduction == SCN_VOXEL_MEAN) *target += value;
            else if (reduction == SCN_VOXEL_LAST || (reduction == SCN_VOXEL_FIRST && !found[voxel])) *target = value;
        }
        found[voxel]++;
    }
    CHECK(misplaced == 0);
    CHECK(memcmp(found, counts, (size_t)voxels * sizeof *found) == 0);
    for (int64_t v = 0; v < voxels && reduction == SCN_VOXEL_MEAN; v++)
        for (int p = 0; p < PLANES; p++) want[v * PLANES + p] /= (double)counts[v];
    if (reduction != SCN_VOXEL_RANDOM) NEAR("voxels", combined, want, voxels * PLANES, 1e-6);
    for (int64_t v = 0; v < voxels && reduction == SCN_VOXEL_RANDOM; v++) {
        int is_member = 0;
        for (int i = 0; i < POINTS; i++)
            is_member |= voxel_of[i] == v
                && memcmp(features + i * PLANES, combined + v * PLANES, PLANES * sizeof *features) == 0;
        strangers += !is_member;
    }
    CHECK(strangers == 0);
    OK(scn_geometry_release(geometry));
    OK(scn_voxelize(2, NULL, type, 0, size, NULL, &geometry));
    OK(scn_geometry_site_count(geometry, 0, &voxels));
    CHECK(voxels == 0);
    OK(scn_geometry_release(geometry));
    free(points), free(features), free(precise), free(batch), free(voxel_of), free(coordinates), free(counts);
    free(found), free(combined), free(want);
}

/** Sites of a dense array, a subset of them, and the shape context of that. */
static void test_dense_and_subset(void) {
    const int64_t size[] = {SIDE, SIDE}, filter_size[] = {3, 3};
    float *dense = floats(2 * PLANES * CELLS), *back = floats(2 * PLANES * CELLS);
    uint64_t state = 3;
    int64_t active[2 * CELLS], count = 0, kept = 0;
    for (int64_t cell = 0; cell < 2 * CELLS; cell++) {
        if (next_random(&state) % 3 == 0) continue;
        active[count++] = cell;
        for (int p = 0; p < PLANES; p++)
            dense[(cell / CELLS * PLANES + p) * CELLS + cell % CELLS] = (float)(next_random(&state) % 9) + 1;
    }
    scn_geometry *geometry = NULL;
    scn_rulebook *rulebook = NULL;
    int64_t sites = 0;
    OK(scn_geometry_create_dense(2, size, dense, 2, PLANES, 2 * PLANES * CELLS, &geometry));
    OK(scn_geometry_site_count(geometry, 0, &sites));
    CHECK(sites == count);
    float *features = floats(count * PLANES), *chosen = floats(count * PLANES), *wide = floats(count * PLANES * 9);
    scn_matrix rows = SCN_MATRIX(features, count, PLANES);
    OK(scn_sparse_to_dense_backward(geometry, 0, dense, 2 * PLANES * CELLS, &rows));
    OK(scn_sparse_to_dense_forward(geometry, 0, &rows, back, 2 * PLANES * CELLS));
    CHECK(memcmp(dense, back, 2 * PLANES * CELLS * sizeof *dense) == 0);

    uint8_t keep[2 * CELLS] = {0};
    int32_t subset = -1;
    for (int64_t i = 0; i < count; i++) kept += keep[i] = i % 3 != 1;
    OK(scn_geometry_subset(geometry, 0, keep, count, &subset, &rulebook));
    OK(scn_geometry_site_count(geometry, subset, &sites));
    CHECK(sites == kept);
    scn_matrix fewer = SCN_MATRIX(chosen, kept, PLANES);
    OK(scn_shape_context_forward(rulebook, &rows, &fewer));
    int64_t *coordinates = integers(kept * 3), next = 0;
    OK(scn_geometry_coordinates(geometry, subset, coordinates, kept * 3));
    int wrong = 0;
    for (int64_t i = 0; i < count; i++) {
        if (!keep[i]) continue;
        const int64_t site[] = {active[i] % CELLS / SIDE, active[i] % SIDE, active[i] / CELLS};
        wrong += row_of(coordinates, kept, 3, site) != next;
        wrong += memcmp(chosen + next * PLANES, features + i * PLANES, PLANES * sizeof *chosen) != 0;
        next++;
    }
    CHECK(wrong == 0);
    OK(scn_shape_context_backward(rulebook, &fewer, &rows));
    for (int64_t i = 0; i < count; i++)
        for (int p = 0; p < PLANES; p++) wrong += (features[i * PLANES + p] != 0) != keep[i];
    CHECK(wrong == 0);
    OK(scn_rulebook_release(rulebook));

    scn_filter filter = SCN_FILTER_INIT;
    filter.dimension = 2, filter.size = filter_size;
    OK(scn_geometry_submanifold(geometry, subset, &filter, &rulebook));
    scn_matrix context = SCN_MATRIX(wide, kept, PLANES * 9);
    OK(scn_shape_context_forward(rulebook, &fewer, &context));
    for (int64_t i = 0; i < kept; i++)
        for (int64_t k = 0; k < 9; k++) {
            const int64_t site[] = {coordinates[i * 3] + k / 3 - 1, coordinates[i * 3 + 1] + k % 3 - 1,
                                    coordinates[i * 3 + 2]};
            const int64_t other = row_of(coordinates, kept, 3, site);
            for (int p = 0; p < PLANES; p++)
                wrong += wide[(i * 9 + k) * PLANES + p] != (other < 0 ? 0 : chosen[other * PLANES + p]);
        }
    CHECK(wrong == 0);
    OK(scn_rulebook_release(rulebook));
    OK(scn_geometry_release(geometry));
    free(dense), free(back), free(features), free(chosen), free(wide), free(coordinates);
}

static void test_lattice(void) {
    int64_t offsets[13 * 3];
    double basis[9], inverse[9];
    OK(scn_permutohedral_offsets(3, offsets, 39));
    OK(scn_permutohedral_basis(3, basis, inverse));
    OK(scn_permutohedral_basis(3, NULL, NULL));
    for (int k = 0; k < 13; k++) {
        double length = 0;
        for (int axis = 0; axis < 3; axis++) {
            double place = 0;
            for (int i = 0; i < 3; i++) place += (double)offsets[k * 3 + i] * basis[i * 3 + axis];
            length += place * place;
        }
        CHECK(fabs(length - (k > 0)) < 1e-12);
    }
    /* A site with all its neighbors: the first offset is the site itself, each other finds one rule and its mirror
     * image. */
    const int64_t size[] = {5, 5, 5};
    int64_t sites[13 * 3], volume = 0, rules = 0;
    for (int i = 0; i < 39; i++) sites[i] = 2 + offsets[i];
    scn_geometry *geometry = NULL;
    scn_rulebook *rulebook = NULL;
    OK(scn_geometry_create(3, size, sites, 13, 3, 0, SCN_INPUT_UNIQUE, &geometry));
    OK(scn_geometry_permutohedral(geometry, 0, &rulebook));
    OK(scn_rulebook_sizes(rulebook, &volume, &rules, NULL, NULL));
    CHECK(volume == 13);
    int64_t want = 0;
    for (int a = 0; a < 13; a++)
        for (int b = 0; b < 13; b++) {
            const int64_t step[] = {sites[b * 3] - sites[a * 3], sites[b * 3 + 1] - sites[a * 3 + 1],
                                    sites[b * 3 + 2] - sites[a * 3 + 2]};
            want += row_of(offsets, 13, 3, step) >= 0;
        }
    CHECK(rules == want);
    OK(scn_rulebook_release(rulebook));
    OK(scn_geometry_release(geometry));
}

/** Padded samples through a sparsify and out again. */
static void test_padded_samples(void) {
    const int64_t size[] = {SIDE, SIDE}, shape[] = {2, 3, PLANES};
    const int64_t where[] = {1, 1, -1, -1, 1, 1, 0, 3, 2, 2, -1, 0};
    float values[PADDED * PLANES] = {5, 1, 1, 9, 9, 9, -9, 1, 1, 2, 3, 4, -2, 1, 1, 9, 9, 9}, *rows = NULL,
                          *scores = NULL;
    const float want[PADDED * PLANES] = {-4, 2, 2, 0, 0, 0, -4, 2, 2, 2, 3, 4, -2, 1, 1, 0, 0, 0};
    scn_tensor *features, *points, *sparse, *chosen, *mask, *result;
    scn_module *enter, *leave, *fcs, *score;
    OK(scn_tensor_create(shape, 3, values, &features));
    OK(scn_points_create_batched(where, 2, 3, 2, features, &points));
    OK(scn_bl_input_layer_create(2, size, SCN_INPUT_SUM, &enter));
    OK(scn_bl_output_layer_create(2, &leave));
    OK(scn_sparsify_fcs_create(2, &fcs));
    OK(scn_sparsify_create(2, PLANES, SCN_SPARSIFY_SIGMOID, &score));
    OK(scn_module_forward(enter, points, &sparse));
    OK(scn_module_forward(leave, sparse, &result));
    int64_t shape_out[3] = {0};
    OK(scn_tensor_shape(result, shape_out, 3));
    CHECK(memcmp(shape, shape_out, sizeof shape) == 0);
    OK(scn_tensor_data(result, &rows));
    CHECK(memcmp(rows, want, sizeof want) == 0);
    OK(scn_module_forward(fcs, sparse, &chosen));
    OK(scn_tensor_shape(chosen, shape_out, 3));
    CHECK(shape_out[0] == 1);
    OK(scn_tensor_mask(chosen, &mask));
    CHECK(mask == NULL);
    OK(scn_tensor_release(chosen));
    OK(scn_module_forward(score, sparse, &chosen));
    OK(scn_tensor_mask(chosen, &mask));
    OK(scn_tensor_shape(mask, shape_out, 3));
    OK(scn_tensor_data(mask, &scores));
    int64_t above = 0;
    for (int64_t i = 0; i < shape_out[0]; i++) above += scores[i] > 0.5f;
    CHECK(shape_out[0] == 3);
    OK(scn_tensor_shape(chosen, shape_out, 3));
    CHECK(shape_out[0] == above);
    scn_tensor *tensors[] = {features, points, sparse, chosen, mask, result};
    scn_module *modules[] = {enter, leave, fcs, score};
    for (int i = 0; i < 6; i++) OK(scn_tensor_release(tensors[i]));
    for (int i = 0; i < 4; i++) OK(scn_module_release(modules[i]));
}

static void test_multiscale(void) {
    const int64_t size[] = {8, 8}, where[] = {0, 0, 3, 3, 7, 6}, shape[] = {3, 1};
    scn_tensor *features, *points, *result;
    scn_module *layers[2], *net;
    int64_t shape_out[2] = {0};
    OK(scn_input_layer_create(2, size, SCN_INPUT_SUM, &layers[0]));
    OK(scn_multiscale_shape_context_create(2, NULL, &layers[1]));
    OK(scn_sequential_create(layers, 2, &net));
    OK(scn_tensor_create(shape, 2, NULL, &features));
    OK(scn_points_create(where, 3, 2, features, 0, &points));
    OK(scn_module_forward(net, points, &result));
    OK(scn_tensor_shape(result, shape_out, 2));
    CHECK(shape_out[0] == 3 && shape_out[1] == 27);
    OK(scn_tensor_release(features)), OK(scn_tensor_release(points)), OK(scn_tensor_release(result));
    OK(scn_module_release(layers[0])), OK(scn_module_release(layers[1])), OK(scn_module_release(net));
}

int main(void) {
    const int64_t before = scn_memory_in_use();
    for (int reduction = 0; reduction <= 4; reduction++) {
        test_voxels(SCN_FLOAT32, (scn_voxel_reduction)reduction);
        test_voxels(SCN_FLOAT64, (scn_voxel_reduction)reduction);
    }
    test_dense_and_subset();
    test_lattice();
    test_padded_samples();
    test_multiscale();
    CHECK(scn_live_handles() == 0);
    CHECK(scn_memory_in_use() <= before);
    return finish();
}

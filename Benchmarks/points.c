// Points of any dimension, their sites, and filters on them.
#include <stdlib.h>
#include <string.h>

#include "bench.h"

points new_points(int dimension, int64_t rows, int64_t batch_size) {
    points result = {.dimension = dimension, .rows = rows, .batch_size = batch_size};
    result.coordinates = allocate(rows * (dimension + 1) * (int64_t)sizeof *result.coordinates);
    return result;
}

void free_points(points *cloud) {
    free(cloud->coordinates);
    cloud->coordinates = NULL;
}

void fit_spatial_size(points *cloud) {
    enum { SIX_LEVELS = 64 };
    int columns = cloud->dimension + 1;
    for (int axis = 0; axis < cloud->dimension; axis++) {
        int64_t largest = 0;
        for (int64_t row = 0; row < cloud->rows; row++)
            if (cloud->coordinates[row * columns + axis] > largest) largest = cloud->coordinates[row * columns + axis];
        cloud->spatial_size[axis] = (largest + SIX_LEVELS) / SIX_LEVELS * SIX_LEVELS;
    }
}

scn_geometry *geometry_of(const points *cloud) {
    scn_geometry *geometry;
    check(scn_geometry_create(cloud->dimension, cloud->spatial_size, cloud->coordinates, cloud->rows,
                              cloud->dimension + 1, cloud->batch_size, SCN_INPUT_SUM, &geometry));
    return geometry;
}

points sites_of(const points *cloud) {
    points sites = *cloud;
    int columns = cloud->dimension + 1;
    scn_geometry *geometry = geometry_of(cloud);
    check(scn_geometry_site_count(geometry, 0, &sites.rows));
    sites.coordinates = allocate(sites.rows * columns * (int64_t)sizeof *sites.coordinates);
    check(scn_geometry_coordinates(geometry, 0, sites.coordinates, sites.rows * columns));
    check(scn_geometry_release(geometry));
    return sites;
}

points shuffled(const points *cloud) {
    points result = *cloud;
    int columns = cloud->dimension + 1;
    size_t row_bytes = (size_t)columns * sizeof *cloud->coordinates;
    int64_t row[SCN_MAX_DIMENSION + 1], bytes = cloud->rows * (int64_t)row_bytes;
    result.coordinates = memcpy(allocate(bytes), cloud->coordinates, (size_t)bytes);
    for (int64_t i = cloud->rows - 1; i > 0; i--) {
        int64_t *other = result.coordinates + (int64_t)(uniform() * (double)(i + 1)) * columns;
        memcpy(row, result.coordinates + i * columns, row_bytes);
        memmove(result.coordinates + i * columns, other, row_bytes);
        memcpy(other, row, row_bytes);
    }
    return result;
}

scn_filter filter_of(int dimension, int64_t size, int64_t stride) {
    static int64_t sizes[SCN_MAX_DIMENSION], strides[SCN_MAX_DIMENSION];
    for (int axis = 0; axis < dimension; axis++) {
        sizes[axis] = size;
        strides[axis] = stride;
    }
    scn_filter filter = SCN_FILTER_INIT;
    filter.dimension = dimension;
    filter.size = sizes;
    if (stride > 1) filter.stride = strides;
    return filter;
}

int64_t rules_of(const points *sites) {
    scn_geometry *geometry = geometry_of(sites);
    scn_filter filter = filter_of(sites->dimension, 3, 1);
    scn_rulebook *rulebook;
    int64_t rules;
    check(scn_geometry_submanifold(geometry, 0, &filter, &rulebook));
    check(scn_rulebook_sizes(rulebook, NULL, &rules, NULL, NULL));
    check(scn_rulebook_release(rulebook));
    check(scn_geometry_release(geometry));
    return rules;
}

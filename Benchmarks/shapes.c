// Made-up sites of several dimensions and in any number.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

static const double PI = 3.14159265358979323846;

points make_sheet(int64_t sites) {
    int64_t side = (int64_t)ceil(sqrt((double)sites)), row = 0;
    double ripple = (double)side / 32;
    points result = new_points(3, sites, 1);
    for (int64_t x = 0; x < side; x++)
        for (int64_t y = 0; y < side && row < sites; y++, row++) {
            double u = (double)x / (double)side, v = (double)y / (double)side;
            double height = 0.5 * (double)x + 0.25 * (double)y + ripple * (1 + sin(6 * PI * u) * cos(4 * PI * v));
            int64_t *site = result.coordinates + 4 * row;
            site[0] = x;
            site[1] = y;
            site[2] = (int64_t)floor(height);
            site[3] = 0;
        }
    fit_spatial_size(&result);
    return result;
}

points make_strokes(int64_t sites) {
    enum { SAMPLES = 64, FIELD = 1024 };
    static unsigned char drawn[FIELD][FIELD];
    points result = new_points(2, sites / SAMPLES * SAMPLES, SAMPLES);
    int64_t *site = result.coordinates;
    for (int64_t sample = 0; sample < SAMPLES; sample++) {
        double a = 1 + 2 * uniform(), b = 1 + 2 * uniform(), phase = 2 * PI * uniform();
        memset(drawn, 0, sizeof drawn);
        for (int64_t step = 0, count = 0; count < sites / SAMPLES; step++) {
            // Less than a site a step, so that the stroke has no gaps.
            double t = 0.0005 * (double)step;
            int row = (int)(FIELD / 2 * (1 + 0.99 * sin(a * t)));
            int column = (int)(FIELD / 2 * (1 + 0.99 * cos(b * t + phase)));
            if (drawn[row][column]) continue;
            drawn[row][column] = 1;
            count++;
            *site++ = row;
            *site++ = column;
            *site++ = sample;
        }
    }
    fit_spatial_size(&result);
    return result;
}

points make_moving_sphere(void) {
    enum { FIELD = 64, TIMES = 32, RADIUS = 15, MOST = TIMES * 8 * RADIUS * RADIUS * 4 };
    points result = new_points(4, MOST, 1);
    result.rows = 0;
    for (int64_t time = 0; time < TIMES; time++) {
        double center[3] = {20.3 + 0.7 * (double)time, 22.1 + 0.5 * (double)time, 40.6 - 0.6 * (double)time};
        for (int64_t x = 0; x < FIELD; x++)
            for (int64_t y = 0; y < FIELD; y++)
                for (int64_t z = 0; z < FIELD; z++) {
                    double dx = (double)x - center[0], dy = (double)y - center[1], dz = (double)z - center[2];
                    if (fabs(sqrt(dx * dx + dy * dy + dz * dz) - RADIUS) > 0.75 || result.rows == MOST) continue;
                    int64_t *site = result.coordinates + 5 * result.rows++;
                    site[0] = x;
                    site[1] = y;
                    site[2] = z;
                    site[3] = time;
                    site[4] = 0;
                }
    }
    fit_spatial_size(&result);
    return result;
}

points make_clusters(int64_t sites) {
    enum { AXES = 10, FIELD = 62, CLUSTER = 20 };
    // A few more, since some coincide.
    points cloud = new_points(AXES, sites + sites / 10 + 1, 1);
    int64_t center[AXES] = {0};
    for (int64_t row = 0; row < cloud.rows; row++) {
        int64_t *site = cloud.coordinates + (AXES + 1) * row;
        for (int axis = 0; axis < AXES; axis++) {
            if (row % CLUSTER == 0) center[axis] = 1 + (int64_t)(FIELD * uniform());
            site[axis] = center[axis] + (int64_t)(3 * uniform()) - 1;
        }
        site[AXES] = 0;
    }
    fit_spatial_size(&cloud);
    points result = sites_of(&cloud);
    free_points(&cloud);
    if (result.rows > sites) result.rows = sites;
    return result;
}

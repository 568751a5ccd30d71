// Where the sites are: table scenes from PLY files, or surfaces of about the same size that are made up.
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

enum { SCENES = 4, QUICK_SCENES = 1, SYNTHETIC_POINTS = 100000 };
static const float VOXEL = 0.005F;

/// Positions in metres, [count][3], of one scene.
typedef struct {
    int64_t count;
    float (*positions)[DIMENSION];
} scene;

static int is_ply(const struct dirent *entry) {
    size_t length = strlen(entry->d_name);
    return length > 4 && strcmp(entry->d_name + length - 4, ".ply") == 0;
}

static int size_of_type(const char *type) {
    static const struct { const char *name; int size; } types[] = {
        {"char", 1},  {"uchar", 1},  {"int8", 1},  {"uint8", 1},   {"short", 2},  {"ushort", 2},
        {"int16", 2}, {"uint16", 2}, {"int", 4},   {"uint", 4},    {"int32", 4},  {"uint32", 4},
        {"float", 4}, {"float32", 4}, {"double", 8}, {"float64", 8}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].name, type) == 0) return types[i].size;
    return 0;
}

/// Read x, y and z, floats, of the vertices that a binary little-endian PLY file begins with.
static scene read_ply(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) fail("%s cannot be read", path);
    char text[256], type[32], name[32], record[1024];
    long long count = -1;
    int in_vertices = 0, stride = 0, place[DIMENSION] = {-1, -1, -1}, is_binary = 0, ended = 0;
    while (!ended && fgets(text, sizeof text, file)) {
        if (sscanf(text, "element %31s", name) == 1) in_vertices = sscanf(text, "element vertex %lld", &count) == 1;
        if (strncmp(text, "format binary_little_endian", 27) == 0) is_binary = 1;
        if (strncmp(text, "end_header", 10) == 0) ended = 1;
        if (!in_vertices || sscanf(text, "property %31s %31s", type, name) != 2) continue;
        int axis = name[0] - 'x', size = size_of_type(type);
        if (!size) fail("%s: a property of type %s", path, type);
        int is_float = strncmp(type, "float", 5) == 0 && size == sizeof(float);
        if (axis >= 0 && axis < DIMENSION && !name[1] && is_float) place[axis] = stride;
        stride += size;
    }
    int has_positions = place[0] >= 0 && place[1] >= 0 && place[2] >= 0;
    if (!ended || !is_binary || count <= 0 || !has_positions || stride > (int)sizeof record)
        fail("%s: not a binary little-endian PLY file with float x, y, z", path);
    scene result = {count, allocate(count * DIMENSION * (int64_t)sizeof(float))};
    for (int64_t i = 0; i < count; i++) {
        if (fread(record, (size_t)stride, 1, file) != 1) fail("%s: ends early", path);
        for (int axis = 0; axis < DIMENSION; axis++)
            memcpy(&result.positions[i][axis], record + place[axis], sizeof(float));
    }
    fclose(file);
    return result;
}

static void read_scenes(scene *scenes, int scene_count) {
    char folder[2048], path[4096];
    struct dirent **entries;
    snprintf(folder, sizeof folder, "%s/tabletop/train", setting.data);
    int count = scandir(folder, &entries, is_ply, alphasort);
    if (count < 0) fail("%s cannot be read", folder);
    if (count < scene_count) fail("%s: fewer than %d PLY files", folder, scene_count);
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        if (i < scene_count) scenes[i] = read_ply(path);
        free(entries[i]);
    }
    free(entries);
}

/// A point of a table with balls on it, seen at a slant: the table's plane follows no axis.
static void synthetic_point(int scene_number, float position[DIMENSION]) {
    enum { BALLS = 4 };
    double x, y, z;
    if (uniform() < 0.75) {
        x = 0.89 * (uniform() - 0.5);
        y = 0.66 * (uniform() - 0.5);
        z = 0;
    } else {
        int ball = (int)(uniform() * BALLS);
        double radius = 0.05 + 0.01 * ((ball + scene_number) % BALLS), length;
        do {
            x = 2 * uniform() - 1;
            y = 2 * uniform() - 1;
            z = 2 * uniform() - 1;
            length = sqrt(x * x + y * y + z * z);
        } while (length > 1 || length < 0.1);
        x = radius * x / length + 0.3 * (ball % 2) - 0.15;
        y = radius * y / length + 0.3 * (ball / 2) - 0.15;
        z = radius * z / length + radius;
    }
    position[0] = (float)x;
    position[1] = (float)(0.8 * y - 0.6 * z);
    position[2] = (float)(0.6 * y + 0.8 * z);
}

static void make_scenes(scene *scenes, int scene_count) {
    for (int s = 0; s < scene_count; s++) {
        const int64_t count = SYNTHETIC_POINTS;
        scenes[s] = (scene){count, allocate(count * DIMENSION * (int64_t)sizeof(float))};
        for (int64_t i = 0; i < count; i++) synthetic_point(s, scenes[s].positions[i]);
    }
}

points load_points(void) {
    int scene_count = setting.quick ? QUICK_SCENES : SCENES;
    scene scenes[SCENES];
    int64_t rows = 0;
    if (setting.data) read_scenes(scenes, scene_count);
    else make_scenes(scenes, scene_count);
    for (int s = 0; s < scene_count; s++) rows += scenes[s].count;
    points cloud = new_points(DIMENSION, rows, scene_count);
    int64_t *site = cloud.coordinates;
    for (int s = 0; s < scene_count; s++) {
        float lowest[DIMENSION] = {INFINITY, INFINITY, INFINITY};
        for (int64_t i = 0; i < scenes[s].count; i++)
            for (int axis = 0; axis < DIMENSION; axis++)
                lowest[axis] = fminf(lowest[axis], scenes[s].positions[i][axis]);
        for (int64_t i = 0; i < scenes[s].count; i++, site += DIMENSION + 1) {
            for (int axis = 0; axis < DIMENSION; axis++)
                site[axis] = (int64_t)floorf((scenes[s].positions[i][axis] - lowest[axis]) / VOXEL);
            site[DIMENSION] = s;
        }
        free(scenes[s].positions);
    }
    fit_spatial_size(&cloud);
    return cloud;
}

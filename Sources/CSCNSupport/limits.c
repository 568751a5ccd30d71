// What the control groups of this process leave to it, as the kernel's Documentation/admin-guide/cgroup-v1 and
// cgroup-v2.rst say: each group on the way from the process's own to the root of what is mounted may have a limit.
#define _GNU_SOURCE
#include "scn_support.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum { VERSION_1, VERSION_2 } version;

/// Reads one group's limit and lowers `least` to it. Returns whether the group's parents count, too.
typedef int (*reader)(version kind, const char *folder, double *least);

/// Whether there was no memory to find out what is asked now.
static _Thread_local int is_exhausted;

static FILE *open_file(const char *folder, const char *name) {
    char path[PATH_MAX];
    if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, name) >= sizeof path) return NULL;
    FILE *file = fopen(path, "re");
    if (!file && errno == ENOMEM) is_exhausted = 1;
    return file;
}

/// The next line of a file, its end of line included; 0 after the last one.
static int read_line(FILE *file, char **line, size_t *room) {
    if (getline(line, room, file) > 0) return 1;
    if (!feof(file)) is_exhausted = 1;
    return 0;
}

/// The number that follows `key` at the beginning of a line ("" for the first line), or `otherwise`.
static double number_in(const char *folder, const char *name, const char *key, double otherwise) {
    FILE *file = open_file(folder, name);
    if (!file) return otherwise;
    char line[256];
    while (fgets(line, sizeof line, file)) {
        if (strncmp(line, key, strlen(key)) != 0) continue;
        double number;  // "max" where a group has no limit
        if (sscanf(line + strlen(key), "%lf", &number) == 1) otherwise = number;
        break;
    }
    fclose(file);
    return otherwise;
}

static void lower(double *least, double to) {
    if (to < *least) *least = to;
}

static int read_memory(version kind, const char *folder, double *least) {
    static const double NO_LIMIT = 0x1p62;  // version 1 has no word for it, but a number near 2^63
    static const char *const names[2][4] = {
        {"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file ", "total_active_file "},
        {"memory.max", "memory.current", "inactive_file ", "active_file "},
    };
    double limit = number_in(folder, names[kind][0], "", NO_LIMIT);
    if (limit < NO_LIMIT) {
        double used = number_in(folder, names[kind][1], "", 0);
        // Pages of files are counted, though the kernel drops them before it would end a process.
        double files = number_in(folder, "memory.stat", names[kind][2], 0) +
                       number_in(folder, "memory.stat", names[kind][3], 0);
        double held = used > files ? used - files : 0;
        lower(least, limit > held ? limit - held : 0);
    }
    return kind == VERSION_2 || number_in(folder, "../memory.use_hierarchy", "", 1) != 0;
}

static int read_cpus(version kind, const char *folder, double *least) {
    double quota = -1, period = 0;
    if (kind == VERSION_2) {
        FILE *file = open_file(folder, "cpu.max");
        if (file && fscanf(file, "%lf %lf", &quota, &period) != 2) quota = -1;
        if (file) fclose(file);
    } else {
        quota = number_in(folder, "cpu.cfs_quota_us", "", -1);
        period = number_in(folder, "cpu.cfs_period_us", "", 0);
    }
    if (quota > 0 && period > 0) lower(least, quota / period);
    return 1;
}

/// Whether a list with commas has the word.
static int lists(const char *list, const char *word) {
    size_t length = strlen(word);
    for (const char *at = list; (at = strstr(at, word)); at += length)
        if ((at == list || at[-1] == ',') && (at[length] == 0 || at[length] == ',')) return 1;
    return 0;
}

/// In place: `\040` and the like become the characters that they stand for.
static void unescape(char *text) {
    char *to = text;
    for (const char *from = text; *from; to++) {
        unsigned code;
        int digits;
        if (*from == '\\' && sscanf(from + 1, "%3o%n", &code, &digits) == 1) *to = (char)code, from += 1 + digits;
        else *to = *from++;
    }
    *to = 0;
}

/// The path of this process in the hierarchy of that version that has the controller, from /proc/self/cgroup: lines of
/// number:controllers:path, those of version 2 without controllers. To be freed; NULL where there is none.
static char *path_of_process(const char *root, version kind, const char *controller) {
    FILE *file = open_file(root, "proc/self/cgroup");
    char *line = NULL, *found = NULL;
    size_t room = 0;
    while (file && !found && !is_exhausted && read_line(file, &line, &room)) {
        line[strcspn(line, "\n")] = 0;
        char *controllers = strchr(line, ':'), *path = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!path) continue;
        *path++ = 0;
        controllers++;
        if (kind == VERSION_2 ? *controllers == 0 : lists(controllers, controller)) {
            found = scn_text_copy(path);
            if (!found) is_exhausted = 1;
        }
    }
    free(line);
    if (file) fclose(file);
    return found;
}

/// What a line of /proc/self/mountinfo says of a mount of that hierarchy: the path within it that is mounted, and
/// where. 0 where it is another's.
static int parse_mount(char *line, version kind, const char *controller, char **mounted, char **place) {
    char *end = strstr(line, " - "), *rest = NULL, *word = line;
    if (!end) return 0;
    *end = 0;
    const char *type = strtok_r(end + 3, " \n", &rest);
    strtok_r(NULL, " \n", &rest);
    const char *options = strtok_r(NULL, " \n", &rest);
    if (!type || strcmp(type, kind == VERSION_2 ? "cgroup2" : "cgroup") != 0) return 0;
    if (kind == VERSION_1 && !(options && lists(options, controller))) return 0;
    for (int i = 0; i < 3 && word; i++) word = strchr(word + 1, ' ');
    if (!word || !(*place = strchr(word + 1, ' '))) return 0;
    *mounted = word + 1;
    *(*place)++ = 0;
    (*place)[strcspn(*place, " ")] = 0;
    unescape(*mounted);
    unescape(*place);
    return 1;
}

/// From the group of this process upwards, as far as one sees.
static void walk(const char *root, version kind, const char *place, const char *path, reader read, double *least) {
    char folder[3 * PATH_MAX];
    size_t top = strlen(root) + strlen(place);
    if ((size_t)snprintf(folder, sizeof folder, "%s%s%s", root, place, path) >= sizeof folder) return;
    while (read(kind, folder, least) && strlen(folder) > top) *strrchr(folder, '/') = 0;
}

static void read_hierarchy(const char *root, version kind, const char *controller, reader read, double *least) {
    char *path = path_of_process(root, kind, controller), *line = NULL;
    FILE *file = path ? open_file(root, "proc/self/mountinfo") : NULL;
    size_t room = 0;
    while (file && read_line(file, &line, &room)) {
        char *mounted, *place, *inside = "";
        if (!parse_mount(line, kind, controller, &mounted, &place)) continue;
        size_t length = strcmp(mounted, "/") == 0 ? 0 : strlen(mounted);
        // A container may see itself at the top of what is mounted, or be told a path that it does not see.
        if (strncmp(path, mounted, length) == 0 && path[length] == '/' && path[length + 1] && !strstr(path, "/.."))
            inside = path + length;
        walk(root, kind, place, inside, read, least);
    }
    free(line);
    if (file) fclose(file);
    free(path);
}

/// `otherwise` where no group has a limit, or a lower one than that.
static double least_of_groups(const char *root, const char *controller, reader read, double otherwise) {
    read_hierarchy(root, VERSION_1, controller, read, &otherwise);
    read_hierarchy(root, VERSION_2, controller, read, &otherwise);
    return otherwise;
}

uint64_t scn_memory_left(const char *root) {
    static const double EVERYTHING = 0x1p62, KILOBYTE = 1024;
    is_exhausted = 0;
    double left = number_in(root, "proc/meminfo", "MemAvailable:", EVERYTHING / KILOBYTE);
    left = KILOBYTE * (left + number_in(root, "proc/meminfo", "SwapFree:", 0));
    left = least_of_groups(root, "memory", read_memory, left < EVERYTHING ? left : EVERYTHING);
    return is_exhausted ? 0 : (uint64_t)left;
}

int32_t scn_cpu_quota(const char *root) {
    double cpus = least_of_groups(root, "cpu", read_cpus, INT32_MAX);
    int32_t whole = (int32_t)cpus;
    return whole < cpus ? whole + 1 : whole;
}

int32_t scn_cpu_affinity(void) {
    // The kernel refuses a set that is shorter than its own, whose length it tells nobody.
    for (int cpus = CPU_SETSIZE; cpus <= 1 << 20; cpus *= 2) {
        cpu_set_t *set = CPU_ALLOC(cpus);
        if (!set) break;
        int is_read = sched_getaffinity(0, CPU_ALLOC_SIZE(cpus), set) == 0;
        int count = is_read ? CPU_COUNT_S(CPU_ALLOC_SIZE(cpus), set) : 0;
        CPU_FREE(set);
        if (is_read && count > 0) return count;
    }
    return 1;
}

#include "scn_support.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

static char name[256] = "unknown cpu";
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void read_name(void) {
    FILE *file = fopen("/proc/cpuinfo", "re");
    if (!file) return;
    char line[512];
    while (fgets(line, sizeof line, file)) {
        char *value = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !value) continue;
        value += 1 + strspn(value + 1, " \t");
        value[strcspn(value, "\n")] = 0;
        snprintf(name, sizeof name, "%s", value);
        break;
    }
    fclose(file);
}

const char *scn_cpu_name(void) {
    pthread_once(&once, read_name);
    return name;
}

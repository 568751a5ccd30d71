// The figures as a table to read and as JSON to keep.
#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

static const char *unit_of(figure figure) {
    static const char *units[] = {"share of sgemm", "share of memcpy", "ns", "us", "samples/s"};
    return units[figure];
}

static int is_share(figure figure) { return figure == SHARE_OF_SGEMM || figure == SHARE_OF_MEMCPY; }

static void print_measured(const line *line, const measured *m) {
    const char *form = is_share(line->figure) ? "%7.2f" : "%7.*f";
    printf("  ");
    if (is_share(line->figure)) {
        printf(form, m->value);
        printf(" (%.2f-%.2f)", m->low, m->high);
        printf(" %6.1f %-8s", 1e-9 * m->rate, line->figure == SHARE_OF_SGEMM ? "GFLOP/s" : "GB/s");
    } else {
        int digits = m->value < 100 ? 1 : 0;
        char range[32];
        snprintf(range, sizeof range, "(%.*f-%.*f)", digits, m->low, digits, m->high);
        printf(form, digits, m->value);
        printf(" %-27s", range);
    }
}

void print_table(const points *sites, int64_t rules) {
    printf("%s\n", scn_cpu_description());
    printf("scn %s, %s: %lld sites, %lld rules of a 3x3x3 submanifold filter%s\n", scn_version(),
           setting.data ? "table scenes" : "made-up surfaces", (long long)sites->rows, (long long)rules,
           setting.quick ? " (--quick: for a glance, not for the record)" : "");
    printf("OpenBLAS with kernels for %s", openblas_get_corename());
    if (getenv(OPENBLAS_OWN_CHOICE))
        printf(", told so: left alone it takes this cpu for %s", getenv(OPENBLAS_OWN_CHOICE));
    printf("\n");
    for (int t = 0; t < setting.count_of_thread_counts; t++)
        printf("%d thread%s: cblas_sgemm %d x %d x %d %.1f GFLOP/s, memcpy %.1f GB/s read and written\n",
               setting.thread_counts[t], setting.thread_counts[t] == 1 ? " " : "s", setting.dense_size,
               setting.dense_size, setting.dense_size, 1e-9 * reference_rate(SHARE_OF_SGEMM, t),
               1e-9 * reference_rate(SHARE_OF_MEMCPY, t));
    printf("medians (and quartiles); one thread is timed by its time on a core, several by the clock on the wall\n");
    if (cpu_share() < 0.95)
        printf("THE MACHINE WAS BUSY: one thread had a core for %.0f%% of the time; do not trust the figures for "
               "several\n",
               100 * cpu_share());
    const char *section = "";
    for (int i = 0; i < line_count; i++) {
        const line *l = &lines[i];
        if (strcmp(section, l->section) != 0) {
            char heading[160];
            section = l->section;
            snprintf(heading, sizeof heading, "%s [%s]", section, unit_of(l->figure));
            printf("\n%-52s", heading);
            for (int t = 0; t < setting.count_of_thread_counts; t++)
                printf("  %d thread%-28s", setting.thread_counts[t], setting.thread_counts[t] == 1 ? "" : "s");
            printf("\n");
        }
        printf("  %-44s", l->name);
        for (int t = 0; t < setting.count_of_thread_counts; t++) print_measured(l, &l->at[t]);
        printf("\n");
    }
}

static void write_string(FILE *file, const char *text) {
    fputc('"', file);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') fputc('\\', file);
        if ((unsigned char)*text >= ' ') fputc(*text, file);
    }
    fputc('"', file);
}

static void write_line(FILE *file, const line *l) {
    fprintf(file, "    {\"section\": ");
    write_string(file, l->section);
    fprintf(file, ", \"name\": ");
    write_string(file, l->name);
    fprintf(file, ", \"unit\": \"%s\", \"amount\": %.17g, \"results\": [", unit_of(l->figure), l->amount);
    for (int t = 0; t < setting.count_of_thread_counts; t++) {
        const measured *m = &l->at[t];
        fprintf(file, "%s\n      {\"threads\": %d, \"median\": %.6g, \"lower_quartile\": %.6g, ", t ? "," : "",
                setting.thread_counts[t], m->value, m->low);
        fprintf(file, "\"upper_quartile\": %.6g, \"seconds\": %.6g, \"rate\": %.6g, \"repetitions\": %d}", m->high,
                m->seconds, m->rate, m->repetitions);
    }
    fprintf(file, "]}");
}

void write_json(const points *sites, int64_t rules) {
    FILE *file = fopen(setting.json, "w");
    if (!file) fail("%s cannot be written", setting.json);
    const char *description = scn_cpu_description(), *comma = strrchr(description, ',');
    char cpu[256];
    snprintf(cpu, sizeof cpu, "%.*s", (int)(comma ? comma - description : (long)strlen(description)), description);
    fprintf(file, "{\n  \"cpu\": ");
    write_string(file, cpu);
    fprintf(file, ",\n  \"instruction_set\": ");
    write_string(file, comma ? comma + 2 : "unknown");
    fprintf(file, ",\n  \"version\": \"%s\",\n  \"quick\": %s,\n  \"work\": \"%s\",\n", scn_version(),
            setting.quick ? "true" : "false", setting.data ? "tabletop" : "synthetic");
    fprintf(file, "  \"sites\": %lld,\n  \"rules\": %lld,\n", (long long)sites->rows, (long long)rules);
    fprintf(file, "  \"openblas_kernels\": \"%s\",\n  \"openblas_kernels_forced\": %s,\n", openblas_get_corename(),
            getenv(OPENBLAS_OWN_CHOICE) ? "true" : "false");
    fprintf(file, "  \"cpu_share_at_1_thread\": %.4f,\n  \"dense_size\": %d,\n  \"references\": [", cpu_share(),
            setting.dense_size);
    for (int t = 0; t < setting.count_of_thread_counts; t++)
        fprintf(file, "%s\n    {\"threads\": %d, \"sgemm_flops\": %.6g, \"memcpy_bytes\": %.6g}", t ? "," : "",
                setting.thread_counts[t], reference_rate(SHARE_OF_SGEMM, t), reference_rate(SHARE_OF_MEMCPY, t));
    fprintf(file, "],\n  \"lines\": [");
    for (int i = 0; i < line_count; i++) {
        fprintf(file, "%s\n", i ? "," : "");
        write_line(file, &lines[i]);
    }
    fprintf(file, "]\n}\n");
    if (ferror(file) | fclose(file)) fail("%s cannot be written", setting.json);
}

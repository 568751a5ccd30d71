// The figures as a table to read and as JSON to keep.
#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

/// By figure.
static const struct { const char *unit; int digits; const char *rate_unit; } forms[] = {
    [SHARE_OF_SGEMM] = {"share of sgemm", 2, "GFLOP/s"}, [SHARE_OF_MEMCPY] = {"share of memcpy", 2, "GB/s"},
    [NANOSECONDS] = {"ns", 1, NULL},                     [MICROSECONDS] = {"us", 1, NULL},
    [PER_SECOND] = {"samples/s", 1, NULL},               [SECONDS] = {"s", 3, NULL},
    [TIMES_COMPANION] = {"times", 2, NULL},              [SHARE_OF_COMPANION] = {"times the rate", 2, "GFLOP/s"},
    [OUTSIDE_COMPANION] = {"share of the time", 2, NULL},
    [SGEMM_OPERATIONS] = {"operations", 0, NULL},
    [GAIN_OVER_SGEMM] = {"ratio", 2, NULL},              [RATIO] = {"ratio", 2, NULL},
    [MEGABYTES] = {"MB", 0, NULL}};

enum { MAX_LEFT_OUT = 8, COLUMN_WIDTH = 37 };
static const char *left_out[MAX_LEFT_OUT];
static int left_out_count;

void leave_out(const char *what) {
    if (left_out_count < MAX_LEFT_OUT) left_out[left_out_count++] = what;
}

/// What stands under one thread count; the last of a row is not filled up.
static void print_measured(const line *line, int thread_index) {
    const measured *m = &line->at[thread_index];
    int width = thread_index + 1 < setting.count_of_thread_counts ? COLUMN_WIDTH : 0;
    char text[80] = "", range[40] = "", rate[32] = "";
    int digits = m->value < 100 ? forms[line->figure].digits : 0;
    if (m->repetitions > 1) snprintf(range, sizeof range, "(%.*f-%.*f)", digits, m->low, digits, m->high);
    if (forms[line->figure].rate_unit)
        snprintf(rate, sizeof rate, "%6.1f %s", 1e-9 * m->rate, forms[line->figure].rate_unit);
    if (m->repetitions)
        snprintf(text, sizeof text, "  %7.*f%s%s%s%s", digits, m->value, *range ? " " : "", range, *rate ? " " : "",
                 rate);
    printf("%-*s", width, text);
}

static void print_heading(const line *first) {
    char heading[160], column[32];
    snprintf(heading, sizeof heading, "%s [%s]", first->section, forms[first->figure].unit);
    printf("\n%-52s", heading);
    for (int t = 0; t < setting.count_of_thread_counts; t++) {
        int threads = setting.thread_counts[t];
        snprintf(column, sizeof column, "  %d thread%s", threads, threads == 1 ? "" : "s");
        printf("%-*s", t + 1 < setting.count_of_thread_counts ? COLUMN_WIDTH : 0, column);
    }
    printf("\n");
}

/// The lines of a section stand together, where its first one was measured.
static void print_lines(void) {
    for (int first = 0; first < line_count; first++) {
        int is_new = 1;
        for (int i = 0; i < first && is_new; i++) is_new = strcmp(lines[i].section, lines[first].section) != 0;
        if (!is_new) continue;
        print_heading(&lines[first]);
        for (int i = first; i < line_count; i++) {
            if (strcmp(lines[i].section, lines[first].section) != 0) continue;
            printf("  %-50s", lines[i].name);
            for (int t = 0; t < setting.count_of_thread_counts; t++) print_measured(&lines[i], t);
            printf("\n");
        }
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
    print_lines();
    if (left_out_count) printf("\nnot measured\n");
    for (int i = 0; i < left_out_count; i++) printf("  %s\n", left_out[i]);
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
    fprintf(file, ", \"unit\": \"%s\", \"amount\": %.17g, \"results\": [", forms[l->figure].unit, l->amount);
    const char *between = "";
    for (int t = 0; t < setting.count_of_thread_counts; t++) {
        const measured *m = &l->at[t];
        if (!m->repetitions) continue;
        fprintf(file, "%s\n      {\"threads\": %d, \"median\": %.6g, \"lower_quartile\": %.6g, ", between,
                setting.thread_counts[t], m->value, m->low);
        fprintf(file, "\"upper_quartile\": %.6g, ", m->high);
        if (m->seconds > 0) fprintf(file, "\"seconds\": %.6g, \"rate\": %.6g, ", m->seconds, m->rate);
        fprintf(file, "\"repetitions\": %d}", m->repetitions);
        between = ",";
    }
    fprintf(file, "]}");
}

void write_json(const points *sites, int64_t rules) {
    FILE *file = fopen(setting.json, "w");
    if (!file) fail("%s cannot be written", setting.json);
    char cpu[256];
    snprintf(cpu, sizeof cpu, "%s", scn_cpu_description());
    // "cpu, instruction set; what multiplies bfloat16"
    char *semicolon = strrchr(cpu, ';');
    if (semicolon) *semicolon = 0;
    char *comma = strrchr(cpu, ',');
    if (comma) *comma = 0;
    fprintf(file, "{\n  \"cpu\": ");
    write_string(file, cpu);
    fprintf(file, ",\n  \"instruction_set\": ");
    write_string(file, comma ? comma + 2 : "unknown");
    fprintf(file, ",\n  \"version\": \"%s\",\n  \"quick\": %s,\n  \"work\": \"%s\",\n", scn_version(),
            setting.quick ? "true" : "false", setting.data ? "tabletop" : "synthetic");
    fprintf(file, "  \"sites\": %lld,\n  \"rules\": %lld,\n", (long long)sites->rows, (long long)rules);
    fprintf(file, "  \"openblas_kernels\": \"%s\",\n  \"openblas_kernels_forced\": %s,\n", openblas_get_corename(),
            getenv(OPENBLAS_OWN_CHOICE) ? "true" : "false");
    fprintf(file, "  \"openblas\": ");
    write_string(file, openblas_get_config());
    fprintf(file, ",\n");
    fprintf(file, "  \"cpu_share_at_1_thread\": %.4f,\n  \"dense_size\": %d,\n  \"references\": [", cpu_share(),
            setting.dense_size);
    for (int t = 0; t < setting.count_of_thread_counts; t++)
        fprintf(file, "%s\n    {\"threads\": %d, \"sgemm_flops\": %.6g, \"memcpy_bytes\": %.6g}", t ? "," : "",
                setting.thread_counts[t], reference_rate(SHARE_OF_SGEMM, t), reference_rate(SHARE_OF_MEMCPY, t));
    fprintf(file, "],\n  \"not_measured\": [");
    for (int i = 0; i < left_out_count; i++) {
        if (i) fprintf(file, ", ");
        write_string(file, left_out[i]);
    }
    fprintf(file, "],\n  \"lines\": [");
    for (int i = 0; i < line_count; i++) {
        fprintf(file, "%s\n", i ? "," : "");
        write_line(file, &lines[i]);
    }
    fprintf(file, "]\n}\n");
    if (ferror(file) | fclose(file)) fail("%s cannot be written", setting.json);
}

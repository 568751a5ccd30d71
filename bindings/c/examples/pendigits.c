/* Reads handwritten digits with the network that the demo trained.
 *
 *     pendigits CHECKPOINT.safetensors TEST.unipen
 *
 * Opens the checkpoint, which holds the whole network; reads pen strokes from UNIPEN text; draws each digit into a
 * field of 63 x 63 sites as the demo does, with the planes (1, dx, dy) along its strokes; and prints how many the
 * network reads right: "C: 3471 of 3498".
 *
 *     cc pendigits.c $(pkg-config --cflags --libs scn) -lm -o pendigits */
#include <ctype.h>
#include <math.h>
#include <scn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FIELD = 63,      /* sites along each axis of the field */
    UNIT = 1024,     /* fixed-point units in one site */
    BOX = 40,        /* the longer side of a digit, in sites */
    STEP = 256,      /* the most units between two samples of a segment */
    HIGHEST = 65535, /* the largest coordinate in a file */
    BATCH = 128,
    CLASSES = 10
};

/** An array that grows. */
typedef struct array {
    void *items;
    size_t count, capacity;
} array;

typedef struct point {
    int64_t x, y;
} point;
typedef struct stroke {
    size_t first_point, points;
} stroke;
typedef struct digit {
    size_t first_stroke, strokes;
    int64_t label;
} digit;

/** All digits of a file. */
typedef struct digits {
    array points, strokes, digits;
} digits;

/** The rows of a batch: coordinates [count, 3], features [count, 3]. */
typedef struct rows {
    array coordinates, features;
} rows;

/** Make room for one more item and return its place, NULL where memory is short. */
static void *append(array *list, size_t size) {
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 256;
        void *items = capacity > SIZE_MAX / size ? NULL : realloc(list->items, capacity * size);
        if (!items) {
            fputs("out of memory\n", stderr);
            return NULL;
        }
        list->items = items;
        list->capacity = capacity;
    }
    return (char *)list->items + size * list->count++;
}

/* ========================================================================================================= Reading */

/** Read one decimal integer 0 ... HIGHEST; move past it. Return -1 where there is none. */
static int64_t read_number(const char **text) {
    while (**text == ' ' || **text == '\t') ++*text;
    int64_t value = isdigit((unsigned char)**text) ? 0 : -1;
    for (; isdigit((unsigned char)**text); ++*text)
        if (value <= HIGHEST) value = 10 * value + (**text - '0');
    return value <= HIGHEST ? value : -1;
}

static int starts_with(const char *text, const char *word) {
    size_t length = strlen(word);
    return strncmp(text, word, length) == 0 && (!text[length] || isspace((unsigned char)text[length]));
}

/** Take in one line; return what is wrong with it, NULL where nothing is. in_stroke: whether the pen is down. */
static const char *read_line(const char *line, digits *all, int *in_stroke) {
    while (isspace((unsigned char)*line)) line++;
    if (!*line) return NULL;
    digit *current = all->digits.count ? (digit *)all->digits.items + all->digits.count - 1 : NULL;
    stroke *pen = all->strokes.count ? (stroke *)all->strokes.items + all->strokes.count - 1 : NULL;
    char label, quote, word[16];
    if (starts_with(line, ".SEGMENT") && sscanf(line, ".SEGMENT %15s", word) == 1 && strcmp(word, "DIGIT") == 0) {
        if (sscanf(line, ".SEGMENT DIGIT %*s ? \"%c%c", &label, &quote) != 2 || !isdigit((unsigned char)label) ||
            quote != '"')
            return "a digit's class is one of \"0\" ... \"9\"";
        if (*in_stroke) return "a digit begins within a stroke";
        if (current && current->strokes == 0) return "the digit before has no stroke";
        digit *next = (digit *)append(&all->digits, sizeof *next);
        if (!next) return "out of memory";
        next->first_stroke = all->strokes.count, next->strokes = 0, next->label = label - '0';
    } else if (starts_with(line, ".PEN_DOWN")) {
        if (!current) return "a stroke before the first digit";
        if (*in_stroke) return "a stroke within a stroke";
        stroke *next = (stroke *)append(&all->strokes, sizeof *next);
        if (!next) return "out of memory";
        next->first_point = all->points.count, next->points = 0;
        current->strokes++, *in_stroke = 1;
    } else if (starts_with(line, ".PEN_UP")) {
        if (!*in_stroke) return "the end of a stroke without its beginning";
        if (pen->points == 0) return "a stroke without a point";
        *in_stroke = 0;
    } else if (*line != '.') {
        point next, *place;
        next.x = read_number(&line), next.y = read_number(&line);
        while (isspace((unsigned char)*line)) line++;
        if (next.x < 0 || next.y < 0 || *line) return "a point is two integers 0 ... 65535";
        if (!*in_stroke) return "a point outside a stroke";
        place = (point *)append(&all->points, sizeof *place);
        if (!place) return "out of memory";
        *place = next, pen->points++;
    }
    return NULL;
}

/** Read a UNIPEN file; return 1, or 0 with a message. */
static int read_digits(const char *path, digits *all) {
    FILE *file = fopen(path, "r");
    if (!file) {
        perror(path);
        return 0;
    }
    char line[4096];
    const char *problem = NULL;
    long number = 0;
    int in_stroke = 0;
    while (!problem && fgets(line, sizeof line, file)) {
        number++;
        if (!strchr(line, '\n') && !feof(file)) problem = "the line is too long";
        else problem = read_line(line, all, &in_stroke);
    }
    const digit *last = all->digits.count ? (digit *)all->digits.items + all->digits.count - 1 : NULL;
    if (!problem && ferror(file)) problem = "the file cannot be read on";
    else if (!problem && in_stroke) problem = "the file ends within a stroke";
    else if (!problem && !last) problem = "there is no digit";
    else if (!problem && last->strokes == 0) problem = "the last digit has no stroke";
    if (problem) fprintf(stderr, "%s, line %ld: %s\n", path, number, problem);
    fclose(file);
    return !problem;
}

/* ========================================================================================================= Drawing */

static int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

/** Draw the samples of one segment, from a to b (x: column, y: row, in units); return whether memory sufficed. */
static int draw_segment(point a, point b, int64_t sample, rows *drawn) {
    const int64_t dx = b.x - a.x, dy = b.y - a.y, samples = larger(llabs(dx), llabs(dy)) / STEP + 1;
    const double length = sqrt((double)(dx * dx + dy * dy));
    for (int64_t i = 0; i < samples; i++) {
        int64_t *site = (int64_t *)append(&drawn->coordinates, 3 * sizeof *site);
        float *planes = (float *)append(&drawn->features, 3 * sizeof *planes);
        if (!site || !planes) return 0;
        site[0] = (2 * samples * a.y + (2 * i + 1) * dy) / (2 * samples * UNIT);
        site[1] = (2 * samples * a.x + (2 * i + 1) * dx) / (2 * samples * UNIT);
        site[2] = sample;
        planes[0] = 1;
        planes[1] = length > 0 ? (float)((double)dx / length) : 0;
        planes[2] = length > 0 ? (float)((double)dy / length) : 0;
    }
    return 1;
}

/** Draw one digit, its longer side BOX sites, in the middle of the field. */
static int draw_digit(const digits *all, const digit *d, int64_t sample, rows *drawn) {
    const stroke *first = (const stroke *)all->strokes.items + d->first_stroke;
    const point *points = (const point *)all->points.items;
    point low = points[first->first_point], high = low;
    for (const stroke *s = first; s < first + d->strokes; s++)
        for (const point *p = points + s->first_point; p < points + s->first_point + s->points; p++) {
            low.x = smaller(low.x, p->x), low.y = smaller(low.y, p->y);
            high.x = larger(high.x, p->x), high.y = larger(high.y, p->y);
        }
    const int64_t width = high.x - low.x, height = high.y - low.y, longest = larger(larger(width, height), 1);
    const int64_t left = (FIELD * UNIT - width * BOX * UNIT / longest) / 2;
    const int64_t top = (FIELD * UNIT - height * BOX * UNIT / longest) / 2;
    for (const stroke *s = first; s < first + d->strokes; s++) {
        point from = {0, 0};
        for (size_t i = 0; i < s->points; i++) {
            const point p = points[s->first_point + i];
            const point to = {left + (p.x - low.x) * BOX * UNIT / longest, top + (high.y - p.y) * BOX * UNIT / longest};
            if (i > 0 && !draw_segment(from, to, sample, drawn)) return 0;
            if (s->points == 1 && !draw_segment(to, to, sample, drawn)) return 0;
            from = to;
        }
    }
    return 1;
}

/* =================================================================================================== Recognizing */

/** Apply the network to drawn rows and store its result, [samples, CLASSES]. The rows are borrowed, not copied. */
static scn_status apply(scn_module *network, const rows *drawn, int64_t samples, scn_tensor **logits) {
    const int64_t count = (int64_t)drawn->coordinates.count, shape[] = {count, 3};
    scn_tensor *features = NULL, *points = NULL;
    *logits = NULL;
    scn_status status = scn_tensor_borrow(shape, 2, (float *)drawn->features.items, NULL, NULL, &features);
    if (status == SCN_OK)
        status = scn_points_create((const int64_t *)drawn->coordinates.items, count, 3, features, samples, &points);
    if (status == SCN_OK) status = scn_module_forward(network, points, logits);
    if (status != SCN_OK) fprintf(stderr, "%s: %s\n", scn_status_name(status), scn_last_error());
    scn_tensor_release(features), scn_tensor_release(points);
    return status;
}

/** Return how many of the samples have the largest logit at their label; -1 for a result of another shape. */
static int64_t count_correct(scn_tensor *logits, const digit *first, int64_t samples) {
    int64_t shape[2] = {0, 0}, correct = 0;
    int32_t rank = 0;
    float *values = NULL;
    if (scn_tensor_rank(logits, &rank) != SCN_OK || rank != 2 || scn_tensor_shape(logits, shape, 2) != SCN_OK ||
        shape[0] != samples || shape[1] != CLASSES || scn_tensor_data(logits, &values) != SCN_OK) {
        fputs("the checkpoint's network does not give 10 numbers for each digit\n", stderr);
        return -1;
    }
    for (int64_t sample = 0; sample < samples; sample++) {
        const float *row = values + sample * CLASSES;
        int64_t guess = 0;
        for (int64_t one = 1; one < CLASSES; one++)
            if (row[one] > row[guess]) guess = one;
        correct += guess == first[sample].label;
    }
    return correct;
}

/** Return how many digits the network reads right, -1 after an error. */
static int64_t read_all(scn_module *network, const digits *all) {
    const digit *list = (const digit *)all->digits.items;
    const int64_t count = (int64_t)all->digits.count;
    rows drawn = {{NULL, 0, 0}, {NULL, 0, 0}};
    int64_t correct = 0;
    for (int64_t start = 0; start < count && correct >= 0; start += BATCH) {
        const int64_t samples = smaller(BATCH, count - start);
        scn_tensor *logits = NULL;
        int64_t more = -1;
        drawn.coordinates.count = drawn.features.count = 0;
        int drew = 1;
        for (int64_t i = 0; i < samples && drew; i++) drew = draw_digit(all, &list[start + i], i, &drawn);
        if (drew && apply(network, &drawn, samples, &logits) == SCN_OK)
            more = count_correct(logits, &list[start], samples);
        correct = more < 0 ? -1 : correct + more;
        scn_tensor_release(logits);
    }
    free(drawn.coordinates.items), free(drawn.features.items);
    return correct;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: %s CHECKPOINT.safetensors TEST.unipen\n", argv[0]);
        return 2;
    }
    digits all = {{NULL, 0, 0}, {NULL, 0, 0}, {NULL, 0, 0}};
    scn_module *network = NULL;
    int64_t correct = -1;
    if (read_digits(argv[2], &all)) {
        if (scn_checkpoint_open(argv[1], &network) == SCN_OK && scn_set_gradient_recording(0) == SCN_OK)
            correct = read_all(network, &all);
        else fprintf(stderr, "%s\n", scn_last_error());
    }
    if (correct >= 0) printf("C: %d of %d\n", (int)correct, (int)all.digits.count);
    scn_module_release(network);
    free(all.points.items), free(all.strokes.items), free(all.digits.items);
    return correct < 0;
}

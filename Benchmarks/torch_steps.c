// The module level's side of Benchmarks/torch_step.py: the larger U-Net's training step, one for each request.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

static void write_file(const char *folder, const char *name, const void *data, int64_t bytes) {
    char path[4096];
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path) fail("%s is too long", folder);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(data, 1, (size_t)bytes, file) != (size_t)bytes || fclose(file)) fail("cannot write %s", path);
}

/// Write what the other side needs for the same steps: the net, its input, labels.
static void write_subject(const char *folder, const unet *subject) {
    const points *cloud = subject->cloud;
    char path[4096];
    if (snprintf(path, sizeof path, "%s/net.safetensors", folder) >= (int)sizeof path) fail("%s is too long", folder);
    check(scn_checkpoint_save(path, subject->net, NULL));
    write_file(folder, "coordinates.int64", cloud->coordinates,
               cloud->rows * (DIMENSION + 1) * (int64_t)sizeof(int64_t));
    write_file(folder, "features.float32", subject->features, cloud->rows * UNET_INPUT_PLANES * (int64_t)sizeof(float));
    write_file(folder, "labels.int64", subject->labels, cloud->rows * (int64_t)sizeof(int64_t));
}

void answer_steps(void) {
    points cloud = load_points();
    unet subject = prepare_unet(&cloud);
    int threads;
    build_unet(&subject, &unet_plans[LARGER_UNET]);
    write_subject(setting.steps_folder, &subject);
    puts("ready");
    fflush(stdout);
    while (scanf("%d", &threads) == 1) {
        check(scn_set_thread_count(threads));
        double begin = time_of(threads);
        train_unet(&subject);
        printf("%.9f %.9g\n", time_of(threads) - begin, subject.loss);
        fflush(stdout);
    }
    free_unet(&subject);
    free_points(&cloud);
}

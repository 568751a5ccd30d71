// Load a network and say of each point of a scene what it belongs to.
//
//     segment_scene net.safetensors scene.ply voxel_size labeled.ply
//
// The network takes voxels with 3 planes, the mean color, and gives a score for each class. labeled.ply has the scene's
// points in the colors of their classes, and the classes in the property `label`. Where scene.ply has that property
// too, the share of points on which they agree is printed.
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "voxels.hpp"

namespace {

/// The class of the largest score of each row. scores: [rows, classes].
std::vector<std::int64_t> best_classes(const scn::Tensor &scores) {
    const std::int64_t classes = scores.shape().at(1);
    const scn::Span<float> values = scores.values();
    std::vector<std::int64_t> best;
    for (const float *row = values.begin(); row < values.end(); row += classes)
        best.push_back(std::max_element(row, row + classes) - row);
    return best;
}

void segment(const char *network_path, const char *scene_path, double voxel_size, const char *result_path) {
    const scn::Module network = scn::checkpoint_open(network_path).optimize_for_inference();
    Scene scene = ply::read(scene_path);
    const scn::Tensor voxels = voxels_of(scene, voxel_size);
    const scn::NoGradientRecording recording_is_off;
    const std::vector<std::int64_t> classes = best_classes(network(voxels));
    const std::vector<std::int64_t> sites = voxels.geometry().row_sites();
    if (scene.left_out > 0)
        std::printf("%d points have no position and are left out\n", static_cast<int>(scene.left_out));
    std::printf("%d points in %d voxels\n", static_cast<int>(scene.size()), static_cast<int>(classes.size()));

    static const float palette[][3] = {{0.6F, 0.6F, 0.6F}, {0.9F, 0.3F, 0.2F}, {0.2F, 0.5F, 0.9F}, {0.3F, 0.7F, 0.3F},
                                       {0.9F, 0.7F, 0.2F}, {0.6F, 0.3F, 0.7F}, {0.2F, 0.7F, 0.7F}, {0.5F, 0.3F, 0.2F}};
    Scene result = scene;
    result.labels.assign(sites.size(), 0);
    std::size_t agreeing = 0;
    for (std::size_t point = 0; point < sites.size(); point++) {
        const std::int64_t label = classes[static_cast<std::size_t>(sites[point])];
        result.labels[point] = label;
        std::copy_n(palette[label % 8], 3, result.colors.begin() + static_cast<std::ptrdiff_t>(3 * point));
        if (!scene.labels.empty()) agreeing += scene.labels[point] == label;
    }
    ply::write(result_path, result);
    if (!scene.labels.empty())
        std::printf("accuracy: %.3f\n", static_cast<double>(agreeing) / static_cast<double>(sites.size()));
}

}  // namespace

int main(int count, char **arguments) {
    const double voxel_size = count == 5 ? std::atof(arguments[3]) : 0;
    if (count != 5)
        return std::fprintf(stderr, "usage: %s net.safetensors scene.ply voxel_size labeled.ply\n", arguments[0]), 2;
    try {
        segment(arguments[1], arguments[2], voxel_size, arguments[4]);
    } catch (const std::exception &error) {
        return std::fprintf(stderr, "%s\n", error.what()), 1;
    }
    return 0;
}

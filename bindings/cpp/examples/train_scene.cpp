// Train a small U-Net to tell floor, ball and box apart by their shape, since their colors are noise.
//
//     train_scene net.safetensors scene.ply     writes the network, and a scene that it has not seen, for segment_scene
#include <cmath>
#include <cstdio>
#include <random>

#include "voxels.hpp"

namespace {

constexpr double voxel_size = 0.125;
constexpr int classes = 3, points_of_each = 1200, steps = 400;

class Artist {
  public:
    explicit Artist(unsigned seed) : bits(seed) {}

    /// A floor with a ball and a box somewhere on it, in a space of 4 x 4 x 2.
    Scene draw() {
        Scene scene;
        const float ball[] = {between(0.8F, 3.2F), between(0.8F, 3.2F), between(0.7F, 1.2F)},
                    radius = between(0.5F, 0.7F);
        const float box[] = {between(0.2F, 2.8F), between(0.2F, 2.8F)}, edge = between(0.7F, 1.1F);
        for (int i = 0; i < points_of_each; i++) {
            add(scene, between(0, 4), between(0, 4), between(0, 0.03F), 0);
            const float height = between(-1, 1), angle = between(0, 6.2831853F), ring = std::sqrt(1 - height * height);
            add(scene, ball[0] + radius * ring * std::cos(angle), ball[1] + radius * ring * std::sin(angle),
                ball[2] + radius * height, 1);
            float corner[] = {between(0, edge), between(0, edge), between(0, edge)};
            const float side = between(0, 5);  // four walls and a lid
            corner[side < 2 ? 0 : side < 4 ? 1 : 2] = side < 4 && static_cast<int>(side) % 2 == 0 ? 0 : edge;
            add(scene, box[0] + corner[0], box[1] + corner[1], corner[2], 2);
        }
        return scene;
    }

  private:
    std::mt19937 bits;

    float between(float low, float high) {
        return low + (high - low) * static_cast<float>(bits() >> 8) / static_cast<float>(1 << 24);
    }
    void add(Scene &scene, float x, float y, float z, std::int64_t label) {
        for (float position : {x, y, z}) scene.positions.push_back(static_cast<double>(position));
        for (int i = 0; i < 3; i++) scene.colors.push_back(between(0.4F, 0.6F));
        scene.labels.push_back(label);
    }
};

/// The label of each voxel: that of one of its points.
std::vector<std::int64_t> voxel_labels(const Scene &scene, const scn::Geometry &geometry) {
    std::vector<std::int64_t> labels(static_cast<std::size_t>(geometry.site_count()));
    const std::vector<std::int64_t> sites = geometry.row_sites();
    for (std::size_t point = 0; point < sites.size(); point++)
        labels[static_cast<std::size_t>(sites[point])] = scene.labels[point];
    return labels;
}

void train(const char *network_path, const char *scene_path) {
    scn::manual_seed(1);
    const scn::Module network = scn::sequential({
        scn::submanifold_convolution(3, 3, 8, 3),
        scn::unet(3, 1, {8, 16, 24}),
        scn::batch_norm_relu(8),
        scn::linear(8, classes),
    });
    scn::AdamOptions options;
    options.learning_rate = 0.01;
    const scn::Optimizer adam = scn::adam(network.parameters(), options);
    Artist artist(1);
    for (int step = 0; step < steps; step++) {
        Scene scene = artist.draw();
        const scn::Tensor voxels = voxels_of(scene, voxel_size);
        adam.set_learning_rate(scn::cosine_rate(options.learning_rate, 0, steps, 5, step));
        adam.zero_gradients();
        const scn::Tensor loss = scn::cross_entropy(network(voxels), voxel_labels(scene, voxels.geometry()));
        loss.backward();
        adam.step();
        if (step % 100 == 0 || step == steps - 1)
            std::printf("step %d: loss %.3f\n", step, static_cast<double>(loss.item()));
    }
    scn::checkpoint_save(network_path, network);
    ply::write(scene_path, artist.draw());
}

}  // namespace

int main(int count, char **arguments) {
    if (count != 3) return std::fprintf(stderr, "usage: %s net.safetensors scene.ply\n", arguments[0]), 2;
    try {
        train(arguments[1], arguments[2]);
    } catch (const std::exception &error) {
        return std::fprintf(stderr, "%s\n", error.what()), 1;
    }
    return 0;
}
